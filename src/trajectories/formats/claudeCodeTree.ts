import { isObject, type JsonObject } from '../../core/json.ts';
import { listField, objectField, stringField } from '../blocks/fields.ts';
import type { RawRecord } from '../format.ts';

/** One line of a session, with what links it to others. */
export interface SessionLine {
  readonly value: JsonObject;
  readonly record: number;
  readonly type: string;
  readonly uuid: string | null;
  /** The line before it in the conversation; across a compaction its logical parent. */
  readonly parent: string | null;
  readonly isSidechain: boolean;
}

/** True for lines that carry a message. */
export function isTalk(line: SessionLine): boolean {
  return (line.type === 'user' || line.type === 'assistant') && objectField(line.value, 'message') !== null;
}

/** The lines of a file in order, each uuid once (a resumed session repeats earlier lines). */
export function toLines(records: readonly RawRecord[]): SessionLine[] {
  const seen = new Set<string>();
  const lines: SessionLine[] = [];
  for (const { value, record } of records) {
    if (!isObject(value)) continue;
    const uuid = stringField(value, 'uuid');
    if (uuid !== null && seen.has(uuid)) continue;
    if (uuid !== null) seen.add(uuid);
    lines.push({
      value,
      record,
      type: stringField(value, 'type') ?? 'line',
      uuid,
      parent: stringField(value, 'parentUuid') ?? stringField(value, 'logicalParentUuid'),
      isSidechain: value['isSidechain'] === true,
    });
  }
  return lines;
}

/**
 * The conversation that ends in the last message: its ancestors by `parentUuid`, with the other blocks of
 * their messages and the results of their calls (parallel calls hang beside the line of ancestors). Where a
 * parent is missing, the message before it in the file is taken for the parent.
 */
export function mainChain(lines: readonly SessionLine[]): SessionLine[] {
  const byUuid = new Map<string, number>();
  for (const [index, line] of lines.entries()) if (line.uuid !== null) byUuid.set(line.uuid, index);
  const inChain = new Uint8Array(lines.length);
  let index = lines.findLastIndex(isTalk);
  while (index >= 0 && !inChain[index]) {
    inChain[index] = 1;
    const parent = lines[index]!.parent;
    const known = parent === null ? undefined : byUuid.get(parent);
    index = known ?? previousTalk(lines, index);
  }
  const messages = new Set<string>();
  const calls = new Set<string>();
  for (const [at, line] of lines.entries()) if (inChain[at]) noteMessage(line, messages, calls);
  for (const [at, line] of lines.entries()) {
    if (inChain[at] || line.type !== 'assistant') continue;
    const id = stringField(objectField(line.value, 'message'), 'id');
    if (id === null || !messages.has(id)) continue;
    inChain[at] = 1;
    noteMessage(line, messages, calls);
  }
  for (const [at, line] of lines.entries()) {
    if (!inChain[at] && line.type === 'user' && answersOne(line, calls)) inChain[at] = 1;
    else if (!inChain[at] && line.uuid === null && !isTalk(line)) inChain[at] = 1;
  }
  return lines.filter((_, at) => inChain[at] === 1);
}

function previousTalk(lines: readonly SessionLine[], from: number): number {
  for (let i = from - 1; i >= 0; i--) if (isTalk(lines[i]!)) return i;
  return -1;
}

function noteMessage(line: SessionLine, messages: Set<string>, calls: Set<string>): void {
  const message = objectField(line.value, 'message');
  if (line.type !== 'assistant' || !message) return;
  const id = stringField(message, 'id');
  if (id !== null) messages.add(id);
  for (const block of listField(message, 'content') ?? []) {
    const call = stringField(block, 'type') === 'tool_use' ? stringField(block, 'id') : null;
    if (call !== null) calls.add(call);
  }
}

function answersOne(line: SessionLine, calls: ReadonlySet<string>): boolean {
  const content = listField(objectField(line.value, 'message'), 'content');
  return content?.some((block) => calls.has(stringField(block, 'tool_use_id') ?? '')) ?? false;
}

/** The inline runs of sub-agents: sidechain lines grouped by the line they descend from, in file order. */
export function sidechains(lines: readonly SessionLine[]): SessionLine[][] {
  const groups = new Map<string, SessionLine[]>();
  const rootOf = new Map<string, string>();
  let last = '';
  for (const line of lines) {
    if (!line.isSidechain) continue;
    const inherited = line.parent === null ? undefined : rootOf.get(line.parent);
    const agent = stringField(line.value, 'agentId');
    const root = inherited ?? (agent === null ? (line.uuid ?? last) : `agent ${agent}`);
    if (line.uuid !== null) rootOf.set(line.uuid, root);
    last = root;
    const group = groups.get(root);
    if (group) group.push(line);
    else groups.set(root, [line]);
  }
  return [...groups.values()].filter((group) =>
    group.some((line) => line.type === 'assistant' && isTalk(line)),
  );
}
