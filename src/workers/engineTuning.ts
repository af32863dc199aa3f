import { isObject, type JsonValue } from '../core/json.ts';
import type { EngineDevice } from '../gpu/device.ts';
import type { KernelChoices } from '../gpu/variants.ts';
import type { ModelStore } from '../storage/models.ts';

/**
 * Kept choices over `defaults`: each value must have the type that the default has, and subgroups may only be
 * used where the device has them; all else is ignored. Null when nothing of it can be used.
 */
export function readChoices(value: JsonValue, defaults: KernelChoices): KernelChoices | null {
  if (!isObject(value)) return null;
  const allowed: { readonly [K in keyof KernelChoices]?: readonly KernelChoices[K][] } = {
    matmul: defaults.subgroups ? ['lanes', 'register', 'shared'] : ['register', 'shared'],
    matvec: ['thread', 'lanes'],
  };
  const read: Record<string, unknown> = { ...defaults };
  for (const [name, standard] of Object.entries(defaults)) {
    const kept = Object.hasOwn(value, name) ? value[name] : undefined;
    if (typeof kept !== typeof standard) return null;
    const choices: readonly unknown[] | undefined = allowed[name as keyof KernelChoices];
    if (choices && !choices.includes(kept)) return null;
    if (name === 'subgroups' && kept === true && !defaults.subgroups) return null;
    if (typeof kept === 'number' && !(Number.isInteger(kept) && kept > 0 && kept <= 4096)) return null;
    read[name] = kept;
  }
  return read as unknown as KernelChoices;
}

/** Uses the kernel choices that were measured on this adapter before, if any are kept. */
export async function applyKernelChoices(engine: EngineDevice, store: ModelStore | null): Promise<void> {
  const kept = store && readChoices(await store.readKernels(engine.adapterKey), engine.choices);
  if (kept) engine.choices = kept;
}
