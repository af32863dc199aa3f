import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkExample, contentsOf } from '../../src/check/checkExample.ts';
import {
  encodeAnswer,
  readCheckable,
  type CheckableExample,
  type ScoredTokens,
} from '../../src/check/example.ts';
import { AnswerScorer, planScoring, type AnswerScore } from '../../src/check/score.ts';
import type { JsonValue } from '../../src/core/json.ts';
import type { EngineDevice } from '../../src/gpu/device.ts';
import type { Checkpoint } from '../../src/model/checkpoint.ts';
import { ModelSession } from '../../src/model/session.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import type { ExampleEncoder } from '../../src/train/masks.ts';
import { encoderOf } from '../../src/train/training.ts';
import { fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { engineModes, gpuSkipReason, hasGpu, testEngine } from '../helpers/gpu.ts';

const root = resolve(import.meta.dirname, '../..');

function encoderFor(checkpoint: Checkpoint): ExampleEncoder {
  const tokenizer = loadTokenizer(checkpoint.tokenizerJson!, checkpoint.name);
  return encoderOf(checkpoint, tokenizer, { superviseNewline: false });
}

function checkable(row: JsonValue): CheckableExample {
  const read = readCheckable(row, 'row');
  if (!read.ok) throw new Error(read.reason);
  return read.example;
}

const fixtureExamples = readFileSync(resolve(root, 'test/fixtures/mechanism/examples.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => checkable(JSON.parse(line) as JsonValue));

/** The definition: Σ ln softmax(logits)[token] in f64, over logits of every token read back whole. */
async function reference(session: ModelSession, { ids, start, end }: ScoredTokens): Promise<AnswerScore> {
  const logits = await session.allLogits(ids);
  const { vocabSize } = session.checkpoint.config;
  let total = 0;
  let greedy = true;
  for (let t = start; t < end; t++) {
    const row = logits.subarray((t - 1) * vocabSize, t * vocabSize);
    const peak = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((a, b) => a + Math.exp(b - peak), 0);
    total += row[ids[t]!]! - peak - Math.log(sum);
    greedy &&= row[ids[t]!] === peak;
  }
  return { total, mean: total / (end - start), greedy };
}

describe.skipIf(!hasGpu)(
  hasGpu ? 'scores of answers' : `scores of answers (${gpuSkipReason})`,
  { timeout: 300_000 },
  () => {
    it.each(engineModes)(
      'are those of a softmax in f64 over the logits, whatever is cached: $name',
      async ({ options }) => {
        const engine = (await testEngine(options)) as EngineDevice;
        const checkpoint = await fixtureCheckpoint('tiny-moe');
        const encoder = encoderFor(checkpoint);
        // Short chunks: contexts, and some answers, lie across several.
        const load = { ...smallLoad, contextLength: 320, chunkTokens: 24 };
        const session = await ModelSession.load(engine, checkpoint, load);
        const other = await ModelSession.load(engine, checkpoint, { ...load, chunkTokens: 64 });
        const scorer = await AnswerScorer.open(session);
        // Kernels without subgroups run slowly on software.
        for (const example of options.subgroups === false ? fixtureExamples.slice(0, 2) : fixtureExamples) {
          const { scores } = await checkExample(scorer, encoder, example, true);
          const contents = contentsOf(example, true);
          const expectAgreement = async (
            score: AnswerScore | null,
            content: string | null,
          ): Promise<void> => {
            const expected = await reference(other, encodeAnswer(encoder, example, content!));
            expect(score!.total).toBeCloseTo(expected.total, 3);
            expect(score!.greedy).toBe(expected.greedy);
          };
          await expectAgreement(scores.context, contents.context);
          await expectAgreement(scores.closedBook, contents.closedBook);
          await expectAgreement(scores.goldRemoved, contents.goldRemoved);
          await expectAgreement(scores.goldOnly, contents.goldOnly);
          expect(scores.pieces).toHaveLength(contents.pieces.length);
          for (const [index, { without, alone }] of contents.pieces.entries()) {
            await expectAgreement(scores.pieces![index]!.without, without);
            await expectAgreement(scores.pieces![index]!.alone, alone);
          }
        }
        scorer.destroy();
        session.destroy();
        other.destroy();
      },
    );

    it('take the memory that was planned, which grows with the context by 24 bytes a token', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const bytesAt = async (contextLength: number): Promise<number> => {
        const session = await ModelSession.load(engine, await fixtureCheckpoint('tiny-moe'), { ...smallLoad, contextLength }); // prettier-ignore
        const before = engine.buffers.allocatedBytes;
        const scorer = await AnswerScorer.open(session);
        const { bufferBytes } = planScoring(session);
        expect(engine.buffers.allocatedBytes - before).toBe(bufferBytes);
        scorer.destroy();
        session.destroy();
        return bufferBytes;
      };
      const [short, long] = [await bytesAt(1024), await bytesAt(4096)];
      expect(long - short).toBe(3072 * 24);
    });

    it('depend on the example alone: examples before it leave nothing behind, and too long ones are refused', async () => {
      const engine = (await testEngine()) as EngineDevice;
      const checkpoint = await fixtureCheckpoint('tiny-moe');
      const encoder = encoderFor(checkpoint);
      const session = await ModelSession.load(engine, checkpoint, { ...smallLoad, contextLength: 320 });
      const scorer = await AnswerScorer.open(session);
      const [first, second] = fixtureExamples as [CheckableExample, CheckableExample];
      const alone = await checkExample(scorer, encoder, second, false);
      await checkExample(scorer, encoder, first, true);
      expect(await checkExample(scorer, encoder, second, false)).toEqual(alone);
      const context = { content: `${'basin '.repeat(400)}${first.context.content}`, pieces: [] };
      await expect(checkExample(scorer, encoder, { ...first, context }, false)).rejects.toThrow(
        /longer than the loaded context; expected at most 320 tokens/,
      );
      scorer.destroy();
      session.destroy();
    });
  },
);
