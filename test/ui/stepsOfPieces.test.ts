import { describe, expect, it } from 'vitest';
import type { ExampleEvidence } from '../../src/compile/types.ts';
import type { Step } from '../../src/trajectories/schema.ts';
import { stepsOfPieces } from '../../src/ui/views/qa/stepsOfPieces.ts';

function step(index: number, turn: number, path: string, start: number, end: number): Step {
  return {
    type: 'toolResult',
    index,
    turn,
    text: '',
    at: { file: 'f', record: 0, path },
    range: { start, end },
    callId: null,
    name: null,
    callStep: null,
    isError: false,
    isTruncated: false,
  };
}

function piece(source: Partial<ExampleEvidence['source']>): ExampleEvidence {
  return {
    id: 'p',
    role: 'gold',
    title: '',
    start: 0,
    end: 0,
    source: { file: 'f', record: 0, path: '', turn: 0, ...source },
  };
}

describe('the step that shows a piece', () => {
  const steps = [
    step(0, 0, '/log', 0, 50),
    step(1, 1, '/log', 50, 90),
    step(2, 2, '/messages/4/content', 0, 10),
  ];

  it('is found by position, also when several steps share one string', () => {
    expect(stepsOfPieces({ steps }, [piece({ path: '/log', start: 60, end: 70 })])).toEqual([1]);
  });
  it('is found around a decoded text', () => {
    expect(
      stepsOfPieces({ steps }, [piece({ path: '/messages/4/content/!json/text', start: 0, end: 3 })]),
    ).toEqual([2]);
  });
  it('falls back to the turn, and to none', () => {
    expect(
      stepsOfPieces({ steps }, [piece({ path: '/gone', turn: 1 }), piece({ path: '/main', turn: 9 })]),
    ).toEqual([1, -1]);
  });
});
