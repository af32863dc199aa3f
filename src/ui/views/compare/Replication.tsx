import { useMemo } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import { conditionPaint } from '../../../charts/common/comparison.ts';
import type { PaintName } from '../../../charts/common/geometry.ts';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import {
  layoutScoreByLength,
  type LengthSeries,
  type ScoreByLengthSpec,
} from '../../../charts/scoreByLength/layout.ts';
import { percent } from '../../../core/points.ts';
import type { ReplicationBenchmark, ReplicationResult } from '../../../evaluate/replication.ts';
import { plural } from '../../widgets/format.ts';
import { benchmarkNames, differenceRows, range, verdictsOf } from './replicationVerdict.ts';
import './compare.css';

export const replicationBenchmarks: readonly { id: ReplicationBenchmark; label: string; score: string }[] = [
  { id: 'mrcr', label: benchmarkNames.mrcr, score: 'mean match ratio' },
  { id: 'graphwalks', label: benchmarkNames.graphwalks, score: 'mean F1' },
  { id: 'short-tasks', label: benchmarkNames['short-tasks'], score: 'exact replies' },
];
/** The line chart tells four lines apart, in the colours of their conditions; the table has all. */
const drawn: Readonly<Record<string, PaintName>> = {
  base: conditionPaint.baseline,
  acc: conditionPaint.comparison,
  'sft-processed': conditionPaint.control,
  'sft-supervised': 'accent',
};

export function replicationOrigin({ command, model, device, seeds, isComplete }: ReplicationResult): string {
  return `recorded: ${command} · ${model.name} ${model.sha256.slice(0, 8)} · ${plural(seeds.length, 'seed')} · ${device}${isComplete ? '' : ' · not complete'}`;
}

export function seriesOf(result: ReplicationResult, benchmark: ReplicationBenchmark): LengthSeries[] {
  const lengths = [...new Set(result.sets.flatMap(({ tokens }) => (tokens === null ? [] : [tokens])))].sort(
    (a, b) => a - b,
  );
  return result.arms
    .filter(({ id }) => drawn[id] !== undefined)
    .map(({ id, label }) => ({
      name: label,
      paint: drawn[id]!,
      scores: result.cells.flatMap((cell) => {
        if (cell.arm !== id || cell.benchmark !== benchmark || cell.tokens === null) return [];
        const before = lengths[lengths.indexOf(cell.tokens) - 1];
        return [
          {
            label: `${before === undefined ? 0 : before + 1}–${cell.tokens}`,
            n: cell.items * result.seeds.length,
            mean: cell.mean,
            interval: cell.interval,
          },
        ];
      }),
    }))
    .filter(({ scores }) => scores.length > 0);
}

export function specOf(
  { arms, model, seeds }: ReplicationResult,
  at: (typeof replicationBenchmarks)[number],
): ScoreByLengthSpec {
  return {
    benchmark: at.label,
    scoreLabel: at.score,
    tokenizer: model.name,
    intervals: seeds.length > 1 ? 'seeds and items' : 'items',
    told: arms.find(({ id }) => id === 'acc')?.label ?? '',
  };
}

function LengthChart({
  result,
  at,
  level,
}: {
  result: ReplicationResult;
  at: (typeof replicationBenchmarks)[number];
  level: 2 | 3;
}) {
  const { ref, size } = useChartSize(17);
  const geometry = useMemo(() => {
    const series = seriesOf(result, at.id);
    if (!size || series.length === 0) return null;
    return layoutScoreByLength(specOf(result, at), series, size);
  }, [result, at, size]);
  return (
    <div ref={ref}>
      {geometry ? <Chart geometry={geometry} footer={replicationOrigin(result)} level={level} /> : null}
    </div>
  );
}

/** Means of the arms by benchmark, then what the differences are. */
function ReplicationTables({ result }: { result: ReplicationResult }) {
  const shown = replicationBenchmarks.filter(({ id }) =>
    result.cells.some(({ benchmark }) => benchmark === id),
  );
  const rows = differenceRows(
    result.differences,
    shown.map(({ id }) => id),
  );
  const labelOf = (id: string): string => result.arms.find((arm) => arm.id === id)?.label ?? id;
  return (
    // Scrolls by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="compare-scroll" role="region" aria-label="Replication" tabIndex={0}>
      <table className="compare-table num" data-testid="replication-means">
        <caption>Means in percent over all lengths, with 95 % intervals over seeds and items</caption>
        <thead>
          <tr>
            <th scope="col">arm</th>
            {shown.map(({ id, label, score }) => (
              <th scope="col" key={id}>
                {label}, {score}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {result.arms.map(({ id, label }) => (
            <tr key={id}>
              <th scope="row">{label}</th>
              {shown.map((benchmark) => {
                const cell = result.cells.find(
                  (each) => each.arm === id && each.benchmark === benchmark.id && each.tokens === null,
                );
                return (
                  <td key={benchmark.id}>
                    {cell ? `${percent(cell.mean)} (${range(cell.interval, percent)})` : '–'}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <table className="compare-table num" data-testid="replication-differences">
        <caption>
          Differences in points on the same items, with 95 % intervals of the paired bootstrap
        </caption>
        <thead>
          <tr>
            <th scope="col">difference</th>
            {shown.map(({ id, label }) => (
              <th scope="col" key={id}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ after, before, cells }) => (
            <tr key={`${after} ${before}`}>
              <th scope="row">
                {labelOf(after)} − {labelOf(before)}
              </th>
              {shown.map(({ id }, column) => (
                <td key={id}>{cells[column]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How many items each benchmark asks, at which lengths. */
function askedItems(sets: ReplicationResult['sets']): string {
  return replicationBenchmarks
    .flatMap(({ id, label }) => {
      const own = sets.filter(({ benchmark }) => benchmark === id);
      const counts = [...new Set(own.map(({ items }) => items))].join(' or ');
      const lengths = own.flatMap(({ tokens }) => tokens ?? []);
      if (own.length === 0) return [];
      return `${counts} items of ${label}${lengths.length > 0 ? ` at each of ${lengths.join(', ')} tokens` : ''}`;
    })
    .join('; ');
}

/** The recorded replication: what it is, charts by length, tables. */
export function Replication({ result, level = 3 }: { result: ReplicationResult; level?: 2 | 3 }) {
  return (
    <>
      <ul className="compare-verdicts">
        {verdictsOf(result.differences).map((verdict) => (
          <li key={verdict}>{verdict}</li>
        ))}
      </ul>
      <p className="muted">
        Recorded with <code className="mono">{result.command}</code> on {result.device},{' '}
        {plural(result.seeds.length, 'seed')}
        {result.isComplete ? '' : ', not complete'}; {askedItems(result.sets)}.
      </p>
      <div className="compare-board compare-board-whole">
        {replicationBenchmarks
          .filter(({ id }) => id !== 'short-tasks')
          .map((at) => (
            <LengthChart key={at.id} result={result} at={at} level={level} />
          ))}
      </div>
      <ReplicationTables result={result} />
    </>
  );
}
