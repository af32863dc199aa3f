/** One simple command of a command line, with its words unquoted. */
export interface SimpleCommand {
  readonly words: readonly string[];
  /** Where its output goes: the next command of a pipe, a file, or what the agent sees. */
  readonly output: 'pipe' | 'file' | 'shown';
  readonly outputFile: string | null;
  /** Body of a here-document given to it: range in the command line. */
  readonly hereDocument: { readonly start: number; readonly end: number } | null;
}

const MAX_LENGTH = 100000;

interface Draft {
  words: string[];
  outputFile: string | null;
  hereDocument: { start: number; end: number } | null;
}

/**
 * Splits a command line into simple commands: quotes, escapes, `&&`, `||`, `;`, pipes, redirections,
 * here-documents and comments. Loops, substitutions and functions are not interpreted: their words stay words.
 */
export function parseCommandLine(source: string): SimpleCommand[] {
  const text = source.slice(0, MAX_LENGTH);
  const commands: SimpleCommand[] = [];
  let draft: Draft = { words: [], outputFile: null, hereDocument: null };
  const waiting: { draft: Draft; word: string }[] = [];
  let i = 0;

  const close = (isPiped: boolean): void => {
    if (draft.words.length > 0) {
      const output = isPiped ? 'pipe' : draft.outputFile !== null ? 'file' : 'shown';
      const held = draft;
      commands.push({
        words: held.words,
        output,
        outputFile: held.outputFile,
        get hereDocument() {
          return held.hereDocument;
        },
      });
    }
    draft = { words: [], outputFile: null, hereDocument: null };
  };

  while (i < text.length) {
    const char = text.charAt(i);
    if (char === '\n') {
      close(false);
      i = readHereDocuments(text, i + 1, waiting);
    } else if (char === ' ' || char === '\t' || char === '\r') i++;
    else if (char === '\\' && text.charAt(i + 1) === '\n') i += 2;
    else if (
      char === ';' ||
      (char === '&' && text.charAt(i + 1) === '&') ||
      (char === '|' && text.charAt(i + 1) === '|')
    ) {
      close(false);
      i += char === ';' ? 1 : 2;
    } else if (char === '|') {
      close(true);
      i += text.charAt(i + 1) === '&' ? 2 : 1;
    } else if (char === '&' && text.charAt(i + 1) !== '>') {
      close(false);
      i++;
    } else if (char === '#') {
      const end = text.indexOf('\n', i);
      i = end < 0 ? text.length : end;
    } else if (
      char === '(' ||
      char === ')' ||
      ((char === '{' || char === '}') && /\s|^$/.test(text.charAt(i + 1)))
    ) {
      if (draft.words.length > 0 && char === ')') close(false);
      i++;
    } else {
      const here = /^<<-?\s*(["']?)([A-Za-z_][\w-]*)\1/.exec(text.slice(i, i + 80));
      if (here) {
        waiting.push({ draft, word: here[2] ?? '' });
        i += here[0].length;
        continue;
      }
      const redirect = /^(?:\d|&)?(>>?|<)(?:&(\d|-)|\s*)/.exec(text.slice(i, i + 12));
      if (redirect) {
        i += redirect[0].length;
        if (redirect[2] !== undefined) continue;
        const [target, next] = readWord(text, i);
        i = Math.max(next, i + 1);
        const isErrorOnly = redirect[0].startsWith('2');
        if (redirect[1] !== '<' && !isErrorOnly && target !== '/dev/null' && target !== '')
          draft.outputFile = target;
        else if (redirect[1] !== '<' && !isErrorOnly && target === '/dev/null')
          draft.outputFile = '/dev/null';
        continue;
      }
      const [word, next] = readWord(text, i);
      draft.words.push(word);
      i = Math.max(next, i + 1);
    }
  }
  close(false);
  return commands;
}

/** A word with its quotes removed, and the index after it. */
function readWord(text: string, start: number): [string, number] {
  let word = '';
  let i = start;
  while (i < text.length) {
    const char = text.charAt(i);
    if (char === "'") {
      const end = text.indexOf("'", i + 1);
      const stop = end < 0 ? text.length : end;
      word += text.slice(i + 1, stop);
      i = stop + 1;
    } else if (char === '"') {
      i++;
      while (i < text.length && text.charAt(i) !== '"') {
        if (text.charAt(i) === '\\' && i + 1 < text.length) i++;
        word += text.charAt(i);
        i++;
      }
      i++;
    } else if (char === '\\' && i + 1 < text.length) {
      word += text.charAt(i + 1);
      i += 2;
    } else if (/[\s;|&<>()]/.test(char)) break;
    else {
      word += char;
      i++;
    }
  }
  return [word, i];
}

/** Bodies of the here-documents announced on the line before; gives the index after the last. */
function readHereDocuments(text: string, start: number, waiting: { draft: Draft; word: string }[]): number {
  let i = start;
  for (const { draft, word } of waiting.splice(0)) {
    const bodyStart = i;
    let end = text.length;
    let next = text.length;
    for (let line = i; line < text.length;) {
      const stop = text.indexOf('\n', line);
      const lineStop = stop < 0 ? text.length : stop;
      if (text.slice(line, lineStop).trim() === word) {
        end = line;
        next = Math.min(text.length, lineStop + 1);
        break;
      }
      line = lineStop + 1;
    }
    draft.hereDocument = { start: bodyStart, end };
    i = next;
  }
  return i;
}

/** How a command shows files. */
export interface FileReading {
  readonly files: readonly string[];
  /** First and last line shown (1-based), null where it depends on the file's length. */
  readonly first: number | null;
  readonly last: number | null;
  /** Lines carry their numbers. */
  readonly isNumbered: boolean;
  /** The first line of the output is `==> name <==` for each file. */
  readonly hasBanners: boolean;
  /** Only some lines are shown (grep). */
  readonly isFiltered: boolean;
}

const SILENT = new Set(
  'cd export source . set unset mkdir rm mv cp touch chmod chown sleep pushd popd alias true : wait shopt trap umask'.split(
    ' ',
  ),
);

/** True for commands that print nothing when they succeed. */
export function isSilent(command: SimpleCommand): boolean {
  const [name = '', second = ''] = command.words;
  if (command.output === 'file') return true;
  if (/^\w+=/.test(name) && command.words.length === 1) return true;
  if (name === 'sed') return command.words.some((word) => /^-[a-zA-Z]*i/.test(word) || word === '--in-place');
  if (name === 'git')
    return ['add', 'config', 'checkout', 'stash', 'reset', 'apply', 'restore'].includes(second);
  return SILENT.has(name);
}

function plainFiles(words: readonly string[]): string[] {
  return words.filter(
    (word) => word !== '-' && !word.startsWith('-') && !/[*?$`{}]/.test(word) && word !== '',
  );
}

/** What files a simple command shows, null when it is no reader or cannot be told. */
export function fileReading(command: SimpleCommand): FileReading | null {
  const [name = '', ...rest] = command.words;
  const base = name.split('/').pop() ?? name;
  switch (base) {
    case 'cat':
    case 'less':
    case 'more':
    case 'bat':
    case 'batcat': {
      const files = plainFiles(rest);
      if (files.length === 0 || command.hereDocument) return null;
      return reading(
        files,
        1,
        null,
        rest.some((word) => /^-[A-Za-z]*[nb]/.test(word) || word === '--number'),
      );
    }
    case 'nl': {
      const files = plainFiles(
        rest.filter((word, i) => !/^-[bvwsdfhil]$/.test(rest[i - 1] ?? '') || !/^[\w]+$/.test(word)),
      );
      return files.length === 0 ? null : reading(files, 1, null, true);
    }
    case 'head':
    case 'tail':
      return headOrTail(base, rest);
    case 'sed':
      return sedReading(rest);
    case 'awk':
      return awkReading(rest);
    case 'git':
      return gitShow(rest);
    case 'grep':
    case 'rg':
    case 'egrep':
    case 'ag':
      return null;
    default:
      return null;
  }
}

function reading(
  files: readonly string[],
  first: number | null,
  last: number | null,
  isNumbered: boolean,
  hasBanners = false,
): FileReading {
  return { files, first, last, isNumbered, hasBanners, isFiltered: false };
}

function headOrTail(name: string, words: readonly string[]): FileReading | null {
  let count: number | null = 10;
  let from: number | null = null;
  const files: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const joined = /^-(?:n|-lines=)?(\+?-?\d+)$/.exec(word);
    const next = /^-(?:n|-lines)$/.test(word) ? words[++i] : undefined;
    const value = joined?.[1] ?? next;
    if (value !== undefined) {
      if (value.startsWith('+') && name === 'tail') from = Number(value.slice(1));
      else count = Number(value);
    } else if (word === '-c' || word.startsWith('--bytes')) {
      count = null;
      if (word === '-c') i++;
    } else if (!word.startsWith('-') && !/[*?$`{}]/.test(word)) files.push(word);
  }
  if (files.length === 0) return null;
  const hasBanners = files.length > 1;
  if (name === 'tail') return reading(files, from, null, false, hasBanners);
  return reading(files, 1, count !== null && count > 0 ? count : null, false, hasBanners);
}

function sedReading(words: readonly string[]): FileReading | null {
  if (words.some((word) => /^-[a-zA-Z]*i/.test(word) || word === '--in-place')) return null;
  if (!words.some((word) => word === '-n' || word === '-ne' || word === '--quiet')) return null;
  const plain = words.filter((word) => !word.startsWith('-'));
  const [script = '', ...files] = plain;
  const range = /^\s*(\d+)(?:\s*,\s*(\d+|\$))?\s*p\s*;?\s*(?:\d+q)?\s*$/.exec(script);
  if (files.length !== 1 || (files[0] ?? '').includes('*')) return null;
  if (!range) return /p\s*$/.test(script) ? { ...reading(files, null, null, false), isFiltered: true } : null;
  const first = Number(range[1]);
  const last = range[2] === undefined ? first : range[2] === '$' ? null : Number(range[2]);
  return reading(files, first, last, false);
}

function awkReading(words: readonly string[]): FileReading | null {
  const plain = words.filter((word) => !word.startsWith('-'));
  const [script = '', ...files] = plain;
  const range =
    /^\s*NR\s*>=?\s*(\d+)\s*&&\s*NR\s*<=?\s*(\d+)/.exec(script) ??
    /^\s*NR\s*==\s*(\d+)\s*,\s*NR\s*==\s*(\d+)/.exec(script);
  if (!range || files.length !== 1) return null;
  const isNumbered = /print(?:f)?\s*\(?\s*(?:NR|"%\w*d)/.test(script);
  return reading(files, Number(range[1]), Number(range[2]), isNumbered);
}

/** `git show REV:path` prints a file; without a path it prints a diff. */
function gitShow(words: readonly string[]): FileReading | null {
  const verb = words.findIndex((word) => word === 'show');
  if (verb < 0) return null;
  const target = words.slice(verb + 1).find((word) => !word.startsWith('-') && /^[^:]*:[^:]+$/.test(word));
  return target ? reading([target.slice(target.indexOf(':') + 1)], 1, null, false) : null;
}

/** The pattern-search commands whose output lines begin with `path:line:`. */
export function isGrep(command: SimpleCommand): boolean {
  const [name = '', second = ''] = command.words;
  return (
    ['grep', 'rg', 'egrep', 'fgrep', 'ag', 'ack'].includes(name) || (name === 'git' && second === 'grep')
  );
}

/** The single file that a grep reads, when its output lines do not name one. */
export function grepFile(command: SimpleCommand): string | null {
  const words = command.words.slice(command.words[0] === 'git' ? 2 : 1);
  if (words.some((word) => /^-[a-zA-Z]*[rR]/.test(word) || word === '--recursive')) return null;
  const plain: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (/^-[ABCem]$/.test(word)) i += word === '-e' ? 0 : 1;
    else if (!word.startsWith('-')) plain.push(word);
  }
  const file = plain[1];
  return plain.length === 2 && file !== undefined && /\.\w+$/.test(file) && !/[*?]/.test(file) ? file : null;
}
