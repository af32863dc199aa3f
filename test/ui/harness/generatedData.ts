import type { CompileOptions, Rejection } from '../../../src/compile/types.ts';
import { everyExample } from '../../../src/state/filters.ts';
import type {
  CompiledSet,
  DataApi,
  DataEvent,
  ExampleFilter,
  ExampleQuery,
  ExampleRow,
  FacetValue,
  OpenedProject,
  TrajectoryRow,
} from '../../../src/workers/dataApi.ts';
import { generatedExample, type Generated } from './generatedExamples.ts';

const inOrder = { column: 'row', descending: false } as const;

/** Characters of the longest example: 131,072 tokens at five characters each. */
export const longCharacters = 655_360;

const options: CompileOptions = {
  budget: 131_072,
  seed: 0,
  order: 'shuffle',
  distractors: 'all',
  distractorTier: 2,
  control: 'none',
  mask: null,
  match: 'processed',
  sweAnswer: 'diff',
  rationale: 'keep',
  acceptUnverified: false,
  perInstanceCap: null,
  countTokens: true,
  kindOverrides: {},
};

function rowOf(index: number, { example }: Generated, excluded: ReadonlySet<string>): ExampleRow {
  const count = (status: string): number =>
    example.verification.filter((check) => check.status === status).length;
  return {
    row: index,
    id: example.id,
    kind: example.kind,
    questionPreview: example.question.slice(0, 160),
    answerPreview: example.answer.slice(0, 80),
    promptTokens: example.tokens.prompt,
    completionTokens: example.tokens.completion,
    goldCount: example.evidence.filter(({ role }) => role === 'gold').length,
    distractorCount: example.evidence.filter(({ role }) => role === 'distractor').length,
    droppedCount: example.dropped.length,
    failCount: count('fail'),
    warnCount: count('warn'),
    passCount: count('pass'),
    flags: example.flags,
    trajectoryId: example.source.trajectoryId,
    file: example.source.file,
    excluded: excluded.has(example.id),
    sizeBytes: 1000,
  };
}

function facet(values: readonly string[]): FacetValue[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, label: value, count }));
}

