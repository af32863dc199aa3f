import { isObject, type JsonObject } from '../../core/json.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, numberField, objectField, stringField } from '../blocks/fields.ts';
import { isListedMessage, readMessageList } from '../blocks/messageList.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, FormatContext, RawRecord } from '../format.ts';

/**
 * Session of the pi coding agent: a `session` line, then entries that name the one before them; the branch that
 * ends in the last message is the conversation.
 */
export const piSession: FormatAdapter = {
  id: 'pi-session',
  label: 'pi coding agent session',
  unit: 'file',
  detect: (sample) => {
    const values = sample.records.map(({ value }) => value);
    const isSession = values.some(
      (value) => stringField(value, 'type') === 'session' && 'version' in fieldsOf(value),
    );
    const talks = values.some((value) => 'parentId' in fieldsOf(value) && messageOf(value) !== null);
    return isSession && talks
      ? { certainty: 0.96, evidence: 'a session line, then entries with parentId' }
      : null;
  },
  read: (records, context) => [readSession(records, context)],
};

function fieldsOf(value: RawRecord['value']): JsonObject {
  return isObject(value) ? value : {};
}

function messageOf(value: RawRecord['value']): JsonObject | null {
  const message = stringField(value, 'type') === 'message' ? objectField(value, 'message') : null;
  return message && isListedMessage(message) ? message : null;
}

/** The entries from the first to the last message, without those of branches that were left. */
function branchOf(records: readonly RawRecord[]): RawRecord[] {
  const byId = new Map<string, RawRecord>();
  for (const record of records) {
    const id = idField(record.value, 'id');
    if (id !== null) byId.set(id, record);
  }
  const inBranch = new Set<RawRecord>();
  let at = records.findLast(({ value }) => messageOf(value) !== null);
  while (at && !inBranch.has(at)) {
    inBranch.add(at);
    const parent = idField(at.value, 'parentId');
    at = parent === null ? undefined : byId.get(parent);
  }
  return records.filter((record) => inBranch.has(record));
}

function readSession(records: readonly RawRecord[], context: FormatContext): DraftTrajectory {
  const first = records[0]!;
  const builder = new StepBuilder(first.file, first.record);
  const listed = branchOf(records).flatMap(({ value, record }) => {
    const message = messageOf(value);
    return message ? [{ value: message, path: '/message', record }] : [];
  });
  for (const issue of readMessageList(builder, listed)) context.report(issue);
  const session = records.find(({ value }) => stringField(value, 'type') === 'session')?.value;
  const models = listed.map(({ value }) => stringField(value, 'model'));
  const sum = (key: string): number | null => {
    const counts = listed.map(({ value }) => numberField(objectField(value, 'usage'), key));
    return counts.some((count) => count !== null)
      ? counts.reduce<number>((all, one) => all + (one ?? 0), 0)
      : null;
  };
  const cwd = filledField(session, 'cwd');
  return draftOf({ ...first, record: 0 }, piSession.id, builder, {
    id: idField(session, 'id') ?? fileStem(first.file),
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    outcome: { ...noOutcome, reason: 'sessions record neither success nor reward' },
    model: models.find((model) => model !== null) ?? null,
    usage: { inputTokens: sum('input'), outputTokens: sum('output'), costUsd: null },
    metadata: cwd === null ? {} : { cwd },
  });
}
