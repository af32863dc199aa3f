import { useCallback, useMemo, useState } from 'react';
import type { ChartSize } from '../../../charts/common/geometry.ts';
import { layoutComposition } from '../../../charts/composition/layout.ts';
import { layoutEvidenceLift } from '../../../charts/evidenceLift/layout.ts';
import { layoutEvidenceTrack } from '../../../charts/evidenceTrack/layout.ts';
import { useApp } from '../../../state/useApp.ts';
import type { MechanismFrame } from '../../../workers/mechanismApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { MechanismChart } from './MechanismChart.tsx';
import { comparisonSpec } from './metricNames.ts';

/** One item along its tokens, with the lift of its pieces. */
export function EvidenceItem({ frame }: { readonly frame: MechanismFrame }) {
  const track = useApp((state) => state.mechanism.track);
  const itemIndex = useApp((state) => state.mechanism.itemIndex);
  const setItem = useApp((state) => state.mechanism.setItem);
  const selected = useApp((state) => state.mechanism.selected);
  const select = useApp((state) => state.mechanism.select);
  const [range, setRange] = useState<readonly [number, number] | null>(null);
  const value = track.status === 'ready' ? track.value : null;
  const piece = value?.pieces.find(({ id }) => id === selected?.piece);
  // The zoom belongs to one item.
  const shown = useMemo(() => (value && range && range[0] < value.tokens ? range : null), [value, range]);
  const drawTrack = useCallback(
    (size: ChartSize) => (value ? layoutEvidenceTrack({ comparison: comparisonSpec(frame), range: shown }, value, size) : null), // prettier-ignore
    [frame, value, shown],
  );
  const drawLift = useCallback(
    (size: ChartSize) => value && value.lifts.length > 0 ? layoutEvidenceLift({ comparison: comparisonSpec(frame), item: value.item, heads: value.heads }, value.lifts, size) : null, // prettier-ignore
    [frame, value],
  );
  return (
    <>
      <div className="mech-controls">
        <Field label="Item" inline>
          <Select
            label="Item shown along its tokens"
            value={itemIndex}
            options={frame.items.map(({ id, kind, tokens }, index) => ({
              value: index,
              label: id,
              hint: `${kind}, ${tokens.toLocaleString('en-US')} tokens`,
            }))}
            onChange={(index) => {
              setRange(null);
              setItem(index);
            }}
          />
        </Field>
        <Button
          disabled={!piece}
          onClick={() =>
            piece &&
            setRange([
              Math.max(0, piece.start - (piece.end - piece.start)),
              piece.end + (piece.end - piece.start),
            ])
          }
        >
          Fit to piece
        </Button>
        <Button disabled={!shown} onClick={() => setRange(null)}>
          Whole item
        </Button>
        {selected?.layer !== undefined ? (
          <Button variant="ghost" icon="close" onClick={() => select(null)}>
            {selected.head === undefined
              ? `Layer ${selected.layer} only`
              : `Head L${selected.layer}·H${selected.head} only`}
          </Button>
        ) : null}
      </div>
      {track.status === 'failed' ? (
        <Callout tone="bad" title={track.message}>
          {track.advice}
        </Callout>
      ) : null}
      {track.status === 'loading' ? <Skeleton lines={6} label="Reading the item" /> : null}
      {value ? (
        <>
          <MechanismChart draw={drawTrack} footer={frame.footer} onBrush={(next) => setRange(next)} />
          <MechanismChart draw={drawLift} footer={frame.footer} widest={800} />
        </>
      ) : null}
    </>
  );
}

/** What attention is made of, by layer. */
export function CompositionChart({ frame }: { readonly frame: MechanismFrame }) {
  const draw = useCallback(
    (size: ChartSize) => layoutComposition(comparisonSpec(frame), frame.composition, size),
    [frame],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={900} />;
}
