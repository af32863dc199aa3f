import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benchmarkTexts } from '../../../src/compile/curate/benchmarkRows.ts';
import { DecontaminationIndex, defaultDecontamination } from '../../../src/compile/curate/decontaminate.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import { hasShared, sharedPath, sharedSkipReason } from '../../helpers/shared.ts';

const question =
  'Which of the two rivers that meet below the old town was dammed first, and by whom was the dam designed?';

describe('decontamination', () => {
  it('finds a benchmark question inside a text, with both places', () => {
    const index = new DecontaminationIndex();
    index.add({ benchmark: 'b.jsonl', row: 7, field: 'question', text: question });
    const text = `Some notes. ${question.toUpperCase().replaceAll(' ', '\n')} And more.`;
    const hits = index.find(text);
    expect(hits).toHaveLength(1);
    expect(hits[0]).toMatchObject({
      benchmark: 'b.jsonl',
      row: 7,
      field: 'question',
      words: 21,
      benchmarkStart: 0,
    });
    expect(text.slice(hits[0]?.start, hits[0]?.end)).toMatch(/^WHICH[^]*DESIGNED$/);
    expect(index.find(question.split(' ').slice(0, 12).join(' '))).toEqual([]);
  });

  it('matches texts shorter than an n-gram whole, and only when asked', () => {
    const index = new DecontaminationIndex();
    index.add({ benchmark: 'b', row: 0, field: 'answer', text: 'select name from singer order by age' });
    index.add({
      benchmark: 'b',
      row: 1,
      field: 'answer',
      text: 'select name from singer order by age desc limit 1',
    });
    index.add({ benchmark: 'b', row: 2, field: 'answer', text: 'too short' });
    const text = 'Answer: SELECT name FROM singer ORDER BY age DESC LIMIT 1;';
    expect(index.find(text)).toEqual([]);
    expect(index.find(text, true).map((hit) => hit.row)).toEqual([1]);
  });

  it('knows short questions only as the whole of a question', () => {
    const index = new DecontaminationIndex();
    const text = 'Who built the Merrow lighthouse?';
    index.add({ benchmark: 'b', row: 4, field: 'question', text });
    index.add({ benchmark: 'b', row: 5, field: 'answer', text: 'Builder Orlov' });
    expect(index.findShortQuestion('who built the Merrow Lighthouse')).toMatchObject({ row: 4, words: 5 });
    expect(index.findShortQuestion(`${text} And when?`)).toBeNull();
    expect(index.findShortQuestion('Builder Orlov')).toBeNull();
    expect(index.find(text, true)).toEqual([]);
  });

  it('does not count the template that all rows of a benchmark share', () => {
    const index = new DecontaminationIndex();
    const template =
      'You will be given a graph as a list of directed edges and all nodes are at least degree one';
    for (let row = 0; row < 30; row++) {
      index.add({ benchmark: 'g', row, field: 'question', text: `${template} ${`n${row} `.repeat(14)}` });
    }
    expect(index.find(`${template}.`)).toEqual([]);
    expect(index.find('n5 '.repeat(14)).map((hit) => hit.row)).toEqual([5]);
  });

  it('keeps to its bound and says so', () => {
    const index = new DecontaminationIndex({ ...defaultDecontamination, mostGrams: 50 });
    const words = Array.from({ length: 500 }, (_, i) => `w${i}`).join(' ');
    index.add({ benchmark: 'b', row: 0, field: 'question', text: words });
    expect(index.gramCount).toBe(50);
    expect(index.isTruncated).toBe(true);
  });
});

describe('benchmark rows', () => {
  it('give questions and answers by their published columns', () => {
    const row: JsonValue = {
      prompt:
        '[{"role": "user", "content": "first"}, {"role": "assistant", "content": [{"text": "second"}]}]',
      answer_nodes: ['a1', 'b2'],
      context: { title: ['ignored'] },
      __proto__: 'ignored',
      n: 3,
    };
    expect(benchmarkTexts('f', 2, row).map(({ field, text }) => `${field}: ${text}`)).toEqual([
      'question: first',
      'question: second',
      'answer: a1 b2',
    ]);
  });

  it.skipIf(!hasShared)(
    `are found in every recorded benchmark file (skipped when ${sharedSkipReason})`,
    () => {
      const index = new DecontaminationIndex();
      const files = readdirSync(sharedPath('benchmarks'), { recursive: true, encoding: 'utf8' }).filter(
        (file) => /\.jsonl?$/.test(file),
      );
      expect(files.length).toBeGreaterThan(5);
      for (const file of files) {
        const text = readFileSync(join(sharedPath('benchmarks'), file), 'utf8');
        const rows = (
          file.endsWith('l')
            ? text
                .trim()
                .split('\n')
                .map((line) => JSON.parse(line) as JsonValue)
            : JSON.parse(text)
        ) as JsonValue[];
        rows.forEach((row, number) => {
          const texts = benchmarkTexts(file, number, row);
          expect(
            texts.map((item) => item.field),
            `${file} row ${number}`,
          ).toContain('question');
          for (const item of texts) index.add(item);
        });
      }
      const instances = JSON.parse(
        readFileSync(sharedPath('benchmarks/swe-bench/swe-bench-dev-easy.json'), 'utf8'),
      ) as { problem_statement: string }[];
      const run = readFileSync(sharedPath('trajectories/swe-agent/pydicom-1458.traj'), 'utf8');
      const hits = index.find(instances[0]?.problem_statement ?? '');
      expect(hits.some((hit) => hit.benchmark.includes('swe-bench-dev-easy') && hit.row === 0)).toBe(true);
      const inRun = index.find(
        (JSON.parse(run) as { history: { content: string }[] }).history
          .map((item) => item.content)
          .join('\n'),
      );
      expect(inRun.some((hit) => hit.benchmark.includes('swe-bench'))).toBe(true);
    },
  );
});
