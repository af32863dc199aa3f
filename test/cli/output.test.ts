import { afterEach, beforeEach, expect, it, vi } from 'vitest';

let written: string[];

beforeEach(() => {
  written = [];
  vi.useFakeTimers();
  vi.resetModules();
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it('progress without a terminal is a line every ten seconds, and none from a short job', async () => {
  const { progressLine } = await import('../../src/cli/output.ts');
  for (let second = 0; second <= 25; second++) {
    progressLine(`${second} s`);
    vi.advanceTimersByTime(1000);
  }
  expect(written).toEqual(['10 s\n', '20 s\n']);
});