/** A data worker in the page, over generated examples. The first is as long as the largest budget. */
export function generatedData({
  exampleCount,
  stale,
  twoSets,
}: {
  exampleCount: number;
  stale: boolean;
  twoSets: boolean;
}): DataApi {
  const cache = new Map<number, Generated>();
  const generated = (index: number): Generated => {
    const held = cache.get(index);
    if (held) return held;
    const made = index === 0 ? generatedExample(0, longCharacters) : generatedExample(index);
    cache.set(index, made);
    return made;
  };
  const excluded = new Set<string>();
  let revision = 1;
  let emit: (events: readonly DataEvent[]) => void = () => undefined;
  const rows = (): ExampleRow[] =>
    Array.from({ length: exampleCount }, (_, index) => rowOf(index, generated(index), excluded));
  const passes = (row: ExampleRow, filter: ExampleFilter): boolean =>
    (filter.kinds?.includes(row.kind) ?? true) &&
    (filter.flags?.some((flag) => row.flags.includes(flag)) ?? true) &&
    (filter.outcomes?.includes(row.failCount > 0 ? 'fail' : row.warnCount > 0 ? 'warn' : 'pass') ?? true) &&
    filter.ranges.every((range) => row[range.column] >= range.min && row[range.column] <= range.max) &&
    (filter.excluded === 'show' || row.excluded === (filter.excluded === 'only')) &&
    `${row.questionPreview} ${row.id}`.toLowerCase().includes(filter.text.toLowerCase());
  const sorted = ({ filter, sort }: Pick<ExampleQuery, 'filter' | 'sort'>): ExampleRow[] => {
    const found = rows().filter((row) => passes(row, filter));
    const value = (row: ExampleRow): number | string =>
      sort.column === 'severity'
        ? -(row.failCount * 1000 + row.warnCount)
        : sort.column === 'question'
          ? row.questionPreview
          : row[sort.column];
    found.sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
    return sort.descending ? found.reverse() : found;
  };
  const rejections: Rejection[] = (
    [
      ['verify', 'wrong-answer', 'the final answer differs from the ground truth', 19],
      ['verify', 'no-verdict', 'the log records neither reward nor ground truth', 7],
      ['evidence', 'no-visited-page', 'no page was visited', 4],
      ['budget', 'gold-over-budget', 'gold evidence alone has 140,211 tokens, the budget is 131,072', 3],
      ['duplicate', 'same-question', 'the question equals that of search-0003', 6],
    ] as const
  ).flatMap(([stage, code, reason, count]) =>
    Array.from({ length: count }, (_, index) => ({
      trajectoryId: `${code}-${index}`,
      file: 'runs/search.jsonl',
      record: index,
      kind: 'search' as const,
      stage,
      code,
      reason,
    })),
  );
  const set: CompiledSet = {
    id: 'set-1',
    name: 'Shuffled, 128k',
    createdAt: 1_790_000_000_000,
    phase: 'complete',
    request: {
      name: null,
      options,
      tokenizerId: 'qwen3',
      selection: { type: 'all' },
      databaseFileIds: [],
      benchmarkFileIds: [],
    },
    trajectoryCount: exampleCount + rejections.length,
    exampleCount,
    rejectionCount: rejections.length,
    excludedCount: 0,
    sizeBytes: 1_000_000,
    sha256: 'a41c9d0e'.repeat(8),
    stale: stale ? '3 trajectories were imported since' : null,
  };
  const older = { ...set, id: 'set-0', name: 'Identity, 32k', sha256: 'b52d0e1f'.repeat(8), stale: null };
  const sets = exampleCount > 0 ? [...(twoSets ? [older] : []), set] : [];
  const project = {
    id: 'p1',
    name: 'Harbour study',
    createdAt: 1_790_000_000_000,
    changedAt: 1_790_000_000_000,
    fileCount: 3,
    trajectoryCount: set.trajectoryCount,
    setCount: 1,
    sizeBytes: 12_400_000,
    isSample: false,
  };
  const trajectoryRow = (index: number): TrajectoryRow => {
    const { example, steps } = generated(index);
    return {
      id: example.source.trajectoryId,
      format: 'openai-chat',
      formatLabel: 'OpenAI chat',
      file: example.source.file,
      fileId: 1,
      record: index,
      row: index,
      kind: example.kind,
      inferredKind: example.kind,
      kindReason: '7 calls of visit',
      taskPreview: example.question,
      answerPreview: example.answer,
      success: true,
      reward: 1,
      turnCount: steps.length / 3,
      stepCount: steps.length,
      toolCallCount: steps.length / 3,
      documentCount: example.evidence.length,
      queryCount: 0,
      characterCount: 10_000,
      issueCount: 0,
      excluded: false,
      sizeBytes: 10_000,
    };
  };
  const indexOf = (id: string): number => Number(/(\d+)$/.exec(id)?.[1] ?? 0);
  const storage = {
    kind: 'opfs',
    reason: null,
    usageBytes: 12_400_000,
    quotaBytes: 1e10,
    copyLimitBytes: 1e9,
  } as const;

  const known: Partial<DataApi> = {
    start: async (onEvents) => {
      emit = onEvents;
      const opened = {
        project,
        projects: [project],
        storage,
        files: Array.from({ length: exampleCount > 0 ? 3 : 0 }, (_, index) => ({
          id: index + 1,
          path: `runs/${['search', 'swe', 'sql'][index]}.jsonl`,
          sizeBytes: 4_000_000,
          role: 'trajectories' as const,
          phase: 'done' as const,
          formats: [
            { id: 'openai-chat', label: 'OpenAI chat', trajectoryCount: 80, evidence: 'messages with roles' },
          ],
          trajectoryCount: 80,
          errorCount: 0,
          warningCount: 0,
          message: null,
          keptBy: 'copy' as const,
          needsPermission: false,
          databases: [],
        })),
        trajectoryCount: exampleCount > 0 ? set.trajectoryCount : 0,
        sets,
        settings: null,
        poolSize: 2,
        formats: [],
        defaultOptions: options,
      };
      return { ok: true, value: opened as unknown as OpenedProject };
    },
    saveSettings: async () => undefined,
    listProjects: async () => [project],
    listTokenizers: async () => [{ id: 'qwen3', label: 'Qwen3', vocabSize: 151_936 }],
    queryTrajectories: async ({ offset, limit }) => ({
      revision,
      total: exampleCount,
      offset,
      rows: Array.from({ length: Math.max(0, Math.min(limit, exampleCount - offset)) }, (_, index) =>
        trajectoryRow(offset + index),
      ),
    }),
    trajectoryFacets: async () => ({
      revision,
      total: exampleCount,
      kinds: [],
      formats: [],
      success: [],
      files: [],
      withIssues: 0,
      excluded: 0,
    }),
    trajectoryHistogram: async () => ({
      edges: [0, 1],
      series: [],
      scale: 'linear',
      count: 0,
      p50: null,
      p95: null,
      highest: null,
    }),
    openTrajectory: async (id) => {
      const index = indexOf(id);
      const { steps } = generated(index);
      const row = trajectoryRow(index);
      return {
        ok: true,
        value: {
          row,
          trajectory: {
            id,
            instanceId: null,
            format: row.format,
            source: { file: row.file, record: index },
            kind: { kind: row.kind, reason: row.kindReason },
            task: null,
            steps,
            documents: [],
            queries: [],
            database: null,
            finalAnswer: null,
            patch: null,
            groundTruth: null,
            outcome: { success: true, reward: 1, reason: 'reward = 1' },
            model: null,
            usage: { inputTokens: null, outputTokens: null, costUsd: null },
            tools: {},
            metadata: {},
            issues: [],
          },
          textLimit: 100_000,
          textLengths: steps.map(({ text }) => text.length),
          neighbours: { previous: null, next: null, position: index, total: exampleCount },
        },
      };
    },
    locateSource: async (trajectoryId, source) => ({
      ok: true,
      value: { trajectoryId, stepIndex: 3 + 3 * source.turn, start: 0, end: 10 },
    }),
    previewCompile: async (trajectoryId, request) => {
      const { example } = generated(indexOf(trajectoryId));
      return {
        ok: true,
        value: {
          trajectoryId,
          example: { ...example, order: request.options.order, seed: request.options.seed },
          rejection: null,
          elapsedMs: 12,
        },
      };
    },
    queryExamples: async (query) => {
      const found = sorted(query);
      const { offset, limit } = query;
      return { revision, total: found.length, offset, rows: found.slice(offset, offset + limit) };
    },
    exampleIds: async (query) =>
      sorted(query)
        .slice(query.offset, query.offset + query.limit)
        .map(({ id }) => id),
    exampleFacets: async (_set, filter) => {
      const found = rows();
      return {
        revision,
        total: found.filter((row) => passes(row, filter)).length,
        kinds: facet(found.map(({ kind }) => kind)),
        flags: facet(found.flatMap(({ flags }) => flags)),
        outcomes: facet(
          found.map((row) => (row.failCount > 0 ? 'fail' : row.warnCount > 0 ? 'warn' : 'pass')),
        ),
        excluded: excluded.size,
      };
    },
    exampleHistogram: async (_set, filter) => {
      const edges = Array.from({ length: 67 }, (_, bin) => bin * 2000);
      const found = rows().filter((row) => passes(row, { ...filter, ranges: [] }));
      return {
        edges,
        scale: 'linear',
        count: found.length,
        p50: null,
        p95: null,
        highest: null,
        series: (['search', 'swe', 'sql'] as const).map((kind) => ({
          kind,
          counts: edges
            .slice(1)
            .map(
              (end, bin) =>
                found.filter(
                  (row) => row.kind === kind && row.promptTokens >= edges[bin]! && row.promptTokens < end,
                ).length,
            ),
        })),
      };
    },
    evidencePositions: async (_set, binCount) =>
      (['gold', 'distractor'] as const).map((role) => {
        const counts = Array.from({ length: binCount }, () => 0);
        for (let index = 0; index < exampleCount; index++) {
          const { example } = generated(index);
          const length = example.messages[0]!.content.length;
          for (const piece of example.evidence) {
            if (piece.role !== role) continue;
            counts[
              Math.min(binCount - 1, Math.floor(((piece.start + piece.end) / 2 / length) * binCount))
            ]!++;
          }
        }
        return { role, counts };
      }),
    readExample: async (_set, id, query = { filter: everyExample, sort: inOrder }) => {
      const index = indexOf(id);
      const order = sorted(query).map((row) => row.id);
      const position = order.indexOf(id);
      const made = generated(index);
      return {
        ok: true,
        value: {
          row: rowOf(index, made, excluded),
          example: made.example,
          neighbours: {
            previous: order[position - 1] ?? null,
            next: order[position + 1] ?? null,
            position,
            total: order.length,
          },
        },
      };
    },
    measureExample: async (_set, id) => {
      const { example } = generated(indexOf(id));
      const length = example.messages[0]!.content.length;
      const offsets = Uint32Array.from({ length: Math.ceil(length / 5) }, (_, token) => token * 5);
      return {
        ok: true,
        value: {
          tokenizer: 'qwen3',
          total: offsets.length,
          pieces: example.evidence.map(({ id: piece, start, end }) => ({
            id: piece,
            start: Math.ceil(start / 5),
            end: Math.ceil(end / 5),
          })),
          question: null,
          offsets,
        },
      };
    },
    rejectionSummary: async () => {
      const groups = new Map<
        string,
        { stage: Rejection['stage']; code: string; count: number; sample: string }
      >();
      for (const { stage, code, reason } of rejections) {
        const held = groups.get(code);
        groups.set(code, { stage, code, count: (held?.count ?? 0) + 1, sample: reason });
      }
      return { total: rejections.length, groups: [...groups.values()] };
    },
    queryRejections: async ({ stage, code, offset, limit }) => {
      const found = rejections.filter(
        (each) => (!stage || each.stage === stage) && (!code || each.code === code),
      );
      return { total: found.length, rejections: found.slice(offset, offset + limit) };
    },
    exampleOfTrajectory: async () => ({ ok: true, value: null }),
    readCard: async () => ({ ok: true, value: '---\npretty_name: Generated\n---\n\n# Generated examples\n' }),
    readRecipe: async () => ({ ok: true, value: JSON.stringify({ options, inputs: [] }, null, 2) }),
    editHistory: async () => ({ undo: excluded.size > 0 ? 'exclude an example' : null, redo: null }),
    excludeExamples: async (_set, ids, value, label) => {
      for (const id of ids) {
        if (value) excluded.add(id);
        else excluded.delete(id);
      }
      revision++;
      emit([{ type: 'examples', setId: set.id, revision }]);
      return { ok: true, value: { undo: label, redo: null } };
    },
    undo: async () => {
      excluded.clear();
      revision++;
      emit([{ type: 'examples', setId: set.id, revision }]);
      return { ok: true, value: { undo: null, redo: 'exclude an example' } };
    },
    exportSet: async () => ({ ok: true, value: { jobId: 'j1' } }),
    exportResult: async () => ({
      ok: true,
      value: {
        fileName: 'examples.jsonl',
        sizeBytes: 1234,
        exampleCount,
        file: null,
        configSnippet: 'dataset:\n  path: examples.jsonl\n',
        warnings: ['2 e-mail addresses in 1 example'],
      },
    }),
    startCompile: async () => ({
      ok: false,
      code: 'not-here',
      message: 'The test page compiles nothing',
      advice: null,
    }),
    cancel: () => undefined,
    queryIssues: async () => ({ total: 0, notKept: 0, issues: [] }),
  };
  return new Proxy(known as DataApi, {
    get: (own, name, receiver) => {
      if (name in own || typeof name === 'symbol') return Reflect.get(own, name, receiver) as unknown;
      return async () => ({
        ok: false,
        code: 'not-here',
        message: `no ${name} in the test page`,
        advice: null,
      });
    },
  });
}
