import { useEffect } from 'react';
import type { AgentKind } from '../../../trajectories/schema.ts';
import { useApp } from '../../../state/useApp.ts';
import type {
  FacetValue,
  SuccessValue,
  TrajectoryFilter,
  TrajectoryNumberColumn,
} from '../../../workers/dataApi.ts';
import { formatCompact, formatCount } from '../../widgets/format.ts';
import { KindShape } from '../../widgets/Marks.tsx';
import { layoutMiniHistogram } from './miniHistogram.ts';

/** Values shown before "more". */
const shownValues = 8;

function FacetGroup({
  title,
  values,
  chosen,
  onChange,
  markKinds = false,
}: {
  title: string;
  values: readonly FacetValue[];
  chosen: readonly string[] | null;
  onChange: (values: readonly string[] | null) => void;
  markKinds?: boolean;
}) {
  if (values.length === 0) return null;
  const toggle = (value: string): void => {
    const next = chosen?.includes(value)
      ? chosen.filter((other) => other !== value)
      : [...(chosen ?? []), value];
    onChange(next.length === 0 ? null : next);
  };
  const boxes = values.map((facet) => (
    <label key={facet.value} className="facet-value">
      <input
        type="checkbox"
        checked={chosen?.includes(facet.value) ?? false}
        onChange={() => toggle(facet.value)}
      />
      {markKinds ? <KindShape kind={facet.value as AgentKind} /> : null}
      <span className="truncate" title={facet.label}>
        {facet.label}
      </span>
      <span className="facet-count num">{formatCompact(facet.count)}</span>
    </label>
  ));
  return (
    <fieldset className="facet-group">
      <legend>{title}</legend>
      {boxes.slice(0, shownValues)}
      {boxes.length > shownValues ? (
        <details>
          <summary>{boxes.length - shownValues} more</summary>
          {boxes.slice(shownValues)}
        </details>
      ) : null}
    </fieldset>
  );
}

const histogramWidth = 184;
const histogramHeight = 36;

/** A small histogram whose bars choose a range; two number fields do the same by keyboard. */
function RangeFacet({ title, column }: { title: string; column: TrajectoryNumberColumn }) {
  const histogram = useApp((state) => state.trajectories.histograms[column]);
  const revision = useApp((state) => state.trajectories.revision);
  const loadHistogram = useApp((state) => state.trajectories.loadHistogram);
  const ranges = useApp((state) => state.trajectories.filter.ranges);
  const setFilter = useApp((state) => state.trajectories.setFilter);
  const missing = histogram === undefined;
  useEffect(() => {
    if (missing) void loadHistogram(column);
  }, [column, loadHistogram, missing, revision]);
  if (!histogram || histogram.count === 0) return null;

  const range = ranges.find((each) => each.column === column) ?? null;
  const others = ranges.filter((each) => each.column !== column);
  const setRange = (min: number, max: number): void =>
    setFilter({ ranges: [...others, { column, min: Math.min(min, max), max: Math.max(min, max) }] });
  const bars = layoutMiniHistogram(histogram, histogramWidth, histogramHeight);
  const highest = bars[bars.length - 1]?.to ?? 0;
  return (
    <fieldset className="facet-group">
      <legend>{title}</legend>
      <svg
        className="facet-histogram"
        viewBox={`0 0 ${histogramWidth} ${histogramHeight}`}
        role="img"
        aria-label={`${title}: half are at most ${formatCount(histogram.p50 ?? 0)}, 95 % at most ${formatCount(histogram.p95 ?? 0)}`}
      >
        {bars.map((bar) => (
          // The number fields below are the keyboard's way to the same range.
          <g
            key={bar.x}
            onClick={(event) => {
              if (event.shiftKey && range)
                setRange(Math.min(range.min, bar.from), Math.max(range.max, bar.to));
              else setRange(bar.from, bar.to);
            }}
          >
            <title>{`${formatCount(bar.from)} to ${formatCount(bar.to)}: ${formatCount(bar.count)}`}</title>
            <rect x={bar.x} y={0} width={bar.width} height={histogramHeight} className="facet-hit" />
            <rect
              x={bar.x}
              y={bar.y}
              width={bar.width}
              height={bar.height}
              className="facet-bar"
              data-out={(range !== null && (bar.to < range.min || bar.from > range.max)) || undefined}
            />
          </g>
        ))}
      </svg>
      <div className="facet-range">
        <input
          type="number"
          aria-label={`${title}, at least`}
          placeholder="0"
          min={0}
          value={range?.min ?? ''}
          onChange={(event) => setRange(Number(event.target.value), range?.max ?? highest)}
        />
        <span aria-hidden="true">to</span>
        <input
          type="number"
          aria-label={`${title}, at most`}
          placeholder={String(highest)}
          min={0}
          value={range?.max ?? ''}
          onChange={(event) => setRange(range?.min ?? 0, Number(event.target.value))}
        />
        {range ? (
          <button type="button" className="facet-clear" onClick={() => setFilter({ ranges: others })}>
            Clear
          </button>
        ) : null}
      </div>
    </fieldset>
  );
}

/** Filters with counts. A group's counts are under all other restrictions. */
export function FacetPanel() {
  const facets = useApp((state) => state.trajectories.facets);
  const filter = useApp((state) => state.trajectories.filter);
  const setFilter = useApp((state) => state.trajectories.setFilter);
  const change = (changes: Partial<TrajectoryFilter>): void => setFilter(changes);
  return (
    <aside className="facets" aria-label="Filters">
      {facets ? (
        <>
          <FacetGroup
            title="Kind"
            values={facets.kinds}
            chosen={filter.kinds}
            onChange={(kinds) => change({ kinds: kinds as readonly AgentKind[] | null })}
            markKinds
          />
          <FacetGroup
            title="Outcome"
            values={facets.success}
            chosen={filter.success}
            onChange={(success) => change({ success: success as readonly SuccessValue[] | null })}
          />
          <FacetGroup
            title="Format"
            values={facets.formats}
            chosen={filter.formats}
            onChange={(formats) => change({ formats })}
          />
          {facets.files.length > 1 ? (
            <FacetGroup
              title="File"
              values={facets.files}
              chosen={filter.fileIds?.map(String) ?? null}
              onChange={(ids) => change({ fileIds: ids?.map(Number) ?? null })}
            />
          ) : null}
          <RangeFacet title="Turns" column="turnCount" />
          <RangeFacet title="Characters" column="characterCount" />
          <fieldset className="facet-group">
            <legend>Show</legend>
            <label className="facet-value">
              <input
                type="checkbox"
                checked={filter.onlyWithIssues}
                onChange={(event) => change({ onlyWithIssues: event.target.checked })}
              />
              <span>Only with issues</span>
              <span className="facet-count num">{formatCompact(facets.withIssues)}</span>
            </label>
            <label className="facet-value">
              <input
                type="checkbox"
                checked={filter.excluded === 'only'}
                onChange={(event) => change({ excluded: event.target.checked ? 'only' : 'show' })}
              />
              <span>Only excluded</span>
              <span className="facet-count num">{formatCompact(facets.excluded)}</span>
            </label>
          </fieldset>
        </>
      ) : null}
    </aside>
  );
}
