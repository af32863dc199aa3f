import { Rng } from '../../src/core/rng.ts';
import {
  makeDocument,
  type AttentionRow,
  type MechanismDocument,
  type MechanismSubject,
  type RoutingRow,
} from '../../src/mechanism/document.ts';
import { expertLoad, jensenShannon } from '../../src/mechanism/load.ts';

export interface GeneratedShape {
  readonly layers: number;
  readonly heads: number;
  readonly experts: number;
  readonly perToken: number;
  readonly items: number;
  readonly bins?: number;
  readonly seed?: number;
  /** Checkpoints of the adapter besides its end. */
  readonly steps?: readonly number[];
}

const round = (value: number): number => Number(value.toPrecision(5));

/**
 * A document with a known effect: the adapter raises the distance of the heads of the upper half of the layers and
 * the load of expert 1 of every layer, and the control does neither. Drawn from a seed, for charts and views.
 */
export function generatedDocument({
  layers,
  heads,
  experts,
  perToken,
  items,
  bins = 32,
  seed = 7,
  steps = [],
}: GeneratedShape): MechanismDocument {
  // prettier-ignore
  const kinds = ['search', 'swe', 'sql'];
  const lengths = Array.from({ length: items }, (_, item) => 2048 + 512 * item);
  const pieces = lengths.map((tokens) =>
    Array.from({ length: 6 }, (_, index) => ({
      id: index % 3 === 1 ? `p${index}` : `d${index}`,
      role: index % 3 === 1 ? ('gold' as const) : ('distractor' as const),
      title: `Document ${index}`,
      start: Math.floor(tokens * (0.05 + index * 0.14)),
      end: Math.floor(tokens * (0.05 + index * 0.14 + 0.11)),
    })),
  );
  const described = lengths.map((tokens, item) => ({
    id: `item-${item}`,
    hash: `${item}`.padStart(64, 'a'),
    kind: kinds[item % kinds.length]!,
    tokens,
    queryTokens: 60,
    evidence: pieces[item]!,
    roles: [
      [0, tokens - 120, 'context'],
      [tokens - 120, tokens - 60, 'question'],
      [tokens - 60, tokens, 'answer'],
    ] as const,
    goldTokenShare: 1 / 3,
    goldContextShare: 0.22,
    copySteps: 20,
  }));
  const base = new Rng(seed);
  const level = Array.from({ length: layers * heads }, () => 0.15 + 0.5 * base.next());
  const load = Array.from({ length: layers * experts }, () => 0.25 + base.next());

  const subjectOf = (
    name: string,
    kind: MechanismSubject['kind'],
    strength: number,
    step?: number,
  ): MechanismSubject => {
    const rng = new Rng(`${seed}/${name}`);
    const attention: AttentionRow[] = [];
    for (let cell = 0; cell < layers * heads; cell++) {
      const [layer, head] = [Math.floor(cell / heads), cell % heads];
      const effect = layer >= layers / 2 ? strength * 0.15 * (0.4 + head / heads) : 0;
      const perItem = described.map(() =>
        Math.min(0.97, Math.max(0.02, level[cell]! + effect + 0.02 * rng.normal())),
      );
      const relative = perItem.reduce((sum, value) => sum + value, 0) / items;
      const scaled = (factor: number): number[] => perItem.map((value) => round(value * factor));
      const sink = perItem.map((value) => round(0.6 - 0.4 * value));
      const gold = perItem.map((value) => round(0.1 + 0.3 * value * (0.6 + strength * 0.4)));
      const mean = (values: readonly number[]): number =>
        round(values.reduce((sum, value) => sum + value, 0) / items);
      const shape = Array.from({ length: 13 }, (_, bin) => Math.exp(-((bin - 12 * relative) ** 2) / 6) + (bin < 2 ? 0.5 : 0)); // prettier-ignore
      const total = shape.reduce((sum, value) => sum + value, 0);
      attention.push({
        layer,
        head,
        meanDistance: mean(scaled(3000)),
        sinkExcludedDistance: mean(scaled(2200)),
        relativeDistance: round(relative),
        entropy: mean(scaled(6)),
        normalizedEntropy: mean(scaled(0.8)),
        sinkMass: mean(sink),
        goldMass: mean(gold),
        distractorMass: mean(scaled(0.2)),
        retrievalScore: cell === 1 ? null : round(Math.max(0, relative - 0.4)),
        longRangeMass: [round(relative), round(relative * 0.7), round(relative * 0.2)],
        distanceHistogram: shape.map((value) => round(value / total)),
        perItem: {
          meanDistance: scaled(3000),
          sinkExcludedDistance: scaled(2200),
          relativeDistance: perItem.map(round),
          entropy: scaled(6),
          normalizedEntropy: scaled(0.8),
          sinkMass: sink,
          goldMass: gold,
          distractorMass: scaled(0.2),
          longRangeMass: [1, 0.7, 0.2].map(scaled),
        },
      });
    }
    const routing: RoutingRow[] = [];
    const routerSummary: MechanismSubject['routerSummary'][number][] = [];
    for (let layer = 0; layer < layers && experts > 0; layer++) {
      const weight = (expert: number, noise: number, kind: number): number =>
        expert === 0 && layer === 1
          ? 0
          : load[layer * experts + expert]! * (1 + noise) + (expert === 1 ? strength : 0) + (expert % 3 === kind ? 0.4 * (1 + strength) : 0); // prettier-ignore
      const row = (kind: number, jitter: number): number[] => {
        const raw = Array.from({ length: experts }, (_, expert) =>
          Math.max(0, weight(expert, jitter * rng.normal(), kind)),
        );
        const total = raw.reduce((sum, value) => sum + value, 0);
        return raw.map((value) => Math.min(1, (value * perToken) / total));
      };
      const byItem = described.map((_, item) => row(item % 3, 0.05));
      const meanOf = (rows: readonly number[][]): number[] =>
        Array.from({ length: experts }, (_, expert) => rows.reduce((sum, values) => sum + values[expert]!, 0) / rows.length); // prettier-ignore
      const byKind = kinds.map((_, kind) => meanOf(byItem.filter((_, item) => item % 3 === kind)));
      const frequency = meanOf(byItem);
      for (let expert = 0; expert < experts; expert++) {
        routing.push({
          layer,
          expert,
          frequency: round(frequency[expert]!),
          weight: round(frequency[expert]! / perToken),
          perItem: { frequency: byItem.map((values) => round(values[expert]!)) },
          byKind: Object.fromEntries(kinds.map((kind, index) => [kind, { frequency: round(byKind[index]![expert]!), weight: null }])), // prettier-ignore
          byTokenRole: {},
          byEvidenceRole: { gold: { frequency: round(byKind[0]![expert]!), weight: null }, distractor: { frequency: round(byKind[1]![expert]!), weight: null } }, // prettier-ignore
        });
      }
      const p = frequency.map((value) => value / perToken);
      const together = Array.from({ length: experts * experts }, (_, at) => {
        const [i, j] = [Math.floor(at / experts), at % experts];
        if (i === j) return round(frequency[i]!);
        const alike = Math.floor(i / 2) === Math.floor(j / 2) ? 2 : 0.7;
        return round(frequency[i]! * frequency[j]! * alike);
      });
      routerSummary.push({
        layer,
        gini: round(expertLoad(frequency).gini),
        maxOverMean: round(Math.max(...p) * experts),
        effectiveExperts: round(expertLoad(frequency).effectiveExperts),
        routerEntropy: round(Math.log(experts) * (0.8 - 0.1 * strength)),
        saturationAgainstBase: kind === 'base' ? 1 : round(0.9 - 0.2 * strength),
        kindDivergence: [[0, 1], [0, 2], [1, 2]].map(([a, b]) => ({ a: kinds[a!]!, b: kinds[b!]!, value: round(jensenShannon(byKind[a!]!, byKind[b!]!)!) })), // prettier-ignore
        coActivation: together,
        coActivationRankAdjacent: together.map((value) => round(value * 0.5)),
      });
    }
    const perHeadRows = layers * heads;
    return {
      name,
      kind,
      ...(step === undefined ? {} : { step }),
      attention,
      routing,
      routerSummary,
      evidenceMass: described.map(({ evidence }) =>
        Array.from({ length: perHeadRows * evidence.length }, (_, at) => {
          const isGold = evidence[at % evidence.length]!.role === 'gold';
          return round((isGold ? 0.08 * (1 + strength) : 0.05) * (0.6 + 0.8 * rng.next()));
        }),
      ),
      density: {
        bins,
        perHead: true,
        values: described.map(({ evidence, tokens }) =>
          Array.from({ length: perHeadRows }, () => {
            const raw = Array.from({ length: bins }, (_, bin) => {
              const at = ((bin + 0.5) / bins) * tokens;
              const isGold = evidence.some(
                ({ role, start, end }) => role === 'gold' && at >= start && at < end,
              );
              return (
                (bin === 0 ? 8 : 1) +
                (isGold ? 1 + 2 * strength : 0) +
                0.4 * rng.next() +
                (bin > bins - 3 ? 3 : 0)
              );
            });
            const total = raw.reduce((sum, value) => sum + value, 0);
            return raw.map((value) => round(value / total));
          }).flat(),
        ),
      },
    };
  };
  return makeDocument({
    queries: 'answer',
    settings: { sinkTokens: 4, thresholds: [256, 1024, 4096] },
    model: { name: 'generated-moe', layers, heads, kvHeads: heads, experts: experts > 0 ? experts : null, expertsPerToken: experts > 0 ? perToken : null }, // prettier-ignore
    items: described,
    subjects: [
      subjectOf('base', 'base', 0),
      ...steps.map((step) =>
        subjectOf(`ACC-step-${step}`, 'adapter', step / (Math.max(...steps) * 1.1), step),
      ),
      subjectOf('ACC', 'adapter', 1, steps.length > 0 ? Math.round(Math.max(...steps) * 1.1) : undefined),
      subjectOf('agent-SFT', 'control', 0.02),
    ],
    run: { codeVersion: 'generated', adapter: 'none: drawn from a seed', seeds: [seed] },
  });
}
