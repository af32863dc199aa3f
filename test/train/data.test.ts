import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { readTrainConfig, trainConfigKeys } from '../../src/train/config.ts';
import { readTrainingExample } from '../../src/train/conversation.ts';
import { joinRow, planRows, RowOrder } from '../../src/train/dataset.ts';
import { packRows } from '../../src/train/pack.ts';
import { learningRateAt } from '../../src/train/schedule.ts';
import { exampleLine, indexLines, qwenEncoder } from './helpers.ts';

describe('rows that can be trained on', () => {
  it('are read in the form of the compiler and of every export', () => {
    const messages = [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'a' },
    ];
    const forms: JsonValue[] = [
      { messages },
      { dialogs: messages },
      { conversations: [{ from: 'human', value: 'q' }, { from: 'gpt', value: 'a' }] }, // prettier-ignore
      { prompt: [messages[0]!], completion: [messages[1]!] },
      { prompt: 'q', completion: 'a' },
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'q' }] }, messages[1]!] },
    ];
    for (const form of forms) {
      const read = readTrainingExample(form, 'line 1');
      expect(read.ok && read.example.type === 'conversation' && read.example.messages).toEqual(messages);
    }
    const ids = readTrainingExample({ input_ids: [5, 6, 7], labels: [-100, -100, 7] }, 'line 1');
    expect(ids.ok && qwenEncoder().encode(ids.example).labels).toEqual(Int32Array.of(-100, 7, -100));
  });

  it('keep OpenAI weights and our role masks, and learn only the completion of a prompt', () => {
    const trained = (row: Parameters<typeof readTrainingExample>[0]): unknown => {
      const read = readTrainingExample(row, 'x');
      return read.ok && read.example.type === 'conversation' && read.example.trained;
    };
    const turn = (extra: Record<string, boolean | number>) => ({ role: 'assistant', content: 'a', ...extra });
    expect(trained({ messages: [turn({ weight: 0 }), turn({ weight: 1 }), turn({ train: false })] })).toEqual([false, true, false]); // prettier-ignore
    expect(trained({ prompt: [turn({})], completion: [turn({})] })).toEqual([false, true]);
  });

  it('never throw on anything', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const read = readTrainingExample(JSON.parse(json) as never, 'x');
        expect(typeof read.ok).toBe('boolean');
      }),
    );
  });
});

describe('a file of examples', () => {
  const long = exampleLine('long', 400);
  it('is indexed in one pass; what cannot be used is listed with its reason', async () => {
    const data = await indexLines([
      exampleLine('one', 20),
      '',
      '{"id": "broken"',
      JSON.stringify({ id: 'mute', messages: [{ role: 'assistant', content: 'a', train: false }] }),
      JSON.stringify({ id: 'empty' }),
      exampleLine('held', 5, { flags: ['held-out'] }),
    ]);
    expect(data.entries.map(({ id, heldOut }) => [id, heldOut])).toEqual([
      ['one', false],
      ['held', true],
    ]);
    expect(data.dropped.map(({ id, code }) => [id, code])).toEqual([
      ['line 2', 'unreadable'],
      ['mute', 'nothing-supervised'],
      ['line 4', 'unreadable'],
    ]);
    const again = await data.encode(data.entries[0]!);
    expect(again.ids.length).toBe(data.entries[0]!.tokens);
    await expect(indexLines(['{"id": 1}'])).rejects.toThrow(/no example to train on.*messages/);
  });

  it('with examples that are too long is refused, or they are dropped and listed; none is cut', async () => {
    const data = await indexLines([exampleLine('one', 20), long]);
    const config = (overLength: string) => readTrainConfig({ maxLength: 200, overLength });
    expect(() => planRows(data, config('refuse'))).toThrow(/1 of 2 examples are too long.*in long/);
    const plan = planRows(data, config('drop'));
    expect(plan.rows.map((row) => row.map(({ id }) => id))).toEqual([['one']]);
    expect(plan.dropped).toMatchObject([{ id: 'long', code: 'too-long' }]);
  });

  it('makes an example of each agent turn on demand, read as the model reads it, all on one side', async () => {
    const run = (id: string): string =>
      JSON.stringify({
        id,
        messages: [
          { role: 'user', content: 'Who?' },
          { role: 'assistant', content: '<think>\nI look.\n</think>\n\nA call', train: true },
          { role: 'user', content: 'A result' },
          { role: 'assistant', content: '<think>\nI see.\n</think>\n\nAda', train: true },
        ],
      });
    const lines = ['a', 'b', 'c'].map(run);
    const together = await indexLines(lines);
    // The template leaves the first turn's reasoning out once another question follows.
    expect(together.entries.map(({ hiddenReasoning }) => hiddenReasoning)).toEqual([1, 1, 1]);
    const apart = await indexLines(lines, qwenEncoder(), { turns: 'apart' });
    expect(apart.entries.slice(0, 2).map(({ id, hiddenReasoning }) => [id, hiddenReasoning])).toEqual([
      ['a, turn 1', 0],
      ['a, turn 2', 0],
    ]);
    const texts = await Promise.all(
      apart.entries.slice(0, 2).map(async (entry) => {
        const { ids, labels } = await apart.encode(entry);
        const { tokenizer } = apart.encoder;
        return [
          tokenizer.decode(labels.filter((label) => label >= 0)),
          tokenizer.decode(ids).includes('result'),
        ];
      }),
    );
    expect(texts).toEqual([
      ['<think>\nI look.\n</think>\n\nA call<|im_end|>', false],
      ['<think>\nI see.\n</think>\n\nAda<|im_end|>', true],
    ]);
    const { heldOut, rows } = planRows(apart, readTrainConfig({ evalShare: 0.3, turns: 'apart' }));
    expect([heldOut.length, rows.length]).toEqual([2, 4]);
    expect(new Set(heldOut.map(({ line }) => line)).size).toBe(1);
  });

  it('gives held-out examples by the seed, never one that is trained on', async () => {
    const data = await indexLines(Array.from({ length: 10 }, (_, i) => exampleLine(`e${i}`, 5)));
    const plan = (seed: number) => planRows(data, readTrainConfig({ evalShare: 0.3, seed }));
    expect(plan(1).heldOut).toHaveLength(3);
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1).heldOut).not.toEqual(plan(2).heldOut);
    const trained = plan(1).rows.flat();
    expect(plan(1).heldOut.some((entry) => trained.includes(entry))).toBe(false);
  });

  it('gives every row once an epoch, in an order of its own, in windows of batches', async () => {
    const data = await indexLines(Array.from({ length: 7 }, (_, i) => exampleLine(`e${i}`, 5)));
    const config = readTrainConfig({ batchSize: 2, gradAccumSteps: 2, epochs: 2 });
    const plan = planRows(data, config);
    expect([plan.stepsPerEpoch, plan.totalSteps]).toEqual([2, 4]);
    const order = new RowOrder(plan, config);
    const epochs = [0, 1].map((epoch) => [0, 1].flatMap((step) => order.at(2 * epoch + step).batches.flat()));
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(order.at(0).batches.map((batch) => batch.length)).toEqual([2, 2]);
    expect(order.at(1).batches.map((batch) => batch.length)).toEqual([2, 1]);
  });
});

