import type { ModelTurn } from '../../../state/modelSlice.ts';
import { useApp } from '../../../state/useApp.ts';
import type { GenerationReport } from '../../../workers/engineApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatBytes, formatCount, formatShare, plural } from '../../widgets/format.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { Callout } from '../../widgets/States.tsx';
import { compareAnswer, withoutReasoning } from './compareAnswer.ts';
import { ReplyTokens } from './ReplyTokens.tsx';

const endings: Readonly<Record<GenerationReport['stoppedBy'], string>> = {
  'stop-token': 'ended by itself',
  length: 'cut at the longest reply',
  context: 'cut: the context is full',
  reader: 'stopped',
};

const rate = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} tokens/s`;

function Measures({ report }: { report: GenerationReport }) {
  const { counters, memory } = report;
  const made = Math.max(1, report.ids.length);
  const reused = report.reusedTokens > 0 ? `, ${formatCount(report.reusedTokens)} of them kept` : '';
  return (
    <dl className="mv-measures num" data-testid="measures">
      <div>
        <dt>Prompt</dt>
        <dd>
          {formatCount(report.promptTokens)} tokens{reused}, {rate(report.promptTokensPerSecond)}
        </dd>
      </div>
      <div>
        <dt>Reply</dt>
        <dd>
          {plural(report.ids.length, 'token')}, {rate(report.tokensPerSecond)}, {endings[report.stoppedBy]}
        </dd>
      </div>
      <div>
        <dt>In context</dt>
        <dd>{formatCount(report.contextTokens)} tokens</dd>
      </div>
      <div>
        <dt>Memory</dt>
        <dd>
          {formatBytes(memory.allocatedBytes)}, peak {formatBytes(memory.peakBytes)}
        </dd>
      </div>
      {counters ? (
        <div>
          <dt>Per token</dt>
          <dd>
            {(counters.dispatches / made).toFixed(0)} dispatches, {(counters.submits / made).toFixed(1)}{' '}
            submits, {(counters.readbacks / made).toFixed(1)} readbacks
          </dd>
        </div>
      ) : null}
    </dl>
  );
}

function Comparison({ reply, gold }: { reply: string; gold: string }) {
  const { verdict, wordF1 } = compareAnswer(reply, gold);
  const words = {
    equal: 'The reply equals the gold answer',
    contains: 'The reply contains the gold answer',
    differs: 'The reply differs from the gold answer',
  }[verdict];
  return (
    <div className="mv-compare" data-verdict={verdict}>
      <p>
        <Icon name={verdict === 'differs' ? 'close' : 'check'} /> <strong>{words}</strong>{' '}
        <span className="faint num">word overlap (F1) {formatShare(wordF1)}</span>
      </p>
      <div className="mv-compare-texts">
        <section>
          <h4>Reply</h4>
          <div className="mv-text">{withoutReasoning(reply) || 'No answer yet: only reasoning.'}</div>
        </section>
        <section>
          <h4>Gold answer</h4>
          <div className="mv-text">{gold}</div>
        </section>
      </div>
    </div>
  );
}

function Failure({ turn }: { turn: ModelTurn }) {
  const setOptions = useApp((state) => state.model.setOptions);
  const { failure } = turn;
  if (!failure) return null;
  const { suggestion } = failure;
  return (
    <Callout
      tone="bad"
      title={failure.code === 'gpu-out-of-memory' ? 'The GPU has not enough memory' : 'No reply'}
    >
      {failure.message}
      {suggestion ? (
        <p>
          {suggestion.weightType} weights with {formatCount(suggestion.contextLength)} tokens should fit.{' '}
          <Button onClick={() => void setOptions(suggestion)}>Use these and load again</Button>
        </p>
      ) : null}
    </Callout>
  );
}

/** One exchange: what was asked, the reply, what it cost, and how it compares. */
export function Turn({ turn, running }: { turn: ModelTurn; running: boolean }) {
  const { report, example } = turn;
  return (
    <article className="mv-turn" data-state={running ? 'running' : report ? 'done' : 'failed'}>
      <h3 className="mv-asked">{example ? `Example ${example.id}` : 'You'}</h3>
      <div className="mv-text mv-asked-text">{turn.asked}</div>
      {turn.tokens.length > 0 ? <ReplyTokens tokens={turn.tokens} busy={running} /> : null}
      <Failure turn={turn} />
      {report ? <Measures report={report} /> : null}
      {report && example ? <Comparison reply={report.text} gold={example.gold} /> : null}
    </article>
  );
}
