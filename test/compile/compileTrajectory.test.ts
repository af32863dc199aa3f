import { describe, expect, it } from 'vitest';
import { compileTrajectory, type CompileContext } from '../../src/compile/compileTrajectory.ts';
import { estimateCounter } from '../../src/compile/countText.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import type { CompileOptions, Example, Rejection } from '../../src/compile/types.ts';
import type { Trajectory } from '../../src/trajectories/schema.ts';
import { RunBuilder, searchRun } from './trajectoryFixture.ts';

function context(options: Partial<CompileOptions> = {}): CompileContext {
  return {
    options: resolveCompileOptions(options),
    counter: estimateCounter,
    catalog: null,
    sha256Of: () => 'hash',
  };
}

function example(trajectory: Trajectory, options: Partial<CompileOptions> = {}): Example {
  const outcome = compileTrajectory(trajectory, context(options));
  if ('rejection' in outcome) throw new Error(outcome.rejection.reason);
  return outcome.example;
}

function rejection(trajectory: Trajectory, options: Partial<CompileOptions> = {}): Rejection {
  const outcome = compileTrajectory(trajectory, context(options));
  if ('example' in outcome) throw new Error('it was compiled');
  return outcome.rejection;
}

function pieces(compiled: Example): string[] {
  const content = compiled.messages[0]!.content;
  return compiled.evidence.map((piece) => `${piece.role} ${content.slice(piece.start, piece.end)}`);
}

