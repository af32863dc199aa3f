import { percent, signed } from '../../core/points.ts';
import {
  replicationArmNames,
  replicationArms,
  type ReplicationBenchmark,
  type ReplicationResult,
} from '../../evaluate/replication.ts';
import { table } from '../output.ts';

const labels: Readonly<Record<ReplicationBenchmark, string>> = {
  mrcr: 'MRCR-style, match ratio',
  graphwalks: 'GraphWalks-style, F1',
  'short-tasks': 'short tasks, exact replies',
};

/** The result as tables: means by length, then the differences over all lengths together. */
export function replicationText(result: ReplicationResult): string {
  const { cells, differences, seeds, sets } = result;
  const parts = [
    `${result.model.name} on ${result.device}; ${seeds.length} seeds${result.isComplete ? '' : '; not complete'}`,
  ];
  for (const benchmark of Object.keys(labels) as ReplicationBenchmark[]) {
    const own = sets.filter((set) => set.benchmark === benchmark);
    if (own.length === 0) continue;
    const lengths = own.length > 1 ? own.map(({ tokens }) => tokens) : [];
    const columns = [...lengths, null];
    const rows = replicationArms.flatMap((arm) => {
      const of = columns.map((tokens) =>
        cells.find((cell) => cell.arm === arm && cell.benchmark === benchmark && cell.tokens === tokens),
      );
      const all = of.at(-1);
      if (!all) return [];
      return [
        [
          replicationArmNames[arm],
          ...of.map((cell) => (cell ? percent(cell.mean) : '–')),
          `[${percent(all.interval[0])}, ${percent(all.interval[1])}]`,
        ],
      ];
    });
    const header = [labels[benchmark], ...lengths.map(String), 'all', '95 % interval'];
    const items = [`items`, ...own.map((set) => String(set.items)), ...(lengths.length > 0 ? [''] : []), ''];
    parts.push(
      table(
        header,
        [...rows, items],
        columns.map((_, at) => at + 1),
      ),
    );
  }
  const found = differences.filter(({ tokens }) => tokens === null);
  if (found.length > 0) {
    parts.push(
      table(
        ['difference in points', 'benchmark', 'mean', '95 % paired bootstrap', "p (Holm's)"],
        found.map((each) => [
          `${replicationArmNames[each.after]} − ${replicationArmNames[each.before]}`,
          each.benchmark,
          signed(each.mean),
          `[${signed(each.interval[0])}, ${signed(each.interval[1])}]`,
          (each.holmP ?? each.p).toPrecision(2),
        ]),
        [2],
      ),
    );
  }
  return parts.join('\n\n');
}
