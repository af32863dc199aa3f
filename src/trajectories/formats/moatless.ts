import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { readCall } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  objectField,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { isPatch, outcomeFields } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText } from '../schema.ts';

/**
 * Moatless `trajectory.json`: a tree of nodes under `root`, each with the actions and observations of one model
 * output. Of a search with branches the run is the way to the node that Moatless itself returns without a judge:
 * the last that finished, else the last leaf.
 */
export const moatless: FormatAdapter = {
  id: 'moatless',
  label: 'Moatless trajectory',
  unit: 'record',
  detect,
  read: (records) => records.map(readRun),
};

function detect(sample: FormatSample): Detection | null {
  const root = objectField(sample.records[0]?.value, 'root');
  const children = listField(root, 'children');
  return root && 'node_id' in root && children && [root, ...children].some(isNodeOfRun)
    ? { certainty: 0.95, evidence: 'root with node_id and children' }
    : null;
}

/** Other trees have ids and children too. */
function isNodeOfRun(node: JsonValue): boolean {
  return (
    listField(node, 'action_steps') !== null ||
    ['user_message', 'message', 'assistant_message'].some((key) => filledField(node, key) !== null)
  );
}

interface Node {
  readonly value: JsonObject;
  readonly path: string;
  readonly parent: Node | null;
}

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const nodes = wayToEnd(objectField(value, 'root') ?? {});
  for (const node of nodes) readNode(builder, node);
  const metadata = objectField(value, 'metadata');
  const patch = patchOf(builder, nodes.at(-1));
  return draftOf(record, moatless.id, builder, {
    id: idField(value, 'trajectory_id') ?? idField(value, 'id') ?? `${record.file}#${record.record}`,
    instanceId: idField(metadata, 'instance_id') ?? idField(value, 'instance_id'),
    task: taskFromSteps(builder.steps),
    finalAnswer: patch ?? answerFromSteps(builder.steps),
    patch,
    outcome: outcomeFields(metadata, 'metadata.') ?? outcomeFields(value) ?? noOutcome,
    metadata: smallFieldsExcept(metadata, ['instance_id']),
  });
}

/** The nodes from the root to the end of the run. */
function wayToEnd(root: JsonObject): Node[] {
  const open: Node[] = [{ value: root, path: '/root', parent: null }];
  let leaf: Node | null = null;
  let finished: Node | null = null;
  for (let node = open.pop(); node; node = open.pop()) {
    const children = listField(node.value, 'children') ?? [];
    if (children.length === 0) leaf = node;
    if (isFinish(node.value)) finished = node;
    for (let i = children.length - 1; i >= 0; i--) {
      const value = children[i];
      if (isObject(value)) open.push({ value, path: `${node.path}/children/${i}`, parent: node });
    }
  }
  const way: Node[] = [];
  for (let node = finished ?? leaf; node; node = node.parent) way.push(node);
  return way.reverse();
}

function isFinish(node: JsonObject): boolean {
  return toolOf(objectField(listField(node, 'action_steps')?.at(-1), 'action')) === 'Finish';
}

/** `moatless.actions.view_code.ViewCodeArgs` is called ViewCode. */
function toolOf(action: JsonObject | null): string {
  const name = stringField(action, 'action_args_class') ?? stringField(action, 'name') ?? 'action';
  return name.slice(name.lastIndexOf('.') + 1).replace(/Args$/, '');
}

function readNode(builder: StepBuilder, { value, path }: Node): void {
  const asked = filledField(value, 'user_message') ?? filledField(value, 'message');
  const askedKey = filledField(value, 'user_message') === null ? 'message' : 'user_message';
  if (asked !== null) builder.message('user', wholeText(asked, `${path}/${askedKey}`));
  const steps = listField(value, 'action_steps') ?? [];
  const said = filledField(value, 'assistant_message');
  const thought = filledField(objectField(value, 'thoughts'), 'text');
  if (steps.length > 0 || said !== null) builder.beginTurn();
  if (thought !== null) builder.reasoning(wholeText(thought, `${path}/thoughts/text`));
  if (said !== null) builder.message('assistant', wholeText(said, `${path}/assistant_message`));
  for (const [index, step] of steps.entries()) readStep(builder, step, `${path}/action_steps/${index}`, said);
}

function readStep(builder: StepBuilder, step: JsonValue, path: string, said: string | null): void {
  const action = objectField(step, 'action');
  if (!action) return;
  const thought = filledField(action, 'thoughts');
  if (thought !== null && thought !== said) builder.reasoning(wholeText(thought, `${path}/action/thoughts`));
  const given = Object.entries(action).filter(([key]) => key !== 'thoughts' && key !== 'action_args_class');
  readCall(builder, toolOf(action), null, Object.fromEntries(given), `${path}/action`);
  const observation = stringField(objectField(step, 'observation'), 'message');
  if (observation !== null) builder.toolResult(wholeText(observation, `${path}/observation/message`));
}

/** The changes of the last node's files, which hold those of all nodes before it. */
function patchOf(builder: StepBuilder, node: Node | undefined): AnswerText | null {
  const files = listField(objectField(node?.value, 'file_context'), 'files') ?? [];
  const patches = files.flatMap((file, index) => {
    const text = filledField(file, 'patch');
    return text !== null && isPatch(text) ? [{ text, index }] : [];
  });
  const [first] = patches;
  if (!first || !node) return null;
  const via = 'file_context.files[].patch';
  if (patches.length > 1) return { text: patches.map(({ text }) => text).join('\n'), at: null, via };
  return {
    text: first.text,
    at: builder.position(`${node.path}/file_context/files/${first.index}/patch`),
    via,
  };
}
