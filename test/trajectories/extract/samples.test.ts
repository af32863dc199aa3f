import { describe, expect, it } from 'vitest';
import { engineeringFormats } from '../../../src/trajectories/formats/engineeringFormats.ts';
import { researchFormats } from '../../../src/trajectories/formats/researchFormats.ts';
import { patchedFiles } from '../../../src/trajectories/extract/repoPath.ts';
import type { Trajectory } from '../../../src/trajectories/schema.ts';
import { hasShared, sharedSkipReason } from '../../helpers/shared.ts';
import { brokenPlaces, readShared, textOf, type ReadSample } from '../formats/readSample.ts';

const adapters = [...researchFormats, ...engineeringFormats];

/** Kind of every recorded file that other adapters read, as the notes beside them say. */
const kinds: readonly (readonly [string, string])[] = [
  ['swe-agent/marshmallow-1867.thought-action.traj', 'swe'],
  ['swe-agent/marshmallow-1867.function-calling.traj', 'swe'],
  ['swe-agent/marshmallow-1867.xml-cursors.traj', 'swe'],
  ['swe-agent/humanevalfix-python-0.traj', 'swe'],
  ['swe-agent/pydicom-1458.traj', 'swe'],
  ['swe-agent/history-only.traj', 'swe'],
  ['swe-agent/ctf-babyencryption.traj', 'swe'],
  ['swe-agent/swesmith-pydantic-8316.traj', 'swe'],
  ['swe-smith-sft/ft_xml_example.rows1-2.jsonl', 'swe'],
  ['mini-swe-agent/github_issue.traj.json', 'swe'],
  ['claude-code/session-a.jsonl', 'swe'],
  ['claude-code/session-b.jsonl', 'swe'],
  ['claude-code/session-c.jsonl', 'swe'],
  ['claude-code/session-d.jsonl', 'swe'],
  ['claude-code/session-e.jsonl', 'swe'],
  ['gemini-cli/session-2026-01-10.json', 'swe'],
  ['gemini-cli/session-2026-01-15a.json', 'swe'],
  ['openhands-events/pr-review.events.jsonl', 'swe'],
  ['openai-responses/finance-agent.rollouts.jsonl', 'search'],
  ['openai-responses/web-search.rollouts.jsonl', 'search'],
  ['openai-responses/deepswe.rollouts.jsonl', 'swe'],
  ['openai-responses/bird-sql.single-turn.jsonl', 'sql'],
  ['openai-responses/claude-code-swebench.rollouts.jsonl', 'swe'],
  ['openai-responses/openhands-swe.rollouts.jsonl', 'swe'],
  ['openai-responses/terminus-2-terminalbench.rollouts.jsonl', 'swe'],
  ['openai-responses/deepswe-full-run.jsonl', 'swe'],
  ['openai-responses/spider2-lite.single-turn.jsonl', 'sql'],
  ['inspect-ai/browser.json', 'search'],
  ['inspect-ai/popularity.json', 'other'],
  ['openai-chat-tau-bench/gpt-4o-airline.0-11.json', 'other'],
];

