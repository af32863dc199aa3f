import type { DraftTrajectory } from '../format.ts';
import type { DocumentSeen, KindInference, QueryRun, Step } from '../schema.ts';
import { classifyCall, nameWords, type ToolClass } from './toolClass.ts';

interface Tally {
  count: number;
  readonly names: Map<string, number>;
}

/**
 * Decides what kind of agent ran, from the tools it called (their names and arguments), what came back, and,
 * where nothing was called, from what the record itself holds. The reason names the calls counted.
 * @param seen the documents seen; asked for only where they decide, because finding them is costly
 */
export function inferKind(
  steps: readonly Step[],
  seen: () => readonly DocumentSeen[],
  queries: readonly QueryRun[],
  draft: Pick<DraftTrajectory, 'patch' | 'groundTruth' | 'metadata' | 'task'>,
): KindInference {
  const tallies = tallyCalls(steps);
  const sum = (...types: ToolClass[]): Tally => merge(types.map((type) => tallies.get(type)));
  const sql = sum('sql', 'schema');
  const search = sum('webSearch', 'visit', 'browser');
  const edits = sum('editFile', 'fileEditor');
  const shell = sum('shell');
  const code = sum('editFile', 'fileEditor', 'readFile', 'codeSearch', 'listFiles', 'shell');

  if (sql.count > 0 && edits.count <= sql.count && search.count <= 2 * sql.count) {
    return { kind: 'sql', reason: describe(sql) };
  }
  const shellQueries = queries.filter((query) => isCallOf(steps[query.stepIndex], 'shell')).length;
  if (shellQueries > 0 && shellQueries * 2 >= code.count && draft.patch === null) {
    return { kind: 'sql', reason: `${plural(shellQueries, 'SQL statement')} run through ${namesOf(shell)}` };
  }
  const countOpened = (): number =>
    seen().filter((document) => document.how === 'opened' || document.how === 'edited').length;
  if (
    search.count > 0 &&
    edits.count === 0 &&
    draft.patch === null &&
    (search.count >= code.count || countOpened() === 0)
  ) {
    return { kind: 'search', reason: describe(search) };
  }
  if (code.count > 0) {
    return {
      kind: 'swe',
      get reason() {
        const opened = countOpened();
        return `${describe(code)}${opened > 0 ? `, ${plural(opened, 'look')} at files` : ''}`;
      },
    };
  }
  if (search.count > 0) return { kind: 'search', reason: describe(search) };
  return withoutCalls(steps, seen, queries, draft);
}

function withoutCalls(
  steps: readonly Step[],
  seen: () => readonly DocumentSeen[],
  queries: readonly QueryRun[],
  draft: Pick<DraftTrajectory, 'patch' | 'groundTruth' | 'metadata' | 'task'>,
): KindInference {
  if (draft.groundTruth?.form === 'sql') {
    return {
      kind: 'sql',
      reason: `no database tool called; the record holds a reference query (${draft.groundTruth.via})`,
    };
  }
  if (queries.length > 0 && mentionsSchema(steps)) {
    return {
      kind: 'sql',
      reason: 'no tool called; the prompt gives a database schema and the answer is SQL',
    };
  }
  if (draft.patch !== null || draft.groundTruth?.form === 'patch') {
    return { kind: 'swe', reason: 'no file tool called; the record holds a patch' };
  }
  const found = seen().filter((document) => document.how === 'visited' || document.how === 'returned');
  if (found.length > 0)
    return { kind: 'search', reason: `${plural(found.length, 'page or result')} in the observations` };
  const offered = offeredTools(draft.metadata);
  const kind = offered.length > 0 ? kindOfNames(offered) : null;
  if (kind) return { kind, reason: `no tool called; offered were ${offered.slice(0, 4).join(', ')}` };
  const named = promptTools(steps);
  const promised = named.length > 0 ? kindOfNames(named) : null;
  if (promised)
    return { kind: promised, reason: `no tool called; the prompt offers ${named.slice(0, 4).join(', ')}` };
  const folder = draft.metadata['cwd'];
  if (typeof folder === 'string' && steps.length > 0 && !steps.some((step) => step.type === 'toolCall')) {
    return { kind: 'swe', reason: 'no tool called; a turn of a coding session in a working folder' };
  }
  const tallies = tallyCalls(steps);
  const all = merge([...tallies.values()]);
  if (all.count === 0) return { kind: 'other', reason: 'no tool called' };
  return { kind: 'other', reason: `${describe(all)}: no searching, file or database tools` };
}

