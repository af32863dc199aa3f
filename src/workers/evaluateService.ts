import { CancelledError, InputError, messageOf, WorkbenchError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { Benchmark, BenchmarkId } from '../evaluate/benchmark.ts';
import { benchmarkOf, guessBenchmark } from '../evaluate/benchmarks.ts';
import { compareScores, matrixItems } from '../evaluate/comparison.ts';
import { defaultEndpointOptions, endpointSubject, fetchTransport } from '../evaluate/endpointSubject.ts';
import { generateRows, type GenerateOptions } from '../evaluate/generateRows.ts';
import { identityHash, Journal, type JournalFile } from '../evaluate/journal.ts';
import { jsonLines } from '../evaluate/jsonLines.ts';
import type { LengthCounter } from '../evaluate/lengthBins.ts';
import { openRowFile, type RowFile } from '../evaluate/rowFile.ts';
import { runEvaluation, runIdentity, type EvaluationPlan, type EvaluationResult, type GradedItem } from '../evaluate/runEvaluation.ts'; // prettier-ignore
import { isShot, readShots, withShots } from '../evaluate/shots.ts';
import { QuestionError, type Subject } from '../evaluate/subject.ts';
import { splitThinking } from '../evaluate/thinking.ts';
import type { AppendFile, Folder } from '../storage/folder.ts';
import { projectFolder } from '../storage/projects.ts';
import { fetchBelow, loadBundledTokenizer } from '../tokenizer/bundledTokenizers.ts';
import { parquetWindows } from '../trajectories/io/parquetWindows.ts';
import { sha256OfSource } from '../trajectories/io/sha256.ts';
import { blobSource } from '../trajectories/io/sources.ts';
import { Yielder } from '../trajectories/io/yielder.ts';
import type { Failure } from './dataApi.ts';
import type { BenchmarkData, EngineCall, EvaluateApi, EvaluateEvents, EvaluateResult, ItemView, OpenPort, RunComparison, RunMeans, RunRequest, RunSummary } from './evaluateApi.ts'; // prettier-ignore
import { itemView } from './evaluateItem.ts';
import { relayTransport } from './evaluateTransport.ts';

function failure(error: unknown): Failure {
  if (error instanceof WorkbenchError) {
    const { advice } = error.detail;
    return { ok: false, code: error.code, message: error.message, advice: advice ?? null };
  }
  return { ok: false, code: 'unexpected', message: messageOf(error), advice: null };
}

/** Files up to this size are kept, so that a run can go on after a reload. */
const keptBytes = 512 * 1024 * 1024;
/** Rows whose facts are checked when a file is opened; reading goes on, checking stops. */
const checkedRows = 200;
const progressEveryMs = 100;

interface HeldData {
  readonly info: BenchmarkData;
  readonly blob: Blob;
  readonly rows: RowFile;
}

interface HeldRun {
  summary: RunSummary;
  controller: AbortController | null;
}

/** A journal in a file of the browser's storage. */
class StoredJournal implements JournalFile {
  private append_: AppendFile | null = null;
  constructor(
    private readonly folder: Folder,
    private readonly name: string,
  ) {}

  private async file(): Promise<AppendFile> {
    if (!this.append_) {
      const size = (await this.folder.readFile(this.name))?.size ?? 0;
      this.append_ = await this.folder.openAppend(this.name, size);
    }
    return this.append_;
  }

  async open() {
    const file = await this.file();
    const { sizeBytes } = file;
    if (sizeBytes === 0) return null;
    return {
      name: this.name,
      sizeBytes,
      seekable: true,
      read: (start: number, end: number) => file.read(start, end),
      async *stream(start = 0) {
        for (let at = start; at < sizeBytes; at += 1 << 20)
          yield await file.read(at, Math.min(sizeBytes, at + (1 << 20)));
      },
    };
  }

  async append(line: string): Promise<void> {
    const file = await this.file();
    file.append(new TextEncoder().encode(line));
    file.flush();
  }

  close(): void {
    this.append_?.close();
    this.append_ = null;
  }
}

/** The end of a benchmark's prompt holds what is asked. */
const embeddedCharacters = 1500;

/** Evaluation in the page: files, runs, journals in the browser's storage. */
export class EvaluateService implements EvaluateApi {
  readonly #openRoot: () => Promise<Folder>;
  #opened: Folder | null = null;
  #listener: (state: EvaluateEvents) => void = () => undefined;
  #baseUrl = '';
  #counter: Promise<LengthCounter> | null = null;
  readonly #data = new Map<string, HeldData>();
  readonly #runs = new Map<string, HeldRun>();
  #scheduled = false;

  /** @param openRoot the browser's storage, or memory where there is none; asked when a project is opened */
  constructor(openRoot: () => Promise<Folder>) {
    this.#openRoot = openRoot;
  }

  get #root(): Folder {
    if (!this.#opened)
      throw new Error('Internal error: the evaluation worker was asked before a project was open');
    return this.#opened;
  }

  async start(onChange: (state: EvaluateEvents) => void, baseUrl: string): Promise<void> {
    this.#listener = onChange;
    this.#baseUrl = baseUrl;
  }

  async openProject(id: string): Promise<void> {
    this.#opened = projectFolder(await this.#openRoot(), id).folder('evaluations');
    this.#data.clear();
    this.#runs.clear();
    const dataFolder = this.#root.folder('data');
    for (const name of await dataFolder.list()) {
      const file = await dataFolder.readFile(name).catch(() => null);
      if (!file || !/^[0-9a-f]{64} /.test(name)) continue;
      const opened = await this.#open(new File([file], name.slice(65)), name.slice(0, 64)).catch(() => null);
      if (opened) this.#data.set(opened.info.id, opened);
    }
    const runsFolder = this.#root.folder('runs');
    for (const id of await runsFolder.list()) {
      const text = await runsFolder
        .folder(id)
        .readText('run.json')
        .catch(() => null);
      try {
        const summary = JSON.parse(text ?? 'null') as RunSummary | null;
        if (!summary) continue;
        const phase = summary.phase === 'running' ? 'stopped' : summary.phase;
        this.#runs.set(id, {
          summary: { ...summary, phase, createdAt: summary.createdAt ?? null },
          controller: null,
        });
      } catch {
        // A half-written record: the run's journal stays and is found again when the run is started.
      }
    }
    this.#emit();
  }

  #emit(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      const runs = [...this.#runs.values()].map(({ summary }) => ({
        ...summary,
        canResume: this.#hasFiles(summary.request),
      }));
      this.#listener({ runs, data: [...this.#data.values()].map(({ info }) => info) });
    }, progressEveryMs / 2);
  }

  #hasFiles({ dataId, shotsId }: RunRequest): boolean {
    return this.#data.has(dataId) && (shotsId === undefined || this.#data.has(shotsId));
  }

  /** The benchmark as a run asks it; null when its worked examples are not here any more. */
  async #benchmarkOf({ dataId, shotsId }: RunRequest, id: BenchmarkId): Promise<Benchmark | null> {
    const benchmark = benchmarkOf(id);
    if (shotsId === undefined) return benchmark;
    const held = this.#data.get(shotsId);
    return held
      ? withShots(benchmark, await readShots(held.rows, held.info.name, held.info.id), dataId)
      : null;
  }

  /** Lengths are counted with the bundled tokenizer, named beside the bins. */
  #length(): Promise<LengthCounter> {
    this.#counter ??= loadBundledTokenizer('qwen3', fetchBelow(this.#baseUrl)).then((tokenizer) => ({
      tokenizer: tokenizer.name,
      count: (text: string) => tokenizer.count(text),
    }));
    return this.#counter;
  }

  async #open(file: File, sha256: string): Promise<HeldData> {
    const rows = await openRowFile(blobSource(file.name, file), (source, sizeBytes, footer, signal) =>
      parquetWindows(source, sizeBytes, footer, new Yielder(signal, `Reading ${source.name}`)),
    );
    let benchmark: ReturnType<typeof guessBenchmark> = null;
    let count = 0;
    let problemCount = 0;
    let areShots = true;
    const problems: string[] = [];
    const note = (index: number, problem: string): void => {
      problemCount++;
      if (problems.length < 20) problems.push(`row ${index}: ${problem}`);
    };
    for await (const { index, value, problem } of rows.rows(
      rows.rowCount === null ? {} : { indices: firstIndices(rows.rowCount) },
    )) {
      count++;
      if (problem !== null) {
        note(index, problem);
        continue;
      }
      benchmark ??= guessBenchmark(value);
      areShots &&= isShot(value);
      if (!benchmark || count > checkedRows) continue;
      const bench = benchmarkOf(benchmark);
      try {
        for (const violation of bench.violations(bench.read(value, `row ${index}`))) note(index, violation);
      } catch (error) {
        note(index, bench.isPrivate ? 'cannot be read' : messageOf(error));
      }
    }
    if (!benchmark) {
      throw new InputError('unknown-benchmark-file', 'The file is of no known benchmark', {
        where: file.name,
        expected: 'the columns of MRCR, GraphWalks, IFEval, MMLU-Pro, GPQA or AIME',
      });
    }
    const bench = benchmarkOf(benchmark);
    return {
      blob: file,
      rows,
      info: {
        id: sha256,
        name: file.name,
        benchmark,
        label: bench.label,
        rows: rows.rowCount ?? count,
        sizeBytes: file.size,
        modes: bench.modes,
        isPrivate: bench.isPrivate,
        areShots,
        problems,
        problemCount,
      },
    };
  }

  async addFile(file: File): Promise<EvaluateResult<BenchmarkData>> {
    try {
      const sha256 = await sha256OfSource(blobSource(file.name, file));
      const opened = await this.#open(file, sha256);
      this.#data.set(sha256, opened);
      if (!opened.info.isPrivate && file.size <= keptBytes) {
        // Without storage the file is simply not there after a reload.
        await this.#root
          .folder('data')
          .writeFile(`${sha256} ${file.name}`, file)
          .catch(() => undefined);
      }
      this.#emit();
      return { ok: true, value: opened.info };
    } catch (error) {
      return failure(error);
    }
  }

  async generate(options: GenerateOptions): Promise<EvaluateResult<BenchmarkData>> {
    try {
      const parts: string[] = [];
      for (const row of generateRows(options, await this.#length())) parts.push(`${JSON.stringify(row)}\n`);
      const { benchmark, count, tokens, seed } = options;
      const kind = benchmark === 'mrcr' ? `${options.needles} needles` : options.problems.join(' and ');
      return await this.addFile(
        new File(parts, `${benchmark} ${kind}, ${count} × ${tokens} tokens, seed ${seed}.jsonl`),
      );
    } catch (error) {
      return failure(error);
    }
  }

  #subject(
    request: RunRequest,
    key: string | null,
    engine: EngineCall | null,
    openPort: OpenPort | null,
  ): Subject {
    const { subject } = request;
    if (subject.type === 'endpoint') {
      const transport = openPort ? relayTransport(openPort) : fetchTransport;
      return endpointSubject({ ...defaultEndpointOptions, ...subject, key }, transport);
    }
    if (subject.type === 'engine') {
      if (!engine)
        throw new InputError('no-model', 'No model is loaded', { advice: 'load one in the Model view' });
      return pageEngineSubject(subject.name, subject.identity, engine);
    }
    return {
      name: subject.name,
      identity: { type: 'responses', sha256: subject.sha256 },
      concurrency: 1,
      generate: () => Promise.reject(new QuestionError('the file has no response to this item', 1)),
    };
  }

  async startRun(
    request: RunRequest,
    means: RunMeans,
    engine: EngineCall | null,
    openPort: OpenPort | null,
  ): Promise<EvaluateResult<string>> {
    try {
      const data = this.#data.get(request.dataId);
      if (!data)
        throw new InputError('no-data', 'The benchmark file is not here any more', {
          advice: 'open it again',
        });
      if (data.info.isPrivate && request.subject.type === 'responses') {
        throw new InputError('private-responses', 'Responses to this benchmark are not kept in the page', {
          advice:
            'grade the file with: acc grade gpqa, and --permutations where each sample had another option order',
        });
      }
      const benchmark = await this.#benchmarkOf(request, data.info.benchmark);
      if (!benchmark)
        throw new InputError('no-shots', 'The file of worked examples is not here any more', {
          advice: 'open it again',
        });
      const subject = this.#subject(request, means.key, engine, openPort);
      const plan: EvaluationPlan = {
        benchmark,
        rows: data.rows,
        dataName: data.info.name,
        dataSha256: data.info.id,
        subject,
        seeds: Array.from({ length: request.seeds }, (_, seed) => seed),
        mode: request.mode,
        selection: { limit: request.limit, slices: {}, maxTokens: null },
        generation: {
          maxNewTokens: request.maxNewTokens,
          temperature: request.temperature,
          topP: request.topP,
        },
        varyPresentation: request.varyPresentation,
        length: await this.#length(),
      };
      const id = identityHash(runIdentity(plan));
      if (this.#runs.get(id)?.controller) return { ok: true, value: id };
      const before = this.#runs.get(id)?.summary;
      const summary: RunSummary = {
        id,
        request,
        benchmark: data.info.benchmark,
        dataName: data.info.name,
        subject: subject.name,
        phase: 'running',
        questions: before?.questions ?? 0,
        done: 0,
        failed: 0,
        mean: null,
        message: null,
        canResume: true,
        createdAt: before ? before.createdAt : Date.now(),
      };
      const run: HeldRun = { summary, controller: new AbortController() };
      this.#runs.set(id, run);
      this.#emit();
      void this.#work(run, plan, means.responses);
      return { ok: true, value: id };
    } catch (error) {
      return failure(error);
    }
  }

  async #work(run: HeldRun, plan: EvaluationPlan, responses: File | null): Promise<void> {
    const folder = this.#folderOf(run.summary.id);
    const file = new StoredJournal(folder, 'responses.jsonl');
    const change = (changes: Partial<RunSummary>): void => {
      run.summary = { ...run.summary, ...changes };
      this.#emit();
    };
    try {
      await folder.writeText('run.json', JSON.stringify(run.summary));
      const journal = await Journal.open(file, runIdentity(plan));
      if (responses) await fillJournal(journal, responses, plan.seeds);
      const { result, items } = await runEvaluation(plan, journal, {
        ...(run.controller ? { signal: run.controller.signal } : {}),
        onProgress: ({ questions, done, failed, mean }) => change({ questions, done, failed, mean }),
      });
      await folder.writeText('items.json', JSON.stringify(items));
      await folder.writeText('result.json', JSON.stringify(result));
      change({ phase: 'done', mean: result.answered > 0 ? result.scores.overall.mean : null });
    } catch (error) {
      if (error instanceof CancelledError)
        change({ phase: 'stopped', message: 'stopped; what was answered is kept' });
      else change({ phase: 'failed', message: messageOf(error) });
    } finally {
      file.close();
      run.controller = null;
      await folder.writeText('run.json', JSON.stringify(run.summary)).catch(() => undefined);
      this.#emit();
    }
  }

  #folderOf(runId: string): Folder {
    return this.#root.folder('runs').folder(runId);
  }

  async cancel(runId: string): Promise<void> {
    this.#runs.get(runId)?.controller?.abort();
  }

  async deleteRun(runId: string): Promise<void> {
    this.#runs.get(runId)?.controller?.abort();
    this.#runs.delete(runId);
    await this.#root.folder('runs').remove(runId);
    this.#emit();
  }

  async #readJson<T>(runId: string, name: string): Promise<T | null> {
    const text = await this.#folderOf(runId).readText(name);
    return text === null ? null : (JSON.parse(text) as T);
  }

  result(runId: string): Promise<EvaluationResult | null> {
    return this.#readJson<EvaluationResult>(runId, 'result.json');
  }

  async questions(dataId: string): Promise<readonly string[]> {
    const data = this.#data.get(dataId);
    if (!data) return [];
    const bench = benchmarkOf(data.info.benchmark);
    const questions: string[] = [];
    for await (const { index, value, problem } of data.rows.rows({})) {
      if (problem) continue;
      const last = bench.messages(bench.read(value, `row ${index}`), 0).at(-1)?.content ?? '';
      questions.push(last.slice(-embeddedCharacters));
    }
    return questions;
  }

  async items(runId: string): Promise<readonly GradedItem[]> {
    return (await this.#readJson<GradedItem[]>(runId, 'items.json')) ?? [];
  }

  async item(runId: string, index: number, seed: number): Promise<EvaluateResult<ItemView>> {
    try {
      const run = this.#runs.get(runId);
      const result = await this.result(runId);
      if (!run || !result) throw new InputError('no-run', 'The run has no result yet');
      const file = new StoredJournal(this.#folderOf(runId), 'responses.jsonl');
      try {
        const entry = await (await Journal.open(file, result.identity)).read(index, seed);
        if (!entry) throw new InputError('no-item', 'The run has no response to this item');
        const data = this.#data.get(run.summary.request.dataId);
        const bench = await this.#benchmarkOf(run.summary.request, run.summary.benchmark);
        if (data && bench) {
          const position = run.summary.request.varyPresentation ? seed % bench.variants : 0;
          for await (const { value } of data.rows.rows({ indices: [index] })) {
            return {
              ok: true,
              value: itemView(bench, bench.read(value, `row ${index}`), entry, result.mode, position),
            };
          }
        }
        const { response, thinking, finish, error, promptTokens, completionTokens, attempts } = entry;
        return { ok: true, value: { index, seed, question: null, questionLength: 0, response, thinking, finish, error, gold: null, diff: null, sets: null, promptTokens, completionTokens, attempts } }; // prettier-ignore
      } finally {
        file.close();
      }
    } catch (error) {
      return failure(error);
    }
  }

  async compare(beforeId: string, afterId: string): Promise<EvaluateResult<RunComparison | null>> {
    try {
      const [before, after] = [this.#runs.get(beforeId)?.summary, this.#runs.get(afterId)?.summary];
      if (!before || !after || before.request.dataId !== after.request.dataId) {
        throw new InputError('different-data', 'Only runs over the same data can be compared');
      }
      if (before.request.mode !== after.request.mode) {
        throw new InputError('different-mode', 'The two runs are graded in different modes', {
          expected: before.request.mode,
          actual: after.request.mode,
        });
      }
      const names = { benchmark: before.benchmark, before: before.subject, after: after.subject };
      const scores = [await this.items(beforeId), await this.items(afterId)] as const;
      const compared = compareScores(...scores, names);
      return { ok: true, value: compared && { ...compared, cells: matrixItems(...scores) } };
    } catch (error) {
      return failure(error);
    }
  }
}

function firstIndices(count: number): number[] {
  return Array.from({ length: Math.min(count, checkedRows) }, (_, index) => index);
}

/** Puts the responses of a file into the journal as if they had been asked for. */
async function fillJournal(journal: Journal, file: File, seeds: readonly number[]): Promise<void> {
  for await (const { text } of jsonLines(blobSource(file.name, file))) {
    let value: JsonValue = null;
    try {
      value = JSON.parse(text) as JsonValue;
    } catch {
      continue;
    }
    if (!isObject(value)) continue;
    const { index, response } = value;
    const seed = value['sample'] ?? value['seed'] ?? 0;
    if (typeof index !== 'number' || typeof response !== 'string' || typeof seed !== 'number') continue;
    if (!seeds.includes(seed) || journal.state(index, seed) === 'answered') continue;
    const split = splitThinking(response);
    await journal.add({
      index,
      seed,
      response: split.text,
      thinking: split.thinking,
      finish: 'stop',
      error: null,
      promptTokens: null,
      completionTokens: null,
      elapsedMs: 0,
      attempts: 1,
      sha256: null,
      graded: null,
    });
  }
}

/** The page's engine as a subject; it answers one question at a time. */
function pageEngineSubject(name: string, identity: string, call: EngineCall): Subject {
  return {
    name,
    identity: { type: 'engine', identity },
    concurrency: 1,
    async generate(messages, options, signal) {
      if (signal.aborted) throw new CancelledError('the evaluation');
      const reply = await call(
        messages.map(({ role, content }) => ({ role, content })),
        options,
      );
      if (signal.aborted) throw new CancelledError('the evaluation');
      if (!reply.ok) {
        if (reply.isFatal) throw new InputError('engine', reply.message);
        throw new QuestionError(reply.message, 1);
      }
      return {
        ...splitThinking(reply.text, reply.opensThinking),
        finish: reply.isCut ? 'length' : 'stop',
        promptTokens: reply.promptTokens,
        completionTokens: reply.completionTokens,
        attempts: 1,
      };
    },
  };
}
