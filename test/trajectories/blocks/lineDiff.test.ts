import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileDiff } from '../../../src/trajectories/blocks/lineDiff.ts';

/** Applies a diff of one file as `patch` would: the independent check of what was written. */
function apply(before: string, diff: string): string {
  const source = before === '' ? [] : before.split('\n');
  if (source.at(-1) === '') source.pop();
  const result: string[] = [];
  let at = 0;
  let left = 0;
  for (const line of diff.split('\n')) {
    const header = /^@@ -(\d+),(\d+) \+(\d+),(\d+) @@$/.exec(line);
    if (header) {
      expect(left).toBe(0);
      const start = Number(header[2]) === 0 ? Number(header[1]) : Number(header[1]) - 1;
      while (at < start) result.push(source[at++]!);
      expect(result.length).toBe(Number(header[4]) === 0 ? Number(header[3]) : Number(header[3]) - 1);
      left = Number(header[2]) + Number(header[4]);
    } else if (left > 0) {
      const text = line.slice(1);
      if (line[0] !== '+') {
        expect(source[at++]).toBe(text);
        left--;
      }
      if (line[0] !== '-') {
        result.push(text);
        left--;
      }
    }
  }
  return [...result, ...source.slice(at)].map((line) => `${line}\n`).join('');
}

describe('diff of a file', () => {
  it('has git headers and three lines of context', () => {
    expect(fileDiff('a.txt', '1\n2\n3\n4\n5\n6\n7\n8\n9\n', '1\n2\n3\n4\nfive\n6\n7\n8\n9\n')).toBe(
      'diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n',
    );
    expect(fileDiff('n', null, 'x\n')).toBe(
      'diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,1 @@\n+x\n',
    );
    expect(fileDiff('same', 'x\n', 'x\n')).toBe('');
  });

  it('applied to the old content gives the new one', () => {
    const content = fc.array(fc.constantFrom('a', 'b', 'c', '', '  d'), { maxLength: 40 });
    fc.assert(
      fc.property(content, content, (a, b) => {
        const text = (lines: string[]) => lines.map((line) => `${line}\n`).join('');
        expect(apply(text(a), fileDiff('f', text(a), text(b)))).toBe(text(b));
      }),
      { numRuns: 500 },
    );
  });

  it('stays fast on files that have nothing in common', () => {
    const lines = (mark: string) => Array.from({ length: 20_000 }, (_, i) => `${mark}${i}\n`).join('');
    const start = performance.now();
    expect(apply(lines('a'), fileDiff('f', lines('a'), lines('b')))).toBe(lines('b'));
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
