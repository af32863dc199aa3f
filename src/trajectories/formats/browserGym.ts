import { isObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, listField, numberField, objectField, smallFields } from '../blocks/fields.ts';
import { StepBuilder, textSlice, wholeText } from '../blocks/stepBuilder.ts';
import { rewardOutcome } from '../blocks/swe.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { firstValue } from './chat.ts';

/** The page that a step saw, the shortest text first. */
const pageKeys = ['axtree_pruned', 'axtree', 'pruned_html'] as const;

/**
 * Trajectories of AgentRewardBench, from web agents in BrowserGym: `steps[]` of the page as the agent saw it, its
 * reasoning and its action. A page is what the action before it led to.
 */
export const browserGym: FormatAdapter = {
  id: 'browsergym',
  label: 'AgentRewardBench (BrowserGym) trajectory',
  unit: 'record',
  detect: (sample) => {
    const value = firstValue(sample);
    const step = listField(value, 'steps')?.[0];
    const isRun = filledField(value, 'goal') !== null && pageOf(step) !== null && isObject(step);
    return isRun && 'action' in step
      ? { certainty: 0.93, evidence: 'goal and steps[] of a page and an action' }
      : null;
  },
  read: (records) => records.map(readRun),
};

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const goal = filledField(value, 'goal');
  if (goal !== null) builder.message('user', wholeText(goal, '/goal'));
  for (const [index, step] of (listField(value, 'steps') ?? []).entries())
    readStep(builder, step, `/steps/${index}`);
  const summary = objectField(value, 'summary_info');
  const reward = numberField(summary, 'cum_reward');
  return draftOf(record, browserGym.id, builder, {
    task: goal === null ? null : { text: goal, at: builder.position('/goal'), via: 'goal' },
    finalAnswer: answerFromSteps(builder.steps),
    outcome: reward === null ? noOutcome : rewardOutcome(reward, 'summary_info.cum_reward'),
    model: filledField(value, 'model'),
    metadata: smallFields(value, ['benchmark', 'agent', 'experiment', 'seed', 'valid']),
  });
}

function pageOf(step: JsonValue | undefined): { text: string; key: string } | null {
  for (const key of pageKeys) {
    const text = filledField(step, key);
    if (text !== null) return { text, key };
  }
  return null;
}

function readStep(builder: StepBuilder, step: JsonValue, path: string): void {
  const error = filledField(step, 'last_action_error');
  const page = pageOf(step);
  if (error !== null && builder.hasOpenCall)
    builder.toolResult(wholeText(error, `${path}/last_action_error`), { isError: true });
  if (page) {
    const slice = wholeText(page.text, `${path}/${page.key}`);
    if (builder.hasOpenCall) builder.toolResult(slice);
    else builder.message('user', slice, true);
  }
  const reasoning = filledField(step, 'reasoning');
  const action = filledField(step, 'action');
  if (reasoning === null && action === null) return;
  builder.beginTurn();
  if (reasoning !== null) builder.reasoning(wholeText(reasoning, `${path}/reasoning`));
  if (action !== null) readAction(builder, action, `${path}/action`);
}

/** `click('12')` is a call; what the agent tells the user, its answer. */
function readAction(builder: StepBuilder, action: string, path: string): void {
  const said = /^\s*send_msg_to_user\((['"])(?<text>[\s\S]*)\1\)\s*$/d.exec(action)?.indices?.groups?.[
    'text'
  ];
  if (said) builder.message('assistant', textSlice(action, path, said[0], said[1]));
  else builder.toolCall(wholeText(action, path), { name: /^\s*(\w{1,80})\(/.exec(action)?.[1] ?? 'act' });
}
