import type { EngineClient } from '../workers/engineClient.ts';
import type { EvaluateClient } from '../workers/evaluateClient.ts';
import type { Failure, Result } from '../workers/dataApi.ts';
import type {
  EmbedderCard,
  MapOptions,
  MapProgress,
  MapTexts,
  MapVectors,
  QueryMap,
} from '../workers/mapApi.ts';
import type { MapClient } from '../workers/mapClient.ts';
import { goneFailureOf } from '../workers/workerLink.ts';
import type { SliceCreator } from './slice.ts';

/** What makes vectors of the questions. */
export type MapSource = 'model' | 'embedder';

/** The map of a set's queries. */
export interface MapSlice {
  readonly source: MapSource;
  readonly embedder: EmbedderCard | null;
  readonly options: MapOptions;
  /** Benchmark data to lay over the set; null for none. */
  readonly benchmarkId: string | null;
  readonly work: MapProgress | 'reading' | 'opening' | null;
  readonly failure: Pick<Failure, 'message' | 'advice'> | null;
  /** The map and the set it shows. */
  readonly shown: { readonly setId: string; readonly map: QueryMap } | null;
  readonly setSource: (source: MapSource) => void;
  readonly setOptions: (changes: Partial<MapOptions>) => void;
  readonly setBenchmark: (id: string | null) => void;
  readonly openEmbedder: (files: readonly File[]) => Promise<void>;
  /** Makes the map of a set, or of texts given; the result is shown unless it failed. */
  readonly make: (setId: string, given?: MapTexts) => Promise<Result<QueryMap>>;
  readonly cancel: () => void;
  readonly dismissFailure: () => void;
}

const failed = (code: string, message: string, advice: string | null = null): Failure => ({
  ok: false,
  code,
  message,
  advice,
});

/** Builds the slice over the map worker; questions come from the data worker, the model's vectors from the engine. */
export function createMapSlice(
  client: MapClient,
  engine: EngineClient,
  evaluation: EvaluateClient,
): SliceCreator<MapSlice> {
  return ({ set, get, app, data }) => {
    const textsOf = async (setId: string): Promise<Result<MapTexts>> => {
      const read = await data.readQuestions(setId);
      if (!read.ok) return read;
      const { ids, kinds, questions, tokens } = read.value;
      const { benchmarkId } = get();
      const items = benchmarkId === null ? [] : await evaluation.questions(benchmarkId);
      const value: MapTexts = {
        ids: [...ids, ...items.map((_, index) => `row ${index}`)],
        kinds: [...kinds, ...items.map(() => 'benchmark' as const)],
        questions: [...questions, ...items],
        tokens: [...tokens, ...items.map(() => 0)],
      };
      return { ok: true, value };
    };

    const vectorsOf = async (texts: MapTexts): Promise<Result<MapVectors>> => {
      if (get().source === 'embedder') return { ok: true, value: { type: 'embedder' } };
      set({ work: { stage: 'embedding', done: 0, total: texts.ids.length } });
      const embedded = await app().model.embed(texts.questions);
      return embedded.ok ? { ok: true, value: { type: 'given', ...embedded.value } } : embedded;
    };

    const makeNow = async (setId: string, given?: MapTexts): Promise<Result<QueryMap>> => {
      const texts: Result<MapTexts> = given ? { ok: true, value: given } : await textsOf(setId);
      if (!texts.ok) return texts;
      if (texts.value.ids.length < 2) return failed('no-queries', 'A map needs at least two queries');
      const vectors = await vectorsOf(texts.value);
      if (!vectors.ok) return vectors;
      return client.layout(texts.value, vectors.value, get().options, (work) => {
        if (get().work !== null) set({ work });
      });
    };

    return {
      source: 'model',
      embedder: null,
      options: { neighbours: 15, minDist: 0.1, seed: 0, threshold: 0.95 },
      benchmarkId: null,
      work: null,
      failure: null,
      shown: null,
      setSource: (source) => set({ source }),
      setOptions: (changes) => set(({ options }) => ({ options: { ...options, ...changes } })),
      setBenchmark: (benchmarkId) => set({ benchmarkId }),
      openEmbedder: async (files) => {
        const model = files.find(({ name }) => name.endsWith('.onnx'));
        const tokenizer = files.find(({ name }) => name === 'tokenizer.json');
        if (!model || !tokenizer) {
          const missing = model ? 'tokenizer.json' : 'the .onnx file';
          const advice = 'choose the .onnx file and the tokenizer.json that belongs to it together';
          set({ failure: { message: `${missing} is not among the chosen files`, advice } });
          return;
        }
        set({ work: 'opening', failure: null });
        const opened = await client.openEmbedder(model, tokenizer);
        if (opened.ok) set({ embedder: opened.value, source: 'embedder', work: null });
        else set({ failure: opened, work: null });
      },
      make: async (setId, given) => {
        if (get().work !== null) return failed('busy', 'A map is being made already');
        set({ work: 'reading', failure: null });
        const made = await makeNow(setId, given).catch(goneFailureOf);
        set({ work: null });
        if (made.ok) set({ shown: { setId, map: made.value } });
        else if (made.code !== 'cancelled') set({ failure: { message: made.message, advice: made.advice } });
        return made;
      },
      cancel: () => {
        void client.cancel();
        if (app().model.work?.kind === 'embedding') void engine.cancel();
      },
      dismissFailure: () => set({ failure: null }),
    };
  };
}
