import { describe, expect, it } from 'vitest';
import { contentsOf } from '../../src/check/checkExample.ts';
import { questionOnly, withoutPieces, type EvidenceContext } from '../../src/check/context.ts';
import { readCheckable, type CheckableExample } from '../../src/check/example.ts';
import { compileTrajectory } from '../../src/compile/compileTrajectory.ts';
import { estimateCounter } from '../../src/compile/countText.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import type { CompileOptions, Example } from '../../src/compile/types.ts';
import type { JsonValue } from '../../src/core/json.ts';
import type { Trajectory } from '../../src/trajectories/schema.ts';
import { RunBuilder, searchRun } from '../compile/trajectoryFixture.ts';

function compiled(run: Trajectory, options: Partial<CompileOptions> = {}): Example {
  const outcome = compileTrajectory(run, {
    options: resolveCompileOptions(options),
    counter: estimateCounter,
    catalog: null,
    sha256Of: () => 'hash',
  });
  if ('rejection' in outcome) throw new Error(outcome.rejection.reason);
  return outcome.example;
}

function checkable(example: Example): CheckableExample {
  const read = readCheckable(JSON.parse(JSON.stringify(example)) as JsonValue, 'line 1');
  if (!read.ok) throw new Error(read.reason);
  return read.example;
}

/** Text of each piece by its offsets. */
function textsOf({ content, pieces }: EvidenceContext): string[] {
  return pieces.map(({ id, start, end }) => `${id}: ${content.slice(start, end)}`);
}

/** A page that was looked at twice, in parts, beside another page and a list that was not needed. */
function windowedRun(): Trajectory {
  const run = new RunBuilder();
  const list = run.call('search', { query: 'mayor' }, 'A list of mayors, with gaps.');
  run.look('returned', 'list', list);
  for (const text of ['The seat has a mayor.', 'The mayor is Quorrington.'])
    run.look('visited', 'town', run.call('visit', { url: 'town' }, text));
  run.look('visited', 'county', run.call('visit', { url: 'county' }, 'The county has one town.'));
  return run.build('search', {
    question: 'Who is mayor?',
    finalAnswer: { text: 'Quorrington', at: null, via: 'made' },
  });
}

describe('a context without some of its pieces', () => {
  it.each([
    ['pages', searchRun()],
    ['a page in parts', windowedRun()],
  ])('is what compiling without them gives, to the letter: %s', (_, run) => {
    const { context } = checkable(compiled(run, { order: 'chronological' }));
    const goldOnly = compiled(run, { order: 'chronological', distractors: 'none' });
    expect(withoutPieces(context, ({ role }) => role === 'distractor').content).toBe(
      goldOnly.messages[0]!.content,
    );
    const mask = { unit: 'piece', target: 'gold', share: 1, fill: 'delete' } as const;
    const masked = compiled(run, { order: 'chronological', control: 'evidence-mask', mask });
    expect(withoutPieces(context, ({ role }) => role === 'gold').content).toBe(masked.messages[0]!.content);
  });

  it('keeps the header of a page whose other part stays, and names of parts and pieces as they were', () => {
    const { context } = checkable(compiled(windowedRun(), { order: 'chronological' }));
    const [first, second] = context.pieces.filter(({ start, end }) =>
      /The seat has|The mayor is/.test(context.content.slice(start, end)),
    );
    const left = withoutPieces(context, ({ id }) => id === first!.id);
    expect(left.content).toContain(
      '=== Document: town ===\n--- part 2 ---\nThe mayor is Quorrington.\n\n===',
    );
    expect(left.content).not.toContain('part 1');
    expect(withoutPieces(left, ({ id }) => id === second!.id).content).not.toContain('Document: town');
  });

  it('has offsets at which each remaining piece has its old text', () => {
    const { context } = checkable(compiled(windowedRun()));
    for (const gone of context.pieces) {
      const left = withoutPieces(context, (piece) => piece === gone);
      expect(textsOf(left)).toEqual(textsOf(context).filter((text) => !text.startsWith(`${gone.id}:`)));
    }
  });

  it('stays whole around pieces of foreign data, which have neither header nor blank line', () => {
    const context: EvidenceContext = {
      content: 'One. Two. Three? Say.',
      pieces: [
        { id: 'a', role: 'gold', start: 0, end: 4 },
        { id: 'b', role: 'distractor', start: 5, end: 9 },
      ],
    };
    expect(withoutPieces(context, ({ id }) => id === 'a')).toEqual({
      content: ' Two. Three? Say.',
      pieces: [{ id: 'b', role: 'distractor', start: 1, end: 5 }],
    });
    expect(questionOnly(context, 'Three?')).toBe('Three? Say.');
  });
});

describe('the contents that an answer is scored under', () => {
  it('are the whole, the question with how to answer it, the gold taken away and alone, and each piece', () => {
    const example = checkable(compiled(searchRun()));
    const contents = contentsOf(example, true);
    expect(contents.closedBook).toMatch(/^=== Question ===\n.*\n\nEnd with the answer itself/s);
    expect(contents.goldRemoved).not.toMatch(/c\.example|d\.example/);
    expect(contents.goldOnly).not.toMatch(/a\.example|b\.example/);
    expect(contents.pieces).toHaveLength(2);
    for (const { without, alone } of contents.pieces) {
      expect(without.match(/=== Document/g)).toHaveLength(3);
      expect(alone.match(/=== Document/g)).toHaveLength(1);
    }
    expect(contentsOf(example, false).pieces).toEqual([]);
  });

  it('need a question that is asked behind the evidence, not one that a piece asks', () => {
    const row = JSON.parse(JSON.stringify(compiled(searchRun()))) as Record<string, JsonValue>;
    expect(readCheckable({ ...row, question: 'Hit A: a film about walking.' }, 'line 1')).toMatchObject({
      ok: false,
      reason: 'its question is not found behind the evidence',
    });
  });

  it('are not made of conversations with several turns, nor of rows without an answer', () => {
    const sft = JSON.parse(JSON.stringify(compiled(searchRun(), { control: 'agent-sft' }))) as JsonValue;
    expect(readCheckable(sft, 'line 1')).toMatchObject({ ok: false });
    const row = JSON.parse(JSON.stringify(compiled(searchRun()))) as Record<string, JsonValue>;
    expect(readCheckable({ ...row, answer: ' ' }, 'line 1')).toMatchObject({ reason: 'it has no answer' });
    expect(readCheckable('text', 'line 3')).toMatchObject({ ok: false, id: 'line 3' });
  });
});
