import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { draftOf } from '../../../src/trajectories/blocks/draft.ts';
import { readChatMessages } from '../../../src/trajectories/blocks/openaiChat.ts';
import { StepBuilder } from '../../../src/trajectories/blocks/stepBuilder.ts';
import { completeTrajectory, summariseTrajectory } from '../../../src/trajectories/extract/complete.ts';
import { urlKey } from '../../../src/trajectories/extract/documentKey.ts';
import type { DraftTrajectory } from '../../../src/trajectories/format.ts';
import type { DocumentSeen, Trajectory } from '../../../src/trajectories/schema.ts';
import { textAt } from '../../../src/trajectories/sourcePath.ts';

interface Exchange {
  readonly tool: string;
  readonly args: JsonValue;
  readonly result: string;
}

/** A chat run of calls and results, completed; `seen` pairs each document with the text at its place. */
function runOf(exchanges: readonly Exchange[], fields: Partial<DraftTrajectory> = {}) {
  const messages: JsonValue[] = [{ role: 'user', content: 'Do it.' }];
  exchanges.forEach(({ tool, args, result }, i) => {
    const id = `call_${String(i)}`;
    const written = typeof args === 'string' ? args : JSON.stringify(args);
    messages.push({
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name: tool, arguments: written } }],
    });
    messages.push({ role: 'tool', tool_call_id: id, content: result });
  });
  const value: JsonValue = { messages };
  const record = { file: 'run.json', record: 0, byteStart: null, byteEnd: null, key: null, value };
  const builder = new StepBuilder('run.json', 0);
  readChatMessages(builder, messages, '/messages');
  const run = completeTrajectory(draftOf(record, 'chat', builder, fields));
  return { run, seen: run.documents.map((document) => describeDocument(document, value)) };
}

function describeDocument(document: DocumentSeen, value: JsonValue) {
  const { how, key, lines, span } = document;
  return {
    how,
    key,
    lines: lines ? `${String(lines.first)}-${String(lines.last)}` : null,
    text: textAt(value, span.path)?.slice(span.start, span.end) ?? null,
  };
}

const kindOf = (run: Trajectory) => run.kind.kind;

