import type { BenchmarkText } from '../compile/curate/decontaminate.ts';
import type { CurationOptions } from '../compile/setCurator.ts';
import type { MappedOutcome } from '../compile/setReducer.ts';
import type { CatalogIssue } from '../compile/sql/catalog.ts';
import type { CompileOptions, Example } from '../compile/types.ts';
import type { TrajectoryLocator } from '../trajectories/import.ts';
import type { TokenizerBytes } from './tokenizers.ts';

/** What every worker of a compile run needs once. */
export interface CompileSetup {
  readonly options: CompileOptions;
  /** Null when tokens are not counted. */
  readonly tokenizer: TokenizerBytes | null;
  readonly databases: readonly { readonly name: string; readonly blob: Blob }[];
  readonly curation: CurationOptions;
  readonly benchmarks: readonly BenchmarkText[];
}

/**
 * Trajectories of one source file, consecutive in input order. `seek`: each is read by its own place.
 * `stream`: the file must be passed through from the start (compressed, columnar), and the k-th trajectory it
 * yields is the one whose `number` is k.
 */
export interface CompileTask {
  readonly mode: 'seek' | 'stream';
  readonly source: { readonly path: string; readonly blob: Blob; readonly sha256: string };
  readonly items: readonly { readonly locator: TrajectoryLocator; readonly number: number }[];
  /** For `seek` over plain bytes: one range that holds all the records, read at once. */
  readonly window: { readonly start: number; readonly end: number } | null;
}

/** Facts of an example for its row in the table; they travel with its meta through the reduce step. */
export interface ExampleFacts {
  readonly questionPreview: string;
  readonly answerPreview: string;
  readonly trajectoryId: string;
  readonly droppedCount: number;
  readonly failCount: number;
  readonly warnCount: number;
  readonly passCount: number;
  /** Relative places (0 … 1) of the middles of gold and distractor pieces in the context. */
  readonly goldPlaces: readonly number[];
  readonly distractorPlaces: readonly number[];
}

/** The mapped outcome of one trajectory; `facts` is null for a rejection. */
export interface MappedItem {
  readonly outcome: MappedOutcome;
  readonly facts: ExampleFacts | null;
}

/** A trajectory that could not be read again, or a bug met in one: it becomes a rejection. */
export const unreadableCode = 'unreadable-record';

/** The methods of a pool worker. */
export interface CompileWorkerApi {
  prepare(
    setup: CompileSetup,
  ): Promise<
    | { readonly ok: true; readonly databaseIssues: readonly CatalogIssue[] }
    | { readonly ok: false; readonly message: string }
  >;
  /** Outcomes of the items, in their order. Waits after each batch until `onItems` has room for more. */
  run(task: CompileTask, onItems: (items: readonly MappedItem[]) => Promise<void>): Promise<void>;
  /** One example in full, for the preview. */
  preview(task: CompileTask): Promise<{ readonly example: Example | null; readonly item: MappedItem } | null>;
  sha256(blob: Blob): Promise<string>;
}
