import { useApp } from '../../../state/useApp.ts';
import { formatBytes } from '../../widgets/format.ts';
import { Callout, Skeleton } from '../../widgets/States.tsx';

/** What computes here: an alert without WebGPU, a warning with the measured speed in software, else one line. */
export function Capability() {
  const probe = useApp((state) => state.model.probe);
  const gflops = useApp((state) => state.model.gflops);
  if (!probe) return <Skeleton lines={2} label="Asking for the GPU" />;
  if (probe.tier === 0) {
    return (
      <Callout tone="bad" title={probe.title}>
        {probe.detail}
      </Callout>
    );
  }
  if (probe.tier === 1) {
    return (
      <Callout tone="warn" title={probe.title}>
        {probe.detail}{' '}
        {gflops === null
          ? 'Measuring its speed …'
          : `Measured here: ${gflops.toFixed(gflops < 10 ? 1 : 0)} GFLOP/s (${probe.adapterName}).`}
      </Callout>
    );
  }
  return (
    <p className="mv-adapter">
      <strong>{probe.title}</strong>
      <span className="faint">
        {probe.adapterName}
        {probe.limits ? ` · buffers up to ${formatBytes(probe.limits.maxBufferBytes)}` : ''}
        {probe.features?.subgroups ? ' · subgroups' : ''}
      </span>
    </p>
  );
}
