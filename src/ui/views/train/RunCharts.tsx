import { useMemo } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { expertLoadHeightEm, layoutExpertLoad } from '../../../charts/expertLoad/layout.ts';
import {
  layoutTrainingCurve,
  smoothed,
  trendOf,
  type CurveSeries,
  type CurveSpec,
} from '../../../charts/trainingCurve/layout.ts';
import type { RunView } from '../../../state/trainSlice.ts';
import { useApp } from '../../../state/useApp.ts';
import type { RunRecord } from '../../../train/runRecord.ts';
import type { StepMetrics } from '../../../train/run.ts';
import { formatBytes, formatCount } from '../../widgets/format.ts';
import { Slider } from '../../widgets/Slider.tsx';
import { Switch } from '../../widgets/Switch.tsx';

/** A GPU in words; software adapters name only their maker and kind. */
export function adapterName(gpu: NonNullable<RunRecord['device']>['adapter']): string {
  return gpu.description || [gpu.vendor, gpu.architecture].filter((part) => part !== '').join(' ');
}

/** What a chart of a run was made from. */
function originOf(run: RunView): string {
  const { record } = run;
  if (!record) return run.id;
  const gpu = record.device?.adapter;
  return [
    run.id,
    `${record.data.name} ${record.data.sha256.slice(0, 8)}`,
    `${record.model.name} ${record.model.sha256.slice(0, 8)}`,
    `seed ${record.config.seed}`,
    `v${record.code.version}`,
    ...(gpu ? [adapterName(gpu)] : []),
  ].join(' · ');
}

function Curve({
  spec,
  series,
  footer,
  heightEm,
  controls,
}: {
  spec: CurveSpec;
  series: readonly CurveSeries[];
  footer: string;
  heightEm: number;
  controls?: React.ReactNode;
}) {
  const { ref, size } = useChartSize(heightEm);
  const geometry = useMemo(
    () => (size ? layoutTrainingCurve(spec, series, size) : null),
    [spec, series, size],
  );
  return (
    <div ref={ref}>{geometry ? <Chart geometry={geometry} footer={footer} controls={controls} /> : null}</div>
  );
}

const three = (value: number): string => value.toFixed(3);

function lossTitle(metrics: readonly StepMetrics[], smooth: readonly { y: number }[], run: RunView): string {
  const [first, last] = [smooth[0]?.y, smooth.at(-1)?.y];
  if (first === undefined || last === undefined) return 'No step has been done yet';
  if (metrics.length === 1) return `Loss ${three(first)} before the first update`;
  const trend = trendOf(metrics.map(({ loss }) => loss));
  const held = run.heldOut;
  const heldText =
    held.length > 1 ? `; held out it goes from ${three(held[0]!.loss)} to ${three(held.at(-1)!.loss)}` : '';
  if (!trend) {
    // Each step sees other examples: a few of them tell nothing about the way it goes.
    return `Loss ${three(metrics[0]!.loss)} in the first of ${metrics.length} steps, ${three(metrics.at(-1)!.loss)} in the last: too few for a trend${heldText}`;
  }
  const way = { falls: 'falls', rises: 'rises', unclear: 'shows no clear change' }[trend.way];
  return `Loss ${way} from ${three(trend.first)} to ${three(trend.last)} in ${metrics.length} steps (means of the first and last ${trend.window})${heldText}`;
}

/** Loss as measured and smoothed, with the held-out loss. */
export function LossChart({ run }: { run: RunView }) {
  const smoothing = useApp((state) => state.train.smoothing);
  const setSmoothing = useApp((state) => state.train.setSmoothing);
  const logY = useApp((state) => state.train.logLoss);
  const setLogY = useApp((state) => state.train.setLogLoss);
  const { spec, series } = useMemo(() => {
    const raw = run.metrics.map(({ step, loss }) => ({ x: step, y: loss }));
    const smooth = smoothed(raw, smoothing);
    const best = run.heldOut.length > 1 ? run.heldOut.reduce((a, b) => (b.loss < a.loss ? b : a)) : null;
    const built: CurveSpec = {
      name: 'training-loss',
      title: lossTitle(run.metrics, smooth, run),
      subtitle: `Mean cross-entropy of a learnt token, nats, before each update; smoothed: exponential mean, factor ${smoothing}; held out: Σ loss / Σ tokens over the held-out examples (${run.record?.data.heldOut ?? 0}); n = 1 run`,
      xLabel: 'step',
      yLabel: 'loss',
      logY,
      fromZero: false,
      valueText: (value) => value.toFixed(4),
      markers: [
        ...run.checkpoints.map((x) => ({ x, label: 'checkpoint', kind: 'checkpoint' as const })),
        ...(best ? [{ x: best.step, label: 'best held-out loss', kind: 'best' as const }] : []),
        ...run.deviceLosses.map(({ step }) => ({ x: step, label: 'device lost', kind: 'loss' as const })),
      ],
    };
    const lines: CurveSeries[] = [
      { name: 'loss of a step', kind: 'raw', points: raw },
      { name: `smoothed (${smoothing})`, kind: 'smooth', points: smooth },
      ...(run.heldOut.length > 0
        ? [
            {
              name: 'held out',
              kind: 'dots' as const,
              points: run.heldOut.map(({ step, loss }) => ({ x: step, y: loss })),
              paint: 'swe' as const,
            },
          ]
        : []),
    ];
    return { spec: built, series: lines };
  }, [run, smoothing, logY]);
  return (
    <Curve
      spec={spec}
      series={series}
      footer={originOf(run)}
      heightEm={20}
      controls={
        <span className="tv-chart-controls">
          <Slider
            label="Smoothing"
            value={smoothing}
            min={0}
            max={0.99}
            step={0.01}
            onChange={(value) => typeof value === 'number' && setSmoothing(value)}
          />
          <Switch label="Log scale" checked={logY} onChange={setLogY} />
        </span>
      }
    />
  );
}

