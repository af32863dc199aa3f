import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { Rng } from '../../../src/core/rng.ts';
import { engineeringFormats } from '../../../src/trajectories/formats/engineeringFormats.ts';
import { outline } from '../blocks/provenance.ts';
import { expectTraced, readValues, readWith, withOtherValues, withoutKeys } from './reading.ts';
import { fixtures } from './fixtures.ts';

/** Reads a fixture, checks that it is recognised and traced, and gives its runs. */
function read(name: keyof typeof fixtures) {
  const { values, container, format, file } = fixtures[name];
  const reading = readValues(values, container, file === undefined ? {} : { file });
  expect(reading.format).toBe(format);
  expectTraced(reading);
  return reading.runs;
}

function only(name: keyof typeof fixtures) {
  const runs = read(name);
  expect(runs).toHaveLength(1);
  return runs[0]!;
}

describe('OpenHands', () => {
  it('V0 events join observations to actions by cause and tool call id', () => {
    const run = only('openHandsV0');
    expect(outline(run.steps)).toEqual([
      '-1 user: Fix the typo',
      '0 reasoning: Look first.',
      '0 call execute_bash: {"command":"ls"}',
      '0 result of execute_bash (error): no such file',
      '1 call read: {"path":"a.py"}',
      '1 result of read: print(1)',
      '2 call finish: {"final_thought":"Done."}',
    ]);
  });

  it('V1 events give the finish message as answer; unknown kinds stay visible', () => {
    const run = only('openHandsV1');
    expect(outline(run.steps)).toEqual([
      '-1 system: You are an agent.',
      '-1 user: Fix it',
      '0 reasoning: Plan.',
      '0 call terminal: {"command":"ls"}',
      '0 result of terminal: a.py',
      '1 assistant: All done.',
      '1 call finish: {"message":"Fixed the typo."}',
      '1 other SomethingNewEvent: ',
    ]);
    expect(run.finalAnswer).toMatchObject({ text: 'Fixed the typo.', via: 'arguments of finish' });
    expect(run.outcome.reason).toBe('status = finished (not a verdict)');
  });

  it('evaluation output gives patch, verdict, gold patch and the instance’s own question', () => {
    const run = only('openHandsOutput');
    expect(run.task?.text).toBe('Typo in a.py');
    expect(run.patch?.text).toContain('+++ b/a.py');
    expect(run.groundTruth).toMatchObject({ form: 'patch' });
    expect(run.outcome).toMatchObject({ success: true, reason: 'test_result.report.resolved = true' });
    expect(run.usage.costUsd).toBe(0.5);
    expect(run.metadata).toMatchObject({ repo: 'o/r', base_commit: 'abc' });
  });
});

describe('data sets of software runs', () => {
  it('nebius rows keep text in `text`, the assistant is `ai`, the command stands in the last fence', () => {
    const run = only('nebius');
    expect(outline(run.steps)).toEqual([
      '-1 system: You are an agent.',
      '-1 user: <issue>\nBug in parser\n</issue>',
      '0 reasoning: Let me look.',
      '0 call open: open src/p.py',
      '0 result of open: 1:x = 1',
    ]);
    expect(run.task?.text).toBe('Bug in parser');
    expect(run.outcome.success).toBe(false);
    expect(run.finalAnswer?.via).toBe('generated_patch');
  });

  it('rows with JSON text as messages and a resolved column are read too', () => {
    const run = only('sweSmithJsonText');
    expect(run.outcome.success).toBe(true);
    expect(run.steps.find((step) => step.type === 'toolResult')?.at.path).toBe('/messages/!json/2/content');
  });

  it('the patch shown for review is taken without files that were removed afterwards', () => {
    const run = only('sweSmithReview');
    expect(run.patch?.text).toContain('a/src/fix.py');
    expect(run.patch?.text).not.toContain('reproduce');
  });
});

