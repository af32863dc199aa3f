import type { NearPair } from '../compile/queryMap.ts';
import type { AgentKind } from '../trajectories/schema.ts';
import type { Result } from './dataApi.ts';

/** The map worker: embeddings by a dropped ONNX model, neighbours, UMAP. Everything here is cloneable. */

/** What can be laid out: a set's questions, and benchmark items beside them. */
export interface MapTexts {
  readonly ids: readonly string[];
  readonly kinds: readonly (AgentKind | 'benchmark')[];
  readonly questions: readonly string[];
  /** Tokens of the prompt; 0 for benchmark items. */
  readonly tokens: readonly number[];
}

/** A sentence-embedding model as it was opened. */
export interface EmbedderCard {
  readonly name: string;
  readonly dim: number | null;
  readonly sizeBytes: number;
  /** sha256 of the model, hex. */
  readonly sha256: string;
  /** How a vector is made of its outputs, in words. */
  readonly pooling: string;
}

export interface MapOptions {
  readonly neighbours: number;
  readonly minDist: number;
  readonly seed: number;
  /** Cosine from which two queries are linked. */
  readonly threshold: number;
}

export interface MapProgress {
  readonly stage: 'embedding' | 'neighbours' | 'layout' | 'judging';
  readonly done: number;
  readonly total: number;
}

/** A map as drawn. */
export interface QueryMap {
  readonly texts: MapTexts;
  /** [n, 2] */
  readonly plane: Float32Array;
  /** At most `mostPairs`; `pairCount` is all of them. */
  readonly pairs: readonly NearPair[];
  readonly pairCount: number;
  /** Share of a query's neighbours among the embeddings that are of its kind. */
  readonly purity: number;
  readonly trustworthiness: number;
  readonly options: MapOptions;
  /** What embedded, in words. */
  readonly embedding: string;
  readonly dim: number;
  readonly elapsedMs: Readonly<Record<MapProgress['stage'], number>>;
}

export type MapVectors =
  | { readonly type: 'given'; readonly data: Float32Array; readonly dim: number; readonly name: string }
  | { readonly type: 'embedder' };

export interface MapApi {
  /** Opens a sentence-embedding model with the tokenizer beside it. */
  openEmbedder(model: File, tokenizer: File): Promise<Result<EmbedderCard>>;
  layout(
    texts: MapTexts,
    vectors: MapVectors,
    options: MapOptions,
    onProgress: (progress: MapProgress) => void,
  ): Promise<Result<QueryMap>>;
  cancel(): Promise<void>;
}
