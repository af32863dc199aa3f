import type { EngineDevice } from '../gpu/device.ts';
import { tuneKernels } from '../gpu/tune.ts';
import type { KernelChoices } from '../gpu/variants.ts';
import type { ModelStore } from '../storage/models.ts';

/** Kernel choices by adapter: measured once, kept in storage, and at hand again for the device after a loss. */
export class KernelTuning {
  private readonly known = new Map<string, KernelChoices>();

  /** Gives a new device what was measured on its adapter in this session; nothing is measured here. */
  apply(engine: EngineDevice): void {
    const choices = this.known.get(engine.adapterKey);
    if (choices) engine.choices = choices;
  }

  /** Measures, or takes what an earlier start kept. Returns at once the second time. */
  async tune(
    engine: EngineDevice,
    store: ModelStore | null,
    onProgress: (done: number, total: number) => void,
  ): Promise<void> {
    if (this.known.has(engine.adapterKey)) return;
    const { choices } = await tuneKernels(engine, {
      onProgress,
      ...(store
        ? {
            store: {
              load: (key) => store.loadKernels(key),
              save: (key, value) => store.saveKernels(key, value),
            },
          }
        : {}),
    });
    this.known.set(engine.adapterKey, choices);
  }
}
