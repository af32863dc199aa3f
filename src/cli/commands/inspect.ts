import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '../../core/errors.ts';
import { summariseTrajectory } from '../../trajectories/extract/complete.ts';
import {
  importFile,
  type FoundDatabase,
  type IdRegistry,
  type ImportTotals,
  type RecognisedFile,
} from '../../trajectories/import.ts';
import type { Issue, Trajectory } from '../../trajectories/schema.ts';
import { openPlanned, planInputs, type PlannedFile } from '../folderInputs.ts';
import { inspectText, remarksText } from './inspectText.ts';
import {
  endProgress,
  EXIT_DONE,
  EXIT_REJECTED,
  EXIT_UNUSABLE,
  note,
  print,
  printJson,
  progressLine,
} from '../output.ts';

const HELP = `acc inspect FILE… [--json] [--rows N]

Says what files hold. FILE is a file, a folder or - for standard input; archives (zip, Inspect .eval, gz, zst,
tar) are opened, and formats are recognised by content.

  --json     one JSON document on standard output
  --rows N   trajectories listed for each file in the table (default 20, 0 for all)

Exit codes: 0 done, 1 some input was rejected or unrecognised (listed), 2 usage or unreadable input.`;

/** What a table row or JSON entry says about one trajectory. */
export interface InspectedTrajectory {
  readonly id: string;
  readonly instanceId: string | null;
  readonly file: string;
  readonly record: number;
  readonly format: string;
  readonly kind: string;
  readonly kindReason: string;
  readonly turns: number;
  readonly steps: number;
  readonly tools: Readonly<Record<string, number>>;
  readonly documents: number;
  readonly queries: number;
  readonly characters: number;
  readonly question: { readonly via: string; readonly preview: string } | null;
  readonly answer: { readonly via: string; readonly preview: string } | null;
  readonly patch: boolean;
  readonly groundTruth: { readonly form: string; readonly values: number; readonly via: string } | null;
  readonly success: boolean | null;
  readonly reward: number | null;
  readonly outcome: string;
  readonly model: string | null;
  readonly issues: readonly Issue[];
}

/** Everything found in one file that was named on the command line or lies in a folder that was. */
export interface InspectedFile {
  readonly file: string;
  readonly sizeBytes: number | null;
  readonly formats: readonly RecognisedFile[];
  readonly trajectories: readonly InspectedTrajectory[];
  readonly databases: readonly FoundDatabase[];
  readonly issues: readonly Issue[];
  readonly totals: ImportTotals | null;
  /** Why the file could not be read at all. */
  readonly failure: string | null;
}

/** `acc inspect`: see `HELP`. */
export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseOptions(argv);
  if (values.help) {
    await print(HELP);
    return EXIT_DONE;
  }
  if (positionals.length === 0)
    throw new UsageError('no-input', 'acc inspect needs a FILE', { advice: HELP });
  const rows = Number(values.rows);
  if (!Number.isInteger(rows) || rows < 0) {
    throw new UsageError('bad-option', '--rows needs a whole number', { actual: values.rows });
  }
  const files: InspectedFile[] = [];
  const ids: IdRegistry = new Map();
  const asWritten = ({ path }: { readonly path: string }): string => path;
  const { files: inputs, remarks } = await planInputs(positionals, undefined, asWritten);
  for (const input of inputs) {
    const file = await inspectPath(input, ids);
    files.push(file);
    if (!values.json) await print(inspectText(file, rows));
  }
  if (values.json) await printJson({ files, remarks, totals: sumOf(files) });
  else await print(remarksText(remarks) + totalsLine(files));
  if (files.length > 0 && files.every((file) => file.failure !== null)) return EXIT_UNUSABLE;
  const isRejected = (file: InspectedFile): boolean =>
    file.failure !== null || file.issues.some((issue) => issue.severity === 'error');
  return files.some(isRejected) ? EXIT_REJECTED : EXIT_DONE;
}

