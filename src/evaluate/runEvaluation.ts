import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { CancelledError, InputError, messageOf } from '../core/errors.ts';
import { isObject, type JsonObject } from '../core/json.ts';
import { noReadableRow, type Benchmark, type Graded } from './benchmark.ts';
import { ScoreTable, seedScore, type Scores, type SeedScore } from './scoreTable.ts';
import { identityHash, type Journal, type JournalEntry, type RunIdentity } from './journal.ts';
import { lengthLabel, tokenSum, type LengthCounter } from './lengthBins.ts';
import type { RowFile } from './rowFile.ts';
import { publishedShots, takesShots } from './shots.ts';
import { QuestionError, type GenerationOptions, type Subject } from './subject.ts';
import type { ItemScore } from './comparison.ts';

/** Which rows of the file are asked. */
interface ItemSelection {
  /** At most this many rows, taken at even distances over those that the filters leave. */
  readonly limit: number | null;
  /** Keep rows whose light columns have these slice labels, e.g. { needles: ['2', '4'] }. */
  readonly slices: Readonly<Record<string, readonly string[]>>;
  /** Keep rows of at most this many tokens, prompt and answer together. */
  readonly maxTokens: number | null;
}

export interface EvaluationPlan {
  readonly benchmark: Benchmark;
  readonly rows: RowFile;
  readonly dataName: string;
  readonly dataSha256: string;
  readonly subject: Subject;
  readonly seeds: readonly number[];
  readonly mode: string;
  readonly selection: ItemSelection;
  readonly generation: Omit<GenerationOptions, 'seed'>;
  /** Ask each seed with another presentation of the item (GPQA's cyclic option orders). */
  readonly varyPresentation: boolean;
  readonly length: LengthCounter | null;
}

/** One graded response, without its text. */
export interface GradedItem extends ItemScore {
  readonly extracted: string | null;
  readonly finish: JournalEntry['finish'];
  readonly tokens: number | null;
}

/** The outcome of an evaluation, as it is written to `result.json`. */
export interface EvaluationResult {
  readonly format: 'acc-evaluation/1';
  readonly identity: RunIdentity;
  readonly identityHash: string;
  readonly benchmark: string;
  readonly scoreLabel: string;
  readonly mode: string;
  readonly data: { readonly name: string; readonly sha256: string };
  readonly subject: string;
  readonly seeds: readonly number[];
  /** Tokenizer of the length bins; null when lengths were not counted. */
  readonly lengthTokenizer: string | null;
  readonly items: number;
  readonly questions: number;
  readonly answered: number;
  /** Questions given up, each with its reason; they are asked again when the run is resumed, and score nothing. */
  readonly failures: readonly { readonly index: number; readonly seed: number; readonly reason: string }[];
  readonly isComplete: boolean;
  /** Replies that the token limit ended. */
  readonly cutByLimit: number;
  readonly withThinking: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Rows that break a fact of the published data, and rows that cannot be read. */
  readonly rowProblems: readonly { readonly index: number; readonly problem: string }[];
  /** How many of these rows cannot be read: they are not asked. */
  readonly unreadableRows: number;
  readonly scores: Scores;
  /** What a reader should know before quoting the numbers. */
  readonly notes: readonly string[];
}

interface EvaluationProgress {
  readonly stage: 'choosing' | 'asking';
  readonly questions: number;
  readonly done: number;
  readonly failed: number;
  /** Of `done`: answered by an earlier run. */
  readonly resumed: number;
  /** Mean score so far; null before the first. */
  readonly mean: number | null;
}

export interface EvaluationHandlers {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: EvaluationProgress) => void;
  readonly onItem?: (item: GradedItem) => void;
  /** Text of one open question as it streams in. */
  readonly onText?: (index: number, seed: number, text: string) => void;
}