describe.skipIf(!hasShared)(
  `recorded files of all agents (${hasShared ? 'present' : sharedSkipReason})`,
  () => {
    const read = new Map<string, ReadSample>();
    const sampleOf = (file: string): ReadSample => {
      const sample = read.get(file) ?? readShared(`trajectories/${file}`, adapters);
      read.set(file, sample);
      return sample;
    };
    const seenIn = (sample: ReadSample, run: Trajectory | undefined) =>
      (run?.documents ?? []).map(({ how, key, lines, span }) => {
        const text = textOf(sample, span) ?? '';
        return { what: `${how} ${key}${lines ? ` ${String(lines.first)}-${String(lines.last)}` : ''}`, text };
      });

    it.each(kinds)('%s is of kind %s, with every document where it says', (file, kind) => {
      const sample = sampleOf(file);
      expect(sample.runs.length).toBeGreaterThan(0);
      expect([...new Set(sample.runs.map((run) => run.kind.kind))]).toEqual([kind]);
      expect(brokenPlaces(sample)).toEqual([]);
    });

    it('SWE-agent: the file opened, the failed edit left out, the patch’s file among those edited', () => {
      const sample = sampleOf('swe-agent/marshmallow-1867.thought-action.traj');
      const [run] = sample.runs;
      const seen = seenIn(sample, run);
      expect(seen.map(({ what }) => what)).toEqual([
        'edited reproduce.py 1-1',
        'edited reproduce.py 1-9',
        'opened src/marshmallow/fields.py 1459-1558',
        'edited src/marshmallow/fields.py 1425-1524',
        'edited src/marshmallow/fields.py',
      ]);
      expect(seen[2]?.text.startsWith('1459:            self.WEEKS,\n')).toBe(true);
      expect(seen[2]?.text.endsWith('1558:            return self.mapping_type(value)')).toBe(true);
    });

    it('every file of a submitted patch was seen edited under the same path', () => {
      for (const [file] of kinds) {
        for (const run of sampleOf(file).runs) {
          if (!run.patch || run.documents.length === 0) continue;
          const edited = new Set(run.documents.filter(({ how }) => how === 'edited').map(({ key }) => key));
          for (const path of patchedFiles(run.patch.text))
            expect([...edited], `${file} ${run.id}`).toContain(path);
        }
      }
    });

    it('coding CLI: searches, windows read and edits in the session’s folder', () => {
      const sample = sampleOf('claude-code/session-a.jsonl');
      expect(seenIn(sample, sample.runs[0]).map(({ what }) => what)).toEqual([
        'returned cmd/entire/cli/agent/claudecode/hooks_test.go 262-262',
        'returned cmd/entire/cli/integration_test/setup_claude_hooks_test.go 197-197',
        'returned cmd/entire/cli/settings/settings_test.go 138-147',
        'opened cmd/entire/cli/settings/settings_test.go 130-155',
        'opened cmd/entire/cli/settings/settings_test.go 1-15',
        'returned cmd/entire/cli/settings/settings_test.go 38-147',
        'edited cmd/entire/cli/settings/settings_test.go',
        'edited cmd/entire/cli/settings/settings_test.go',
      ]);
    });

    it('shell agents: outputs of several readers divided at their printed separators', () => {
      const sample = sampleOf('openai-responses/deepswe-full-run.jsonl');
      const seen = seenIn(sample, sample.runs[0]);
      expect(seen.find(({ what }) => what === 'opened output.go 181-205')?.text.endsWith('205\t}')).toBe(
        true,
      );
      expect(
        seen
          .find(({ what }) => what === 'opened termenv.go 1-80')
          ?.text.startsWith('     1\tpackage termenv'),
      ).toBe(true);
    });

    it('search rollouts: the pages asked about later are the pages opened', () => {
      const sample = sampleOf('openai-responses/finance-agent.rollouts.jsonl');
      const [run] = sample.runs;
      const visited = run?.documents.filter(({ how }) => how === 'visited') ?? [];
      expect(visited.map(({ key }) => key.split('/').pop())).toEqual([
        'crwd-20250131.htm',
        'crwd-20251031.htm',
      ]);
      expect(visited.every(({ title }) => title === 'CrowdStrike Holdings, Inc. (Filer)')).toBe(true);
      const returned = run?.documents.filter(({ how }) => how === 'returned') ?? [];
      expect(returned).toHaveLength(14);
    });

    it('web browser: each page under its own address', () => {
      const [run] = sampleOf('inspect-ai/browser.json').runs;
      expect(run?.documents.map(({ how, key }) => `${how} ${key}`)).toEqual([
        'visited aisi.gov.uk',
        'visited aisi.gov.uk/work',
        'visited aisi.gov.uk/work/hibayes-improving-llm-evaluation-with-hierarchical-bayesian-modelling',
        'visited aisi.gov.uk/work/research-agenda',
      ]);
    });
  },
);