describe('search runs', () => {
  it('takes visited pages as gold and returned documents as tier-2 distractors', () => {
    const compiled = example(searchRun());
    expect(compiled.evidence.map((piece) => [piece.title, piece.role, piece.tier]).sort()).toEqual([
      ['a.example/film', 'distractor', 2],
      ['b.example/list', 'distractor', 2],
      ['c.example/walk', 'gold', undefined],
      ['d.example/bachman', 'gold', undefined],
    ]);
    expect(compiled.answer).toBe('Stephen King');
    expect(compiled.messages[0]!.content).toMatch(/^Please reason based on the following documents/);
    expect(compiled.messages[0]!.content).not.toMatch(/gold|distractor/);
  });

  it('keeps the reasoning of the final turn', () => {
    expect(example(searchRun()).rationale).toMatch(/^The novel appeared under/);
    expect(example(searchRun(), { rationale: 'drop' }).messages[1]!.content).toBe('Stephen King');
  });

  it('gives each piece the place it was read from', () => {
    const run = searchRun();
    const compiled = example(run);
    for (const piece of compiled.evidence) {
      const step = run.steps.find((candidate) => candidate.at.path === piece.source.path)!;
      const source = step.text.slice(piece.source.start, piece.source.end);
      expect(compiled.messages[0]!.content.slice(piece.start, piece.end)).toBe(source);
    }
  });

  it('promotes returned documents that hold the answer when no page was visited, and says so', () => {
    const run = new RunBuilder();
    const list = run.call('search', { query: 'x' }, 'Hit A: Stephen King wrote it.\nHit B: nothing.');
    run.look('returned', 'a', list, 'Hit A: Stephen King wrote it.');
    run.look('returned', 'b', list, 'Hit B: nothing.');
    const compiled = example(
      run.build('search', {
        question: 'Who wrote it?',
        groundTruth: { form: 'text', values: ['Stephen King'], at: null, via: 'answer' },
      }),
    );
    expect(compiled.flags).toContain('gold-from-results');
    expect(compiled.evidence.filter((piece) => piece.role === 'gold').map((piece) => piece.title)).toEqual([
      'a',
    ]);
  });

  it.each([
    ['https://en.wiki.example/Paris_Agreement', 'Paris_Agreement'],
    ['https://www.en.wiki.example/Paris/#History.', 'Paris'],
    ['[1](https://en.wiki.example/Paris).', 'Paris'],
    ['https://en.wiki.example/Caf%C3%A9?utm_source=mail', 'Café'],
    ['https://en.wiki.example', ''],
  ])(
    'takes visited pages that the answer does not cite as distractors, and says so: %s',
    (written, cited) => {
      const run = new RunBuilder();
      const pages = ['', 'Paris', 'Paris_Agreement', 'Café'];
      for (const page of pages) {
        const key = page === '' ? 'en.wiki.example' : `en.wiki.example/${page}`;
        run.look(
          'visited',
          key,
          run.call('visit', { url: key }, `The page ${page || 'Home'} tells of 2015.`),
        );
      }
      const compiled = example(
        run.build('search', {
          question: 'When?',
          groundTruth: { form: 'text', values: ['2015'], at: null, via: 'answer' },
          finalAnswer: { text: `2015, see ${written}`, at: null, via: 'made' },
        }),
      );
      expect(compiled.flags).toContain('uncited-visited-distractors');
      const gold = compiled.evidence.filter(({ role }) => role === 'gold');
      expect(gold.map(({ title }) => title)).toEqual([`en.wiki.example${cited === '' ? '' : `/${cited}`}`]);
      expect(compiled.evidence.filter(({ tier }) => tier === 1)).toHaveLength(pages.length - 1);
      expect(example(searchRun()).flags).not.toContain('uncited-visited-distractors');
    },
  );

  it('merges equal documents and keeps both origins', () => {
    const run = new RunBuilder();
    for (const key of ['one', 'two'])
      run.look('visited', key, run.call('visit', { url: key }, 'The same text.'));
    const compiled = example(
      run.build('search', { question: 'Which?', finalAnswer: { text: 'same text', at: null, via: 'made' } }),
    );
    expect(compiled.evidence).toHaveLength(1);
    expect(compiled.evidence[0]!.alsoAt).toHaveLength(1);
  });

  it('merges pages that are nearly the same, but never gold that differs', () => {
    const body = Array.from({ length: 400 }, (_, index) => `word${index}`).join(' ');
    const pages = {
      longest: `${body} The seat had 88211 inhabitants, and more lived around it.`,
      answer: `${body} The mayor was Quorrington.`,
      upperCase: `${body} The seat had 88211 inhabitants, and more lived around it.`.toUpperCase(),
    };
    const run = new RunBuilder();
    for (const [key, text] of Object.entries(pages))
      run.look('visited', key, run.call('visit', { url: key }, text));
    const mirror = `${body} The mayor was called Quorrington.`;
    run.look('returned', 'mirror', run.call('search', { query: 'mayor' }, mirror));
    const compiled = example(
      run.build('search', {
        question: 'Which?',
        finalAnswer: { text: 'Quorrington', at: null, via: 'made' },
      }),
    );
    expect(compiled.evidence.map(({ title, role, alsoAt }) => [title, role, alsoAt?.length]).sort()).toEqual([
      ['answer', 'gold', undefined],
      ['longest', 'gold', 2],
    ]);
  });
});

describe('verification', () => {
  it('rejects runs recorded as wrong, also when the answer would match', () => {
    const wrong = searchRun({ outcome: { success: false, reward: 0, reason: 'reward = 0' } });
    expect(rejection(wrong)).toMatchObject({ stage: 'verify', code: 'recorded-wrong' });
    expect(rejection(wrong, { acceptUnverified: true }).code).toBe('recorded-wrong');
  });

  it('compares with the ground truth where nothing is recorded', () => {
    const silent = { success: null, reward: null, reason: 'nothing' };
    expect(example(searchRun({ outcome: silent })).verification[0]).toMatchObject({
      check: 'answer',
      status: 'pass',
    });
    const other = { text: 'Peter Straub', at: null, via: 'made' };
    expect(rejection(searchRun({ outcome: silent, finalAnswer: other })).code).toBe('answer-differs');
  });

  it('takes unverified runs only when asked, and flags them', () => {
    const silent = { outcome: { success: null, reward: null, reason: 'nothing' }, groundTruth: null };
    expect(rejection(searchRun(silent)).code).toBe('not-verified');
    expect(example(searchRun(silent), { acceptUnverified: true }).flags).toContain('unverified');
  });

  it('calls partial rewards wrong', () => {
    const partial = searchRun({ outcome: { success: null, reward: 0.75, reason: 'reward = 0.75' } });
    expect(rejection(partial).code).toBe('recorded-wrong');
  });
});

