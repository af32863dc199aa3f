import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import type { Usage } from '../schema.ts';
import { contentTexts, readCall, readResult } from './contentParts.ts';
import { filledField, idField, listField, numberField, objectField, stringField } from './fields.ts';
import { isInjectedText } from './injected.ts';
import { readChatMessage } from './openaiChat.ts';
import { decodedText, textIfGiven, trimmedSlice, wholeText, type StepBuilder } from './stepBuilder.ts';

/** Reads the event streams of OpenHands, old (action/observation) and new (`kind: …Event`), one by one. */
export class OpenHandsEvents {
  model: string | null = null;
  usage: Usage = { inputTokens: null, outputTokens: null, costUsd: null };
  /** The last state the run reported (`finished`, `error`, `stuck` …). */
  status: string | null = null;
  private readonly builder: StepBuilder;
  /** Call id of each action, by the id of its event. */
  private readonly callOfEvent = new Map<string, string>();

  constructor(builder: StepBuilder) {
    this.builder = builder;
  }

  read(event: JsonValue, path: string): void {
    if (!isObject(event)) return;
    this.takeMetrics(objectField(event, 'llm_metrics'));
    const timestamp = stringField(event, 'timestamp');
    this.builder.timestamp = timestamp ?? undefined;
    const kind = stringField(event, 'kind');
    if (kind !== null) this.readNew(event, kind, path);
    else if (stringField(event, 'observation') !== null) this.readObservation(event, path);
    else if (stringField(event, 'action') !== null) this.readAction(event, path);
    // `base_state.json`, which stands beside events that lie in a file each.
    else this.model ??= stringField(objectField(objectField(event, 'agent'), 'llm'), 'model');
    this.builder.timestamp = undefined;
  }

  private readNew(event: JsonObject, kind: string, path: string): void {
    const { builder } = this;
    if (kind === 'SystemPromptEvent') {
      for (const text of contentTexts(event['system_prompt'], `${path}/system_prompt`)) {
        builder.message('system', text);
      }
    } else if (kind === 'MessageEvent') {
      readChatMessage(builder, event['llm_message'] ?? null, `${path}/llm_message`);
      for (const text of contentTexts(event['extended_content'], `${path}/extended_content`)) {
        builder.message('user', text, true);
      }
    } else if (kind === 'ActionEvent') this.readNewAction(event, path);
    else if (kind === 'ConversationStateUpdateEvent') this.readState(event);
    else if (kind === 'AgentErrorEvent' || kind === 'UserRejectObservation') {
      const key = kind === 'AgentErrorEvent' ? 'error' : 'rejection_reason';
      readResult(builder, event[key], `${path}/${key}`, { ...this.joinFields(event), isError: true });
    } else if (isObject(event['observation'])) this.readNewObservation(event, event['observation'], path);
    else if (!quietKinds.has(kind)) {
      const summary = stringField(event, 'summary') ?? stringField(event, 'detail');
      const key = stringField(event, 'summary') === null ? 'detail' : 'summary';
      builder.other(summary === null ? decodedText('', path) : wholeText(summary, `${path}/${key}`), kind);
    }
  }

  private readNewAction(event: JsonObject, path: string): void {
    const { builder } = this;
    const reasoning = filledField(event, 'reasoning_content');
    if (reasoning !== null) builder.reasoning(wholeText(reasoning, `${path}/reasoning_content`));
    for (const { text, path: at } of contentTexts(event['thought'], `${path}/thought`)) {
      // Some providers repeat the reasoning inside the text.
      const close = reasoning === null ? -1 : text.indexOf('</think>');
      const slice = trimmedSlice(text, at, close < 0 ? 0 : close + '</think>'.length, text.length);
      if (slice) builder.message('assistant', slice);
    }
    const call = objectField(event, 'tool_call');
    const inner = objectField(call, 'function') ?? call;
    const innerPath = inner === call ? `${path}/tool_call` : `${path}/tool_call/function`;
    const callId = idField(event, 'tool_call_id') ?? idField(event, 'id');
    const eventId = idField(event, 'id');
    if (callId !== null && eventId !== null) this.callOfEvent.set(eventId, callId);
    const name =
      stringField(event, 'tool_name') ??
      stringField(inner, 'name') ??
      stringField(event['action'], 'kind') ??
      'unknown';
    const written = inner?.['arguments'];
    if (written !== undefined && written !== null) {
      readCall(builder, name, callId, written, `${innerPath}/arguments`);
    } else {
      readCall(builder, name, callId, withoutKeys(event['action'], ['kind']), `${path}/action`);
    }
  }

  private readNewObservation(event: JsonObject, observation: JsonObject, path: string): void {
    const exitCode = numberField(observation, 'exit_code') ?? 0;
    const fields = {
      ...this.joinFields(event),
      isError: observation['is_error'] === true || observation['error'] === true || exitCode > 0,
    };
    const key = ['content', 'output', 'error', 'message', 'result'].find((name) => {
      const value = observation[name];
      return typeof value === 'string' || Array.isArray(value);
    });
    if (key !== undefined) {
      readResult(this.builder, observation[key], `${path}/observation/${key}`, fields);
    } else {
      readResult(this.builder, withoutKeys(observation, ['kind']), `${path}/observation`, fields);
    }
  }

