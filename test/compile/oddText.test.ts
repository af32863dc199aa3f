import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareAnswers, normaliseAnswer } from '../../src/compile/answerText.ts';
import { CompileMapper } from '../../src/compile/compileMapper.ts';
import { estimateCounter } from '../../src/compile/countText.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import { parsePatch, samePatch } from '../../src/compile/patch.ts';
import { readDump } from '../../src/compile/sql/dumpReader.ts';
import { parseCsv, readObservedRows } from '../../src/compile/sql/observedRows.ts';
import { sqlTokens } from '../../src/compile/sql/sqlTokens.ts';
import { translateQuery } from '../../src/compile/sql/translate.ts';
import { searchRun } from './trajectoryFixture.ts';

/** Text made of what the parsers look for. */
const oddText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        '`',
        '[',
        ']',
        '(',
        ')',
        ',',
        ';',
        '\\',
        '\n',
        '--',
        '/*',
        '*/',
        '$$',
        'SELECT ',
        'FROM t',
        '@@ -1 +1 @@\n',
        '--- a/x\n',
        '+++ b/x\n',
        '+',
        '-',
        ' | ',
        '\u0000',
        '\ud800',
        'Ä',
        '12.5',
        "b'",
        '**',
        'INSERT INTO t VALUES ',
        'CREATE TABLE t (',
      ),
      fc.string({ maxLength: 8 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

describe('odd text', () => {
  it('never breaks a parser, and tokens always join to the text', () => {
    fc.assert(
      fc.property(oddText, oddText, (text, other) => {
        for (const dialect of ['sqlite', 'mysql', 'postgresql'] as const) {
          expect(
            sqlTokens(text, dialect)
              .map((token) => token.raw)
              .join(''),
          ).toBe(text);
          translateQuery(text, dialect, 'db');
          for (const statement of readDump(text, dialect, 'db', () => {}))
            expect(statement.sql).not.toContain('\u0000');
        }
        readObservedRows(text);
        parseCsv(text);
        parsePatch(text);
        samePatch(text, other);
        compareAnswers(text, [other]);
        expect(normaliseAnswer(text)).not.toMatch(/^ | {2}| $/);
      }),
      { numRuns: 1500, seed: 7 },
    );
  });

  it('in a run becomes an example or a rejection', () => {
    const options = resolveCompileOptions({ acceptUnverified: true });
    const mapper = new CompileMapper(
      { options, counter: estimateCounter, catalog: null, sha256Of: () => '' },
      null,
    );
    fc.assert(
      fc.property(oddText, oddText, (question, answer) => {
        const run = searchRun({
          task: { text: question, at: null, via: 'made' },
          groundTruth: { form: 'text', values: [answer], at: null, via: 'made' },
        });
        const mapped = mapper.mapTrajectory(run);
        if ('rejection' in mapped) expect(mapped.rejection.code).not.toBe('internal-error');
        else expect(JSON.parse(mapped.line as string)).toMatchObject({ answer: answer.trim() });
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  it('that breaks our own rules becomes a rejection, not a crash', () => {
    const options = resolveCompileOptions({});
    const counter = { ...estimateCounter, count: () => { throw new Error('broken counter'); } }; // prettier-ignore
    const mapper = new CompileMapper({ options, counter, catalog: null, sha256Of: () => '' }, null);
    expect(mapper.mapTrajectory(searchRun())).toMatchObject({ rejection: { code: 'internal-error' } });
  });
});
