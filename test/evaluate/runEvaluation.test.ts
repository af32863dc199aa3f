import { afterEach, describe, expect, it } from 'vitest';
import { CancelledError } from '../../src/core/errors.ts';
import { benchmarkOf } from '../../src/evaluate/benchmarks.ts';
import { defaultEndpointOptions, endpointSubject } from '../../src/evaluate/endpointSubject.ts';
import { parseTask, solveTask } from '../../src/evaluate/graphwalks.ts';
import { generateGraphWalks } from '../../src/evaluate/graphwalksGenerator.ts';
import { Journal } from '../../src/evaluate/journal.ts';
import { memoryJournal } from '../../src/evaluate/memoryJournal.ts';
import { backoffMs, retryAfterMs } from '../../src/evaluate/pace.ts';
import { openRowFile } from '../../src/evaluate/rowFile.ts';
import { runEvaluation, runIdentity, type EvaluationPlan } from '../../src/evaluate/runEvaluation.ts';
import type { Subject } from '../../src/evaluate/subject.ts';
import { Rng } from '../../src/core/rng.ts';
import { bytesSource } from '../helpers/checkpoint.ts';
import { startChatServer, type AskedQuestion, type ChatServer } from './chatServer.ts';

const rows = Array.from({ length: 12 }, (_, seed) =>
  generateGraphWalks({ problem: seed % 2 ? 'bfs' : 'parents', nodes: 9, outDegree: 2, depth: 2, seed }),
);
const data = new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

/** Answers right, except for seed 1 on parents; reasoning comes in both ways that servers send it. */
function solve(content: string, seed: number): { reasoning?: string; text: string } {
  const task = parseTask(content)!;
  const nodes = seed === 1 && task.operation.kind === 'parents' ? ['nothing'] : [...solveTask(task)];
  const text = `Voilà — ✓\nFinal Answer: [${nodes.join(', ')}]`;
  return seed === 0 ? { reasoning: 'hm', text } : { text: `<think>hm</think>\n\n${text}` };
}

let server: ChatServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

