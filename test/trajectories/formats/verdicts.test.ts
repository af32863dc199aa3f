import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { outcomeFields } from '../../../src/trajectories/blocks/swe.ts';
import { readValues } from './reading.ts';

describe('outcomeFields', () => {
  it.each<[JsonObject, boolean | null, number | null, string]>([
    [{ resolved: true, reward: 0 }, true, 0, 'resolved = true'],
    [{ reward: 1 }, true, 1, 'reward = 1'],
    [{ total_reward: 3, score: 0 }, true, 3, 'total_reward = 3'],
    [{ reward: 0.4 }, null, 0.4, 'reward = 0.4 (partial: neither pass nor fail)'],
    [{ score: 1 }, true, 1, 'score = 1'],
    [{ score: 0 }, false, 0, 'score = 0'],
    [{ score: 2 }, null, null, 'score = 2 (its scale is unknown)'],
    [{ score: '55.0' }, null, null, 'score = 55 (its scale is unknown)'],
    [{ score: -1 }, null, null, 'score = -1 (its scale is unknown)'],
    [{ passed: 1 }, true, null, 'passed = true'],
    [{ passed: 1, failed: 2, reward: 0 }, false, 0, 'reward = 0'],
  ])('of %j', (fields, success, reward, reason) => {
    expect(outcomeFields(fields)).toEqual({ success, reward, reason });
  });
});

describe('verdicts of rows with messages', () => {
  const messages = [
    { role: 'user', content: 'Is it so?' },
    { role: 'assistant', content: 'No' },
  ];
  const nebius = { instance_id: 'o__r-1', exit_status: 'submitted' };

  it.each<[JsonObject, boolean | null, string[] | undefined]>([
    [{ target: 'True' }, null, ['True']],
    [{ target: 1 }, null, ['1']],
    [{ ...nebius, target: true }, true, undefined],
    [{ ...nebius, target: 'True' }, null, undefined],
    [{ instance_id: 'o__r-1', target: true }, null, undefined],
    [{ reward_info: { reward: 1 } }, true, undefined],
    [{ reward_info: null }, null, undefined],
  ])('%j', (fields, success, truth) => {
    const run = readValues([{ ...fields, messages }]).runs[0]!;
    expect(run.outcome.success).toBe(success);
    expect(run.groundTruth?.values).toEqual(truth);
  });
});
