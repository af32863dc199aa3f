import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { EmptyState } from '../../widgets/States.tsx';

/** Compile: recipe, preview of one item, results. */
export default function CompileView() {
  const go = useApp((state) => state.route.go);
  const openSamples = useApp((state) => state.project.openSamples);
  return (
    <EmptyState
      icon="document"
      title="Nothing to compile yet"
      actions={
        <>
          <Button variant="primary" icon="folder" onClick={() => go('trajectories')}>
            Open trajectories
          </Button>
          <Button icon="bulb" onClick={() => void openSamples()}>
            Use the samples
          </Button>
        </>
      }
    >
      Compiling turns each agent run into one long question-answer pair: the evidence it gathered,
      distractors, and the verified answer. Bring agent logs first.
    </EmptyState>
  );
}
