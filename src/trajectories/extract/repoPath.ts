/** Folders in which benchmarks and agents put the repository under work. */
const KNOWN_ROOTS = [
  /^\/testbed(?=\/|$)/,
  /^\/workspace\/[^/]+__[^/]+(?=\/|$)/,
  /^\/(?:repo|repository|app|code|src\/repo|project|projects\/[^/]+|workspace\/repo|workspaces\/[^/]+)(?=\/|$)/,
  // SWE-agent mounts a repository as /owner__name.
  /^\/[\w.-]+__[\w.-]+(?=\/|$)/,
];
/** A home or work folder whose next part is the project. */
const PROJECT_PARENTS =
  /^\/(?:workspace|home\/[^/]+|Users\/[^/]+|root|mnt\/[^/]+|tmp\/[^/]+)(?:\/(?:repos?|code|src|dev|projects?|work|git|github|Documents|Developer|go\/src\/[^/]+\/[^/]+))*\/[^/]+(?=\/)/;

/** Collapses `.`, `..` and doubled slashes; keeps whether the path is absolute. */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.trim().replaceAll('\\', '/').split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts[parts.length - 1] !== '..') parts.pop();
    else if (part !== '..' || !isAbsolute) parts.push(part);
  }
  return (isAbsolute ? '/' : '') + parts.join('/');
}

/** Brings all spellings of a file's path in one run to one repository-relative path. */
export class RepoPaths {
  private readonly roots: string[];
  /** Current folder of the agent's shell, absolute; '' while unknown. */
  cwd = '';

  /**
   * @param roots folders known to be the repository (working folder of a session)
   * @param relativePaths paths as patches name them: the shortest absolute path that ends with one reveals its root,
   * longer ones being other files of that name
   * @param absolutePaths absolute paths met in the run
   */
  constructor(roots: readonly string[], relativePaths: readonly string[], absolutePaths: readonly string[]) {
    const given = roots.map((root) => cleanPath(root)).filter((root) => root.length > 1);
    const revealed = relativePaths.flatMap((relative) => {
      if (!relative.includes('/') && relativePaths.length > 1) return [];
      const ending = `/${relative}`;
      return absolutePaths
        .filter((absolute) => absolute.endsWith(ending) && absolute.length > ending.length)
        .map((absolute) => absolute.slice(0, -ending.length))
        .sort((a, b) => a.length - b.length)
        .slice(0, 1);
    });
    const outermost = revealed.filter((folder) => !isBelowRoot(folder, [...given, ...revealed]));
    this.roots = [...new Set([...given, ...outermost])].sort((a, b) => b.length - a.length);
  }

  /** Path relative to the repository where its root is known, else the cleaned path. */
  normalise(path: string): string {
    const text = path
      .trim()
      .replace(/^["'`]|["'`]$/g, '')
      .replace(/^file:\/\//, '');
    const isRelative = !text.startsWith('/') && !text.startsWith('~');
    const absolute = isRelative && this.cwd !== '' ? cleanPath(`${this.cwd}/${text}`) : cleanPath(text);
    for (const root of this.roots) {
      if (absolute.startsWith(`${root}/`)) return absolute.slice(root.length + 1);
    }
    for (const root of KNOWN_ROOTS) {
      const match = root.exec(absolute);
      if (match) return absolute.slice(match[0].length + 1) || absolute;
    }
    const parent = PROJECT_PARENTS.exec(absolute);
    if (parent) return absolute.slice(parent[0].length + 1) || absolute;
    return absolute;
  }

  /** Follows a `cd`. */
  changeFolder(target: string): void {
    const text = target.trim().replace(/^["']|["']$/g, '');
    if (text === '' || text === '-' || text.startsWith('~') || text.includes('$')) return;
    if (text.startsWith('/')) this.cwd = cleanPath(text);
    else if (this.cwd !== '') this.cwd = cleanPath(`${this.cwd}/${text}`);
  }
}

function isBelowRoot(folder: string, roots: readonly string[]): boolean {
  return (
    roots.some((root) => folder.startsWith(`${root}/`)) ||
    KNOWN_ROOTS.some((root) => (root.exec(folder)?.[0].length ?? folder.length) < folder.length)
  );
}

/** True when two paths may name one file: equal, or one ends with the other (`/opt/x/src/a.py`, `src/a.py`). */
export function endsAlike(a: string, b: string): boolean {
  const left = barePath(a);
  const right = barePath(b);
  return left === right || left.endsWith(`/${right}`) || right.endsWith(`/${left}`);
}

/** A path without what marks it as absolute or as relative to here. */
export function barePath(path: string): string {
  return path.replace(/^\.?\/+/, '');
}

/** Files that a unified diff (or an `apply_patch` text) changes, repository-relative, in order. */
export function patchedFiles(patch: string): string[] {
  const files = new Set<string>();
  let start = 0;
  while (start < patch.length) {
    let end = patch.indexOf('\n', start);
    if (end < 0) end = patch.length;
    const mark = patch.charCodeAt(start);
    // Only lines that begin with 'd', '+', '-' or '*' can name a file.
    if ((mark === 100 || mark === 43 || mark === 45 || mark === 42) && end - start < 2000) {
      const file = headerFile(patch.slice(start, end).trimEnd());
      if (file !== null) files.add(file);
    }
    start = end + 1;
  }
  return [...files];
}

function headerFile(line: string): string | null {
  const git = /^diff --git "?a\/(.+?)"? "?b\/(.+?)"?\s*$/.exec(line);
  if (git) return git[2] ?? null;
  const side = /^(?:\+\+\+|---) "?(?:[ab]\/)?([^\t"]+?)"?(?:\t.*)?$/.exec(line);
  if (side) return side[1] === '/dev/null' || side[1] === undefined ? null : side[1];
  return /^\*\*\* (?:Add|Update|Delete) File: (.+?)\s*$/.exec(line)?.[1] ?? null;
}
