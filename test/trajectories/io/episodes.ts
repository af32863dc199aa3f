import { isObject, type JsonValue } from '../../../src/core/json.ts';
import { importFile, type ImportEvent, type ImportOptions } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import type { DraftTrajectory, FormatAdapter } from '../../../src/trajectories/format.ts';
import type { Issue, Trajectory } from '../../../src/trajectories/schema.ts';

/** A format of our own for tests of reading: one run a record, `{episode, ask, reply}`. */
export const episodes: FormatAdapter = {
  id: 'episodes',
  label: 'Episodes',
  unit: 'record',
  detect: ({ records }) => {
    const fits = records.some(({ value }) => isObject(value) && 'episode' in value && 'ask' in value);
    return fits ? { certainty: 0.9, evidence: 'records with episode and ask' } : null;
  },
  read: (records) =>
    records.flatMap(({ file, record, key, value }) => {
      if (!isObject(value) || !('episode' in value)) return [];
      const id = key ?? textOf(value['episode']);
      return [draft('episodes', id, file, record, textOf(value['ask']), textOf(value['reply']))];
    }),
};

/** A session format: all lines of a file are one run; lines are `{turn, say}`. */
export const sessions: FormatAdapter = {
  id: 'sessions',
  label: 'Sessions',
  unit: 'file',
  detect: ({ records }) => {
    const fits = records.some(({ value }) => isObject(value) && 'turn' in value && 'say' in value);
    return fits ? { certainty: 0.8, evidence: 'lines with turn and say' } : null;
  },
  read: (records) => {
    const said = records.map(({ value }) => (isObject(value) ? textOf(value['say']) : ''));
    const first = records[0];
    return first ? [draft('sessions', first.file, first.file, 0, said[0] ?? '', said.join('|'))] : [];
  },
};

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function draft(
  format: string,
  id: string,
  file: string,
  record: number,
  ask: string,
  reply: string,
): DraftTrajectory {
  const at = { file, record, path: '/ask' };
  return {
    id,
    instanceId: null,
    format,
    source: { file, record },
    task: { text: ask, at, via: 'ask' },
    steps: [
      {
        type: 'message',
        role: 'user',
        index: 0,
        turn: -1,
        text: ask,
        at,
        range: { start: 0, end: ask.length },
      },
    ],
    database: null,
    finalAnswer: { text: reply, at: null, via: 'reply' },
    patch: null,
    groundTruth: null,
    outcome: { success: null, reward: null, reason: 'not recorded' },
    model: null,
    usage: { inputTokens: null, outputTokens: null, costUsd: null },
    metadata: {},
  };
}

/** The value of one episode record. */
export function episode(id: number | string, ask = `What is ${id}?`, reply = `It is ${id}.`): object {
  return { episode: id, ask, reply };
}

/** JSON lines of these values. */
export function lines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface Imported {
  readonly events: readonly ImportEvent[];
  readonly trajectories: readonly Trajectory[];
  readonly ids: readonly string[];
  readonly issues: readonly Issue[];
  readonly codes: readonly string[];
  readonly files: readonly string[];
}

/** Imports bytes or text as one file with the formats of this helper. */
export async function importBytes(
  input: Uint8Array | string,
  options: ImportOptions & { readonly name?: string } = {},
): Promise<Imported> {
  const bytes = typeof input === 'string' ? utf8(input) : input;
  const events: ImportEvent[] = [];
  const source = memorySource(options.name ?? 'file', bytes);
  for await (const event of importFile(source, { formats: [episodes, sessions], ...options })) {
    events.push(event);
  }
  const trajectories = events.flatMap((event) => (event.type === 'trajectory' ? [event.trajectory] : []));
  const issues = events.flatMap((event) => (event.type === 'issue' ? [event.issue] : []));
  return {
    events,
    trajectories,
    ids: trajectories.map((trajectory) => trajectory.id),
    issues,
    codes: issues.map((issue) => issue.code),
    files: events.flatMap((event) => (event.type === 'file' ? [event.file.file] : [])),
  };
}
