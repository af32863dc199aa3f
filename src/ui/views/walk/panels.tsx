import { useMemo, type ReactNode } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import type { ChartGeometry, ChartSize } from '../../../charts/common/geometry.ts';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { layoutTrainingCurve } from '../../../charts/trainingCurve/layout.ts';
import type { LectureFindings, LectureStepId } from '../../../state/lectureSlice.ts';
import { useApp } from '../../../state/useApp.ts';
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

function Compiled({ set }: LectureFindings['compile']) {
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

function Evaluated({ comparison, before, after }: LectureFindings['evaluate']) {
  const { overall } = comparison;
  return (
    <Facts>
      {[
        ['items', formatCount(overall.items)],
        ['base', before.toFixed(3)],
        ['with the adapter', after.toFixed(3)],
        ['difference', signed(overall.mean)],
        ['95 % interval', `${signed(overall.interval[0])} … ${signed(overall.interval[1])}`],
      ]}
    </Facts>
  );
}

function Changes({ items, heads, experts }: LectureFindings['mechanism']) {
  return (
    <>
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
        No recorded replication lies beside this page. <code>npm run -s acc -- replicate --seeds 3</code>{' '}
        makes one.
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
