import { Tokenizer } from '@huggingface/tokenizers';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { transfer } from 'comlink';
import {
  labelPurity,
  nearestNeighbours,
  nearPairs,
  principalPlane,
  trustworthiness,
  umapPlane,
  unitVectors,
} from '../compile/queryMap.ts';
import { InputError, throwIfCancelled, WorkbenchError } from '../core/errors.ts';
import type { Result } from './dataApi.ts';
import type {
  EmbedderCard,
  MapApi,
  MapOptions,
  MapProgress,
  MapTexts,
  MapVectors,
  QueryMap,
} from './mapApi.ts';
import { openEmbedderWorker, type EmbedderWorker } from './ortClient.ts';

/** Links that are drawn; further ones are only counted. */
const mostPairs = 2000;
/** Points that the map is judged on. */
const judgedPoints = 200;
/** Sentence-embedding models are made for short texts; longer ones are cut. */
const mostTokens = 256;
const batchSize = 16;

async function settled<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (!(error instanceof WorkbenchError)) throw error;
    return { ok: false, code: error.code, message: error.message, advice: error.detail.advice ?? null };
  }
}

/** The map worker's methods: one embedding model, one layout at a time. */
export class MapService implements MapApi {
  private embedder: {
    readonly worker: EmbedderWorker;
    readonly tokenizer: Tokenizer;
    readonly name: string;
  } | null = null;
  private controller: AbortController | null = null;

  openEmbedder(model: File, tokenizerFile: File): Promise<Result<EmbedderCard>> {
    return settled(async () => {
      let tokenizer: Tokenizer;
      try {
        const json = JSON.parse(await tokenizerFile.text()) as object;
        tokenizer = new Tokenizer(json, {});
        tokenizer.encode('a question');
      } catch (error) {
        throw new InputError('bad-tokenizer', 'The tokenizer beside the model cannot be read', {
          where: tokenizerFile.name,
          expected: 'tokenizer.json of the Hugging Face tokenizers library',
          actual: String(error),
        });
      }
      const bytes = new Uint8Array(await model.arrayBuffer());
      const digest = bytesToHex(sha256(bytes));
      const opened = await openEmbedderWorker(bytes, model.name);
      if (!opened.ok) throw new InputError(opened.code, opened.message, { ...(opened.advice ? { advice: opened.advice } : {}) }); // prettier-ignore
      const worker = opened.value;
      try {
        const { dim } = await worker.embed([tokenizer.encode('a question').ids]);
        this.embedder?.worker.end();
        this.embedder = { worker, tokenizer, name: model.name };
        return { name: model.name, dim, sizeBytes: model.size, sha256: digest, pooling: worker.pooling };
      } catch (error) {
        worker.end();
        throw new InputError('bad-embedder', 'The model does not run on token ids alone', {
          where: model.name,
          actual: String(error),
        });
      }
    });
  }

  async cancel(): Promise<void> {
    this.controller?.abort();
  }

  async layout(
    texts: MapTexts,
    vectors: MapVectors,
    options: MapOptions,
    onProgress: (progress: MapProgress) => void,
  ): Promise<Result<QueryMap>> {
    const controller = new AbortController();
    const { signal } = controller;
    const made = await settled(async () => {
      if (this.controller) throw new InputError('busy', 'A map is being made already');
      this.controller = controller;
      const elapsedMs = { embedding: 0, neighbours: 0, layout: 0, judging: 0 };
      const timed = async <T>(stage: MapProgress['stage'], work: () => Promise<T>): Promise<T> => {
        onProgress({ stage, done: 0, total: 1 });
        const startMs = performance.now();
        const value = await work();
        elapsedMs[stage] = performance.now() - startMs;
        return value;
      };
      const reporting = (stage: MapProgress['stage']) => ({
        signal,
        onProgress: (done: number, total: number) => onProgress({ stage, done, total }),
      });
      const { data, dim, name } =
        vectors.type === 'given'
          ? vectors
          : await timed('embedding', () => this.embed(texts.questions, signal, onProgress));
      const points = unitVectors(data, dim);
      const neighbours = await timed('neighbours', () =>
        nearestNeighbours(points, options.neighbours, reporting('neighbours')),
      );
      const plane = await timed('layout', () =>
        umapPlane(neighbours, principalPlane(points), options, reporting('layout')),
      );
      const trust = await timed('judging', () =>
        trustworthiness(points, plane, options.neighbours, judgedPoints, reporting('judging')),
      );
      const pairs = nearPairs(neighbours, options.threshold);
      const map: QueryMap = {
        texts,
        plane,
        pairs: pairs.slice(0, mostPairs),
        pairCount: pairs.length,
        purity: labelPurity(neighbours, texts.kinds),
        trustworthiness: trust,
        options,
        embedding: name,
        dim,
        elapsedMs,
      };
      return map;
    });
    if (this.controller === controller) this.controller = null;
    return made.ok ? transfer(made, [made.value.plane.buffer as ArrayBuffer]) : made;
  }

  private async embed(
    questions: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: MapProgress) => void,
  ): Promise<{ readonly data: Float32Array; readonly dim: number; readonly name: string }> {
    const { embedder } = this;
    if (!embedder) throw new InputError('no-embedder', 'No sentence-embedding model is open');
    let data = new Float32Array(0);
    let dim = 0;
    for (let start = 0; start < questions.length; start += batchSize) {
      throwIfCancelled(signal, 'embedding');
      const lists = questions
        .slice(start, start + batchSize)
        .map((question) => embedder.tokenizer.encode(question).ids.slice(0, mostTokens));
      const part = await embedder.worker.embed(lists);
      if (dim === 0) {
        dim = part.dim;
        data = new Float32Array(questions.length * dim);
      }
      data.set(part.data, start * dim);
      onProgress({ stage: 'embedding', done: start + lists.length, total: questions.length });
    }
    return { data, dim, name: embedder.name };
  }
}
