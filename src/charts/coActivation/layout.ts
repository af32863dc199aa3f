import { dataWords, type ComparisonSpec } from '../common/comparison.ts';
import type { ChartGeometry, ChartSize, ChartTable } from '../common/geometry.ts';
import { layoutHeatmaps } from '../heatmap/layout.ts';

/** Experts of one layer that are chosen for the same token. */
export interface CoActivation {
  readonly layer: number;
  readonly experts: number;
  /** [E, E] row-major, share of tokens that chose both; the diagonal is the frequency. */
  readonly together: readonly number[];
  readonly variant: 'all pairs' | 'rank-adjacent';
  readonly subject: string;
}

/** log2 of how much more often two are chosen together than if choices were independent; null for the diagonal and for none. */
export function coActivationLift({ experts, together, variant }: CoActivation): (number | null)[] {
  // Frequencies add up to the experts of a token; of its k (k − 1) / 2 pairs, k − 1 are neighbours in rank.
  let k = 0;
  for (let i = 0; i < experts; i++) k += together[i * experts + i] ?? 0;
  const counted = variant === 'rank-adjacent' && k > 2 ? 2 / k : 1;
  return together.map((share, at) => {
    const [i, j] = [Math.floor(at / experts), at % experts];
    const expected = counted * (together[i * experts + i] ?? 0) * (together[j * experts + j] ?? 0);
    return i === j || expected === 0 || share === 0 ? null : Math.log2(share / expected);
  });
}

/** Order of leaves of average-linkage clustering: experts with like partners are neighbours. */
export function clusterOrder(lift: readonly (number | null)[], experts: number): number[] {
  interface Cluster {
    readonly members: readonly number[];
  }
  const similarity = (a: Cluster, b: Cluster): number => {
    let sum = 0;
    for (const i of a.members) for (const j of b.members) sum += lift[i * experts + j] ?? -4;
    return sum / (a.members.length * b.members.length);
  };
  let clusters: Cluster[] = Array.from({ length: experts }, (_, expert) => ({ members: [expert] }));
  // Similarities are kept and averaged by the Lance-Williams rule: a step costs E, not E².
  const table = clusters.map((a) => clusters.map((b) => similarity(a, b)));
  const alive = clusters.map((_, index) => index);
  while (alive.length > 1) {
    let best: [number, number] = [0, 1];
    let most = -Infinity;
    for (let a = 0; a < alive.length; a++) {
      for (let b = a + 1; b < alive.length; b++) {
        const value = table[alive[a]!]![alive[b]!]!;
        if (value > most) [most, best] = [value, [a, b]];
      }
    }
    const [i, j] = [alive[best[0]]!, alive[best[1]]!];
    const [ni, nj] = [clusters[i]!.members.length, clusters[j]!.members.length];
    for (const k of alive) {
      const merged = (ni * table[i]![k]! + nj * table[j]![k]!) / (ni + nj);
      table[i]![k] = merged;
      table[k]![i] = merged;
    }
    clusters = clusters.map((cluster, index) => (index === i ? { members: [...clusters[i]!.members, ...clusters[j]!.members] } : cluster)); // prettier-ignore
    alive.splice(best[1], 1);
  }
  return [...(clusters[alive[0] ?? 0]?.members ?? [])];
}

/** The pairs chosen together most beyond chance, for the table beside the map. */
function topPairs(
  data: CoActivation,
  count: number,
): { a: number; b: number; share: number; lift: number }[] {
  const lift = coActivationLift(data);
  const pairs: { a: number; b: number; share: number; lift: number }[] = [];
  for (let a = 0; a < data.experts; a++) {
    for (let b = a + 1; b < data.experts; b++) {
      const value = lift[a * data.experts + b] ?? null;
      if (value !== null)
        pairs.push({ a, b, share: data.together[a * data.experts + b] ?? 0, lift: 2 ** value });
    }
  }
  return pairs.sort((x, y) => y.lift * y.share - x.lift * x.share).slice(0, count);
}

