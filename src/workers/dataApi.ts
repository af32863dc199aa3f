import type {
  CompileOptions,
  CompileReport,
  EvidenceRole,
  EvidenceSource,
  Example,
  Rejection,
} from '../compile/types.ts';
import type { CurationOptions } from '../compile/setCurator.ts';
import type { JsonValue } from '../core/json.ts';
import type { InspectedExample, MaskOptions } from '../train/masks.ts';
import type { AgentKind, Issue, Severity, Trajectory, TrajectorySummary } from '../trajectories/schema.ts';

/**
 * The data worker: the one owner of files, the index of trajectories, the compile pool and the project on disk.
 * Everything here is cloneable data. Expected failures are values (`Result`); a thrown error is a bug.
 * Long work returns a job id at once and reports through `DataEvent`s, batched to one call an animation frame.
 */

/** An expected failure, ready to be shown: what, where, what to do. `code` is stable kebab-case. */
export interface Failure {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
  readonly advice: string | null;
}
export type Result<T> = { readonly ok: true; readonly value: T } | Failure;

// ---------------------------------------------------------------------------------------------------------
// Session and storage

/** Where the project lives. `memory` means that it is lost on reload; `reason` says why, for the reader. */
export interface StorageState {
  readonly kind: 'opfs' | 'memory';
  readonly reason: string | null;
  readonly usageBytes: number | null;
  readonly quotaBytes: number | null;
  /** The browser has promised not to clear it by itself when the disk runs full. */
  readonly isPersistent: boolean;
  /** Files of at most this size are copied into the project, so that they survive a reload. */
  readonly copyLimitBytes: number;
}

export type SpaceKind =
  | 'copies'
  | 'sets'
  | 'exports'
  | 'checkpoints'
  | 'runs'
  | 'evaluations'
  | 'measurements'
  | 'index'
  | 'models'
  | 'downloads';

/** Something that takes space in the browser's storage. */
export interface SpaceItem {
  readonly id: string;
  readonly kind: SpaceKind;
  /** The project's name, the model's, or what it is. */
  readonly label: string;
  /** Null: of the page, not of a project. */
  readonly projectId: string | null;
  readonly sizeBytes: number;
  /** How it may be removed; null where it goes only with its project. `needsConfirm`: there may be no other copy. */
  readonly removal: { readonly consequence: string; readonly needsConfirm: boolean } | null;
}

/** What a project holds, without opening it: the Resume card. */
export interface ProjectSummary {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly changedAt: number;
  readonly fileCount: number;
  readonly trajectoryCount: number;
  readonly setCount: number;
  readonly sizeBytes: number;
  readonly isSample: boolean;
}

/** Everything a page needs to draw itself after (re)opening a project. */
export interface OpenedProject {
  readonly project: ProjectSummary;
  readonly storage: StorageState;
  readonly files: readonly ImportedFile[];
  readonly trajectoryCount: number;
  readonly sets: readonly CompiledSet[];
  readonly projects: readonly ProjectSummary[];
  /** View settings saved with the project; versioned by the state layer. */
  readonly settings: JsonValue | null;
  readonly poolSize: number;
  /** Every format that can be read, for the list on Start. */
  readonly formats: readonly { readonly id: string; readonly label: string }[];
  /** What the compile form starts with. */
  readonly defaultOptions: CompileOptions;
}

/** How the open project is saved as one file. */
export interface SaveProjectRequest {
  /** Copies of the files that the project only refers to go in too, as far as they can be read now. */
  readonly withReferenced: boolean;
  /** The checkpoints of training runs go in too: without them a run can be used but not gone on with. */
  readonly withCheckpoints: boolean;
  /** Write here (from the save picker); without it the result is a File to download. */
  readonly handle?: FileSystemFileHandle | undefined;
}
export interface SavedProject {
  readonly fileName: string;
  readonly sizeBytes: number;
  /** Files of the project whose bytes are not in it. */
  readonly leftOut: readonly string[];
  /** Null when it was written through a handle. */
  readonly file: File | null;
}

// ---------------------------------------------------------------------------------------------------------
// Jobs and events