function parseOptions(argv: string[]): {
  values: { json: boolean; help: boolean; rows: string };
  positionals: string[];
} {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        rows: { type: 'string', default: '20' },
      },
    });
  } catch (error) {
    throw new UsageError('bad-option', messageOf(error));
  }
}

async function inspectPath(input: PlannedFile, ids: IdRegistry): Promise<InspectedFile> {
  const found = {
    file: input.path,
    sizeBytes: null as number | null,
    formats: [] as RecognisedFile[],
    trajectories: [] as InspectedTrajectory[],
    databases: [] as FoundDatabase[],
    issues: [] as Issue[],
    totals: null as ImportTotals | null,
    failure: null as string | null,
  };
  try {
    const { verdicts, isMember } = input;
    const source = await openPlanned(input);
    found.file = source.name;
    found.sizeBytes = source.sizeBytes;
    try {
      for await (const event of importFile(source, { ids, isMember, ...(verdicts ? { verdicts } : {}) })) {
        if (event.type === 'file') found.formats.push(event.file);
        else if (event.type === 'trajectory') found.trajectories.push(inspected(event.trajectory));
        else if (event.type === 'database') found.databases.push(event.database);
        else if (event.type === 'issue') found.issues.push(event.issue);
        else if (event.type === 'done') found.totals = event.totals;
        else showProgress(source.name, event.progress);
      }
    } finally {
      endProgress();
      await source.close();
    }
  } catch (error) {
    found.failure = messageOf(error);
    note(`acc: ${found.failure}`);
  }
  return found;
}

function showProgress(
  name: string,
  { doneBytes, totalBytes, doneItems }: { doneBytes: number; totalBytes: number | null; doneItems: number },
): void {
  const share = totalBytes ? ` ${((100 * doneBytes) / totalBytes).toFixed(0)} %` : '';
  progressLine(`${name}${share}, ${doneItems} trajectories`);
}

function inspected(trajectory: Trajectory): InspectedTrajectory {
  const summary = summariseTrajectory(trajectory);
  const { task, finalAnswer, groundTruth, outcome } = trajectory;
  return {
    id: trajectory.id,
    instanceId: trajectory.instanceId,
    file: trajectory.source.file,
    record: trajectory.source.record,
    format: trajectory.format,
    kind: trajectory.kind.kind,
    kindReason: trajectory.kind.reason,
    turns: summary.turnCount,
    steps: summary.stepCount,
    tools: trajectory.tools,
    documents: summary.documentCount,
    queries: summary.queryCount,
    characters: summary.characterCount,
    question: task && { via: task.via, preview: summary.taskPreview },
    answer: finalAnswer && { via: finalAnswer.via, preview: summary.answerPreview },
    patch: trajectory.patch !== null,
    groundTruth: groundTruth && {
      form: groundTruth.form,
      values: groundTruth.values.length,
      via: groundTruth.via,
    },
    success: outcome.success,
    reward: outcome.reward,
    outcome: outcome.reason,
    model: trajectory.model,
    issues: trajectory.issues,
  };
}

function sumOf(files: readonly InspectedFile[]): Record<string, number> {
  const sum = (count: (file: InspectedFile) => number): number =>
    files.reduce((total, file) => total + count(file), 0);
  return {
    files: files.length,
    records: sum((file) => file.totals?.records ?? 0),
    trajectories: sum((file) => file.trajectories.length),
    databases: sum((file) => file.databases.length),
    issues: sum((file) => file.totals?.issues ?? file.issues.length),
    unreadable: sum((file) => (file.failure === null ? 0 : 1)),
  };
}

function totalsLine(files: readonly InspectedFile[]): string {
  const { files: count, trajectories, databases, issues } = sumOf(files);
  const unit = (number: number | undefined, one: string, many: string): string =>
    `${number ?? 0} ${number === 1 ? one : many}`;
  return [
    unit(count, 'file', 'files'),
    unit(trajectories, 'trajectory', 'trajectories'),
    unit(databases, 'database', 'databases'),
    unit(issues, 'issue', 'issues'),
  ].join(', ');
}
