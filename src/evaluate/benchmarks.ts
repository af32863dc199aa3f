import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { aime } from './aime.ts';
import { benchmarkIds, type Benchmark, type BenchmarkId, type Measure } from './benchmark.ts';
import { gpqa } from './gpqa.ts';
import {
  gradeGraphWalks,
  graphWalksModes,
  parseTask,
  readGraphWalksRow,
  type GraphWalksMode,
  type GraphWalksRow,
} from './graphwalks.ts';
import { ifeval } from './ifeval.ts';
import { mmluPro } from './mmluPro.ts';
import {
  floorNormalised,
  gradeMrcr,
  mrcrViolations,
  readMrcrRow,
  wrongNeedleFloor,
  type MrcrRow,
} from './mrcr.ts';
import { shortTasks } from './shortTasks.ts';

/** An MRCR row read for grading only has no messages. */
function readMrcr(value: JsonValue, where: string): MrcrRow {
  if (!isObject(value) || value['prompt'] !== undefined) return readMrcrRow(value, where);
  return { ...readMrcrRow({ desired_msg_index: 0, ...value, prompt: [] }, where), wantedIndex: -1 };
}

const depthBands = ['0–0.2', '0.2–0.4', '0.4–0.6', '0.6–0.8', '0.8–1'];

/** Where in the conversation the wanted needle stands, as a share of its characters. */
function needleDepth(row: MrcrRow): string {
  let before = 0;
  let total = 0;
  for (const [index, message] of row.messages.entries()) {
    if (index < row.wantedIndex) before += message.content.length;
    total += message.content.length;
  }
  return depthBands[Math.min(4, Math.floor((5 * before) / Math.max(1, total)))]!;
}

const mrcr: Benchmark<MrcrRow> = {
  id: 'mrcr',
  label: 'MRCR',
  scoreLabel: 'mean match ratio',
  isExact: false,
  modes: ['published', 'lenient-prefix'],
  gradingColumns: [
    'answer',
    'random_string_to_prepend',
    'n_needles',
    'n_chars',
    'total_messages',
    'desired_msg_index',
  ],
  promptColumns: ['prompt'],
  isPrivate: false,
  variants: 1,
  read: readMrcr,
  violations: (row) => (row.messages.length === 0 ? [] : mrcrViolations(row)),
  messages: (row) => row.messages,
  lengthTexts: (row) =>
    row.messages.length === 0 ? null : [...row.messages.map(({ content }) => content), row.answer],
  slices: (row) => ({
    needles: String(row.needleCount),
    ...(row.messages.length > 0 ? { depth: needleDepth(row) } : {}),
  }),
  grade(response, row, { mode, floor }) {
    const { score, lenientPrefixScore, hasPrefix } = gradeMrcr(response, row);
    const main = mode === 'lenient-prefix' ? lenientPrefixScore : score;
    const wrong = floor && row.messages.length > 0 ? wrongNeedleFloor(row) : null;
    const measures: Record<string, Measure> = {
      'lenient prefix': lenientPrefixScore,
      'has prefix': hasPrefix ? 1 : 0,
      'identical to the answer': main === 1 ? 1 : 0,
    };
    if (wrong !== null) {
      measures['wrong-needle floor'] = wrong;
      measures['floor-normalised'] = floorNormalised(main, wrong);
    }
    return { score: main, correct: null, extracted: null, measures };
  },
  vote: () => null,
  gold: (row) => ({ kind: 'text', text: row.answer, prefix: row.nonce }),
};

function goldSizeBand(size: number): string {
  if (size <= 2) return String(size);
  const low = 2 ** Math.floor(Math.log2(size));
  return `${low}–${2 * low - 1}`.replace(/^2–3$/, '3');
}

const graphwalks: Benchmark<GraphWalksRow> = {
  id: 'graphwalks',
  label: 'GraphWalks',
  scoreLabel: 'mean F1',
  isExact: false,
  modes: graphWalksModes as readonly [string, ...string[]],
  gradingColumns: ['answer_nodes', 'answer', 'problem_type', 'prompt_chars', 'date_added'],
  promptColumns: ['prompt'],
  isPrivate: false,
  variants: 1,
  read: (value, where) =>
    readGraphWalksRow(
      isObject(value) && value['prompt'] === undefined ? { ...value, prompt: '' } : value,
      where,
    ),
  violations(row) {
    if (row.prompt === '') return [];
    const ours = ['shortest-path', 'reachability'].includes(row.problemType);
    return parseTask(row.prompt) === null && !ours
      ? ['the prompt states no graph and operation in the published form']
      : [];
  },
  messages: (row) => [{ role: 'user', content: row.prompt }],
  lengthTexts: (row) => (row.prompt === '' ? null : [row.prompt]),
  slices(row) {
    const task = row.prompt === '' || row.problemType !== 'bfs' ? null : parseTask(row.prompt);
    return {
      type: row.problemType,
      ...(task ? { depth: String(task.operation.depth) } : {}),
      'gold nodes': goldSizeBand(row.answerNodes.length),
    };
  },
  grade(response, row, { mode }) {
    const chosen = gradeGraphWalks(response, row.answerNodes, mode as GraphWalksMode);
    const official = gradeGraphWalks(response, row.answerNodes, 'official-0');
    return {
      score: chosen.f1,
      correct: chosen.exact,
      extracted: chosen.parsed ? chosen.predicted.join(', ') : null,
      measures: {
        'exact set': chosen.exact ? 1 : 0,
        precision: chosen.precision,
        recall: chosen.recall,
        'F1, empty answers as 0': official.f1,
        'not parsed': chosen.parsed ? 0 : 1,
      },
    };
  },
  // Names hold no commas: responses are cut there.
  vote: (nodes) => nodes.split(', ').sort().join(', '),
  gold: (row) => ({ kind: 'set', items: row.answerNodes }),
};

const registry = {
  mrcr,
  graphwalks,
  ifeval,
  'mmlu-pro': mmluPro,
  gpqa,
  aime,
  'short-tasks': shortTasks,
} as const;

/** The benchmark of this name. Throws `InputError` for others. */
export function benchmarkOf(id: string): Benchmark {
  if (!Object.hasOwn(registry, id)) {
    throw new InputError('unknown-benchmark', `There is no benchmark "${id}"`, {
      expected: benchmarkIds.join(', '),
    });
  }
  // Rows are opaque outside a benchmark's own functions: only its `read` makes what its `grade` takes.
  return registry[id as BenchmarkId];
}

/** The benchmark whose columns these are; null when they are of none. */
export function guessBenchmark(row: JsonValue): BenchmarkId | null {
  if (!isObject(row)) return null;
  const has = (name: string): boolean => row[name] !== undefined;
  if (has('random_string_to_prepend')) return 'mrcr';
  if (has('messages') && has('reply')) return 'short-tasks';
  if (has('answer_nodes') || (has('problem_type') && has('answer'))) return 'graphwalks';
  if (has('instruction_id_list')) return 'ifeval';
  if (has('Incorrect Answer 1')) return 'gpqa';
  if (has('options') && has('answer')) return 'mmlu-pro';
  if ((has('problem') || has('Problem') || has('Question')) && (has('answer') || has('Answer')))
    return 'aime';
  return null;
}
