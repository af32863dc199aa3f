import type { Issue } from '../../trajectories/schema.ts';
import { printable, table } from '../output.ts';
import type { InspectedFile, InspectedTrajectory } from './inspect.ts';

const ID_WIDTH = 44;
const TEXT_WIDTH = 48;
const LISTED_ISSUES = 20;
const LISTED_FORMATS = 5;

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What `acc inspect` found in a file, for people. `rows` is how many trajectories are listed; 0 is all. */
export function inspectText(file: InspectedFile, rows: number): string {
  const lines = [`${printable(file.file)}${sizeText(file.sizeBytes)}`];
  if (file.failure !== null) return [...lines, `  unreadable: ${printable(file.failure)}`, '', ''].join('\n');
  lines.push(...formatLines(file));
  for (const database of file.databases) {
    const names = database.names.length > 0 ? `: ${database.names.slice(0, 8).join(', ')}` : '';
    lines.push(`  database (${database.kind}) ${printable(database.file)}${printable(names)}`);
  }
  const { trajectories } = file;
  if (trajectories.length > 0) {
    const records = file.totals?.records ?? trajectories.length;
    lines.push(
      `  ${counted(trajectories.length, 'trajectory', 'trajectories')} from ${counted(records, 'record', 'records')}`,
      ...kindLines(trajectories),
      '',
    );
    const listed = rows === 0 ? trajectories : trajectories.slice(0, rows);
    lines.push(indent(trajectoryTable(listed)));
    if (listed.length < trajectories.length) {
      lines.push(`  … and ${trajectories.length - listed.length} more (--rows 0 lists all)`);
    }
  }
  lines.push(...issueLines(file), '', '');
  return lines.join('\n');
}

function sizeText(bytes: number | null): string {
  if (bytes === null) return '';
  if (bytes < 1000) return ` (${bytes} bytes)`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return ` (${value.toPrecision(3)} ${units[unit]})`;
}

/** One line per format, with the evidence; the members of an archive are counted. */
function formatLines(file: InspectedFile): string[] {
  const byFormat = new Map<string, { count: number; line: string }>();
  for (const found of file.formats) {
    const containers = found.chain.map((step) => step.type).join(' > ');
    const within = containers ? ` in ${containers}` : '';
    const key = `${found.format} ${found.layout} ${containers}`;
    const line = `${found.label} (${found.layout}${within}), because of ${found.evidence}`;
    const seen = byFormat.get(key);
    if (seen) seen.count++;
    else byFormat.set(key, { count: 1, line });
  }
  const lines = [...byFormat.values()].map(
    ({ count, line }) => `  format: ${count > 1 ? `${count} × ` : ''}${printable(line)}`,
  );
  if (lines.length === 0 && file.databases.length === 0) lines.push('  format: not recognised');
  return lines.length > LISTED_FORMATS
    ? [...lines.slice(0, LISTED_FORMATS), `  … and ${lines.length - LISTED_FORMATS} more formats`]
    : lines;
}

/** How many of each kind, with the reason of the first. */
function kindLines(trajectories: readonly InspectedTrajectory[]): string[] {
  const kinds = new Map<string, { count: number; reason: string }>();
  for (const { kind, kindReason } of trajectories) {
    const seen = kinds.get(kind);
    if (seen) seen.count++;
    else kinds.set(kind, { count: 1, reason: kindReason });
  }
  return [...kinds].map(([kind, { count, reason }]) => `  ${kind}: ${count}, e.g. ${printable(reason)}`);
}

function trajectoryTable(trajectories: readonly InspectedTrajectory[]): string {
  const header = ['id', 'kind', 'turns', 'calls', 'docs', 'question', 'answer', 'truth', 'success', 'tools'];
  const rows = trajectories.map((trajectory) => [
    cutFront(trajectory.id, ID_WIDTH),
    trajectory.kind,
    String(trajectory.turns),
    String(Object.values(trajectory.tools).reduce((sum, count) => sum + count, 0)),
    String(trajectory.documents + trajectory.queries),
    trajectory.question ? 'yes' : 'no',
    trajectory.answer ? cut(trajectory.answer.via, 22) : trajectory.patch ? 'patch' : 'no',
    trajectory.groundTruth?.form ?? 'no',
    successText(trajectory),
    toolText(trajectory.tools),
  ]);
  return table(header, rows, [2, 3, 4]);
}

function successText({ success, reward }: InspectedTrajectory): string {
  const verdict = success === null ? 'not recorded' : success ? 'yes' : 'no';
  return reward === null ? verdict : `${verdict} (${reward})`;
}

function toolText(tools: Readonly<Record<string, number>>): string {
  const named = Object.entries(tools).map(([name, count]) => `${name}×${count}`);
  return cut(named.join(' '), TEXT_WIDTH);
}

function issueLines(file: InspectedFile): string[] {
  const issues = [...file.issues, ...file.trajectories.flatMap((trajectory) => trajectory.issues)];
  const lines = issues.slice(0, LISTED_ISSUES).map((issue) => `  ${issueText(issue)}`);
  if (issues.length > LISTED_ISSUES)
    lines.push(`  … and ${issues.length - LISTED_ISSUES} more issues (--json lists them)`);
  return lines.length > 0 ? ['', ...lines] : [];
}

/** Lines on files that were not read as runs, '' when there are none. */
export function remarksText(remarks: readonly Issue[]): string {
  const lines = remarks.slice(0, LISTED_ISSUES).map(issueText);
  if (remarks.length > LISTED_ISSUES)
    lines.push(`… and ${remarks.length - LISTED_ISSUES} more files of this kind (--json lists them)`);
  return lines.length > 0 ? `${lines.join('\n')}\n\n` : '';
}

function issueText(issue: Issue): string {
  const where = [
    issue.record === null ? '' : `record ${issue.record}`,
    issue.byteOffset === null ? '' : `byte ${issue.byteOffset}`,
    issue.path ?? '',
  ].filter((part) => part !== '');
  const place = where.length > 0 ? ` (${where.join(', ')})` : '';
  return printable(`${issue.severity} ${issue.code} in ${issue.file}${place}: ${issue.message}`);
}

function cut(text: string, width: number): string {
  const shown = printable(text);
  return shown.length > width ? `${shown.slice(0, width - 1)}…` : shown;
}

/** Ids differ at their ends. */
function cutFront(text: string, width: number): string {
  const shown = printable(text);
  return shown.length > width ? `…${shown.slice(1 - width)}` : shown;
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}
