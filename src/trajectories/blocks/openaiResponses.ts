import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { chatRole } from './openaiChat.ts';
import { readCall, readContent, readReasoningPart, readResult } from './contentParts.ts';
import { idField, numberField, stringField } from './fields.ts';
import { isInjectedText } from './injected.ts';
import {
  decodedText,
  jsonText,
  parseObject,
  textIfGiven,
  textSlice,
  wholeText,
  type StepBuilder,
  type TextSlice,
} from './stepBuilder.ts';
import { readTaggedAssistant } from './tagText.ts';

export interface ResponsesOptions {
  /** Takes each user text instead of the default (a message, injected when it looks like one). */
  readonly onUser?: (text: TextSlice) => void;
}

const calls =
  /^(?:function|custom_tool|local_shell|shell|computer|mcp|code_interpreter|web_search|file_search|image_generation)_call(?:_output)?$/;

/** Whether a value can only be an item of the Responses API: a call, an output, reasoning, a message with its parts. */
export function isResponseItem(value: JsonValue): boolean {
  if (!isObject(value)) return false;
  const type = stringField(value, 'type') ?? '';
  if (calls.test(type)) return idField(value, 'call_id') !== null || idField(value, 'id') !== null;
  if (type === 'reasoning') return Array.isArray(value['summary']);
  return type === 'message' && partTypes(value['content']).includes('output_text');
}

function partTypes(content: JsonValue | undefined): (string | null)[] {
  return Array.isArray(content) ? content.map((part) => stringField(part, 'type')) : [];
}

/** Adds one item of the OpenAI Responses API (from `input`, `output` or a rollout line). */
export function readResponseItem(
  builder: StepBuilder,
  item: JsonValue,
  path: string,
  options: ResponsesOptions = {},
): void {
  if (typeof item === 'string') {
    builder.message('user', wholeText(item, path));
    return;
  }
  if (!isObject(item)) return;
  const type = stringField(item, 'type') ?? (stringField(item, 'role') === null ? 'item' : 'message');
  if (type === 'message') readMessageItem(builder, item, path, options);
  else if (type === 'reasoning') readReasoningItem(builder, item, path);
  else if (type.endsWith('_output')) readOutputItem(builder, item, path, type);
  else if (type === 'function_call' || type === 'custom_tool_call') {
    const key = type === 'function_call' ? 'arguments' : 'input';
    const name = stringField(item, 'name') ?? 'unknown';
    readCall(builder, name, idField(item, 'call_id') ?? idField(item, 'id'), item[key], joinPath(path, key));
  } else if (type === 'local_shell_call' || type === 'computer_call' || type === 'shell_call') {
    const id = idField(item, 'call_id') ?? idField(item, 'id');
    readCall(builder, type.slice(0, -'_call'.length), id, item['action'], joinPath(path, 'action'));
  } else if (type === 'mcp_call') readMcpCall(builder, item, path);
  else if (type === 'code_interpreter_call') readInterpreterCall(builder, item, path);
  else if (type === 'web_search_call' || type === 'file_search_call')
    readSearchCall(builder, item, path, type);
  else if (type === 'ghost_snapshot' || type === 'compaction' || type === 'item_reference') return;
  else builder.other(decodedText(type, path), type);
}

/** Adds a flat list of Responses items. */
export function readResponseItems(
  builder: StepBuilder,
  items: readonly JsonValue[],
  path: string,
  options: ResponsesOptions = {},
): void {
  for (const [index, item] of items.entries())
    readResponseItem(builder, item, joinPath(path, index), options);
}

function readMessageItem(
  builder: StepBuilder,
  item: JsonObject,
  path: string,
  options: ResponsesOptions,
): void {
  const role = chatRole(stringField(item, 'role')) ?? 'assistant';
  const contentPath = joinPath(path, 'content');
  if (role === 'assistant') {
    readContent(builder, 'assistant', item['content'], contentPath, (text) => {
      if (text.text.includes('</think>') || text.text.includes('<tool_call>')) {
        readTaggedAssistant(builder, text.text, text.path);
      } else builder.message('assistant', text);
    });
  } else if (role === 'tool') {
    readResult(builder, item['content'], contentPath, { callId: idField(item, 'tool_call_id') });
  } else if (role === 'system') {
    readContent(builder, 'system', item['content'], contentPath);
  } else {
    readContent(builder, 'user', item['content'], contentPath, (text) => {
      if (options.onUser) options.onUser(text);
      else builder.message('user', text, isInjectedText(text.text));
    });
  }
}

/** Readable reasoning stands in `summary[]`, with open models also in `content[]`; the latter is complete. */
function readReasoningItem(builder: StepBuilder, item: JsonObject, path: string): void {
  const content = item['content'];
  if (Array.isArray(content) && content.length > 0) {
    readReasoningPart(builder, { content }, path);
    return;
  }
  if (typeof content === 'string' && content.trim() !== '') {
    builder.reasoning(wholeText(content, joinPath(path, 'content')));
    return;
  }
  readReasoningPart(builder, { summary: item['summary'] ?? null, text: item['text'] ?? null }, path);
}

