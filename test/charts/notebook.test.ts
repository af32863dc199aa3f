import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ChartGeometry } from '../../src/charts/common/geometry.ts';
import { notebookJson } from '../../src/charts/common/notebook.ts';
import { layoutEvidencePositions } from '../../src/charts/evidencePositions/layout.ts';
import { layoutExpertLoad } from '../../src/charts/expertLoad/layout.ts';
import { layoutForest } from '../../src/charts/forest/layout.ts';
import { layoutFunnel } from '../../src/charts/funnel/layout.ts';
import { funnelStages } from '../../src/charts/funnel/stages.ts';
import { layoutRejectionReasons } from '../../src/charts/rejectionReasons/layout.ts';
import { layoutScoreByLength } from '../../src/charts/scoreByLength/layout.ts';
import { layoutTokenLength } from '../../src/charts/tokenLength/layout.ts';
import { layoutTrainingCurve } from '../../src/charts/trainingCurve/layout.ts';
import { generatedDocument } from '../helpers/mechanism.ts';
import { chartsOf } from '../helpers/mechanismCharts.ts';

const size = { width: 700, height: 260, fontSize: 12 };
const document = generatedDocument({ layers: 4, heads: 4, experts: 8, perToken: 2, items: 12, steps: [10, 20] }); // prettier-ignore
const lengths = { edges: [0, 2000, 4000, 6000], scale: 'linear', series: [{ kind: 'search', counts: [1, 4, 3] }], rejected: [{ kind: 'search', counts: [0, 0, 2] }] } as const; // prettier-ignore
const score = (label: string, mean: number) => ({ label, n: 10, mean, interval: [mean - 0.1, mean + 0.1] as const }); // prettier-ignore
const points = (values: readonly number[]) => values.map((y, index) => ({ x: index + 1, y }));

/** One of every chart of the page that can be pinned. */
const charts: Readonly<Record<string, ChartGeometry>> = {
  ...chartsOf(document, size),
  lengths: layoutTokenLength({ budget: 5000, tokenizer: 'qwen3', what: 'examples' }, lengths, size),
  funnel: layoutFunnel({ what: 'Trajectories' }, funnelStages(12, [{ stage: 'verify', code: 'wrong-answer', count: 3 }]), size),
  reasons: layoutRejectionReasons({ total: 12 }, [{ stage: 'verify', code: 'wrong-answer', count: 3 }], size),
  positions: layoutEvidencePositions({ order: 'shuffle', exampleCount: 2 }, [{ role: 'gold', counts: [1, 2] }, { role: 'distractor', counts: [3, 1] }], size),
  forest: layoutForest({ benchmark: 'mrcr', scoreLabel: 'mean match ratio', before: 'base', after: 'tuned', seeds: 3 }, [{ dimension: '', label: '', n: 20, mean: 0.2, interval: [0.1, 0.3], p: 0.01 }], size),
  scores: layoutScoreByLength({ benchmark: 'mrcr', scoreLabel: 'mean match ratio', tokenizer: 'o200k', intervals: 'items' }, [{ name: 'base', scores: [score('2,049–4,096', 0.5)] }, { name: 'tuned', scores: [score('2,049–4,096', 0.9), score('4,097–8,192', 0.8)] }], size),
  loss: layoutTrainingCurve({ name: 'loss', title: 'Loss falls', subtitle: 'nats a token', xLabel: 'step', yLabel: 'loss', logY: true, fromZero: false, valueText: String, markers: [] }, [{ name: 'loss', kind: 'raw', points: points([3, 2, NaN, 1]) }, { name: 'held out', kind: 'dots', points: [{ x: 4, y: 1.5 }] }], size),
  load: layoutExpertLoad({ step: 7 }, [{ layer: 1, counts: [6, 2, 0, 0] }], size),
}; // prettier-ignore

interface Notebook {
  readonly nbformat: number;
  readonly nbformat_minor: number;
  readonly cells: readonly { readonly id: string; readonly cell_type: 'markdown' | 'code'; readonly source: readonly string[]; readonly outputs?: readonly unknown[]; readonly execution_count?: null }[]; // prettier-ignore
}

const notebookOf = (chosen: readonly ChartGeometry[], notes = ''): Notebook =>
  JSON.parse(notebookJson('Report', notes, chosen.map((geometry) => ({ geometry, footer: 'item hash 1a2b, seed 7' })), 'Made by a test')) as Notebook; // prettier-ignore

const canDrawWith = (python: string): boolean =>
  spawnSync(python, ['-c', 'import matplotlib as m; assert tuple(map(int, m.__version__.split(".")[:2])) >= (3, 6)']).status === 0; // prettier-ignore
/** A Python with matplotlib; the system's, where the first of the path is another. */
const python = ['python3', '/usr/bin/python3'].find(canDrawWith) ?? null;

