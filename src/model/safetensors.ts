import type { ByteSource } from '../core/byteSource.ts';
import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';

export type TensorDtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

const bytesPerElement: Record<TensorDtype, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Where a tensor lies: bytes [start, end) of `source`. */
export interface TensorLocation {
  readonly name: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly source: ByteSource;
  readonly start: number;
  readonly end: number;
}

/** The format's own limit on headers. */
const maxHeaderBytes = 100 * 1024 * 1024;

function isDtype(value: JsonValue | undefined): value is TensorDtype {
  return typeof value === 'string' && Object.hasOwn(bytesPerElement, value);
}

function isIndexList(value: JsonValue | undefined): value is number[] {
  return (
    Array.isArray(value) && value.every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)
  );
}

/**
 * Reads the header of a safetensors file and checks it: known types, sizes that agree with shapes, ranges that
 * lie in the file and do not overlap. Only the header is read. Throws `InputError` on anything else.
 */
export async function readSafetensorsHeader(
  source: ByteSource,
): Promise<{ readonly tensors: TensorLocation[]; readonly metadata: Readonly<Record<string, string>> }> {
  const bad = (message: string, expected?: string, actual?: string): InputError =>
    new InputError('bad-safetensors', message, {
      where: source.name,
      ...(expected ? { expected } : {}),
      ...(actual ? { actual } : {}),
      advice: 'download or export the file again',
    });
  const lead = await source.read(0, 8);
  if (lead.length < 8)
    throw bad('The file is too short for safetensors', 'at least 8 bytes', `${lead.length}`);
  // "version https://git-lfs…": a clone without the large files.
  if (new TextDecoder().decode(lead) === 'version ') {
    throw new InputError('bad-safetensors', 'This is a pointer of git-lfs, not the weights themselves', {
      where: source.name,
      advice: 'run "git lfs pull" in the checkpoint, or download the file',
    });
  }
  const headerBytes = Number(new DataView(lead.buffer, lead.byteOffset, 8).getBigUint64(0, true));
  const fileBytes = source.sizeBytes;
  if (headerBytes > maxHeaderBytes || (fileBytes !== null && headerBytes > fileBytes - 8)) {
    throw bad(
      'The safetensors header does not fit',
      `at most ${maxHeaderBytes} bytes within the file`,
      `${headerBytes}`,
    );
  }
  const bytes = await source.read(8, 8 + headerBytes);
  let header: JsonValue;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
  } catch {
    throw bad('The safetensors header is not JSON');
  }
  if (!isObject(header)) throw bad('The safetensors header is not an object');
  const tensors: TensorLocation[] = [];
  const metadata: Record<string, string> = {};
  const base = 8 + headerBytes;
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (isObject(entry))
        for (const [key, value] of Object.entries(entry))
          metadata[key] = typeof value === 'string' ? value : JSON.stringify(value);
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
    if (!isDtype(dtype) || !isIndexList(shape) || !isIndexList(offsets) || offsets.length !== 2) {
      throw bad(
        `Tensor "${name}" is described wrongly`,
        'dtype, shape, data_offsets',
        JSON.stringify(entry)?.slice(0, 200),
      );
    }
    const [start, end] = [offsets[0]!, offsets[1]!];
    const size = shape.reduce((product, n) => product * n, 1) * bytesPerElement[dtype];
    if (end - start !== size) {
      throw bad(
        `Tensor "${name}" has the wrong size`,
        `${size} bytes for ${dtype} [${shape.join(', ')}]`,
        `${end - start}`,
      );
    }
    if (fileBytes !== null && base + end > fileBytes) {
      throw bad(
        `Tensor "${name}" ends beyond the file`,
        `at most ${fileBytes - base}`,
        `${end}; is the download complete?`,
      );
    }
    tensors.push({ name, dtype, shape, source, start: base + start, end: base + end });
  }
  tensors.sort((a, b) => a.start - b.start || a.end - b.end);
  for (let i = 1; i < tensors.length; i++) {
    if (tensors[i]!.start < tensors[i - 1]!.end) {
      throw bad(`Tensors "${tensors[i - 1]!.name}" and "${tensors[i]!.name}" overlap`);
    }
  }
  return { tensors, metadata };
}

/** Writes a safetensors file of f32 tensors in the order given. */
export function writeSafetensors(
  tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: Float32Array;
  }[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + padded + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(text, 8);
  file.fill(0x20, 8 + text.length, 8 + padded);
  let at = 8 + padded;
  for (const { data } of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}
