import { shownInterval } from '../core/distributions.ts';
import type { Comparison } from '../evaluate/comparison.ts';
import type { GroupScore, Scores } from '../evaluate/scoreTable.ts';
import type { Estimate, PairedDifference } from '../evaluate/statistics.ts';
import { printable, table } from './output.ts';

const fixed = (value: number): string => value.toFixed(4);

function range(estimate: Estimate | null): string {
  return estimate?.interval ? `[${fixed(estimate.interval[0])}, ${fixed(estimate.interval[1])}]` : '–';
}

/** "mean ± sd" over seeds; the mean alone for one seed: nothing is known of its spread. */
function withSeeds(group: GroupScore): string {
  const spread = group.overSeeds?.standardDeviation;
  return spread === null || spread === undefined
    ? fixed(group.mean)
    : `${fixed(group.mean)} ± ${fixed(spread)}`;
}

/** Scores as tables: overall and slices, then what else was measured. */
export function scoresText(scores: Scores, scoreLabel: string, lengthTokenizer: string | null): string {
  const severalSeeds = scores.overall.overSeeds !== null;
  const header = ['slice', 'n', scoreLabel + (severalSeeds ? ' ± sd over seeds' : ''), ...(severalSeeds ? ['95 % t interval, seeds'] : []), '95 % t interval, items']; // prettier-ignore
  const row = (name: string, group: GroupScore): string[] => [
    name,
    String(group.items),
    withSeeds(group),
    ...(severalSeeds ? [range(group.overSeeds)] : []),
    range(group.overItems),
  ];
  const rows = [row('all', scores.overall)];
  for (const { dimension, groups } of scores.slices) {
    const name = dimension === 'length' && lengthTokenizer ? `length (${lengthTokenizer} tokens)` : dimension;
    for (const group of groups) rows.push(row(printable(`${name} ${group.label}`), group));
  }
  const parts = [table(header, rows, [1])];
  if (scores.measures.length > 0) {
    const measures = scores.measures.map(({ name, mean, count }) => [name, String(count), fixed(mean)]);
    parts.push(table(['also measured', 'n', 'mean'], measures, [1, 2]));
  }
  const { repeated } = scores;
  if (repeated) {
    parts.push(
      table(
        ['over samples of an item', 'value'],
        [
          [`mean@${repeated.samples}`, fixed(repeated.meanAtK)],
          ...repeated.passAtK.map(({ k, mean }) => [`pass@${k}`, fixed(mean)]),
          ...(repeated.majorityAtK === null
            ? []
            : [[`maj@${repeated.samples}`, fixed(repeated.majorityAtK)]]),
          ...(repeated.consistency === null
            ? []
            : [['same answer in all samples', fixed(repeated.consistency)]]),
        ],
        [1],
      ),
    );
  }
  return parts.join('\n\n');
}

/** What the bootstrap keeps as it is: as many items of each bin as there are. */
function within({ strata }: Comparison): string {
  return strata.length === 0 ? '' : ` within bins of ${strata.join(' and ')}`;
}

/** A comparison as text. */
export function comparisonText(comparison: Comparison): string {
  const { overall, matrix } = comparison;
  const line = (name: string, difference: PairedDifference): string[] => {
    const shown = shownInterval(difference);
    return [
      name,
      String(difference.items),
      (difference.mean >= 0 ? '+' : '') + fixed(difference.mean),
      shown ? `[${fixed(shown.interval[0])}, ${fixed(shown.interval[1])}]` : '–',
      shown ? shown.p.toPrecision(2) : '–',
    ];
  };
  const rows = [line('all', overall)];
  for (const slice of comparison.slices)
    rows.push(line(printable(`${slice.dimension} ${slice.label}`), slice));
  const parts = [
    `${comparison.benchmark}: ${printable(comparison.after)} against ${printable(comparison.before)}; ${comparison.items} items, ${comparison.seeds.length} ${comparison.seeds.length === 1 ? 'seed' : 'seeds'}${comparison.leftOut > 0 ? `, ${comparison.leftOut} items left out (not answered by both)` : ''}`,
    table(['slice', 'n', 'difference', `95 % paired bootstrap${within(comparison)}`, 'p'], rows, [1, 2, 4]),
  ];
  if (matrix) {
    parts.push(
      `right with both ${matrix.bothRight}, only before ${matrix.onlyBefore}, only after ${matrix.onlyAfter}, with neither ${matrix.bothWrong}; McNemar (exact) p = ${(comparison.mcNemar ?? 1).toPrecision(2)}`,
    );
  }
  if (comparison.holmP !== null)
    parts.push(
      `p of ${comparison.isExact ? 'McNemar' : 'the bootstrap'} after Holm's correction over the benchmarks: ${comparison.holmP.toPrecision(2)}`,
    );
  return parts.join('\n');
}