/** Runs the code cells in one process, as a kernel does, and saves every figure. */
function run(python: string, { cells }: Notebook, folder: string): void {
  const code = cells.flatMap(({ cell_type, source }) => (cell_type === 'code' ? [source.join('')] : []));
  writeFileSync(join(folder, 'cells.json'), JSON.stringify(code));
  const driver = `
import json, sys
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
def show():
    for number in plt.get_fignums():
        plt.figure(number).savefig(f'{sys.argv[1]}/{show.count:02}.png', dpi=70)
        show.count += 1
    plt.close('all')
show.count = 0
plt.show = show
space = {}
for cell in json.load(open(f'{sys.argv[1]}/cells.json')):
    exec(cell, space)
`;
  const { status, stderr } = spawnSync(python, ['-c', driver, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the notebook does not run:\n${stderr}`);
}

describe('the notebook of pinned charts', () => {
  it('is nbformat 4.5: words, folded data and a drawing for each chart', () => {
    const { nbformat, nbformat_minor, cells } = notebookOf([charts['layerLine']!, charts['forest']!]);
    expect([nbformat, nbformat_minor]).toEqual([4, 5]);
    expect(cells.map(({ cell_type }) => cell_type)).toEqual([
      'markdown',
      'code',
      ...['markdown', 'code', 'code'],
      ...['markdown', 'code', 'code'],
    ]);
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
    for (const cell of cells) {
      if (cell.cell_type === 'code') expect(cell).toMatchObject({ outputs: [], execution_count: null });
    }
    const words = cells[5]!.source.join('');
    expect(words).toContain(charts['forest']!.title);
    expect(words).toContain('Made from: item hash 1a2b, seed 7');
    expect(cells[7]!.source.join('')).toBe(
      `
fig, ax = plt.subplots(figsize=(7.3, 0.9), layout='constrained')
names = [' '.join(map(str, words)) for words in zip(table.column('slice'), table.column('label'))]
places = range(len(names))
ax.axvline(0, color='#868e9b', linewidth=1, linestyle=':', label='no difference')
ax.hlines(places, table.column('low'), table.column('high'), color='#5046b4')
ax.plot(table.column('difference'), places, 's', color='#5046b4', label='difference')
ax.set_yticks(places, names)
ax.invert_yaxis()
ax.set_xlabel('difference in mean match ratio: tuned − base')
ax.legend(loc='upper left', bbox_to_anchor=(1, 1))
frame(fig, title, subtitle, notes)
plt.show()`.trimStart(),
    );
  });

  it('names only columns that the tables have', () => {
    for (const [name, geometry] of Object.entries(charts)) {
      const columns = JSON.stringify(geometry.table.columns);
      const code = notebookOf([geometry]).cells.at(-1)!.source.join('');
      for (const [, column] of code.matchAll(/\btable\.column\('([^']*)'/g))
        expect([name, columns, geometry.table.columns.includes(column!)]).toEqual([name, columns, true]);
    }
  });

  it('keeps hostile words words: no code, no markup, no formula, no turned direction', () => {
    const words = "'); import os; os.abort() # \\' <img src=x onerror=alert(1)> $\\undefined$ [a](javascript:b) \u202e\u0000 \ud800"; // prettier-ignore
    const hostile = { ...charts['forest']!, title: words, table: { columns: ['slice', 'label', 'n', 'difference', 'low', 'high', 'p'], rows: [[words, words, 1, 0, -1, 1, 1]] } }; // prettier-ignore
    const notebook = notebookOf([hostile], words);
    const text = JSON.stringify(notebook);
    expect(text).not.toMatch(/[\u202e\ud800-\udfff]/u);
    const markdown = notebook.cells.flatMap(({ cell_type, source }) => (cell_type === 'markdown' ? [source.join('')] : [])).join('\n'); // prettier-ignore
    expect(markdown).toContain('&lt;img src=x');
    expect(markdown).not.toMatch(/(?<!\\)[<$[`]/);
    if (python === null) return;
    const folder = mkdtempSync(join(tmpdir(), 'notebook-'));
    run(python, notebook, folder);
    rmSync(folder, { recursive: true });
  });

  it('prints the values of a chart that was pinned before plots were kept', () => {
    const { plot, ...old } = charts['forest']!;
    expect(plot.kind).toBe('dots');
    const { cells } = notebookOf([old as ChartGeometry]);
    expect(cells.at(-1)!.source.join('')).toContain('for row in table.rows');
  });

  it.skipIf(python === null)('draws every chart with matplotlib (skipped where python3 has none)', () => {
    const folder = process.env['NOTEBOOK_PICTURES'] ?? mkdtempSync(join(tmpdir(), 'notebook-'));
    run(python ?? '', notebookOf(Object.values(charts)), folder);
    expect(readdirSync(folder).filter((name) => name.endsWith('.png'))).toHaveLength(Object.keys(charts).length); // prettier-ignore
    if (!process.env['NOTEBOOK_PICTURES']) rmSync(folder, { recursive: true });
  });
});
