import type { ToolCallStep } from '../schema.ts';

/**
 * What a tool is for. `browser` acts on a page that stays open (click, scroll), `codeSearch` looks for text or
 * names in a repository, `answer` ends the run, `memory` is thinking and note-taking.
 */
export type ToolClass =
  | 'webSearch'
  | 'visit'
  | 'browser'
  | 'readFile'
  | 'editFile'
  | 'fileEditor'
  | 'codeSearch'
  | 'listFiles'
  | 'shell'
  | 'python'
  | 'sql'
  | 'schema'
  | 'answer'
  | 'memory'
  | 'other';

const wordsByName = new Map<string, readonly string[]>();

/** Words of a tool name in lower case: `mcp__db__executeSQL` gives db, execute, sql. */
export function nameWords(name: string): readonly string[] {
  let words = wordsByName.get(name);
  if (!words) {
    words = splitName(name);
    // Files with thousands of invented names must not fill the memory.
    if (wordsByName.size > 2000) wordsByName.clear();
    wordsByName.set(name, words);
  }
  return words;
}

function splitName(name: string): string[] {
  return name
    .slice(0, 200)
    .replace(/^(mcp__|functions[.:]|tools?[.:])/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

const SQL_START =
  /^\s*(?:--[^\n]*\n\s*|\/\*[\s\S]{0,400}?\*\/\s*)*\(?\s*(?:select|with|insert\s+into|replace\s+into|merge\s+into|truncate\s|values\s*\(|set\s+[@\w]|attach\s|begin\b|commit\b|analyze\s|update\s+\S+(?:\s+(?:as\s+)?\w+)?\s+set\b|delete\s+from|create\s+(?:or\s+replace\s+)?(?:temp|table|view|index)|alter\s+table|drop\s+(?:table|view)|show\s+(?:tables|databases|columns|create|schemas|index|full)|describe|desc\s|pragma|explain|use\s+[\w`"]+\s*;?\s*$|call\s)/i;

/** True for text that starts as a SQL statement does. */
export function looksLikeSql(text: string): boolean {
  return SQL_START.test(text.slice(0, 1200));
}

/** The first of the named arguments that is a string (or the joined strings of an array). */
export function argumentText(call: ToolCallStep, ...keys: string[]): string | null {
  const found = argumentEntry(call, ...keys);
  return found ? found.text : null;
}

/** Like `argumentText`, with the key that held it. */
export function argumentEntry(call: ToolCallStep, ...keys: string[]): { key: string; text: string } | null {
  const values = call.arguments;
  if (!values) return null;
  for (const key of keys) {
    if (!Object.hasOwn(values, key)) continue;
    const value = values[key];
    if (typeof value === 'string') return { key, text: value };
    if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')) {
      return { key, text: value.join(' ') };
    }
  }
  return null;
}

export const PATH_KEYS = [
  'file_path',
  'path',
  'absolute_path',
  'file',
  'filename',
  'file_name',
  'filepath',
  'target_file',
  'relative_path',
  'relative_workspace_path',
  'filePath',
  'notebook_path',
  'AbsolutePath',
];
export const COMMAND_KEYS = ['command', 'cmd', 'keystrokes', 'code', 'script', 'bash_command', 'input'];
export const URL_KEYS = ['url', 'urls', 'link', 'href', 'page_url', 'uri', 'website', 'web_url'];
/** Arguments that name a document of a local collection. */
export const DOCUMENT_KEYS = ['docid', 'doc_id', 'document_id', 'docId', 'pmid', 'page_id'];
export const QUERY_KEYS = [
  'query',
  'queries',
  'q',
  'search_query',
  'search_term',
  'search_terms',
  'keywords',
  'entity',
  'question',
];
export const SQL_KEYS = [
  'sql',
  'sql_query',
  'query',
  'statement',
  'command',
  'code',
  'sql_code',
  'input',
  'sql_statement',
];

const ANSWER = new Set([
  'submit',
  'finish',
  'terminate',
  'done',
  'complete',
  'completion',
  'answer',
  'conclude',
]);
const MEMORY = new Set([
  'think',
  'thinking',
  'sequentialthinking',
  'thought',
  'plan',
  'todo',
  'note',
  'notes',
  'memory',
  'calculate',
  'calculator',
]);
const SHELL = new Set(['bash', 'shell', 'terminal', 'sh', 'zsh', 'powershell', 'keystrokes', 'tmux']);
const PYTHON = new Set(['python', 'ipython', 'jupyter', 'notebook', 'interpreter', 'repl']);
const WEB = new Set(
  'web google bing duckduckgo ddg internet wikipedia wiki edgar serper serpapi tavily scholar news brave exa baidu online yahoo arxiv pubmed image images'.split(
    ' ',
  ),
);
const VISIT = new Set(
  'visit browse fetch scrape crawl jina goto navigate url webpage website page html access open read view parse extract'.split(
    ' ',
  ),
);
const BROWSER = new Set(['browser', 'click', 'scroll', 'webpage', 'surfer', 'tab']);
const EDITS = new Set(
  'edit multiedit write create insert append replace patch apply update delete remove rename overwrite save'.split(
    ' ',
  ),
);
const READS = new Set(['read', 'open', 'view', 'cat', 'show', 'display', 'goto', 'scroll', 'get']);
const LISTS = new Set(['ls', 'list', 'glob', 'tree', 'dir', 'directory', 'folder']);

function hasAny(words: readonly string[], set: ReadonlySet<string>): boolean {
  return words.some((word) => set.has(word));
}

/** Classes of calls already looked at: each call is asked about several times while a run is completed. */
const known = new WeakMap<ToolCallStep, ToolClass>();

/** Decides what a call is for from its name and arguments; unknown names are judged by their arguments alone. */
export function classifyCall(call: ToolCallStep): ToolClass {
  const before = known.get(call);
  if (before !== undefined) return before;
  const type = classify(call);
  known.set(call, type);
  return type;
}

function classify(call: ToolCallStep): ToolClass {
  const words = nameWords(call.name);
  const joined = words.join('_');
  const url =
    argumentText(call, ...URL_KEYS) ??
    (call.arguments === null && /^\s*(?:https?:|www\.)\S+\s*$/.test(call.text) ? call.text : null);
  const path = argumentText(call, ...PATH_KEYS);
  const pattern = argumentText(call, 'pattern', 'regex', 'search_term', 'glob', 'dir', 'directory');
  const query = argumentText(call, ...QUERY_KEYS);
  const command = argumentText(call, ...COMMAND_KEYS) ?? (call.arguments === null ? call.text : null);

  if (isSqlCall(words, call)) return isSchemaTool(words) ? 'schema' : 'sql';
  if (isSchemaTool(words)) return 'schema';
  if (
    joined === 'str_replace_editor' ||
    joined === 'str_replace_based_edit_tool' ||
    joined === 'file_editor'
  ) {
    return 'fileEditor';
  }
  if (words.includes('str') && words.includes('replace')) return 'editFile';
  if (words.length <= 4 && hasAny(words, ANSWER) && !url && !path && !words.includes('tool')) return 'answer';
  if (hasAny(words, SHELL) || (words.includes('container') && words.includes('exec'))) return 'shell';
  if (/^(?:exec|execute|run)(?:_shell)?(?:_command|_cmd|_in_terminal)?$/.test(joined) && command)
    return 'shell';
  if (hasAny(words, PYTHON)) return 'python';
  if (joined === 'code_interpreter' || joined === 'code_execution' || joined === 'run_code') return 'python';

  const searches = words.some((word) => /^(?:web)?search$|^retriev(?:e|er|al)$/.test(word));
  const web = hasAny(words, WEB);
  if (searches && !web && (pattern !== null || path !== null || isCodeWord(words))) return 'codeSearch';
  if (words.includes('grep') || words.includes('ripgrep') || words.includes('rg')) return 'codeSearch';
  if (joined === 'find_file' || joined === 'glob' || joined === 'find_files') return 'listFiles';
  if (words.includes('lookup') && !path) return 'webSearch';
  if (searches && (query !== null || call.arguments === null || web)) return 'webSearch';
  if (words.length <= 3 && web && query !== null) return 'webSearch';

  if (words.includes('surfer')) return 'browser';
  if (argumentText(call, ...DOCUMENT_KEYS) !== null && (hasAny(words, VISIT) || words.includes('get')))
    return 'visit';
  if (joined.startsWith('web_browser') || (words.includes('browser') && !query)) return 'browser';
  if (hasAny(words, BROWSER) && words.includes('web')) return 'browser';
  if (url !== null && /^\s*(?:https?:|www\.|[\w-]+\.\w{2,})/i.test(url)) return 'visit';
  if (url !== null && hasAny(words, VISIT)) return 'visit';
  if (words.length === 1 && words[0] === 'click') return 'browser';
  if (
    web &&
    !path &&
    (words.includes('fetch') || words.includes('visit') || words.includes('open') || words.includes('read'))
  ) {
    return 'visit';
  }

  if (hasAny(words, EDITS) && (path !== null || call.arguments === null || isFileWord(words)))
    return 'editFile';
  if (joined === 'apply_patch' || joined === 'edit') return 'editFile';
  if (hasAny(words, LISTS) && !query)
    return path !== null || isFileWord(words) || words.length === 1 ? 'listFiles' : 'other';
  if (joined === 'open' || joined === 'goto' || /^scroll(?:_(?:up|down))?$/.test(joined)) return 'readFile';
  if (hasAny(words, READS) && (path !== null || isFileWord(words))) return 'readFile';
  if (hasAny(words, MEMORY)) return 'memory';

  const statement = argumentText(call, ...SQL_KEYS);
  if (statement !== null && looksLikeSql(statement)) return 'sql';
  return 'other';
}

function isCodeWord(words: readonly string[]): boolean {
  return words.some((word) =>
    [
      'code',
      'codebase',
      'file',
      'files',
      'dir',
      'directory',
      'repo',
      'repository',
      'symbol',
      'class',
      'method',
      'function',
    ].includes(word),
  );
}

function isFileWord(words: readonly string[]): boolean {
  return words.some((word) => ['file', 'files', 'code', 'lines', 'notebook', 'source'].includes(word));
}

const SQL_WORDS = new Set([
  'sql',
  'sqlite',
  'mysql',
  'postgres',
  'postgresql',
  'duckdb',
  'bigquery',
  'snowflake',
]);

function isSqlCall(words: readonly string[], call: ToolCallStep): boolean {
  if (words.some((word) => SQL_WORDS.has(word) || (word.startsWith('sql') && word.length <= 7))) {
    return !isSchemaTool(words) || argumentText(call, ...SQL_KEYS) !== null;
  }
  const database = words.some(
    (word) => word === 'db' || word === 'database' || word === 'query' || word === 'execute',
  );
  if (!database) return false;
  const text = argumentText(call, ...SQL_KEYS);
  return text !== null && looksLikeSql(text);
}

function isSchemaTool(words: readonly string[]): boolean {
  return (
    words.includes('schema') ||
    words.includes('schemas') ||
    ((words.includes('table') ||
      words.includes('tables') ||
      words.includes('column') ||
      words.includes('columns')) &&
      words.some((word) =>
        ['get', 'list', 'describe', 'show', 'sample', 'inspect', 'meanings', 'info'].includes(word),
      ))
  );
}
