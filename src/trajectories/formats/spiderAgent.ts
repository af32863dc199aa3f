import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { booleanField, filledField, idField, listField, smallFields } from '../blocks/fields.ts';
import { readChatMessages } from '../blocks/openaiChat.ts';
import { StepBuilder, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AnswerText, ToolCallStep } from '../schema.ts';

/** Spider-Agent with tool calling: `conversation` of messages whose calls carry no ids. */
export const spiderAgentTools: FormatAdapter = {
  id: 'spider-agent-tc',
  label: 'Spider-Agent (tool calling)',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (
      !isObject(value) ||
      !listField(value, 'conversation') ||
      !('terminated' in value || 'final_messages' in value)
    )
      return null;
    return { certainty: 0.95, evidence: 'conversation with terminated and final_messages' };
  },
  read: (records) => records.map(readConversation),
};

function readConversation(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  readChatMessages(builder, listField(value, 'conversation') ?? [], '/conversation');
  const user = builder.steps.find((step) => step.type === 'message' && step.role === 'user');
  const instance = idField(value, 'instance_id');
  const rollout = idField(value, 'rollout_idx');
  const isEnded = booleanField(value, 'terminated');
  return draftOf(record, spiderAgentTools.id, builder, {
    id:
      instance === null
        ? `${record.file}#${String(record.record)}`
        : `${instance}${rollout === null ? '' : `/${rollout}`}`,
    instanceId: instance,
    task: user ? questionOf(user.text, builder) : null,
    database: /the database name is ([\w.-]+)/i.exec(user?.text ?? '')?.[1] ?? null,
    finalAnswer: terminateAnswer(builder),
    outcome: {
      ...noOutcome,
      reason: isEnded === null ? noOutcome.reason : `terminated = ${String(isEnded)} (not a verdict)`,
    },
    metadata: smallFields(value, ['rollout_idx', 'terminated', 'total_rounds', 'temperature']),
  });
}

/** The question stands between `Question:` and the pointer to further knowledge. */
function questionOf(text: string, builder: StepBuilder): AnswerText | null {
  const step = builder.steps.find((one) => one.type === 'message' && one.role === 'user');
  const mark = text.indexOf('Question:');
  const start = mark < 0 ? 0 : mark + 'Question:'.length;
  const ends = ['\nExternal Knowledge:', '\n\nYou are in the folder', '\nExternal knowledge']
    .map((end) => text.indexOf(end, start))
    .filter((at) => at >= 0);
  const question = text.slice(start, ends.length > 0 ? Math.min(...ends) : text.length).trim();
  return question === '' || !step
    ? null
    : { text: question, at: step.at, via: mark < 0 ? 'first user message' : 'Question:' };
}

function terminateAnswer(builder: StepBuilder): AnswerText | null {
  const call = builder.steps.findLast(
    (step): step is ToolCallStep => step.type === 'toolCall' && /^(?:terminate|submit)/i.test(step.name),
  );
  if (!call) return null;
  for (const key of ['answer', 'sql', 'output', 'result', 'final_answer']) {
    const text = filledField(call.arguments ?? undefined, key);
    if (text !== null) return { text: text.trim(), at: call.at, via: `arguments of ${call.name}` };
  }
  return null;
}

/** Spider-Agent on Spider 2.0-lite and snow (`spider/result.json`): `Task` and a list of steps with action text. */
export const spiderAgent: FormatAdapter = {
  id: 'spider-agent',
  label: 'Spider-Agent (lite, snow)',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !('Task' in value) || !listField(value, 'trajectory')) return null;
    return { certainty: 0.95, evidence: 'Task with trajectory and finished' };
  },
  read: (records) => records.map(readResult),
};