interface Panel {
  readonly name: string;
  readonly what: string;
  /** Of the numbers themselves, where their text has another. */
  readonly unit?: string;
  readonly subtitle: string;
  readonly fromZero: boolean;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly text: (value: number) => string;
  readonly tickText?: (value: number) => string;
}

function panelTitle({ what, points, text }: Panel): string {
  const last = points.at(-1);
  return last ? `${what}: ${text(last.y)}` : `${what}: nothing yet`;
}

function SmallCurve({ panel, footer }: { panel: Panel; footer: string }) {
  const spec = useMemo(
    (): CurveSpec => ({
      name: panel.name,
      title: panelTitle(panel),
      subtitle: panel.subtitle,
      xLabel: 'step',
      yLabel: panel.unit ? `${panel.what}, ${panel.unit}` : panel.what,
      logY: false,
      fromZero: panel.fromZero,
      valueText: panel.text,
      ...(panel.tickText ? { tickText: panel.tickText } : {}),
      markers: [],
    }),
    [panel],
  );
  const series = useMemo(
    (): CurveSeries[] => [{ name: panel.what.toLowerCase(), kind: 'line', points: panel.points }],
    [panel],
  );
  return <Curve spec={spec} series={series} footer={footer} heightEm={12} />;
}

/** Rate, norm, speed and memory, small and alike. */
export function SmallCharts({ run }: { run: RunView }) {
  const panels = useMemo((): Panel[] => {
    const over = (read: (metrics: StepMetrics) => number) =>
      run.metrics.map((metrics) => ({ x: metrics.step, y: read(metrics) }));
    return [
      {
        name: 'learning-rate',
        what: 'Learning rate',
        subtitle: 'Size of each update, by the schedule',
        fromZero: true,
        points: over(({ learningRate }) => learningRate),
        text: (value) => value.toExponential(2),
      },
      {
        name: 'gradient-norm',
        what: 'Gradient norm',
        subtitle: `Of all gradients together, before clipping at ${run.record?.config.maxGradNorm ?? 1}; 0.1 to 10 is usual`,
        fromZero: true,
        points: over(({ gradNorm }) => gradNorm),
        text: (value) => value.toPrecision(3),
      },
      {
        name: 'training-speed',
        what: 'Tokens a second',
        subtitle: 'Tokens of a step over its time, both directions',
        fromZero: true,
        points: over(({ tokensPerSecond }) => tokensPerSecond),
        text: (value) => formatCount(Math.round(value)),
      },
      ...(run.memory.length > 0
        ? [
            {
              name: 'training-memory',
              what: 'GPU memory',
              unit: 'bytes',
              subtitle: 'Bytes that the engine holds after each step',
              fromZero: true,
              points: run.memory.map(({ step, bytes }) => ({ x: step, y: bytes })),
              text: formatBytes,
              tickText: (bytes: number) => formatBytes(bytes).replace('.0 ', ' '),
            },
          ]
        : []),
    ];
  }, [run]);
  return (
    <div className="tv-small-charts">
      {panels.map((panel) => (
        <SmallCurve key={panel.name} panel={panel} footer={originOf(run)} />
      ))}
    </div>
  );
}

/** How the last step's tokens fell on the experts. */
export function ExpertLoadChart({ run }: { run: RunView }) {
  const card = useApp((state) => state.model.card);
  const load = run.details?.expertLoad ?? null;
  const layers = useMemo(() => {
    if (!load) return [];
    const moe =
      card.status === 'ready'
        ? card.value.layers.flatMap(({ mlp }, index) => (mlp === 'moe' ? [index] : []))
        : [];
    return load.map((counts, index) => ({ layer: moe[index] ?? index, counts }));
  }, [load, card]);
  const { ref, size } = useChartSize(expertLoadHeightEm(layers.length));
  const step = run.metrics.at(-1)?.step ?? 0;
  const geometry = useMemo(
    () => (size && layers.length > 0 ? layoutExpertLoad({ step }, layers, size) : null),
    [size, layers, step],
  );
  if (!load) return null;
  return <div ref={ref}>{geometry ? <Chart geometry={geometry} footer={originOf(run)} /> : null}</div>;
}
