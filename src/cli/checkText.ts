import type { CheckSummary } from '../check/report.ts';
import { verdicts } from '../check/verdicts.ts';
import { printable, table } from './output.ts';

const nats = (value: number | null): string => (value === null ? '–' : value.toFixed(3));

function share(count: number, of: number): string {
  return of === 0 ? '–' : `${count} (${((100 * count) / of).toFixed(0)} %)`;
}

/** Means and verdicts as tables; the first group is that of all examples. */
export function checkText(groups: ReadonlyMap<string, CheckSummary>): string {
  const all = [...groups];
  const means = table(
    [
      'ln p per answer token',
      'n',
      'context',
      'closed book',
      'gold removed',
      'gold only',
      'gold removal lowers by',
    ],
    all.map(([name, group]) => [
      printable(name),
      String(group.examples),
      ...[group.context, group.closedBook, group.goldRemoved, group.goldOnly, group.goldDrop].map(nats),
    ]),
    [1, 2, 3, 4, 5, 6],
  );
  const rows = verdicts.map((verdict) => [
    verdict,
    ...all.map(([, group]) => share(group.verdicts[verdict], group.examples)),
  ]);
  if (all.some(([, { withPieces }]) => withPieces > 0)) {
    const needing = all.map(([, group]) => share(group.needingTwo, group.withPieces));
    rows.push(['two gold pieces needed, or more', ...needing]);
  }
  const found = table(
    ['examples', ...all.map(([name]) => printable(name))],
    rows,
    all.map((_, i) => i + 1),
  );
  return `${means}\n\n${found}`;
}
