import { isObject, type JsonValue } from '../../core/json.ts';
import type { DraftTrajectory } from '../format.ts';
import type { DocumentSeen, Step, ToolCallStep } from '../schema.ts';
import { isWebAddress, titleKey } from './documentKey.ts';
import { patchedFiles, RepoPaths } from './repoPath.ts';
import {
  browsedDocuments,
  newSearchState,
  searchedDocuments,
  storedDocuments,
  visitedDocuments,
  type SearchState,
} from './search.ts';
import { resultsByCall } from './sql.ts';
import type { SweState } from './fileLooks.ts';
import { fileDocuments } from './swe.ts';
import { argumentText, classifyCall, PATH_KEYS, type ToolClass } from './toolClass.ts';

/**
 * Every look of the agent at a page or file, in the order of the run: entries of result lists (`returned`),
 * pages (`visited`), files shown (`opened`) and changed (`edited`), each with its verbatim place.
 * Observations without a verbatim place in the record give none.
 */
export function extractDocuments(draft: DraftTrajectory): DocumentSeen[] {
  const { steps } = draft;
  const search = newSearchState();
  const swe = lazySweState(draft);
  const results = resultsByCall(steps);
  const documents: DocumentSeen[] = [];
  for (const step of steps) {
    if (step.isDemonstration) continue;
    if (step.type === 'toolCall') {
      const result = results.get(step.index) ?? screenAfter(steps, step);
      for (const document of documentsOfCall(step, result, search, swe)) documents.push(document);
    } else if (step.type === 'toolResult' && step.callStep === null && !step.isError) {
      // A result whose call is not in the log can still be a page or a list that says so itself.
      for (const document of orphanDocuments(step, search)) documents.push(document);
    }
  }
  return joinNames(documents).sort((a, b) => a.stepIndex - b.stepIndex);
}

/** Several commands typed into one terminal share the screen that follows them. */
function screenAfter(
  steps: readonly Step[],
  call: ToolCallStep,
): Extract<Step, { type: 'toolResult' }> | null {
  if (typeof call.arguments?.['keystrokes'] !== 'string') return null;
  for (let i = call.index + 1; i < steps.length && steps[i]?.turn === call.turn; i++) {
    const step = steps[i];
    if (step?.type === 'toolResult') return step;
  }
  return null;
}

/** Paths are worked out only for runs that call a file tool. */
function lazySweState(draft: DraftTrajectory): () => SweState {
  let state: SweState | null = null;
  return () => (state ??= { paths: repositoryPaths(draft), openFile: null });
}

/**
 * Joins what is known of one page under different names: a page known by its address takes the title under which
 * a search returned it, and a result known only by its title takes the key of the page opened under that title.
 */
function joinNames(documents: DocumentSeen[]): DocumentSeen[] {
  const opened = documents.filter(({ how }) => how === 'visited');
  if (opened.length === 0) return documents;
  const titles = new Map<string, string>();
  const keys = new Map<string, string>();
  for (const { key, title, how } of documents) {
    if (!isWebAddress(title) && title !== key && !titles.has(key)) titles.set(key, title);
    if (how === 'visited' && !isWebAddress(title) && key !== titleKey(title)) keys.set(titleKey(title), key);
  }
  return documents.map((document) => {
    const title = isWebAddress(document.title) ? titles.get(document.key) : undefined;
    const key = document.how === 'returned' ? keys.get(document.key) : undefined;
    if (title === undefined && key === undefined) return document;
    return { ...document, title: title ?? document.title, key: key ?? document.key };
  });
}

function documentsOfCall(
  call: ToolCallStep,
  result: Extract<Step, { type: 'toolResult' }> | null,
  search: SearchState,
  swe: () => SweState,
): DocumentSeen[] {
  const type = classifyCall(call);
  if (result) {
    if (type === 'webSearch') {
      const stored = storedDocuments(result, call, search);
      return stored.length > 0 ? stored : searchedDocuments(result, call, search);
    }
    if (type === 'visit') return visitedDocuments(result, call, search);
    if (type === 'browser') return browsedDocuments(result, call, search);
    if (type === 'other' && search.stored.size > 0) {
      const stored = storedDocuments(result, call, search);
      if (stored.length > 0) return stored;
    }
  }
  if (NO_FILES.has(type) || (type === 'other' && call.arguments !== null)) return [];
  return fileDocuments(call, result, type, swe());
}

/** Classes of calls that neither show nor change files. */
const NO_FILES: ReadonlySet<ToolClass> = new Set([
  'webSearch',
  'visit',
  'browser',
  'sql',
  'schema',
  'memory',
  'listFiles',
]);

function orphanDocuments(result: Extract<Step, { type: 'toolResult' }>, search: SearchState): DocumentSeen[] {
  const name = result.name ?? '';
  if (/search/i.test(name)) return searchedDocuments(result, null, search);
  if (/visit|browse|fetch/i.test(name)) return visitedDocuments(result, null, search);
  return [];
}

const FOLDER_KEYS = [
  'cwd',
  'working_dir',
  'workdir',
  'working_directory',
  'repo_path',
  'repository_path',
  'workspace',
];

/** What is known of where the repository lies: the session's folder, the patch's paths, the paths met. */
function repositoryPaths(draft: DraftTrajectory): RepoPaths {
  const roots: string[] = [];
  for (const key of FOLDER_KEYS) {
    const value: JsonValue | undefined = Object.hasOwn(draft.metadata, key) ? draft.metadata[key] : undefined;
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item === 'string' && item.startsWith('/')) roots.push(item);
    }
  }
  const environment = draft.metadata['environment'];
  if (isObject(environment) && typeof environment['cwd'] === 'string') roots.push(environment['cwd']);
  const relative = [
    ...patchedFiles(draft.patch?.text ?? ''),
    ...(draft.groundTruth?.form === 'patch'
      ? draft.groundTruth.values.flatMap((value) => patchedFiles(value))
      : []),
  ];
  const absolute = new Set<string>();
  for (const step of draft.steps) {
    if (step.type !== 'toolCall') continue;
    const path = argumentText(step, ...PATH_KEYS);
    if (path?.startsWith('/')) absolute.add(path);
  }
  return new RepoPaths(roots, relative, [...absolute]);
}
