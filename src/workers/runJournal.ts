import type { ExampleMeta } from '../compile/setReducer.ts';
import type { Rejection } from '../compile/types.ts';

/**
 * What the reduce step was given for one trajectory, without the example's text: enough to bring it to the same
 * state again when an interrupted run goes on.
 */
export type JournalEntry =
  { readonly rejection: Rejection } | { readonly meta: ExampleMeta; readonly signature: unknown };

const typedArrayKey = '\u0000u32';

/** One line of the journal. Typed arrays (MinHash signatures) are written as tagged lists. */
export function journalLine(entry: JournalEntry): string {
  return `${JSON.stringify(entry, (_, value: unknown) =>
    value instanceof Uint32Array ? { [typedArrayKey]: [...value] } : value,
  )}\n`;
}

/** Reads lines that `journalLine` wrote. */
export function readJournal(text: string): JournalEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(
      (line) =>
        JSON.parse(line, (_, value: unknown) =>
          typeof value === 'object' && value !== null && typedArrayKey in value
            ? Uint32Array.from(value[typedArrayKey] as number[])
            : value,
        ) as JournalEntry,
    );
}
