import type { AgentKind } from '../trajectories/schema.ts';
import type { Recipe } from './recipe.ts';
import type { AcceptedRow, SetReport } from './setReducer.ts';

const kinds: readonly AgentKind[] = ['search', 'swe', 'sql', 'other'];

/**
 * The dataset card (`README.md`) of a compiled set: what it is, how it was made, lengths, licences per source,
 * scan results, flags and how to rebuild it. Markdown with the front matter of Hugging Face.
 */
export function datasetCard(report: SetReport, recipe: Recipe): string {
  const { accepted, rejections, options } = report;
  const lines = [
    '---',
    'pretty_name: Compiled agent trajectories',
    'task_categories:',
    '- question-answering',
    `size_categories:\n- ${sizeCategory(accepted.length)}`,
    'configs:\n- config_name: default\n  data_files: examples.jsonl',
    '---',
    '',
    '# Compiled agent trajectories',
    '',
    `${accepted.length} long-context examples compiled from ${accepted.length + rejections.length} agent trajectories ` +
      `with Agent Context Compilation: the evidence an agent gathered over many turns, put into one context with its ` +
      `question; the answer is to be given without tools. Control: ${options.control}.`,
    '',
    '## Contents',
    '',
    '| kind | examples | prompt tokens: least | median | most | completion tokens: median |',
    '|---|---:|---:|---:|---:|---:|',
    ...kinds.flatMap((kind) => lengthRow(kind, accepted)),
    '',
    `Tokens are ${recipe.tokenizer ? `counted with ${recipe.tokenizer.name}` : 'estimated (a quarter of a character)'}; ` +
      `the budget of a whole sequence is ${options.budget}.`,
    '',
    '## Funnel',
    '',
    '| step | trajectories |',
    '|---|---:|',
    `| read | ${accepted.length + rejections.length} |`,
    ...stageRows(report),
    `| **accepted** | **${accepted.length}** |`,
    '',
    '## Sources and licences',
    '',
    '| file | examples | licence stated in the records |',
    '|---|---:|---|',
    ...sourceRows(report),
    '',
    'Rows embed third-party pages, code and tables. Where no licence is stated, check the source before you pass the data on.',
    '',
    '## Checks',
    '',
    '| flag | examples |',
    '|---|---:|',
    ...flagRows(report),
    '',
    scanLine(report),
    '',
    '## Ledger',
    '',
    '| arm | examples | processed tokens | supervised tokens | mean length | epochs to match |',
    '|---|---:|---:|---:|---:|---:|',
    ...report.ledger.map(
      (arm) =>
        `| ${arm.arm} | ${arm.examples} | ${arm.processedTokens} | ${arm.supervisedTokens} | ${arm.meanLength} | ${arm.epochsToMatch} |`,
    ),
    '',
    '## Rebuild',
    '',
    `\`recipe.json\` holds every option, the tokenizer's hash and the hash of each input; the same inputs give the same bytes ` +
      `(\`examples.jsonl\`: sha256 \`${recipe.output.sha256}\`).`,
    '',
  ];
  return lines.join('\n');
}

function sizeCategory(count: number): string {
  if (count < 1000) return 'n<1K';
  if (count < 10_000) return '1K<n<10K';
  return count < 100_000 ? '10K<n<100K' : '100K<n<1M';
}

function lengthRow(kind: AgentKind, accepted: readonly AcceptedRow[]): string[] {
  const rows = accepted.filter((row) => row.kind === kind);
  if (rows.length === 0) return [];
  const prompts = rows.map((row) => row.prompt).sort((a, b) => a - b);
  const completions = rows.map((row) => row.completion).sort((a, b) => a - b);
  const middle = rows.length >> 1;
  return [
    `| ${kind} | ${rows.length} | ${prompts[0]} | ${prompts[middle]} | ${prompts.at(-1)} | ${completions[middle]} |`,
  ];
}

function stageRows(report: SetReport): string[] {
  const byReason = new Map<string, number>();
  for (const rejection of report.rejections) {
    const key = `${rejection.stage}: ${rejection.code}`;
    byReason.set(key, (byReason.get(key) ?? 0) + 1);
  }
  return [...byReason]
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))
    .map(([key, count]) => `| lost at ${key} | ${count} |`);
}

function sourceRows(report: SetReport): string[] {
  return Object.entries(report.licenses).map(([file, names]) => {
    const total = Object.values(names).reduce((sum, count) => sum + count, 0);
    const stated = Object.entries(names).map(([name, count]) =>
      count === total ? name : `${name} (${count})`,
    );
    return `| ${cell(file)} | ${total} | ${cell(stated.join(', '))} |`;
  });
}

function flagRows(report: SetReport): string[] {
  const rows = Object.entries(report.counts).filter(([name]) => name.startsWith('flag '));
  return rows.length === 0
    ? ['| none | 0 |']
    : rows.map(([name, count]) => `| ${name.slice(5)} | ${count} |`);
}

function scanLine(report: SetReport): string {
  const found = (flag: string): number => report.counts[`flag ${flag}`] ?? 0;
  return (
    `Scan for secrets and personal data: ${found('secrets-found')} examples with something that looks like a key or token, ` +
    `${found('emails-found')} with e-mail addresses. A scan finds patterns, not everything.`
  );
}

/** Text inside a table cell: no pipes, no line breaks. */
function cell(text: string): string {
  return text.replace(/[|\r\n]+/g, ' ');
}
