import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { madeRecords } from './madeRecords.ts';
import { brokenPlaces, readRecords, readValue } from './readSample.ts';

describe('formats made by hand', () => {
  it.each(madeRecords)('$name', (expected) => {
    const sample = readValue(expected.value);
    expect(sample.format).toBe(expected.format);
    const [run] = sample.runs;
    expect(run?.kind.kind).toBe(expected.kind);
    expect(run?.task?.text ?? null).toBe(expected.task);
    expect(run?.finalAnswer?.text ?? null).toBe(expected.answer);
    expect(run?.outcome.success ?? null).toBe(expected.success);
    expect(run?.documents.map((document) => `${document.how} ${document.key}`)).toEqual(expected.documents);
    expect([...new Set(run?.queries.flatMap((query) => query.tables))]).toEqual(expected.tables);
    expect(brokenPlaces(sample)).toEqual([]);
  });

  it('DB-GPT rows of one conversation are joined in their order', () => {
    const row = (index: number, type: string, content: string): JsonValue => ({
      conv_uid: 'c',
      index,
      message_detail: JSON.stringify({ type, data: { content } }),
    });
    const values = [row(2, 'ai', 'Here:\n```sql\nSELECT a FROM t\n```'), row(1, 'human', 'Show a.')];
    const records = values.map((value, record) => ({
      file: 'chat.json',
      record,
      byteStart: null,
      byteEnd: null,
      key: null,
      value,
    }));
    const sample = readRecords(records, 'json-array');
    expect(sample.format).toBe('db-gpt');
    expect(sample.runs).toHaveLength(1);
    expect(sample.runs[0]?.task?.text).toBe('Show a.');
    expect(sample.runs[0]?.queries.map((query) => query.tables)).toEqual([['t']]);
    expect(brokenPlaces(sample)).toEqual([]);
  });

  it('markup with tags of the same names is no Search-R1 run', () => {
    const page = '<nav><search>find</search></nav>\n<page>1</page><results>none</results>';
    const values: JsonValue[] = [page, { text: page }, { output: `<search>a</search> ${page}` }];
    for (const value of values) expect(readValue(value).format).not.toBe('search-r1');
    expect(readValue('<settings><search>on</search><page>2</page></settings>').format).not.toBe('search-r1');
  });

  it('AgentBench task files are named as such and give no runs', () => {
    const sample = readValue({
      description: 'How many?',
      label: ['3'],
      table: { table_name: 'T', table_info: { columns: [], rows: [] } },
    });
    expect(sample.format).toBe('agentbench-tasks');
    expect(sample.runs).toEqual([]);
    expect(sample.issues.map((issue) => issue.code)).toEqual(['tasks-without-runs']);
  });

  it('ReAct logs: sections of failures, verdict lines and answers with brackets', () => {
    const log = [
      '------- BEGIN INCORRECT AGENTS -------',
      'Question: Who?',
      'Thought 1: Search.',
      'Action 1: Search[Anna [writer]]',
      'Observation 1: Anna was a writer of many books.',
      'Action 2: Finish[Bea (poet)]',
      'Observation 2: Answer is INCORRECT',
      'Correct answer: Anna',
      '',
    ].join('\n');
    const sample = readValue(log);
    const [run] = sample.runs;
    expect(run?.outcome).toEqual({ success: false, reward: 0, reason: 'Answer is INCORRECT' });
    expect(run?.finalAnswer?.text).toBe('Bea (poet)');
    expect(run?.groundTruth?.values).toEqual(['Anna']);
    expect(run?.documents.map((document) => document.title)).toEqual(['Anna [writer]']);
    expect(brokenPlaces(sample)).toEqual([]);
  });

  it('FireAct as chat: observations in user turns', () => {
    const sample = readValue({
      messages: [
        { role: 'user', content: 'When?' },
        { role: 'assistant', content: 'Thought: look.\nAction: search[date]' },
        { role: 'user', content: 'Observation: It was in 1901, says the page.' },
        {
          role: 'assistant',
          content: 'Thought: known.\nAction: finish[1901]\nObservation: Episode finished, reward = True',
        },
      ],
    });
    expect(sample.format).toBe('react-fireact');
    expect(sample.runs[0]?.finalAnswer?.text).toBe('1901');
    expect(sample.runs[0]?.outcome.success).toBe(true);
    expect(sample.runs[0]?.documents).toHaveLength(1);
  });
});