function readResult(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const task = filledField(value, 'Task');
  if (task !== null) builder.message('user', wholeText(task, '/Task'));
  for (const [i, turn] of (listField(value, 'trajectory') ?? []).entries()) {
    if (isObject(turn)) readTurn(builder, turn, `/trajectory/${String(i)}`);
  }
  const answer = filledField(value, 'result');
  const finished = booleanField(value, 'finished');
  const instance = idField(value, 'instance_id') ?? folderOf(record.file);
  return draftOf(record, spiderAgent.id, builder, {
    id: instance ?? `${record.file}#${String(record.record)}`,
    instanceId: instance,
    task: task === null ? null : { text: task.trim(), at: builder.position('/Task'), via: 'Task' },
    finalAnswer:
      answer === null ? null : { text: answer.trim(), at: builder.position('/result'), via: 'result' },
    outcome: {
      ...noOutcome,
      reason: finished === null ? noOutcome.reason : `finished = ${String(finished)} (not a verdict)`,
    },
    metadata: smallFields(value, ['system_message_version', 'finished', 'steps', 'result_files']),
  });
}

/** Runs lie in `<instance>/spider/result.json`: the folder names the instance. */
function folderOf(file: string): string | null {
  const parts = file.split('/');
  const at = parts.lastIndexOf('spider');
  return at > 0 ? (parts[at - 1] ?? null) : null;
}

/** The observation of a step answers the action of the step before it, or its own where it stands last. */
function readTurn(builder: StepBuilder, turn: JsonObject, path: string): void {
  const seen = filledField(turn, 'observation');
  if (seen !== null && builder.hasOpenCall) builder.toolResult(wholeText(seen, `${path}/observation`));
  else if (seen !== null && builder.steps.length > 1)
    builder.other(wholeText(seen, `${path}/observation`), 'observation');
  builder.beginTurn();
  const thought = filledField(turn, 'thought');
  if (thought !== null) builder.reasoning(wholeText(thought, `${path}/thought`));
  const action = filledField(turn, 'action');
  if (action !== null) readAction(builder, action, `${path}/action`);
}

/** `NAME(key="…", key="""…""")` as Python prints or writes it; the call's text is the SQL or code where there is one. */
function readAction(builder: StepBuilder, action: string, path: string): void {
  const name = /^\s*([A-Za-z_]\w*)\s*[(:]/.exec(action)?.[1] ?? action.trim().split(/\s/, 1)[0] ?? 'unknown';
  const args = pythonArguments(action);
  const isSql = /SQL|QUERY/i.test(name);
  const body =
    args.find((one) => /^(?:sql_query|sql|query|code|command|statement)$/.test(one.key)) ??
    (isSql ? args[0] : undefined);
  const slice =
    trimmedSlice(action, path, body?.start ?? 0, body?.end ?? action.length) ?? wholeText(action, path);
  const entries: [string, JsonValue][] = args.map((one) => [one.key, one.text]);
  builder.toolCall(slice, {
    name: toolName(name),
    arguments: entries.length > 0 ? Object.fromEntries(entries) : null,
  });
}

/** Names in the agent's own spelling, with Bash as the shell it is. */
function toolName(name: string): string {
  return name === 'Bash' ? 'bash' : name;
}

interface PythonArgument {
  readonly key: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** String arguments of a Python call, with the place of each literal's inside. */
function pythonArguments(action: string): PythonArgument[] {
  const found: PythonArgument[] = [];
  const pattern = /([A-Za-z_]\w*)\s*=\s*(?:[rf]?)("""|'''|"|')/g;
  for (let match = pattern.exec(action); match && found.length < 20; match = pattern.exec(action)) {
    const quote = match[2] ?? '"';
    const start = match.index + match[0].length;
    let end = action.indexOf(quote, start);
    while (end > 0 && quote.length === 1 && action.charAt(end - 1) === '\\')
      end = action.indexOf(quote, end + 1);
    if (end < 0) end = action.length;
    const raw = action.slice(start, end);
    const text =
      quote.length === 1
        ? raw
            .replace(/\\n/g, '\n')
            .replace(/\\t/g, '\t')
            .replace(/\\(["'\\])/g, '$1')
        : raw;
    found.push({ key: match[1] ?? '', text, start, end });
    pattern.lastIndex = end + quote.length;
  }
  return found;
}