export type JobKind = 'import' | 'compile' | 'export' | 'save' | 'open';
export type JobPhase = 'running' | 'paused' | 'done' | 'failed' | 'cancelled';

/** A piece of long work, as the job tray shows it. */
export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  /** `Import of 3 files`, `Compile 1,204 trajectories`. */
  readonly label: string;
  readonly phase: JobPhase;
  /** What is being done now, e.g. `reading runs.jsonl`. */
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  readonly doneItems: number;
  readonly totalItems: number | null;
  readonly elapsedMs: number;
  /** Over the last few seconds; null while unknown. */
  readonly bytesPerSecond: number | null;
  readonly itemsPerSecond: number | null;
  /** Null while unknown. */
  readonly remainingMs: number | null;
  /** How it ended, or why it failed. */
  readonly message: string | null;
  /** A cancelled or interrupted compile can go on where it stopped: `resumeCompile(setId)`. */
  readonly resumable: boolean;
  /** The compiled set this job makes or exports. */
  readonly setId: string | null;
}

/** What changed; the page asks again for what it shows. */
export type DataEvent =
  | { readonly type: 'job'; readonly job: Job }
  | { readonly type: 'files'; readonly files: readonly ImportedFile[] }
  /** The index grew or changed: `revision` differs from every earlier one. */
  | { readonly type: 'trajectories'; readonly count: number; readonly revision: number }
  | { readonly type: 'sets'; readonly sets: readonly CompiledSet[] }
  | { readonly type: 'examples'; readonly setId: string; readonly revision: number }
  | { readonly type: 'storage'; readonly storage: StorageState }
  | { readonly type: 'project'; readonly project: ProjectSummary }
  /** The project that would have been opened is open in another tab. */
  | { readonly type: 'in-use'; readonly project: Pick<ProjectSummary, 'id' | 'name'> }
  /** Another tab wants the open project: end what is under way, then call `releaseProject`. */
  | { readonly type: 'release-asked' }
  /** Said by the page's end: the worker went away. `start` begins another, unless it is again within a short time. */
  | { readonly type: 'worker-gone'; readonly failure: Failure; readonly isAgain: boolean }
  /** Something the reader should know that belongs to no job. */
  | { readonly type: 'notice'; readonly severity: Severity; readonly code: string; readonly message: string };

// ---------------------------------------------------------------------------------------------------------
// Import

/** Where bytes come from. `path` is the name the user knows, with '/' for folders. */
export type ImportSource =
  | {
      readonly type: 'file';
      readonly file: File;
      readonly path: string;
      readonly handle?: FileSystemFileHandle | undefined;
    }
  /** A whole folder is one entry of the project, whatever the number of files in it. */
  | {
      readonly type: 'folder';
      readonly path: string;
      /** Paths begin with the folder's own name. */
      readonly files: readonly { readonly path: string; readonly file: File }[];
      readonly handle?: FileSystemDirectoryHandle | undefined;
    }
  /** `relay`: the port of a frame that may reach other origins; without it the address must be of our own. */
  | { readonly type: 'url'; readonly url: string; readonly relay?: MessagePort | undefined }
  /** Pasted text; read as if it were a file called `name`. */
  | { readonly type: 'text'; readonly text: string; readonly name: string }
  /** Runs of scripted agents in a made-up world, made here and now. */
  | { readonly type: 'world'; readonly count: number; readonly seed: number };

/** Sources whose bytes are there, or have an address. */
export type ReadySource = Exclude<ImportSource, { readonly type: 'world' }>;

/** What a file serves for, found by content. `companion`: it only says something about runs of other files. */
export type FileRole = 'trajectories' | 'database' | 'benchmark' | 'tokenizer' | 'companion' | 'unknown';
export type FilePhase = 'waiting' | 'reading' | 'done' | 'failed' | 'cancelled';

