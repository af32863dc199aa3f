import { throwIfCancelled } from '../core/errors.ts';
import { subRange } from '../gpu/buffers.ts';
import type { Rows } from '../gpu/tensors.ts';
import type { OrtModel } from '../model/ort/host.ts';
import type { ModelSession } from '../model/session.ts';

/** Mean over rows [T, C] of a document, each row brought to length 1 first, written to `out`. */
export function meanOfUnitRows(
  rows: Float32Array,
  first: number,
  count: number,
  stride: number,
  out: Float32Array,
): void {
  for (let t = first; t < first + count; t++) {
    let square = 0;
    for (let j = 0; j < out.length; j++) square += rows[t * stride + j]! ** 2;
    const scale = square > 0 ? 1 / (Math.sqrt(square) * count) : 0;
    for (let j = 0; j < out.length; j++) out[j]! += rows[t * stride + j]! * scale;
  }
}

export type HiddenStates = (
  /** Documents that fit one pass together. */
  documents: readonly Uint32Array[],
) => Promise<{ readonly rows: Float32Array; readonly stride: number }>;

/** Hidden states from the engine: documents packed into one pass, each seeing only itself. */
export function hiddenFromEngine(session: ModelSession): HiddenStates {
  const last = session.checkpoint.config.numHiddenLayers - 1;
  return async (documents) => {
    const ids = documents.flatMap((document) => [...document]);
    const starts: number[] = [];
    let at = 0;
    for (const { length } of documents) {
      starts.push(at);
      at += length;
    }
    let hidden: Rows | null = null;
    session.reset();
    await session.prefill(ids, {
      wantLogits: false,
      packed: { documentStarts: starts },
      hooks: () => ({
        afterLayer: (layer, rows) => {
          if (layer === last) hidden = rows;
        },
      }),
    });
    const rows = hidden as unknown as Rows;
    const sizeBytes = ids.length * rows.stride * 4;
    const range = subRange(rows.range, rows.start * 4, sizeBytes);
    return { rows: await session.recorder.readFloats(range), stride: rows.stride };
  };
}

/** Hidden states from onnxruntime, document by document. */
export function hiddenFromOrt(model: OrtModel): HiddenStates {
  const dim = model.checkpoint.config.hiddenSize;
  return async (documents) => {
    const parts: Float32Array[] = [];
    for (const document of documents) parts.push(await model.hidden(document));
    const rows = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      rows.set(part, at);
      at += part.length;
    }
    return { rows, stride: dim };
  };
}

/** One vector per document, several documents a pass. Cancellable between passes. */
export async function embedDocuments(
  documents: readonly Uint32Array[],
  dim: number,
  passTokens: number,
  hiddenOf: HiddenStates,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Float32Array> {
  const data = new Float32Array(documents.length * dim);
  let next = 0;
  while (next < documents.length) {
    throwIfCancelled(signal, 'embedding');
    const batch: Uint32Array[] = [];
    let tokens = 0;
    while (next + batch.length < documents.length) {
      // A text of no tokens keeps the zero vector.
      const document = documents[next + batch.length]!.subarray(0, passTokens);
      if (batch.length > 0 && tokens + document.length > passTokens) break;
      batch.push(document);
      tokens += document.length;
    }
    const full = batch.filter(({ length }) => length > 0);
    const hidden = full.length > 0 ? await hiddenOf(full) : null;
    let first = 0;
    batch.forEach(({ length }, n) => {
      if (!hidden || length === 0) return;
      const out = data.subarray((next + n) * dim, (next + n + 1) * dim);
      meanOfUnitRows(hidden.rows, first, length, hidden.stride, out);
      first += length;
    });
    next += batch.length;
    onProgress(next, documents.length);
  }
  return data;
}
