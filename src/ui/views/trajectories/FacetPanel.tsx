import { useEffect, useState } from 'react';
import type { AgentKind } from '../../../trajectories/schema.ts';
import { withRange } from '../../../state/filters.ts';
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

/** One end of a range, taken over on Enter or when the field is left; empty is no bound. */
function BoundField({
  label,
  value,
  placeholder,
  onChange,
}: {
  label: string;
  value: number | null;
  placeholder: string;
  onChange: (value: number | null) => void;
}) {
  /** What is being typed; null when nothing is. */
  const [draft, setDraft] = useState<string | null>(null);
  const takeOver = (): void => {
    if (draft === null) return;
    setDraft(null);
    const bound = draft.trim() === '' ? null : Math.max(0, Number(draft));
    if (bound !== value) onChange(bound);
  };
  return (
    <input
      type="number"
      aria-label={label}
      placeholder={placeholder}
      min={0}
      step="any"
      value={draft ?? value ?? ''}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={takeOver}
      onKeyDown={(event) => {
        if (event.key === 'Enter') takeOver();
        else if (event.key === 'Escape') setDraft(null);
      }}
    />
  );
}

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
  const { min = null, max = null } = range ?? {};
  const setRange = (from: number | null, to: number | null): void =>
    setFilter({ ranges: withRange(ranges, column, from, to) });
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
                setRange(
                  min === null ? null : Math.min(min, bar.from),
                  max === null ? null : Math.max(max, bar.to),
                );
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
              data-out={(min !== null && bar.to < min) || (max !== null && bar.from > max) || undefined}
            />
          </g>
        ))}
      </svg>
      <div className="facet-range">
        <BoundField
          label={`${title}, at least`}
          placeholder="0"
          value={min}
          onChange={(bound) => setRange(bound, max)}
        />
        <span aria-hidden="true">to</span>
        <BoundField
          label={`${title}, at most`}
          placeholder={String(highest)}
          value={max}
          onChange={(bound) => setRange(min, bound)}
        />
        {range ? (
          <button type="button" className="facet-clear" onClick={() => setRange(null, null)}>
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
