import type { ChartGeometry } from './geometry.ts';
import { colourOf, pagePaint } from './palette.ts';
import './chart.css';

/** What colours and signs of a chart stand for. `hatchId`: of the pattern that its picture defines. */
export function ChartLegend({
  geometry: { legend },
  hatchId,
}: {
  readonly geometry: Pick<ChartGeometry, 'legend'>;
  readonly hatchId: string;
}) {
  return (
    <>
      {legend.map((entry) => (
        <span key={entry.label} className="chart-legend">
          <svg width="0.8em" height="0.8em" viewBox="0 0 10 10" aria-hidden="true">
            <rect
              x="0.5"
              y="0.5"
              width="9"
              height="9"
              fill={
                entry.fill === 'none'
                  ? 'none'
                  : entry.fill === 'hatch'
                    ? `url(#${hatchId})`
                    : colourOf(entry.fill, pagePaint)
              }
              stroke={entry.stroke ? colourOf(entry.stroke, pagePaint) : pagePaint.axis}
            />
            {entry.sign === 'muted' ? (
              <line x1="0" y1="10" x2="10" y2="0" stroke={pagePaint.inkFaint} />
            ) : null}
          </svg>
          {entry.label}
        </span>
      ))}
    </>
  );
}

/** How to read a chart, and what it claims. */
export function ChartNotes({ geometry: { notes } }: { readonly geometry: Pick<ChartGeometry, 'notes'> }) {
  if (!notes || notes.length === 0) return null;
  return (
    <ul className="chart-notes">
      {notes.map((note) => (
        <li key={note}>{note}</li>
      ))}
    </ul>
  );
}
