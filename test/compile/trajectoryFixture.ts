import type { JsonObject } from '../../src/core/json.ts';
import { completeTrajectory } from '../../src/trajectories/extract/complete.ts';
import { readSql } from '../../src/trajectories/extract/sqlTables.ts';
import type { DocumentSeen, QueryRun, Step, Trajectory } from '../../src/trajectories/schema.ts';

/** Builds runs by hand: each observation is a string of its own in the record, at `/steps/N/text`. */
export class RunBuilder {
  readonly steps: Step[] = [];
  readonly documents: DocumentSeen[] = [];
  readonly queries: QueryRun[] = [];
  private turn = -1;

  /** One model turn: reasoning, a call and its result. Gives the index of the result's step. */
  call(name: string, args: JsonObject, result: string, reasoning = '', isError = false): number {
    this.turn++;
    if (reasoning !== '') this.push({ type: 'reasoning', text: reasoning });
    const callStep = this.push({
      type: 'toolCall',
      text: JSON.stringify(args),
      callId: null,
      name,
      arguments: args,
    });
    return this.push({
      type: 'toolResult',
      text: result,
      callId: null,
      name,
      callStep,
      isError,
      isTruncated: false,
    });
  }

  /** The model's last message. */
  say(text: string, reasoning = ''): void {
    this.turn++;
    if (reasoning !== '') this.push({ type: 'reasoning', text: reasoning });
    this.push({ type: 'message', role: 'assistant', text });
  }

  /** Marks characters of a step's text as a look at a document. */
  look(
    how: DocumentSeen['how'],
    key: string,
    stepIndex: number,
    part?: string,
    lines: DocumentSeen['lines'] = null,
  ): void {
    const step = this.steps[stepIndex]!;
    const start = part === undefined ? 0 : step.text.indexOf(part);
    const end = part === undefined ? step.text.length : start + part.length;
    const span = { ...step.at, start, end };
    this.documents.push({ key, title: key, how, stepIndex, span, lines, isTruncated: false, rank: null });
  }

  /** A query with what it printed. */
  query(sql: string, result: string, succeeded = true): void {
    const resultStep = this.call('execute_sql', { sql }, result);
    const step = this.steps[resultStep]!;
    const facts = readSql(sql);
    this.queries.push({
      stepIndex: resultStep - 1,
      sql,
      at: this.steps[resultStep - 1]!.at,
      database: null,
      tables: facts.tables,
      isSchemaQuery: facts.isSchemaQuery,
      succeeded,
      result: { ...step.at, start: 0, end: step.text.length },
    });
  }

  build(kind: 'search' | 'swe' | 'sql', fields: Partial<Trajectory> & { question: string }): Trajectory {
    const { question, ...rest } = fields;
    return completeTrajectory({
      id: 'run-1',
      instanceId: null,
      format: 'made',
      source: { file: 'made.jsonl', record: 0 },
      task: { text: question, at: null, via: 'made' },
      steps: this.steps,
      documents: this.documents,
      queries: this.queries,
      kind: { kind, reason: 'made' },
      database: null,
      finalAnswer: null,
      patch: null,
      groundTruth: null,
      outcome: { success: true, reward: 1, reason: 'reward = 1' },
      model: null,
      usage: { inputTokens: null, outputTokens: null, costUsd: null },
      metadata: {},
      ...rest,
    });
  }

  private push(step: Record<string, unknown> & { text: string }): number {
    const index = this.steps.length;
    const at = { file: 'made.jsonl', record: 0, path: `/steps/${index}/text` };
    const range = { start: 0, end: step.text.length };
    this.steps.push({ index, turn: this.turn, at, range, ...step } as Step);
    return index;
  }
}

/** A search run: two pages visited, two documents only returned. */
export function searchRun(fields: Partial<Trajectory> = {}): Trajectory {
  const run = new RunBuilder();
  const first = 'The Long Walk is a novel of 1979.\nIt was written under a pen name.';
  const second = 'Richard Bachman was the pen name of Stephen King.';
  const list = run.call(
    'search',
    { query: 'long walk novel' },
    'Hit A: a film about walking.\nHit B: novels of 1979, a list.',
  );
  run.look('returned', 'a.example/film', list, 'Hit A: a film about walking.');
  run.look('returned', 'b.example/list', list, 'Hit B: novels of 1979, a list.');
  run.look('visited', 'c.example/walk', run.call('visit', { url: 'https://c.example/walk' }, first), first);
  run.look(
    'visited',
    'd.example/bachman',
    run.call('visit', { url: 'https://d.example/bachman' }, second),
    second,
  );
  run.say(
    'The author is Stephen King.',
    'The novel appeared under the pen name Bachman, who is Stephen King.',
  );
  return run.build('search', {
    question: 'Who wrote the novel The Long Walk?',
    finalAnswer: { text: 'Stephen King', at: null, via: 'made' },
    groundTruth: { form: 'text', values: ['Stephen King'], at: null, via: 'answer' },
    ...fields,
  });
}
