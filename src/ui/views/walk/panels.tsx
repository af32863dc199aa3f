import { useMemo, type ReactNode } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import type { ChartGeometry, ChartSize } from '../../../charts/common/geometry.ts';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { layoutTokenLength } from '../../../charts/tokenLength/layout.ts';
import { layoutTrainingCurve } from '../../../charts/trainingCurve/layout.ts';
import type { LectureFindings, LectureStepId } from '../../../state/lectureSlice.ts';
import { useApp } from '../../../state/useApp.ts';
import { ForestChart } from '../evaluate/Scores.tsx';
import { ExpertMapChart } from '../mechanism/ExpertCharts.tsx';
import { TriptychChart } from '../mechanism/HeadCharts.tsx';
import { useSetOrigin, useTokenizerName } from '../qa/SetCharts.tsx';
import { Replication } from '../compare/Replication.tsx';
import { formatCount, plural } from '../../widgets/format.ts';

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;

function Facts({ children }: { children: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="walk-facts num">
      {children.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Trajectories({ count, kinds, right, question, turns }: LectureFindings['trajectories']) {
  return (
    <>
      <Facts>
        {[
          ['trajectories', formatCount(count)],
          ...kinds.map(([kind, of]) => [kind, formatCount(of)] as const),
          ['with a right answer', formatCount(right)],
        ]}
      </Facts>
      <h2>One of them: {question}</h2>
      <ol className="walk-turns">
        {turns.slice(0, 12).map((turn, index) => (
          <li key={index} data-role={turn.role}>
            <span className="walk-role">{turn.role}</span>
            <span className="walk-text">{turn.text}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

const lengthBins = 24;

/** Contexts by their tokens, a row a kind. */
function ContextLengths({ set, lengths }: LectureFindings['compile']) {
  const origin = useSetOrigin(set);
  const tokenizer = useTokenizerName(set.request.tokenizerId);
  const kinds = useMemo(() => [...new Set(lengths.map(([kind]) => kind))], [lengths]);
  const { ref, size } = useChartSize(5 + 3.3 * kinds.length);
  const geometry = useMemo(() => {
    if (!size || lengths.length === 0) return null;
    const longest = Math.max(...lengths.map(([, tokens]) => tokens));
    const width = Math.max(1, Math.ceil(longest / lengthBins / 10) * 10);
    const edges = Array.from({ length: Math.floor(longest / width) + 2 }, (_, bin) => bin * width);
    const series = kinds.map((kind) => {
      const counts = edges.slice(1).map(() => 0);
      for (const [of, tokens] of lengths) if (of === kind) counts[Math.floor(tokens / width)]! += 1;
      return { kind, counts };
    });
    const { budget } = set.request.options;
    const spec = { budget, tokenizer, what: 'examples' };
    return layoutTokenLength(spec, { edges, scale: 'linear', series }, size);
  }, [set, lengths, kinds, tokenizer, size]);
  return <div ref={ref}>{geometry ? <Chart geometry={geometry} footer={origin} level={2} /> : null}</div>;
}

function Compiled({ set, lengths }: LectureFindings['compile']) {
  return (
    <>
      <CompiledFacts set={set} />
      <ContextLengths set={set} lengths={lengths} />
    </>
  );
}

function CompiledFacts({ set }: Pick<LectureFindings['compile'], 'set'>) {
  return (
    <Facts>
      {[
        ['trajectories', formatCount(set.trajectoryCount)],
        ['examples', formatCount(set.exampleCount)],
        ['rejected', formatCount(set.rejectionCount)],
        ['sha256', <code key="sha">{set.sha256?.slice(0, 12) ?? '–'}</code>],
      ]}
    </Facts>
  );
}

function ExamplePieces({ example }: LectureFindings['example']) {
  const text = example.messages[0]?.content ?? '';
  return (
    <>
      <h2>{example.question}</h2>
      <ol className="walk-turns">
        {example.evidence.map((piece) => (
          <li key={piece.id} data-role={piece.role}>
            <span className="walk-role">
              {piece.role}, turn {piece.source.turn}
            </span>
            <span className="walk-text">{text.slice(piece.start, piece.end)}</span>
          </li>
        ))}
      </ol>
      <Facts>
        {[
          ['tokens of context', formatCount(example.tokens.prompt)],
          ['tokens learnt', formatCount(example.tokens.completion)],
          ['answer', example.answer],
        ]}
      </Facts>
    </>
  );
}

/** A reply beside the right answer; the base model's beside the adapter's where there are two. */
function Replies({
  example,
  replies,
}: {
  example: LectureFindings['example'] | null;
  replies: readonly (readonly [string, LectureFindings['ask']])[];
}) {
  // prettier-ignore
  const last = replies.at(-1)?.[1];
  return (
    <>
      <h2>{example?.example.question}</h2>
      <dl className="walk-replies">
        {replies.map(([name, report]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="walk-text" data-testid={`reply-${name}`}>
              {report.text.trim() === '' ? '(nothing)' : report.text}
            </dd>
          </div>
        ))}
        <div>
          <dt>right</dt>
          <dd className="walk-text">{example?.example.messages.at(-1)?.content}</dd>
        </div>
      </dl>
      {last ? (
        <Facts>
          {[
            ['prompt tokens', formatCount(last.promptTokens)],
            ['read at', `${formatCount(Math.round(last.promptTokensPerSecond))} tokens/s`],
            ['written at', `${formatCount(Math.round(last.tokensPerSecond))} tokens/s`],
          ]}
        </Facts>
      ) : null}
    </>
  );
}

/** The loss as it falls, also while the step runs. */
export function LossCurve({ losses }: { losses: readonly number[] }) {
  const { ref, size } = useChartSize(15);
  const geometry = useMemo(() => {
    if (!size || losses.length === 0) return null;
    return lossGeometry(losses, size);
  }, [losses, size]);
  return <div ref={ref}>{geometry ? <Chart geometry={geometry} footer="this run" level={2} /> : null}</div>;
}

export function lossGeometry(losses: readonly number[], size: ChartSize): ChartGeometry {
  const two = (value: number): string => value.toFixed(2);
  const spec = {
    name: 'walk-loss',
    title: `Loss from ${two(losses[0] ?? 0)} to ${two(losses.at(-1) ?? 0)} in ${plural(losses.length, 'step')}`,
    subtitle: 'before each update, on compiled examples',
    xLabel: 'step',
    yLabel: 'loss',
    logY: false,
    fromZero: true,
    valueText: two,
    markers: [],
  };
  const points = losses.map((y, index) => ({ x: index + 1, y }));
  return layoutTrainingCurve(spec, [{ name: 'loss', kind: 'line', points }], size);
}

function Trained({ run, losses }: LectureFindings['train']) {
  const { ledger, config } = run.record;
  return (
    <>
      <LossCurve losses={losses} />
      <Facts>
        {[
          ['steps', formatCount(ledger.steps)],
          ['tokens read', formatCount(ledger.processedTokens)],
          ['tokens learnt', formatCount(ledger.supervisedTokens)],
          ['rank', config.rank],
        ]}
      </Facts>
    </>
  );
}

function Evaluated({ comparison, result, before, after }: LectureFindings['evaluate']) {
  const { overall } = comparison;
  return (
    <>
      <Facts>
        {[
          ['items', formatCount(overall.items)],
          ['base', before.toFixed(3)],
          ['with the adapter', after.toFixed(3)],
          ['difference', signed(overall.mean)],
          ['95 % interval', `${signed(overall.interval[0])} … ${signed(overall.interval[1])}`],
        ]}
      </Facts>
      <ForestChart comparison={comparison} result={result} level={2} />
    </>
  );
}

function Changes({ items, heads, experts, frame }: LectureFindings['mechanism']) {
  return (
    <>
      <TriptychChart frame={frame} level={2} />
      {frame.routing ? <ExpertMapChart frame={frame} routing={frame.routing} level={2} /> : null}
      <p className="muted">
        {plural(items, 'example')}; the five largest changes of each, without a test of significance.
      </p>
      <div className="walk-columns">
        <table className="compare-table num" data-testid="changed-heads">
          <caption>Attention distance in tokens</caption>
          <thead>
            <tr>
              <th scope="col">head</th>
              <th scope="col">base</th>
              <th scope="col">adapter</th>
            </tr>
          </thead>
          <tbody>
            {heads.map(({ layer, head, before, after }) => (
              <tr key={`${layer}.${head}`}>
                <th scope="row">
                  layer {layer}, head {head}
                </th>
                <td>{before.toFixed(1)}</td>
                <td>{after.toFixed(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <table className="compare-table num" data-testid="changed-experts">
          <caption>Share of tokens sent to an expert</caption>
          <thead>
            <tr>
              <th scope="col">expert</th>
              <th scope="col">base</th>
              <th scope="col">adapter</th>
            </tr>
          </thead>
          <tbody>
            {experts.map(({ layer, expert, before, after }) => (
              <tr key={`${layer}.${expert}`}>
                <th scope="row">
                  layer {layer}, expert {expert}
                </th>
                <td>{(100 * before).toFixed(1)} %</td>
                <td>{(100 * after).toFixed(1)} %</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Findings() {
  const outcome = useApp((state) => state.lecture.outcomes.findings);
  if (outcome.status !== 'ready') return null;
  if (!outcome.value)
    return (
      <p className="muted">
        No recorded replication lies beside this page: without a graphics card it takes most of a day.{' '}
        <code>npm run -s acc -- replicate --seeds 3</code> makes one. Trials on other questions found no
        effect of ACC on a model as small as this one; their numbers and the reasons stand in the repository,
        in <code>docs/replication.md</code>.
      </p>
    );
  return <Replication result={outcome.value} level={2} />;
}

/** What a step found. */
export function StepPanel({ id }: { id: LectureStepId }) {
  const outcomes = useApp((state) => state.lecture.outcomes);
  const outcome = outcomes[id];
  if (outcome.status !== 'ready') return null;
  const example = outcomes.example.status === 'ready' ? outcomes.example.value : null;
  const base = outcomes.ask.status === 'ready' ? outcomes.ask.value : null;
  const tuned = outcomes.tuned.status === 'ready' ? outcomes.tuned.value : null;
  switch (id) {
    case 'trajectories':
      return <Trajectories {...(outcome.value as LectureFindings['trajectories'])} />;
    case 'compile':
      return <Compiled {...(outcome.value as LectureFindings['compile'])} />;
    case 'example':
      return <ExamplePieces {...(outcome.value as LectureFindings['example'])} />;
    case 'ask':
      return <Replies example={example} replies={base ? [['base', base]] : []} />;
    case 'train':
      return <Trained {...(outcome.value as LectureFindings['train'])} />;
    case 'tuned':
      return (
        <Replies
          example={example}
          replies={[
            ...(base ? [['base', base] as const] : []),
            ...(tuned ? [['adapter', tuned] as const] : []),
          ]}
        />
      );
    case 'evaluate':
      return <Evaluated {...(outcome.value as LectureFindings['evaluate'])} />;
    case 'mechanism':
      return <Changes {...(outcome.value as LectureFindings['mechanism'])} />;
    case 'findings':
      return <Findings />;
  }
}