describe('pages of search agents', () => {
  it('result lists in Markdown: one document each, and the page that was opened', () => {
    const { run, seen } = runOf([
      {
        tool: 'web_search',
        args: { query: 'x' },
        result:
          '1. [First](https://www.example.org/a/?utm_source=x#top)\nOne.\n\n2. [Second](http://example.org/b)\nTwo.\n',
      },
      { tool: 'open_url', args: { url: 'https://example.org/a' }, result: '# First\n\nThe whole page.' },
    ]);
    expect(kindOf(run)).toBe('search');
    expect(run.kind.reason).toBe('2 calls of web_search, open_url');
    expect(seen).toEqual([
      {
        how: 'returned',
        key: 'example.org/a',
        lines: null,
        text: '1. [First](https://www.example.org/a/?utm_source=x#top)\nOne.',
      },
      { how: 'returned', key: 'example.org/b', lines: null, text: '2. [Second](http://example.org/b)\nTwo.' },
      { how: 'visited', key: 'example.org/a', lines: null, text: '# First\n\nThe whole page.' },
    ]);
  });

  it('result lists as JSON, also as JSON inside JSON: long texts decoded, short entries as written', () => {
    const long = 'A text that is long enough to stand alone,\nwith a line break in it, as snippets have.';
    const entries = [
      { title: 'A', url: 'https://a.org/1', snippet: long },
      { title: 'B', link: 'https://b.org', snippet: 'short' },
    ];
    const { seen } = runOf([
      { tool: 'search', args: { query: 'q' }, result: JSON.stringify(entries) },
      {
        tool: 'search',
        args: { query: 'q' },
        result: JSON.stringify({ results: JSON.stringify({ items: entries }) }),
      },
    ]);
    expect(seen.map(({ key }) => key)).toEqual(['a.org/1', 'b.org', 'a.org/1', 'b.org']);
    expect(seen.map(({ text }) => text)).toEqual([
      long,
      JSON.stringify(entries[1]),
      long,
      JSON.stringify(entries[1]),
    ]);
  });

  it('title and URL lines, results without any list, and failures', () => {
    const { seen } = runOf([
      {
        tool: 'google_search',
        args: { query: 'q' },
        result:
          'Title: One\nURL: https://one.org/x\nContent: about one\n\nTitle: Two\nURL: https://two.org\nContent: about two',
      },
      { tool: 'search', args: { query: 'Ada Lovelace' }, result: 'Ada Lovelace was a mathematician.' },
      { tool: 'search', args: { query: 'q' }, result: 'Could not find [q]. Similar: []' },
      { tool: 'visit', args: { url: 'https://gone.org' }, result: '[visit] Failed to read page.' },
    ]);
    expect(seen.map(({ how, key }) => `${how} ${key}`)).toEqual([
      'returned one.org/x',
      'returned two.org',
      'visited ada lovelace',
    ]);
  });

  it('lists printed by Python, lists of links inside a text, and numbered links of a text browser', () => {
    const { seen } = runOf([
      {
        tool: 'search',
        args: { query: 'q' },
        result:
          "[{'url': 'https://a.org/x', 'content': 'About {a} \\'x\\'.'}, {'title': 'B', 'url': 'https://b.org', 'content': 'About b.'}]",
      },
      {
        tool: 'WebSearch',
        args: { query: 'q' },
        result:
          'Web search results for query: "q"\n\nLinks: [{"title":"C","url":"https://c.org/1"},{"title":"D","url":"https://d.org"}]\n\nA summary.',
      },
      {
        tool: 'browser.search',
        args: { query: 'q' },
        result: 'L0: Search Results\n* 【0†Page E†e.org】 about e\n* 【1†Page F†f.org】 about f',
      },
      {
        tool: 'browser.open',
        args: { id: 0 },
        result: '[1] Page E (https://e.org/page)\nL0: The whole of page E.',
      },
    ]);
    expect(seen.map(({ how, key }) => `${how} ${key}`)).toEqual([
      'returned a.org/x',
      'returned b.org',
      'returned c.org/1',
      'returned d.org',
      'returned e.org/page',
      'returned page f',
      'visited e.org/page',
    ]);
    expect(seen[2]?.text).toBe('{"title":"C","url":"https://c.org/1"}');
    expect(seen[4]?.text).toBe('* 【0†Page E†e.org】 about e');
  });

  it('documents of a local collection: the one that was read takes its snippet’s key', () => {
    const hits = ['d1', 'd2'].map((docid) => ({
      docid,
      score: 1,
      snippet: `What document ${docid} says in its first lines, and little more than that.`,
    }));
    const { run, seen } = runOf([
      { tool: 'search', args: { query: 'q' }, result: JSON.stringify(hits) },
      {
        tool: 'get_document',
        args: { docid: 'd2' },
        result: JSON.stringify({ docid: 'd2', text: 'The whole of document d2.' }),
      },
    ]);
    expect(kindOf(run)).toBe('search');
    expect(seen.map(({ how, key }) => `${how} ${key}`)).toEqual(['returned d1', 'returned d2', 'visited d2']);
    expect(seen[2]?.text).toBe('The whole of document d2.');
  });

  it('frames around visited pages, several in one answer', () => {
    const frame = (url: string, text: string) =>
      `The useful information in ${url} for user goal find it as follows: \n\nEvidence in page: \n${text}\n\nSummary: \nIt is so.\n\n`;
    const { seen } = runOf([
      {
        tool: 'visit',
        args: { url: ['https://a.org', 'https://b.org'], goal: 'find it' },
        result: `${frame('https://a.org', 'AAA')}\n=======\n${frame('https://b.org', 'BBB')}`,
      },
    ]);
    expect(seen).toEqual([
      { how: 'visited', key: 'a.org', lines: null, text: 'Evidence in page: \nAAA\n\nSummary: \nIt is so.' },
      { how: 'visited', key: 'b.org', lines: null, text: 'Evidence in page: \nBBB\n\nSummary: \nIt is so.' },
    ]);
  });

  it('pages put aside are seen when they are asked about', () => {
    const { seen } = runOf([
      {
        tool: 'parse_page',
        args: { url: 'https://f.org/10k', key: 'tenk' },
        result: '{"results": "SUCCESS: saved under the key: tenk"}',
      },
      {
        tool: 'retrieve_information',
        args: { prompt: 'Revenue in {{tenk}}?' },
        result: '{"results": "Revenue was 12 million."}',
      },
    ]);
    expect(seen).toEqual([
      { how: 'visited', key: 'f.org/10k', lines: null, text: 'Revenue was 12 million.' },
    ]);
  });

  it('a browser: addresses follow clicks, result pages of search engines count as returned', () => {
    const { seen } = runOf([
      {
        tool: 'web_browser_go',
        args: { url: 'https://a.org/' },
        result: '[1] link "Work"  [url: https://a.org/work]\n[2] StaticText "Hello"',
      },
      {
        tool: 'web_browser_click',
        args: { element_id: 1 },
        result: '[7] StaticText "Our work is here to be read"',
      },
      {
        tool: 'web_browser_go',
        args: { url: 'https://www.bing.com/search?q=x' },
        result: '[9] StaticText "some results of a search"',
      },
    ]);
    expect(seen.map(({ how, key }) => `${how} ${key}`)).toEqual([
      'visited a.org',
      'visited a.org/work',
      'returned bing.com/search?q=x',
    ]);
  });

  it('addresses are compared without what does not name the page', () => {
    const same = [
      'https://www.Example.org/a%20b/',
      'http://example.org:80/a b?utm_medium=m&gclid=1#s',
      '//m.example.org/a b/index.html',
    ];
    expect(new Set(same.map(urlKey))).toEqual(new Set(['example.org/a b']));
    expect(urlKey('https://x.org/?b=2&a=1')).toBe('x.org?a=1&b=2');
    expect(urlKey('https://app.org/#/page')).not.toBe(urlKey('https://app.org/#/other'));
    expect(urlKey('file:///tmp/a.csv')).toBe('file:///tmp/a.csv');
    expect(urlKey('Not an address')).toBe('not an address');
  });
});

