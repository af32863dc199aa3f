/** Facts that every user-facing failure states: what failed, where, what was expected, what to do. */
export interface FailureDetail {
  readonly where?: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly advice?: string;
}

function describe(message: string, detail: FailureDetail): string {
  const parts = [message];
  if (detail.where) parts.push(`at ${detail.where}`);
  if (detail.expected) parts.push(`expected ${detail.expected}`);
  if (detail.actual) parts.push(`found ${detail.actual}`);
  if (detail.advice) parts.push(detail.advice);
  return parts.join('; ');
}

/** Base of all failures that a user can cause or meet. `code` is stable across versions. */
export class WorkbenchError extends Error {
  readonly code: string;
  readonly detail: FailureDetail;
  readonly #headline: string;
  constructor(code: string, message: string, detail: FailureDetail = {}) {
    super(describe(message, detail));
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
    this.#headline = message;
  }

  /** What happened, where, what was expected; not what to do, for places that show that apart. */
  get summary(): string {
    return describe(this.#headline, { ...this.detail, advice: '' });
  }
}

/** A file, record or option that cannot be used as it is. */
export class InputError extends WorkbenchError {}
/** Wrong command-line or API usage (exit code 2). */
export class UsageError extends WorkbenchError {}
/** The machine lacks something: a GPU feature, memory, quota, a file that went away. */
export class EnvironmentError extends WorkbenchError {}
/** A job stopped by its user. */
export class CancelledError extends WorkbenchError {
  constructor(what: string) {
    super('cancelled', `${what} was cancelled`);
  }
}

/** Throws `CancelledError` once the signal is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new CancelledError(what);
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
