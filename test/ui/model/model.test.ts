import { describe, expect, it } from 'vitest';
import { compareAnswer, withoutReasoning } from '../../../src/ui/views/model/compareAnswer.ts';
import { modelOfDrop } from '../../../src/ui/views/model/openFolder.ts';

describe('a reply beside the gold answer', () => {
  it.each([
    ['<think>\nlong\n</think>\n\nThe Ada Lovelace.', 'ada lovelace', 'equal'],
    ['It was Ada Lovelace, I think.', 'Ada Lovelace', 'contains'],
    ['Adam Lovelace', 'Ada Lovelace', 'differs'],
    ['12', '1', 'differs'],
    ['', 'x', 'differs'],
  ])('%j against %j: %s', (reply, gold, verdict) => {
    expect(compareAnswer(reply, gold).verdict).toBe(verdict);
  });

  it('counts each shared word once', () => {
    expect(compareAnswer('red red red', 'red blue').wordF1).toBeCloseTo(0.4);
  });

  it('reasoning that never ended is no answer', () => {
    expect(withoutReasoning('<think>\nstill going')).toBe('');
    expect(withoutReasoning('plain')).toBe('plain');
  });
});

describe('a drop', () => {
  const file = (path: string) => ({ path, file: new File([], path) });

  it('is a model when it brings a config and weights, in a folder or loose', () => {
    const folder = {
      type: 'folder',
      path: 'm',
      files: [file('m/config.json'), file('m/a.safetensors')],
    } as const;
    expect(modelOfDrop([folder])).toMatchObject({ type: 'folder', name: 'm' });
    const loose = ['config.json', 'a.safetensors'].map((path) => ({ type: 'file', ...file(path) }) as const);
    expect(modelOfDrop(loose)).toMatchObject({ type: 'folder', name: 'dropped files' });
    const logs = {
      type: 'folder',
      path: 'logs',
      files: [file('logs/config.json'), file('logs/run.jsonl')],
    } as const;
    expect(modelOfDrop([logs])).toBeNull();
  });
});
