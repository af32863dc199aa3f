import type { BenchmarkId, Gold } from '../evaluate/benchmark.ts';
import type { Comparison, MatrixItems } from '../evaluate/comparison.ts';
import type { GenerateOptions } from '../evaluate/generateRows.ts';
import type { EvaluationResult, GradedItem } from '../evaluate/runEvaluation.ts';
import type { Failure } from './dataApi.ts';

/**
 * The evaluation worker: benchmark files, runs with their journals, grading, statistics. Everything here is
 * cloneable data; expected failures are values.
 */
export type EvaluateResult<T> = { readonly ok: true; readonly value: T } | Failure;

/** A benchmark file that can be evaluated. */
export interface BenchmarkData {
  /** sha256 of its bytes. */
  readonly id: string;
  readonly name: string;
  readonly benchmark: BenchmarkId;
  readonly label: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly modes: readonly string[];
  /** Not kept beyond this visit (GPQA). */
  readonly isPrivate: boolean;
  /** Its rows can stand as worked examples before another file's questions (MMLU-Pro's validation split). */
  readonly areShots: boolean;
  /** Rows that break a fact of the published data: the first few, in words, and how many. */
  readonly problems: readonly string[];
  readonly problemCount: number;
}

/** Who answers. Keys are not part of it: they are given with each start and never stored. */
export type SubjectRequest =
  | { readonly type: 'engine'; readonly name: string; readonly identity: string }
  | {
      readonly type: 'endpoint';
      readonly url: string;
      readonly model: string;
      readonly concurrency: number;
      readonly requestsPerMinute: number | null;
    }
  | { readonly type: 'responses'; readonly name: string; readonly sha256: string };

export interface RunRequest {
  readonly dataId: string;
  /** The file of worked examples before each question; absent without any. */
  readonly shotsId?: string;
  readonly subject: SubjectRequest;
  readonly seeds: number;
  readonly mode: string;
  readonly limit: number | null;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly varyPresentation: boolean;
}

export type RunPhase = 'running' | 'stopped' | 'done' | 'failed';

/** A run as lists show it. */
export interface RunSummary {
  readonly id: string;
  readonly request: RunRequest;
  readonly benchmark: BenchmarkId;
  readonly dataName: string;
  readonly subject: string;
  readonly phase: RunPhase;
  readonly questions: number;
  readonly done: number;
  readonly failed: number;
  /** Mean score of what was answered so far; null before the first. */
  readonly mean: number | null;
  readonly message: string | null;
  /** False when its data is not here any more: it can be read but not gone on with. */
  readonly canResume: boolean;
  /** When it was first started, ms since 1970; null for runs of versions that did not note it. */
  readonly createdAt: number | null;
}

/** What of a text agrees with the other text. */
export interface DiffPart {
  readonly text: string;
  readonly matches: boolean;
}

/** One response beside what was wanted. */
export interface ItemView {
  readonly index: number;
  readonly seed: number;
  /** The last message of the prompt, cut; null for private items. */
  readonly question: string | null;
  readonly questionLength: number;
  readonly response: string | null;
  readonly thinking: string | null;
  readonly finish: 'stop' | 'length' | 'failed';
  readonly error: string | null;
  readonly gold: Gold | null;
  /** Texts with their agreeing parts (MRCR). */
  readonly diff: { readonly response: readonly DiffPart[]; readonly answer: readonly DiffPart[] } | null;
  /** Set difference (GraphWalks). */
  readonly sets: {
    readonly both: readonly string[];
    readonly missing: readonly string[];
    readonly extra: readonly string[];
    readonly parsed: boolean;
  } | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly attempts: number;
}

/** Two runs compared, with the items of each cell of their matrix; null where there is none. */
export interface RunComparison extends Comparison {
  readonly cells: MatrixItems | null;
}

/** A question for the page's engine; resolves with the reply, or a failure in words. */
export type EngineCall = (
  messages: readonly { readonly role: string; readonly content: string }[],
  options: {
    readonly maxNewTokens: number;
    readonly temperature: number;
    readonly topP: number;
    readonly seed: number;
  },
) => Promise<
  | {
      readonly ok: true;
      readonly text: string;
      readonly isCut: boolean;
      /** The prompt ends with an opened `<think>`: the reply begins as reasoning. */
      readonly opensThinking: boolean;
      readonly promptTokens: number;
      readonly completionTokens: number;
    }
  | { readonly ok: false; readonly message: string; readonly isFatal: boolean }
>;

/** What a start needs besides the request and must not be stored. */
export interface RunMeans {
  readonly key: string | null;
  readonly responses: File | null;
}

/** Opens a port to the relay document, one a request. */
export type OpenPort = () => Promise<MessagePort>;

export interface EvaluateEvents {
  readonly runs: readonly RunSummary[];
  readonly data: readonly BenchmarkData[];
}

export interface EvaluateApi {
  /** @param baseUrl address of the page, below which the tokenizer lies */
  start(onChange: (state: EvaluateEvents) => void, baseUrl: string): Promise<void>;
  /** Shows the files and runs of a project; called before anything else, and with no run under way. */
  openProject(id: string): Promise<void>;
  addFile(file: File): Promise<EvaluateResult<BenchmarkData>>;
  generate(options: GenerateOptions): Promise<EvaluateResult<BenchmarkData>>;
  /** Begins a run, or goes on with the one of the same identity; resolves to its id at once. */
  startRun(
    request: RunRequest,
    means: RunMeans,
    engine: EngineCall | null,
    openPort: OpenPort | null,
  ): Promise<EvaluateResult<string>>;
  cancel(runId: string): Promise<void>;
  deleteRun(runId: string): Promise<void>;
  result(runId: string): Promise<EvaluationResult | null>;
  /** What is asked by each row of a benchmark: its last message, the end of it where it is long. */
  questions(dataId: string): Promise<readonly string[]>;
  items(runId: string): Promise<readonly GradedItem[]>;
  item(runId: string, index: number, seed: number): Promise<EvaluateResult<ItemView>>;
  compare(beforeId: string, afterId: string): Promise<EvaluateResult<RunComparison | null>>;
}
