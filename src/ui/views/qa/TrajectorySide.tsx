import { useEffect, useImperativeHandle, useRef, type Ref } from 'react';
import type { ExampleEvidence } from '../../../compile/types.ts';
import type { Step } from '../../../trajectories/schema.ts';
import type { TrajectoryDetail } from '../../../workers/dataApi.ts';
import { formatCount } from '../../widgets/format.ts';
import { Badge } from '../../widgets/Marks.tsx';
import { isTrainedByAgentSft } from '../trajectories/turns.ts';
import { settle } from './settle.ts';

interface TrajectorySideHandle {
  readonly showStep: (stepIndex: number) => void;
  /** The element of a step, if it is in view. */
  readonly stepElement: (stepIndex: number) => HTMLElement | null;
}

interface TrajectorySideProps {
  readonly ref?: Ref<TrajectorySideHandle>;
  readonly detail: TrajectoryDetail;
  readonly evidence: readonly ExampleEvidence[];
  /** Step of each piece, in the order of `evidence`; -1 without one. */
  readonly steps: readonly number[];
  /** Position in `evidence` of the chosen and of the hovered piece, -1 for none. */
  readonly selected: number;
  readonly hovered: number;
  /** Underlines what standard agent SFT would train on. */
  readonly showSftMask: boolean;
  readonly onHover: (evidenceIndex: number) => void;
  readonly onPick: (evidenceIndex: number) => void;
  readonly onOpenStep: (stepIndex: number) => void;
  readonly onScroll: () => void;
}

function stepName(step: Step): string {
  switch (step.type) {
    case 'message':
      return step.role;
    case 'reasoning':
      return 'reasoning';
    case 'toolCall':
      return `call ${step.name}`;
    case 'toolResult':
      return `result${step.name ? ` of ${step.name}` : ''}`;
    case 'other':
      return step.label;
  }
}

/** The run an example was compiled from, beside it; steps name the pieces they gave. */
export function TrajectorySide({
  ref,
  detail,
  evidence,
  steps,
  selected,
  hovered,
  showSftMask,
  onHover,
  onPick,
  onOpenStep,
  onScroll,
}: TrajectorySideProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const elementOf = (stepIndex: number): HTMLElement | null =>
    scroller.current?.querySelector<HTMLElement>(`[data-step="${stepIndex}"]`) ?? null;
  const bringStep = (stepIndex: number): void => {
    const element = elementOf(stepIndex);
    const scroll = scroller.current;
    if (!element || !scroll) return;
    settle(scroll, () => element.getBoundingClientRect().top - scroll.getBoundingClientRect().top - 8);
  };
  useImperativeHandle(ref, () => ({
    showStep: bringStep,
    stepElement: (stepIndex) => {
      const element = elementOf(stepIndex);
      const view = scroller.current?.getBoundingClientRect();
      const box = element?.getBoundingClientRect();
      return element && view && box && box.bottom > view.top && box.top < view.bottom ? element : null;
    },
  }));
  const selectedStep = steps[selected] ?? -1;
  useEffect(() => {
    if (selectedStep < 0) return;
    bringStep(selectedStep);
    // `bringStep` reads refs only.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selectedStep]);
  return (
    <div
      className="qa-run"
      ref={scroller}
      role="region"
      aria-label="Trajectory"
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard
      tabIndex={0}
      data-mask={showSftMask || undefined}
      onScroll={onScroll}
    >
      {detail.trajectory.steps.map((step) => {
        const given = steps.flatMap((stepIndex, index) => (stepIndex === step.index ? [index] : []));
        const isGold = given.some((index) => evidence[index]?.role === 'gold');
        const length = detail.textLengths[step.index] ?? step.text.length;
        return (
          <article
            key={step.index}
            className="qa-step"
            data-step={step.index}
            data-role={given.length === 0 ? undefined : isGold ? 'gold' : 'distractor'}
            data-current={given.includes(selected) || undefined}
            data-hovered={given.includes(hovered) || undefined}
            data-supervised={isTrainedByAgentSft(step) || undefined}
            onPointerEnter={() => {
              const [first] = given;
              if (first !== undefined) onHover(first);
            }}
            onPointerLeave={() => onHover(-1)}
          >
            <header>
              <button type="button" className="qa-link num" onClick={() => onOpenStep(step.index)}>
                {step.turn < 0 ? 'start' : `turn ${step.turn}`}
              </button>
              <span className="qa-step-name">{stepName(step)}</span>
              {showSftMask ? (
                <Badge tone={isTrainedByAgentSft(step) ? 'accent' : 'neutral'}>
                  {isTrainedByAgentSft(step) ? 'trained by SFT' : 'masked by SFT'}
                </Badge>
              ) : null}
              {given.map((index) => (
                <button
                  key={index}
                  type="button"
                  className="qa-piece-chip"
                  data-role={evidence[index]?.role}
                  aria-pressed={index === selected}
                  onClick={() => onPick(index)}
                >
                  <span
                    className={`w-role-swatch w-role-${evidence[index]?.role ?? 'gold'}`}
                    aria-hidden="true"
                  />
                  {evidence[index]?.id}
                  <span className="visually-hidden">, {evidence[index]?.role} piece of the context</span>
                </button>
              ))}
            </header>
            <div className="qa-step-text">
              <span>{step.text}</span>
              {length > step.text.length ? (
                <button type="button" className="qa-link" onClick={() => onOpenStep(step.index)}>
                  … {formatCount(length - step.text.length)} more characters in the trajectory
                </button>
              ) : null}
            </div>
          </article>
        );
      })}
    </div>
  );
}
