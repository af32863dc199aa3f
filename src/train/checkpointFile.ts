import type { ByteSource } from '../core/byteSource.ts';
import { InputError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { readSafetensorsHeader, type TensorLocation } from '../model/safetensors.ts';
import type { TrainedTensors, TrainerState } from './types.ts';

/**
 * A checkpoint to go on from is one safetensors file: `<module>|loraA`, `|loraB`, `|mA`, `|mB`, `|vA`, `|vB` in f32,
 * and in the metadata the step, the hashes of what the run was started with, and the run's own counters as JSON.
 */
const formatName = 'acc-train-checkpoint-1';
const parts = ['loraA', 'loraB', 'mA', 'mB', 'vA', 'vB'] as const;

/** What the run keeps besides the trainer's arrays. */
export interface CheckpointFacts {
  readonly step: number;
  /** Hash of config, data and base model: another run's checkpoint is refused. */
  readonly identity: string;
  /** Hash of the chat template; null in files that were written before it was kept. */
  readonly templateSha256: string | null;
  /** Counters of the run, e.g. tokens so far and the best held-out loss. */
  readonly run: JsonObject;
}

function shapeOf(tensors: TrainedTensors, part: (typeof parts)[number]): readonly [number, number] {
  return part.endsWith('A') ? [tensors.rank, tensors.inFeatures] : [tensors.outFeatures, tensors.rank];
}

function* arraysOf(state: TrainerState): Generator<{
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly data: Float32Array;
}> {
  for (const module of [...state.tensors.keys()].sort()) {
    const tensors = state.tensors.get(module)!;
    for (const part of parts) {
      yield { name: `${module}|${part}`, shape: shapeOf(tensors, part), data: tensors[part] };
    }
  }
}

/** The file in pieces: arrays are not copied. Equal states give equal bytes. */
export function* checkpointPieces(state: TrainerState, facts: CheckpointFacts): Generator<Uint8Array> {
  const header: Record<string, unknown> = {
    __metadata__: {
      format: formatName,
      step: String(facts.step),
      identity: facts.identity,
      ...(facts.templateSha256 === null ? {} : { template: facts.templateSha256 }),
      run: JSON.stringify(facts.run),
    },
  };
  let offset = 0;
  for (const { name, shape, data } of arraysOf(state)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const lead = new Uint8Array(8 + padded).fill(0x20);
  new DataView(lead.buffer).setBigUint64(0, BigInt(padded), true);
  lead.set(text, 8);
  yield lead;
  for (const { data } of arraysOf(state)) {
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

async function floatsOf(tensor: TensorLocation): Promise<Float32Array> {
  const bytes = await tensor.source.read(tensor.start, tensor.end);
  if (bytes.length !== tensor.end - tensor.start) {
    throw new InputError('bad-checkpoint', 'The training checkpoint ends early', {
      where: tensor.source.name,
    });
  }
  // Copied: the bytes may begin anywhere, floats must not.
  return new Float32Array(bytes.slice().buffer);
}

function refusal(source: ByteSource, actual: string): InputError {
  return new InputError('bad-checkpoint', 'This is no training checkpoint', {
    where: source.name,
    expected: formatName,
    actual,
  });
}

function factsOf(source: ByteSource, metadata: Readonly<Record<string, string>>): CheckpointFacts {
  if (metadata['format'] !== formatName) throw refusal(source, metadata['format'] ?? 'no format');
  const step = Number(metadata['step']);
  let run: JsonValue;
  try {
    run = JSON.parse(metadata['run'] ?? '') as JsonValue;
  } catch {
    throw refusal(source, 'unreadable run facts');
  }
  if (!Number.isSafeInteger(step) || step < 0 || !isObject(run)) {
    throw refusal(source, `step ${metadata['step']}`);
  }
  return {
    step,
    identity: metadata['identity'] ?? '',
    templateSha256: metadata['template'] ?? null,
    run,
  };
}

/** What the run kept besides the arrays, which are not read. @throws InputError as `readCheckpoint` */
export async function readCheckpointFacts(source: ByteSource): Promise<CheckpointFacts> {
  return factsOf(source, (await readSafetensorsHeader(source)).metadata);
}

/** Reads what `checkpointPieces` wrote. @throws InputError for anything else, or for a file that was cut */
export async function readCheckpoint(
  source: ByteSource,
): Promise<{ readonly state: TrainerState; readonly facts: CheckpointFacts }> {
  const { tensors, metadata } = await readSafetensorsHeader(source);
  const facts = factsOf(source, metadata);
  const byModule = new Map<string, Partial<Record<(typeof parts)[number], TensorLocation>>>();
  for (const tensor of tensors) {
    const at = tensor.name.lastIndexOf('|');
    const part = parts.find((name) => name === tensor.name.slice(at + 1));
    if (at < 0 || !part || tensor.dtype !== 'F32') throw refusal(source, `tensor ${tensor.name}`);
    const module = tensor.name.slice(0, at);
    byModule.set(module, { ...byModule.get(module), [part]: tensor });
  }
  const state = new Map<string, TrainedTensors>();
  for (const [module, found] of byModule) {
    const { loraA, loraB, mA, mB, vA, vB } = found;
    if (!loraA || !loraB || !mA || !mB || !vA || !vB)
      throw refusal(source, `${module} without all of its arrays`);
    const [rank, inFeatures] = [loraA.shape[0] ?? 0, loraA.shape[1] ?? 0];
    const outFeatures = loraB.shape[0] ?? 0;
    state.set(module, {
      rank,
      inFeatures,
      outFeatures,
      loraA: await floatsOf(loraA),
      loraB: await floatsOf(loraB),
      mA: await floatsOf(mA),
      mB: await floatsOf(mB),
      vA: await floatsOf(vA),
      vB: await floatsOf(vB),
    });
  }
  return { state: { step: facts.step, tensors: state }, facts };
}