/** The run that a plan describes. */
export function runIdentity(plan: Omit<EvaluationPlan, 'rows' | 'length'>): RunIdentity {
  return {
    benchmark: plan.benchmark.id,
    dataSha256: plan.dataSha256,
    subject: plan.subject.identity,
    seeds: plan.seeds,
    options: {
      ...plan.generation,
      varyPresentation: plan.varyPresentation,
      // Private responses are graded when they come and cannot be graded again in another mode.
      ...(plan.benchmark.isPrivate ? { mode: plan.mode } : {}),
      ...(plan.benchmark.shots ? { shots: plan.benchmark.shots.sha256 } : {}),
      selection: plan.selection as unknown as JsonObject,
    },
  };
}

function spread(indices: readonly number[], limit: number): number[] {
  if (indices.length <= limit) return [...indices];
  return Array.from({ length: limit }, (_, k) => indices[Math.floor((k * indices.length) / limit)]!);
}

interface Chosen {
  readonly indices: readonly number[];
  readonly problems: { index: number; problem: string }[];
}

/** A reader's complaint; that of a private benchmark may repeat the row. */
function rowProblem(benchmark: Benchmark, error: unknown): string {
  return benchmark.isPrivate ? 'the row cannot be read' : messageOf(error);
}

/**
 * Chooses the rows by their light columns; long prompts are read only where a filter needs them.
 * @throws InputError where no row can be read, or none is chosen
 */
async function chooseRows(plan: EvaluationPlan, signal: AbortSignal | undefined): Promise<Chosen> {
  const { benchmark, rows, selection } = plan;
  const needsPrompt =
    selection.maxTokens !== null || Object.keys(selection.slices).some((name) => name === 'depth');
  const columns = needsPrompt
    ? [...benchmark.gradingColumns, ...benchmark.promptColumns]
    : benchmark.gradingColumns;
  const indices: number[] = [];
  const problems: Chosen['problems'] = [];
  let isReadable = false;
  const labels = new Map(Object.keys(selection.slices).map((name) => [name, new Set<string>()]));
  for await (const { index, value, problem } of rows.rows({ columns, ...(signal ? { signal } : {}) })) {
    if (problem !== null) {
      problems.push({ index, problem });
      continue;
    }
    try {
      const row = benchmark.read(value, `row ${index}`);
      isReadable = true;
      const slices = benchmark.slices(row);
      for (const [name, found] of labels) if (slices[name] !== undefined) found.add(slices[name]);
      const passes = Object.entries(selection.slices).every(([name, labels]) =>
        labels.includes(slices[name] ?? ''),
      );
      if (!passes) continue;
      const texts = selection.maxTokens === null ? null : benchmark.lengthTexts(row);
      if (texts && plan.length && tokenSum(texts, plan.length) > (selection.maxTokens ?? Infinity)) continue;
      indices.push(index);
    } catch (error) {
      problems.push({ index, problem: rowProblem(benchmark, error) });
    }
  }
  if (!isReadable) throw noReadableRow(benchmark, plan.dataName, problems[0]?.problem ?? null);
  if (indices.length === 0) throw nothingChosen(plan, labels);
  return { indices: spread(indices, selection.limit ?? indices.length), problems };
}

/** What to throw where the selection takes no row: nothing would be measured. */
function nothingChosen(
  { selection, dataName }: EvaluationPlan,
  labels: ReadonlyMap<string, ReadonlySet<string>>,
): InputError {
  const { slices, maxTokens } = selection;
  const asked = Object.entries(slices).map(([name, values]) => `${name} ${values.join(' or ')}`);
  const known = [...labels].map(
    ([name, found]) => `${name}: ${[...found].slice(0, 20).join(', ') || 'none'}`,
  );
  return new InputError('nothing-chosen', 'No row of the data is chosen', {
    where: dataName,
    expected: [...asked, ...(maxTokens === null ? [] : [`at most ${maxTokens} tokens`])].join(', '),
    actual: known.join('; '),
  });
}

interface OpenItem {
  readonly index: number;
  readonly row: unknown;
  readonly slices: Readonly<Record<string, string>>;
  readonly tokens: number | null;
  readonly scores: SeedScore[];
}