  private joinFields(event: JsonObject): { callId: string | null; name: string | null } {
    const cause = idField(event, 'action_id');
    const callId =
      idField(event, 'tool_call_id') ?? (cause === null ? null : (this.callOfEvent.get(cause) ?? null));
    return { callId, name: stringField(event, 'tool_name') };
  }

  private readState(event: JsonObject): void {
    const key = stringField(event, 'key');
    const value = event['value'];
    if (key === 'execution_status' || key === 'agent_status') {
      if (typeof value === 'string') this.status = value;
      return;
    }
    const stats = key === 'stats' ? value : key === 'full_state' ? objectField(value, 'stats') : undefined;
    if (key === 'full_state') this.status = stringField(value, 'execution_status') ?? this.status;
    this.takeMetrics(objectField(objectField(stats, 'usage_to_metrics'), 'default'));
  }

  /** Metrics are running totals: the last ones count. */
  private takeMetrics(metrics: JsonObject | null): void {
    const tokens = objectField(metrics, 'accumulated_token_usage');
    if (!metrics) return;
    this.model = stringField(metrics, 'model_name') ?? this.model;
    this.usage = {
      inputTokens: numberField(tokens, 'prompt_tokens'),
      outputTokens: numberField(tokens, 'completion_tokens'),
      costUsd: numberField(metrics, 'accumulated_cost'),
    };
  }

  private readAction(event: JsonObject, path: string): void {
    const { builder } = this;
    const action = stringField(event, 'action') ?? '';
    const args = objectField(event, 'args') ?? {};
    const at = `${path}/args`;
    const fromUser = stringField(event, 'source') === 'user';
    if (action === 'message' || action === 'system') {
      const content = filledField(args, 'content');
      if (content === null) return;
      const role = action === 'system' ? 'system' : fromUser ? 'user' : 'assistant';
      if (role === 'assistant') builder.beginTurn();
      builder.message(role, wholeText(content, `${at}/content`), role === 'user' && isInjectedText(content));
      return;
    }
    if (quietActions.has(action) || (fromUser && action === 'recall')) return;
    this.readOldThought(event, args, path);
    const metadata = objectField(event, 'tool_call_metadata');
    const eventId = idField(event, 'id');
    const callId = idField(metadata, 'tool_call_id') ?? (eventId === null ? null : `event-${eventId}`);
    if (callId !== null && eventId !== null) this.callOfEvent.set(eventId, callId);
    const name = stringField(metadata, 'function_name') ?? action;
    readCall(builder, name, callId, withoutKeys(args, actionNoise), at);
  }

  private readOldThought(event: JsonObject, args: JsonObject, path: string): void {
    const response = objectField(objectField(event, 'tool_call_metadata'), 'model_response');
    const message = objectField(listField(response, 'choices')?.[0], 'message');
    this.model ??= stringField(response, 'model');
    const reasoning = filledField(message, 'reasoning_content');
    if (reasoning !== null) {
      const at = `${path}/tool_call_metadata/model_response/choices/0/message/reasoning_content`;
      this.builder.reasoning(wholeText(reasoning, at));
    }
    const thought = stringField(event, 'action') === 'think' ? null : filledField(args, 'thought');
    if (thought !== null) this.builder.reasoning(wholeText(thought, `${path}/args/thought`));
  }

  private readObservation(event: JsonObject, path: string): void {
    const { builder } = this;
    const observation = stringField(event, 'observation') ?? '';
    const extras = objectField(event, 'extras');
    const slice = textIfGiven(stringField(event, 'content'), joinPath(path, 'content'));
    if (observation === 'agent_state_changed') {
      this.status = stringField(extras, 'agent_state') ?? this.status;
      return;
    }
    if (quietObservations.has(observation)) return;
    if (observation === 'recall') {
      if (slice.text.trim() !== '') builder.message('user', slice, true);
      return;
    }
    const cause = idField(event, 'cause');
    const callId =
      idField(objectField(event, 'tool_call_metadata'), 'tool_call_id') ??
      (cause === null ? null : (this.callOfEvent.get(cause) ?? `event-${cause}`));
    const exitCode =
      numberField(objectField(extras, 'metadata'), 'exit_code') ?? numberField(extras, 'exit_code') ?? 0;
    const isError = observation === 'error' || observation === 'user_rejected' || exitCode > 0;
    if (callId === null && !builder.hasOpenCall) builder.other(slice, observation);
    else builder.toolResult(slice, { callId, isError });
  }
}

/** Event kinds without text worth showing. */
const quietKinds = new Set(['PauseEvent', 'TokenEvent', 'LLMCompletionLogEvent', 'StreamingDeltaEvent']);
const quietActions = new Set(['null', 'change_agent_state', 'initialize', 'pause', 'resume', '']);
const quietObservations = new Set(['null', 'success', 'chat', 'loop_detection', '']);

/** Argument keys of actions that are the runtime's, not the model's. */
const actionNoise = [
  'thought',
  'hidden',
  'blocking',
  'is_static',
  'confirmation_state',
  'security_risk',
  'keep_prompt',
  'kernel_init_code',
  'include_extra',
  'impl_source',
  'cwd',
  'wait_for_response',
  'image_urls',
  'file_urls',
];

function withoutKeys(value: JsonValue | undefined, keys: readonly string[]): JsonObject {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter(([key, field]) => !keys.includes(key) && field !== null && field !== ''),
  );
}