/** One imported file or folder and how it came out. */
export interface ImportedFile {
  readonly id: number;
  readonly path: string;
  readonly sizeBytes: number;
  /** Files in it: 1, or those of a folder. */
  readonly memberCount: number;
  readonly isFolder: boolean;
  readonly role: FileRole;
  readonly phase: FilePhase;
  /** Recognised formats with their number of trajectories (containers and mixed files have several). */
  readonly formats: readonly {
    readonly id: string;
    readonly label: string;
    readonly trajectoryCount: number;
    readonly evidence: string;
  }[];
  readonly trajectoryCount: number;
  /** Databases found in it (the file itself, or members of an archive). */
  readonly databases: readonly { readonly file: string; readonly kind: string }[];
  readonly errorCount: number;
  readonly warningCount: number;
  /** In words: the result, or why it failed. */
  readonly message: string | null;
  /**
   * How the bytes are kept: copied into the project; by a stored handle (the browser asks for permission after a
   * reload); only while this tab is open; or not at all any more.
   */
  readonly keptBy: 'copy' | 'handle' | 'tab' | 'missing';
  /** A stored handle needs `requestAccess` in a click before its records can be opened again. */
  readonly needsPermission: boolean;
}

export interface IssueQuery {
  /** Null: of all files. */
  readonly fileId: number | null;
  readonly severities: readonly Severity[] | null;
  /** Only those of this trajectory. */
  readonly trajectoryId?: string;
  readonly offset: number;
  readonly limit: number;
}
export interface IssuePage {
  readonly total: number;
  /** Issues beyond the stated limit per file are counted, not kept. */
  readonly notKept: number;
  readonly issues: readonly Issue[];
}

// ---------------------------------------------------------------------------------------------------------
// Trajectories

/** One row of the table. */
export interface TrajectoryRow extends TrajectorySummary {
  /** Number in import order; stable in a project. */
  readonly row: number;
  readonly fileId: number;
  readonly formatLabel: string;
  /** The kind before the reader overrode it; equals `kind` otherwise. */
  readonly inferredKind: AgentKind;
  readonly excluded: boolean;
  /** Bytes of the record in its file; null for columnar sources. */
  readonly sizeBytes: number | null;
}

export type SuccessValue = 'yes' | 'no' | 'unknown';
export type TrajectoryNumberColumn =
  | 'turnCount'
  | 'stepCount'
  | 'toolCallCount'
  | 'documentCount'
  | 'queryCount'
  | 'characterCount'
  | 'issueCount';
export type TrajectorySortColumn =
  | TrajectoryNumberColumn
  | 'row'
  | 'id'
  | 'kind'
  | 'format'
  | 'file'
  | 'success'
  | 'reward'
  | 'task'
  | 'answer';

/** Null means no restriction. All conditions must hold. */
export interface TrajectoryFilter {
  /** Case-insensitive, every word must occur in id, task, answer, file, format or tools. */
  readonly text: string;
  readonly kinds: readonly AgentKind[] | null;
  readonly formats: readonly string[] | null;
  readonly fileIds: readonly number[] | null;
  readonly success: readonly SuccessValue[] | null;
  readonly onlyWithIssues: boolean;
  /** `min` and `max` inclusive; null: no bound on that side. */
  readonly ranges: readonly {
    readonly column: TrajectoryNumberColumn;
    readonly min: number | null;
    readonly max: number | null;
  }[];
  readonly excluded: 'show' | 'hide' | 'only';
}

export interface TrajectoryQuery {
  readonly filter: TrajectoryFilter;
  readonly sort: { readonly column: TrajectorySortColumn; readonly descending: boolean };
  readonly offset: number;
  readonly limit: number;
}
export interface TrajectoryPage {
  readonly revision: number;
  /** Rows that match, over the whole index. */
  readonly total: number;
  readonly offset: number;
  readonly rows: readonly TrajectoryRow[];
}

export interface FacetValue {
  readonly value: string;
  readonly label: string;
  /** Rows with this value under all *other* restrictions of the filter. */
  readonly count: number;
}
export interface TrajectoryFacets {
  readonly revision: number;
  readonly total: number;
  readonly kinds: readonly FacetValue[];
  readonly formats: readonly FacetValue[];
  readonly success: readonly FacetValue[];
  readonly files: readonly FacetValue[];
  readonly withIssues: number;
  readonly excluded: number;
}