describe('packing', () => {
  it('puts every document whole into a row, none too full, as tight as best fit makes it', () => {
    const documents = fc.array(fc.integer({ min: 1, max: 97 }), { maxLength: 60 });
    fc.assert(
      fc.property(documents, (lengths) => {
        const rows = packRows(lengths, 97);
        expect(rows.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, index) => index));
        const used = rows.map((row) => row.reduce((sum, index) => sum + lengths[index]!, 0));
        for (const sum of used) expect(sum).toBeLessThanOrEqual(97);
        // Two rows that would fit into one are what best fit never leaves.
        const [a = 97, b = 97] = [...used].sort((x, y) => x - y);
        if (used.length > 1) expect(a + b).toBeGreaterThan(97);
      }),
    );
    expect(packRows([5, 3, 2, 5, 5], 10)).toEqual([[0, 3], [1, 2, 4]]); // prettier-ignore
    expect(() => packRows([3, 11], 10)).toThrow(/longer than a row/);
  });

  it('restarts at each document; weights by sequence give each example the same share', () => {
    const document = (length: number, supervised: number) => ({
      id: 'x',
      ids: new Uint32Array(length),
      labels: new Int32Array(length).fill(-100).fill(7, 0, supervised),
      supervisedTokens: supervised,
      straddlingTokens: 0,
      hiddenReasoning: 0,
    });
    const row = joinRow([document(4, 2), document(3, 1)], 'sequence');
    expect(row.documentStarts).toEqual([0, 4]);
    const weights = [...row.labels.keys()]
      .filter((i) => row.labels[i]! >= 0)
      .map((i) => row.tokenWeights![i]);
    expect(weights).toEqual([0.5, 0.5, 1]);
    expect(joinRow([document(4, 2)], 'token').tokenWeights).toBeUndefined();
  });
});

describe('the learning rate', () => {
  const base = { learningRate: 1, warmupSteps: 2, minLearningRate: 0, warmupFromZero: false } as const;
  const over = (schedule: 'constant' | 'linear' | 'cosine', more = {}): number[] =>
    [0, 1, 2, 3, 4, 5].map((step) => learningRateAt({ ...base, schedule, ...more }, step, 6));
  it('rises over the warm-up and then stays, falls linearly, or along half a cosine', () => {
    expect(over('constant')).toEqual([0.5, 1, 1, 1, 1, 1]);
    expect(over('linear')).toEqual([0.5, 1, 1, 0.75, 0.5, 0.25]);
    const cosine = [1, 0.8535533905932737, 0.5, 0.1464466094067262].map((value) => expect.closeTo(value, 12) as number); // prettier-ignore
    expect(over('cosine')).toEqual([0.5, 1, ...cosine]);
  });
  it('can start from zero as Hugging Face’s schedulers do, and end above it', () => {
    expect(over('linear', { warmupFromZero: true }).slice(0, 3)).toEqual([0, 0.5, 1]);
    expect(over('linear', { minLearningRate: 0.5 })[5]).toBe(0.625);
  });
});

describe('the config', () => {
  it('fills in every key, and says of a wrong one what it should be', () => {
    const config = readTrainConfig({ rank: 4, steps: 10, targets: 'attention' });
    expect(Object.keys(config)).toEqual(trainConfigKeys.map(({ name }) => name));
    expect(config).toMatchObject({ rank: 4, alpha: 16, steps: 10, epochs: null });
    expect(config.targets).toEqual(['q_proj', 'k_proj', 'v_proj', 'o_proj']);
    expect(() => readTrainConfig({ learning_rate: 1 })).toThrow(/did you mean "learningRate"/);
    expect(() => readTrainConfig({ schedule: 'cubic' })).toThrow(/one of "constant", "linear", "cosine"/);
    expect(() => readTrainConfig({ rank: 2.5 })).toThrow(/"rank" cannot be used.*integer.*2\.5/);
    expect(() => readTrainConfig({ steps: 3, epochs: 2 })).toThrow(/either steps or epochs/);
    expect(() => readTrainConfig([])).toThrow(/no JSON object/);
  });
});
