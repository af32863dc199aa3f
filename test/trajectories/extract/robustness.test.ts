import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { urlKey } from '../../../src/trajectories/extract/documentKey.ts';
import { fileWindow } from '../../../src/trajectories/extract/fileWindow.ts';
import { jsonElementRanges } from '../../../src/trajectories/extract/jsonRanges.ts';
import { cleanPath, patchedFiles } from '../../../src/trajectories/extract/repoPath.ts';
import { parseResultList } from '../../../src/trajectories/extract/resultList.ts';
import { fileReading, parseCommandLine } from '../../../src/trajectories/extract/shell.ts';
import { readSql } from '../../../src/trajectories/extract/sqlTables.ts';

/** Texts made of the pieces that the parsers look for, in any order. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '\r\n',
        ' ',
        '1. [A](https://a.org)',
        '[',
        ']',
        '(',
        ')',
        'Title: x',
        'URL: https://b.org',
        'Doc 1(Title: "T")',
        '[File: /a/b.py (3 lines total)]',
        '(2 more lines above)',
        '     1\tx',
        '<system-reminder>',
        'bash-$',
        "'",
        '"',
        '`',
        '\\',
        '<<EOF',
        'EOF',
        '&&',
        '|',
        ';',
        '>',
        'cat',
        'sed -n',
        "'1,2p'",
        'a.py',
        'SELECT',
        'FROM',
        'JOIN',
        'WITH',
        'AS (',
        ',',
        '--',
        '/*',
        'diff --git a/x b/x',
        '+++ b/y',
        '*** Update File: z',
        '```',
        '=======',
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

describe('parsers of free text', () => {
  it('give ranges inside the text, in order, and never throw', () => {
    fc.assert(
      fc.property(pieces, (text) => {
        let end = 0;
        for (const hit of parseResultList(text)) {
          expect(hit.start).toBeGreaterThanOrEqual(end);
          expect(hit.end).toBeGreaterThanOrEqual(hit.start);
          end = hit.end;
        }
        const window = fileWindow(text);
        expect(0 <= window.start && window.start <= window.end && window.end <= text.length).toBe(true);
        for (const command of parseCommandLine(text)) {
          fileReading(command);
          const body = command.hereDocument;
          if (body) expect(body.start <= body.end && body.end <= text.length).toBe(true);
        }
        readSql(text);
        patchedFiles(text);
        expect(urlKey(urlKey(text))).toBeTypeOf('string');
        expect(cleanPath(text)).not.toMatch(/\/\/|(?:^|\/)\.(?:\/|$)/);
      }),
      { numRuns: 1500, seed: 11 },
    );
  });

  it('array elements stand in JSON where they are said to', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.string(),
        fc.constantFrom(undefined, 1),
        (items, key, indent) => {
          const escaped = key.replaceAll('~', '~0').replaceAll('/', '~1');
          fc.pre(key !== '__proto__');
          const text = JSON.stringify({ before: '"[', [key]: items }, null, indent);
          const ranges = jsonElementRanges(text, `/${escaped}`);
          fc.pre(key !== 'before');
          expect(ranges?.map(([start, end]) => JSON.parse(text.slice(start, end)) as unknown)).toEqual(
            JSON.parse(JSON.stringify(items)),
          );
        },
      ),
      { numRuns: 500, seed: 13 },
    );
  });

  it('take linear time on long hostile texts', () => {
    const started = performance.now();
    for (const text of [
      '[',
      '1. [',
      '(',
      "'",
      '<<A',
      '&& ',
      '\n1. ',
      'SELECT (',
      '``` ',
      '     1',
      'https://',
      '[a](https://',
    ].map((one) => one.repeat(30_000))) {
      parseResultList(text);
      fileWindow(text);
      parseCommandLine(text);
      readSql(text);
      patchedFiles(text);
      urlKey(text);
    }
    expect(performance.now() - started).toBeLessThan(8_000);
  });
});