describe('files of coding agents', () => {
  it('viewers: the window without the tool’s words, edits with the place they show', () => {
    const view =
      "Here's the result of running `cat -n` on /testbed/src/a.py:\n     3\tdef f():\n     4\t    return 1\n";
    const edited =
      "The file /testbed/src/a.py has been edited. Here's the result of running `cat -n` on a snippet of /testbed/src/a.py:\n     3\tdef f():\n     4\t    return 2\nReview the changes and make sure they are as expected.";
    const { run, seen } = runOf([
      {
        tool: 'str_replace_editor',
        args: { command: 'view', path: '/testbed/src/a.py', view_range: [3, 4] },
        result: view,
      },
      {
        tool: 'str_replace_editor',
        args: { command: 'str_replace', path: '/testbed/src/a.py', old_str: '1', new_str: '2' },
        result: edited,
      },
      {
        tool: 'str_replace_editor',
        args: { command: 'str_replace', path: '/testbed/src/a.py', old_str: '9', new_str: '2' },
        result: 'No replacement was performed, old_str `9` did not appear.',
      },
      {
        tool: 'str_replace_editor',
        args: { command: 'create', path: '/testbed/new.py', file_text: 'x = 1\ny = 2\n' },
        result: 'File created successfully at: /testbed/new.py',
      },
      {
        tool: 'str_replace_editor',
        args: { command: 'view', path: '/testbed' },
        result: "Here's the files and directories up to 2 levels deep in /testbed:\n/testbed/src",
      },
    ]);
    expect(kindOf(run)).toBe('swe');
    expect(seen).toEqual([
      { how: 'opened', key: 'src/a.py', lines: '3-4', text: '     3\tdef f():\n     4\t    return 1' },
      { how: 'edited', key: 'src/a.py', lines: '3-4', text: '     3\tdef f():\n     4\t    return 2' },
      { how: 'edited', key: 'new.py', lines: '1-2', text: 'x = 1\ny = 2\n' },
    ]);
  });

  it('SWE-agent windows, and the read tool of a coding CLI', () => {
    const { seen } = runOf(
      [
        {
          tool: 'open',
          args: { path: 'src/b.py', line_number: 10 },
          result:
            '[File: /o__r/src/b.py (30 lines total)]\n(9 more lines above)\n10:a\n11:b\n(19 more lines below)\n(Open file: /o__r/src/b.py)\n(Current directory: /o__r)\nbash-$',
        },
        {
          tool: 'Read',
          args: { file_path: '/home/me/proj/c.go' },
          result: '     1→package c\n     2→\n\n<system-reminder>\nBe kind.\n</system-reminder>\n',
        },
      ],
      { metadata: { cwd: '/home/me/proj' } },
    );
    expect(seen).toEqual([
      { how: 'opened', key: 'src/b.py', lines: '10-11', text: '10:a\n11:b' },
      { how: 'opened', key: 'c.go', lines: '1-2', text: '     1→package c\n     2→' },
    ]);
  });

  it('shell readers: windows, pipes, printed separators, searches, and writing', () => {
    const bash = (command: string, result: string): Exchange => ({ tool: 'bash', args: { command }, result });
    const { seen } = runOf([
      bash("cd /repo && sed -n '5,7p' a.py", 'five\nsix\nseven\n'),
      bash('nl -ba a.py | head -2', '     1\tone\n     2\ttwo\n'),
      bash("cat x.txt && echo '--- y ---' && cat y.txt", 'in x\n--- y ---\nin y\n'),
      bash('cat x.txt y.txt', 'in x\nin y\n'),
      bash('head -n 1 x.txt y.txt', '==> x.txt <==\nin x\n\n==> y.txt <==\nin y\n'),
      bash('grep -rn needle src', 'src/a.py:3:needle here\nsrc/a.py:9:needle there\nsrc/b.py:1:needle'),
      bash('grep -n needle x.txt', '12:a needle'),
      bash('cat missing.py', 'cat: missing.py: No such file or directory'),
      bash('python test.py', 'ok'),
      bash("cat > z.py <<'EOF'\nz = 1\nEOF", ''),
      bash("sed -i 's/1/2/' z.py", ''),
      bash("sed -i '' -e 's/2/3/' -e '4d' z.py y.txt", ''),
    ]);
    expect(seen.map(({ how, key, lines, text }) => [how, key, lines, text])).toEqual([
      ['opened', 'a.py', '5-7', 'five\nsix\nseven'],
      ['opened', 'a.py', '1-2', '     1\tone\n     2\ttwo'],
      ['opened', 'x.txt', '1-1', 'in x'],
      ['opened', 'y.txt', '1-1', 'in y'],
      ['opened', 'x.txt + y.txt', null, 'in x\nin y'],
      ['opened', 'x.txt', null, 'in x'],
      ['opened', 'y.txt', null, 'in y'],
      ['returned', 'src/a.py', '3-9', 'src/a.py:3:needle here\nsrc/a.py:9:needle there'],
      ['returned', 'src/b.py', '1-1', 'src/b.py:1:needle'],
      ['returned', 'x.txt', '12-12', '12:a needle'],
      ['edited', 'z.py', '1-1', 'z = 1\n'],
      ['edited', 'z.py', null, "sed -i 's/1/2/' z.py"],
      ['edited', 'z.py', null, "sed -i '' -e 's/2/3/' -e '4d' z.py y.txt"],
      ['edited', 'y.txt', null, "sed -i '' -e 's/2/3/' -e '4d' z.py y.txt"],
    ]);
  });

  it('a terminal’s screen is divided at its prompts', () => {
    const screen =
      'New Terminal Output:\n\nroot@4f:/app# cat a.txt\nline one\nline two\nroot@4f:/app# ls\na.txt\nroot@4f:/app#';
    const { seen } = runOf([
      { tool: 'bash_command', args: { keystrokes: 'cat a.txt\n', duration: 0.1 }, result: screen },
    ]);
    expect(seen).toEqual([{ how: 'opened', key: 'a.txt', lines: '1-2', text: 'line one\nline two' }]);
  });

  it('a diff against an older revision is no edit of this run', () => {
    const diff = 'diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b';
    const { seen } = runOf([
      { tool: 'bash', args: { command: 'git diff' }, result: diff },
      { tool: 'bash', args: { command: 'git diff HEAD~1' }, result: diff },
    ]);
    expect(seen.map(({ how, key }) => `${how} ${key}`)).toEqual(['edited x.py', 'returned x.py']);
  });

  it('roots are found from the patch, and a shown diff is split by file', () => {
    const diff = 'diff --git a/lib/q.py b/lib/q.py\n--- a/lib/q.py\n+++ b/lib/q.py\n@@ -1 +1 @@\n-a\n+b\n';
    const { seen } = runOf(
      [
        { tool: 'read_file', args: { path: '/srv/work/checkout/lib/q.py' }, result: 'a = 1\n' },
        { tool: 'submit', args: {}, result: `Thank you.\n<diff>\n${diff}</diff>` },
      ],
      { patch: { text: diff, at: null, via: 'test' } },
    );
    expect(seen.map(({ how, key, text }) => [how, key, text])).toEqual([
      ['opened', 'lib/q.py', 'a = 1'],
      ['edited', 'lib/q.py', diff.trimEnd()],
    ]);
  });
});