/** Counts per bin; bin i is [edges[i], edges[i + 1]), the last one closed. One series per agent kind. */
export interface Histogram {
  readonly edges: readonly number[];
  readonly series: readonly { readonly kind: AgentKind; readonly counts: readonly number[] }[];
  readonly scale: 'linear' | 'log';
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  /** Highest value of the rows, whatever the bins; null without any. */
  readonly highest: number | null;
  /** Counts over the same bins of what was rejected after its value was known; the last bin holds all beyond. */
  readonly rejected?: Histogram['series'];
}

/** A trajectory opened for reading. Texts longer than `textLimit` are cut; `readStepText` gives the rest. */
export interface TrajectoryDetail {
  readonly row: TrajectoryRow;
  readonly trajectory: Trajectory;
  readonly textLimit: number;
  /** Full length in UTF-16 code units of each step's text. */
  readonly textLengths: readonly number[];
  /** Position of this row in the current query, with its neighbours' ids. */
  readonly neighbours: {
    readonly previous: string | null;
    readonly next: string | null;
    readonly position: number | null;
    readonly total: number;
  };
}

/** Part of a record as it stands in the file. Offsets in UTF-16 code units. */
export interface RawText {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly length: number;
  readonly byteStart: number | null;
  readonly byteEnd: number | null;
  /** False where the container is columnar: then the text is the row written as JSON. */
  readonly verbatim: boolean;
}

export interface TextHit {
  readonly stepIndex: number;
  readonly start: number;
  readonly end: number;
}
export interface TextHits {
  readonly hits: readonly TextHit[];
  /** True when there are more than were asked for. */
  readonly more: boolean;
}

/** The place of an evidence piece in its trajectory, in steps. */
export interface SourceLocation {
  readonly trajectoryId: string;
  readonly stepIndex: number;
  /** Range in the step's text. */
  readonly start: number;
  readonly end: number;
}

// ---------------------------------------------------------------------------------------------------------
// Compile

/** `qwen3` is built in; others are imported `tokenizer.json` files. */
export interface TokenizerChoice {
  readonly id: string;
  readonly label: string;
  readonly vocabSize: number | null;
}

/** Everything that a compile run is started with. */
export interface CompileRequest {
  readonly name: string | null;
  readonly options: CompileOptions;
  readonly tokenizerId: string;
  /** Which trajectories; excluded ones are never compiled. */
  readonly selection:
    | { readonly type: 'all' }
    | { readonly type: 'filter'; readonly filter: TrajectoryFilter }
    | { readonly type: 'ids'; readonly ids: readonly string[] };
  readonly databaseFileIds: readonly number[];
  readonly benchmarkFileIds: readonly number[];
  /** Rules over the whole set; left out: exact duplicates go, as on the command line. */
  readonly curation?: CurationOptions;
}

export type SetPhase = 'running' | 'interrupted' | 'complete' | 'failed';

/** A compiled set in the project. */
export interface CompiledSet {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly phase: SetPhase;
  readonly request: CompileRequest;
  readonly trajectoryCount: number;
  readonly exampleCount: number;
  readonly rejectionCount: number;
  readonly excludedCount: number;
  readonly sizeBytes: number;
  /** sha256 of examples.jsonl, once complete. */
  readonly sha256: string | null;
  /** Trajectories, kinds or databases changed since: in words. Null while current. */
  readonly stale: string | null;
}

/** Example or rejection of one trajectory under given options, without storing anything. */
export interface CompilePreview {
  readonly trajectoryId: string;
  readonly example: Example | null;
  readonly rejection: Rejection | null;
  readonly elapsedMs: number;
}

/** One row of the table of examples. */
export interface ExampleRow {
  readonly row: number;
  readonly id: string;
  readonly kind: AgentKind;
  readonly questionPreview: string;
  readonly answerPreview: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly goldCount: number;
  readonly distractorCount: number;
  readonly droppedCount: number;
  /** Checks by outcome. */
  readonly failCount: number;
  readonly warnCount: number;
  readonly passCount: number;
  readonly flags: readonly string[];
  readonly trajectoryId: string;
  readonly file: string;
  readonly excluded: boolean;
  readonly sizeBytes: number;
}