describe('order and budget', () => {
  it('permutes by seed and trajectory id alone', () => {
    expect(example(searchRun())).toEqual(example(searchRun()));
    const orders = new Set([0, 1, 2, 3, 4, 5].map((seed) => pieces(example(searchRun(), { seed })).join()));
    expect(orders.size).toBeGreaterThan(2);
  });

  it.each([
    ['gold-first', /^gold.*gold.*distractor.*distractor/s],
    ['gold-last', /^distractor.*distractor.*gold.*gold/s],
    ['gold-middle', /^distractor.*gold.*gold.*distractor/s],
    ['chronological', /film.*novels of 1979, a list.*Long Walk.*Bachman/s],
    ['reverse', /Bachman.*Long Walk.*list.*film/s],
  ] as const)('puts documents in %s order', (order, pattern) => {
    expect(pieces(example(searchRun(), { order })).join('\n')).toMatch(pattern);
  });

  it('drops distractors before gold and records why', () => {
    const whole = example(searchRun());
    const size = whole.tokens.prompt + whole.tokens.completion;
    const cut = example(searchRun(), { budget: size - 5 });
    expect(cut.evidence.filter((piece) => piece.role === 'gold')).toHaveLength(2);
    expect(cut.dropped).toEqual([
      expect.objectContaining({ role: 'distractor', reason: expect.stringContaining('budget') as string }),
    ]);
    expect(rejection(searchRun(), { budget: 100 })).toMatchObject({
      stage: 'budget',
      code: 'gold-over-budget',
      tokens: expect.any(Number) as number,
    });
  });

  it('limits distractors', () => {
    expect(pieces(example(searchRun(), { distractors: 'none' }))).toHaveLength(2);
    expect(pieces(example(searchRun(), { distractors: 1 }))).toHaveLength(3);
    expect(pieces(example(searchRun(), { distractorTier: 1 }))).toHaveLength(2);
  });
});

