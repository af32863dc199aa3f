import { isObject, type JsonValue } from '../../core/json.ts';
import type { BenchmarkText } from './decontaminate.ts';

/** Columns that hold what a benchmark asks, in the published names. */
const questionKeys = new Set([
  'question',
  'prompt',
  'problem',
  'problem_statement',
  'query',
  'input',
  'instruction',
  'task',
  'Question',
  'intent',
  'responses_create_params',
  'messages',
]);
/** Columns that hold the expected answer. */
const answerKeys = new Set([
  'answer',
  'answers',
  'expected_answer',
  'ground_truth',
  'ground_truth_answer',
  'golden_answers',
  'answer_nodes',
  'final_answer',
  'Final answer',
  'solution',
  'SQL',
  'sql',
  'gold_sql',
  'gold_query',
  'patch',
  'test_patch',
]);
const DEEPEST = 12;

/**
 * The questions and answers of one benchmark row of any published layout (JSON, JSONL or Parquet). Messages are
 * taken apart, also those written as JSON text (MRCR's `prompt`); passages given beside a question are left out,
 * since many benchmarks quote public pages that training may hold too.
 */
export function benchmarkTexts(benchmark: string, row: number, value: JsonValue): BenchmarkText[] {
  if (typeof value === 'string')
    return value === '' ? [] : [{ benchmark, row, field: 'question', text: value }];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const field = questionKeys.has(key) ? 'question' : answerKeys.has(key) ? 'answer' : null;
    if (field === null) return [];
    return stringsOf(member, 0).map((text): BenchmarkText => ({ benchmark, row, field, text }));
  });
}

function stringsOf(value: JsonValue, depth: number): string[] {
  if (depth > DEEPEST) return [];
  if (typeof value === 'string') {
    const messages = value.startsWith('[{') ? parseMessages(value) : null;
    return messages ? stringsOf(messages, depth + 1) : value === '' ? [] : [value];
  }
  if (Array.isArray(value)) {
    // A list of short values (the nodes of an answer) is one text.
    if (value.every((item) => typeof item === 'string')) {
      const joined = value.join(' ');
      return joined === '' ? [] : value.some((item) => item.length > 200) ? value : [joined];
    }
    return value.flatMap((item) => stringsOf(item, depth + 1));
  }
  if (!isObject(value)) return [];
  if ('content' in value) return stringsOf(value['content'] ?? null, depth + 1);
  if ('text' in value) return stringsOf(value['text'] ?? null, depth + 1);
  return stringsOf(value['input'] ?? value['messages'] ?? null, depth + 1);
}

function parseMessages(text: string): JsonValue | null {
  try {
    const parsed = JSON.parse(text) as JsonValue;
    const isMessages = Array.isArray(parsed) && parsed.every((item) => isObject(item) && 'content' in item);
    return isMessages ? parsed : null;
  } catch {
    return null;
  }
}