/** The questions of a set, by example. */
export interface SetQuestions {
  readonly ids: readonly string[];
  readonly kinds: readonly AgentKind[];
  readonly questions: readonly string[];
  /** Of the prompt. */
  readonly tokens: readonly number[];
}

export type ExampleNumberColumn =
  'promptTokens' | 'completionTokens' | 'goldCount' | 'distractorCount' | 'droppedCount';
export type ExampleSortColumn =
  ExampleNumberColumn | 'row' | 'id' | 'kind' | 'severity' | 'question' | 'file';
export type CheckOutcome = 'fail' | 'warn' | 'pass';

export interface ExampleFilter {
  readonly text: string;
  readonly kinds: readonly AgentKind[] | null;
  readonly flags: readonly string[] | null;
  /** Worst outcome over the example's checks. */
  readonly outcomes: readonly CheckOutcome[] | null;
  readonly ranges: readonly {
    readonly column: ExampleNumberColumn;
    readonly min: number;
    readonly max: number;
  }[];
  readonly excluded: 'show' | 'hide' | 'only';
}
export interface ExampleQuery {
  readonly setId: string;
  readonly filter: ExampleFilter;
  readonly sort: { readonly column: ExampleSortColumn; readonly descending: boolean };
  readonly offset: number;
  readonly limit: number;
}
export interface ExamplePage {
  readonly revision: number;
  readonly total: number;
  readonly offset: number;
  readonly rows: readonly ExampleRow[];
}
export interface ExampleFacets {
  readonly revision: number;
  readonly total: number;
  readonly kinds: readonly FacetValue[];
  readonly flags: readonly FacetValue[];
  readonly outcomes: readonly FacetValue[];
  readonly excluded: number;
}

/** An example opened for reading. */
export interface ExampleDetail {
  readonly row: ExampleRow;
  readonly example: Example;
  /** The line of examples.jsonl, for the JSON view. */
  readonly neighbours: {
    readonly previous: string | null;
    readonly next: string | null;
    readonly position: number | null;
    readonly total: number;
  };
}

/** What training is given of a compiled set. */
export interface TrainingSet {
  readonly name: string;
  /** examples.jsonl */
  readonly file: File;
  readonly sha256: string | null;
  readonly excluded: readonly string[];
  readonly heldOut: readonly string[];
}

/** An example as the model reads it, with what is learnt of it. */
export interface MaskView extends InspectedExample {
  readonly tokenizer: string;
}

/** Token offsets of an example's pieces in its user message, counted with the set's tokenizer. */
export interface ExampleTokens {
  readonly tokenizer: string;
  readonly total: number;
  /** `end` exclusive; in the order of `Example.evidence`. */
  readonly pieces: readonly { readonly id: string; readonly start: number; readonly end: number }[];
  /** Where the question starts and ends, null when it does not stand in the user message. */
  readonly question: { readonly start: number; readonly end: number } | null;
  /** UTF-16 offset of every token start in the user message. Transferred. */
  readonly offsets: Uint32Array;
}

/** Rejections of a set, grouped for the funnel and listed for the table. */
export interface RejectionSummary {
  readonly total: number;
  readonly groups: readonly {
    readonly stage: Rejection['stage'];
    readonly code: string;
    readonly count: number;
    /** One of its reasons, in full. */
    readonly sample: string;
  }[];
}
export interface RejectionQuery {
  readonly setId: string;
  readonly stage: Rejection['stage'] | null;
  readonly code: string | null;
  readonly offset: number;
  readonly limit: number;
}

/** Relative place (0 … 1) of each piece of a set in its context, for the evidence-position chart. */
export interface EvidencePositions {
  readonly role: EvidenceRole;
  /** Counts over equal bins of relative depth. */
  readonly counts: readonly number[];
}

/** One step of the undo history. */
export interface EditHistory {
  readonly undo: string | null;
  readonly redo: string | null;
}

