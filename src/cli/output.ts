import { messageOf, UsageError, WorkbenchError } from '../core/errors.ts';

/** Exit codes of every command. */
export const EXIT_DONE = 0;
/** Finished, with inputs that were rejected and are listed. */
export const EXIT_REJECTED = 1;
/** Wrong usage, or input that cannot be read at all. */
export const EXIT_UNUSABLE = 2;

// Every write hears of its own errors; a closed pipe (`| head`) would end the process where nobody listens.
process.stdout.on('error', () => {});

/** Writes to standard output, waiting until the pipe has taken it. */
export function writeOut(part: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(part, (error) => {
      // A closed pipe (`| head`) ends the output, not the command.
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error);
      else resolve();
    });
  });
}

/** Prints text that ends its line. */
export function print(text: string): Promise<void> {
  return writeOut(text.endsWith('\n') ? text : `${text}\n`);
}

/** One JSON document on standard output. */
export function printJson(value: unknown): Promise<void> {
  return print(JSON.stringify(value, null, 2));
}

/** A message on standard error. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Milliseconds between lines of progress in a log: few lines, and yet no long job looks as if it hung. */
const logIntervalMs = 10_000;
let loggedAtMs = performance.now();

/** A line on standard error that each call replaces; where that is no terminal, a line every ten seconds at most. */
export function progressLine(text: string): void {
  if (!process.stderr.isTTY) {
    const nowMs = performance.now();
    if (nowMs - loggedAtMs < logIntervalMs) return;
    loggedAtMs = nowMs;
    note(text);
    return;
  }
  process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns || 80) - 1)}`);
}

/** Ends the progress line. */
export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
}

/** Prints a failure and gives its exit code. Unexpected errors show where they come from. */
export function reportFailure(error: unknown): number {
  if (error instanceof WorkbenchError) {
    note(`acc: ${error.message}`);
    if (error instanceof UsageError) note('Try "acc --help".');
    return EXIT_UNUSABLE;
  }
  note(`acc: internal error: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`);
  return EXIT_UNUSABLE;
}

/** Text safe to print on a terminal: control characters, which may hide or fake output, are made visible. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) =>
    character === '\n' || character === '\t' ? ' ' : '�',
  );
}

/** A table with aligned columns; `right` names the columns of numbers. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
