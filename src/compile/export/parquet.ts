import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet';
import type { Example } from '../types.ts';
import type { ExportOptions } from './formats.ts';
import { cleanMessages } from './formats.ts';

/** A row group is written when its text reaches this many characters: memory stays bounded. */
const groupLength = 32_000_000;

const text = (name: string, optional = false): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: optional ? 'OPTIONAL' : 'REQUIRED',
});
const number = (name: string): SchemaElement => ({ name, type: 'INT64', repetition_type: 'REQUIRED' });
const json = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'JSON',
  repetition_type: 'REQUIRED',
});

const columns = ['id', 'kind', 'messages', 'question', 'answer', 'rationale', 'evidence', 'order', 'seed', 'prompt_tokens',
  'completion_tokens', 'tokenizer', 'verification', 'source', 'flags'] as const; // prettier-ignore

const schema: SchemaElement[] = [
  { name: 'root', num_children: columns.length },
  text('id'),
  text('kind'),
  { name: 'messages', converted_type: 'LIST', num_children: 1, repetition_type: 'REQUIRED' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  { name: 'element', num_children: 2, repetition_type: 'REQUIRED' },
  text('role'),
  text('content'),
  text('question'),
  text('answer'),
  text('rationale', true),
  json('evidence'),
  text('order'),
  number('seed'),
  number('prompt_tokens'),
  number('completion_tokens'),
  text('tokenizer'),
  json('verification'),
  json('source'),
  { name: 'flags', converted_type: 'LIST', num_children: 1, repetition_type: 'REQUIRED' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  text('element'),
];

/**
 * Writes examples as Parquet (Snappy) in row groups of bounded size: `messages` as list<struct<role, content>>,
 * the nested rest as JSON columns. Deterministic: no times, a fixed writer name.
 */
export class ParquetExport {
  private readonly writer = new ByteWriter();
  private readonly parquet: ParquetWriter;
  private readonly options: ExportOptions;
  private rows: Example[] = [];
  private length = 0;

  constructor(options: ExportOptions) {
    this.options = options;
    this.parquet = new ParquetWriter({ writer: this.writer, schema, createdBy: 'acc-workbench' });
  }

  /** Adds a row; gives the bytes of a finished row group, or null. */
  async add(example: Example): Promise<Uint8Array | null> {
    this.rows.push(example);
    for (const message of example.messages) this.length += message.content.length;
    return this.length >= groupLength ? this.writeGroup() : null;
  }

  /** The rest of the file: the last row group and the footer. */
  async finish(): Promise<Uint8Array> {
    const parts = this.rows.length > 0 ? [await this.writeGroup()] : [];
    await this.parquet.finish();
    parts.push(this.take());
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  private async writeGroup(): Promise<Uint8Array> {
    const { rows } = this;
    const column = <T>(
      name: (typeof columns)[number],
      value: (example: Example) => T,
    ): { name: string; data: T[] } => ({
      name,
      data: rows.map(value),
    });
    await this.parquet.write({
      rowGroupSize: rows.length,
      columnData: [
        column('id', (row) => row.id),
        column('kind', (row) => row.kind),
        column('messages', (row) =>
          cleanMessages(row, this.options).map(({ role, content }) => ({ role, content })),
        ),
        column('question', (row) => row.question),
        column('answer', (row) => row.answer),
        column('rationale', (row) => row.rationale ?? undefined),
        column('evidence', (row) => row.evidence),
        column('order', (row) => row.order),
        column('seed', (row) => BigInt(row.seed)),
        column('prompt_tokens', (row) => BigInt(row.tokens.prompt)),
        column('completion_tokens', (row) => BigInt(row.tokens.completion)),
        column('tokenizer', (row) => row.tokens.tokenizer),
        column('verification', (row) => row.verification),
        column('source', (row) => row.source),
        column('flags', (row) => [...row.flags]),
      ] as never,
    });
    this.rows = [];
    this.length = 0;
    return this.take();
  }

  /** The bytes written since the last call; offsets in the footer stay absolute. */
  private take(): Uint8Array {
    const bytes = this.writer.getBytes().slice();
    this.writer.index = 0;
    return bytes;
  }
}
