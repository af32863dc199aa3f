import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';

/** The string under a key, null for anything else. */
export function stringField(value: JsonValue | undefined, key: string): string | null {
  const field = isObject(value) ? value[key] : undefined;
  return typeof field === 'string' ? field : null;
}

/** The string under a key when it is not blank. */
export function filledField(value: JsonValue | undefined, key: string): string | null {
  const field = stringField(value, key);
  return field !== null && field.trim() !== '' ? field : null;
}

/** The finite number under a key; booleans count as 0 and 1, numeric text as its number. */
export function numberField(value: JsonValue | undefined, key: string): number | null {
  const field = isObject(value) ? value[key] : undefined;
  if (typeof field === 'number') return Number.isFinite(field) ? field : null;
  if (typeof field === 'boolean') return field ? 1 : 0;
  if (typeof field === 'string' && field.trim() !== '' && Number.isFinite(Number(field)))
    return Number(field);
  return null;
}

/** The boolean under a key; 0/1 and "true"/"false" count too. */
export function booleanField(value: JsonValue | undefined, key: string): boolean | null {
  const field = isObject(value) ? value[key] : undefined;
  if (typeof field === 'boolean') return field;
  if (field === 0 || field === 'false' || field === 'False') return false;
  if (field === 1 || field === 'true' || field === 'True') return true;
  return null;
}

/** The object under a key, null for anything else. */
export function objectField(value: JsonValue | undefined, key: string): JsonObject | null {
  const field = isObject(value) ? value[key] : undefined;
  return isObject(field) ? field : null;
}

/** The array under a key, null for anything else. */
export function listField(value: JsonValue | undefined, key: string): JsonValue[] | null {
  const field = isObject(value) ? value[key] : undefined;
  return Array.isArray(field) ? field : null;
}

/** Name or id written as text or number. */
export function idField(value: JsonValue | undefined, key: string): string | null {
  const field = isObject(value) ? value[key] : undefined;
  if (typeof field === 'string') return field === '' ? null : field;
  return typeof field === 'number' && Number.isFinite(field) ? String(field) : null;
}

const maxStringLength = 400;
const maxEntries = 24;

/** A small copy of a value for metadata: short strings, few entries, shallow; undefined when it is too big. */
function smallValue(value: JsonValue | undefined, depth = 2): JsonValue | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return value.length <= maxStringLength ? value : undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return undefined;
  if (Array.isArray(value)) {
    if (value.length > maxEntries) return undefined;
    const items = value.map((item) => smallValue(item, depth - 1));
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  return smallFields(value, Object.keys(value), depth - 1);
}

/** The small values among the named fields of an object; nulls and `__proto__` are left out. */
export function smallFields(
  value: JsonValue | undefined,
  keys: readonly string[],
  depth = 2,
): Record<string, JsonValue> {
  const fields: Record<string, JsonValue> = {};
  if (!isObject(value)) return fields;
  let count = 0;
  for (const key of keys) {
    if (key === '__proto__' || !Object.hasOwn(value, key)) continue;
    const small = smallValue(value[key], depth);
    if (small === undefined || small === null) continue;
    if (++count > maxEntries * 2) break;
    fields[key] = small;
  }
  return fields;
}

/** The small fields of an object except the named ones. */
export function smallFieldsExcept(
  value: JsonValue | undefined,
  except: readonly string[],
): Record<string, JsonValue> {
  if (!isObject(value)) return {};
  return smallFields(
    value,
    Object.keys(value).filter((key) => !except.includes(key)),
  );
}
