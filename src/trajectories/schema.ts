import type { JsonObject, JsonValue } from '../core/json.ts';

/** Where a value was read; with `text ranges` enough to find the same characters again. */
export interface SourcePosition {
  /** The file as the user named it; members of containers are joined by '!/' (`runs.zip!/a.traj`). */
  readonly file: string;
  /** Zero-based number of the record in that file (line, array element, map entry, row, text block). */
  readonly record: number;
  /**
   * JSON Pointer (RFC 6901) from the record to the string; '' is the record itself (plain text).
   * A string that itself holds JSON is entered with the segment `!json`: `/arguments/!json/query`; one that holds
   * a table with `!csv` (`!tsv`, `!ssv`), by row and column: `/!csv/0/input`.
   */
  readonly path: string;
}

/** A range of the string at a position, in UTF-16 code units, `end` exclusive. */
export interface TextRef extends SourcePosition {
  readonly start: number;
  readonly end: number;
}

export type Severity = 'error' | 'warning' | 'info';

/** Something wrong or noteworthy in the input; never stops the rest. */
export interface Issue {
  readonly severity: Severity;
  /** Stable kebab-case name, e.g. `truncated-json`. */
  readonly code: string;
  /** One sentence: what, what was expected, what to do. */
  readonly message: string;
  readonly file: string;
  readonly record: number | null;
  readonly path: string | null;
  readonly byteOffset: number | null;
}

export type AgentKind = 'search' | 'swe' | 'sql' | 'other';

export interface KindInference {
  readonly kind: AgentKind;
  /** What the decision rests on, in words a reader can check ("7 calls of edgar_search, web_search"). */
  readonly reason: string;
}

interface StepBase {
  /** Index in `Trajectory.steps`. */
  readonly index: number;
  /** Model turn, zero-based: a model output and the results that follow it share one. -1 before the first. */
  readonly turn: number;
  /** The text exactly as at `at`, or a decoded form of it when `verbatim` is false. */
  readonly text: string;
  readonly at: SourcePosition;
  /** `text` equals characters [start, end) of the string at `at`; null when it was decoded from another form. */
  readonly range: { readonly start: number; readonly end: number } | null;
  readonly timestamp?: string;
  /** True for few-shot demonstrations inside the prompt: shown, never compiled. */
  readonly isDemonstration?: boolean;
  /** The agent that spoke, where a log has several. */
  readonly speaker?: string;
}

/** A message to or from the model. `injected` marks reminders, environment blocks, summaries. */
export interface MessageStep extends StepBase {
  readonly type: 'message';
  readonly role: 'system' | 'user' | 'assistant';
  readonly injected?: boolean;
}
/** Readable reasoning of the model (never encrypted or redacted blocks). */
interface ReasoningStep extends StepBase {
  readonly type: 'reasoning';
}
/** A call the model made. `text` is the arguments as written. */
export interface ToolCallStep extends StepBase {
  readonly type: 'toolCall';
  readonly callId: string | null;
  readonly name: string;
  /** Parsed arguments where they are JSON, else null (read `text`). */
  readonly arguments: JsonObject | null;
}
/** What came back, joined to its call by id where ids exist, by order otherwise. */
export interface ToolResultStep extends StepBase {
  readonly type: 'toolResult';
  readonly callId: string | null;
  readonly name: string | null;
  /** Index of the call's step, null when it is not in the log. */
  readonly callStep: number | null;
  readonly isError: boolean;
  /** The log itself says that the observation was cut. */
  readonly isTruncated: boolean;
}
/** An event of a kind we do not know, kept and shown raw. */
interface OtherStep extends StepBase {
  readonly type: 'other';
  readonly label: string;
}
export type Step = MessageStep | ReasoningStep | ToolCallStep | ToolResultStep | OtherStep;

export type SeenHow = 'returned' | 'visited' | 'opened' | 'edited';

/** One look of the agent at one document (page or file); several looks share a `key`. */
export interface DocumentSeen {
  /** Identity: normalised URL, repository path, document id, or title when there is nothing else. */
  readonly key: string;
  readonly title: string;
  readonly how: SeenHow;
  readonly stepIndex: number;
  /** The verbatim text of this look. */
  readonly span: TextRef;
  /** Lines of the file this look shows, 1-based inclusive, where known. */
  readonly lines: { readonly first: number; readonly last: number } | null;
  /** The observation was cut by its tool. */
  readonly isTruncated: boolean;
  /** Position in a result list, zero-based. */
  readonly rank: number | null;
}

/** One SQL statement the agent ran. */
export interface QueryRun {
  readonly stepIndex: number;
  readonly sql: string;
  readonly at: SourcePosition;
  readonly database: string | null;
  /** Base tables named by the statement (not CTE names), lower-case unless quoted. */
  readonly tables: readonly string[];
  readonly isSchemaQuery: boolean;
  readonly succeeded: boolean | null;
  /** The observation that answered it. */
  readonly result: TextRef | null;
}

export interface AnswerText {
  readonly text: string;
  readonly at: SourcePosition | null;
  /** How it was found: `last assistant message`, `<answer> tag`, `info.submission` … */
  readonly via: string;
}

export interface GroundTruth {
  readonly form: 'text' | 'patch' | 'sql';
  /** Accepted values, any one of which is right. Empty strings never appear. */
  readonly values: readonly string[];
  readonly at: SourcePosition | null;
  readonly via: string;
}

export interface Outcome {
  /** True, false, or null when the log records neither. */
  readonly success: boolean | null;
  readonly reward: number | null;
  /** What says so, e.g. `reward = 1`, `info.exit_status = submitted (not a verdict)`. */
  readonly reason: string;
}

export interface Usage {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
}

/** The one schema every format is read into. Every text keeps where it came from. */
export interface Trajectory {
  /** From the log where it has one, else `<file>#<record>`. Unique within an import (a suffix is added if not). */
  readonly id: string;
  /** Id of the task or instance that several runs may share, for per-instance caps. */
  readonly instanceId: string | null;
  /** Id of the recognised format, e.g. `swe-agent`. */
  readonly format: string;
  /** Position of the record; for formats whose run is a whole file, record 0. */
  readonly source: { readonly file: string; readonly record: number };
  readonly kind: KindInference;
  /** The question or task as the user put it, cut out of any template. */
  readonly task: AnswerText | null;
  readonly steps: readonly Step[];
  readonly documents: readonly DocumentSeen[];
  readonly queries: readonly QueryRun[];
  readonly database: string | null;
  readonly finalAnswer: AnswerText | null;
  /** The patch the agent produced, where there is one (SWE). */
  readonly patch: AnswerText | null;
  readonly groundTruth: GroundTruth | null;
  readonly outcome: Outcome;
  readonly model: string | null;
  readonly usage: Usage;
  /** Names of the tools called, with counts. */
  readonly tools: Readonly<Record<string, number>>;
  /** Whatever else the record says about the run, small values only (no message lists). */
  readonly metadata: Readonly<Record<string, JsonValue>>;
  readonly issues: readonly Issue[];
}

/** What a table of trajectories shows; small enough to hold 100,000 of. */
export interface TrajectorySummary {
  readonly id: string;
  readonly format: string;
  readonly file: string;
  readonly record: number;
  readonly kind: AgentKind;
  readonly kindReason: string;
  readonly taskPreview: string;
  readonly answerPreview: string;
  readonly success: boolean | null;
  readonly reward: number | null;
  readonly turnCount: number;
  readonly stepCount: number;
  readonly toolCallCount: number;
  readonly documentCount: number;
  readonly queryCount: number;
  readonly characterCount: number;
  readonly issueCount: number;
}
