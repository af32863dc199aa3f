import { useMemo } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { forestHeightEm, layoutForest, type ForestRow } from '../../../charts/forest/layout.ts';
import { layoutScoreByLength, type LengthSeries } from '../../../charts/scoreByLength/layout.ts';
import { shownInterval } from '../../../core/distributions.ts';
import type { Comparison } from '../../../evaluate/comparison.ts';
import type { EvaluationResult } from '../../../evaluate/runEvaluation.ts';
import type { GroupScore, RepeatedScore } from '../../../evaluate/scoreTable.ts';

const three = (value: number): string => value.toFixed(3);

/** The interval to draw: over seeds where there are several, else over items. */
function intervalOf(group: GroupScore, overSeeds: boolean): readonly [number, number] | null {
  return (overSeeds ? group.overSeeds?.interval : group.overItems.interval) ?? null;
}

function originOf(result: EvaluationResult): string {
  return `run ${result.identityHash.slice(0, 8)} · ${result.data.name} ${result.data.sha256.slice(0, 8)} · ${result.seeds.length} ${result.seeds.length === 1 ? 'seed' : 'seeds'} · mode ${result.mode}`;
}

/** Score against length, one line a run. */
export function LengthChart({ results }: { readonly results: readonly EvaluationResult[] }) {
  const { ref, size } = useChartSize(17);
  const overSeeds = results.every(({ seeds }) => seeds.length > 1);
  const last = results.at(-1);
  const geometry = useMemo(() => {
    if (!last || !size) return null;
    const series = results.map((result): LengthSeries => ({
      name: result.subject,
      scores: (result.scores.slices.find(({ dimension }) => dimension === 'length')?.groups ?? []).map(
        (group) => ({
          label: group.label,
          n: group.items,
          mean: group.mean,
          interval: intervalOf(group, overSeeds),
        }),
      ),
    }));
    const spec = {
      benchmark: last.benchmark,
      scoreLabel: last.scoreLabel,
      tokenizer: last.lengthTokenizer ?? '',
      intervals: overSeeds ? ('seeds' as const) : ('items' as const),
    };
    return layoutScoreByLength(spec, series, size);
  }, [results, last, size, overSeeds]);
  return (
    <div ref={ref}>{geometry && last ? <Chart geometry={geometry} footer={originOf(last)} /> : null}</div>
  );
}

/** Slices that the chart holds: those of MRCR in full, its needles, depths, lengths, and needles × length. */
const drawnSlices = 40;

const noInterval = { interval: null, p: null };

/** How items were drawn, beside where the numbers come from. */
function footerOf({ strata, slices }: Comparison, result: EvaluationResult): string {
  const within = strata.length > 0 ? ` · items drawn within bins of ${strata.join(' and ')}` : '';
  const more = slices.length - drawnSlices;
  return `${originOf(result)}${within}${more > 0 ? ` · ${more} further slices are in the table of scores` : ''}`;
}

/** Paired differences with their intervals. */
export function ForestChart({
  comparison,
  result,
  level = 3,
}: {
  readonly comparison: Comparison;
  readonly result: EvaluationResult;
  /** Heading level where the chart stands. */
  readonly level?: 2 | 3;
}) {
  const rows = useMemo(
    (): ForestRow[] => [
      {
        dimension: '',
        label: '',
        n: comparison.items,
        mean: comparison.overall.mean,
        ...(shownInterval(comparison.overall) ?? noInterval),
      },
      ...comparison.slices.slice(0, drawnSlices).map((slice) => ({
        dimension: slice.dimension,
        label: slice.label,
        n: slice.items,
        mean: slice.mean,
        ...(shownInterval(slice) ?? noInterval),
      })),
    ],
    [comparison],
  );
  const { ref, size } = useChartSize(forestHeightEm(rows.length));
  const geometry = useMemo(
    () =>
      size
        ? layoutForest(
            {
              benchmark: comparison.benchmark,
              scoreLabel: result.scoreLabel,
              before: comparison.before,
              after: comparison.after,
              seeds: comparison.seeds.length,
            },
            rows,
            size,
          )
        : null,
    [size, rows, comparison, result],
  );
  return (
    <div ref={ref}>
      {geometry ? <Chart geometry={geometry} footer={footerOf(comparison, result)} level={level} /> : null}
    </div>
  );
}

function ScoreRow({
  name,
  group,
  severalSeeds,
  baseline,
}: {
  name: string;
  group: GroupScore;
  severalSeeds: boolean;
  /** Score of the run compared with; undefined without one, null where it has none here. */
  baseline: number | null | undefined;
}) {
  const { overSeeds, overItems } = group;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="num">{group.items.toLocaleString('en-US')}</td>
      <td className="num">
        {three(group.mean)}
        {/* One seed says nothing of a spread, so none is written. */}
        {overSeeds?.standardDeviation != null ? ` ± ${three(overSeeds.standardDeviation)}` : ''}
      </td>
      {baseline === undefined ? null : <td className="num">{baseline === null ? '–' : three(baseline)}</td>}
      {severalSeeds ? (
        <td className="num">
          {overSeeds?.interval ? `${three(overSeeds.interval[0])} – ${three(overSeeds.interval[1])}` : '–'}
        </td>
      ) : null}
      <td className="num">
        {overItems.interval ? `${three(overItems.interval[0])} – ${three(overItems.interval[1])}` : '–'}
      </td>
    </tr>
  );
}