function storedGrade(value: JsonObject | null): Graded | null {
  if (!value || typeof value['score'] !== 'number') return null;
  return {
    score: value['score'],
    correct: typeof value['correct'] === 'boolean' ? value['correct'] : null,
    extracted: typeof value['extracted'] === 'string' ? value['extracted'] : null,
    measures: (isObject(value['measures']) ? value['measures'] : {}) as Graded['measures'],
  };
}

/** In which of its presentations an item is asked under a seed. */
function variantOf(plan: EvaluationPlan, seedPosition: number): number {
  return plan.varyPresentation ? seedPosition % plan.benchmark.variants : 0;
}

/**
 * Asks every question of the plan that the journal has no answer to, grades all, and gives the result. Rows are
 * read once, in order; questions of one item follow each other. A cancelled run rejects with `CancelledError`
 * after what was answered is stored; started again with the same journal it asks only the rest.
 */
export async function runEvaluation(
  plan: EvaluationPlan,
  journal: Journal,
  handlers: EvaluationHandlers = {},
): Promise<{ readonly result: EvaluationResult; readonly items: readonly GradedItem[] }> {
  const { benchmark, subject, seeds } = plan;
  if (seeds.length === 0) throw new InputError('no-seeds', 'An evaluation needs at least one seed');
  const stop = new AbortController();
  const passOn = (): void => stop.abort();
  handlers.signal?.addEventListener('abort', passOn, { once: true });
  if (handlers.signal?.aborted) stop.abort();
  const { signal } = stop;
  handlers.onProgress?.({ stage: 'choosing', questions: 0, done: 0, failed: 0, resumed: 0, mean: null });
  const chosen = await chooseRows(plan, signal);
  const rowProblems = [...chosen.problems];
  let unreadableRows = chosen.problems.length;
  const questions = chosen.indices.length * seeds.length;
  const items: GradedItem[] = [];
  const failures: { index: number; seed: number; reason: string }[] = [];
  const totals = {
    done: 0,
    resumed: 0,
    cut: 0,
    cutUnsplit: 0,
    thinking: 0,
    prompt: 0,
    completion: 0,
    sum: 0,
  };
  const report = (): void =>
    handlers.onProgress?.({
      stage: 'asking',
      questions,
      done: totals.done,
      failed: failures.length,
      resumed: totals.resumed,
      mean: items.length > 0 ? totals.sum / items.length : null,
    });

  const gradedItems = new Map<number, Pick<OpenItem, 'slices' | 'scores'>>();

  const take = (item: OpenItem, position: number, entry: JournalEntry): void => {
    const seed = seeds[position]!;
    if (entry.finish === 'failed') {
      failures.push({ index: item.index, seed, reason: entry.error ?? 'no answer' });
    } else {
      const presentation = variantOf(plan, position);
      const graded =
        storedGrade(entry.graded) ??
        benchmark.grade(entry.response ?? '', item.row, { mode: plan.mode, floor: true, presentation });
      item.scores.push(seedScore(benchmark, item.row, position, presentation, graded));
      const { score, correct, extracted } = graded;
      const graduate = { index: item.index, seed, score, correct, extracted, slices: item.slices, finish: entry.finish, tokens: item.tokens }; // prettier-ignore
      items.push(graduate);
      totals.sum += score;
      if (entry.finish === 'length') totals.cut++;
      if (entry.thinking !== null) totals.thinking++;
      else if (entry.finish === 'length') totals.cutUnsplit++;
      totals.prompt += entry.promptTokens ?? 0;
      totals.completion += entry.completionTokens ?? 0;
      handlers.onItem?.(graduate);
    }
    totals.done++;
    report();
  };

  const open = new Set<AbortController>();
  signal.addEventListener('abort', () => open.forEach((each) => each.abort()), { once: true });

  const answer = async (item: OpenItem, position: number): Promise<void> => {
    const seed = seeds[position]!;
    const started = performance.now();
    const base = { index: item.index, seed };
    const presentation = variantOf(plan, position);
    // A signal per question: listeners do not pile up on one signal however many questions are open.
    const own = new AbortController();
    open.add(own);
    let entry: JournalEntry;
    try {
      const made = await subject.generate(
        benchmark.messages(item.row, presentation),
        { ...plan.generation, seed },
        own.signal,
        handlers.onText ? (text) => handlers.onText?.(item.index, seed, text) : undefined,
      );
      const graded = benchmark.isPrivate
        ? benchmark.grade(made.text, item.row, { mode: plan.mode, presentation })
        : null;
      entry = {
        ...base,
        response: graded ? null : made.text,
        thinking: graded ? null : made.thinking,
        finish: made.finish,
        error: null,
        promptTokens: made.promptTokens,
        completionTokens: made.completionTokens,
        elapsedMs: Math.round(performance.now() - started),
        attempts: made.attempts,
        sha256: graded ? bytesToHex(sha256(utf8ToBytes(made.text))) : null,
        graded: graded as unknown as JsonObject | null,
      };
    } catch (error) {
      if (!(error instanceof QuestionError) || own.signal.aborted) throw error;
      entry = {
        ...base,
        response: null,
        thinking: null,
        finish: 'failed',
        // A server's message may repeat the question.
        error: benchmark.isPrivate ? (error.message.split(':')[0] ?? '') : error.message,
        promptTokens: null,
        completionTokens: null,
        elapsedMs: Math.round(performance.now() - started),
        attempts: error.attempts,
        sha256: null,
        graded: null,
      };
    } finally {
      open.delete(own);
    }
    await journal.add(entry);
    take(item, position, entry);
  };

  const running = new Set<Promise<void>>();
  let broken: { error: unknown } | null = null;
  const start = (item: OpenItem, position: number): void => {
    const job: Promise<void> = answer(item, position)
      .catch((error: unknown) => {
        broken ??= { error };
        stop.abort();
      })
      .finally(() => running.delete(job));
    running.add(job);
  };
  const isBroken = (): boolean => broken !== null || signal.aborted;

  const columns = [...benchmark.gradingColumns, ...benchmark.promptColumns];
  report();
  try {
    for await (const { index, value, problem } of plan.rows.rows({
      columns,
      indices: chosen.indices,
      signal,
    })) {
      if (isBroken()) break;
      let row: unknown;
      try {
        if (problem !== null) throw new Error(problem);
        row = benchmark.read(value, `row ${index}`);
      } catch (error) {
        rowProblems.push({ index, problem: rowProblem(benchmark, error) });
        unreadableRows++;
        continue;
      }
      for (const violation of benchmark.violations(row)) rowProblems.push({ index, problem: violation });
      const texts = plan.length ? benchmark.lengthTexts(row) : null;
      const tokens = texts && plan.length ? tokenSum(texts, plan.length) : null;
      const slices = {
        ...(tokens === null ? {} : { length: lengthLabel(tokens) }),
        ...benchmark.slices(row),
      };
      const item: OpenItem = { index, row, slices, tokens, scores: [] };
      gradedItems.set(index, { slices, scores: item.scores });
      for (let position = 0; position < seeds.length; position++) {
        if (isBroken()) break;
        if (journal.state(index, seeds[position]!) === 'answered') {
          const entry = await journal.read(index, seeds[position]!);
          if (entry) {
            totals.resumed++;
            take(item, position, entry);
            continue;
          }
        }
        while (running.size >= subject.concurrency && !isBroken()) await Promise.race(running);
        if (!isBroken()) start(item, position);
      }
    }
  } catch (error) {
    broken ??= { error };
    stop.abort();
  }
  await Promise.all(running);
  handlers.signal?.removeEventListener('abort', passOn);
  if (handlers.signal?.aborted) throw new CancelledError('the evaluation');
  if (broken !== null) throw broken.error;
  items.sort((a, b) => a.index - b.index || a.seed - b.seed);
  failures.sort((a, b) => a.index - b.index || a.seed - b.seed);
  // Added in the order of the data, whatever order the answers came in: equal answers give equal bytes.
  const table = new ScoreTable(seeds.length);
  for (const { slices, scores } of gradedItems.values()) {
    table.add(
      slices,
      scores.sort((a, b) => a.seed - b.seed),
    );
  }
  const identity = runIdentity(plan);
  const result: EvaluationResult = {
    format: 'acc-evaluation/1',
    identity,
    identityHash: identityHash(identity),
    benchmark: benchmark.id,
    scoreLabel: benchmark.scoreLabel,
    mode: plan.mode,
    data: { name: plan.dataName, sha256: plan.dataSha256 },
    subject: subject.name,
    seeds,
    lengthTokenizer: plan.length?.tokenizer ?? null,
    items: chosen.indices.length,
    questions,
    answered: items.length,
    failures,
    isComplete: items.length === questions,
    cutByLimit: totals.cut,
    withThinking: totals.thinking,
    promptTokens: totals.prompt,
    completionTokens: totals.completion,
    rowProblems: rowProblems.sort((a, b) => a.index - b.index),
    unreadableRows,
    scores: table.result(),
    notes: notesOf(plan, items, totals, failures.length),
  };
  return { result, items };
}

