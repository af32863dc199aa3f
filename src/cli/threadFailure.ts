import { messageOf, WorkbenchError } from '../core/errors.ts';

/** An error as it crosses threads, which keep no classes. */
export interface ThreadFailure {
  /** Of a failure that a user can cause or meet; null for a bug. */
  readonly code: string | null;
  readonly message: string;
  /** Where a bug comes from. */
  readonly stack: string | null;
}

/** What to send of an error. */
export function failureOf(error: unknown): ThreadFailure {
  const message = messageOf(error);
  if (error instanceof WorkbenchError) return { code: error.code, message, stack: null };
  return { code: null, message, stack: error instanceof Error ? (error.stack ?? null) : null };
}

/** The error on the other side; the message holds what its details were. */
export function errorOf({ code, message, stack }: ThreadFailure): Error {
  if (code !== null) return new WorkbenchError(code, message);
  return Object.assign(new Error(message), stack === null ? {} : { stack });
}
