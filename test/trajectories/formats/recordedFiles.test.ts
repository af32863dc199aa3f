import { describe, expect, it } from 'vitest';
import { Rng } from '../../../src/core/rng.ts';
import { engineeringFormats } from '../../../src/trajectories/formats/engineeringFormats.ts';
import { hasShared, sharedSkipReason } from '../../helpers/shared.ts';
import { callCount, expectTraced, readRecorded, readWith, toolCounts, withoutKeys } from './reading.ts';

/** What the notes on each recorded file say: format, calls of each run, answers found, verdicts. */
interface Golden {
  readonly file: string;
  readonly format: string;
  readonly calls: readonly number[];
  /** Whether each run has an answer; one value stands for all. */
  readonly answered: boolean | readonly boolean[];
  readonly success: null | readonly (boolean | null)[];
  readonly question: RegExp | null;
  readonly tools?: Readonly<Record<string, number>>;
  readonly patched?: boolean;
}

const marshmallow = /^TimeDelta serialization precision[\s\S]*fields\.py#L1474$/;

const golden: readonly Golden[] = [
  {
    file: 'swe-agent/marshmallow-1867.thought-action.traj',
    format: 'swe-agent',
    calls: [11],
    answered: true,
    success: null,
    question: marshmallow,
    tools: { edit: 3, python: 2, create: 1, ls: 1, find_file: 1, open: 1, rm: 1, submit: 1 },
    patched: true,
  },
  {
    file: 'swe-agent/marshmallow-1867.function-calling.traj',
    format: 'swe-agent',
    calls: [11],
    answered: true,
    success: null,
    question: marshmallow,
    tools: { bash: 4, edit: 3, create: 1, find_file: 1, open: 1, submit: 1 },
    patched: true,
  },
  {
    file: 'swe-agent/marshmallow-1867.xml-cursors.traj',
    format: 'swe-agent',
    calls: [12],
    answered: true,
    success: null,
    question: marshmallow,
    patched: true,
  },
  {
    file: 'swe-agent/humanevalfix-python-0.traj',
    format: 'swe-agent',
    calls: [5],
    answered: true,
    success: null,
    question: /^I have a function that has a bug.*can you help\?$/,
    tools: { ls: 1, open: 1, edit: 1, python: 1, submit: 1 },
    patched: true,
  },
  {
    file: 'swe-agent/pydicom-1458.traj',
    format: 'swe-agent',
    calls: [12],
    answered: true,
    success: null,
    question: /^Pixel Representation attribute should be optional/,
    patched: true,
  },
  {
    file: 'swe-agent/history-only.traj',
    format: 'swe-agent',
    calls: [5],
    answered: false,
    success: null,
    question: /^SyntaxError: invalid syntax/,
    tools: { find_file: 1, open: 1, edit: 1, bash: 1, submit: 1 },
  },
  {
    file: 'swe-agent/ctf-babyencryption.traj',
    format: 'swe-agent',
    calls: [16],
    answered: true,
    success: null,
    question: /BabyEncryption/,
    tools: { edit: 7, python: 4, open: 3, create: 1, submit: 1 },
    patched: false,
  },
  {
    file: 'swe-agent/swesmith-pydantic-8316.traj',
    format: 'swe-agent',
    calls: [22],
    answered: true,
    success: null,
    question: /^`to_snake` alias generator bug/,
    tools: { bash: 11, str_replace_editor: 9, submit: 2 },
    patched: true,
  },
  {
    file: 'swe-smith-sft/ft_xml_example.rows1-2.jsonl',
    format: 'swe-dataset',
    calls: [37, 44],
    answered: true,
    success: null,
    question: /^BUG: \[pyarrow\]|^Call `GetId`/,
    patched: true,
  },
  {
    file: 'mini-swe-agent/github_issue.traj.json',
    format: 'mini-swe-agent-messages',
    calls: [10],
    answered: true,
    success: null,
    question: /^GitHub Issue: SyntaxError/,
    tools: { bash: 10 },
    patched: true,
  },
  {
    file: 'claude-code/session-a.jsonl',
    format: 'claude-code',
    calls: [9],
    answered: true,
    success: null,
    question: /^Replace the custom string contains/,
    tools: { Grep: 3, Read: 2, Edit: 2, Bash: 2 },
    patched: true,
  },
  {
    file: 'claude-code/session-b.jsonl',
    format: 'claude-code',
    calls: [10],
    answered: true,
    success: null,
    question: /^Ensure that JSON parsing/,
    tools: { Edit: 4, Bash: 4, Read: 1, Write: 1 },
    patched: true,
  },
  {
    file: 'claude-code/session-c.jsonl',
    format: 'claude-code',
    calls: [14],
    answered: true,
    success: null,
    question: /^Implement the following plan/,
    tools: { Read: 7, Edit: 3, Bash: 3, Glob: 1 },
    patched: true,
  },
  {
    file: 'claude-code/session-d.jsonl',
    format: 'claude-code',
    calls: [6, 21, 8, 0, 3],
    answered: true,
    success: null,
    question: /start(?: command|" command)|test:ci|explain why|more functions/,
  },
  {
    file: 'claude-code/session-e.jsonl',
    format: 'claude-code',
    calls: [24],
    answered: true,
    success: null,
    question: /^Implement the following plan/,
    tools: { Read: 11, Edit: 11, Grep: 1, Bash: 1 },
    patched: true,
  },
  {
    file: 'gemini-cli/session-2026-01-10.json',
    format: 'gemini-cli',
    calls: [2],
    answered: true,
    success: null,
    question: /^add new text to test-gemini\.txt$/,
    tools: { read_file: 1, write_file: 1 },
  },
  {
    file: 'gemini-cli/session-2026-01-15a.json',
    format: 'gemini-cli',
    calls: [4],
    answered: true,
    success: null,
    question: /^run an agent that creates/,
    tools: { run_shell_command: 3, write_file: 1 },
  },
  {
    file: 'openhands-events/pr-review.events.jsonl',
    format: 'openhands-events',
    calls: [2],
    answered: false,
    success: null,
    question: null,
    tools: { terminal: 2 },
  },
  {
    file: 'openai-responses/finance-agent.rollouts.jsonl',
    format: 'nemo-gym',
    calls: [7, 10, 9],
    answered: true,
    success: [false, null, null],
    question: /^(?:For|Us|How|What|Ba|[A-Z])/,
  },
  {
    file: 'openai-responses/web-search.rollouts.jsonl',
    format: 'nemo-gym',
    calls: [0, 2, 1],
    answered: true,
    success: [false, true, false],
    question: /Carnot|time-reversal|point charges/,
  },
  {
    file: 'openai-responses/deepswe.rollouts.jsonl',
    format: 'nemo-gym',
    calls: [1, 1, 1],
    answered: false,
    success: [true, false, true],
    question: /matchEach|recursive agent delegation|Anko/,
  },
  {
    file: 'openai-responses/bird-sql.single-turn.jsonl',
    format: 'nemo-gym',
    calls: [0, 0],
    answered: true,
    success: [true, false],
    question: /^(?:What is the highest|Please list the lowest)[^\n]*$/,
  },
  {
    file: 'openai-responses/claude-code-swebench.rollouts.jsonl',
    format: 'nemo-gym',
    calls: [7, 2, 2],
    answered: true,
    success: [true, false, false],
    question: /^Modeling's `separability_matrix`/,
    patched: true,
  },
  {
    file: 'openai-responses/openhands-swe.rollouts.jsonl',
    format: 'nemo-gym',
    calls: [7, 6, 58],
    answered: true,
    success: [false, false, true],
    question: /list_targets_by_rule|create_vpc|Cognito/,
  },
  {
    file: 'openai-responses/terminus-2-terminalbench.rollouts.jsonl',
    format: 'nemo-gym',
    calls: [6, 20],
    answered: true,
    success: [true, true],
    question: /Modernize Legacy|personal site/,
  },
  {
    file: 'openai-responses/deepswe-full-run.jsonl',
    format: 'nemo-gym',
    calls: [41],
    answered: true,
    success: [false],
    question: null,
    tools: { bash: 41 },
  },
  {
    file: 'openai-responses/spider2-lite.single-turn.jsonl',
    format: 'nemo-gym',
    calls: [0, 0],
    answered: true,
    success: [true, true],
    question: /top 5 players|Retrieve the names of players/,
  },
  {
    file: 'inspect-ai/browser.json',
    format: 'inspect-ai',
    calls: [4],
    answered: true,
    success: [true],
    question: /^Use the web browser tool/,
    tools: { web_browser_click: 3, web_browser_go: 1 },
  },
  {
    file: 'inspect-ai/popularity.json',
    format: 'inspect-ai',
    calls: [0, 0, 0],
    answered: true,
    success: [true, true, false],
    question: /^Is the following statement/,
  },
  {
    file: 'inspect-ai/streaming.eval',
    format: 'inspect-ai',
    calls: [0, 0, 0, 0],
    answered: true,
    success: [true, true, false, true],
    question: /^Is the following statement/,
  },
];

describe.skipIf(!hasShared)(`recorded files (${hasShared ? 'here' : sharedSkipReason})`, () => {
  it.each(golden)('$file', (row) => {
    const reading = readRecorded(row.file);
    expect(reading.format).toBe(row.format);
    expect(reading.issues).toEqual([]);
    const { runs } = reading;
    expect(runs.map(callCount)).toEqual(row.calls);
    const answered = typeof row.answered === 'boolean' ? row.calls.map(() => row.answered) : row.answered;
    expect(runs.map((run) => run.finalAnswer !== null && run.finalAnswer.text.trim() !== '')).toEqual(
      answered,
    );
    expect(runs.map((run) => run.outcome.success)).toEqual(row.success ?? row.calls.map(() => null));
    for (const run of runs) {
      if (row.question === null) expect(run.task).toBeNull();
      else expect(run.task?.text).toMatch(row.question);
      if (row.patched !== undefined) expect(run.patch !== null).toBe(row.patched);
    }
    if (row.tools) expect(runs.map(toolCounts)).toEqual([row.tools]);
    expectTraced(reading);
  });

  it('inspect-ai/popularity.eval: 100 samples, 3 messages each', () => {
    const reading = readRecorded('inspect-ai/popularity.eval');
    expect(reading.runs).toHaveLength(100);
    expect(reading.runs.every((run) => run.steps.length === 3 && run.finalAnswer !== null)).toBe(true);
    expect(reading.runs.every((run) => run.outcome.success !== null && run.groundTruth !== null)).toBe(true);
    expectTraced(reading);
  });

  it('openai-chat-tau-bench: 12 runs with their rewards', () => {
    const reading = readRecorded('openai-chat-tau-bench/gpt-4o-airline.0-11.json');
    expect(reading.format).toBe('tau-bench');
    expect(reading.runs.map((run) => run.outcome.reward)).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    expect(reading.runs.every((run) => run.task !== null)).toBe(true);
    // The fifth run ends with the hand-over to a human: no answer of the agent.
    expect(reading.runs.map((run) => run.finalAnswer === null).indexOf(true)).toBe(4);
    expect(reading.runs.filter((run) => run.finalAnswer === null)).toHaveLength(1);
    const total: Record<string, number> = {};
    for (const run of reading.runs) {
      for (const [name, count] of Object.entries(toolCounts(run))) total[name] = (total[name] ?? 0) + count;
    }
    expect(total).toMatchObject({ get_reservation_details: 20, update_reservation_flights: 12, think: 8 });
    expectTraced(reading);
  });

  it('every result is joined to its call where the log has the call', () => {
    const loose: string[] = [];
    for (const { file } of golden) {
      for (const run of readRecorded(file).runs) {
        for (const step of run.steps) {
          if (step.type === 'toolResult' && step.callStep === null) loose.push(`${file} step ${step.index}`);
        }
      }
    }
    // The excerpt of OpenHands events lacks one action.
    expect(loose).toEqual(['openhands-events/pr-review.events.jsonl step 4']);
  });

  it('damaged copies are read as far as they go, with every text where it says it is', () => {
    const adapters = new Map(engineeringFormats.map((adapter) => [adapter.id, adapter]));
    for (const { file, format } of golden) {
      const { values } = readRecorded(file);
      for (const rate of [0.01, 0.1]) {
        const rng = new Rng(`${file}/${rate}`);
        const damaged = values.map((value) => withoutKeys(value, () => rng.next() < rate));
        expectTraced(readWith(adapters.get(format)!, damaged));
      }
    }
  });

  it('gold patches and gold SQL are found', () => {
    const truths = (file: string) => readRecorded(file).runs.map((run) => run.groundTruth?.form ?? null);
    expect(truths('openai-responses/openhands-swe.rollouts.jsonl')).toEqual(['patch', 'patch', 'patch']);
    expect(truths('openai-responses/claude-code-swebench.rollouts.jsonl')).toEqual([
      'patch',
      'patch',
      'patch',
    ]);
    expect(truths('openai-responses/spider2-lite.single-turn.jsonl')).toEqual(['sql', 'sql']);
    expect(truths('openai-responses/finance-agent.rollouts.jsonl')).toEqual(['text', 'text', 'text']);
  });
});
