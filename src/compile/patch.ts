/** Unified diffs: reading, comparing, and the forms of an answer made from them. Never throws on odd text. */

interface PatchLine {
  readonly kind: ' ' | '+' | '-';
  readonly text: string;
}
interface PatchHunk {
  /** 1-based first line in the old and new file; 0 where the header gives none. */
  readonly oldStart: number;
  readonly newStart: number;
  readonly lines: readonly PatchLine[];
}
export interface PatchFile {
  /** Path after the change (before it for deletions), without the `a/` `b/` prefix. */
  readonly path: string;
  readonly oldPath: string | null;
  readonly newPath: string | null;
  readonly hunks: readonly PatchHunk[];
  readonly isBinary: boolean;
}

/** The files of a unified diff, in its order. Text that is no diff gives an empty list. */
export function parsePatch(text: string): PatchFile[] {
  const lines = text.split('\n');
  const files: {
    old: string | null;
    new: string | null;
    hunks: PatchHunk[];
    binary: boolean;
    git: boolean;
  }[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = stripReturn(lines[at]!);
    if (line.startsWith('diff --git ')) {
      const [oldPath, newPath] = gitHeaderPaths(line);
      files.push({ old: oldPath, new: newPath, hunks: [], binary: false, git: true });
    } else if (line.startsWith('--- ') && stripReturn(lines[at + 1] ?? '').startsWith('+++ ')) {
      const oldPath = headerPath(line.slice(4));
      const newPath = headerPath(stripReturn(lines[at + 1]!).slice(4));
      const last = files.at(-1);
      if (last?.git && last.hunks.length === 0) {
        last.old = oldPath;
        last.new = newPath;
        last.git = false;
      } else files.push({ old: oldPath, new: newPath, hunks: [], binary: false, git: false });
      at++;
    } else if (line.startsWith('new file mode') && files.at(-1)?.git) files.at(-1)!.old = null;
    else if (line.startsWith('deleted file mode') && files.at(-1)?.git) files.at(-1)!.new = null;
    else if (line.startsWith('rename from ') && files.at(-1)) files.at(-1)!.old = line.slice(12);
    else if (line.startsWith('rename to ') && files.at(-1)) files.at(-1)!.new = line.slice(10);
    else if ((line.startsWith('Binary files ') || line === 'GIT binary patch') && files.at(-1)) {
      files.at(-1)!.binary = true;
    } else if (line.startsWith('@@') && files.length > 0) {
      const [hunk, next] = readHunk(lines, at);
      files.at(-1)!.hunks.push(hunk);
      at = next - 1;
    }
    at++;
  }
  return files
    .filter((file) => file.old !== null || file.new !== null)
    .map((file) => ({
      path: (file.new ?? file.old)!,
      oldPath: file.old,
      newPath: file.new,
      hunks: file.hunks,
      isBinary: file.binary,
    }));
}

function stripReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function gitHeaderPaths(line: string): [string | null, string | null] {
  const rest = line.slice('diff --git '.length);
  const middle = rest.indexOf(' b/');
  if (middle < 0) return [null, null];
  return [headerPath(rest.slice(0, middle)), headerPath(rest.slice(middle + 1))];
}

function headerPath(raw: string): string | null {
  const tab = raw.indexOf('\t');
  let path = (tab < 0 ? raw : raw.slice(0, tab)).trim();
  if (path.startsWith('"') && path.endsWith('"')) path = path.slice(1, -1);
  if (path === '/dev/null') return null;
  return path.startsWith('a/') || path.startsWith('b/') ? path.slice(2) : path;
}

function readHunk(lines: readonly string[], start: number): [PatchHunk, number] {
  const header = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(lines[start]!);
  let oldLeft = header ? Number(header[2] ?? 1) : Infinity;
  let newLeft = header ? Number(header[4] ?? 1) : Infinity;
  const body: PatchLine[] = [];
  let at = start + 1;
  for (; at < lines.length && (oldLeft > 0 || newLeft > 0); at++) {
    const line = lines[at]!;
    const mark = line[0];
    if (mark === '\\') continue;
    if (mark === '+') {
      newLeft--;
      body.push({ kind: '+', text: stripReturn(line.slice(1)) });
    } else if (mark === '-') {
      if (!header && line.startsWith('--- ')) break;
      oldLeft--;
      body.push({ kind: '-', text: stripReturn(line.slice(1)) });
    } else if (mark === ' ' || line === '' || line === '\r') {
      if (line === '' && at === lines.length - 1) break;
      oldLeft--;
      newLeft--;
      body.push({ kind: ' ', text: stripReturn(line.slice(1)) });
    } else break;
  }
  return [
    { oldStart: header ? Number(header[1]) : 0, newStart: header ? Number(header[3]) : 0, lines: body },
    at,
  ];
}

/** True when two diffs make the same change: per file the same removed and added lines, in order. */
export function samePatch(a: string, b: string): boolean {
  const left = changeKey(parsePatch(a));
  return left !== '' && left === changeKey(parsePatch(b));
}

function changeKey(files: readonly PatchFile[]): string {
  return files
    .map((file) => {
      const changed = file.hunks.flatMap((hunk) => hunk.lines.filter((line) => line.kind !== ' '));
      return `${file.path}\n${changed.map((line) => line.kind + line.text.trimEnd()).join('\n')}`;
    })
    .sort()
    .join('\n\n');
}

/** Lines the diff expects in the old file (context and removed), per file. */
export function oldLines(file: PatchFile): string[] {
  return file.hunks.flatMap((hunk) =>
    hunk.lines.filter((line) => line.kind !== '+').map((line) => line.text),
  );
}

/** Paths changed, one a line, sorted. */
export function patchFileList(files: readonly PatchFile[]): string {
  return [...new Set(files.map((file) => file.path))].sort().join('\n');
}

/** The changed code as it stands after the patch: one block a file, hunks separated by an ellipsis line. */
export function patchEditedCode(files: readonly PatchFile[]): string {
  return files
    .map((file) => {
      if (file.newPath === null) return `${file.path}\n(deleted)`;
      const hunks = file.hunks.map((hunk) =>
        hunk.lines
          .filter((line) => line.kind !== '-')
          .map((line) => line.text)
          .join('\n'),
      );
      return `${file.path}\n\`\`\`\n${hunks.join('\n…\n')}\n\`\`\``;
    })
    .join('\n\n');
}
