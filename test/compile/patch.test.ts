import { describe, expect, it } from 'vitest';
import { oldLines, parsePatch, patchEditedCode, patchFileList, samePatch } from '../../src/compile/patch.ts';

const patch = `diff --git a/src/a.py b/src/a.py
index 1..2 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,3 +1,3 @@ def f():
 x = 1
-y = 2
+y = 3
 z = 4
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+print('--- a/not a header')
`;

describe('parsePatch', () => {
  it('reads files, hunks and new files', () => {
    const files = parsePatch(patch);
    expect(files.map((file) => [file.path, file.oldPath])).toEqual([
      ['src/a.py', 'src/a.py'],
      ['new.py', null],
    ]);
    expect(oldLines(files[0]!)).toEqual(['x = 1', 'y = 2', 'z = 4']);
  });

  it('gives nothing for text that is no diff', () => {
    expect(parsePatch('Fixed it by changing one line.')).toEqual([]);
  });
});

describe('answers from a patch', () => {
  it('lists files and edited code', () => {
    const files = parsePatch(patch);
    expect(patchFileList(files)).toBe('new.py\nsrc/a.py');
    expect(patchEditedCode(files)).toContain('src/a.py\n```\nx = 1\ny = 3\nz = 4\n```');
  });

  it('compares changes, not context or headers', () => {
    const other =
      "--- a/src/a.py\n+++ b/src/a.py\n@@ -2,1 +2,1 @@\n-y = 2\n+y = 3\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,1 @@\n+print('--- a/not a header')\n";
    expect(samePatch(patch, other)).toBe(true);
    expect(samePatch(patch, other.replace('y = 3', 'y = 5'))).toBe(false);
    expect(samePatch('', '')).toBe(false);
  });
});
