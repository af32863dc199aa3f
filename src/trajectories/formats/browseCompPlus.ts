import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { decodedText, jsonText, parseObject, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { markedAnswer, textTruth } from '../extract/answers.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AnswerText } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';

/** BrowseComp-Plus runs: one JSON a query, `result[]` of reasoning, tool_call and output_text items. */
export const browseCompPlus: FormatAdapter = {
  id: 'browsecomp-plus',
  label: 'BrowseComp-Plus run',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !listField(value, 'result') || !('query_id' in value)) return null;
    const isSure = 'retrieved_docids' in value || 'tool_call_counts' in value;
    return { certainty: isSure ? 0.97 : 0.8, evidence: 'query_id and result[] with retrieved_docids' };
  },
  read: (records) => records.map(readRun),
};

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const query = filledField(value, 'query') ?? filledField(value, 'question');
  const queryKey = filledField(value, 'query') !== null ? 'query' : 'question';
  if (query !== null) builder.message('user', wholeText(query, `/${queryKey}`));
  let answer: AnswerText | null = null;
  for (const [i, item] of (listField(value, 'result') ?? []).entries()) {
    if (!isObject(item)) continue;
    const path = `/result/${String(i)}`;
    if (item['type'] === 'tool_call') {
      readCall(builder, item, path);
      continue;
    }
    for (const text of textsOf(item, path)) {
      if (item['type'] === 'reasoning') builder.reasoning(wholeText(text.text, text.path));
      else {
        builder.message('assistant', wholeText(text.text, text.path));
        // "Explanation: … Exact Answer: … Confidence: …", as the benchmark's prompt asks for.
        const marked = markedAnswer(text.text);
        answer = {
          text: marked?.text ?? text.text.trim(),
          at: builder.position(text.path),
          via: marked ? `${marked.via} of the last output_text` : 'last output_text',
        };
      }
    }
  }
  const status = stringField(value, 'status');
  const queryId = idField(value, 'query_id');
  const model = objectField(value, 'metadata');
  const usage = objectField(value, 'usage');
  return draftOf(record, browseCompPlus.id, builder, {
    id: queryId ?? `${record.file}#${String(record.record)}`,
    instanceId: queryId,
    task: query === null ? null : { text: query, at: builder.position(`/${queryKey}`), via: queryKey },
    finalAnswer: answer,
    groundTruth: textTruth(value['answer'], builder.position('/answer'), 'answer'),
    outcome:
      status === null
        ? noOutcome
        : { ...noOutcome, reason: `status = ${status} (not a verdict; answers are judged apart)` },
    model: filledField(model, 'model'),
    usage: {
      inputTokens: numberField(usage, 'input_tokens'),
      outputTokens: numberField(usage, 'output_tokens'),
      costUsd: null,
    },
    metadata: smallFields(value, ['query_id', 'status', 'tool_call_counts']),
  });
}

/** `output` of reasoning and text items is a text or a list of texts. */
function textsOf(item: JsonObject, path: string): { text: string; path: string }[] {
  const found: { text: string; path: string }[] = [];
  const add = (value: JsonValue | undefined, at: string): void => {
    if (typeof value === 'string' && value.trim() !== '') found.push({ text: value, path: at });
  };
  const addAll = (value: JsonValue | undefined, at: string): void => {
    if (!Array.isArray(value)) add(value, at);
    else
      value.forEach((one, i) =>
        isObject(one) ? add(one['text'], `${joinPath(at, i)}/text`) : add(one, joinPath(at, i)),
      );
  };
  for (const key of ['output', 'text', 'content', 'summary']) {
    addAll(item[key], joinPath(path, key));
    if (found.length > 0) break;
  }
  return found;
}

function readCall(builder: StepBuilder, item: JsonObject, path: string): void {
  const args = item['arguments'];
  const name = stringField(item, 'tool_name') ?? stringField(item, 'name') ?? 'search';
  const slice =
    typeof args === 'string'
      ? wholeText(args, `${path}/arguments`)
      : decodedText(jsonText(args ?? {}), `${path}/arguments`);
  builder.toolCall(slice, {
    name,
    arguments: isObject(args) ? args : typeof args === 'string' ? parseObject(args) : null,
  });
  const output = item['output'];
  if (output === undefined || output === null) return;
  builder.toolResult(
    typeof output === 'string'
      ? wholeText(output, `${path}/output`)
      : decodedText(jsonText(output), `${path}/output`),
    { name },
  );
}
