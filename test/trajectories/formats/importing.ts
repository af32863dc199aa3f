import { expect } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { importFile } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import type { Issue, Trajectory } from '../../../src/trajectories/schema.ts';
import { expectSound } from '../blocks/provenance.ts';

export interface Imported {
  readonly format: string | null;
  readonly runs: readonly Trajectory[];
  readonly issues: readonly Issue[];
}

/** All that the importer finds in a file of this text. */
export async function importText(text: string, name = 'file'): Promise<Imported> {
  let format: string | null = null;
  const runs: Trajectory[] = [];
  const issues: Issue[] = [];
  for await (const event of importFile(memorySource(name, new TextEncoder().encode(text)))) {
    if (event.type === 'file') format ??= event.file.format;
    if (event.type === 'trajectory') runs.push(event.trajectory);
    if (event.type === 'issue') issues.push(event.issue);
  }
  return { format, runs, issues };
}

export const asLines = (values: readonly JsonValue[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** Imports values as a file of lines; each text of the runs stands where it says. */
export async function importLines(...values: JsonValue[]): Promise<Imported> {
  const imported = await importText(asLines(values));
  for (const run of imported.runs) expectSound(run.steps, values);
  return imported;
}

/** The only run of a file of lines, without anything to remark. */
export async function importRun(...values: JsonValue[]): Promise<Trajectory> {
  const { runs, issues } = await importLines(...values);
  expect(issues).toEqual([]);
  expect(runs).toHaveLength(1);
  return runs[0]!;
}
