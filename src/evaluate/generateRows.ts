import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet';
import { UsageError } from '../core/errors.ts';
import type { LengthCounter } from './lengthBins.ts';
import { generateGraphWalks, nodesForTokens, type GeneratedGraphWalks } from './graphwalksGenerator.ts';
import { generateMrcrSet, type GeneratedMrcr, type PromptFrame } from './mrcrGenerator.ts';

export const graphProblems = ['bfs', 'parents', 'shortest-path', 'reachability'] as const;
export type GraphProblemName = (typeof graphProblems)[number];

export interface GenerateOptions {
  readonly benchmark: 'mrcr' | 'graphwalks';
  readonly count: number;
  /** Aim for this many tokens of prompt (MRCR: and answer), never above. */
  readonly tokens: number;
  readonly seed: number;
  readonly needles: number;
  /** Taken in turn, row by row. */
  readonly problems: readonly GraphProblemName[];
  readonly depth: number;
  readonly outDegree: number;
  /** Default `published`. */
  readonly frame?: PromptFrame;
  /**
   * Default 1. Rows that follow one another ask about the same conversation or graph, so that a model with a cache of
   * keys and values reads it once. They are no independent items: statistics draw contexts, not rows.
   */
  readonly questionsPerContext?: number;
}

export const defaultGenerateOptions: Omit<GenerateOptions, 'benchmark' | 'count' | 'tokens' | 'seed'> = {
  needles: 2,
  problems: ['bfs', 'parents'],
  depth: 2,
  outDegree: 2,
};

export type GeneratedRow = GeneratedMrcr | GeneratedGraphWalks;

/** Rows of a generated benchmark, one at a time; the same options and tokenizer give the same rows. */
export function* generateRows(options: GenerateOptions, counter: LengthCounter): Generator<GeneratedRow> {
  const { benchmark, count, tokens, seed, frame = 'published', questionsPerContext = 1 } = options;
  if (!(Number.isInteger(count) && count > 0))
    throw new UsageError('bad-count', 'The number of rows must be a whole number above 0');
  if (!(Number.isInteger(tokens) && tokens > 0))
    throw new UsageError('bad-tokens', 'The number of tokens must be a whole number above 0');
  const counted = (text: string): number => counter.count(text);
  if (benchmark === 'mrcr') {
    for (let row = 0; row < count; row += questionsPerContext) {
      const questions = Math.min(questionsPerContext, count - row);
      yield* generateMrcrSet(
        { needles: options.needles, tokens, seed: `${seed}/${row}`, frame, questions },
        counted,
      );
    }
    return;
  }
  const { outDegree, depth, problems } = options;
  const nodes = nodesForTokens(tokens, outDegree, counted, frame);
  for (let row = 0; row < count; row += questionsPerContext) {
    const problemOf = (at: number): GraphProblemName => problems[(row + at) % problems.length] ?? 'bfs';
    const graph = { outDegree, depth, seed: `${seed}/${row}`, frame };
    if (questionsPerContext === 1) {
      yield fittingGraph({ ...graph, problem: problemOf(0), nodes }, tokens, counted).row;
      continue;
    }
    const at = Array.from({ length: Math.min(questionsPerContext, count - row) }, (_, question) => question);
    // The graph that fits all questions is the smallest of those that fit one.
    const fits = at.map(
      (question) =>
        fittingGraph({ ...graph, problem: problemOf(question), nodes, question }, tokens, counted).nodes,
    );
    const size = Math.min(...fits);
    for (const question of at)
      yield generateGraphWalks({ ...graph, problem: problemOf(question), nodes: size, question });
  }
}

type GraphOptions = Parameters<typeof generateGraphWalks>[0];

/** A prompt that fills this much of its tokens is near enough. */
const nearEnough = 0.97;

/**
 * Ids differ in tokens, most of all where a tokenizer knows only the first of them: the estimate of the node count is
 * lowered until the prompt fits, then raised again by halving where that went too far.
 */
