import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { listField, objectField, stringField } from './fields.ts';
import { chatRole, readChatMessage } from './openaiChat.ts';
import { parseJson, type StepBuilder } from './stepBuilder.ts';

/** A value inside a record, with the pointer to it. */
export interface Placed {
  readonly value: JsonValue;
  readonly path: string;
}

/** Enters JSON text: traces keep inputs and outputs now as values, now as text. */
export function enterJson(placed: Placed): Placed {
  if (typeof placed.value !== 'string') return placed;
  const first = placed.value.trimStart().charCodeAt(0);
  if (first !== 123 && first !== 91) return placed;
  const value = parseJson(placed.value);
  return value === undefined ? placed : { value, path: `${placed.path}/!json` };
}

/** The value under a key, entered when it is JSON text; null when it is absent or null. */
export function placedField(placed: Placed, key: string): Placed | null {
  const value = isObject(placed.value) ? placed.value[key] : undefined;
  if (value === undefined || value === null) return null;
  return enterJson({ value, path: joinPath(placed.path, key) });
}

const classRoles: readonly (readonly [string, string])[] = [
  ['AIMessage', 'assistant'],
  ['HumanMessage', 'user'],
  ['SystemMessage', 'system'],
  ['ToolMessage', 'tool'],
  ['FunctionMessage', 'tool'],
  ['ChatMessage', 'user'],
];

function classRole(name: string | null): string | null {
  return classRoles.find(([prefix]) => name?.startsWith(prefix))?.[1] ?? null;
}

/** Role of a message that LangChain serialised as `{lc, id: […, class], kwargs}`; null for other values. */
function constructorRole(value: JsonObject): string | null {
  const name = listField(value, 'id')?.at(-1);
  return typeof name === 'string' && isObject(value['kwargs']) ? classRole(name) : null;
}

/** The role that a message names, or LangChain's type of it; chunks are named by their class. */
function roleName(value: JsonObject): string | null {
  const role = stringField(value, 'role');
  const type = stringField(value, 'type');
  return role ?? (chatRole(type) === null ? classRole(type) : type);
}

/** Whether a value is a message in one of the forms below. */
export function isLooseMessage(value: JsonValue | undefined): boolean {
  if (!isObject(value)) return false;
  if (constructorRole(value) !== null) return true;
  return (
    chatRole(roleName(value)) !== null &&
    ('content' in value || 'parts' in value || 'data' in value || 'tool_calls' in value)
  );
}

/** Adds a message in chat form, as LangChain writes it, or with OpenTelemetry's `parts`. */
export function readLooseMessage(builder: StepBuilder, { value, path }: Placed): void {
  if (!isObject(value)) return;
  const role = constructorRole(value);
  if (role !== null) {
    readChatMessage(builder, { ...objectField(value, 'kwargs'), role }, `${path}/kwargs`);
    return;
  }
  const data = objectField(value, 'data');
  if (data && stringField(value, 'role') === null) {
    readChatMessage(builder, { ...data, role: roleName(value) ?? 'user' }, `${path}/data`);
    return;
  }
  readChatMessage(builder, { ...value, role: roleName(value) }, path);
}

/** All messages of a value: a message, a list (also nested one deep), or an object that holds such a list. */
export function looseMessages(placed: Placed, depth = 6): Placed[] {
  const { value, path } = enterJson(placed);
  if (isLooseMessage(value)) return [{ value, path }];
  if (depth === 0) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) =>
      looseMessages({ value: item, path: joinPath(path, index) }, depth - 1),
    );
  }
  if (!isObject(value)) return [];
  for (const key of ['messages', 'choices', 'message', 'generations', 'output', 'input', 'prompt']) {
    const inner = value[key];
    if (inner === undefined || inner === null || typeof inner === 'string') continue;
    const found = looseMessages({ value: inner, path: joinPath(path, key) }, depth - 1);
    if (found.length > 0) return found;
  }
  return [];
}
