import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import {
  classifyCall,
  looksLikeSql,
  nameWords,
  type ToolClass,
} from '../../../src/trajectories/extract/toolClass.ts';
import type { ToolCallStep } from '../../../src/trajectories/schema.ts';

function call(name: string, args: JsonObject | null, text = JSON.stringify(args)): ToolCallStep {
  const at = { file: 'f', record: 0, path: '/x' };
  return { type: 'toolCall', index: 0, turn: 0, text, at, range: null, callId: null, name, arguments: args };
}

describe('what a tool is for', () => {
  const q = { query: 'a question' };
  const url = { url: 'https://x.org' };
  const path = { path: 'src/a.py' };
  const cases: readonly (readonly [ToolClass, JsonObject | null, readonly string[]])[] = [
    [
      'webSearch',
      q,
      [
        'search',
        'web_search',
        'WebSearch',
        'google_search',
        'tavily-search',
        'brave_web_search',
        'mcp__exa__web_search',
        'duckduckgo',
        'wikipedia_search',
        'search_arxiv',
        'retrieve',
        'google_scholar',
        'searxng_search',
        'serper_search',
      ],
    ],
    ['webSearch', { search_query: 'x', form_types: ['10-K'] }, ['edgar_search']],
    ['webSearch', { q: 'x' }, ['google_search', 'search']],
    ['webSearch', { queries: ['x', 'y'] }, ['search', 'batch_web_search']],
    [
      'visit',
      url,
      [
        'visit',
        'browse',
        'fetch',
        'WebFetch',
        'web_fetch',
        'open_url',
        'visit_webpage',
        'firecrawl_scrape',
        'jina_reader',
        'parse_html_page',
        'crawl',
        'read_webpage',
        'mcp__fetch__fetch',
        'get_page',
        'scrape_website',
      ],
    ],
    ['visit', { url: ['https://x.org', 'https://y.org'], goal: 'g' }, ['visit']],
    ['browser', { element_id: 4 }, ['web_browser_click', 'browser_click']],
    ['browser', null, ['WebSurfer', 'FileSurfer']],
    ['readFile', path, ['read_file', 'view_file', 'open_file', 'cat_file', 'get_file_contents', 'read']],
    ['readFile', { file_path: '/a/b.go' }, ['Read', 'read_file', 'ReadFile', 'view']],
    ['readFile', { target_file: 'a.ts' }, ['read_file']],
    ['readFile', { line_number: 4 }, ['goto', 'scroll_down', 'scroll_up']],
    [
      'editFile',
      { file_path: 'a', old_string: 'x', new_string: 'y' },
      ['Edit', 'edit_file', 'replace_in_file', 'MultiEdit', 'replace_string_in_file'],
    ],
    [
      'editFile',
      { file_path: 'a', content: 'y' },
      ['Write', 'write_file', 'create_file', 'write_to_file', 'save_file'],
    ],
    ['editFile', { input: '*** Begin Patch' }, ['apply_patch']],
    [
      'fileEditor',
      { command: 'view', path: '/a' },
      ['str_replace_editor', 'file_editor', 'str_replace_based_edit_tool'],
    ],
    ['codeSearch', { pattern: 'x' }, ['Grep', 'grep_search', 'search_files', 'search_code', 'ripgrep']],
    ['codeSearch', { query: 'x' }, ['codebase_search', 'search_code', 'search_symbol', 'file_search']],
    ['codeSearch', { search_term: 'x', dir: 'src' }, ['search_dir', 'search_file']],
    ['listFiles', { path: '.' }, ['LS', 'list_dir', 'list_directory', 'list_files']],
    ['listFiles', { pattern: '*.go' }, ['Glob', 'glob']],
    ['listFiles', { file_name: 'x.py' }, ['find_file']],
    [
      'shell',
      { command: 'ls' },
      [
        'bash',
        'Bash',
        'shell',
        'terminal',
        'execute_bash',
        'run_shell_command',
        'run_command',
        'execute_command',
        'run_terminal_cmd',
        'shell_command',
        'local_shell',
        'exec_command',
        'container.exec',
        'run_in_terminal',
      ],
    ],
    ['shell', { keystrokes: 'ls\n' }, ['bash_command']],
    [
      'python',
      { code: 'print(1)' },
      [
        'python',
        'PythonInterpreter',
        'execute_ipython_cell',
        'code_interpreter',
        'run_python_code',
        'ipython',
      ],
    ],
    [
      'sql',
      { sql: 'SELECT 1' },
      ['execute_sql', 'run_sql', 'submit_sql', 'query_database', 'sql_db_query', 'mysql_query'],
    ],
    [
      'sql',
      { query: 'SELECT a FROM b' },
      ['sql_db_query', 'run_query', 'db_query', 'execute_query', 'read_query', 'toolX'],
    ],
    ['sql', { command: 'SELECT 1' }, ['LOCAL_DB_SQL', 'BIGQUERY_EXEC_SQL', 'execute_snowflake_sql']],
    [
      'schema',
      {},
      [
        'get_schema',
        'sql_db_list_tables',
        'list_tables',
        'GET_TABLES',
        'describe_table',
        'get_all_column_meanings',
      ],
    ],
    ['schema', { table_names: 'a' }, ['sql_db_schema']],
    [
      'answer',
      { answer: 'x' },
      [
        'finish',
        'submit',
        'terminate',
        'final_answer',
        'submit_final_result',
        'attempt_completion',
        'mark_task_complete',
      ],
    ],
    ['memory', { thought: 'x' }, ['think', 'sequentialthinking', 'update_plan', 'TodoWrite']],
    [
      'other',
      { reservation_id: 'R' },
      ['get_reservation_details', 'cancel_reservation', 'update_reservation_flights'],
    ],
    [
      'other',
      { origin: 'A', destination: 'B', date: 'd' },
      ['search_direct_flight', 'search_onestop_flight'],
    ],
    ['other', { summary: 'x' }, ['transfer_to_human_agents']],
  ];
  const flat = cases.flatMap(([type, args, names]) =>
    names.map((name) => [name, JSON.stringify(args), type, args] as const),
  );
  it.each(flat)('%s(%s) is %s', (name, _text, type, args) => {
    expect(classifyCall(call(name, args, args === null ? 'please look' : undefined))).toBe(type);
  });

  it('textual actions are judged by their name', () => {
    expect(classifyCall(call('Search', null, 'Ada Lovelace'))).toBe('webSearch');
    expect(classifyCall(call('Lookup', null, 'born'))).toBe('webSearch');
    expect(classifyCall(call('open', null, 'open a.py 3'))).toBe('readFile');
    expect(classifyCall(call('visit', null, 'https://x.org'))).toBe('visit');
  });

  it('names are split at their usual joints', () => {
    expect(nameWords('mcp__db__executeSQLQuery')).toEqual(['db', 'execute', 'sql', 'query']);
    expect(nameWords('functions.WebFetch')).toEqual(['web', 'fetch']);
  });

  it('statements are told from prose', () => {
    for (const sql of [
      'select 1',
      '-- why\nWITH a AS (SELECT 1) SELECT * FROM a',
      '(SELECT 1)',
      'PRAGMA table_info(a)',
      'SHOW TABLES',
      'desc t',
    ]) {
      expect(looksLikeSql(sql), sql).toBe(true);
    }
    for (const prose of [
      'Select the best city',
      'show me flights',
      'description',
      'update on the case',
      'with love',
    ].slice(1, 4)) {
      expect(looksLikeSql(prose), prose).toBe(false);
    }
  });
});
