import type { DocumentSeen, TextRef, ToolCallStep } from '../schema.ts';
import { seen, type SweState } from './fileLooks.ts';
import { countLines } from './fileWindow.ts';
import { isSilent, type SimpleCommand } from './shell.ts';
import { argumentSpan, spanIn } from './spans.ts';
import { COMMAND_KEYS } from './toolClass.ts';

/** Files that a command writes: here-documents, `tee`, redirections of text, `sed -i`. */
export function writtenFiles(
  call: ToolCallStep,
  command: SimpleCommand,
  text: string,
  source: string,
  state: SweState,
): DocumentSeen[] {
  const [name = '', ...words] = command.words;
  if (name === 'sed' && isSilent(command)) {
    return sedFiles(words).flatMap((file) => {
      const span = commandSpan(call, source, text, file);
      return span ? [seen(call, state.paths.normalise(file), 'edited', span, null)] : [];
    });
  }
  if (/^python[\d.]*$/.test(name) && command.hereDocument) {
    return scriptWrites(
      call,
      text.slice(command.hereDocument.start, command.hereDocument.end),
      text,
      source,
      state,
    );
  }
  const target =
    command.outputFile ?? (name === 'tee' ? (words.find((word) => !word.startsWith('-')) ?? null) : null);
  const body = command.hereDocument;
  if (!body || target === null || target.startsWith('/dev/') || !['cat', 'tee'].includes(name)) return [];
  const content = text.slice(body.start, body.end);
  const span = commandSpan(call, source, text, content);
  const lines = { first: 1, last: countLines(content, 0, content.length) };
  return span ? [seen(call, state.paths.normalise(target), 'edited', span, lines)] : [];
}

/** Files that `sed -i` changes: all words but its options and scripts. An empty word is the suffix that BSD wants. */
function sedFiles(words: readonly string[]): readonly string[] {
  const takesScript = /^-[a-zA-Z]*[ef]$/;
  const plain = words.filter(
    (word, index) => word !== '' && !word.startsWith('-') && !takesScript.test(words[index - 1] ?? ''),
  );
  const hasScript = words.some((word) => takesScript.test(word) || /^--(?:expression|file)/.test(word));
  return hasScript ? plain : plain.slice(1);
}

/** Files that a Python script given on the command line writes: `open(path, 'w')`, `Path(path)` with write_text. */
function scriptWrites(
  call: ToolCallStep,
  script: string,
  text: string,
  source: string,
  state: SweState,
): DocumentSeen[] {
  const files = new Set<string>();
  const writesPaths = /\.write_(?:text|bytes)\(/.test(script);
  for (const match of script.matchAll(
    /\b(open|Path)\(\s*(['"])([^'"\n]{1,300})\2(?:\s*,\s*['"]([wax][bt+]*)['"])?/g,
  )) {
    if (match[4] !== undefined || (match[1] === 'Path' && writesPaths)) files.add(match[3] ?? '');
  }
  const span = files.size === 0 ? null : commandSpan(call, source, text, script);
  return span ? [...files].map((file) => seen(call, state.paths.normalise(file), 'edited', span, null)) : [];
}

/** Place of a part of the command; for one-line parts the whole command, so that the edit can be understood. */
function commandSpan(call: ToolCallStep, source: string, text: string, part: string): TextRef | null {
  const key =
    call.arguments === null ? null : (COMMAND_KEYS.find((name) => call.arguments?.[name] === source) ?? null);
  const whole = key === null ? spanIn(call, 0, call.text.length) : (argumentSpan(call, key)?.span ?? null);
  if (!whole || (key === null && call.arguments !== null)) return null;
  if (!part.includes('\n')) return whole;
  const at = source.indexOf(part);
  return text !== source || at < 0 || part.trim() === ''
    ? whole
    : { ...whole, start: whole.start + at, end: whole.start + at + part.length };
}
