import { describe, expect, it } from 'vitest';
import { changesOfEvent } from '../../src/state/modelEvents.ts';
import { initialModelState, type ModelTurn } from '../../src/state/modelSlice.ts';
import type { EngineEvent, ReplyToken } from '../../src/workers/engineApi.ts';
import { licenceOf } from '../../src/workers/engineCard.ts';
import { EngineEvents } from '../../src/workers/engineEvents.ts';
import { EngineService } from '../../src/workers/engineService.ts';
import { TextStream } from '../../src/workers/engineText.ts';

const token = (id: number): ReplyToken => ({ id, text: `t${id}`, logprob: -1, top: [], isStop: false });

describe('text as tokens come', () => {
  it('waits for the last byte of a character and never for longer', () => {
    const bytes = [...new TextEncoder().encode('aé€')];
    const decode = (ids: ArrayLike<number>): string => new TextDecoder().decode(Uint8Array.from(ids));
    const stream = new TextStream({ decode });
    expect(bytes.map((byte) => stream.push(byte))).toEqual(['a', '', 'é', '', '', '€']);
    const broken = new TextStream({ decode });
    const pieces = Array.from({ length: 9 }, () => broken.push(0x80));
    expect(pieces.findIndex((piece) => piece !== '')).toBe(7);
  });
});

describe('events of the engine', () => {
  it('join tokens of one reply and keep only the last progress of a frame', () => {
    const events = new EngineEvents();
    const heard: (readonly EngineEvent[])[] = [];
    events.listen((batch) => heard.push(batch));
    events.emit({ type: 'prefill', done: 1, total: 2 });
    events.emit({ type: 'prefill', done: 2, total: 2 });
    events.emit({ type: 'tokens', replyId: 1, tokens: [token(1)] });
    events.emit({ type: 'tokens', replyId: 1, tokens: [token(2)] });
    events.emit({ type: 'tokens', replyId: 2, tokens: [token(3)] });
    events.flush();
    expect(heard).toEqual([
      [
        { type: 'prefill', done: 2, total: 2 },
        { type: 'tokens', replyId: 1, tokens: [token(1), token(2)] },
        { type: 'tokens', replyId: 2, tokens: [token(3)] },
      ],
    ]);
  });

  it('tokens that come after the answer still reach their turn', () => {
    const turn: ModelTurn = {
      id: 4,
      asked: 'q',
      prompt: { kind: 'text', text: 'q' },
      example: null,
      tokens: [token(1)],
      report: null,
      failure: null,
    };
    const state = { ...initialModelState, turns: [turn] };
    const late = changesOfEvent(state, { type: 'tokens', replyId: 4, tokens: [token(2)] });
    expect(late.turns?.[0]?.tokens.map(({ id }) => id)).toEqual([1, 2]);
    const other = changesOfEvent(state, { type: 'tokens', replyId: 5, tokens: [token(2)] });
    expect(other.turns?.[0]?.tokens).toHaveLength(1);
  });
});

describe('the engine without WebGPU', () => {
  it('names tier 0 and refuses what needs a device as values', async () => {
    const service = new EngineService(undefined);
    expect(await service.probe()).toMatchObject({ tier: 0, adapter: null });
    expect(await service.measureSpeed()).toBeNull();
    const options = { weightType: 'f16', kvType: 'f16', contextLength: 64, chunkTokens: 16 } as const;
    expect(await service.load(options)).toMatchObject({ ok: false, code: 'no-model' });
    const source = { type: 'stored', id: 'none' } as const;
    expect(await service.openModel(source)).toMatchObject({ ok: false, code: 'not-kept' });
    expect(await service.openModel({ type: 'url', url: 'nonsense' })).toMatchObject({ code: 'bad-address' });
  });
});

describe('the licence in a README', () => {
  it.each([
    ['---\nlanguage: en\nlicense: apache-2.0\n---\n# Model', 'apache-2.0'],
    ['---\nlicense: other\nlicense_name: "tongyi-qianwen"\n---\n', 'tongyi-qianwen'],
    ['# Model\nlicense: mit\n', null],
    ['---\nlicense: mit', null],
  ])('%j is %s', (readme, licence) => {
    expect(licenceOf(readme)).toBe(licence);
  });
});
