import { useApp } from '../../../state/useApp.ts';
import type { TrainingPlan } from '../../../train/types.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatBytes, formatCount } from '../../widgets/format.ts';
import { Callout } from '../../widgets/States.tsx';

const partsOf = (plan: TrainingPlan) => [
  { id: 'weights', name: 'Frozen weights', bytes: plan.weightBytes },
  { id: 'adapter', name: 'Adapter, gradients, moments', bytes: plan.adapterBytes },
  { id: 'kept', name: 'Kept for the way back', bytes: plan.keptBytes },
  { id: 'layer', name: 'The layer being computed', bytes: plan.layerBytes + plan.chunkBytes },
  { id: 'loss', name: 'Loss and rest', bytes: plan.lossBytes + plan.overheadBytes },
];

/** Memory of the run before it starts, and what to change when it does not fit. */
export function MemoryPanel() {
  const preview = useApp((state) => state.train.preview);
  const setConfig = useApp((state) => state.train.setConfig);
  if (preview.status !== 'ready') return null;
  const { plan, planProblem, fits } = preview.value;
  return (
    <section className="tv-section" aria-label="Memory of the run" data-testid="training-plan">
      <h2>What fits</h2>
      {plan ? (
        <>
          <p>
            <strong className="num">{formatBytes(plan.totalBytes)}</strong> of GPU memory for{' '}
            {formatCount(plan.trainableParameters)} trained numbers
          </p>
          <div className="tv-bar" aria-hidden="true">
            {partsOf(plan).map((part) => (
              <span key={part.id} data-part={part.id} style={{ flexGrow: part.bytes }} />
            ))}
          </div>
          <dl className="tv-legend">
            {partsOf(plan).map((part) => (
              <div key={part.id}>
                <dt data-part={part.id}>{part.name}</dt>
                <dd className="num">{formatBytes(part.bytes)}</dd>
              </div>
            ))}
          </dl>
          <p className="faint">
            One more token of a row costs {formatBytes(plan.bytesPerToken)}. The largest buffer takes{' '}
            {formatBytes(plan.largestBufferBytes)}. WebGPU does not tell how much memory there is in all.
          </p>
        </>
      ) : null}
      {planProblem ? (
        <Callout tone="bad" title="This cannot be planned">
          {planProblem}
        </Callout>
      ) : null}
      {plan && plan.problems.length > 0 ? (
        <Callout tone="bad" title="This does not fit">
          {plan.problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
          {fits.length > 0 ? <p>These would:</p> : null}
          <ul className="tv-fits">
            {fits.map((fit) => (
              <li key={fit.words}>
                <span>
                  {fit.words}: {formatBytes(fit.totalBytes)}
                </span>
                <Button onClick={() => void setConfig(fit.changes)}>
                  Use<span className="visually-hidden"> {fit.words}</span>
                </Button>
              </li>
            ))}
          </ul>
          {fits.length === 0 ? (
            <p>No single change makes it fit: take a smaller model, or change several.</p>
          ) : null}
        </Callout>
      ) : null}
    </section>
  );
}
