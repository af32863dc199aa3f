import type { Example } from './types.ts';

/**
 * One line of `examples.jsonl`, without the line break. Key order is that of `assemble`; lone surrogates are
 * written as escapes, so the bytes are valid UTF-8 and equal in every engine.
 */
export function exampleLine(example: Example): string {
  return JSON.stringify(example);
}

/** The same line under another id (ids are the first key). */
export function lineWithId(line: string | Uint8Array, oldId: string, newId: string): string {
  const text = typeof line === 'string' ? line : new TextDecoder().decode(line);
  const head = `{"id":${JSON.stringify(oldId)}`;
  return `{"id":${JSON.stringify(newId)}${text.slice(head.length)}`;
}

/** JSON for people: two spaces, a final line break. */
export function prettyJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