function tallyCalls(steps: readonly Step[]): Map<ToolClass, Tally> {
  const tallies = new Map<ToolClass, Tally>();
  for (const step of steps) {
    if (step.type !== 'toolCall' || step.isDemonstration) continue;
    const type = effectiveClass(step);
    const tally = tallies.get(type) ?? { count: 0, names: new Map<string, number>() };
    tally.count++;
    tally.names.set(step.name, (tally.names.get(step.name) ?? 0) + 1);
    tallies.set(type, tally);
  }
  return tallies;
}

/** Textual actions whose first word is an unknown program are shell commands. */
function effectiveClass(step: Extract<Step, { type: 'toolCall' }>): ToolClass {
  const type = classifyCall(step);
  const isTextual = step.arguments === null && (type === 'other' || type === 'python');
  return isTextual && /^[a-z][\w.+-]*$/.test(step.name) && step.text.startsWith(step.name) ? 'shell' : type;
}

function isCallOf(step: Step | undefined, type: ToolClass): boolean {
  return step?.type === 'toolCall' && classifyCall(step) === type;
}

function merge(tallies: readonly (Tally | undefined)[]): Tally {
  const merged: Tally = { count: 0, names: new Map() };
  for (const tally of tallies) {
    if (!tally) continue;
    merged.count += tally.count;
    for (const [name, count] of tally.names) merged.names.set(name, (merged.names.get(name) ?? 0) + count);
  }
  return merged;
}

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function namesOf(tally: Tally): string {
  const names = [...tally.names].sort((a, b) => b[1] - a[1]).map(([name]) => name.slice(0, 60));
  const shown = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${shown} and ${String(names.length - 4)} more` : shown;
}

function describe(tally: Tally): string {
  return `${plural(tally.count, 'call')} of ${namesOf(tally)}`;
}

/** Length of a prompt in which a schema is looked for. */
const PROMPT_LENGTH = 60000;

function mentionsSchema(steps: readonly Step[]): boolean {
  return steps.some((step) => {
    if (step.type !== 'message' || step.role === 'assistant') return false;
    const text = step.text.slice(0, PROMPT_LENGTH);
    return (
      /create\s+(?:or\s+replace\s+)?table\b/i.test(text) ||
      /database schema|\bSQL query\b|\bschema\b[^.]{0,40}\btables?\b/i.test(text)
    );
  });
}

/** Tools that the prompt names in backticks or in a JSON list. */
function promptTools(steps: readonly Step[]): string[] {
  const names = new Set<string>();
  for (const step of steps) {
    if (step.type !== 'message' || step.role === 'assistant') continue;
    const text = step.text.slice(0, PROMPT_LENGTH);
    for (const match of text.matchAll(
      /[Tt]he `(\w{3,40})` tool\b|"name"\s*:\s*"(\w{3,40})"\s*,\s*"description"/g,
    )) {
      names.add(match[1] ?? match[2] ?? '');
      if (names.size >= 20) break;
    }
  }
  return [...names];
}

/** Names of the tools that a run could have called, where its adapter keeps them. */
function offeredTools(metadata: DraftTrajectory['metadata']): string[] {
  for (const key of ['offered_tools', 'available_tools', 'toolsOffered', 'tools', 'tool_names']) {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    if (Array.isArray(value)) return value.filter((item): item is string => typeof item === 'string');
  }
  return [];
}

function kindOfNames(names: readonly string[]): 'search' | 'swe' | 'sql' | null {
  const words = names.flatMap((name) => nameWords(name));
  if (words.some((word) => word.includes('sql'))) return 'sql';
  if (words.some((word) => ['bash', 'edit', 'shell', 'editor', 'terminal'].includes(word))) return 'swe';
  if (words.some((word) => ['search', 'browse', 'visit', 'browser', 'web'].includes(word))) return 'search';
  return null;
}
