import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { readCall, readResult } from './contentParts.ts';
import { idField, objectField, stringField } from './fields.ts';
import { isInjectedText } from './injected.ts';
import { decodedText, textIfGiven, wholeText, type StepBuilder } from './stepBuilder.ts';

/** Adds one content object of the Gemini API: `role` (user, model, function), `parts[]`. */
export function readGeminiContent(builder: StepBuilder, content: JsonValue, path: string): void {
  if (!isObject(content)) return;
  const role = stringField(content, 'role') === 'model' ? 'assistant' : 'user';
  if (role === 'assistant') builder.beginTurn();
  readGeminiParts(builder, role, content['parts'], joinPath(path, 'parts'));
}

/** Adds the parts of a Gemini content; `parts` may also be one part or a string. */
export function readGeminiParts(
  builder: StepBuilder,
  role: 'system' | 'user' | 'assistant',
  parts: JsonValue | undefined,
  path: string,
): void {
  if (Array.isArray(parts)) {
    for (const [index, part] of parts.entries()) readPart(builder, role, part, joinPath(path, index));
  } else if (parts !== undefined) {
    readPart(builder, role, parts, path);
  }
}

function readPart(
  builder: StepBuilder,
  role: 'system' | 'user' | 'assistant',
  part: JsonValue,
  path: string,
): void {
  const text = typeof part === 'string' ? part : stringField(part, 'text');
  const textPath = typeof part === 'string' ? path : joinPath(path, 'text');
  if (text !== null) {
    if (text.trim() === '') return;
    if (isObject(part) && part['thought'] === true) builder.reasoning(wholeText(text, textPath));
    else builder.message(role, wholeText(text, textPath), role === 'user' && isInjectedText(text));
    return;
  }
  if (!isObject(part)) return;
  for (const key of ['functionCall', 'function_call']) {
    const call = objectField(part, key);
    if (!call) continue;
    const at = joinPath(joinPath(path, key), 'args');
    readCall(builder, stringField(call, 'name') ?? 'unknown', idField(call, 'id'), call['args'], at);
    return;
  }
  for (const key of ['functionResponse', 'function_response']) {
    const response = objectField(part, key);
    if (!response) continue;
    readFunctionResponse(builder, response, joinPath(path, key));
    return;
  }
  readCodeParts(builder, part, path);
}

/** Adds the result inside a `functionResponse`: the text under `output`, `error`, `result` or `content`. */
export function readFunctionResponse(
  builder: StepBuilder,
  response: JsonObject,
  path: string,
  callId: string | null = null,
): void {
  const value = response['response'];
  const at = joinPath(path, 'response');
  const fields = { callId: callId ?? idField(response, 'id'), name: stringField(response, 'name') };
  for (const key of ['output', 'error', 'result', 'content']) {
    const text = stringField(value, key);
    if (text === null) continue;
    builder.toolResult(wholeText(text, joinPath(at, key)), { ...fields, isError: key === 'error' });
    return;
  }
  readResult(builder, value, at, fields);
}

/** Code that the provider ran itself, and its output. */
function readCodeParts(builder: StepBuilder, part: JsonObject, path: string): void {
  const code = objectField(part, 'executableCode');
  const result = objectField(part, 'codeExecutionResult');
  if (code) {
    const text = textIfGiven(stringField(code, 'code'), `${path}/executableCode/code`);
    builder.toolCall(text, {
      name: 'code_execution',
      arguments: { code: text.text },
    });
  } else if (result) {
    builder.toolResult(textIfGiven(stringField(result, 'output'), `${path}/codeExecutionResult/output`), {
      name: 'code_execution',
      isError: result['outcome'] !== 'OUTCOME_OK' && result['outcome'] !== undefined,
    });
  } else if (part['inlineData'] !== undefined || part['fileData'] !== undefined) {
    builder.other(decodedText('[file]', path), 'file');
  }
}
