import { isObject, type JsonValue } from '../core/json.ts';
import { InputError } from '../core/errors.ts';

/** One row of the benchmark. Columns as published (openai/graphwalks); `answer` is accepted for `answer_nodes`. */
export interface GraphWalksRow {
  readonly prompt: string;
  readonly answerNodes: readonly string[];
  readonly problemType: string;
  readonly promptChars: number | null;
  readonly dateAdded: string | null;
}

/** Reads one row, from the dataset's own columns or a file made from it. */
export function readGraphWalksRow(value: JsonValue, where: string): GraphWalksRow {
  if (!isObject(value))
    throw new InputError('graphwalks-row', 'A GraphWalks row must be an object', { where });
  const { prompt, problem_type: problemType, prompt_chars: promptChars, date_added: dateAdded } = value;
  const answer = value['answer_nodes'] ?? value['answer'];
  if (
    typeof prompt !== 'string' ||
    !Array.isArray(answer) ||
    !answer.every((node) => typeof node === 'string')
  ) {
    throw new InputError('graphwalks-row', 'This is no GraphWalks row', {
      where,
      expected: 'prompt (text) and answer_nodes (list of text)',
      actual: `columns ${Object.keys(value).join(', ')}`,
    });
  }
  return {
    prompt,
    answerNodes: answer,
    problemType: typeof problemType === 'string' ? problemType.toLowerCase() : 'unknown',
    promptChars: typeof promptChars === 'number' ? promptChars : null,
    dateAdded: typeof dateAdded === 'string' ? dateAdded : null,
  };
}

export interface Operation {
  readonly kind: 'bfs' | 'parents';
  readonly node: string;
  /** Depth of a BFS; 1 for parents. */
  readonly depth: number;
}

export interface TaskGraph {
  readonly edges: readonly (readonly [string, string])[];
  readonly operation: Operation;
}

/** Stands before the edges of the task itself. */
export const graphHeading = 'Here is the graph to operate on:';
const operationHeading = 'Operation:';

/** The task's own graph and operation (never the worked example's): null when the prompt has none. */
export function parseTask(prompt: string): TaskGraph | null {
  const graphAt = prompt.lastIndexOf(graphHeading);
  const operationAt = prompt.lastIndexOf(operationHeading);
  if (graphAt < 0 || operationAt < graphAt) return null;
  const edges: [string, string][] = [];
  for (const line of prompt.slice(graphAt + graphHeading.length, operationAt).split('\n')) {
    const match = /^\s*(\S+) -> (\S+)\s*$/.exec(line);
    if (match) edges.push([match[1]!, match[2]!]);
  }
  const text = prompt.slice(operationAt + operationHeading.length);
  // Both published wordings: "… with depth 2." and, from 2026, "… at exactly depth 2 (not …)".
  const bfs = /Perform a BFS from node (\S+) (?:with|and return only the nodes at exactly) depth (\d+)/.exec(
    text,
  );
  if (bfs) return { edges, operation: { kind: 'bfs', node: bfs[1]!, depth: Number(bfs[2]) } };
  const parents = /Find the parents of node (\S+)\./.exec(text);
  if (parents) return { edges, operation: { kind: 'parents', node: parents[1]!, depth: 1 } };
  return null;
}

/** The right answer, by the wording of February 2026: exactly at that depth; a node is never its own parent. */
export function solveTask({ edges, operation }: TaskGraph): Set<string> {
  if (operation.kind === 'parents') {
    return new Set(
      edges.filter(([from, to]) => to === operation.node && from !== operation.node).map(([from]) => from),
    );
  }
  const next = new Map<string, string[]>();
  for (const [from, to] of edges) {
    const list = next.get(from);
    if (list) list.push(to);
    else next.set(from, [to]);
  }
  const seen = new Set([operation.node]);
  let frontier = [operation.node];
  for (let depth = 0; depth < operation.depth; depth++) {
    const reached: string[] = [];
    for (const node of frontier) {
      for (const to of next.get(node) ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        reached.push(to);
      }
    }
    frontier = reached;
  }
  frontier = operation.depth === 0 ? [] : frontier;
  return new Set(frontier);
}

/**
 * How a response is read and scored.
 * - `repaired` (default): trailing newlines trimmed, capture group, quotes stripped; both empty and parsed = 1.
 * - `official-0`: the same, but an empty gold set scores 0, as the published script does.
 * - `readme-literal`: the published snippet run as it stands, defect included.
 * - `lm-eval` and `lm-eval-flexible`: lm-evaluation-harness `f1` and `flexible_f1`.
 * - `openbench`: last line untrimmed, case-insensitive, must end the line, both empty = 1.
 */
export type GraphWalksMode =
  'repaired' | 'official-0' | 'readme-literal' | 'lm-eval' | 'lm-eval-flexible' | 'openbench';
export const graphWalksModes: readonly GraphWalksMode[] = [
  'repaired',
  'official-0',
  'readme-literal',
  'lm-eval',
  'lm-eval-flexible',
  'openbench',
];

export interface GraphWalksScore {
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  readonly exact: boolean;
  readonly parsed: boolean;
  readonly predicted: readonly string[];
}

const strippedQuotes = /^['"`]+|['"`]+$/g;

function splitItems(text: string, stripQuotes: boolean): string[] {
  return text
    .split(',')
    .map((item) => (stripQuotes ? item.trim().replace(strippedQuotes, '').trim() : item.trim()))
    .filter((item) => item !== '');
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1);
}

/** The predicted nodes, null when the response cannot be parsed in this mode. */
function parseResponse(response: string, mode: GraphWalksMode): string[] | null {
  if (mode === 'readme-literal') {
    const line = lastLine(response);
    const found = line.includes('Final Answer:') ? /Final Answer: ?\[.*\]/.exec(line) : null;
    // The published snippet strips brackets from the whole match, so the first item keeps "Final Answer: [".
    return found ? splitItems(found[0].replace(/^[[\]]+|[[\]]+$/g, ''), false) : null;
  }
  if (mode === 'openbench') {
    const found = /Final Answer: ?\[(.*)\]$/i.exec(lastLine(response));
    return found ? splitItems(found[1]!, false) : null;
  }
  const pattern = /Final Answer:\s*\[(.*)\]/;
  const trimmed = response.replace(/[\r\n]+$/, '');
  if (mode === 'lm-eval-flexible') {
    for (const line of trimmed.split('\n').reverse()) {
      const found = pattern.exec(line);
      if (found) return splitItems(found[1]!, true);
    }
    return null;
  }
  const found = pattern.exec(lastLine(trimmed));
  return found ? splitItems(found[1]!, true) : null;
}

/** Set precision, recall and F1 of a response against the gold nodes. Order and duplicates do not count. */
export function gradeGraphWalks(
  response: string,
  gold: readonly string[],
  mode: GraphWalksMode = 'repaired',
): GraphWalksScore {
  const items = parseResponse(response, mode);
  const predicted = new Set(items ?? []);
  const truth = new Set(gold);
  let hits = 0;
  for (const node of predicted) if (truth.has(node)) hits++;
  const parsed = items !== null;
  const exact = parsed && hits === truth.size && hits === predicted.size;
  if (truth.size === 0 && predicted.size === 0) {
    const full = (mode === 'repaired' && parsed) || mode === 'openbench' ? 1 : 0;
    return { f1: full, precision: full, recall: full, exact, parsed, predicted: [] };
  }
  const precision = predicted.size === 0 ? 0 : hits / predicted.size;
  const recall = truth.size === 0 ? 0 : hits / truth.size;
  const f1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { f1, precision, recall, exact, parsed, predicted: [...predicted] };
}
