import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { idField, listField, objectField, smallFields, stringField } from '../blocks/fields.ts';
import { readGeminiContent } from '../blocks/gemini.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';

/** Sessions of Google's Agent Development Kit: `events[]`, each with an author and a content of the Gemini API. */
export const adkSession: FormatAdapter = {
  id: 'adk-session',
  label: 'ADK session',
  unit: 'record',
  detect: (sample) => {
    const events = listField(sample.records[0]?.value, 'events');
    const found = events?.some((event) => stringField(event, 'author') !== null && contentOf(event) !== null);
    return found ? { certainty: 0.93, evidence: 'events with author and content.parts' } : null;
  },
  read: (records) => records.map(readSession),
};

function contentOf(event: JsonValue): JsonObject | null {
  const content = objectField(event, 'content');
  return content && Array.isArray(content['parts']) ? content : null;
}

function readSession(record: RawRecord): DraftTrajectory {
  const builder = new StepBuilder(record.file, record.record);
  const agents = new Set<string>();
  for (const [index, event] of (listField(record.value, 'events') ?? []).entries()) {
    const content = contentOf(event);
    // Streamed texts come again, whole, in an event of their own.
    if (!content || !isObject(event) || event['partial'] === true) continue;
    const author = stringField(event, 'author') ?? 'user';
    if (author !== 'user') agents.add(author);
    builder.speaker = agents.size > 1 && author !== 'user' ? author : undefined;
    const role = stringField(content, 'role') ?? (author === 'user' ? 'user' : 'model');
    readGeminiContent(builder, { ...content, role }, `/events/${index}/content`);
  }
  builder.speaker = undefined;
  return draftOf(record, adkSession.id, builder, {
    id: idField(record.value, 'id') ?? `${record.file}#${record.record}`,
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    outcome: { ...noOutcome, reason: 'sessions record neither success nor reward' },
    metadata: smallFields(record.value, ['appName', 'app_name', 'userId', 'user_id']),
  });
}
