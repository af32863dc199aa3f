import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { objectField, stringField } from './fields.ts';
import { enterJson, type Placed } from './looseMessages.ts';
import { parseJson } from './stepBuilder.ts';

/** Attributes of a span by name, each with the pointer to its value. */
export type Attributes = ReadonlyMap<string, Placed>;

const valueKeys = ['stringValue', 'intValue', 'doubleValue', 'boolValue'] as const;

/** Attributes as OTLP lists them (`{key, value}`), or as an object, flat or nested. */
export function attributesOf(value: JsonValue | undefined, path: string): Attributes {
  const found = new Map<string, Placed>();
  if (isObject(value)) flatten(found, value, path, '', 0);
  if (!Array.isArray(value)) return found;
  for (const [index, attribute] of value.entries()) {
    const key = stringField(attribute, 'key');
    const holder = objectField(attribute, 'value');
    if (key === null || !holder) continue;
    const kind = valueKeys.find((name) => holder[name] !== undefined);
    if (kind !== undefined) keep(found, key, holder[kind] ?? null, `${path}/${index}/value/${kind}`);
  }
  return found;
}

const columnPrefix = 'attributes.';

/** True for a row of a data frame, which has a column for each attribute. */
export function hasAttributeColumns(value: JsonObject): boolean {
  return Object.keys(value).some((key) => key.startsWith(columnPrefix));
}

/** Attributes that stand in columns of their own: `attributes.llm.model_name`. */
export function columnAttributes(value: JsonObject, path: string): Attributes {
  const found = new Map<string, Placed>();
  for (const [key, inner] of Object.entries(value)) {
    if (key.startsWith(columnPrefix))
      enter(found, key.slice(columnPrefix.length), inner, joinPath(path, key), 0);
  }
  return found;
}

const maxAttributeDepth = 8;

function flatten(
  found: Map<string, Placed>,
  value: JsonObject | readonly JsonValue[],
  path: string,
  prefix: string,
  depth: number,
): void {
  for (const [key, inner] of Object.entries(value)) {
    enter(found, prefix === '' ? key : `${prefix}.${key}`, inner, joinPath(path, key), depth);
  }
}

function enter(
  found: Map<string, Placed>,
  name: string,
  value: JsonValue,
  path: string,
  depth: number,
): void {
  keep(found, name, value, path);
  const isNested = isObject(value) || Array.isArray(value);
  if (isNested && depth < maxAttributeDepth) flatten(found, value, path, name, depth + 1);
}

/** MLflow writes all its values as JSON text, texts too. */
function keep(found: Map<string, Placed>, name: string, value: JsonValue, path: string): void {
  if (name.startsWith('mlflow.') && typeof value === 'string' && value.startsWith('"')) {
    const text = parseJson(value);
    if (typeof text === 'string') {
      found.set(name, { value: text, path: `${path}/!json` });
      return;
    }
  }
  found.set(name, { value, path });
}

/** The first of these attributes that is a text and not empty. */
export function textOf(attributes: Attributes, ...names: string[]): string | null {
  for (const name of names) {
    const value = attributes.get(name)?.value;
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

/** The first of these attributes that says something, entered where it is JSON text. */
export function placed(attributes: Attributes, ...names: string[]): Placed | null {
  for (const name of names) {
    const found = attributes.get(name);
    if (found && found.value !== null && found.value !== '') return enterJson(found);
  }
  return null;
}
