import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { main } from '../../src/cli/acc.ts';

/** A folder that is removed when the tests of a file end. */
export function temporaryFolder(name: string): { path: (file: string) => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), `acc-${name}-`));
  return {
    path: (file) => join(folder, file),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs a command line in this process: exit code and what it printed. */
export async function runAcc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const catcher = (parts: string[]) =>
    ((part: string | Uint8Array, done?: (error?: Error) => void) => {
      parts.push(typeof part === 'string' ? part : Buffer.from(part).toString());
      done?.();
      return true;
    }) as typeof process.stdout.write;
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(catcher(out)),
    vi.spyOn(process.stderr, 'write').mockImplementation(catcher(err)),
  ];
  try {
    return { code: await main(argv), out: out.join(''), err: err.join('') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
