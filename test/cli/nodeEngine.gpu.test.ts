import { beforeEach, describe, expect, it, vi } from 'vitest';
import type * as Tuning from '../../src/gpu/tune.ts';
import { gpuSkipReason, hasGpu } from '../helpers/gpu.ts';

/** What the probe is made to say; null: what it finds. */
let verdict: boolean | null = null;
const probes = vi.fn();
vi.mock('../../src/gpu/tune.ts', async (original) => {
  const tune = await original<typeof Tuning>();
  return {
    ...tune,
    subgroupsAreLinear: (engine: Parameters<typeof tune.subgroupsAreLinear>[0]) => {
      probes();
      return verdict === null ? tune.subgroupsAreLinear(engine) : Promise.resolve(verdict);
    },
  };
});

describe.skipIf(!hasGpu)(hasGpu ? 'the engine in Node' : `the engine in Node (${gpuSkipReason})`, () => {
  // What was found is remembered by the module.
  beforeEach(() => {
    vi.resetModules();
    probes.mockClear();
  });

  it('uses subgroups where a probe finds them as expected, asked once for an adapter', async () => {
    verdict = null;
    const { openNodeEngine } = await import('../../src/cli/nodeEngine.ts');
    const first = await openNodeEngine();
    const { subgroups } = first.features;
    expect(first.choices.subgroups).toBe(subgroups);
    const second = await openNodeEngine();
    expect(second.choices).toEqual(first.choices);
    expect(probes).toHaveBeenCalledTimes(subgroups ? 1 : 0);
    first.destroy();
    second.destroy();
  });

  it('does without them where it does not, and does not ask where they are off', async () => {
    verdict = false;
    const { openNodeEngine } = await import('../../src/cli/nodeEngine.ts');
    const off = await openNodeEngine({ subgroups: false });
    expect(probes).not.toHaveBeenCalled();
    const engine = await openNodeEngine();
    expect(engine.choices).toEqual(off.choices);
    expect(engine.choices.subgroups).toBe(false);
    off.destroy();
    engine.destroy();
  });
});
