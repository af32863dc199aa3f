/** Beyond this many differing lines the middle is written as one replaced block: cost stays bounded. */
const maxDifferences = 600;
const contextLines = 3;

/** One run of lines that differ: [oldStart, oldEnd) became [newStart, newEnd). */
interface Change {
  oldStart: number;
  oldEnd: number;
  newStart: number;
  newEnd: number;
}

function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * The smallest set of line changes from `a` to `b` by Myers' greedy algorithm ("An O(ND) Difference
 * Algorithm and Its Variations", 1986), after equal beginnings and ends are set aside.
 */
function changesBetween(a: readonly string[], b: readonly string[]): Change[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let aEnd = a.length;
  let bEnd = b.length;
  while (aEnd > start && bEnd > start && a[aEnd - 1] === b[bEnd - 1]) {
    aEnd--;
    bEnd--;
  }
  if (start === aEnd && start === bEnd) return [];
  const whole: Change = { oldStart: start, oldEnd: aEnd, newStart: start, newEnd: bEnd };
  if (start === aEnd || start === bEnd) return [whole];
  return shortestEdits(a, b, whole) ?? [whole];
}

function shortestEdits(a: readonly string[], b: readonly string[], within: Change): Change[] | null {
  const n = within.oldEnd - within.oldStart;
  const m = within.newEnd - within.newStart;
  const limit = Math.min(n + m, maxDifferences);
  const offset = limit + 1;
  let furthest = new Int32Array(2 * limit + 3);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= limit; d++) {
    trace.push(furthest.slice());
    const next = furthest;
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && next[offset + k - 1]! < next[offset + k + 1]!);
      let x = down ? next[offset + k + 1]! : next[offset + k - 1]! + 1;
      let y = x - k;
      while (x < n && y < m && a[within.oldStart + x] === b[within.newStart + y]) {
        x++;
        y++;
      }
      next[offset + k] = x;
      if (x >= n && y >= m) return backtrack(trace, d, n, m, offset, within);
    }
    furthest = next;
  }
  return null;
}

function backtrack(
  trace: readonly Int32Array[],
  depth: number,
  n: number,
  m: number,
  offset: number,
  within: Change,
): Change[] {
  const changes: Change[] = [];
  let x = n;
  let y = m;
  for (let d = depth; d > 0; d--) {
    const row = trace[d]!;
    const k = x - y;
    const down = k === -d || (k !== d && row[offset + k - 1]! < row[offset + k + 1]!);
    const fromK = down ? k + 1 : k - 1;
    const fromX = row[offset + fromK]!;
    const fromY = fromX - fromK;
    addChange(changes, {
      oldStart: within.oldStart + fromX,
      oldEnd: within.oldStart + (down ? fromX : fromX + 1),
      newStart: within.newStart + fromY,
      newEnd: within.newStart + (down ? fromY + 1 : fromY),
    });
    x = fromX;
    y = fromY;
  }
  return changes.reverse();
}

/** Joins a change to the one found before it (which lies after it) when they touch. */
function addChange(changes: Change[], change: Change): void {
  const after = changes.at(-1);
  if (after?.oldStart === change.oldEnd && after.newStart === change.newEnd) {
    after.oldStart = change.oldStart;
    after.newStart = change.newStart;
  } else {
    changes.push(change);
  }
}

/** Changes whose contexts overlap share a hunk. */
function hunksOf(changes: readonly Change[]): Change[][] {
  const hunks: Change[][] = [];
  for (const change of changes) {
    const last = hunks.at(-1);
    const before = last?.at(-1);
    if (last && before && change.oldStart - before.oldEnd <= 2 * contextLines) last.push(change);
    else hunks.push([change]);
  }
  return hunks;
}

function hunkText(a: readonly string[], b: readonly string[], changes: readonly Change[]): string[] {
  const first = changes[0]!;
  const last = changes[changes.length - 1]!;
  const before = Math.min(contextLines, first.oldStart);
  const after = Math.min(contextLines, a.length - last.oldEnd);
  const lines: string[] = [];
  let old = first.oldStart - before;
  for (const change of changes) {
    for (; old < change.oldStart; old++) lines.push(` ${a[old]!}`);
    for (; old < change.oldEnd; old++) lines.push(`-${a[old]!}`);
    for (let i = change.newStart; i < change.newEnd; i++) lines.push(`+${b[i]!}`);
  }
  for (let i = 0; i < after; i++) lines.push(` ${a[old + i]!}`);
  const oldCount = last.oldEnd - first.oldStart + before + after;
  const newCount = last.newEnd - first.newStart + before + after;
  const position = (start: number, count: number) => `${count === 0 ? start : start + 1},${count}`;
  const range = `-${position(first.oldStart - before, oldCount)} +${position(first.newStart - before, newCount)}`;
  return [`@@ ${range} @@`, ...lines];
}

/**
 * A git diff of one file between two contents; `null` for a file that did not (or does no longer) exist.
 * Empty when nothing changed. Line ends are as in the contents, with `\n` between lines.
 */
export function fileDiff(path: string, before: string | null, after: string | null): string {
  const a = linesOf(before ?? '');
  const b = linesOf(after ?? '');
  const changes = changesBetween(a, b);
  if (changes.length === 0 && (before === null) === (after === null)) return '';
  const head = [`diff --git a/${path} b/${path}`];
  if (before === null) head.push('new file mode 100644');
  if (after === null) head.push('deleted file mode 100644');
  if (changes.length > 0) {
    head.push(
      before === null ? '--- /dev/null' : `--- a/${path}`,
      after === null ? '+++ /dev/null' : `+++ b/${path}`,
    );
  }
  const hunks = hunksOf(changes).flatMap((hunk) => hunkText(a, b, hunk));
  return `${[...head, ...hunks].join('\n')}\n`;
}
