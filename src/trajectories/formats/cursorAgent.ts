import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { readAnthropicMessage } from '../blocks/anthropic.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { readCall, readResult } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, objectField, stringField } from '../blocks/fields.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';

/** Output of `cursor-agent -p --output-format stream-json`: messages, and calls in `tool_call` events of their own. */
export const cursorAgent: FormatAdapter = {
  id: 'cursor-agent',
  label: 'Cursor agent stream output',
  unit: 'file',
  detect: (sample) => {
    const found = sample.records.some(
      ({ value }) => stringField(value, 'type') === 'tool_call' && objectField(value, 'tool_call'),
    );
    return found ? { certainty: 0.96, evidence: 'tool_call events between the messages of a stream' } : null;
  },
  read: (records) => [readStream(records)],
};

function readStream(records: readonly RawRecord[]): DraftTrajectory {
  const first = records[0]!;
  const builder = new StepBuilder(first.file, first.record);
  let init: JsonObject | null = null;
  let result: { value: JsonObject; record: number } | null = null;
  for (const { value, record } of records) {
    if (!isObject(value)) continue;
    builder.record = record;
    const type = stringField(value, 'type');
    if (type === 'system') init ??= value;
    else if (type === 'result') result = { value, record };
    else if (type === 'tool_call') readToolEvent(builder, value);
    else if (type === 'user' || type === 'assistant')
      readAnthropicMessage(builder, value['message'] ?? null, '/message');
  }
  const answer = filledField(result?.value, 'result');
  const subtype = stringField(result?.value, 'subtype');
  return draftOf({ ...first, record: 0 }, cursorAgent.id, builder, {
    id: idField(init, 'session_id') ?? fileStem(first.file),
    task: taskFromSteps(builder.steps),
    finalAnswer:
      result && answer !== null
        ? {
            text: answer,
            at: { file: first.file, record: result.record, path: '/result' },
            via: 'result line',
          }
        : lastAssistantText(builder.steps),
    outcome: {
      ...noOutcome,
      reason:
        subtype === null ? 'the stream has no result line' : `result.subtype = ${subtype} (not a verdict)`,
    },
    model: stringField(init, 'model'),
    metadata: filledField(init, 'cwd') === null ? {} : { cwd: init?.['cwd'] ?? null },
  });
}

/** The call and its only key: `readToolCall`, `shellToolCall`, `mcpToolCall`; `function` for others. */
function readToolEvent(builder: StepBuilder, event: JsonObject): void {
  const [key, call] =
    Object.entries(objectField(event, 'tool_call') ?? {}).find(([, one]) => isObject(one)) ?? [];
  if (key === undefined || !isObject(call)) return;
  const callId = idField(event, 'call_id');
  const path = `/tool_call/${key}`;
  const name = stringField(call, 'name') ?? key.replace(/ToolCall$/, '');
  // A call is told when it starts and again when it is done.
  if (callId === null || !builder.knowsCall(callId)) {
    const args = call['args'] === undefined ? 'arguments' : 'args';
    readCall(builder, name, callId, call[args], `${path}/${args}`);
  }
  if (stringField(event, 'subtype') !== 'completed' || call['result'] === undefined) return;
  readOutcome(builder, call['result'], `${path}/result`, { callId, name });
}

const textKeys = ['content', 'stdout', 'output', 'message', 'errorMessage', 'error', 'reason'];

function readOutcome(
  builder: StepBuilder,
  result: JsonValue,
  path: string,
  fields: { readonly callId: string | null; readonly name: string },
): void {
  const [verdict, inner] = isObject(result) ? (Object.entries(result)[0] ?? []) : [];
  const isError = verdict !== undefined && verdict !== 'success';
  const key = textKeys.find((one) => filledField(inner, one) !== null);
  const at = verdict === undefined ? path : `${path}/${verdict}`;
  if (isObject(inner) && key !== undefined) {
    readResult(builder, inner[key], `${at}/${key}`, { ...fields, isError });
  } else readResult(builder, inner ?? result, at, { ...fields, isError });
}
