import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import {
  copySteps,
  describeItem,
  queryPositions,
  readItem,
  type MeasuredItem,
} from '../../src/mechanism/items.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { fixtureFolder, fixtureItems } from './fixtures.ts';

const modelFolder = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
const tokenizer = loadTokenizer(readFileSync(resolve(modelFolder, 'tokenizer.json'), 'utf8'), 'tiny-moe');
const itemsFile = resolve(fixtureFolder, 'items.json');

function textOf(item: MeasuredItem, start: number, end: number): string {
  return tokenizer.decode(item.ids.subarray(start, end));
}

function textOfRole(item: MeasuredItem, role: string): string {
  return tokenizer.decode(item.ids.filter((_, t) => item.roles[t] === role));
}

describe('items of a measurement', () => {
  const items = fixtureItems();

  it('are the tokens that the reference was run on', () => {
    const plain = items.map(({ id, kind, ids, evidence, roles }) => ({
      id,
      kind,
      ids: [...ids],
      evidence,
      roles,
    }));
    if (process.env['ACC_WRITE_FIXTURES']) writeFileSync(itemsFile, `${JSON.stringify(plain)}\n`);
    expect(plain).toEqual(JSON.parse(readFileSync(itemsFile, 'utf8')));
  });

  it('hold each piece, question, rationale and answer at its tokens', () => {
    const rows = readFileSync(resolve(fixtureFolder, 'examples.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as JsonObject);
    items.forEach((item, index) => {
      const row = rows[index]!;
      const messages = (row['messages'] as { content: string }[]).map(({ content }) => content);
      const spans = (row['evidence'] as JsonObject[]).filter(isObject);
      item.evidence.forEach((piece, p) => {
        const { start, end } = spans[p]!;
        // A token that straddles the end of a piece begins in it: the text may run over by its rest.
        const text = messages[0]!.slice(Number(start), Number(end));
        expect(textOf(item, piece.start, piece.end).startsWith(text)).toBe(true);
      });
      expect(textOfRole(item, 'question')).toBe(row['question']);
      expect(textOfRole(item, 'answer')).toBe(row['answer']);
      expect(textOfRole(item, 'rationale').trim()).toBe(row['rationale'] ?? '');
    });
  });

  it('ask with rationale and answer, or with every token but the first', () => {
    const item = items[0]!;
    const asked = queryPositions(item, 'answer');
    expect(asked.every((t) => ['rationale', 'answer'].includes(item.roles[t]!))).toBe(true);
    expect(queryPositions(item, 'all')).toHaveLength(item.ids.length - 1);
    const described = describeItem(item, 'answer');
    expect(described.queryTokens).toBe(asked.length);
    expect(described.roles[0]![0]).toBe(0);
    expect(described.roles.at(-1)![1]).toBe(item.ids.length);
    // The answer is copied from the gold piece, so every one of its tokens is a copy step.
    expect(copySteps(item)).toHaveLength(item.roles.filter((role) => role === 'answer').length);
  });

  it('finds an answer that also stands in the template’s own text', () => {
    const messages = [
      { role: 'user', content: 'im_end' },
      { role: 'assistant', content: 'im_end' },
    ];
    const read = readItem({ messages }, 'line 1', tokenizer, null);
    expect(read.ok && textOfRole(read.item, 'answer')).toBe('im_end');
    expect(read.ok && textOfRole(read.item, 'context')).toBe('im_end');
  });

  it('says what is wrong with a row and never throws', () => {
    const rows: JsonValue[] = [
      null,
      { messages: 3 },
      { messages: [{ role: 'user', content: 'only a question' }] },
      {
        messages: [
          { role: 'user', content: 'ab' },
          { role: 'assistant', content: 'c' },
        ],
        evidence: [{ id: 'x', role: 'gold', start: 0, end: 9 }],
      },
    ];
    const reasons = rows.map((row) => readItem(row, 'line 4', tokenizer, null));
    expect(reasons.map((read) => (read.ok ? 'ok' : read.reason))).toMatchInlineSnapshot(`
      [
        "the row has no messages with role and content",
        "the row has no messages with role and content",
        "the last message is not the assistant’s",
        "evidence[0] does not lie within the user message",
      ]
    `);
    expect(reasons.every((read) => !read.ok && read.id === 'line 4')).toBe(true);
  });
});
