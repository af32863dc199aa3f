import {
  exportTargets,
  accRow,
  openAiRow,
  promptCompletionRow,
  shareGptRow,
  tokenIdsRow,
  type ExportRow,
} from '../compile/export/formats.ts';
import { ParquetExport } from '../compile/export/parquet.ts';
import { trainerConfigs } from '../compile/export/trainerConfigs.ts';
import { scanSecrets } from '../compile/curate/secrets.ts';
import type { Example } from '../compile/types.ts';
import { InputError, throwIfCancelled } from '../core/errors.ts';
import { ChatTemplate } from '../tokenizer/chatTemplate.ts';
import type { StoredCompiledSet } from './compiledSet.ts';
import type { ExportFormat, ExportRequest, ExportResult } from './dataApi.ts';
import { heldOutFlag } from './exampleTable.ts';
import { count } from './importJob.ts';
import type { JobHandle } from './jobs.ts';
import type { ChatTokenizer } from './tokenizers.ts';

const options = { escapeMedia: false };
const writeBytes = 1 << 20;

/** Where an export goes: a file that the reader chose, or one of ours to be downloaded. */
interface Target {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<File | null>;
  abandon(): Promise<void>;
}

async function targetOf(set: StoredCompiledSet, request: ExportRequest, name: string): Promise<Target> {
  if (request.handle) {
    const stream = await request.handle.createWritable();
    return {
      write: (bytes) => stream.write(bytes as BufferSource),
      close: async () => {
        await stream.close();
        return null;
      },
      abandon: () => stream.abort(),
    };
  }
  const folder = set.folder.folder('exports');
  const file = await folder.openAppend(name, 0);
  return {
    write: async (bytes) => file.append(bytes),
    close: async () => {
      file.flush();
      file.close();
      return folder.readFile(name);
    },
    abandon: async () => {
      file.close();
      await folder.remove(name);
    },
  };
}

function rowMaker(
  format: Exclude<ExportFormat, 'parquet'>,
  chat: ChatTokenizer | null,
): (example: Example) => ExportRow {
  switch (format) {
    case 'openai':
      return (example) => openAiRow(example, options);
    case 'sharegpt':
      return (example) => shareGptRow(example, options);
    case 'acc':
      return (example) => accRow(example, options);
    case 'prompt-completion':
      return (example) => promptCompletionRow(example, options);
    case 'token-ids': {
      if (!chat) throw new Error('Internal error: token ids need a tokenizer');
      const template = new ChatTemplate(chat.template);
      return (example) => tokenIdsRow(example, options, chat.tokenizer, template);
    }
  }
}

/** Writes a set in another trainer's format, example by example, without the excluded ones. */
export async function runExport(
  set: StoredCompiledSet,
  request: ExportRequest,
  chat: ChatTokenizer | null,
  job: JobHandle,
): Promise<ExportResult> {
  if (!exportTargets.includes(request.format)) {
    throw new InputError('unknown-format', `There is no export format ${request.format}`, {
      expected: exportTargets.join(', '),
    });
  }
  const { table } = set;
  const wanted = request.ids ? new Set(request.ids) : null;
  const rows: number[] = [];
  let heldOut = 0;
  for (let row = 0; row < table.length; row++) {
    const id = table.id.at(row);
    if (wanted ? !wanted.has(id) : set.excluded.has(id)) continue;
    // The evaluation split never gets into a training file unasked.
    if (!wanted && table.heldOut.has(id)) heldOut++;
    else rows.push(row);
  }
  const name = `examples.${request.format}.${request.format === 'parquet' ? 'parquet' : 'jsonl'}`;
  const target = await targetOf(set, request, name);
  const parquet = request.format === 'parquet' ? new ParquetExport(options) : null;
  const toRow = request.format === 'parquet' ? null : rowMaker(request.format, chat);
  const encoder = new TextEncoder();
  const size = { examples: 0, tokens: 0, squares: 0 };
  // Rows of controls may be longer than the budget.
  let longest = set.info.request.options.budget;
  let sizeBytes = 0;
  let waiting = '';
  let withSecrets = 0;
  const write = async (bytes: Uint8Array | null): Promise<void> => {
    if (!bytes) return;
    sizeBytes += bytes.length;
    await target.write(bytes);
  };
  try {
    let done = 0;
    for (const row of rows) {
      throwIfCancelled(job.signal, 'Export');
      const example = JSON.parse(await set.line(row)) as Example;
      if (example.messages.some((message) => scanSecrets(message.content).length > 0)) withSecrets++;
      const length = example.tokens.prompt + example.tokens.completion;
      size.examples++;
      size.tokens += length;
      size.squares += length * length;
      longest = Math.max(longest, length);
      if (parquet) await write(await parquet.add(example));
      else if (toRow) {
        waiting += `${JSON.stringify(toRow(example))}\n`;
        if (waiting.length >= writeBytes) {
          await write(encoder.encode(waiting));
          waiting = '';
        }
      }
      done++;
      job.progress({
        stage: `writing ${name}`,
        doneItems: done,
        totalItems: rows.length,
        doneBytes: sizeBytes,
      });
    }
    await write(parquet ? await parquet.finish() : encoder.encode(waiting));
  } catch (error) {
    await target.abandon();
    throw error;
  }
  const file = await target.close();
  job.finish(`${count(rows.length, 'example', 'examples')} in ${name}`);
  const configs = trainerConfigs(request.format, name, longest, size);
  return {
    fileName: name,
    sizeBytes,
    exampleCount: rows.length,
    file,
    configSnippet: configs.map(({ name: config, text }) => `# ${config}\n${text}`).join('\n') || null,
    warnings: [
      ...(withSecrets === 0
        ? []
        : [
            `${count(withSecrets, 'example holds', 'examples hold')} what looks like a secret or an e-mail address: filter by flag before sharing.`,
          ]),
      ...(heldOut === 0
        ? []
        : [
            `${count(heldOut, 'example is', 'examples are')} held out for evaluation and not in this file: filter by the flag ${heldOutFlag} and export those.`,
          ]),
    ],
  };
}