describe('controls', () => {
  it('masks the share of pieces with filler of the same length', () => {
    const mask = { unit: 'piece', target: 'gold', share: 0.5, fill: 'filler' } as const;
    const masked = example(searchRun(), { control: 'evidence-mask', mask });
    const hidden = masked.evidence.filter((piece) => piece.masked);
    expect(hidden).toHaveLength(1);
    expect(hidden[0]!.role).toBe('gold');
    expect(Math.abs(masked.tokens.prompt - example(searchRun()).tokens.prompt)).toBeLessThanOrEqual(1);
    const texts = pieces(masked).join('\n');
    expect(texts.includes('Long Walk') && texts.includes('Bachman')).toBe(false);
  });

  it('deletes masked pieces with their headers', () => {
    const mask = { unit: 'piece', target: 'distractor', share: 1, fill: 'delete' } as const;
    const masked = example(searchRun(), { control: 'evidence-mask', mask });
    expect(masked.evidence.every((piece) => piece.role === 'gold')).toBe(true);
    expect(masked.messages[0]!.content).not.toContain('a.example/film');
  });

  it('masks spans inside pieces', () => {
    const mask = { unit: 'span', target: 'random', share: 0.5, fill: 'filler' } as const;
    const masked = example(searchRun(), { control: 'evidence-mask', mask });
    for (const piece of masked.evidence) {
      expect(piece.masked).toHaveLength(1);
      expect(piece.masked![0]!.start).toBeGreaterThanOrEqual(piece.start);
      expect(piece.masked![0]!.end).toBeLessThanOrEqual(piece.end);
    }
  });

  it('takes no check for known of what it masked, and leaves out the same runs as without a mask', () => {
    const statuses = (target: 'gold' | 'distractor', share = 1): unknown => {
      const mask = { unit: 'piece', target, share, fill: 'delete' } as const;
      const { verification } = example(searchRun(), { control: 'evidence-mask', mask });
      return ['evidence-coverage', 'answer-in-distractor'].map(
        (name) => verification.find(({ check }) => check === name)!.status,
      );
    };
    expect(statuses('gold', 0)).toEqual(['pass', 'pass']);
    expect(statuses('gold')).toEqual(['skipped', 'pass']);
    expect(statuses('distractor')).toEqual(['pass', 'skipped']);
    const run = new RunBuilder();
    run.look('visited', 'page', run.call('visit', { url: 'page' }, 'Stephen King wrote it.'));
    run.look('returned', 'hit', run.call('search', { query: 'it' }, 'By Stephen King, 1979.'));
    const leaking = run.build('search', {
      question: 'Who wrote it?',
      finalAnswer: { text: 'Stephen King', at: null, via: 'made' },
    });
    const mask = { unit: 'piece', target: 'distractor', share: 1, fill: 'filler' } as const;
    expect(example(leaking).flags).toContain('answer-in-distractor');
    expect(example(leaking, { control: 'evidence-mask', mask }).flags).not.toContain('answer-in-distractor');
    const excludeFlags = ['answer-in-distractor'];
    expect(rejection(leaking, { control: 'evidence-mask', mask, excludeFlags }).code).toBe(excludeFlags[0]);
  });

  it('gives the run itself as agent fine-tuning data with role masks', () => {
    const sft = example(searchRun(), { control: 'agent-sft' });
    expect(sft.messages.map((message) => [message.role, message.train])).toEqual([
      ['assistant', true],
      ['tool', false],
      ['assistant', true],
      ['tool', false],
      ['assistant', true],
      ['tool', false],
      ['assistant', true],
    ]);
    expect(sft.messages.at(-1)!.content).toContain('Stephen King');
  });
});

describe('text flags', () => {
  const token = 'ghp_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1234';
  const run = (fields: { reasoning?: string; page?: string; search?: string }): Trajectory => {
    const builder = new RunBuilder();
    builder.call('search', { query: fields.search ?? 'long walk' }, 'nothing found');
    const page = `Bachman was the pen name of Stephen King. ${fields.page ?? ''}`;
    builder.look('visited', 'page', builder.call('visit', { url: 'page' }, page), page);
    builder.say('Stephen King', fields.reasoning ?? 'Bachman is Stephen King.');
    return builder.build('search', {
      question: 'Who was Bachman?',
      finalAnswer: { text: 'Stephen King', at: null, via: 'made' },
    });
  };
  const secrets = (compiled: Example): unknown[] =>
    compiled.verification.filter(({ check }) => check === 'secrets').map(({ status }) => status);

  it('tell of secrets and control tokens in what is learnt, not only in the context', () => {
    const reasoning = `With ${token} I asked jane.roe@corp-mail.com: Stephen King. <|im_end|>`;
    const compiled = example(run({ reasoning }));
    expect(compiled.rationale).toContain(token);
    expect(compiled.flags).toEqual(
      expect.arrayContaining(['control-tokens-in-text', 'emails-found', 'secrets-found']),
    );
    expect(secrets(compiled)).toEqual(['fail']);
    expect(rejection(run({ reasoning }), { excludeFlags: ['secrets-found'] }).code).toBe('secrets-found');
  });

  it('of agent fine-tuning data are those of the turns that are written', () => {
    const call = run({ search: `token ${token}` });
    expect(example(call).flags).not.toContain('secrets-found');
    const sft = example(call, { control: 'agent-sft' });
    expect(sft.flags).toContain('secrets-found');
    expect(secrets(sft)).toEqual(['fail']);
    expect(rejection(call, { control: 'agent-sft', excludeFlags: ['secrets-found'] }).code).toBe(
      'secrets-found',
    );
  });
});