async function planFor(
  url: string,
  changes: Partial<EvaluationPlan> = {},
  attempts = 6,
): Promise<EvaluationPlan> {
  // Real waiting would make the test slow: time passes, but no one waits for it.
  const clock = {
    nowMs: () => performance.now(),
    sleep: (ms: number, signal: AbortSignal) => pause(ms > 100_000 ? 20_000 : 2, signal),
  };
  return {
    benchmark: benchmarkOf('graphwalks'),
    rows: await openRowFile(bytesSource('graphs.jsonl', data)),
    dataName: 'graphs.jsonl',
    dataSha256: 'd'.repeat(64),
    subject: endpointSubject(
      { ...defaultEndpointOptions, url, model: 'solver', key: 'k', attempts },
      undefined,
      clock,
    ),
    seeds: [0, 1],
    mode: 'repaired',
    selection: { limit: null, slices: {}, maxTokens: null },
    generation: { maxNewTokens: 100, temperature: 0.5, topP: 1 },
    varyPresentation: false,
    length: { tokenizer: 'characters', count: (text) => text.length },
    ...changes,
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new CancelledError('waiting'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Each question (its text and seed) with the number of complete answers it got. */
function answersPerQuestion(asked: readonly AskedQuestion[]): number[] {
  const counts = new Map<string, number>();
  for (const { content, seed, outcome } of asked) {
    const key = `${seed}/${content}`;
    counts.set(key, (counts.get(key) ?? 0) + (outcome === 'answered' ? 1 : 0));
  }
  return [...counts.values()];
}

describe('an evaluation against a server that fails, limits and cuts off', () => {
  it('ends with every question answered once', async () => {
    const troubles = ['limited', 'refused', 'cut', 'answered', 'answered'] as const;
    server = await startChatServer(solve, (request) => troubles[request % troubles.length]!);
    const plan = await planFor(server.url, {}, 40);
    const file = memoryJournal();
    const { result, items } = await runEvaluation(plan, await Journal.open(file, runIdentity(plan)));
    expect(result).toMatchObject({
      questions: 24,
      answered: 24,
      isComplete: true,
      failures: [],
      withThinking: 24,
    });
    expect(answersPerQuestion(server.asked)).toEqual(Array.from({ length: 24 }, () => 1));
    expect(items.filter(({ seed }) => seed === 0).every(({ score }) => score === 1)).toBe(true);
    expect(result.scores.overall.perSeed).toEqual([1, 0.5]);
    expect(result.scores.slices.map(({ dimension }) => dimension)).toEqual([
      'length',
      'type',
      'depth',
      'gold nodes',
    ]);
    expect(result.promptTokens).toBeGreaterThan(0);
    expect(file.text()).toContain('Voilà — ✓');
    expect(file.text()).not.toContain('Bearer');
    expect(server.bodies[0]).toMatchObject({
      model: 'solver',
      stream: true,
      max_tokens: 100,
      temperature: 0.5,
      seed: 0,
    });
  });

  it('goes on where it was stopped, though the stop cut the journal’s last line', async () => {
    server = await startChatServer(solve);
    const plan = await planFor(server.url);
    const first = memoryJournal();
    const stop = new AbortController();
    let seen = 0;
    const stopped = runEvaluation(plan, await Journal.open(first, runIdentity(plan)), {
      signal: stop.signal,
      onItem: () => {
        if (++seen === 7) stop.abort();
      },
    });
    await expect(stopped).rejects.toBeInstanceOf(CancelledError);
    const whole = first.text();
    const stored = whole.trimEnd().split('\n').length - 1;
    expect(stored).toBeGreaterThanOrEqual(7);
    // The last answer was being written when the process died.
    const cut = memoryJournal(whole.slice(0, -20));
    // Requests that the stop met on their way have arrived by now.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = server.asked.length;
    const journal = await Journal.open(cut, runIdentity(plan));
    expect(journal.answered).toBe(stored - 1);
    const { result } = await runEvaluation(plan, journal);
    expect(result).toMatchObject({ answered: 24, isComplete: true });
    expect(server.asked.length - before).toBe(24 - (stored - 1));
    // A third start asks nothing.
    const asked = server.asked.length;
    const again = await runEvaluation(plan, await Journal.open(cut, runIdentity(plan)));
    expect(server.asked.length).toBe(asked);
    expect(again.result).toEqual(result);
  });

  it('lists what it had to give up, keeps the rest, and asks that again', async () => {
    let isDown = true;
    server = await startChatServer(solve, (request) => (isDown && request < 6 ? 'refused' : 'answered'));
    const plan = await planFor(server.url, { seeds: [0] }, 1);
    const file = memoryJournal();
    const { result } = await runEvaluation(plan, await Journal.open(file, runIdentity(plan)));
    expect(result.failures).toHaveLength(6);
    expect(result.failures[0]!.reason).toContain('HTTP 500');
    expect(result).toMatchObject({ answered: 6, isComplete: false });
    expect(result.scores.overall).toMatchObject({ items: 6, mean: 1, overSeeds: null });
    isDown = false;
    const second = await runEvaluation(plan, await Journal.open(file, runIdentity(plan)));
    expect(second.result).toMatchObject({ answered: 12, failures: [], isComplete: true });
    expect(server.asked).toHaveLength(18);
  });

  it('ends at once when no question can be answered, and refuses another run’s journal', async () => {
    server = await startChatServer(solve);
    const plan = await planFor(`${server.url.replace('/v1', '')}/elsewhere`);
    const refusing = { ...plan, subject: endpointSubject({ ...defaultEndpointOptions, url: server.url, model: 'm' }, async () => ({ status: 401, header: () => null, chunks: noChunks() })) }; // prettier-ignore
    await expect(
      runEvaluation(refusing, await Journal.open(memoryJournal(), runIdentity(refusing))),
    ).rejects.toThrow(/HTTP 401.*key/);
    const file = memoryJournal();
    await Journal.open(file, runIdentity(plan));
    await expect(Journal.open(file, runIdentity({ ...plan, seeds: [0, 1, 2] }))).rejects.toThrow(
      /another run/,
    );
  });
});

describe('data with rows that cannot be read', () => {
  const row = (prompt: string) => JSON.stringify({ prompt, answer: 'nonceA', random_string_to_prepend: 'nonce', n_needles: 2, desired_msg_index: 1 }); // prettier-ignore
  const evaluate = async (lines: readonly string[]) => {
    const rows = await openRowFile(bytesSource('m.jsonl', new TextEncoder().encode(lines.join('\n'))));
    const plan = await planFor(server!.url, { benchmark: benchmarkOf('mrcr'), rows, mode: 'published', seeds: [0] }); // prettier-ignore
    return runEvaluation(plan, await Journal.open(memoryJournal(), runIdentity(plan)));
  };

  it('asks the others, also where only the prompt is damaged', async () => {
    server = await startChatServer(() => ({ text: 'nonceA' }));
    const { result } = await evaluate([row('[{"role":"user","content":"q"}]'), row('damaged'), '{"a":1}']);
    expect(result).toMatchObject({ answered: 1, isComplete: false, unreadableRows: 2 });
    expect(result.rowProblems.map(({ index }) => index)).toEqual(expect.arrayContaining([1, 2]));
  });

  it('is refused where no row is left', async () => {
    server = await startChatServer(() => ({ text: '' }));
    await expect(evaluate(['{"a":1}'])).rejects.toThrow(/no row of MRCR.*expected columns answer/);
  });
});

describe('replies of which the reasoning was not told from the answer', () => {
  const evaluate = async (first: string | null) => {
    const subject: Subject = {
      name: 'm',
      identity: {},
      concurrency: 1,
      generate: async (_, { seed }) => {
        const reply = { promptTokens: 1, completionTokens: 1, attempts: 1 };
        if (seed === 0) return { ...reply, text: 'Final Answer: []', thinking: first, finish: 'stop' };
        return { ...reply, text: 'Perhaps', thinking: null, finish: 'length' };
      },
    };
    const plan = await planFor('http://localhost:1', { subject });
    const { result } = await runEvaluation(plan, await Journal.open(memoryJournal(), runIdentity(plan)));
    return result.notes.filter((note) => note.includes('reasoning'));
  };

  it('are noted where the limit ended them and others do reason', async () => {
    expect(await evaluate('hm')).toEqual([
      '12 of them came without reasoning, which other replies have: they may be cut reasoning graded as the answer. Raise the token limit.',
    ]);
    expect(await evaluate(null)).toEqual([]);
  });
});

async function* noChunks(): AsyncGenerator<Uint8Array> {
  // An empty body.
}

describe('waiting', () => {
  it('follows Retry-After in both forms', () => {
    expect(retryAfterMs('2', 0)).toBe(2000);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000);
    expect(retryAfterMs('soon', 0)).toBeNull();
    expect(retryAfterMs(null, 0)).toBeNull();
  });
  it('doubles up to a minute, half of it drawn', () => {
    const rng = new Rng('waits');
    for (let attempt = 0; attempt < 12; attempt++) {
      const ceiling = Math.min(60_000, 500 * 2 ** attempt);
      const wait = backoffMs(attempt, rng);
      expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
      expect(wait).toBeLessThanOrEqual(ceiling);
    }
  });
});

describe('private benchmarks', () => {
  it('leave neither questions nor responses in the journal, and resume all the same', async () => {
    const gpqaRows = Array.from(
      { length: 4 },
      (_, i) => `"SECRET ${i}, with comma",right ${i},w1,w2,w3,Physics`,
    );
    const csv = `Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,High-level domain\n${gpqaRows.join('\n')}\n`;
    server = await startChatServer((content) => ({
      text: `SECRET thought. Answer: ${/^([A-D])\) right/m.exec(content)![1]!}`,
    }));
    const plan = await planFor(server.url, {
      benchmark: benchmarkOf('gpqa'),
      rows: await openRowFile(bytesSource('gpqa.csv', new TextEncoder().encode(csv))),
      mode: 'last',
      varyPresentation: true,
    });
    const file = memoryJournal();
    const { result } = await runEvaluation(plan, await Journal.open(file, runIdentity(plan)));
    expect(result.scores.repeated).toMatchObject({ samples: 2, items: 4, meanAtK: 1, majorityAtK: 1 });
    expect(file.text()).not.toMatch(/SECRET|right/);
    const again = await runEvaluation(plan, await Journal.open(file, runIdentity(plan)));
    expect(again.result).toEqual(result);
    expect(server.asked).toHaveLength(8);
  });
});
