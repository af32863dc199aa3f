import type { LoadOptions, MemoryPlan } from '../../../model/planner.ts';
import { useApp } from '../../../state/useApp.ts';
import type { EngineFailure, ModelCard } from '../../../workers/engineApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { formatBytes, formatCount, formatDuration } from '../../widgets/format.ts';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Callout, ProgressBar } from '../../widgets/States.tsx';

const weightSegments = (['f32', 'f16', 'int8', 'int4'] as const).map((value) => ({ value, label: value }));
const kvSegments = (['f32', 'f16', 'int8'] as const).map((value) => ({ value, label: value }));

/** Options in words, the way the controls name them. */
function optionText(options: LoadOptions): string {
  return `${options.weightType} weights, ${options.kvType} cache, ${formatCount(options.contextLength)} tokens, ${formatCount(options.chunkTokens)} at a time`;
}

function MemoryBar({ plan, maxBufferBytes }: { plan: MemoryPlan; maxBufferBytes: number | null }) {
  const isWasm = useApp((state) => state.model.runtime) === 'wasm';
  const parts = [
    { id: 'weights', name: 'Weights', bytes: plan.weightBytes },
    { id: 'kv', name: 'Keys and values', bytes: plan.kvBytes },
    { id: 'activations', name: 'Activations', bytes: plan.activationBytes },
    { id: 'scratch', name: 'Scratch and tables', bytes: plan.scratchBytes + plan.ropeBytes },
  ];
  return (
    <div className="mv-fit" data-testid="memory-plan">
      <p className="mv-fit-total">
        <strong className="num">{formatBytes(plan.totalBytes)}</strong> of {isWasm ? '' : 'GPU '}memory
      </p>
      <div className="mv-bar" aria-hidden="true">
        {parts.map((part) => (
          <span key={part.id} data-part={part.id} style={{ flexGrow: part.bytes }} />
        ))}
      </div>
      <dl className="mv-legend">
        {parts.map((part) => (
          <div key={part.id}>
            <dt data-part={part.id}>{part.name}</dt>
            <dd className="num">{formatBytes(part.bytes)}</dd>
          </div>
        ))}
      </dl>
      <p className="faint">
        One more token of context costs {formatBytes(plan.kvBytesPerToken)}.{' '}
        {isWasm
          ? `Loading takes ${formatBytes(plan.loadingBytes)} for a moment; WebAssembly can address 4 GB.`
          : ''}
        {isWasm || maxBufferBytes === null
          ? ''
          : `The largest buffer takes ${formatBytes(plan.largestBufferBytes)} of the ${formatBytes(maxBufferBytes)} this adapter allows. `}
        {isWasm ? '' : 'WebGPU does not tell how much memory there is in all.'}
      </p>
    </div>
  );
}

function Suggestion({ options }: { options: LoadOptions | null }) {
  const setOptions = useApp((state) => state.model.setOptions);
  if (!options) return <p>No weight type and context fit here: choose a smaller model.</p>;
  return (
    <p>
      This fits: {optionText(options)}. <Button onClick={() => void setOptions(options)}>Use these</Button>
    </p>
  );
}

function LoadFailure({ failure }: { failure: EngineFailure }) {
  return (
    <Callout
      tone="bad"
      title={
        failure.code === 'gpu-out-of-memory' ? 'The GPU has not enough memory' : 'The model was not loaded'
      }
    >
      {failure.message}
      {failure.plan ? <p>It was planned to take {formatBytes(failure.plan.totalBytes)}.</p> : null}
      {failure.suggestion ? <Suggestion options={failure.suggestion} /> : null}
    </Callout>
  );
}