const fix = `diff --git a/lib/sum.py b/lib/sum.py
--- a/lib/sum.py
+++ b/lib/sum.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a - b
+    return a + b
`;

function sweRun(fields: Partial<Trajectory> = {}): Trajectory {
  const run = new RunBuilder();
  const source = '1\tdef add(a, b):\n2\t    return a - b\n3\t\n4\tdef twice(a):\n';
  const more = '3\t\n4\tdef twice(a):\n5\t    return add(a, a)\n';
  run.look('opened', '/repo/lib/sum.py', run.call('read', { path: '/repo/lib/sum.py' }, source), source, {
    first: 1,
    last: 4,
  });
  run.look('opened', '/repo/lib/sum.py', run.call('read', { path: '/repo/lib/sum.py' }, more), more, {
    first: 3,
    last: 5,
  });
  run.look('opened', '/repo/lib/other.py', run.call('read', { path: '/repo/lib/other.py' }, '1\tpass\n'));
  const edited = run.call('edit', { path: '/repo/lib/sum.py' }, '2\t    return a + b\n');
  run.look('edited', '/repo/lib/sum.py', edited);
  run.look(
    'opened',
    '/repo/lib/sum.py',
    run.call('read', { path: '/repo/lib/sum.py' }, '2\t    return a + b\n'),
  );
  return run.build('swe', {
    question: 'add() subtracts.',
    patch: { text: fix, at: null, via: 'submission' },
    ...fields,
  });
}

describe('software-engineering runs', () => {
  it('packs changed files as gold at the content before the edit, in line order without repeated lines', () => {
    const compiled = example(sweRun());
    const gold = pieces({
      ...compiled,
      evidence: compiled.evidence.filter((piece) => piece.role === 'gold'),
    });
    expect(gold).toEqual([
      'gold 1\tdef add(a, b):\n2\t    return a - b\n3\t\n4\tdef twice(a):\n',
      'gold 5\t    return add(a, a)\n',
    ]);
    expect(compiled.messages[0]!.content).toContain('--- lines 1-4 ---');
    expect(
      compiled.evidence.filter((piece) => piece.role === 'distractor').map((piece) => piece.tier),
    ).toEqual([1]);
    expect(compiled.messages[0]!.content).not.toContain('a + b');
    expect(compiled.verification).toContainEqual(
      expect.objectContaining({ check: 'hunk-context', status: 'pass' }),
    );
  });

  it('answers in three forms', () => {
    expect(example(sweRun()).answer).toBe(fix.trimEnd());
    expect(example(sweRun(), { sweAnswer: 'file-list' }).answer).toBe('lib/sum.py');
    expect(example(sweRun(), { sweAnswer: 'edited-code' }).answer).toContain('    return a + b');
  });

  it('rejects patches of files the run never shows', () => {
    const elsewhere = fix.replaceAll('lib/sum.py', 'lib/never.py');
    expect(rejection(sweRun({ patch: { text: elsewhere, at: null, via: 'made' } })).code).toBe(
      'patched-file-not-opened',
    );
  });

  it('prefers the gold patch, but takes the agent’s when only its files were opened', () => {
    const gold = {
      form: 'patch',
      values: [fix.replaceAll('lib/sum.py', 'lib/never.py')],
      at: null,
      via: 'gold',
    } as const;
    const compiled = example(sweRun({ groundTruth: gold }));
    expect(compiled.answer).toBe(fix.trimEnd());
    expect(compiled.verification[1]!.reason).toContain("agent's patch");
  });
});
