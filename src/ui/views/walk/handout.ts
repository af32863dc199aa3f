import { reportHtml, type ReportTable } from '../../../charts/common/report.ts';
import { layoutScoreByLength } from '../../../charts/scoreByLength/layout.ts';
import type { LectureSlice } from '../../../state/lectureSlice.ts';
import { replicationBenchmarks, replicationOrigin, seriesOf, specOf } from '../compare/Replication.tsx';
import { differenceRows } from '../compare/replicationVerdict.ts';
import { lossGeometry } from './panels.tsx';
import { stepWords } from './steps.ts';

/** Two beside each other on a sheet. */
const size = { width: 305, height: 120, fontSize: 9 };
const three = (value: number): string => value.toFixed(3);

/** One page to take home: what each step found, with the figures. */
export function handout({ outcomes }: LectureSlice): File {
  const rows: (readonly [string, string])[] = [];
  const tables: ReportTable[] = [];
  const charts = [];
  const { trajectories, compile, example, ask, train, tuned, evaluate, mechanism, findings } = outcomes;
  if (trajectories.status === 'ready') {
    const { count, right } = trajectories.value;
    rows.push([stepWords.trajectories.title, `${count} made, ${right} with a right answer`]);
  }
  if (compile.status === 'ready') {
    const { exampleCount, rejectionCount } = compile.value.set;
    rows.push([stepWords.compile.title, `${exampleCount} examples, ${rejectionCount} runs rejected`]);
  }
  if (example.status === 'ready') {
    const { question, answer, tokens } = example.value.example;
    rows.push([stepWords.example.title, `${question} (${tokens.prompt} tokens of context) ${answer}`]);
  }
  if (ask.status === 'ready') rows.push([stepWords.ask.title, ask.value.text]);
  if (train.status === 'ready') {
    const { ledger, adapter } = train.value.run.record;
    rows.push([
      stepWords.train.title,
      `${ledger.steps} steps, ${ledger.processedTokens} tokens, adapter ${adapter?.sha256.slice(0, 12) ?? '–'}`,
    ]);
    charts.push({ geometry: lossGeometry(train.value.losses, size), footer: 'computed in this walk' });
  }
  if (tuned.status === 'ready') rows.push([stepWords.tuned.title, tuned.value.text]);
  if (evaluate.status === 'ready') {
    const { before, after, comparison } = evaluate.value;
    const { mean, interval, items } = comparison.overall;
    rows.push([
      stepWords.evaluate.title,
      `base ${three(before)}, adapter ${three(after)}; difference ${three(mean)} [${three(interval[0])}, ${three(interval[1])}] on ${items} items`,
    ]);
  }
  if (mechanism.status === 'ready') {
    const [head] = mechanism.value.heads;
    const [expert] = mechanism.value.experts;
    if (head)
      rows.push([
        stepWords.mechanism.title,
        `largest changes: layer ${head.layer}, head ${head.head} looks ${head.after.toFixed(1)} tokens back instead of ${head.before.toFixed(1)}${expert ? `; layer ${expert.layer}, expert ${expert.expert} gets ${(100 * expert.after).toFixed(1)} % of tokens instead of ${(100 * expert.before).toFixed(1)} %` : ''}`,
      ]);
  }
  tables.push({ caption: 'Computed in this walk', columns: ['step', 'found'], rows });
  if (findings.status === 'ready' && findings.value) {
    const result = findings.value;
    const ids = replicationBenchmarks.map(({ id }) => id);
    tables.push({
      caption: `${replicationOrigin(result)}: differences in points, with 95 % intervals`,
      columns: ['difference', ...replicationBenchmarks.map(({ label }) => label)],
      rows: differenceRows(result.differences, ids).map(({ after, before, cells }) => [
        `${after} − ${before}`,
        ...cells,
      ]),
    });
    for (const at of replicationBenchmarks) {
      const series = seriesOf(result, at.id);
      if (!series.some(({ scores }) => scores.length > 0)) continue;
      const geometry = layoutScoreByLength(specOf(result, at), series, size);
      charts.push({ geometry, footer: replicationOrigin(result) });
    }
  }
  const html = reportHtml('Agent Context Compilation in nine steps', '', tables, charts, 'Made with ACC Workbench'); // prettier-ignore
  return new File([html], 'handout.html', { type: 'text/html' });
}
