import type { JsonValue } from '../core/json.ts';
import type { DocumentSeen, Step, TextRef, Trajectory } from '../trajectories/schema.ts';
import { JSON_TEXT_SEGMENT, textAt } from '../trajectories/sourcePath.ts';
import type { CheckResult, EvidenceRole, EvidenceSource, Rejection } from './types.ts';

/** What a document is called in the context. */
export type DocumentNoun = 'Document' | 'File' | 'Table' | 'Note';

/** One verbatim range of a source, as it goes into the context. */
export interface ContextWindow {
  readonly text: string;
  readonly source: EvidenceSource;
  readonly alsoAt: readonly EvidenceSource[];
  /** What part of the document this is (`lines 1-100`); null when it stands alone. */
  readonly label: string | null;
  readonly isTruncated: boolean;
}

/** A document of the context: one page, file or table, with the windows the agent saw of it. */
export interface ContextDocument {
  readonly key: string;
  readonly noun: DocumentNoun;
  readonly title: string;
  readonly role: EvidenceRole;
  /** 0 for gold, else the distractor tier. */
  readonly tier: 0 | 1 | 2;
  /** Model turn of the first look; decides the chronological order, with `step` behind it. */
  readonly turn: number;
  readonly step: number;
  readonly windows: readonly ContextWindow[];
}

export interface DroppedPiece {
  readonly title: string;
  readonly role: EvidenceRole;
  readonly tokens: number;
  readonly reason: string;
}

/** What a kind's rules make of a trajectory, before order and budget. */
export interface Gathered {
  readonly documents: readonly ContextDocument[];
  readonly answer: string;
  readonly checks: readonly CheckResult[];
  readonly flags: readonly string[];
  readonly dropped: readonly DroppedPiece[];
}

/** A rule's refusal; the caller adds the trajectory's position. */
export interface Refusal {
  readonly stage: Rejection['stage'];
  readonly code: string;
  readonly reason: string;
  readonly tokens?: number;
}

export type GatherResult =
  { readonly ok: true; readonly gathered: Gathered } | { readonly ok: false; readonly refusal: Refusal };

export function refuse(
  stage: Rejection['stage'],
  code: string,
  reason: string,
  tokens?: number,
): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { stage, code, reason, ...(tokens === undefined ? {} : { tokens }) } };
}

/**
 * The verbatim text of a look, or null when its step does not hold it. A look lies in its step's own string, in
 * the JSON text that this string is, or in the arguments object of a call; so the raw record is not needed.
 */
export function textOfSpan(trajectory: Trajectory, stepIndex: number, span: TextRef): string | null {
  const step = trajectory.steps[stepIndex];
  if (!step || step.at.record !== span.record || step.at.file !== span.file) return null;
  if (step.at.path === span.path) {
    if (!step.range || span.start < step.range.start || span.end > step.range.end) return null;
    return step.text.slice(span.start - step.range.start, span.end - step.range.start);
  }
  if (!span.path.startsWith(`${step.at.path}/`)) return null;
  const rest = span.path.slice(step.at.path.length);
  const whole = rest.startsWith(jsonPrefix)
    ? textAt(parsedText(step), rest.slice(jsonPrefix.length))
    : innerText(step, rest);
  return whole === null || span.end > whole.length ? null : whole.slice(span.start, span.end);
}

const jsonPrefix = `/${JSON_TEXT_SEGMENT}`;

/** Parsed JSON texts of steps; several looks lie in one result. */
const parsedTexts = new WeakMap<Step, { readonly value: JsonValue }>();

function parsedText(step: Step): JsonValue {
  let parsed = parsedTexts.get(step);
  if (!parsed) {
    let value: JsonValue = null;
    try {
      value = JSON.parse(step.text) as JsonValue;
    } catch {
      // Not JSON: the look has no verbatim text.
    }
    parsed = { value };
    parsedTexts.set(step, parsed);
  }
  return parsed.value;
}

function innerText(step: Step, rest: string): string | null {
  return step.type === 'toolCall' && step.arguments ? textAt(step.arguments, rest) : null;
}

/** The position of a look as it is written into an example. */
export function sourceOfSpan(span: TextRef, turn: number): EvidenceSource {
  return { file: span.file, record: span.record, path: span.path, turn, start: span.start, end: span.end };
}

/** A look with its text. */
export interface Look {
  readonly seen: DocumentSeen;
  readonly text: string;
  readonly turn: number;
  readonly isError: boolean;
}

/** The looks of a trajectory that hold text, by document key in the order of the first look. */
export function looksByDocument(trajectory: Trajectory): Map<string, Look[]> {
  const groups = new Map<string, Look[]>();
  for (const seen of trajectory.documents) {
    const step = trajectory.steps[seen.stepIndex];
    if (!step || step.isDemonstration) continue;
    const text = textOfSpan(trajectory, seen.stepIndex, seen.span);
    if (text === null || text.trim() === '') continue;
    const look = { seen, text, turn: step.turn, isError: step.type === 'toolResult' && step.isError };
    const group = groups.get(seen.key);
    if (group) group.push(look);
    else groups.set(seen.key, [look]);
  }
  return groups;
}

/**
 * Windows from looks in the order seen: equal texts become one window with both origins, a text that stands
 * inside a longer one of the same document likewise.
 */
export function windowsFromLooks(looks: readonly Look[]): ContextWindow[] {
  const kept: { look: Look; alsoAt: EvidenceSource[] }[] = [];
  for (const look of looks) {
    const container = kept.find((other) => other.look.text.includes(look.text));
    if (container) {
      container.alsoAt.push(sourceOfSpan(look.seen.span, look.turn));
      continue;
    }
    const contained = kept.filter((other) => look.text.includes(other.look.text));
    const alsoAt = contained.flatMap((other) => [
      sourceOfSpan(other.look.seen.span, other.look.turn),
      ...other.alsoAt,
    ]);
    for (const other of contained) kept.splice(kept.indexOf(other), 1);
    kept.push({ look, alsoAt });
  }
  return kept.map(({ look, alsoAt }, index) => ({
    text: look.text,
    source: sourceOfSpan(look.seen.span, look.turn),
    alsoAt,
    label: kept.length > 1 ? `part ${index + 1}` : null,
    isTruncated: look.seen.isTruncated,
  }));
}

/** White space that a one-line title must not hold as it is. */
const looseSpace = /[^\S ]| {2}/;

/** A one-line title: white space collapsed, cut at 200 characters, never inside a surrogate pair. */
export function cleanTitle(title: string, fallback: string): string {
  const start = (title.trim() === '' ? fallback : title).slice(0, 1000);
  const line = (looseSpace.test(start) ? start.replace(/\s+/g, ' ') : start).trim();
  if (line.length <= 200) return line;
  const code = line.charCodeAt(198);
  return `${line.slice(0, code >= 0xd800 && code < 0xdc00 ? 198 : 199)}…`;
}
