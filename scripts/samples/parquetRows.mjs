/** Writes sample records as an uncompressed Parquet file of about the given size, row group by row group. */
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

const groupRows = 2000;
const text = (name) => ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' });

export async function parquetWriteRows(path, records, sizeBytes) {
  if (existsSync(path)) return;
  const columns = ['id', 'question', 'answer', 'messages'];
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    codec: 'UNCOMPRESSED',
    schema: [
      { name: 'root', num_children: columns.length + 1 },
      ...columns.map(text),
      { name: 'reward', type: 'DOUBLE', repetition_type: 'REQUIRED' },
    ],
  });
  const file = openSync(path, 'w');
  let written = 0;
  const flush = () => {
    written += writeSync(file, writer.getBytes());
    writer.index = 0;
  };
  for (let i = 0; written < sizeBytes; i += groupRows) {
    const rows = Array.from({ length: groupRows }, (_, k) => {
      const record = records[(i + k) % records.length];
      // Every text differs, so that no dictionary makes the file small.
      return {
        ...record,
        id: `${record.id}-${i + k}`,
        messages: JSON.stringify([...record.messages, { role: 'user', content: `copy ${i + k}` }]),
      };
    });
    await parquet.write({
      rowGroupSize: groupRows,
      columnData: [
        ...columns.map((name) => ({ name, data: rows.map((row) => row[name]) })),
        { name: 'reward', data: rows.map((row) => row.reward) },
      ],
    });
    flush();
  }
  await parquet.finish();
  flush();
  closeSync(file);
}
