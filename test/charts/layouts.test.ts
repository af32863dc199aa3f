import { describe, expect, it } from 'vitest';
import { chartCsv } from '../../src/charts/common/exportData.ts';
import type { ChartGeometry, Ink, Mark } from '../../src/charts/common/geometry.ts';
import { nextCell } from '../../src/charts/common/navigate.ts';
import { svgDocument } from '../../src/charts/common/paintSvg.ts';
import { lightPaint } from '../../src/charts/common/palette.ts';
import { layoutEvidencePositions } from '../../src/charts/evidencePositions/layout.ts';
import { layoutFunnel } from '../../src/charts/funnel/layout.ts';
import { funnelStages } from '../../src/charts/funnel/stages.ts';
import { layoutRejectionReasons } from '../../src/charts/rejectionReasons/layout.ts';
import { binnedQuantile, layoutTokenLength, toLogBins } from '../../src/charts/tokenLength/layout.ts';

const size = { width: 600, height: 200, fontSize: 12 };

const inkName = (ink: Ink | 'none' | 'hatch' | undefined): string =>
  typeof ink === 'object' ? `${ink.ramp} ${ink.t}` : String(ink);

/** The picture in short lines: enough to see any change of layout. */
function sketch(geometry: ChartGeometry): string[] {
  const line = (mark: Mark): string => {
    switch (mark.type) {
      case 'rect':
        return `rect ${mark.x},${mark.y} ${mark.width}×${mark.height} ${inkName(mark.fill ?? mark.stroke)}`;
      case 'line':
        return `line ${mark.x1},${mark.y1} ${mark.x2},${mark.y2} ${inkName(mark.stroke)}`;
      case 'path':
        return `path ${mark.d}`;
      case 'text':
        return `text ${mark.x},${mark.y} ${mark.text}`;
      case 'grid':
        return `grid ${mark.x},${mark.y} ${mark.columns}×${mark.rows}`;
    }
  };
  return geometry.marks.map(line);
}

const lengths = {
  edges: [0, 2000, 4000, 6000],
  scale: 'linear' as const,
  series: [
    { kind: 'search' as const, counts: [1, 4, 3] },
    { kind: 'sql' as const, counts: [2, 0, 0] },
  ],
};
const lengthSpec = { budget: 8000, tokenizer: 'qwen3', what: 'examples' };

describe('token lengths by kind', () => {
  it('draws one row a kind with the same axes, and the budget', () => {
    const geometry = layoutTokenLength(lengthSpec, lengths, size);
    expect(geometry.title).toBe(
      'Half of the examples are longer than about 3,000 tokens, one in twenty longer than 5,700; Search is longest (median about 3,500)',
    );
    expect(sketch(geometry)).toMatchSnapshot();
    expect(geometry.table.rows).toEqual([
      [0, 2000, 1, 2],
      [2000, 4000, 4, 0],
      [4000, 6000, 3, 0],
    ]);
  });

  it('says so when the budget lies beyond the axis instead of squeezing the data', () => {
    const geometry = layoutTokenLength({ ...lengthSpec, budget: 131_072 }, lengths, size);
    expect(geometry.subtitle).toContain('the budget of 131,072 lies beyond the axis');
    expect(sketch(geometry).join('\n')).not.toContain('budget 131,072');
  });

  it('gives pixels back as token counts for the brush', () => {
    const { brush } = layoutTokenLength(lengthSpec, lengths, size);
    expect(brush?.invert(brush.position(3000))).toBeCloseTo(3000, 6);
  });

  it('draws what was rejected as an outline, also of a kind without examples', () => {
    const rejected = [
      { kind: 'search' as const, counts: [0, 0, 2] },
      { kind: 'swe' as const, counts: [0, 1, 0] },
    ];
    const geometry = layoutTokenLength(lengthSpec, { ...lengths, rejected }, size);
    expect(geometry.marks.filter((mark) => mark.type === 'rect' && mark.stroke === 'ghost')).toHaveLength(2);
    expect(geometry.cells?.map(({ label }) => label)).toContain(
      'Search, 4,000 to 6,000 tokens: 3, and 2 rejected',
    );
    expect(sketch(geometry).join('\n')).toMatch(/n = 0 \+ 1/);
    expect(geometry.table.rows).toEqual([
      [0, 2000, 1, 0, 2, 0, 0],
      [2000, 4000, 4, 0, 0, 0, 1],
      [4000, 6000, 3, 0, 0, 2, 0],
    ]);
    expect(geometry.legend).toHaveLength(1);
  });

  it('has an empty state', () => {
    const geometry = layoutTokenLength(lengthSpec, { ...lengths, series: [] }, size);
    expect(geometry.title).toBe('No lengths to show yet');
    expect(geometry.brush).toBeUndefined();
  });
});

it('gathers fine bins for a log scale without losing an item', () => {
  const counts = [0, 0, 5, 0, 1, 0, 0, 2];
  const log = toLogBins({
    edges: [0, 16, 32, 48, 64, 80, 96, 112, 128],
    scale: 'linear',
    series: [{ kind: 'sql', counts }],
  });
  expect(log.scale).toBe('log');
  expect(log.edges[0]).toBe(32);
  expect(log.series[0]!.counts.reduce((sum, count) => sum + count, 0)).toBe(8);
  const geometry = layoutTokenLength({ ...lengthSpec, budget: 256 }, log, size);
  expect(sketch(geometry).filter((line) => /^text [\d.,]+ (32|64|128|256)$/.test(line))).toHaveLength(4);
});