export type ExportFormat = 'acc' | 'openai' | 'sharegpt' | 'prompt-completion' | 'token-ids' | 'parquet';
export interface ExportRequest {
  readonly setId: string;
  readonly format: ExportFormat;
  /** Null: the whole set without excluded examples. */
  readonly ids: readonly string[] | null;
  /** Write here (from the save picker); without it the result is a File to download. */
  readonly handle?: FileSystemFileHandle | undefined;
}
/** One finished export. `file` is null when it was written through a handle. */
export interface ExportResult {
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly exampleCount: number;
  readonly file: File | null;
  /** Text to give the trainer, with the path already in it. */
  readonly configSnippet: string | null;
  /** Findings of the scan for secrets and e-mail addresses that the reader should see before sharing. */
  readonly warnings: readonly string[];
}

// ---------------------------------------------------------------------------------------------------------

/** The methods of the data worker. */
export interface DataApi {
  /**
   * Opens the last project (or makes one), or that with an id where it is still there and free. `onEvents` gets
   * batches, at most one a frame. `baseUrl` is the page's address, below which the files lie that come with it.
   */
  start(
    onEvents: (events: readonly DataEvent[]) => void,
    baseUrl: string,
    projectId?: string | null,
  ): Promise<Result<OpenedProject>>;
  listProjects(): Promise<readonly ProjectSummary[]>;
  /** `takeOver`: a tab that has it open is asked to let go, and waited for. */
  openProject(id: string, takeOver?: boolean): Promise<Result<OpenedProject>>;
  /** Writes the open project and lets go of it; nothing but opening a project may be asked then. */
  releaseProject(): Promise<void>;
  createProject(name: string, isSample?: boolean): Promise<Result<OpenedProject>>;
  deleteProject(id: string): Promise<Result<null>>;
  /** Names the open project. */
  renameProject(name: string): Promise<void>;
  saveProject(request: SaveProjectRequest): Promise<Result<{ readonly jobId: string }>>;
  /** Resolves when the saving has ended. */
  savedProject(jobId: string): Promise<Result<SavedProject>>;
  /** Makes a project out of a saved one; it is opened by `openProject`. */
  openProjectFile(file: File): Promise<{ readonly jobId: string }>;
  /** Resolves to the id of the new project when the unpacking has ended. */
  openedProjectFile(jobId: string): Promise<Result<string>>;
  saveSettings(settings: JsonValue): Promise<void>;
  /** What takes space, the largest first. */
  measureSpace(): Promise<readonly SpaceItem[]>;
  /** Removes an item of `measureSpace`, once the reader has agreed to what follows from it. */
  freeSpace(itemId: string): Promise<Result<readonly SpaceItem[]>>;

  importSources(sources: readonly ImportSource[]): Promise<Result<{ readonly jobId: string }>>;
  /** Takes a file and its trajectories out of the project. */
  removeFile(fileId: number): Promise<Result<null>>;
  /** Handles that need the user's permission again; only the page, in a click, can ask for it. */
  handlesToAsk(): Promise<readonly FileSystemHandle[]>;
  /** Opens the files for which permission was given. */
  requestAccess(): Promise<Result<{ readonly granted: number; readonly denied: number }>>;
  /**
   * Gives a file whose bytes are gone (`missing`) its bytes back. Fails with `other-file` where the chosen file differs
   * from what was imported. `importSources` does the same for files of the same name.
   */
  attachFile(
    fileId: number,
    source: Extract<ImportSource, { type: 'file' | 'folder' }>,
  ): Promise<Result<null>>;
  setFileRole(fileId: number, role: FileRole): Promise<Result<null>>;
  queryIssues(query: IssueQuery): Promise<IssuePage>;

  queryTrajectories(query: TrajectoryQuery): Promise<TrajectoryPage>;
  /** Ids of the rows that `queryTrajectories` would give, however many they are. */
  trajectoryIds(query: TrajectoryQuery): Promise<readonly string[]>;
  trajectoryFacets(filter: TrajectoryFilter): Promise<TrajectoryFacets>;
  trajectoryHistogram(
    filter: TrajectoryFilter,
    column: TrajectoryNumberColumn,
    binCount: number,
  ): Promise<Histogram>;
  /** `query` tells which rows are its neighbours. */
  openTrajectory(
    id: string,
    query: Pick<TrajectoryQuery, 'filter' | 'sort'>,
  ): Promise<Result<TrajectoryDetail>>;
  readStepText(id: string, stepIndex: number, start: number, end: number): Promise<Result<string>>;
  /** `raw`: the record as it stands in the file; `json`: the same value, indented. */
  readRaw(id: string, form: 'raw' | 'json', start: number, end: number): Promise<Result<RawText>>;
  searchTrajectory(id: string, text: string, limit: number): Promise<Result<TextHits>>;
  /** Null takes the override back. */
  setKind(ids: readonly string[], kind: AgentKind | null): Promise<Result<null>>;
  excludeTrajectories(ids: readonly string[], excluded: boolean): Promise<Result<null>>;
  locateSource(trajectoryId: string, source: EvidenceSource): Promise<Result<SourceLocation | null>>;