interface ReplyCounts {
  /** Ended by the token limit. */
  readonly cut: number;
  /** Of them: without reasoning that could be told from the answer. */
  readonly cutUnsplit: number;
  readonly thinking: number;
}

/** What a reader of MMLU-Pro's scores should know of the examples before each question. */
function shotNotes({ label, shots }: Benchmark, items: readonly GradedItem[]): string[] {
  if (!shots) {
    return [
      `Zero-shot: published results of ${label} give ${publishedShots} worked examples of the subject before each question (its validation split), so these scores do not compare with them.`,
    ];
  }
  const asked = new Set(items.map(({ slices }) => slices['category'] ?? ''));
  const short = [...asked].filter((subject) => (shots.perSubject.get(subject) ?? 0) < publishedShots).sort();
  const counts = short.map((subject) => `${subject} (${shots.perSubject.get(subject) ?? 0})`);
  return [
    `Up to ${publishedShots} worked examples of ${shots.name} before each question.`,
    ...(short.length > 0 ? [`Fewer than ${publishedShots} worked examples: ${counts.join(', ')}.`] : []),
  ];
}

function notesOf(
  plan: EvaluationPlan,
  items: readonly GradedItem[],
  { cut, cutUnsplit, thinking }: ReplyCounts,
  failed: number,
): string[] {
  const notes: string[] = [];
  if (plan.seeds.length === 1) notes.push('One seed: no spread over seeds can be stated.');
  if (plan.seeds.length > 1 && plan.generation.temperature === 0 && !plan.varyPresentation) {
    notes.push('Temperature 0: the seeds may give the same answers, so their spread says nothing.');
  }
  if (failed > 0) notes.push(`${failed} questions have no answer; the scores are over the rest.`);
  if (cut > 0) notes.push(`${cut} of ${items.length} replies were ended by the token limit.`);
  if (thinking > 0 && cutUnsplit > 0) {
    // A server whose template opens the block sends reasoning that looks like an answer until it is closed.
    notes.push(
      `${cutUnsplit} of them came without reasoning, which other replies have: they may be cut reasoning graded as the answer. Raise the token limit.`,
    );
  }
  if (items.length > 0 && new Set(items.map(({ index }) => index)).size < 30) {
    notes.push('Fewer than 30 items: the interval over items is wide.');
  }
  if (takesShots(plan.benchmark.id)) notes.push(...shotNotes(plan.benchmark, items));
  if (plan.benchmark.id === 'ifeval') {
    notes.push(
      'Sentence counts, capital words and language detection are approximated; see the scores over exact rules only.',
    );
  }
  return notes;
}
