import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { importFile } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import type { Issue, Trajectory } from '../../../src/trajectories/schema.ts';
import { expectSound, outline } from '../blocks/provenance.ts';

interface Imported {
  readonly runs: readonly Trajectory[];
  readonly issues: readonly Issue[];
}

async function importText(text: string): Promise<Imported> {
  const runs: Trajectory[] = [];
  const issues: Issue[] = [];
  for await (const event of importFile(memorySource('file', new TextEncoder().encode(text)))) {
    if (event.type === 'trajectory') runs.push(event.trajectory);
    if (event.type === 'issue') issues.push(event.issue);
  }
  return { runs, issues };
}

const asLines = (values: readonly JsonValue[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** The only run of a file that is this value; its texts stand where they say. */
async function only(value: JsonValue): Promise<Trajectory> {
  const { runs, issues } = await importText(JSON.stringify(value));
  expect(issues).toEqual([]);
  expect(runs).toHaveLength(1);
  const run = runs[0]!;
  // A list is cut into records when each of its messages is one.
  const isCut = Array.isArray(value) && run.steps.some((step) => step.at.record > 0);
  expectSound(run.steps, isCut ? value : [value]);
  return run;
}

describe('exchanges', () => {
  it.each([
    ['request', 'response'],
    ['input', 'output'],
  ])('of one %s and one %s are one run', async (asked, replied) => {
    const run = await only({
      [asked]: {
        messages: [
          { role: 'user', content: 'Q' },
          { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'search', input: { q: 'x' } }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'hit' }] },
        ],
      },
      [replied]: { type: 'message', role: 'assistant', content: [{ type: 'text', text: 'A' }] },
    });
    expect(outline(run.steps)).toEqual([
      '-1 user: Q',
      '0 call search: {"q":"x"}',
      '0 result of search: hit',
      '1 assistant: A',
    ]);
  });
});