describe('kind and summary', () => {
  const cases: readonly (readonly [string, readonly Exchange[], string])[] = [
    ['SQL tool', [{ tool: 'run_query', args: { query: 'SELECT 1 FROM a' }, result: '1' }], 'sql'],
    [
      'database client in a shell',
      [{ tool: 'bash', args: { command: 'sqlite3 shop.sqlite "SELECT * FROM goods"' }, result: '1|a' }],
      'sql',
    ],
    [
      'unknown names with telling arguments',
      [{ tool: 'toolA', args: { url: 'https://x.org' }, result: 'Page text.' }],
      'search',
    ],
    [
      'flight search is no web search',
      [{ tool: 'search_direct_flight', args: { origin: 'A', destination: 'B' }, result: '[]' }],
      'other',
    ],
    [
      'code search',
      [{ tool: 'search_code', args: { query: 'f', path: 'src' }, result: 'src/a.py:1:f' }],
      'swe',
    ],
    ['no calls', [], 'other'],
  ];
  it.each(cases)('%s', (_name, exchanges, kind) => {
    const { run } = runOf(exchanges);
    expect(kindOf(run)).toBe(kind);
    expect(run.kind.reason).not.toBe('');
  });

  it('the database is taken from the call, the prompt or the messages of the server', () => {
    const named = (text: string, args: JsonValue, result = '1') => {
      const messages: JsonValue[] = [
        { role: 'user', content: text },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'execute_sql', arguments: JSON.stringify(args) } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: result },
      ];
      const record = {
        file: 'run.json',
        record: 0,
        byteStart: null,
        byteEnd: null,
        key: null,
        value: { messages },
      };
      const builder = new StepBuilder('run.json', 0);
      readChatMessages(builder, messages, '/messages');
      return completeTrajectory(draftOf(record, 'chat', builder, {})).database;
    };
    const sql = 'SELECT 1 FROM a';
    expect(named('Count.', { sql, db_path: 'data/shop.sqlite' })).toBe('shop');
    expect(named('You are in the folder, the database name is USFS_FIA, go on.', { sql })).toBe('USFS_FIA');
    expect(named('Database: SQLite\ndb_id: concert_singer', { sql })).toBe('concert_singer');
    expect(named('Count.', { sql }, "Error executing query: Table 'pets_1.a' doesn't exist")).toBe('pets_1');
    expect(named('Use the database.', { sql })).toBeNull();
  });

  it('the summary counts documents once and cuts previews between characters', () => {
    const { run } = runOf(
      [
        { tool: 'visit', args: { url: 'https://x.org' }, result: 'Text of it.' },
        { tool: 'visit', args: { url: 'https://x.org/' }, result: 'Text of it.' },
      ],
      {
        task: { text: `${'a'.repeat(158)}😀😀`, at: null, via: 'test' },
      },
    );
    const summary = summariseTrajectory(run);
    expect(summary).toMatchObject({ kind: 'search', toolCallCount: 2, documentCount: 1, turnCount: 2 });
    expect(summary.taskPreview).toBe(`${'a'.repeat(158)}…`);
  });
});