it('reads quantiles out of bins', () => {
  expect(binnedQuantile([0, 10, 20], [1, 1], 0.5)).toBe(10);
  expect(binnedQuantile([0, 10, 20], [0, 4], 0.25)).toBe(12.5);
  expect(binnedQuantile([0, 10], [0], 0.5)).toBeNull();
});

describe('the compile funnel', () => {
  const stages = funnelStages(12, [
    { stage: 'verify', code: 'wrong-answer', count: 3 },
    { stage: 'evidence', code: 'no-visited-page', count: 1 },
    { stage: 'duplicate', code: 'same-question', count: 2 },
  ]);

  it('counts down in the order of the steps and leaves out optional steps that lost nothing', () => {
    expect(stages.map(({ label, left }) => `${label}: ${left}`)).toEqual([
      'Loaded: 12',
      'Answer verified: 9',
      'Evidence found: 8',
      'Answer usable: 8',
      'Fits the budget: 8',
      'Not a duplicate: 6',
    ]);
  });

  it('states the outcome and gives each reason a place to open', () => {
    const geometry = layoutFunnel({ what: 'Trajectories' }, stages, size);
    expect(geometry.title).toBe(
      '6 of 12 trajectories (50%) became examples; most were lost to “wrong answer” (3)',
    );
    expect(geometry.cells.map(({ id }) => id)).toContain('verify:wrong-answer');
    expect(sketch(geometry)).toMatchSnapshot();
  });
});

it('orders reasons of rejection by count', () => {
  const geometry = layoutRejectionReasons(
    { total: 20 },
    [
      { stage: 'evidence', code: 'no-evidence', count: 2 },
      { stage: 'verify', code: 'wrong-answer', count: 5 },
    ],
    size,
  );
  expect(geometry.table.rows.map((row) => row[1])).toEqual(['wrong answer', 'no evidence']);
  expect(geometry.title).toBe('“wrong answer” is the most frequent of 2 reasons (5 of 7)');
});

it('compares evidence positions with an even spread', () => {
  const geometry = layoutEvidencePositions(
    { order: 'shuffle', exampleCount: 3 },
    [
      { role: 'gold', counts: [6, 0, 0, 0, 0, 3] },
      { role: 'distractor', counts: [1, 1, 1, 1, 1, 1] },
    ],
    size,
  );
  expect(geometry.title).toBe(
    'Gold evidence: 67% in the first third of the context, 0% in the middle, 33% in the last',
  );
  expect(sketch(geometry)).toMatchSnapshot();
});

describe('every chart', () => {
  const charts = [
    layoutTokenLength(lengthSpec, lengths, size),
    layoutFunnel({ what: 'Trajectories' }, funnelStages(3, []), size),
    layoutRejectionReasons({ total: 3 }, [{ stage: 'verify', code: 'a', count: 1 }], size),
    layoutEvidencePositions({ order: 'shuffle', exampleCount: 1 }, [{ role: 'gold', counts: [1, 2] }], size),
  ];

  it.each(charts.map((chart) => [chart.name, chart] as const))(
    '%s has a finding, units, a table, named cells, and only finite coordinates',
    (_name, chart) => {
      expect(chart.title).not.toBe('');
      expect(chart.subtitle).not.toBe('');
      expect(chart.table.rows.length).toBeGreaterThan(0);
      for (const cell of chart.cells) expect(cell.label).not.toBe('');
      for (const mark of chart.marks) {
        for (const value of Object.values(mark)) {
          if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
          if (typeof value === 'string') expect(value).not.toContain('NaN');
        }
      }
    },
  );

  it('becomes one self-contained SVG with its words escaped', () => {
    const chart = { ...charts[0]!, title: 'a < b & "c"\u0001' };
    const svg = svgDocument(chart, lightPaint, 'set #abc');
    expect(svg).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
    expect(svg).toContain('set #abc');
    expect(svg).not.toMatch(/var\(|href=|<script/);
  });
});

it('moves the cursor to the nearest cell in the direction of the arrow', () => {
  const { cells } = layoutTokenLength(lengthSpec, lengths, size);
  const first = cells[0]!;
  expect(nextCell(cells, first, 'ArrowRight')?.id).toBe('search-1');
  expect(nextCell(cells, first, 'End')?.id).toBe('search-2');
  expect(nextCell(cells, first, 'ArrowDown')?.id).toBe('sql-0');
  expect(nextCell(cells, first, 'ArrowLeft')).toBeNull();
});

it('writes CSV that spreadsheet programs do not run', () => {
  expect(
    chartCsv({
      columns: ['a', 'b'],
      rows: [
        ['=1+1', 2],
        ['x "y", z', null],
      ],
    }),
  ).toBe('a,b\r\n\'=1+1,2\r\n"x ""y"", z",\r\n');
});