  listTokenizers(): Promise<readonly TokenizerChoice[]>;
  previewCompile(
    trajectoryId: string,
    request: Omit<CompileRequest, 'name' | 'selection'>,
  ): Promise<Result<CompilePreview>>;
  startCompile(request: CompileRequest): Promise<Result<{ readonly jobId: string; readonly setId: string }>>;
  resumeCompile(setId: string): Promise<Result<{ readonly jobId: string }>>;
  listSets(): Promise<readonly CompiledSet[]>;
  deleteSet(setId: string): Promise<Result<null>>;
  renameSet(setId: string, name: string): Promise<Result<null>>;
  readReport(setId: string): Promise<Result<CompileReport>>;
  readRecipe(setId: string): Promise<Result<string>>;
  /** The dataset card (`README.md`, Markdown) of a complete set. */
  readCard(setId: string): Promise<Result<string>>;

  queryExamples(query: ExampleQuery): Promise<ExamplePage>;
  /** Ids of the rows that `queryExamples` would give, however many they are. */
  exampleIds(query: ExampleQuery): Promise<readonly string[]>;
  exampleFacets(setId: string, filter: ExampleFilter): Promise<ExampleFacets>;
  exampleHistogram(
    setId: string,
    filter: ExampleFilter,
    column: ExampleNumberColumn,
    binWidth: number | null,
  ): Promise<Histogram>;
  evidencePositions(setId: string, binCount: number): Promise<readonly EvidencePositions[]>;
  /** `query` tells which rows are its neighbours. */
  /** The questions of all examples that are not excluded, with what the map of them shows. */
  readQuestions(setId: string): Promise<Result<SetQuestions>>;
  readExample(
    setId: string,
    id: string,
    query?: Pick<ExampleQuery, 'filter' | 'sort'>,
  ): Promise<Result<ExampleDetail>>;
  /** The first example of a set that was compiled from a trajectory; null when there is none. */
  exampleOfTrajectory(setId: string, trajectoryId: string): Promise<Result<Example | null>>;
  measureExample(setId: string, id: string): Promise<Result<ExampleTokens>>;
  /** A complete set as training reads it: the file, and which of its examples are left or held out. */
  trainingSet(setId: string): Promise<Result<TrainingSet>>;
  /** The trajectory of an example as standard agent fine-tuning data; null when it is not in the project any more. */
  agentTurns(setId: string, id: string): Promise<Result<Example | null>>;
  /** What is learnt of an example, token by token, with the set's tokenizer. */
  inspectMask(setId: string, example: Example, options: MaskOptions): Promise<Result<MaskView>>;
  rejectionSummary(setId: string): Promise<RejectionSummary>;
  queryRejections(
    query: RejectionQuery,
  ): Promise<{ readonly total: number; readonly rejections: readonly Rejection[] }>;
  excludeExamples(
    setId: string,
    ids: readonly string[],
    excluded: boolean,
    label: string,
  ): Promise<Result<EditHistory>>;
  undo(setId: string): Promise<Result<EditHistory>>;
  redo(setId: string): Promise<Result<EditHistory>>;
  editHistory(setId: string): Promise<EditHistory>;

  exportSet(request: ExportRequest): Promise<Result<{ readonly jobId: string }>>;
  /** Resolves when the export job has ended. */
  exportResult(jobId: string): Promise<Result<ExportResult>>;

  /** Asks a job to stop; it ends as `cancelled` within 200 ms. */
  cancel(jobId: string): void;
}
