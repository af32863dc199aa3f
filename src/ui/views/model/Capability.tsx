import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { formatBytes, plural } from '../../widgets/format.ts';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';

const runtimes = [
  { value: 'webgpu', label: 'WebGPU' },
  { value: 'wasm', label: 'WASM' },
] as const;

/** Said once: what stands in for a missing graphics card. */
function Notice() {
  const probe = useApp((state) => state.model.probe);
  const gflops = useApp((state) => state.model.gflops);
  const runtime = useApp((state) => state.model.runtime);
  const setRuntime = useApp((state) => state.model.setRuntime);
  const isSeen = useApp((state) => state.ui.gpuNoticeSeen);
  const setSeen = useApp((state) => state.ui.setGpuNoticeSeen);
  if (!probe || probe.tier > 1 || isSeen) return null;
  const close = (
    <Button variant="ghost" onClick={() => setSeen(true)}>
      Close
    </Button>
  );
  if (probe.tier === 0) {
    return (
      <Callout tone="warn" title={probe.title}>
        {probe.detail}
        <p className="mv-notice-actions">{close}</p>
      </Callout>
    );
  }
  return (
    <Callout tone="warn" title={probe.title}>
      {probe.detail}{' '}
      {gflops === null
        ? 'Measuring its speed …'
        : `Measured here: ${gflops.toFixed(gflops < 10 ? 1 : 0)} GFLOP/s (${probe.adapterName}).`}
      <p className="mv-notice-actions">
        {runtime === 'webgpu' ? (
          <Button onClick={() => void setRuntime('wasm')}>Switch to WASM</Button>
        ) : null}
        {close}
      </p>
    </Callout>
  );
}

/** What models run on here, with the choice where there is one. */
export function Capability() {
  const probe = useApp((state) => state.model.probe);
  const runtime = useApp((state) => state.model.runtime);
  const setRuntime = useApp((state) => state.model.setRuntime);
  const isBusy = useApp((state) => state.model.work !== null);
  const refused = useApp((state) => state.model.loaded?.refusedKernels);
  if (!probe) return <Skeleton lines={2} label="Asking for the GPU" />;
  const isWasm = runtime === 'wasm';
  const shared = probe.wasmThreads > 1 ? '' : ', as this page is not cross-origin isolated';
  return (
    <>
      <Notice />
      {probe.tier > 0 ? (
        <Field label="Models run on" inline>
          <Segmented
            label="Models run on"
            value={runtime}
            segments={runtimes.map((each) => ({ ...each, disabled: isBusy }))}
            onChange={(value) => void setRuntime(value)}
          />
        </Field>
      ) : null}
      <p className="mv-adapter" data-testid="runtime">
        <strong>
          {isWasm ? 'onnxruntime on the CPU' : probe.tier === 1 ? 'This engine, without a GPU' : probe.title}
        </strong>
        <span className="faint">
          {isWasm
            ? `WebAssembly, f32, ${plural(probe.wasmThreads, 'thread')}${shared}`
            : `${probe.adapterName}${probe.limits ? ` · buffers up to ${formatBytes(probe.limits.maxBufferBytes)}` : ''}${probe.features?.subgroups ? ' · subgroups' : ''}`}
        </span>
        {refused?.length ? (
          <span className="faint">
            The driver refused {plural(refused.length, 'kernel')} ({refused.join(', ')}); others do the same
            work.
          </span>
        ) : null}
      </p>
    </>
  );
}
