import { describe, expect, it } from 'vitest';
import { fileReading, isSilent, parseCommandLine } from '../../../src/trajectories/extract/shell.ts';

const words = (line: string) => parseCommandLine(line).map((command) => command.words);

describe('command lines', () => {
  it('are split at operators outside quotes', () => {
    expect(words('cd /repo && cat "a b.py"; echo x | wc -l')).toEqual([
      ['cd', '/repo'],
      ['cat', 'a b.py'],
      ['echo', 'x'],
      ['wc', '-l'],
    ]);
    expect(words("sed -n '1,5p' f.py # rest")).toEqual([['sed', '-n', '1,5p', 'f.py']]);
    expect(parseCommandLine('cat a | head').map((command) => command.output)).toEqual(['pipe', 'shown']);
  });

  it('keep redirections and here-documents apart from words', () => {
    const line = "cat <<'EOF' > new.py\nprint(1)\nEOF\ncat new.py 2>&1";
    const [write, read] = parseCommandLine(line);
    expect(write?.words).toEqual(['cat']);
    expect(write?.outputFile).toBe('new.py');
    expect(line.slice(write?.hereDocument?.start, write?.hereDocument?.end)).toBe('print(1)\n');
    expect(read?.words).toEqual(['cat', 'new.py']);
    expect(read?.output).toBe('shown');
  });

  it('never hang on unfinished input', () => {
    for (const line of ["cat 'a", 'cat <<EOF', '&&', '|', '> ', '\\', '"$(', '<<', '((((', '2>']) {
      expect(Array.isArray(parseCommandLine(line))).toBe(true);
    }
  });
});

describe('readers', () => {
  const reading = (line: string) => {
    const [command] = parseCommandLine(line);
    return command ? fileReading(command) : null;
  };
  const cases: readonly (readonly [string, readonly string[] | null, number | null, number | null])[] = [
    ['cat a.py', ['a.py'], 1, null],
    ['cat -n a.py', ['a.py'], 1, null],
    ['head -n 20 a.py', ['a.py'], 1, 20],
    ['head -50 a.py', ['a.py'], 1, 50],
    ['tail -n +30 a.py', ['a.py'], 30, null],
    ['tail -5 a.py', ['a.py'], null, null],
    ["sed -n '10,20p' src/a.py", ['src/a.py'], 10, 20],
    ["sed -n '7p' a.py", ['a.py'], 7, 7],
    ["sed -i 's/a/b/' a.py", null, null, null],
    ['nl -ba a.py', ['a.py'], 1, null],
    ['git show HEAD:src/a.py', ['src/a.py'], 1, null],
    ['git show HEAD', null, null, null],
    ["awk 'NR>=3 && NR<=9' a.py", ['a.py'], 3, 9],
    ['cat *.py', null, null, null],
    ['ls -la', null, null, null],
  ];
  it.each(cases)('%s', (line, files, first, last) => {
    const found = reading(line);
    expect(found?.files ?? null).toEqual(files);
    if (files) expect([found?.first, found?.last]).toEqual([first, last]);
  });

  it('silent commands print nothing', () => {
    const silent = (line: string) => parseCommandLine(line).every(isSilent);
    expect(silent('cd /x && export A=1 && mkdir -p y && sed -i s/a/b/ f && echo x > out')).toBe(true);
    expect(silent('cat a')).toBe(false);
  });
});
