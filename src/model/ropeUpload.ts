import type { BufferRange } from '../gpu/buffers.ts';
import type { Recorder } from '../gpu/recorder.ts';
import type { ModelConfig } from './config.ts';
import { ropeFrequencies, ropeTable } from './rope.ts';

/** Fills a rotation table f32 [contextLength, D] with rows of (cos of D/2 angles, their sin), 4,096 positions at a time. */
export function uploadRopeTable(
  recorder: Recorder,
  table: BufferRange,
  config: ModelConfig,
  contextLength: number,
): void {
  const half = config.headDim / 2;
  const frequencies = ropeFrequencies(config);
  for (let first = 0; first < contextLength; first += 4096) {
    const count = Math.min(4096, contextLength - first);
    const { cos, sin } = ropeTable(frequencies, first, count);
    const rows = new Float32Array(count * config.headDim);
    for (let t = 0; t < count; t++) {
      rows.set(cos.subarray(t * half, (t + 1) * half), t * config.headDim);
      rows.set(sin.subarray(t * half, (t + 1) * half), t * config.headDim + half);
    }
    recorder.upload(table, rows, first * config.headDim * 4);
  }
}
