import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf } from '../blocks/draft.ts';
import { filledField, idField, listField, numberField, objectField, smallFields } from '../blocks/fields.ts';
import { StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { patchOf } from '../blocks/swe.ts';
import { taskFromSteps, taskRange } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, DocumentSeen, Step } from '../schema.ts';

/**
 * Agentless: fixed stages instead of a dialogue, one file a stage (`loc_outputs.jsonl`, repair
 * `output.jsonl`). The evidence is the file text inside the prompts; each stage's prompt and reply become a
 * turn, and the files quoted in a prompt are documents.
 */
export const agentless: FormatAdapter = {
  id: 'agentless',
  label: 'Agentless stage output',
  unit: 'record',
  detect,
  read: (records) => records.map(readStage),
};

const stageKeys = /^(?:\w+_)?traj$/;

/** Keys of a record that hold a stage's prompt and reply, or a list of such. */
function stagesOf(value: JsonObject): { key: string; stages: JsonValue[]; isList: boolean }[] {
  return Object.entries(value).flatMap(([key, item]) => {
    if (!stageKeys.test(key)) return [];
    const list = Array.isArray(item) ? item : [item];
    return list.some((stage) => filledField(stage, 'prompt') !== null)
      ? [{ key, stages: list, isList: Array.isArray(item) }]
      : [];
  });
}

function detect(sample: FormatSample): Detection | null {
  const value = sample.records.find((record) => isObject(record.value))?.value;
  if (!isObject(value) || idField(value, 'instance_id') === null) return null;
  const found = [
    'found_files',
    'found_related_locs',
    'found_edit_locs',
    'raw_output',
    'all_generations',
  ].filter((key) => key in value);
  if (found.length === 0 || stagesOf(value).length === 0) return null;
  return { certainty: 0.95, evidence: `instance_id with ${found.join(', ')} and stage prompts` };
}

function readStage(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  let inputTokens: number | null = null;
  let outputTokens: number | null = null;
  for (const { key, stages, isList } of stagesOf(value)) {
    for (const [index, stage] of stages.entries()) {
      const path = isList ? `/${key}/${index}` : `/${key}`;
      const prompt = filledField(stage, 'prompt');
      const response = filledField(stage, 'response');
      if (prompt !== null) builder.message('user', wholeText(prompt, `${path}/prompt`));
      if (response !== null) builder.message('assistant', wholeText(response, `${path}/response`));
      const usage = objectField(stage, 'usage');
      if (!usage) continue;
      inputTokens = (inputTokens ?? 0) + (numberField(usage, 'prompt_tokens') ?? 0);
      outputTokens = (outputTokens ?? 0) + (numberField(usage, 'completion_tokens') ?? 0);
    }
  }
  const patch = filledField(value, 'model_patch');
  return draftOf(record, agentless.id, builder, {
    id: `${record.file}#${record.record}`,
    instanceId: idField(value, 'instance_id'),
    task: issueOf(builder.steps),
    finalAnswer: answerOf(value, builder),
    patch: patchOf(patch, builder.position('/model_patch'), 'model_patch'),
    documents: builder.steps.flatMap(quotedFiles),
    usage: { inputTokens, outputTokens, costUsd: null },
    metadata: smallFields(value, ['instance_id', 'found_files', 'try_count', 'file_names']),
    kind: { kind: 'swe', reason: 'a stage of Agentless, which mends an issue of a repository' },
  });
}

/** What stands around the issue: in repair prompts, and in those that look for files. */
const issueMarkers = [
  ['--- BEGIN ISSUE ---', '--- END ISSUE ---'],
  ['### GitHub Problem Description ###', '###'],
] as const;

/** The issue between its markers, else what the general rules find. */
function issueOf(steps: readonly Step[]): AnswerText | null {
  const prompt = steps.find((step) => step.type === 'message' && step.role === 'user');
  const markers = issueMarkers.find(([open]) => prompt?.text.includes(open));
  if (!prompt || !markers) return taskFromSteps(steps);
  const [open, close] = markers;
  const start = prompt.text.indexOf(open) + open.length;
  const end = prompt.text.indexOf(`\n${close}`, start);
  const issue = prompt.text.slice(start, end < 0 ? undefined : end);
  const cut = taskRange(issue);
  return { text: issue.slice(cut.start, cut.end), at: prompt.at, via: 'issue between its markers' };
}

/** The last repair; localisation stages answer with the files they found. */
function answerOf(value: JsonObject, builder: StepBuilder): AnswerText | null {
  const outputs = listField(value, 'raw_output');
  const last = outputs?.findLastIndex((output) => typeof output === 'string' && output.trim() !== '') ?? -1;
  const text = outputs?.[last];
  if (typeof text === 'string') {
    return { text, at: builder.position(`/raw_output/${last}`), via: 'last of raw_output' };
  }
  const files = (listField(value, 'found_files') ?? []).filter((file) => typeof file === 'string');
  if (files.length === 0) return null;
  return { text: files.join('\n'), at: builder.position('/found_files'), via: 'found_files' };
}

const maxFiles = 400;

/** Files quoted in a prompt: `### path` headings, each up to the next heading or the end of the quotation. */
function quotedFiles(step: Step): DocumentSeen[] {
  if (step.type !== 'message' || step.role !== 'user') return [];
  const { text } = step;
  const documents: DocumentSeen[] = [];
  let heading = nextHeading(text, 0);
  while (heading && documents.length < maxFiles) {
    const following = nextHeading(text, heading.end);
    const limit = following ? following.start : text.length;
    const fence = text.indexOf('\n```', heading.end);
    const stop = fence >= 0 && fence < limit ? fence : limit;
    if (stop > heading.end) {
      documents.push({
        key: heading.path,
        title: heading.path,
        how: 'opened',
        stepIndex: step.index,
        span: { ...step.at, start: heading.end, end: stop },
        lines: null,
        isTruncated: text.slice(heading.end, stop).includes('\n...'),
        rank: null,
      });
    }
    heading = following;
  }
  return documents;
}

/** The next line of the form `### some/file.py`; `end` is past its line break. */
function nextHeading(text: string, from: number): { path: string; start: number; end: number } | null {
  let at = text.indexOf('### ', from);
  while (at >= 0) {
    const lineEnd = text.indexOf('\n', at);
    if (lineEnd < 0) return null;
    const isLine = at === 0 || text.charCodeAt(at - 1) === 10;
    const path = isLine && lineEnd - at < 300 ? text.slice(at + 4, lineEnd).trim() : '';
    if (/^[\w./-]+\.\w{1,8}$/.test(path)) return { path, start: at, end: lineEnd + 1 };
    at = text.indexOf('### ', at + 4);
  }
  return null;
}
