import type { AgentKind, Step } from '../../../src/trajectories/schema.ts';
import type { Example, ExampleEvidence } from '../../../src/compile/types.ts';
import { Rng } from '../../../src/core/rng.ts';

const words =
  'the agent reads a long report about rivers ports tariffs bridges and harvests while numbers change from year to year between regions table column value index page archive letter harbour council record vote treaty engine parser module returns cache buffer index field row key'.split(
    ' ',
  );

function sentence(rng: Rng, length: number): string {
  const parts = Array.from({ length }, () => words[rng.below(words.length)] ?? 'word');
  const text = parts.join(' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function prose(rng: Rng, characters: number): string {
  let text = '';
  while (text.length < characters) {
    text += `${sentence(rng, 8 + rng.below(18))} `;
    if (rng.below(4) === 0) text = `${text.trimEnd()}\n\n`;
  }
  return text.trimEnd();
}

function code(rng: Rng, characters: number): string {
  let text = '';
  let line = 0;
  while (text.length < characters) {
    const depth = rng.below(4);
    const [a, b, c] = Array.from({ length: 3 }, () => words[rng.below(words.length)] ?? 'x');
    text += `${'    '.repeat(depth)}${['def', 'return', 'if', 'for'][rng.below(4)]} ${a}_${b}(${c}):  # ${line++}\n`;
  }
  return text.trimEnd();
}

function table(rng: Rng, characters: number): string {
  let text = 'id,name,region,amount,year\n';
  let id = 1;
  while (text.length < characters) {
    text += `${id++},${words[rng.below(words.length)]},${words[rng.below(words.length)]},${rng.below(90_000)},${1990 + rng.below(34)}\n`;
  }
  return text.trimEnd();
}

const kinds: readonly AgentKind[] = ['search', 'swe', 'sql'];
const questions: Readonly<Record<string, string>> = {
  search:
    'Which harbour council voted twice on the same tariff in the year the bridge of the northern river was opened?',
  swe: 'The cache returns a stale buffer after the index was rebuilt with an empty key. Give the change that fixes it as a unified diff.',
  sql: 'How many customers referred at least three others directly or indirectly, and what is the sum of their amounts?',
};
const answers: Readonly<Record<string, string>> = {
  search: 'The council of Port Elmar',
  swe: '--- a/src/cache.py\n+++ b/src/cache.py\n@@ -41,7 +41,7 @@\n-        return self.buffer\n+        return self.buffer if self.key else None',
  sql: '17 customers; 482,911',
};

export interface Generated {
  readonly example: Example;
  readonly steps: readonly Step[];
}

/** Example number `index` and the run it comes from; always the same for the same number and size. */
export function generatedExample(index: number, characters?: number): Generated {
  const rng = new Rng(`example/${index}`);
  const kind = kinds[index % 3] ?? 'search';
  const size =
    characters ??
    Math.round((kind === 'search' ? 90_000 : kind === 'swe' ? 42_000 : 30_000) * (0.4 + rng.next()));
  const pieceCount = characters ? 64 : 5 + rng.below(kind === 'sql' ? 4 : 16);
  const write = kind === 'search' ? prose : kind === 'swe' ? code : table;
  const id = `${kind}-${String(index).padStart(4, '0')}`;
  const trajectoryId = `${kind}-run-${index}`;
  let content = 'Please reason based on the following documents and answer the question.\n\n';
  const evidence: ExampleEvidence[] = [];
  const steps: Step[] = [];
  const base = { at: { file: `runs/${kind}.jsonl`, record: index, path: '' }, range: null } as const;
  const task = questions[kind] ?? '';
  steps.push({ ...base, index: 0, turn: -1, type: 'message', role: 'user', text: task });
  const order = rng.shuffle(Array.from({ length: pieceCount }, (_, piece) => piece));
  const texts = order.map(() => write(rng, Math.max(200, Math.round(size / pieceCount))));
  texts.forEach((text, piece) => {
    const path = `/messages/${2 + 2 * piece}/content`;
    steps.push(
      { ...base, index: steps.length, turn: piece, type: 'reasoning', text: sentence(rng, 24) },
      {
        ...base,
        index: steps.length + 1,
        turn: piece,
        type: 'toolCall',
        callId: `c${piece}`,
        name: kind === 'sql' ? 'sql_query' : kind === 'swe' ? 'open' : 'visit',
        arguments: null,
        text: JSON.stringify({ target: words[piece % words.length] }),
      },
      {
        ...base,
        index: steps.length + 2,
        turn: piece,
        type: 'toolResult',
        callId: `c${piece}`,
        name: kind === 'sql' ? 'sql_query' : kind === 'swe' ? 'open' : 'visit',
        callStep: steps.length + 1,
        isError: false,
        isTruncated: false,
        at: { file: `runs/${kind}.jsonl`, record: index, path },
        range: { start: 0, end: text.length },
        text,
      },
    );
  });
  order.forEach((piece, place) => {
    const text = texts[piece] ?? '';
    const title =
      kind === 'swe'
        ? `src/${words[piece % words.length]}/${words[(piece * 7) % words.length]}.py`
        : `${words[piece % words.length]} ${piece + 1}`;
    content += `[${place + 1}] ${title}\n`;
    evidence.push({
      id: `p${place + 1}`,
      role: kind === 'sql' || piece % 3 === 0 ? 'gold' : 'distractor',
      ...(kind === 'sql' || piece % 3 === 0 ? {} : { tier: 2 as const }),
      title,
      start: content.length,
      end: content.length + text.length,
      source: {
        file: `runs/${kind}.jsonl`,
        record: index,
        path: `/messages/${2 + 2 * piece}/content`,
        turn: piece,
        start: 0,
        end: text.length,
      },
    });
    content += `${text}\n\n`;
  });
  content += `Question: ${task}`;
  const failed = index % 17 === 5;
  const example: Example = {
    id,
    kind,
    messages: [
      { role: 'user', content },
      { role: 'assistant', content: answers[kind] ?? '' },
    ],
    question: task,
    answer: answers[kind] ?? '',
    rationale: kind === 'sql' ? null : sentence(rng, 60),
    evidence,
    order: 'shuffle',
    seed: 0,
    tokens: { tokenizer: 'qwen3', prompt: Math.round(content.length / 5), completion: 40 + rng.below(300) },
    verification: [
      {
        check: 'evidence-coverage',
        status: 'pass',
        reason: 'every word of the answer stands in gold evidence',
      },
      {
        check: 'answer-leak',
        status: failed ? 'fail' : index % 11 === 3 ? 'warn' : 'pass',
        reason: failed ? 'the answer stands in the question' : 'the answer stands in no distractor',
      },
      { check: 'secrets', status: index % 13 === 2 ? 'warn' : 'pass', reason: 'e-mail addresses: 2' },
    ],
    source: {
      file: `runs/${kind}.jsonl`,
      sha256: '0'.repeat(64),
      record: index,
      format: 'openai-chat',
      trajectoryId,
    },
    flags: index % 13 === 2 ? ['has-email'] : [],
    dropped:
      index % 4 === 0
        ? [
            {
              title: 'archive page 9',
              role: 'distractor',
              tokens: 8120,
              reason: 'over budget: distractors are dropped first',
            },
          ]
        : [],
  };
  return { example, steps };
}
