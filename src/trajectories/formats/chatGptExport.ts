import { isObject, type JsonObject } from '../../core/json.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf } from '../blocks/draft.ts';
import { idField, listField, objectField, smallFields, stringField } from '../blocks/fields.ts';
import { chatRole } from '../blocks/openaiChat.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { joinPath } from '../sourcePath.ts';

/** Conversations as ChatGPT exports them: a tree of messages (`mapping`), of which the current branch is read. */
export const chatGptExport: FormatAdapter = {
  id: 'chatgpt-export',
  label: 'ChatGPT export',
  unit: 'record',
  detect: (sample) => {
    const mapping = objectField(sample.records[0]?.value, 'mapping');
    const found = Object.values(mapping ?? {}).some((node) =>
      objectField(objectField(node, 'message'), 'author'),
    );
    return found ? { certainty: 0.96, evidence: 'mapping of nodes with message.author' } : null;
  },
  read: (records) => records.map(readConversation),
};

function readConversation(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const mapping = objectField(value, 'mapping') ?? {};
  const builder = new StepBuilder(record.file, record.record);
  for (const id of branchOf(mapping, idField(value, 'current_node'))) {
    const message = objectField(mapping[id], 'message');
    if (message) readMessage(builder, message, `${joinPath('/mapping', id)}/message`);
  }
  return draftOf(record, chatGptExport.id, builder, {
    id: idField(value, 'conversation_id') ?? idField(value, 'id') ?? `${record.file}#${record.record}`,
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    model: stringField(value, 'default_model_slug'),
    metadata: smallFields(value, ['title', 'create_time']),
  });
}

/** Ids of the nodes from the root to the current one; without a current one, to the last that has no children. */
function branchOf(mapping: JsonObject, current: string | null): string[] {
  const leaves = Object.keys(mapping).filter((id) => !listField(mapping[id], 'children')?.length);
  const branch: string[] = [];
  const seen = new Set<string>();
  let at = current ?? leaves.at(-1) ?? null;
  while (at !== null && Object.hasOwn(mapping, at) && !seen.has(at)) {
    seen.add(at);
    branch.push(at);
    at = idField(mapping[at], 'parent');
  }
  return branch.reverse();
}

function readMessage(builder: StepBuilder, message: JsonObject, path: string): void {
  const content = objectField(message, 'content');
  const author = objectField(message, 'author');
  const role = chatRole(stringField(author, 'role'));
  const recipient = stringField(message, 'recipient') ?? 'all';
  const type = stringField(content, 'content_type') ?? 'text';
  const isHidden = objectField(message, 'metadata')?.['is_visually_hidden_from_conversation'] === true;
  const key = ['parts', 'thoughts'].find((name) => listField(content, name)) ?? 'text';
  const texts = contentTexts(content?.[key], `${path}/content/${key}`).filter(
    ({ text }) => text.trim() !== '',
  );
  for (const text of texts) {
    if (role === 'tool') builder.toolResult(text, { name: stringField(author, 'name') });
    else if (role === 'assistant' && recipient !== 'all') builder.toolCall(text, { name: recipient });
    else if (role === 'assistant' && /^(?:thoughts|reasoning_recap)$/.test(type)) builder.reasoning(text);
    else if (role !== null) builder.message(role, text, role === 'user' && isHidden);
  }
}
