import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readSafetensorsHeader } from '../../src/model/safetensors.ts';
import { bytesSource } from './checkpoint.ts';

/** What the PyTorch reference recorded for one variant (test/reference/make_inference_fixtures.py). */
export interface ReferenceRun {
  readonly model: string;
  /** Changes to config.json under which it was computed. */
  readonly overrides: Record<string, unknown>;
  readonly greedyPrompt: number[];
  readonly greedyTokens: number[];
  readonly tensors: Map<
    string,
    { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }
  >;
}

export async function readReference(variant: string): Promise<ReferenceRun> {
  const base = resolve(import.meta.dirname, '../fixtures/reference', variant);
  const summary = JSON.parse(readFileSync(`${base}.json`, 'utf8')) as Omit<ReferenceRun, 'tensors'>;
  const file = new Uint8Array(readFileSync(`${base}.safetensors`));
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array | Int32Array }>();
  for (const tensor of (await readSafetensorsHeader(bytesSource(variant, file))).tensors) {
    const bytes = file.slice(tensor.start, tensor.end).buffer;
    tensors.set(tensor.name, {
      shape: tensor.shape,
      data: tensor.dtype === 'I32' ? new Int32Array(bytes) : new Float32Array(bytes),
    });
  }
  return { ...summary, tensors };
}

/** Largest absolute difference of two arrays of equal length. */
export function maxAbsDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}
