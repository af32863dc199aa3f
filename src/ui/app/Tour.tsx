import { useEffect, useRef } from 'react';
import type { View } from '../../state/route.ts';
import { useApp } from '../../state/useApp.ts';
import { Button, IconButton } from '../widgets/Button.tsx';
import { useCommands } from './commands.ts';

interface Stop {
  readonly view: View;
  readonly title: string;
  readonly text: string;
}

/** Views in the order of the work, in a sentence or two each. */
const tourStops: readonly Stop[] = [
  {
    view: 'trajectories',
    title: 'Runs of agents',
    text: 'Files dropped anywhere on the page are listed here: one row a run, with its kind, its turns and how it ended. Open a row to read it.',
  },
  {
    view: 'compile',
    title: 'From a run to a question with its evidence',
    text: 'The recipe says which runs count, what is gold and what distracts. The preview shows one example as you change it; Compile makes the set.',
  },
  {
    view: 'qa',
    title: 'Read, sort out, export',
    text: 'Every piece of a context leads to the turn it came from. Leave out what you do not like, and export for your trainer.',
  },
  {
    view: 'model',
    title: 'A model in this tab',
    text: 'A small model is in the box. Open it or your own checkpoint, see whether it fits, load it and ask it an example.',
  },
  {
    view: 'train',
    title: 'Fine-tune it on the set',
    text: 'Choose the set, look at which tokens are learnt, start. Runs go on after a reload; the adapter is saved as PEFT files.',
  },
  {
    view: 'evaluate',
    title: 'Has it become better?',
    text: 'Score the model with and without the adapter on the same items, with intervals and paired tests. Then Mechanism shows which heads and experts changed, and Compare keeps all runs in one table.',
  },
  {
    view: 'start',
    title: 'That is all',
    text: 'Press ? for the keys of a view and Ctrl K for all commands. Open the samples to try it; this tour is in the commands too.',
  },
];

/** A short tour beside the work: a bar under the header, which covers and holds nothing. Absent when it is not taken. */
export function Tour() {
  const at = useApp((state) => state.ui.tourStop);
  const setStop = useApp((state) => state.ui.setTourStop);
  const go = useApp((state) => state.route.go);
  const next = useRef<HTMLButtonElement>(null);
  const show = (stop: number | null): void => {
    setStop(stop);
    const there = stop === null ? undefined : tourStops[stop];
    if (there) go(there.view);
  };
  useCommands([
    { id: 'tour.start', title: 'Take the tour', group: 'Everywhere', run: () => show(0) },
    {
      id: 'tour.end',
      title: 'End the tour',
      group: 'Everywhere',
      enabled: at !== null,
      listed: at !== null,
      run: () => show(null),
    },
  ]);
  useEffect(() => {
    if (at === null) return;
    // After the new view has taken the focus, so that Enter goes on.
    const frame = requestAnimationFrame(() => next.current?.focus());
    return () => cancelAnimationFrame(frame);
  }, [at]);
  const stop = at === null ? undefined : tourStops[at];
  if (at === null || !stop) return null;
  const isLast = at === tourStops.length - 1;
  return (
    <section className="app-tour" aria-label="Tour">
      <p role="status">
        <span className="faint num">
          {at + 1} of {tourStops.length}
        </span>{' '}
        <strong>{stop.title}.</strong> {stop.text}
      </p>
      <div className="app-tour-buttons">
        <Button disabled={at === 0} onClick={() => show(at - 1)}>
          Back
        </Button>
        <Button ref={next} variant="primary" onClick={() => show(isLast ? null : at + 1)}>
          {isLast ? 'Done' : 'Next'}
        </Button>
        <IconButton icon="close" label="End the tour" onClick={() => show(null)} />
      </div>
    </section>
  );
}
