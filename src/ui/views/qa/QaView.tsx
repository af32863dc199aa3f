import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { EmptyState } from '../../widgets/States.tsx';

/** QA: compiled examples and the reader. */
export default function QaView() {
  const go = useApp((state) => state.route.go);
  return (
    <EmptyState
      icon="document"
      title="No compiled examples yet"
      actions={
        <Button variant="primary" onClick={() => go('compile')}>
          Go to Compile
        </Button>
      }
    >
      Once trajectories are compiled, each example can be read here as one text, with every piece of evidence
      traced to the turn it came from.
    </EmptyState>
  );
}