function LoadButtons({ card }: { card: ModelCard }) {
  const work = useApp((state) => state.model.work);
  const loaded = useApp((state) => state.model.loaded);
  const isGone = useApp((state) => state.model.isGone);
  const adapter = useApp((state) => state.model.adapter);
  const plan = useApp((state) => state.model.plan);
  const load = useApp((state) => state.model.load);
  const unload = useApp((state) => state.model.unload);
  const cancel = useApp((state) => state.model.cancel);
  const runtime = useApp((state) => state.model.runtime);
  if (work?.kind === 'loading') {
    const text = {
      tuning: `Measuring kernels on this adapter: ${work.done} of ${work.total}`,
      kernels: `Compiling kernels: ${work.done} of ${work.total}`,
      weights: `Weights: ${formatBytes(work.done)} of ${formatBytes(work.total)}`,
    }[work.stage];
    return (
      <div className="mv-progress">
        <ProgressBar
          label="Loading the model"
          value={work.total > 0 ? work.done / work.total : null}
          text={text}
        />
        <span className="num">{text}</span>
        <Button onClick={cancel}>Cancel</Button>
      </div>
    );
  }
  const isElsewhere = loaded !== null && loaded.runtime !== runtime;
  const isPending = isElsewhere || (loaded !== null && loaded.adapter?.sha256 !== adapter?.sha256);
  const again = isElsewhere
    ? `Load again on ${runtime === 'wasm' ? 'WASM' : 'WebGPU'}`
    : isPending
      ? `Load again ${adapter ? 'with' : 'without'} the adapter`
      : 'Load again';
  const fits = plan !== null && plan.memory.problems.length === 0;
  return (
    <div className="mv-load">
      <Button
        variant={loaded && !isPending ? 'secondary' : 'primary'}
        icon="play"
        disabled={!fits || work !== null}
        onClick={() => void load()}
      >
        {loaded ? again : `Load ${card.name}`}
      </Button>
      {loaded ? (
        <Button disabled={work !== null} onClick={() => void unload()}>
          Unload
        </Button>
      ) : null}
      {loaded && !isGone ? (
        <p className="faint num" role="status" data-testid="loaded">
          {loaded.name} {loaded.adapter ? `with ${loaded.adapter.name} ` : ''}is loaded
          {loaded.runtime === 'wasm' ? ' on WASM' : ''}: {formatBytes(loaded.memory.allocatedBytes)} in use,
          in {formatDuration(loaded.tookMs)}
        </p>
      ) : null}
    </div>
  );
}

/** Loading, always in sight below what scrolls. */
export function LoadFoot({ card }: { card: ModelCard }) {
  const loadFailure = useApp((state) => state.model.loadFailure);
  return (
    <div className="mv-side-foot">
      {loadFailure ? <LoadFailure failure={loadFailure} /> : null}
      <LoadButtons card={card} />
    </div>
  );
}

/** How the model is to be held: types, context, chunk; and what that takes. */
export function FitPanel({ card }: { card: ModelCard }) {
  const options = useApp((state) => state.model.options);
  const setOptions = useApp((state) => state.model.setOptions);
  const plan = useApp((state) => state.model.plan);
  const planFailure = useApp((state) => state.model.planFailure);
  const probe = useApp((state) => state.model.probe);
  const isWasm = useApp((state) => state.model.runtime) === 'wasm';
  return (
    <section className="mv-options" aria-label="Memory">
      <h2>What fits</h2>
      {isWasm ? (
        <p className="muted">onnxruntime holds and computes everything in f32.</p>
      ) : (
        <>
          <Field label="Weights" inline>
            <Segmented
              label="Weight type"
              value={options.weightType}
              segments={weightSegments}
              onChange={(weightType) => void setOptions({ weightType })}
            />
          </Field>
          <Field label="Keys and values" inline>
            <Segmented
              label="Key and value type"
              value={options.kvType}
              segments={kvSegments}
              onChange={(kvType) => void setOptions({ kvType })}
            />
          </Field>
        </>
      )}
      <Field label="Context" inline>
        <NumberField
          label="Context"
          unit="tokens"
          value={options.contextLength}
          min={16}
          max={card.contextLength * 4}
          step={1024}
          onChange={(value) => value !== null && void setOptions({ contextLength: value })}
        />
      </Field>
      <Field label="Prompt at a time" inline>
        <NumberField
          label="Prompt tokens at a time"
          unit="tokens"
          value={options.chunkTokens}
          min={1}
          max={8192}
          step={64}
          onChange={(value) => value !== null && void setOptions({ chunkTokens: value })}
        />
      </Field>
      {plan ? <MemoryBar plan={plan.memory} maxBufferBytes={probe?.limits?.maxBufferBytes ?? null} /> : null}
      {planFailure ? (
        <Callout tone="bad" title="This cannot be planned">
          {planFailure.message}
        </Callout>
      ) : null}
      {plan && plan.memory.problems.length > 0 ? (
        <Callout tone="bad" title="This does not fit">
          {plan.memory.problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
          <Suggestion options={plan.suggestion?.options ?? null} />
        </Callout>
      ) : null}
    </section>
  );
}