describe('Agentless', () => {
  it('takes the issue from its markers and the files quoted in prompts as documents', () => {
    const run = only('agentless');
    expect(run.task?.text).toBe('Crash in a');
    expect(
      run.documents?.map(({ key, span }) => [key, run.steps[0]?.text.slice(span.start, span.end)]),
    ).toEqual([
      ['src/a.py', 'x = 1\n'],
      ['src/b.py', 'y = 2'],
    ]);
    expect(run.finalAnswer?.via).toBe('last of raw_output');
  });
});

describe('SWE-agent and mini-swe-agent', () => {
  it('mini-swe-agent gives submission, status and cost; the closing record adds nothing', () => {
    const run = only('miniSweAgent');
    expect(outline(run.steps)).toEqual([
      '-1 user: Please solve this issue: Crash\n\nYou can execute bash comm...',
      '0 reasoning: THOUGHT: look',
      '0 call bash: ls',
      '0 result of bash: a.py',
    ]);
    expect(run.task?.text).toBe('Crash');
    expect(run.patch?.via).toBe('info.submission');
    expect(run.outcome).toMatchObject({
      success: null,
      reason: 'info.exit_status = Submitted (not a verdict)',
    });
  });
});

describe('coding tools', () => {
  it('Claude Code follows the last branch, keeps parallel results, splits questions and sub-agents', () => {
    const runs = read('claudeCode');
    expect(runs.map((run) => [run.id, run.task?.text])).toEqual([
      ['s1/1', 'First question'],
      ['s1/2', 'Second question'],
      ['s1/agent-1', 'Search for x'],
    ]);
    expect(outline(runs[0]!.steps)).toEqual([
      '-1 user (injected): <system-reminder>Be brief</system-reminder>',
      '-1 user: First question',
      '0 assistant: Reading.',
      '0 call Read: {"file_path":"/w/a.py"}',
      '0 call Read: {"file_path":"/w/b.py"}',
      '0 result of Read: A',
      '0 result of Read: B',
      '1 call Edit: {"file_path":"/w/a.py","old_string":"x","new_string":"y"}',
      '1 result of Edit: edited',
      '2 assistant: Done one.',
    ]);
    expect(runs[0]!.patch?.text).toBe(
      'diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-x\n+y\n z\n',
    );
  });

  it('Claude Code stream output takes the answer from the result line', () => {
    const run = only('claudeStream');
    expect(run.finalAnswer).toMatchObject({ text: 'It is 4.', via: 'result line', at: { record: 3 } });
    expect(run.usage).toMatchObject({ inputTokens: 12, outputTokens: 3, costUsd: 0.01 });
    expect(run.outcome.success).toBeNull();
  });

  it('Codex tells typed questions from injected ones and marks the final answer', () => {
    const run = only('codexRollout');
    expect(outline(run.steps)).toEqual([
      '-1 user (injected): <environment_context>cwd</environment_context>',
      '-1 user: Why does it fail?',
      '0 reasoning: Look.',
      '0 call shell: {"command":["bash","-lc","ls"]}',
      '0 result of shell: a\n',
      '1 assistant: Because.',
    ]);
    expect(run.finalAnswer?.via).toBe('message of phase final_answer');
    expect(run.model).toBe('gpt-x');
    expect(run.usage.inputTokens).toBe(100);
  });

  it('old Codex rollouts are bare items', () => {
    const run = only('codexOld');
    expect(run.id).toBe('old-1');
    expect(outline(run.steps)).toEqual([
      '-1 user: Say hi',
      '0 call shell: {"command":["ls"]}',
      '0 result of shell (error): nope',
      '1 assistant: hi',
    ]);
  });

  it('Codex exec streams hold call and result in one item', () => {
    const run = only('codexExec');
    expect(outline(run.steps)).toEqual([
      '0 reasoning: Plan',
      '0 call shell: bash -lc ls',
      '0 result of shell: a.py\n',
      '1 call search: {"q":"x"}',
      '1 result of search: found',
      '2 assistant: Done.',
    ]);
    expect(run.task).toBeNull();
  });

  it('Gemini API dumps join responses to calls', () => {
    const run = only('geminiApi');
    expect(outline(run.steps)).toEqual([
      '-1 system: Be kind.',
      '-1 user: Weather?',
      '0 call weather: {"city":"Bern"}',
      '0 result of weather: rain',
      '1 assistant: It rains.',
    ]);
  });
});

