import type { Refusal } from './contextDocument.ts';
import type { CompileOptions, Example } from './types.ts';

/** Why an example stays out by its flags, or null. */
export function excludedByFlag(example: Pick<Example, 'flags'>, options: CompileOptions): Refusal | null {
  const excluded = (options.excludeFlags ?? []).find((flag) => example.flags.includes(flag));
  if (excluded === undefined) return null;
  const reason = `the example carries the excluded flag ${excluded}`;
  return { stage: 'other', code: excluded, reason };
}
