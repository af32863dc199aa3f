import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { CompileMapper } from '../compile/compileMapper.ts';
import { estimateCounter, exactCounter, type TokenCounter } from '../compile/countText.ts';
import { ExampleSigner } from '../compile/setCurator.ts';
import type { MappedOutcome } from '../compile/setReducer.ts';
import { DatabaseCatalog } from '../compile/sql/catalog.ts';
import type { Example } from '../compile/types.ts';
import type { ByteSource } from '../core/byteSource.ts';
import { messageOf } from '../core/errors.ts';
import { openBundledTokenizer } from '../tokenizer/bundledTokenizers.ts';
import { ChatTemplate } from '../tokenizer/chatTemplate.ts';
import { PairCounter } from '../tokenizer/countPair.ts';
import { completeTrajectory } from '../trajectories/extract/complete.ts';
import { withBeside } from '../trajectories/folder/verdictBook.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import { importFile, openTrajectory, type TrajectoryLocator } from '../trajectories/import.ts';
import { blobSource } from '../trajectories/io/sources.ts';
import type { Trajectory } from '../trajectories/schema.ts';
import {
  unreadableCode,
  type CompileSetup,
  type CompileTask,
  type CompileWorkerApi,
  type ExampleFacts,
  type MappedItem,
} from './compileTask.ts';
import { factsOf } from './exampleFacts.ts';

/** Outcomes are sent in batches of about this many characters, so that memory stays bounded in both workers. */
const batchLength = 4_000_000;
/** Larger files are hashed piece by piece: the browser's own function needs all bytes at once. */
const webCryptoBytes = 64 * 1024 * 1024;
const hashChunkBytes = 4 * 1024 * 1024;

/** A blob of which one range is held in memory; reads inside it cost nothing. */
async function windowedSource(
  path: string,
  blob: Blob,
  window: { readonly start: number; readonly end: number },
): Promise<ByteSource> {
  const held = new Uint8Array(await blob.slice(window.start, window.end).arrayBuffer());
  const outer = blobSource(path, blob);
  return {
    ...outer,
    read: (start, end) =>
      start >= window.start && end <= window.end
        ? Promise.resolve(held.subarray(start - window.start, end - window.start))
        : outer.read(start, end),
  };
}

/** Counts as the command line does: the tokenizer under its own chat template or Qwen3's, or an estimate. */
export function counterOf(setup: Pick<CompileSetup, 'tokenizer'>): TokenCounter {
  if (!setup.tokenizer) return estimateCounter;
  const { bytes, name, template } = setup.tokenizer;
  const tokenizer = openBundledTokenizer(bytes, name);
  return exactCounter(tokenizer, new PairCounter(tokenizer, new ChatTemplate(template)));
}

/** Curation is asked about examples only when it has a rule that could refuse one. */
export function needsSignatures({
  curation,
  benchmarks,
}: Pick<CompileSetup, 'curation' | 'benchmarks'>): boolean {
  return curation.dedup !== 'none' || curation.evalShare > 0 || benchmarks.length > 0;
}

/** One worker of the compile pool: opens records and runs the map step. */
export class CompileWorker implements CompileWorkerApi {
  #mapper: CompileMapper | null = null;
  #catalog: DatabaseCatalog | null = null;
  #sha256 = '';
  #facts: ExampleFacts | null = null;
  #example: Example | null = null;

  async prepare(setup: CompileSetup): ReturnType<CompileWorkerApi['prepare']> {
    try {
      this.#catalog?.close();
      this.#catalog = null;
      const files = await Promise.all(
        setup.databases.map(async ({ name, blob }) => ({
          name,
          bytes: new Uint8Array(await blob.arrayBuffer()),
        })),
      );
      if (files.length > 0) this.#catalog = await DatabaseCatalog.load(files);
      const context = {
        options: setup.options,
        counter: counterOf(setup),
        catalog: this.#catalog,
        sha256Of: () => this.#sha256,
      };
      const signer = needsSignatures(setup) ? new ExampleSigner(setup.curation, setup.benchmarks) : null;
      this.#mapper = new CompileMapper(context, (example, pieces) => {
        this.#facts = factsOf(example);
        this.#example = example;
        return signer?.sign(example, pieces) ?? null;
      });
      return { ok: true, databaseIssues: this.#catalog?.issues ?? [] };
    } catch (error) {
      return { ok: false, message: messageOf(error) };
    }
  }

  async run(task: CompileTask, onItems: (items: readonly MappedItem[]) => Promise<void>): Promise<void> {
    let batch: MappedItem[] = [];
    let length = 0;
    for await (const item of this.#map(task)) {
      batch.push(item);
      length += 'line' in item.outcome ? item.outcome.line.length : 200;
      if (length < batchLength) continue;
      await onItems(batch);
      batch = [];
      length = 0;
    }
    if (batch.length > 0) await onItems(batch);
  }

  async preview(task: CompileTask): ReturnType<CompileWorkerApi['preview']> {
    for await (const item of this.#map(task)) return { example: this.#example, item };
    return null;
  }

  async sha256(blob: Blob): Promise<string> {
    if (blob.size <= webCryptoBytes) {
      const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
      return bytesToHex(new Uint8Array(digest));
    }
    const hash = sha256.create();
    for (let start = 0; start < blob.size; start += hashChunkBytes) {
      hash.update(new Uint8Array(await blob.slice(start, start + hashChunkBytes).arrayBuffer()));
    }
    return bytesToHex(hash.digest());
  }

  async *#map(task: CompileTask): AsyncGenerator<MappedItem> {
    const { path, blob, sha256: hash } = task.source;
    this.#sha256 = hash;
    if (task.mode === 'stream') {
      yield* this.#mapStream(task);
      return;
    }
    const source = task.window ? await windowedSource(path, blob, task.window) : blobSource(path, blob);
    for (const { locator } of task.items) {
      let trajectory: Trajectory;
      try {
        trajectory = await openTrajectory(source, locator);
      } catch (error) {
        yield unreadable(locator, messageOf(error));
        continue;
      }
      yield this.#mapOne(trajectory);
    }
  }

  async *#mapStream(task: CompileTask): AsyncGenerator<MappedItem> {
    const { path, blob } = task.source;
    let next = 0;
    let number = 0;
    // Drafts pass through: only those that are wanted are completed.
    const complete = (draft: DraftTrajectory): Trajectory => draft as Trajectory;
    for await (const event of importFile(blobSource(path, blob), { complete })) {
      if (event.type !== 'trajectory') continue;
      const item = task.items[next];
      if (!item) return;
      if (item.number !== number++) continue;
      next++;
      const { id, envelope } = item.locator;
      const beside = envelope?.type === 'beside' ? envelope.beside : null;
      yield this.#mapOne(completeTrajectory({ ...withBeside(event.trajectory, beside), id }));
    }
    for (const { locator } of task.items.slice(next)) {
      yield unreadable(locator, 'the file no longer holds this record');
    }
  }

  #mapOne(trajectory: Trajectory): MappedItem {
    if (!this.#mapper) throw new Error('Internal error: the compile worker was not prepared');
    this.#facts = null;
    this.#example = null;
    const outcome: MappedOutcome = this.#mapper.mapTrajectory(trajectory);
    return { outcome, facts: this.#facts };
  }
}

function unreadable(locator: TrajectoryLocator, reason: string): MappedItem {
  return {
    facts: null,
    outcome: {
      rejection: {
        trajectoryId: locator.id,
        file: locator.file,
        record: locator.record,
        kind: 'other',
        stage: 'other',
        code: unreadableCode,
        reason: `the record could not be read again: ${reason}`,
      },
    },
  };
}