describe('harnesses', () => {
  it('Inspect resolves attachments and maps grades', () => {
    const run = only('inspect');
    expect(run.task?.text).toBe('What is the capital?');
    expect(run.task?.at?.path).toBe('/samples/0/attachments/h1');
    expect(run.outcome).toEqual({ success: false, reward: 0, reason: 'scores: match = I' });
    expect(run.steps[0]).toMatchObject({
      text: 'What is the capital?',
      at: { path: '/samples/0/attachments/h1' },
    });
  });

  it('an Inspect log without samples is reported, not read', () => {
    const reading = readValues([{ version: 2, status: 'started', eval: { task: 't' }, plan: {} }]);
    expect(reading.format).toBe('inspect-ai');
    expect(reading.issues.map((issue) => issue.code)).toEqual(['log-without-samples']);
  });

  it('ATIF steps hold calls and results; Terminus writes keystrokes into the message', () => {
    const run = only('atif');
    expect(outline(run.steps)).toEqual([
      '-1 user: List files',
      '0 reasoning: use ls',
      '0 call bash: {"command":"ls"}',
      '0 result of bash: a.py',
      '1 reasoning: Files are listed.',
      '1 call terminal: cat a.py\n',
      '1 result of terminal: print(1)',
      '2 assistant: One file.',
    ]);
    expect(run.steps[5]?.at.path).toBe('/steps/2/message/!json/commands/0/keystrokes');
  });

  it('verifiers results read both sides, reward and answer', () => {
    const run = only('verifiers');
    expect(run.outcome).toMatchObject({ success: true, reward: 1 });
    expect(run.groundTruth).toMatchObject({ values: ['4'] });
    expect(run.finalAnswer?.text).toBe('4');
  });
});

describe('chats', () => {
  it('completion logs end with the reply outside of the messages', () => {
    const run = only('completionLog');
    expect(run.finalAnswer).toMatchObject({
      text: 'Four',
      at: { path: '/response/choices/0/message/content' },
    });
  });

  it('ShareGPT with Hermes tags', () => {
    const run = only('shareGpt');
    expect(outline(run.steps)).toEqual([
      '-1 system: tools: search',
      '-1 user: Q',
      '0 call search: {"q":"x"}',
      '0 result of search: hit',
      '1 assistant: A',
    ]);
  });

  it('Anthropic requests with their system prompt', () => {
    const run = only('anthropic');
    expect(outline(run.steps)).toEqual([
      '-1 system: Be exact.',
      '-1 user: Q',
      '0 call calc: {"e":"2+2"}',
      '0 result of calc: 4',
      '1 assistant: 4',
    ]);
  });

  it('a bare list of messages is one conversation', () => {
    expect(only('chatFile').steps).toHaveLength(2);
    expect(only('chatFile').steps[1]?.at.record).toBe(1);
  });

  it('a lone OpenAI response', () => {
    expect(outline(only('openAiResponse').steps)).toEqual(['-1 user: Hi', '0 assistant: Hello']);
  });
});

