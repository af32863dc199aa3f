import { useMemo } from 'react';
import { useApp } from '../../../state/useApp.ts';
import type { MechanismFrame } from '../../../workers/mechanismApi.ts';
import { IconButton } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { Slider } from '../../widgets/Slider.tsx';

/** Scrubs through the checkpoints of a run: the comparison moves, and all maps with it. Not there without steps. */
export function Checkpoints({ frame }: { readonly frame: MechanismFrame }) {
  const setComparison = useApp((state) => state.mechanism.setComparison);
  const comparison = useApp((state) => state.mechanism.comparison);
  const steps = useMemo(
    () =>
      frame.document.subjects
        .flatMap(({ name, step }) => (step === null ? [] : [{ name, step }]))
        .sort((a, b) => a.step - b.step),
    [frame.document.subjects],
  );
  if (steps.length < 2) return null;
  const at = steps.findIndex(({ name }) => name === comparison);
  const go = (index: number): void => {
    const step = steps[index];
    if (step && step.name !== comparison) setComparison(step.name);
  };
  return (
    <div className="mech-scrub" role="group" aria-label="Checkpoints">
      <IconButton
        icon="chevronLeft"
        label="Earlier checkpoint"
        disabled={at <= 0}
        onClick={() => go(at - 1)}
      />
      <Field label="Checkpoint" inline>
        <Slider
          label="Checkpoint compared"
          value={Math.max(0, at)}
          min={0}
          max={steps.length - 1}
          format={(index) => (at < 0 ? 'none' : `step ${steps[index]?.step ?? 0}`)}
          onChange={(next) => go(typeof next === 'number' ? next : (next[0] ?? 0))}
        />
      </Field>
      <IconButton
        icon="chevronRight"
        label="Later checkpoint"
        disabled={at >= steps.length - 1}
        onClick={() => go(at + 1)}
      />
    </div>
  );
}
