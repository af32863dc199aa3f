import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { readCall, readContent, readResult, readReturned } from './contentParts.ts';
import { filledField, idField, listField, stringField } from './fields.ts';
import { isInjectedText } from './injected.ts';
import { decodedText, wholeText, type StepBuilder } from './stepBuilder.ts';

/** Whether a value is a message of Pydantic AI: a `request` or `response` with parts. */
export function isPydanticMessage(value: JsonValue): value is JsonObject {
  const parts = listField(value, 'parts');
  return (
    /^(?:request|response)$/.test(stringField(value, 'kind') ?? '') &&
    (parts?.every((part) => stringField(part, 'part_kind') !== null) ?? false)
  );
}

/** Adds one message of Pydantic AI. */
export function readPydanticMessage(builder: StepBuilder, message: JsonObject, path: string): void {
  // Each request repeats the instructions.
  const instructions = builder.steps.length === 0 ? filledField(message, 'instructions') : null;
  if (instructions !== null)
    builder.message('system', wholeText(instructions, joinPath(path, 'instructions')));
  if (stringField(message, 'kind') === 'response') builder.beginTurn();
  for (const [index, part] of (listField(message, 'parts') ?? []).entries()) {
    if (isObject(part)) readPart(builder, part, `${path}/parts/${index}`);
  }
}

function readPart(builder: StepBuilder, part: JsonObject, path: string): void {
  const kind = stringField(part, 'part_kind') ?? 'part';
  const content = part['content'];
  const at = joinPath(path, 'content');
  const name = stringField(part, 'tool_name');
  const callId = idField(part, 'tool_call_id');
  if (kind.endsWith('tool-call')) {
    readCall(builder, name ?? 'unknown', callId, part['args'], joinPath(path, 'args'));
  } else if (kind.endsWith('tool-return')) readReturned(builder, content, at, { callId, name });
  else if (kind === 'retry-prompt' && name !== null) {
    readResult(builder, content, at, { callId, name, isError: true });
  } else if (kind === 'thinking') {
    const thought = filledField(part, 'content');
    if (thought !== null) builder.reasoning(wholeText(thought, at));
  } else if (kind === 'system-prompt') readContent(builder, 'system', content, at);
  else if (kind === 'text') readContent(builder, 'assistant', content, at);
  else if (kind === 'user-prompt' || kind === 'retry-prompt') {
    readContent(builder, 'user', content, at, (text) => {
      builder.message('user', text, kind === 'retry-prompt' || isInjectedText(text.text));
    });
  } else builder.other(decodedText(`[${kind}]`, path), kind);
}
