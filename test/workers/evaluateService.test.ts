import { describe, expect, it, vi } from 'vitest';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import type { EngineCall, EvaluateEvents, RunRequest } from '../../src/workers/evaluateApi.ts';
import { EvaluateService } from '../../src/workers/evaluateService.ts';

// The page fetches it; lengths are counted in characters here.
vi.mock('../../src/tokenizer/bundledTokenizers.ts', () => ({
  fetchBelow: () => () => Promise.reject(new Error('not asked')),
  loadBundledTokenizer: async () => ({ name: 'characters', count: (text: string) => text.length }),
}));

const row = (question: string, cot = '') => ({ question, options: ['x', 'y', 'z'], answer: 'B', category: 'law', cot_content: cot }); // prettier-ignore
const fileOf = (name: string, rows: readonly object[]) =>
  new File([rows.map((each) => JSON.stringify(each)).join('\n')], name);
const test = fileOf('test.jsonl', [row('Who?')]);
const validation = fileOf('validation.jsonl', [
  row('Law?', "A: Let's think step by step. The answer is (B)."),
]);

async function newService() {
  let state: EvaluateEvents = { runs: [], data: [] };
  const service = new EvaluateService(async () => new MemoryFolder());
  await service.start((next) => (state = next), '');
  await service.openProject('p');
  const add = async (file: File) => {
    const added = await service.addFile(file);
    if (!added.ok) throw new Error(added.message);
    return added.value;
  };
  /** Evaluates with an engine that replies so, and says what it was asked. */
  const evaluate = async (
    changes: Partial<RunRequest>,
    reply: { text: string; isCut?: boolean; opensThinking?: boolean },
  ) => {
    const asked: string[] = [];
    const engine: EngineCall = async (messages) => {
      asked.push(messages.at(-1)!.content);
      return { ok: true, isCut: false, opensThinking: false, promptTokens: 1, completionTokens: 1, ...reply };
    };
    const request: RunRequest = { dataId: '', subject: { type: 'engine', name: 'm', identity: 'm' }, seeds: 1, mode: 'chain', limit: null, maxNewTokens: 9, temperature: 0, topP: 1, varyPresentation: false, ...changes }; // prettier-ignore
    const started = await service.startRun(request, { key: null, responses: null }, engine, null);
    if (!started.ok) throw new Error(started.message);
    const id = started.value;
    await vi.waitFor(() => expect(state.runs.find((run) => run.id === id)?.phase).toMatch(/done|failed/));
    return { id, asked, result: (await service.result(id))! };
  };
  return { service, add, evaluate };
}

describe('an evaluation in the page', () => {
  it('asks MMLU-Pro after the worked examples of a second file, and notes where it had none', async () => {
    const { service, add, evaluate } = await newService();
    const [questions, examples] = [await add(test), await add(validation)];
    expect([questions.areShots, examples.areShots]).toEqual([false, true]);
    const zero = await evaluate({ dataId: questions.id }, { text: 'The answer is (B)' });
    expect(zero.result.notes.join()).toContain('Zero-shot: published results of MMLU-Pro');
    const request = { dataId: questions.id, shotsId: examples.id };
    const shown = await evaluate(request, { text: 'The answer is (B)' });
    expect(shown.result.notes.join()).toContain('Up to 5 worked examples of validation.jsonl');
    expect(shown.asked[0]).toMatch(
      /Law\?[^]*Answer: Let's think step by step\. The answer is \(B\)\.\n\n[^]*Who\?/,
    );
    expect(shown.id).not.toBe(zero.id);
    // The reader sees what was asked.
    const view = await service.item(shown.id, 0, 0);
    expect(view.ok && view.value.question).toBe(shown.asked[0]);
    await expect(evaluate({ ...request, shotsId: 'gone' }, { text: '' })).rejects.toThrow(/worked examples is not here/); // prettier-ignore
  });

  it('grades no reasoning that the prompt opened and the limit cut', async () => {
    const { service, add, evaluate } = await newService();
    const { id: dataId } = await add(test);
    const cut = { text: 'Perhaps the answer is (B)', isCut: true, opensThinking: true };
    const { id, result } = await evaluate({ dataId }, cut);
    expect(result).toMatchObject({ withThinking: 1, cutByLimit: 1, scores: { overall: { mean: 0 } } });
    expect(await service.item(id, 0, 0)).toMatchObject({ value: { response: '', thinking: cut.text } });
  });
});
