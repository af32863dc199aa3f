import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../src/gpu/device.ts';
import {
  attentionOfHead,
  defaultMechanismOptions,
  describeItem,
  measureMechanism,
  parseMechanismDocument,
  planMechanism,
  subjectOf,
  gatesOfExpert,
  tokensOfExpert,
  type ExpertToken,
  type MechanismDocument,
  type MechanismSubject,
} from '../../src/mechanism/index.ts';
import type { SubjectMeasurement } from '../../src/mechanism/measure.ts';
import type { MechanismOptions } from '../../src/mechanism/plan.ts';
import { openAdapter } from '../../src/model/adapter.ts';
import { ModelSession } from '../../src/model/session.ts';
import { bytesSource } from '../helpers/checkpoint.ts';
import { fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { worstDifference } from '../helpers/mechanismAgreement.ts';
import { engineModes, gpuSkipReason, hasGpu, testEngine } from '../helpers/gpu.ts';
import { fixtureFolder, fixtureItems } from './fixtures.ts';

/** What the PyTorch reference measured (test/reference/make_mechanism_fixtures.py). */
function reference(queries: 'answer' | 'all'): MechanismDocument {
  const name = `reference-${queries}.json`;
  return parseMechanismDocument(readFileSync(resolve(fixtureFolder, name), 'utf8'), name);
}

const options: MechanismOptions = { ...defaultMechanismOptions, thresholds: [16, 64, 256], bins: 16 };

async function loadSubject(engine: EngineDevice, adapterName: string | null): Promise<ModelSession> {
  const checkpoint = await fixtureCheckpoint('tiny-moe');
  const files = {
    name: adapterName ?? '',
    open: (file: string) => {
      const path = resolve(fixtureFolder, adapterName ?? '', file);
      return Promise.resolve(existsSync(path) ? bytesSource(file, new Uint8Array(readFileSync(path))) : null);
    },
  };
  const adapter = adapterName === null ? null : await openAdapter(files, checkpoint);
  // Chunks shorter than the items: statistics gather over several passes.
  return ModelSession.load(
    engine,
    checkpoint,
    { ...smallLoad, contextLength: 320, chunkTokens: 48 },
    adapter ? { adapter } : {},
  );
}

function expectAgreement(actual: MechanismSubject, expected: MechanismSubject): void {
  const found = worstDifference(
    actual,
    { ...expected, name: actual.name, adapterSha256: actual.adapterSha256 },
    expected.name,
  );
  expect(found.excess, found.path).toBeLessThan(1);
}

describe.skipIf(!hasGpu)(
  hasGpu ? 'measuring a model' : `measuring a model (${gpuSkipReason})`,
  { timeout: 300_000 },
  () => {
    const items = fixtureItems();

    for (const mode of engineModes) {
      it(`gives every statistic that PyTorch gives, base, adapter and control: ${mode.name}`, async () => {
        const engine = (await testEngine(mode.options)) as EngineDevice;
        let base: SubjectMeasurement | null = null;
        for (const kind of ['base', 'adapter', 'control'] as const) {
          const session = await loadSubject(engine, kind === 'base' ? null : kind);
          for (const queries of mode.options.subgroups === false
            ? (['answer'] as const)
            : (['all', 'answer'] as const)) {
            const measured: SubjectMeasurement = await measureMechanism(session, items, {
              ...options,
              queries,
            });
            if (kind === 'base' && queries === 'answer') base = measured;
            const document = reference(queries);
            document.items.forEach((item, index) => {
              expect(describeItem(items[index]!, queries)).toMatchObject({
                hash: item.hash,
                tokens: item.tokens,
                queryTokens: item.queryTokens,
                roles: item.roles,
              });
            });
            const expected = document.subjects.find((subject) => subject.kind === kind)!;
            const against = queries === 'answer' && kind !== 'base' ? base : null;
            const subject = subjectOf({ name: kind, kind }, measured, against);
            // Saturation is taken against the base on the same queries.
            const summaries = expected.routerSummary.map((row) =>
              against ? row : { ...row, saturationAgainstBase: null },
            );
            expectAgreement(subject, { ...expected, routerSummary: summaries });
          }
          session.destroy();
        }
      });
    }

    it('measures the core statistics on the way through attention as it does the full ones', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const session = await loadSubject(engine, null);
      for (const queries of ['answer', 'all'] as const) {
        const measured = await measureMechanism(session, items, { ...options, queries, statistics: 'core' });
        const subject = subjectOf({ name: 'base', kind: 'base' }, measured);
        const expected = reference(queries).subjects[0]!;
        subject.attention.forEach((row, index) => {
          const { meanDistance, relativeDistance, entropy, normalizedEntropy, goldMass, perItem } =
            expected.attention[index]!;
          const core = { meanDistance, relativeDistance, entropy, normalizedEntropy, goldMass };
          const found = worstDifference(
            row,
            { ...core, perItem: { goldMass: perItem.goldMass } },
            `row ${index}`,
          );
          expect(found.excess, found.path).toBeLessThan(1);
          expect(row.retrievalScore).toBeNull();
        });
      }
      session.destroy();
    });

    it('frequencies sum to k and lie on the diagonal of the symmetric co-activation; the histogram sums to 1', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const session = await loadSubject(engine, null);
      const measured = await measureMechanism(session, items, { ...options, queries: 'all' });
      const subject = subjectOf({ name: 'base', kind: 'base' }, measured);
      const experts = 8;
      for (const { layer, coActivation, coActivationRankAdjacent } of subject.routerSummary) {
        const rows = subject.routing.filter((row) => row.layer === layer);
        expect(rows.reduce((sum, { frequency }) => sum + frequency, 0)).toBeCloseTo(2, 5);
        rows.forEach(({ expert, frequency }) => {
          expect(coActivation[expert * experts + expert]).toBe(frequency);
          expect(coActivationRankAdjacent[expert * experts + expert]).toBe(frequency);
          for (let other = 0; other < experts; other++) {
            expect(coActivation[expert * experts + other]).toBe(coActivation[other * experts + expert]);
          }
        });
      }
      for (const { distanceHistogram } of subject.attention) {
        expect(distanceHistogram.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 5);
      }
      // Deterministic, and nothing stays allocated.
      const before = engine.buffers.allocatedBytes;
      const again = await measureMechanism(session, items, { ...options, queries: 'all' });
      expect(subjectOf({ name: 'base', kind: 'base' }, again)).toEqual(subject);
      expect(engine.buffers.allocatedBytes).toBe(before);
      session.destroy();
    });

    it('shows where a picked head looks and which tokens a picked expert takes', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const session = await loadSubject(engine, null);
      const expected = reference('answer').subjects[0]!;
      const { mass, starts } = await attentionOfHead(session, items[0]!, { layer: 1, head: 2 }, { bins: 16 });
      const at = (1 * 4 + 2) * 16;
      mass.forEach((value, b) => expect(value).toBeCloseTo(expected.density!.values[0]![at + b]!, 5));
      expect(starts.at(-1)).toBe(items[0]!.ids.length);
      const tokens: ExpertToken[] = [];
      let weight = 0;
      for (const item of items) {
        const gates = await gatesOfExpert(session, item, { layer: 2, expert: 3 });
        tokens.push(...tokensOfExpert(item.ids, gates, Infinity));
        weight += gates.reduce((sum, gate) => sum + gate, 0);
      }
      const all = reference('all');
      const row = all.subjects[0]!.routing.find(({ layer, expert }) => layer === 2 && expert === 3)!;
      const queries = all.items.reduce((sum, { queryTokens }) => sum + queryTokens, 0);
      // Every token counts here, the first of an item too.
      const chosen = tokens.reduce((sum, entry) => sum + entry.chosen, 0);
      expect(chosen - Math.round(row.frequency * queries)).toBeGreaterThanOrEqual(0);
      expect(chosen - Math.round(row.frequency * queries)).toBeLessThanOrEqual(items.length);
      expect(weight - row.weight * queries).toBeGreaterThan(-1e-3);
      expect(weight - row.weight * queries).toBeLessThan(items.length);
      session.destroy();
    });

    it('plans memory that grows with the length of an item, not with its square', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const { config } = await fixtureCheckpoint('tiny-moe');
      const bytes = (tokens: number, statistics: 'core' | 'full'): number => {
        const sizes = { tokens, queries: tokens, width: 160 };
        const load = { ...smallLoad, contextLength: tokens };
        const plan = planMechanism(engine, config, load, sizes, { ...options, queries: 'all', statistics });
        return plan.bufferBytes + plan.scratchBytes;
      };
      for (const statistics of ['core', 'full'] as const) {
        // Below that, scratch still grows by steps: up to its cap, more slices share a long row of keys.
        expect(bytes(131072, statistics)).toBeLessThanOrEqual(2 * bytes(65536, statistics));
        expect(bytes(32768, statistics)).toBeLessThan(16 * 2 ** 20);
      }
    });

    it('stops between passes when cancelled', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const session = await loadSubject(engine, null);
      const controller = new AbortController();
      const run = measureMechanism(session, items, options, {
        signal: controller.signal,
        onItem: () => controller.abort(),
      });
      await expect(run).rejects.toMatchObject({ name: 'CancelledError' });
      session.destroy();
    });

    it('refuses a subject that ran on other tokens', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const session = await loadSubject(engine, null);
      const [one, other] = [items.slice(0, 1), items.slice(1, 2)];
      const base = await measureMechanism(session, one, options);
      const measured = await measureMechanism(session, other, options);
      expect(() => subjectOf({ name: 'other', kind: 'adapter' }, measured, base)).toThrow(/other tokens/);
      session.destroy();
    });
  },
);
