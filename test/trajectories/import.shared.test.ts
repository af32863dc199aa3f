import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileSource } from '../../src/cli/nodeSource.ts';
import { importFile, openTrajectory, type ImportEvent } from '../../src/trajectories/import.ts';
import { hasShared, sharedPath, sharedSkipReason } from '../helpers/shared.ts';

/** Folder or file, format, agent kinds and numbers of trajectories, as the notes beside the files say. */
const golden: readonly (readonly [path: string, format: string, kinds: string])[] = [
  ['bird-interact/a_interact_samples.json', 'bird-interact', 'sql 10'],
  ['claude-code/session-a.jsonl', 'claude-code', 'swe 1'],
  ['claude-code/session-b.jsonl', 'claude-code', 'swe 1'],
  ['claude-code/session-c.jsonl', 'claude-code', 'swe 1'],
  ['claude-code/session-d.jsonl', 'claude-code', 'swe 5'],
  ['claude-code/session-e.jsonl', 'claude-code', 'swe 1'],
  ['gemini-cli', 'gemini-cli', 'swe 1'],
  ['inspect-ai/browser.json', 'inspect-ai', 'search 1'],
  ['inspect-ai/popularity.eval', 'inspect-ai', 'other 100'],
  ['inspect-ai/popularity.json', 'inspect-ai', 'other 3'],
  ['inspect-ai/streaming.eval', 'inspect-ai', 'other 4'],
  ['intercode-sql/gpt-3.5_react_10_turns.subset.json', 'intercode-sql', 'sql 120'],
  ['intercode-sql/gpt-4_10_turns.subset.json', 'intercode-sql', 'sql 160'],
  ['intercode-sql/human_10_turns.json', 'intercode-sql', 'sql 15'],
  ['mini-swe-agent/github_issue.traj.json', 'mini-swe-agent-messages', 'swe 1'],
  ['multi-agent-who-when', 'who-and-when', 'search 1'],
  ['openai-chat-tau-bench/gpt-4o-airline.0-11.json', 'tau-bench', 'other 12'],
  ['openai-responses/bird-sql.single-turn.jsonl', 'nemo-gym', 'sql 2'],
  ['openai-responses/claude-code-swebench.rollouts.jsonl', 'nemo-gym', 'swe 3'],
  ['openai-responses/deepswe-full-run.jsonl', 'nemo-gym', 'swe 1'],
  ['openai-responses/deepswe.rollouts.jsonl', 'nemo-gym', 'swe 3'],
  ['openai-responses/finance-agent.rollouts.jsonl', 'nemo-gym', 'search 3'],
  ['openai-responses/openhands-swe.rollouts.jsonl', 'nemo-gym', 'swe 3'],
  ['openai-responses/spider2-lite.single-turn.jsonl', 'nemo-gym', 'sql 2'],
  ['openai-responses/terminus-2-terminalbench.rollouts.jsonl', 'nemo-gym', 'swe 2'],
  ['openai-responses/web-search.rollouts.jsonl', 'nemo-gym', 'search 3'],
  ['openhands-events/pr-review.events.jsonl', 'openhands-events', 'swe 1'],
  ['react-fireact/alpaca_hotpotqa.json', 'react-fireact', 'search 500'],
  ['react-text-log/50_sample_react_reflect_correct.txt', 'react-text-log', 'search 17'],
  ['repacked/claude-code-session-b.jsonl.gz', 'claude-code', 'swe 1'],
  ['repacked/intercode-human.json.zst', 'intercode-sql', 'sql 15'],
  ['repacked/swe-agent-run.tar.gz', 'swe-agent', 'swe 2'],
  ['repacked/swe-smith-sft.snappy.parquet', 'swe-dataset', 'swe 2'],
  ['repacked/webdancer.zstd.parquet', 'webdancer', 'search 16'],
  ['spider-agent-tc/sf_bq024.json', 'spider-agent-tc', 'sql 1'],
  ['swe-agent', 'swe-agent', 'swe 1'],
  ['swe-smith-sft/ft_xml_example.rows1-2.jsonl', 'swe-dataset', 'swe 2'],
  ['webdancer/sample_traj.subset.jsonl', 'webdancer', 'search 16'],
];

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

async function eventsOf(path: string): Promise<ImportEvent[]> {
  const source = await fileSource(path);
  const events: ImportEvent[] = [];
  for await (const event of importFile(source)) events.push(event);
  await source.close();
  return events;
}

describe.skipIf(!hasShared)(`recorded trajectories (${hasShared ? 'present' : sharedSkipReason})`, () => {
  const root = sharedPath('trajectories');
  const files = hasShared ? filesBelow(root).filter((path) => !path.endsWith('SOURCES.md')) : [];
  const expectation = (path: string): (typeof golden)[number] | undefined =>
    golden.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));

  for (const path of files) {
    const name = relative(root, path);
    // Databases lie beside the logs that ask them.
    if (name.startsWith('databases/')) continue;
    it(`${name} is recognised and read`, async () => {
      const expected = expectation(name);
      expect(expected, 'a line of the table above').toBeDefined();
      const events = await eventsOf(path);
      const formats = new Set(events.flatMap((event) => (event.type === 'file' ? [event.file.format] : [])));
      const found = events.filter((event) => event.type === 'trajectory');
      const kinds = new Map<string, number>();
      for (const { trajectory } of found) {
        kinds.set(trajectory.kind.kind, (kinds.get(trajectory.kind.kind) ?? 0) + 1);
      }
      expect([...formats]).toEqual([expected?.[1]]);
      expect([...kinds].map(([kind, count]) => `${kind} ${count}`).join(', ')).toBe(expected?.[2]);
      const severe = events.filter((event) => event.type === 'issue' && event.issue.severity === 'error');
      expect(severe).toEqual([]);

      // Opening one again, from a stored locator, gives the same trajectory.
      const source = await fileSource(path);
      for (const { locator, trajectory } of [found[0]!, found.at(-1)!]) {
        const stored = JSON.parse(JSON.stringify(locator)) as typeof locator;
        expect(await openTrajectory(source, stored)).toEqual(trajectory);
      }
      await source.close();
    });
  }

  it('reads the good records of real files that were cut anywhere', async () => {
    const bytes = readFileSync(join(root, 'webdancer/sample_traj.subset.jsonl'));
    const { importBytes } = await import('./io/episodes.ts');
    const { formats } = await import('../../src/trajectories/formats/registry.ts');
    for (const share of [0.2, 0.5, 0.83]) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * share));
      const whole = cut.filter((byte) => byte === 0x0a).length;
      const { trajectories } = await importBytes(cut, { formats });
      expect(trajectories).toHaveLength(whole);
    }
  });
});
