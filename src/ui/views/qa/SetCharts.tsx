import { useEffect, useMemo, useState } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { layoutEvidencePositions } from '../../../charts/evidencePositions/layout.ts';
import { layoutTokenLength, toLogBins } from '../../../charts/tokenLength/layout.ts';
import type { CompiledSet } from '../../../workers/dataApi.ts';
import { useApp } from '../../../state/useApp.ts';
import { shortHash } from '../../app/ContextBar.tsx';
import { Button } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Skeleton } from '../../widgets/States.tsx';
import { binWidths, shownBins, type LengthBins } from './lengthBins.ts';

/** A tokenizer by its name: that of its file where it was imported. */
export function useTokenizerName(id: string): string {
  return useApp((state) => state.project.files.find((file) => `file:${file.id}` === id)?.path ?? id);
}

/** What a chart of a set was made from, for its footer and files. */
export function useSetOrigin(set: CompiledSet): string {
  const tokenizer = useTokenizerName(set.request.tokenizerId);
  return `set ${set.name} ${shortHash(set)} · seed ${set.request.options.seed} · tokenizer ${tokenizer}`;
}

interface SetChartProps {
  readonly set: CompiledSet;
  /** Heading level where the chart stands. */
  readonly level: 2 | 3;
}

/** Token lengths of the set by kind; brushing filters the table, the two numbers do the same. */
export function TokenLengthChart({ set, level }: SetChartProps) {
  const histogram = useApp((state) => state.examples.histogram);
  const load = useApp((state) => state.examples.loadHistogram);
  const filter = useApp((state) => state.examples.filter);
  const setFilter = useApp((state) => state.examples.setFilter);
  const shownSet = useApp((state) => state.examples.setId);
  const origin = useSetOrigin(set);
  const tokenizer = useTokenizerName(set.request.tokenizerId);
  const { ref, size } = useChartSize(5 + 3.3 * Math.max(1, histogram?.series.length ?? 1));
  const [chosen, setChosen] = useState<LengthBins | null>(null);
  const bins = shownBins(chosen, histogram);
  useEffect(() => {
    if (shownSet === set.id) void load('promptTokens', binWidths[bins]);
  }, [load, shownSet, set.id, bins]);
  const range = filter.ranges.find(({ column }) => column === 'promptTokens');
  const setRange = (next: readonly [number, number] | null): void => {
    const others = filter.ranges.filter(({ column }) => column !== 'promptTokens');
    setFilter({
      ranges: next
        ? [...others, { column: 'promptTokens', min: Math.floor(next[0]), max: Math.ceil(next[1]) }]
        : others,
    });
  };
  const geometry = useMemo(
    () =>
      histogram && size
        ? layoutTokenLength(
            { budget: set.request.options.budget, tokenizer, what: 'examples' },
            bins === 'log' && histogram.scale === 'linear' ? toLogBins(histogram) : histogram,
            size,
          )
        : null,
    [histogram, size, set, bins, tokenizer],
  );
  const controls = (
    <div className="set-chart-range">
      <Segmented
        label="Bins of the lengths"
        value={bins}
        segments={[
          { value: 'paper', label: 'Bins of 2,000' },
          { value: 'auto', label: 'Auto' },
          { value: 'log', label: 'Log' },
        ]}
        onChange={setChosen}
      />
      <Field label="Only lengths from" inline>
        <NumberField
          label="Shortest length in tokens"
          value={range ? range.min : null}
          min={0}
          step={1000}
          placeholder="0"
          onChange={(min) => setRange(min === null && !range ? null : [min ?? 0, range?.max ?? 10_000_000])}
        />
      </Field>
      <Field label="to" inline>
        <NumberField
          label="Longest length in tokens"
          value={range && range.max < 10_000_000 ? range.max : null}
          min={0}
          step={1000}
          placeholder="any"
          onChange={(max) => setRange(max === null && !range ? null : [range?.min ?? 0, max ?? 10_000_000])}
        />
      </Field>
      {range ? (
        <Button variant="ghost" onClick={() => setRange(null)}>
          All lengths
        </Button>
      ) : null}
    </div>
  );
  return (
    <div ref={ref} className="set-chart-size">
      {geometry ? (
        <Chart
          geometry={geometry}
          footer={origin}
          level={level}
          brushed={range ? [range.min, range.max] : null}
          onBrush={setRange}
          controls={controls}
        />
      ) : (
        <Skeleton lines={5} label="Loading lengths" />
      )}
    </div>
  );
}

/** Where gold and distractors lie in the contexts of the set. */
export function EvidencePositionChart({ set, level }: SetChartProps) {
  const positions = useApp((state) => state.examples.positions);
  const load = useApp((state) => state.examples.loadPositions);
  const shownSet = useApp((state) => state.examples.setId);
  const origin = useSetOrigin(set);
  const { ref, size } = useChartSize(14.9);
  useEffect(() => {
    if (shownSet === set.id) void load();
  }, [load, shownSet, set.id]);
  const geometry = useMemo(
    () =>
      positions && size
        ? layoutEvidencePositions(
            { order: set.request.options.order, exampleCount: set.exampleCount },
            positions,
            size,
          )
        : null,
    [positions, size, set],
  );
  return (
    <div ref={ref} className="set-chart-size">
      {geometry ? (
        <Chart geometry={geometry} footer={origin} level={level} />
      ) : (
        <Skeleton lines={5} label="Loading positions" />
      )}
    </div>
  );
}