describe('traces', () => {
  it('LangSmith: prompt of the first model run, outputs of all, results from tool runs', () => {
    const run = only('langSmith');
    expect(outline(run.steps)).toEqual([
      '-1 user: Capital of France?',
      '0 call search: {"q":"France"}',
      '0 result of search: Paris is the capital',
      '1 assistant: Paris',
    ]);
    expect(run.task?.text).toBe('Capital of France?');
    expect(run.finalAnswer?.text).toBe('Paris');
    expect(run.outcome).toMatchObject({ success: true, reason: 'feedback correctness = 1' });
  });

  it('Langfuse: traces with observations', () => {
    const run = only('langfuse');
    expect(outline(run.steps)).toEqual([
      '-1 user: Q?',
      '0 assistant: Let me search',
      '0 call search: {"q":"x"}',
      '0 result of search: hit',
      '1 assistant: A!',
    ]);
    expect(run.outcome.reward).toBe(1);
  });

  it('OTLP with GenAI attributes as JSON text', () => {
    const run = only('otlp');
    expect(outline(run.steps)).toEqual([
      '-1 system: Be brief',
      '-1 user: Q?',
      '0 call search: {"q":"x"}',
      '0 result of search: hit',
      '1 assistant: A!',
    ]);
    expect(run.usage).toMatchObject({ inputTokens: 30, outputTokens: 5 });
  });

  it('OpenInference with flattened keys', () => {
    const run = only('openInference');
    expect(outline(run.steps)).toEqual([
      '-1 user: Q?',
      '0 call lookup: {"k":1}',
      '0 result of lookup: v',
      '1 call retriever: {"query":"Q?"}',
      '1 result of retriever: first document',
      '1 result of retriever: second document',
    ]);
  });
});

describe('untrusted records', () => {
  it('keys that mean something to JavaScript stay data', () => {
    const value = JSON.parse(
      '{"messages":[{"role":"user","content":"q"},{"role":"constructor","content":"x"},{"role":"assistant","content":"a","tool_calls":[{"function":{"name":"__proto__","arguments":"{\\"__proto__\\":1}"}}]}],"__proto__":{"reward":1},"constructor":5}',
    ) as JsonObject;
    const reading = readValues([value]);
    expect(reading.runs[0]?.steps.map((step) => step.type)).toEqual([
      'message',
      'other',
      'message',
      'toolCall',
    ]);
    expect(Object.getPrototypeOf(reading.runs[0]?.metadata)).toBe(Object.prototype);
    expect(reading.runs[0]?.outcome.reward).toBeNull();
  });

  it('deep nesting is survived', () => {
    let deep: JsonValue = 'x';
    for (let i = 0; i < 20_000; i++) deep = { content: [deep] };
    const messages: JsonValue[] = [
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        content: [deep],
        tool_calls: [{ id: 'a', name: 'f', arguments: deep as JsonObject }],
      },
      { role: 'tool', tool_call_id: 'a', content: [deep] },
    ];
    expect(readValues([{ messages }]).runs).toHaveLength(1);
  });
});

describe('damaged records', () => {
  const names = Object.keys(fixtures) as (keyof typeof fixtures)[];

  it('that lost any of their keys and items are read as far as they go, and stay traced', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.integer(),
        fc.double({ min: 0.02, max: 0.4, noNaN: true }),
        (name, seed, rate) => {
          const rng = new Rng(seed);
          const { values, container, format, file } = fixtures[name];
          const damaged = values.map((value) => withoutKeys(value, () => rng.next() < rate));
          const adapter = engineeringFormats.find((one) => one.id === format)!;
          const reading = readWith(adapter, damaged, container, file);
          expectTraced(reading);
          readValues(damaged, container, file === undefined ? {} : { file });
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('that hold values of other types than expected are read without throwing, by every format', () => {
    const odd: JsonValue[] = [
      null,
      0,
      '',
      'x',
      true,
      [],
      {},
      [null],
      [[]],
      { role: 5 },
      ['a', 1],
      { type: 'text' },
    ];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.integer(), (name, seed) => {
        const rng = new Rng(seed);
        const { values, container } = fixtures[name];
        const swapped = values.map((value) =>
          withOtherValues(value, () => (rng.next() < 0.1 ? odd[rng.below(odd.length)]! : undefined)),
        );
        for (const adapter of engineeringFormats) expectTraced(readWith(adapter, swapped, container));
      }),
      { numRuns: 300 },
    );
  });
});
