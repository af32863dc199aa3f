import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf } from '../blocks/draft.ts';
import { filledField, idField, listField, objectField, smallFields, stringField } from '../blocks/fields.ts';
import { chatRole, readChatMessage } from '../blocks/openaiChat.ts';
import { readTaggedAssistant } from '../blocks/tagText.ts';
import { StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { answerOfLastText, textTruth } from '../extract/answers.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AnswerText, Outcome } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';

/** MiroThinker and MiroFlow task logs: a main history, and one per sub-agent session; calls as MCP tags. */
export const miroFlow: FormatAdapter = {
  id: 'miroflow',
  label: 'MiroThinker / MiroFlow',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !('main_agent_message_history' in value)) return null;
    return { certainty: 0.97, evidence: 'main_agent_message_history' };
  },
  read: (records) => records.map(readTask),
};

function readTask(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  readHistory(builder, value['main_agent_message_history'], '/main_agent_message_history');
  const sessions = objectField(value, 'sub_agent_message_history_sessions') ?? {};
  for (const id of Object.keys(sessions)) {
    builder.speaker = id;
    readHistory(builder, sessions[id], joinPath('/sub_agent_message_history_sessions', id));
  }
  builder.speaker = undefined;
  const taskId = idField(value, 'task_id');
  const boxed = filledField(value, 'final_boxed_answer');
  return draftOf(record, miroFlow.id, builder, {
    id: taskId ?? `${record.file}#${String(record.record)}`,
    instanceId: taskId,
    task: taskOf(builder, value['input']),
    finalAnswer:
      boxed === null
        ? answerOfLastText(builder.steps.filter((step) => step.speaker === undefined))
        : { text: boxed.trim(), at: builder.position('/final_boxed_answer'), via: 'final_boxed_answer' },
    groundTruth: textTruth(value['ground_truth'], builder.position('/ground_truth'), 'ground_truth'),
    outcome: outcomeOf(value),
    model: filledField(objectField(value, 'env_info'), 'llm_model_name'),
    metadata: smallFields(value, ['status', 'judge_type', 'error', 'start_time', 'end_time']),
  });
}

/** A history is a list, or `{system_prompt, message_history}`. */
function readHistory(builder: StepBuilder, history: JsonValue | undefined, path: string): void {
  const system = filledField(history, 'system_prompt');
  if (system !== null) builder.message('system', wholeText(system, `${path}/system_prompt`));
  const listed = Array.isArray(history) ? history : (listField(history, 'message_history') ?? []);
  const base = Array.isArray(history) ? path : `${path}/message_history`;
  builder.textCalls = 0;
  for (const [i, message] of listed.entries()) {
    const at = joinPath(base, i);
    const role = chatRole(stringField(message, 'role'));
    const hasCalls = (listField(message, 'tool_calls')?.length ?? 0) > 0;
    if (!isObject(message) || role === 'tool' || role === 'system' || hasCalls)
      readChatMessage(builder, message, at);
    else if (role === 'assistant') readAssistant(builder, message, at);
    else {
      for (const text of contentTexts(message['content'], `${at}/content`)) {
        // The user's turn after calls is what the tools returned.
        if (builder.textCalls > 0) builder.toolResult(text);
        else builder.message('user', text);
      }
    }
  }
}

/** Adds the texts and the MCP calls of an assistant message. */
function readAssistant(builder: StepBuilder, message: JsonObject, path: string): void {
  builder.beginTurn();
  for (const slice of contentTexts(message['content'], `${path}/content`)) {
    if (slice.range) readTaggedAssistant(builder, slice.text, slice.path);
    else builder.message('assistant', slice);
  }
}

function taskOf(builder: StepBuilder, input: JsonValue | undefined): AnswerText | null {
  if (typeof input === 'string' && input.trim() !== '')
    return { text: input.trim(), at: builder.position('/input'), via: 'input' };
  for (const key of ['task_description', 'task_question', 'question', 'query']) {
    const text = filledField(input, key);
    if (text !== null)
      return { text: text.trim(), at: builder.position(`/input/${key}`), via: `input.${key}` };
  }
  const step = builder.steps.find((one) => one.type === 'message' && one.role === 'user');
  return step ? { text: step.text.trim(), at: step.at, via: 'first user message' } : null;
}

function outcomeOf(value: JsonObject): Outcome {
  const verdict = filledField(value, 'final_judge_result') ?? filledField(value, 'judge_result');
  if (verdict === null) return { success: null, reward: null, reason: 'final_judge_result is empty' };
  const success = /^\s*(?:correct|true|yes|pass)/i.test(verdict)
    ? true
    : /incorrect|false|no\b|fail|wrong|not/i.test(verdict)
      ? false
      : null;
  return { success, reward: null, reason: `final_judge_result = ${verdict.slice(0, 60)}` };
}
