import type { EngineDevice } from '../gpu/device.ts';
import { tuneKernels, type TuneReport } from '../gpu/tune.ts';
import type { ModelStore } from '../storage/models.ts';

/** Kernel choices by adapter: measured once, kept in storage, and at hand again for the device after a loss. */
export class KernelTuning {
  private readonly known = new Map<string, TuneReport>();

  /** Gives a new device what was measured on its adapter in this session; nothing is measured here. */
  apply(engine: EngineDevice): void {
    const report = this.known.get(engine.adapterKey);
    if (report) engine.choices = report.choices;
  }

  /** Kernels that the driver does not compile, once measured; others do their work. */
  refused(engine: EngineDevice): readonly string[] {
    const refused = this.known.get(engine.adapterKey)?.refused ?? [];
    return refused.map(({ operation, choice }) => `${operation} ${choice}`);
  }

  /** Measures, or takes what an earlier start kept. Returns at once the second time. */
  async tune(
    engine: EngineDevice,
    store: ModelStore | null,
    onProgress: (done: number, total: number) => void,
  ): Promise<void> {
    if (this.known.has(engine.adapterKey)) return;
    const report = await tuneKernels(engine, {
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
    this.known.set(engine.adapterKey, report);
  }
}