function tableOf(pairs: ReturnType<typeof topPairs>): ChartTable {
  return {
    columns: ['expert', 'expert ', 'share of tokens', 'times chance'],
    rows: pairs.map(({ a, b, share, lift }) => [a, b, share, lift]),
  };
}

/** Pairs of experts of one layer: more (orange) or less (blue) often together than by chance (E6). */
export function layoutCoActivation(spec: ComparisonSpec, data: CoActivation, size: ChartSize): ChartGeometry {
  const { experts, layer } = data;
  const lift = coActivationLift(data);
  const order = clusterOrder(lift, experts);
  const at = (row: number, column: number): number => (order[row] ?? 0) * experts + (order[column] ?? 0);
  const grid = Array.from({ length: experts * experts }, (_, cell) =>
    at(Math.floor(cell / experts), cell % experts),
  );
  const largest = experts > 64 ? 0.62 : Math.max(0.8, 34 / experts);
  const laidOut = layoutHeatmaps(
    {
      rows: order.map(String),
      columns: order.map(String),
      rowTitle: 'expert',
      columnTitle: 'expert; neighbours have like partners (average linkage)',
      largestCell: { width: Math.min(2.6, largest), height: Math.min(2.6, largest) },
      bars: [{ first: 0, last: 0, bar: { ramp: 'diverging', low: '≤ ¼×', middle: '1× = chance', high: '≥ 4×', title: 'together ÷ expected if independent' } }], // prettier-ignore
    },
    [
      {
        title: `${data.subject}, layer ${layer}, ${data.variant}`,
        ramp: 'diverging',
        values: grid.map((cell) => { const value = lift[cell] ?? null; return value === null ? null : value / 2; }), // prettier-ignore
        absent: grid.map((cell) => Math.floor(cell / experts) === cell % experts),
        label: (row, column) => {
          const cell = at(row, column);
          const value = lift[cell] ?? null;
          return `Experts ${order[row]} and ${order[column]}: together for ${(100 * (data.together[cell] ?? 0)).toFixed(1)} % of tokens${value === null ? ', never' : `, ${(2 ** value).toFixed(2)}× chance`}`;
        },
        target: (row) => ({ layer, expert: order[row] ?? 0 }),
      },
    ],
    size,
  );
  const pairs = topPairs(data, 20);
  const lead = pairs[0];
  return {
    name: `co-activation-layer-${layer}`,
    title: lead
      ? `Layer ${layer}: experts ${lead.a} and ${lead.b} work together ${lead.lift.toFixed(1)}× as often as by chance`
      : `Layer ${layer}: no two experts were chosen together`,
    subtitle: `Pairs of experts chosen for the same token, ${data.variant}, ${data.subject}; ${dataWords(spec)}`,
    ...laidOut,
    notes: [
      data.variant === 'rank-adjacent'
        ? 'Expected: product of the two frequencies × 2/k, the share of the pairs of k experts that are neighbours. Diagonal left out.'
        : 'Expected: product of the two frequencies. Diagonal left out.',
    ],
    plot: {
      kind: 'heat',
      row: 'expert',
      column: 'expert ',
      rowLabel: 'expert',
      columnLabel: 'expert; neighbours have like partners (average linkage)',
      order,
      isSymmetric: true,
      cells: tableOf(topPairs(data, experts * experts)),
      groups: [{ ramp: 'diverging', scale: 'log2', low: -2, high: 2, label: 'together ÷ expected if independent', panels: [{ title: `${data.subject}, layer ${layer}, ${data.variant}`, value: { column: 'times chance' } }] }], // prettier-ignore
    },
    table: tableOf(pairs),
    legend: lift.some((value, cell) => value === null && Math.floor(cell / experts) !== cell % experts) ? [{ label: 'never together', fill: 'hatch' }] : [], // prettier-ignore
  };
}