function readOutputItem(builder: StepBuilder, item: JsonObject, path: string, type: string): void {
  const callId = idField(item, 'call_id') ?? idField(item, 'id');
  const output = item['output'];
  const at = joinPath(path, 'output');
  if (typeof output === 'string') {
    readShellResult(builder, output, at, { callId });
    return;
  }
  const inner = isObject(output) ? (stringField(output, 'content') ?? stringField(output, 'output')) : null;
  if (inner !== null && isObject(output)) {
    const key = stringField(output, 'content') === null ? 'output' : 'content';
    builder.toolResult(wholeText(inner, joinPath(at, key)), { callId, isError: output['success'] === false });
  } else if (type === 'computer_call_output') {
    builder.toolResult(decodedText('[screenshot]', at), { callId });
  } else {
    readResult(builder, output, at, { callId });
  }
}

/**
 * Adds a shell result that may be JSON text around the real output (`{"output": …, "metadata":
 * {"exit_code": …}}` or `{"returncode": …, "output": …}`): then the output inside it is the result.
 */
function readShellResult(
  builder: StepBuilder,
  text: string,
  path: string,
  fields: { readonly callId?: string | null; readonly name?: string | null } = {},
): void {
  if (text.charCodeAt(0) === 123 && text.slice(0, 400).includes('"') && text.trimEnd().endsWith('}')) {
    const value = parseObject(text);
    const output = stringField(value, 'output');
    const code =
      numberField(value?.['metadata'], 'exit_code') ??
      numberField(value, 'returncode') ??
      numberField(value, 'exit_code');
    if (value && output !== null && code !== null) {
      const error = stringField(value, 'exception_info');
      const inner =
        output === '' && error ? { key: 'exception_info', text: error } : { key: 'output', text: output };
      builder.toolResult(wholeText(inner.text, `${path}/!json/${inner.key}`), {
        ...fields,
        isError: code !== 0,
      });
      return;
    }
  }
  const frame = execFrame.exec(text.slice(0, 600));
  if (frame) {
    const code = /exit(?:ed with)? code:? (-?\d+)/i.exec(frame[0])?.[1] ?? '0';
    const output = textSlice(text, path, frame[0].length, text.length);
    builder.toolResult(output, { ...fields, isError: code !== '0' });
    return;
  }
  builder.toolResult(wholeText(text, path), fields);
}

/** Lines that newer Codex versions put before what a command printed. */
const execFrame =
  /^(?:(?:Chunk ID: [^\n]*|Exit code: -?\d+|Wall time: [^\n]*|Process (?:exited with code -?\d+|running with session ID \d+)|Original token count: \d+|Total output lines: \d+)\n){2,6}Output:\n/;

/** Call and output are one item. */
function readMcpCall(builder: StepBuilder, item: JsonObject, path: string): void {
  const callId = idField(item, 'id');
  readCall(
    builder,
    stringField(item, 'name') ?? 'mcp',
    callId,
    item['arguments'],
    joinPath(path, 'arguments'),
  );
  const failed = item['error'] !== undefined && item['error'] !== null;
  const key = failed ? 'error' : 'output';
  if (item[key] !== undefined && item[key] !== null) {
    readResult(builder, item[key], joinPath(path, key), { callId, isError: failed });
  }
}

function readInterpreterCall(builder: StepBuilder, item: JsonObject, path: string): void {
  const callId = idField(item, 'id');
  const code = textIfGiven(stringField(item, 'code'), joinPath(path, 'code'));
  builder.toolCall(code, {
    name: 'code_interpreter',
    callId,
    arguments: { code: code.text },
  });
  const outputs = item['outputs'];
  if (!Array.isArray(outputs)) return;
  for (const [index, output] of outputs.entries()) {
    const logs = stringField(output, 'logs');
    if (logs !== null) {
      builder.toolResult(wholeText(logs, `${joinPath(joinPath(path, 'outputs'), index)}/logs`), { callId });
    }
  }
}

/** The provider ran the search: its query or address is here, pages only where `results` were asked for. */
function readSearchCall(builder: StepBuilder, item: JsonObject, path: string, type: string): void {
  const callId = idField(item, 'id');
  const key = item['action'] === undefined ? 'queries' : 'action';
  const value = item[key];
  const args: JsonObject | null = isObject(value) ? value : Array.isArray(value) ? { queries: value } : null;
  const text = args === null ? '' : jsonText(args);
  const name = type.slice(0, -'_call'.length);
  builder.toolCall(decodedText(text, joinPath(path, key)), { name, callId, arguments: args });
  const results = item['results'];
  if (!Array.isArray(results)) return;
  for (const [index, result] of results.entries()) {
    const found = stringField(result, 'text');
    if (found !== null) {
      builder.toolResult(wholeText(found, `${joinPath(joinPath(path, 'results'), index)}/text`), { callId });
    }
  }
}
