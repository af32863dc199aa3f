import { InputError, messageOf } from '../core/errors.ts';
import { isObject, type JsonObject } from '../core/json.ts';
import {
  definitions,
  defaultSinkTokens,
  defaultThresholds,
  type StatisticDefinition,
} from './definitions.ts';
import {
  attentionStatistics,
  isRequiredStatistic,
  mechanismFormat,
  mechanismVersion,
  tokenRoles,
  type AttentionRow,
  type AttentionStatistic,
  type MechanismDocument,
  type MechanismItem,
  type MechanismModel,
  type MechanismPiece,
  type MechanismSubject,
  type PositionalDensity,
  type RouterSummary,
  type RoutingRow,
  type RoutingShare,
} from './document.ts';

/** Largest text that is read: a document of a 30B model over 200 items takes about 100 MB. */
export const maxDocumentCharacters = 512 * 2 ** 20;

/**
 * A mechanism document from untrusted JSON, whole or not at all: an `InputError` says which field is wrong, what was
 * expected and what was found. Unknown fields are left out; fields that other programs may omit come as null or empty.
 */
export function parseMechanismDocument(text: string, fileName: string): MechanismDocument {
  if (text.length > maxDocumentCharacters) {
    throw new InputError('mechanism-too-large', 'The mechanism document is too large to open', {
      where: fileName,
      expected: `at most ${maxDocumentCharacters} characters`,
      actual: String(text.length),
      advice: 'write fewer items, or leave out perItem, evidenceMass and density',
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError('mechanism-json', 'The mechanism document is no JSON', {
      where: fileName,
      actual: messageOf(error),
      advice: 'the file may be cut off: write or copy it again',
    });
  }
  return readMechanismDocument(value, fileName);
}

/** `parseMechanismDocument` of a value already parsed. */
export function readMechanismDocument(value: unknown, fileName: string): MechanismDocument {
  const read = new Reader(fileName);
  const root = read.object(value, '');
  if (root['format'] !== mechanismFormat) {
    read.fail('format', `"${mechanismFormat}"`, root['format'], 'choose a file that acc mechanism wrote');
  }
  if (root['version'] !== mechanismVersion) {
    read.fail('version', String(mechanismVersion), root['version'], 'the file is of another version');
  }
  const queries = read.oneOf(root['queries'], 'queries', ['answer', 'all'] as const);
  const model = readModel(read, root['model']);
  const settings = isObject(root['settings']) ? root['settings'] : {};
  const thresholds =
    settings['thresholds'] === undefined
      ? defaultThresholds
      : read.numbers(settings['thresholds'], 'settings.thresholds');
  const items = read
    .array(root['items'], 'items')
    .map((item, index) => readItem(read, item, `items[${index}]`));
  const context: Context = { model, items, thresholds };
  const subjects = read
    .array(root['subjects'], 'subjects')
    .map((subject, index) => readSubject(read, subject, `subjects[${index}]`, context));
  if (subjects.length === 0) read.fail('subjects', 'at least one subject', 'none');
  return {
    format: mechanismFormat,
    version: mechanismVersion,
    definitions: readDefinitions(root['definitions']),
    queries,
    settings: {
      sinkTokens:
        settings['sinkTokens'] === undefined
          ? defaultSinkTokens
          : read.count(settings['sinkTokens'], 'settings.sinkTokens'),
      thresholds,
    },
    model,
    items,
    subjects,
    run: isObject(root['run']) ? root['run'] : {},
  };
}

interface Context {
  readonly model: MechanismModel;
  readonly items: readonly MechanismItem[];
  readonly thresholds: readonly number[];
}

const maxLayers = 1024;
const maxHeads = 1024;
const maxExperts = 4096;

/** Checked access to untrusted values; the path of a field is its name in error messages. */
class Reader {
  constructor(private readonly fileName: string) {}

  fail(path: string, expected: string, actual: unknown, advice?: string): never {
    throw new InputError('mechanism-document', 'The mechanism document cannot be used', {
      where: path ? `${path} of ${this.fileName}` : this.fileName,
      expected,
      actual: shown(actual),
      ...(advice ? { advice } : {}),
    });
  }

  object(value: unknown, path: string): JsonObject {
    return isObject(value) ? value : this.fail(path, 'an object', value);
  }

  array(value: unknown, path: string): readonly unknown[] {
    return Array.isArray(value) ? value : this.fail(path, 'an array', value);
  }

  string(value: unknown, path: string): string {
    return typeof value === 'string' ? value : this.fail(path, 'a string', value);
  }

  number(value: unknown, path: string): number {
    return typeof value === 'number' && Number.isFinite(value) ? value : this.fail(path, 'a number', value);
  }

  /** A number, or null where it is null or absent. */
  maybe(value: unknown, path: string): number | null {
    return value === null || value === undefined ? null : this.number(value, path);
  }

  count(value: unknown, path: string, most = Number.MAX_SAFE_INTEGER): number {
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
    if (fits) return value;
    const upTo = most < Number.MAX_SAFE_INTEGER ? ` up to ${most}` : '';
    return this.fail(path, `a whole number${upTo}`, value);
  }

  oneOf<T extends string>(value: unknown, path: string, names: readonly T[]): T {
    const found = names.find((name) => name === value);
    return found ?? this.fail(path, names.map((name) => `"${name}"`).join(' or '), value);
  }

  numbers(value: unknown, path: string, length?: number): number[] {
    return this.list(value, path, length).map((entry, index) => this.number(entry, `${path}[${index}]`));
  }

  maybeNumbers(value: unknown, path: string, length: number): (number | null)[] {
    return this.list(value, path, length).map((entry, index) => this.maybe(entry, `${path}[${index}]`));
  }

  /** By threshold, then by item. */
  perThreshold(value: unknown, path: string, thresholds: number, items: number): (number | null)[][] {
    return this.list(value, path, thresholds).map((entry, index) =>
      this.maybeNumbers(entry, `${path}[${index}]`, items),
    );
  }

  private list(value: unknown, path: string, length?: number): readonly unknown[] {
    const list = this.array(value, path);
    if (length !== undefined && list.length !== length) {
      this.fail(path, `${length} entries`, `${list.length} entries`);
    }
    return list;
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? typeof value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Formulas of the file; ours where it brings none. */
function readDefinitions(value: unknown): Record<string, StatisticDefinition> {
  const out: Record<string, StatisticDefinition> = { ...definitions };
  if (!isObject(value)) return out;
  for (const [name, entry] of Object.entries(value)) {
    if (!isObject(entry)) continue;
    const { formula, unit, source } = entry;
    if (typeof formula === 'string' && typeof unit === 'string' && typeof source === 'string') {
      out[name] = { formula, unit, source };
    }
  }
  return out;
}

function readModel(read: Reader, value: unknown): MechanismModel {
  const model = read.object(value, 'model');
  const experts = model['experts'] ?? null;
  const perToken = model['expertsPerToken'] ?? null;
  const layers = read.count(model['layers'], 'model.layers', maxLayers);
  const heads = read.count(model['heads'], 'model.heads', maxHeads);
  if (layers === 0 || heads === 0) read.fail('model', 'at least one layer and head', `${layers}, ${heads}`);
  return {
    name: read.string(model['name'], 'model.name'),
    layers,
    heads,
    kvHeads: model['kvHeads'] === undefined ? heads : read.count(model['kvHeads'], 'model.kvHeads', maxHeads),
    experts: experts === null ? null : read.count(experts, 'model.experts', maxExperts),
    expertsPerToken: perToken === null ? null : read.count(perToken, 'model.expertsPerToken', maxExperts),
  };
}

/** A range [start, end) within `limit` tokens. */
function readRange(
  read: Reader,
  start: unknown,
  end: unknown,
  path: string,
  limit: number,
): [number, number] {
  const from = read.count(start, `${path}.start`, limit);
  const to = read.count(end, `${path}.end`, limit);
  return to >= from ? [from, to] : read.fail(path, 'start ≤ end', `${from} … ${to}`);
}

function readItem(read: Reader, value: unknown, path: string): MechanismItem {
  const item = read.object(value, path);
  const tokens = read.count(item['tokens'], `${path}.tokens`);
  const queryTokens = read.count(item['queryTokens'], `${path}.queryTokens`, tokens);
  const evidence = read.array(item['evidence'] ?? [], `${path}.evidence`).map((entry, index) => {
    const at = `${path}.evidence[${index}]`;
    const piece = read.object(entry, at);
    const [start, end] = readRange(read, piece['start'], piece['end'], at, tokens);
    const result: MechanismPiece = {
      id: read.string(piece['id'], `${at}.id`),
      role: read.oneOf(piece['role'], `${at}.role`, ['gold', 'distractor'] as const),
      start,
      end,
    };
    return typeof piece['title'] === 'string' ? { ...result, title: piece['title'] } : result;
  });
  const roles = read.array(item['roles'] ?? [], `${path}.roles`).map((entry, index) => {
    const at = `${path}.roles[${index}]`;
    const [start, end, role] = read.array(entry, at);
    return [...readRange(read, start, end, at, tokens), read.oneOf(role, `${at}[2]`, tokenRoles)] as const;
  });
  return {
    id: read.string(item['id'], `${path}.id`),
    hash: read.string(item['hash'], `${path}.hash`),
    kind: read.string(item['kind'], `${path}.kind`),
    tokens,
    queryTokens,
    evidence,
    roles,
    goldTokenShare: read.maybe(item['goldTokenShare'], `${path}.goldTokenShare`),
    goldContextShare: read.maybe(item['goldContextShare'], `${path}.goldContextShare`),
    ...(item['copySteps'] === undefined
      ? {}
      : { copySteps: read.count(item['copySteps'], `${path}.copySteps`, tokens) }),
  };
}

function readSubject(read: Reader, value: unknown, path: string, context: Context): MechanismSubject {
  const subject = read.object(value, path);
  const { model, items } = context;
  const attention = read
    .array(subject['attention'], `${path}.attention`)
    .map((row, index) => readAttentionRow(read, row, `${path}.attention[${index}]`, context));
  const routing = read
    .array(subject['routing'] ?? [], `${path}.routing`)
    .map((row, index) => readRoutingRow(read, row, `${path}.routing[${index}]`, context));
  checkUnique(read, attention, ({ layer, head }) => `layer ${layer}, head ${head}`, `${path}.attention`);
  checkUnique(read, routing, ({ layer, expert }) => `layer ${layer}, expert ${expert}`, `${path}.routing`);
  const routerSummary = read
    .array(subject['routerSummary'] ?? [], `${path}.routerSummary`)
    .map((row, index) => readRouterSummary(read, row, `${path}.routerSummary[${index}]`, context));
  const mass = read.array(subject['evidenceMass'] ?? [], `${path}.evidenceMass`);
  if (mass.length !== 0 && mass.length !== items.length) {
    read.fail(`${path}.evidenceMass`, `${items.length} entries, one per item`, `${mass.length} entries`);
  }
  return {
    name: read.string(subject['name'], `${path}.name`),
    kind: read.oneOf(subject['kind'], `${path}.kind`, ['base', 'adapter', 'control'] as const),
    ...(typeof subject['adapterSha256'] === 'string' ? { adapterSha256: subject['adapterSha256'] } : {}),
    ...(subject['step'] === undefined ? {} : { step: read.number(subject['step'], `${path}.step`) }),
    attention,
    routing,
    routerSummary,
    evidenceMass: mass.map((entry, index) =>
      read.numbers(
        entry,
        `${path}.evidenceMass[${index}]`,
        model.layers * model.heads * items[index]!.evidence.length,
      ),
    ),
    density: readDensity(read, subject['density'], `${path}.density`, context),
  };
}

function checkUnique<T>(read: Reader, rows: readonly T[], nameOf: (row: T) => string, path: string): void {
  const seen = new Set<string>();
  for (const row of rows) {
    const name = nameOf(row);
    if (seen.has(name)) read.fail(path, 'one row each', `${name} twice`);
    seen.add(name);
  }
}

function readAttentionRow(
  read: Reader,
  value: unknown,
  path: string,
  { model, items, thresholds }: Context,
): AttentionRow {
  const row = read.object(value, path);
  const perItem: Partial<Record<AttentionStatistic, (number | null)[]>> = {};
  const given = isObject(row['perItem']) ? row['perItem'] : {};
  const values = {} as Record<(typeof attentionStatistics)[number], number | null>;
  for (const name of attentionStatistics) {
    values[name] = isRequiredStatistic(name)
      ? read.number(row[name], `${path}.${name}`)
      : read.maybe(row[name], `${path}.${name}`);
    if (given[name] !== undefined) {
      perItem[name] = read.maybeNumbers(given[name], `${path}.perItem.${name}`, items.length);
    }
  }
  const longRange = read.numbers(row['longRangeMass'] ?? [], `${path}.longRangeMass`);
  if (longRange.length !== 0 && longRange.length !== thresholds.length) {
    read.fail(`${path}.longRangeMass`, `${thresholds.length} entries`, `${longRange.length} entries`);
  }
  const far = given['longRangeMass'];
  return {
    layer: read.count(row['layer'], `${path}.layer`, model.layers - 1),
    head: read.count(row['head'], `${path}.head`, model.heads - 1),
    ...values,
    longRangeMass: longRange,
    distanceHistogram: read.numbers(row['distanceHistogram'] ?? [], `${path}.distanceHistogram`),
    perItem: {
      ...perItem,
      ...(far === undefined
        ? {}
        : {
            longRangeMass: read.perThreshold(
              far,
              `${path}.perItem.longRangeMass`,
              thresholds.length,
              items.length,
            ),
          }),
    },
  };
}

function readShare(read: Reader, value: unknown, path: string): RoutingShare {
  const share = read.object(value, path);
  return {
    frequency: read.maybe(share['frequency'], `${path}.frequency`),
    weight: read.maybe(share['weight'], `${path}.weight`),
  };
}

function readRoutingRow(read: Reader, value: unknown, path: string, { model, items }: Context): RoutingRow {
  const row = read.object(value, path);
  const given = isObject(row['perItem']) ? row['perItem'] : {};
  const perItem: { frequency?: (number | null)[]; weight?: (number | null)[] } = {};
  for (const name of ['frequency', 'weight'] as const) {
    if (given[name] === undefined) continue;
    perItem[name] = read.maybeNumbers(given[name], `${path}.perItem.${name}`, items.length);
  }
  const shares = (name: string): Record<string, RoutingShare> => {
    const group = isObject(row[name]) ? row[name] : {};
    return Object.fromEntries(
      Object.entries(group).map(([key, share]) => [key, readShare(read, share, `${path}.${name}.${key}`)]),
    );
  };
  return {
    layer: read.count(row['layer'], `${path}.layer`, model.layers - 1),
    expert: read.count(row['expert'], `${path}.expert`, Math.max((model.experts ?? 1) - 1, 0)),
    frequency: read.number(row['frequency'], `${path}.frequency`),
    weight: read.number(row['weight'], `${path}.weight`),
    perItem,
    byKind: shares('byKind'),
    byTokenRole: shares('byTokenRole'),
    byEvidenceRole: shares('byEvidenceRole'),
  };
}

function readRouterSummary(read: Reader, value: unknown, path: string, { model }: Context): RouterSummary {
  const row = read.object(value, path);
  const square = (name: string): number[] => {
    const list = row[name] ?? [];
    if (Array.isArray(list) && list.length === 0) return [];
    return read.numbers(list, `${path}.${name}`, (model.experts ?? 0) ** 2);
  };
  return {
    layer: read.count(row['layer'], `${path}.layer`, model.layers - 1),
    gini: read.number(row['gini'], `${path}.gini`),
    maxOverMean: read.number(row['maxOverMean'], `${path}.maxOverMean`),
    effectiveExperts: read.number(row['effectiveExperts'], `${path}.effectiveExperts`),
    routerEntropy: read.maybe(row['routerEntropy'], `${path}.routerEntropy`),
    saturationAgainstBase: read.maybe(row['saturationAgainstBase'], `${path}.saturationAgainstBase`),
    kindDivergence: read.array(row['kindDivergence'] ?? [], `${path}.kindDivergence`).map((entry, index) => {
      const at = `${path}.kindDivergence[${index}]`;
      const pair = read.object(entry, at);
      return {
        a: read.string(pair['a'], `${at}.a`),
        b: read.string(pair['b'], `${at}.b`),
        value: read.number(pair['value'], `${at}.value`),
      };
    }),
    coActivation: square('coActivation'),
    coActivationRankAdjacent: square('coActivationRankAdjacent'),
  };
}

function readDensity(
  read: Reader,
  value: unknown,
  path: string,
  { model, items }: Context,
): PositionalDensity | null {
  if (value === undefined || value === null) return null;
  const density = read.object(value, path);
  const bins = read.count(density['bins'], `${path}.bins`, 65536);
  const perHead = density['perHead'] === true;
  const width = model.layers * (perHead ? model.heads : 1) * bins;
  const list = read.array(density['values'], `${path}.values`);
  if (list.length !== items.length) {
    read.fail(`${path}.values`, `${items.length} entries, one per item`, `${list.length} entries`);
  }
  return {
    bins,
    perHead,
    values: list.map((entry, index) => read.numbers(entry, `${path}.values[${index}]`, width)),
  };
}
