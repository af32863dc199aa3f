import { lazy, type ComponentType, type LazyExoticComponent } from 'react';
import type { View } from '../../state/route.ts';
import type { AppState } from '../../state/store.ts';
import { changedOptions } from '../views/compile/useCompileOptions.ts';

/** Groups of the navigation, by the question asked. A group without views is not shown. */
export const viewGroups = [
  { id: 'start', label: null },
  { id: 'data', label: 'Data' },
  { id: 'model', label: 'Model' },
  { id: 'findings', label: 'Findings' },
] as const;
type ViewGroup = (typeof viewGroups)[number]['id'];

/** A screen of the workbench. A later view plugs in by one entry in `viewRegistry`. */
export interface ViewDefinition {
  readonly id: View;
  /** Null: reached from another view, not from the navigation. */
  readonly group: ViewGroup | null;
  readonly label: string;
  /** One sentence for the palette and the document title. */
  readonly hint: string;
  /** Second key of `g …`. */
  readonly key: string;
  readonly component: LazyExoticComponent<ComponentType>;
  /** Starts loading the code before the view is opened (on hover and focus of its link). */
  readonly preload: () => void;
  /** Why what the view made is stale, in words; draws a dot beside its name. */
  readonly status?: (state: AppState) => string | null;
}

function view(
  definition: Omit<ViewDefinition, 'component' | 'preload'>,
  load: () => Promise<{ default: ComponentType }>,
): ViewDefinition {
  return { ...definition, component: lazy(load), preload: () => void load() };
}

/** All views, in the order of the data flow. */
export const viewRegistry: readonly ViewDefinition[] = [
  view(
    {
      id: 'start',
      group: 'start',
      label: 'Start',
      hint: 'Open files, the samples or an earlier project',
      key: 's',
    },
    () => import('../views/start/StartView.tsx'),
  ),
  view(
    {
      id: 'trajectories',
      group: 'data',
      label: 'Trajectories',
      hint: 'Import agent logs; filter, read and exclude runs',
      key: 't',
    },
    () => import('../views/trajectories/TrajectoriesView.tsx'),
  ),
  view(
    {
      id: 'compile',
      group: 'data',
      label: 'Compile',
      hint: 'Choose the recipe, preview one item, compile all',
      key: 'c',
      status: (state) => {
        const { sets, currentSetId } = state.compile;
        const stale = sets.find(({ id }) => id === currentSetId)?.stale;
        if (stale) return stale;
        const changed = changedOptions(state);
        return changed === '' ? null : `the recipe has changed since: ${changed}`;
      },
    },
    () => import('../views/compile/CompileView.tsx'),
  ),
  view(
    {
      id: 'qa',
      group: 'data',
      label: 'QA',
      hint: 'Read compiled examples with every piece traced to its turn',
      key: 'q',
    },
    () => import('../views/qa/QaView.tsx'),
  ),
  view(
    {
      id: 'model',
      group: 'model',
      label: 'Model',
      hint: 'Open a checkpoint, see what fits, load it and ask it',
      key: 'm',
    },
    () => import('../views/model/ModelView.tsx'),
  ),
  view(
    {
      id: 'train',
      group: 'model',
      label: 'Train',
      hint: 'Fine-tune the opened model on compiled examples, see what is learnt, save the adapter',
      key: 'f',
    },
    () => import('../views/train/TrainView.tsx'),
  ),
  view(
    {
      id: 'evaluate',
      group: 'findings',
      label: 'Evaluate',
      hint: 'Score a model on benchmarks, compare two with intervals, read every answer',
      key: 'e',
    },
    () => import('../views/evaluate/EvaluateView.tsx'),
  ),
  view(
    {
      id: 'mechanism',
      group: 'findings',
      label: 'Mechanism',
      hint: 'See how attention distance and expert routing changed, with intervals',
      key: 'x',
    },
    () => import('../views/mechanism/MechanismView.tsx'),
  ),
  view(
    {
      id: 'compare',
      group: 'findings',
      label: 'Compare',
      hint: 'All runs side by side, pinned charts, notes, and a report to hand out',
      key: 'v',
    },
    () => import('../views/compare/CompareView.tsx'),
  ),
  view(
    {
      id: 'walk',
      group: null,
      label: 'Guided walk',
      hint: 'The whole flow on the bundled model, step by step, for a lecture or a first look',
      key: 'w',
    },
    () => import('../views/walk/WalkView.tsx'),
  ),
];