/** What several samples of an item add; without the votes of a benchmark whose answers are no choice. */
function repeatedRows(repeated: RepeatedScore): readonly (readonly [name: string, value: number])[] {
  const { samples, meanAtK, passAtK, majorityAtK, consistency } = repeated;
  return [
    [`mean@${samples}`, meanAtK],
    ...passAtK.map(({ k, mean }) => [`pass@${k}`, mean] as const),
    ...(majorityAtK === null ? [] : [[`maj@${samples}`, majorityAtK] as const]),
    ...(consistency === null ? [] : [['same answer in all samples', consistency] as const]),
  ];
}

/** Overall and slice scores as a table, with what else was measured. */
export function ScoreTables({
  result,
  against,
}: {
  readonly result: EvaluationResult;
  readonly against: EvaluationResult | null;
}) {
  const { scores } = result;
  const baselineOf = (dimension: string, label: string): number | null | undefined => {
    if (!against) return undefined;
    const groups = against.scores.slices.find((slice) => slice.dimension === dimension)?.groups;
    return groups?.find((group) => group.label === label)?.mean ?? null;
  };
  const severalSeeds = scores.overall.overSeeds !== null;
  return (
    // Scrolls by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="evaluate-tables" role="region" aria-label="Scores" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">slice</th>
            <th scope="col">n</th>
            <th scope="col">
              {result.scoreLabel}
              {severalSeeds ? ' ± sd over seeds' : ''}
            </th>
            {against ? <th scope="col">{against.subject}</th> : null}
            {severalSeeds ? <th scope="col">95 % t, seeds</th> : null}
            <th scope="col">95 % t, items</th>
          </tr>
        </thead>
        <tbody>
          <ScoreRow
            name="all"
            group={scores.overall}
            severalSeeds={severalSeeds}
            baseline={against ? against.scores.overall.mean : undefined}
          />
          {scores.slices.flatMap(({ dimension, groups }) =>
            groups.map((group) => (
              <ScoreRow
                key={`${dimension} ${group.label}`}
                name={`${dimension} ${group.label}`}
                group={group}
                severalSeeds={severalSeeds}
                baseline={baselineOf(dimension, group.label)}
              />
            )),
          )}
        </tbody>
      </table>
      <table>
        <thead>
          <tr>
            <th scope="col">also measured</th>
            <th scope="col">n</th>
            <th scope="col">mean</th>
          </tr>
        </thead>
        <tbody>
          {scores.measures.map(({ name, count, mean }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="num">{count.toLocaleString('en-US')}</td>
              <td className="num">{three(mean)}</td>
            </tr>
          ))}
          {scores.repeated ? (
            <>
              {repeatedRows(scores.repeated).map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="num">{scores.repeated?.items}</td>
                  <td className="num">{three(value)}</td>
                </tr>
              ))}
            </>
          ) : null}
        </tbody>
      </table>
    </div>
  );
}

/** A cell of the matrix of two runs. */
export type MatrixCell = keyof NonNullable<Comparison['matrix']>;

/** The cells in words. */
export const cellWords: Readonly<Record<MatrixCell, string>> = {
  bothRight: 'Right in both runs',
  onlyBefore: 'Right in the baseline only',
  onlyAfter: 'Right in this run only',
  bothWrong: 'Wrong in both runs',
};

/** How many items each of two subjects got right, with McNemar's test; a number leads to its items. */
export function MatrixTable({
  comparison,
  onOpen,
}: {
  readonly comparison: Comparison;
  readonly onOpen: (cell: MatrixCell) => void;
}) {
  const { matrix, mcNemar } = comparison;
  if (!matrix) return null;
  const count = (cell: MatrixCell) => (
    <td className="num">
      {matrix[cell] === 0 ? (
        0
      ) : (
        <button type="button" onClick={() => onOpen(cell)}>
          {matrix[cell].toLocaleString('en-US')}
          <span className="visually-hidden"> {cellWords[cell].toLowerCase()}: show them</span>
        </button>
      )}
    </td>
  );
  return (
    <div className="evaluate-matrix">
      <table>
        <caption>Items right on more than half of the seeds</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">{comparison.after} right</th>
            <th scope="col">wrong</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">{comparison.before} right</th>
            {count('bothRight')}
            {count('onlyBefore')}
          </tr>
          <tr>
            <th scope="row">wrong</th>
            {count('onlyAfter')}
            {count('bothWrong')}
          </tr>
        </tbody>
      </table>
      <p className="w-hint">
        McNemar, exact, two-sided: p = {(mcNemar ?? 1).toPrecision(2)} from{' '}
        {matrix.onlyBefore + matrix.onlyAfter} items on which they differ.
      </p>
    </div>
  );
}
