import type { CheckpointFiles } from '../../src/model/checkpoint.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { bytesSource } from './checkpoint.ts';
import type { ReferenceRun } from './reference.ts';

export interface Matrix {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The matrices of a training fixture under PEFT's names. */
export function peftTensors(reference: ReferenceRun): Matrix[] {
  return [...reference.tensors]
    .filter(([name]) => name.startsWith('model.'))
    .map(([name, { shape, data }]) => ({
      name: `base_model.model.${name}`,
      shape,
      data: Float32Array.from(data),
    }));
}

/** A PEFT folder of rank 4 by file name; `config` changes its adapter_config.json. */
export function peftFiles(
  tensors: readonly Matrix[],
  config: Record<string, unknown> = {},
): Map<string, Uint8Array> {
  const adapterConfig = JSON.stringify({
    peft_type: 'LORA',
    r: 4,
    lora_alpha: 8,
    use_rslora: false,
    ...config,
  });
  return new Map([
    ['adapter_config.json', new TextEncoder().encode(adapterConfig)],
    ['adapter_model.safetensors', writeSafetensors(tensors)],
  ]);
}

/** The same as the engine opens it. */
export function peftFolder(
  tensors: readonly Matrix[],
  config: Record<string, unknown> = {},
): CheckpointFiles {
  const files = peftFiles(tensors, config);
  return {
    name: 'adapter',
    open: (file) => Promise.resolve(files.has(file) ? bytesSource(file, files.get(file)!) : null),
  };
}