function fittingGraph(
  options: GraphOptions,
  tokens: number,
  count: (text: string) => number,
): { readonly row: GeneratedGraphWalks; readonly nodes: number } {
  const make = (nodes: number): { row: GeneratedGraphWalks; used: number } => {
    const row = generateGraphWalks({ ...options, nodes });
    return { row, used: count(row.prompt) };
  };
  let tooMany: number | null = null;
  let { nodes } = options;
  let best = make(nodes);
  while (best.used > tokens) {
    if (nodes <= 2) {
      throw new UsageError('too-few-tokens', 'No graph fits', {
        expected: `at least ${best.used} tokens`,
        actual: String(tokens),
        advice: 'the instructions of a GraphWalks prompt alone take several hundred tokens',
      });
    }
    tooMany = nodes;
    nodes = Math.max(2, Math.min(nodes - 1, Math.floor((nodes * tokens) / best.used)));
    best = make(nodes);
  }
  while (tooMany !== null && tooMany - nodes > 1 && best.used < nearEnough * tokens) {
    const middle = Math.floor((nodes + tooMany) / 2);
    const next = make(middle);
    if (next.used > tokens) tooMany = middle;
    else [nodes, best] = [middle, next];
  }
  return { row: best.row, nodes };
}

const text = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'REQUIRED',
});
const integer = (name: string): SchemaElement => ({ name, type: 'INT64', repetition_type: 'REQUIRED' });

const mrcrSchema: SchemaElement[] = [
  { name: 'schema', num_children: 8 },
  text('prompt'),
  text('answer'),
  text('random_string_to_prepend'),
  integer('n_needles'),
  integer('desired_msg_index'),
  integer('total_messages'),
  integer('n_chars'),
  text('date_added'),
];
const graphSchema: SchemaElement[] = [
  { name: 'schema', num_children: 5 },
  text('prompt'),
  { name: 'answer_nodes', converted_type: 'LIST', num_children: 1, repetition_type: 'REQUIRED' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  text('element'),
  integer('prompt_chars'),
  text('problem_type'),
  text('date_added'),
];

/** Characters of prompts in one row group: what a writer and a reader hold at a time. */
const groupLength = 8_000_000;

/** Writes generated rows as a Parquet file of the published columns (Snappy, row groups of bounded size). */
export class BenchmarkParquet {
  private readonly writer = new ByteWriter();
  private readonly parquet: ParquetWriter;
  private readonly schema: SchemaElement[];
  private rows: GeneratedRow[] = [];
  private length = 0;

  constructor(benchmark: 'mrcr' | 'graphwalks') {
    this.schema = benchmark === 'mrcr' ? mrcrSchema : graphSchema;
    this.parquet = new ParquetWriter({
      writer: this.writer,
      schema: this.schema,
      createdBy: 'acc-workbench',
    });
  }

  /** Adds a row; gives the bytes of a finished row group, or null. */
  async add(row: GeneratedRow): Promise<Uint8Array | null> {
    this.rows.push(row);
    this.length += row.prompt.length;
    return this.length >= groupLength ? this.writeGroup() : null;
  }

  /** The rest of the file. */
  async finish(): Promise<Uint8Array> {
    const group = this.rows.length > 0 ? await this.writeGroup() : new Uint8Array(0);
    await this.parquet.finish();
    const footer = this.take();
    const bytes = new Uint8Array(group.length + footer.length);
    bytes.set(group);
    bytes.set(footer, group.length);
    return bytes;
  }

  private async writeGroup(): Promise<Uint8Array> {
    const { rows } = this;
    const columns = this.schema.filter(
      ({ name, num_children: children, repetition_type: kind }) =>
        name !== 'schema' && name !== 'element' && (children === undefined || kind !== 'REPEATED'),
    );
    await this.parquet.write({
      rowGroupSize: rows.length,
      columnData: columns.map(({ name, type }) => ({
        name,
        data: rows.map((row) => {
          const value = (row as unknown as Record<string, unknown>)[name];
          return type === 'INT64' ? BigInt(value as number) : value;
        }),
      })),
    });
    this.rows = [];
    this.length = 0;
    return this.take();
  }

  private take(): Uint8Array {
    const bytes = this.writer.getBytes().slice();
    this.writer.index = 0;
    return bytes;
  }
}
