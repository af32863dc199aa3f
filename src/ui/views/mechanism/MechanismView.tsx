import { useEffect, useMemo, useState } from 'react';
import { expertLabel, headLabel } from '../../../charts/common/numbers.ts';
import { useApp } from '../../../state/useApp.ts';
import type { MechanismFrame } from '../../../workers/mechanismApi.ts';
import { InspectorPanel } from '../../app/Inspector.tsx';
import { Button } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Callout, EmptyState, Skeleton } from '../../widgets/States.tsx';
import { Slider } from '../../widgets/Slider.tsx';
import { Tabs } from '../../widgets/Tabs.tsx';
import { Checkpoints } from './Checkpoints.tsx';
import { ControlCharts } from './ControlCharts.tsx';
import { DocumentPanel } from './DocumentPanel.tsx';
import { CompositionChart, EvidenceItem } from './EvidenceCharts.tsx';
import { CoActivationChart, ExpertFilmstrip, ExpertMapChart, ExpertMoversChart, LoadCurveChart, RouterSummaryChart, TaskStripsChart } from './ExpertCharts.tsx'; // prettier-ignore
import { HeadFilmstrip, HeadMoversChart, LayerLineChart, ScatterChart, SpectrumCharts, TriptychChart } from './HeadCharts.tsx'; // prettier-ignore
import { ItemText } from './ItemText.tsx';
import { metricLabel } from './metricNames.ts';
import './mechanism.css';

const tabIds = ['distance', 'evidence', 'entropy', 'experts', 'controls'] as const;
type TabId = (typeof tabIds)[number];

/** Metrics of the switch by tab; the first that was measured is shown. */
const metricsOfTab: Readonly<Record<TabId, RegExp | null>> = {
  distance: /distance|longRangeMass|sinkMass|retrievalScore/i,
  evidence: /goldMass|distractorMass|goldShareOfEvidence/,
  entropy: /entropy/i,
  experts: null,
  controls: /./,
};

/** The metric, with its formula and where it comes from. */
function MetricSwitch({ frame, tab }: { frame: MechanismFrame; tab: TabId }) {
  const setMetric = useApp((state) => state.mechanism.setMetric);
  const order = useApp((state) => state.mechanism.order);
  const setOrder = useApp((state) => state.mechanism.setOrder);
  const pattern = metricsOfTab[tab];
  const layerFilter = useApp((state) => state.mechanism.layerFilter);
  const setLayerFilter = useApp((state) => state.mechanism.setLayerFilter);
  const { key, formula, unit, source } = frame.metric;
  const threshold = frame.thresholds.findIndex((each) => key === `longRangeMass:${each}`);
  return (
    <div className="mech-controls">
      {pattern ? (
        <Field label="Metric" inline>
          <Select
            label="Metric"
            value={key}
            options={[...frame.metrics, ...(frame.metrics.includes(key) ? [] : [key])]
              .filter((name) => pattern.test(name))
              .map((name) => ({ value: name, label: metricLabel(name) }))}
            onChange={setMetric}
          />
        </Field>
      ) : null}
      {pattern && threshold >= 0 ? (
        <Field label="Beyond" inline>
          <Slider
            label="Distance beyond which mass is long-range"
            value={threshold}
            min={0}
            max={frame.thresholds.length - 1}
            format={(index) => `${(frame.thresholds[index] ?? 0).toLocaleString('en-US')} tokens`}
            onChange={(next) => {
              const index = typeof next === 'number' ? next : (next[0] ?? 0);
              setMetric(`longRangeMass:${frame.thresholds[index] ?? 0}`);
            }}
          />
        </Field>
      ) : null}
      {tab === 'distance' || tab === 'entropy' ? (
        <Field label="Layers" inline>
          <Select
            label="Layers in scatter and movers"
            value={layerFilter ?? -1}
            options={[
              { value: -1, label: 'All' },
              ...Array.from({ length: frame.layers }, (_, layer) => ({
                value: layer,
                label: `Layer ${layer}`,
              })),
            ]}
            onChange={(layer) => setLayerFilter(layer < 0 ? null : layer)}
          />
        </Field>
      ) : null}
      <Field label="Columns" inline>
        <Segmented
          label="Order of heads and experts within a layer"
          value={order}
          segments={[
            { value: 'baseline', label: `By ${frame.baseline}` },
            { value: 'index', label: 'By index' },
          ]}
          onChange={setOrder}
        />
      </Field>
      {pattern ? (
        <p className="mech-formula">
          <span className="mono">{formula}</span> · {unit} · {source}
        </p>
      ) : null}
    </div>
  );
}

/** Distance with everything that hides in its mean. */
function DistanceTab({ frame }: { frame: MechanismFrame }) {
  return (
    <>
      {frame.metric.key === 'meanDistance' && frame.sinkWarning !== null ? (
        <Callout
          tone="warn"
          title={`About ${Math.round(frame.sinkWarning * 100)} % of this distance comes from the first ${frame.document.sinkTokens} keys`}
        >
          Attention parked on the first tokens counts as far. Read the sink-excluded distance.
        </Callout>
      ) : null}
      <LayerLineChart frame={frame} />
      <TriptychChart frame={frame} />
      <div className="mech-pair">
        <ScatterChart frame={frame} />
        <HeadMoversChart frame={frame} />
      </div>
      <SpectrumCharts frame={frame} />
      <CheckpointStrip frame={frame} what="heads" />
    </>
  );
}

function CheckpointStrip({ frame, what }: { frame: MechanismFrame; what: 'heads' | 'experts' }) {
  const selected = useApp((state) => state.mechanism.selected);
  const load = useApp((state) => state.mechanism.loadFilmstrip);
  const hasSteps = frame.document.subjects.filter(({ step }) => step !== null).length > 1;
  const layer = selected?.layer ?? frame.routing?.layers[0] ?? 0;
  useEffect(() => {
    if (hasSteps) void load(layer);
  }, [load, hasSteps, layer, frame]);
  if (!hasSteps) return null;
  if (what === 'heads') return <HeadFilmstrip frame={frame} />;
  return frame.routing ? <ExpertFilmstrip frame={frame} routing={frame.routing} /> : null;
}

function ExpertsTab({ frame }: { frame: MechanismFrame }) {
  const selected = useApp((state) => state.mechanism.selected);
  const select = useApp((state) => state.mechanism.select);
  const { routing } = frame;
  if (!routing) {
    return (
      <EmptyState icon="info" title="No experts here">
        {frame.document.model.experts === null
          ? 'The model of this document is dense. Measure a mixture-of-experts model to see its routing.'
          : 'The document holds no routing. Measure it here, or write it with the other program.'}
      </EmptyState>
    );
  }
  const layer = selected?.layer !== undefined && routing.layers.includes(selected.layer) ? selected.layer : (routing.layers[Math.floor(routing.layers.length / 2)] ?? 0); // prettier-ignore
  return (
    <>
      <ExpertMapChart frame={frame} routing={routing} />
      <RouterSummaryChart frame={frame} routing={routing} />
      <ExpertMoversChart frame={frame} routing={routing} />
      <div className="mech-controls">
        <Field label="One layer" inline>
          <Select
            label="Layer shown in detail"
            value={layer}
            options={routing.layers.map((each) => ({ value: each, label: `Layer ${each}` }))}
            onChange={(next) => select({ layer: next })}
          />
        </Field>
        <p className="muted">Picking a cell anywhere goes to its layer.</p>
      </div>
      <TaskStripsChart frame={frame} routing={routing} layer={layer} />
      <div className="mech-pair">
        <LoadCurveChart frame={frame} routing={routing} layer={layer} />
        <CoActivationChart frame={frame} layer={layer} />
      </div>
      <CheckpointStrip frame={frame} what="experts" />
    </>
  );
}

function Selection({ frame }: { frame: MechanismFrame }) {
  const selected = useApp((state) => state.mechanism.selected);
  const select = useApp((state) => state.mechanism.select);
  if (!selected) return null;
  const { layer, head, expert, piece } = selected;
  const { metric, heads, routing } = frame;
  const cell = layer !== undefined && head !== undefined ? layer * heads + head : null;
  const row = layer !== undefined && routing ? routing.layers.indexOf(layer) : -1;
  const routed = routing && row >= 0 && expert !== undefined ? row * routing.experts + expert : null;
  const three = (value: number | null | undefined): string =>
    value == null ? '–' : String(Number(value.toPrecision(4)));
  const rows: [string, string][] = [];
  if (cell !== null) {
    rows.push([`${metricLabel(metric.key)}, ${frame.baseline}`, three(metric.baseline[cell])]);
    if (metric.comparison) rows.push([frame.comparison ?? '', three(metric.comparison[cell])]);
    if (metric.control) rows.push([frame.control ?? '', three(metric.control[cell])]);
    if (metric.change) {
      rows.push(['change', three(metric.change.values[cell])]);
      if (metric.change.hasIntervals) rows.push(['95 % interval', `${three(metric.change.low[cell])} to ${three(metric.change.high[cell])}`], ['clear', metric.change.clear[cell] ? 'yes' : 'no']); // prettier-ignore
    }
  }
  if (routed !== null && routing) {
    rows.push([`routing frequency, ${frame.baseline}`, three(routing.baseline[routed])]);
    if (routing.comparison) rows.push([frame.comparison ?? '', three(routing.comparison[routed])]);
    if (routing.change) {
      rows.push(['change', three(routing.change.values[routed])]);
      if (routing.change.hasIntervals) rows.push(['clear', routing.change.clear[routed] ? 'yes' : 'no']);
    }
  }
  const title = cell !== null ? `Head ${headLabel(layer ?? 0, head ?? 0)}` : routed !== null ? `Expert ${expertLabel(layer ?? 0, expert ?? 0)}` : piece !== undefined ? `Piece ${piece}` : `Layer ${layer ?? ''}`; // prettier-ignore
  return (
    <InspectorPanel title={title} first>
      <dl className="mech-facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="num">{value}</dd>
          </div>
        ))}
      </dl>
      <Button variant="ghost" icon="close" onClick={() => select(null)}>
        Clear the selection
      </Button>
    </InspectorPanel>
  );
}

function Charts({ frame, tab }: { frame: MechanismFrame; tab: TabId }) {
  switch (tab) {
    case 'distance':
      return <DistanceTab frame={frame} />;
    case 'evidence':
      return (
        <>
          <EvidenceItem frame={frame} />
          {metricsOfTab.evidence?.test(frame.metric.key) ? (
            <>
              <LayerLineChart frame={frame} />
              <TriptychChart frame={frame} />
            </>
          ) : null}
          <CompositionChart frame={frame} />
        </>
      );
    case 'entropy':
      return metricsOfTab.entropy?.test(frame.metric.key) ? (
        <>
          <p className="muted">
            Lower is more selective, not better. e to the entropy is the effective number of keys.
          </p>
          <LayerLineChart frame={frame} />
          <TriptychChart frame={frame} />
          <HeadMoversChart frame={frame} />
        </>
      ) : (
        <EmptyState title="Entropy was not measured">Open or measure a document that has it.</EmptyState>
      );
    case 'experts':
      return <ExpertsTab frame={frame} />;
    case 'controls':
      return <ControlCharts frame={frame} />;
  }
}

function Findings({ frame }: { frame: MechanismFrame }) {
  const params = useApp((state) => state.route.current.params);
  const setParams = useApp((state) => state.route.setParams);
  const setMetric = useApp((state) => state.mechanism.setMetric);
  const hasControl = frame.control !== null;
  const asked = tabIds.find((id) => id === params['tab']) ?? 'distance';
  const tab = asked === 'controls' && !hasControl ? 'distance' : asked;
  useEffect(() => {
    const pattern = metricsOfTab[tab];
    if (!pattern || pattern.test(frame.metric.key)) return;
    const first = frame.metrics.find((name) => pattern.test(name) && (tab !== 'entropy' || name === 'normalizedEntropy')) ?? frame.metrics.find((name) => pattern.test(name)); // prettier-ignore
    if (first !== undefined) setMetric(first);
  }, [tab, frame, setMetric]);
  const names: Readonly<Record<TabId, string>> = {
    distance: 'Distance',
    evidence: 'Evidence',
    entropy: 'Entropy',
    experts: 'Experts',
    controls: 'Controls',
  };
  return (
    <>
      <Tabs
        label="What is looked at"
        value={tab}
        onChange={(next) => setParams({ tab: next })}
        items={tabIds
          .filter((id) => id !== 'controls' || hasControl)
          .map((id) => ({
            id,
            label: names[id],
            content: (
              <div className="mech-charts" data-tab={id}>
                <MetricSwitch frame={frame} tab={id} />
                <Charts frame={frame} tab={id} />
              </div>
            ),
          }))}
      />
      <Selection frame={frame} />
      <InspectorPanel title="Measured">
        <dl className="mech-facts">
          {(
            [
              ['model', frame.document.model.name],
              ['items', String(frame.document.itemCount)],
              ['tokens', frame.document.tokens.toLocaleString('en-US')],
              [
                'query tokens',
                `${frame.document.queryTokens.toLocaleString('en-US')} (${frame.document.queries})`,
              ],
              ['sink rule', `first ${frame.document.sinkTokens} keys`],
              ['subjects', frame.document.subjects.map(({ name }) => name).join(', ')],
            ] as const
          ).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p className="w-hint mech-caution">
          Attention shows where a model looks, not why it answers. Hold a finding against a control and
          against evidence masking before it is claimed.
        </p>
      </InspectorPanel>
    </>
  );
}

/** What training did inside the model: attention and experts, before and after. */
export default function MechanismView() {
  const isReady = useApp((state) => state.mechanism.isReady);
  const connect = useApp((state) => state.mechanism.connect);
  const frame = useApp((state) => state.mechanism.frame);
  const documents = useApp((state) => state.mechanism.documents);
  const openFiles = useApp((state) => state.mechanism.openFiles);
  const [isOver, setIsOver] = useState(false);
  useEffect(() => void connect(), [connect]);
  const value = frame.status === 'ready' ? frame.value : null;
  const isPartial = useMemo(() => value?.document.isPartial ?? false, [value]);
  return (
    <div
      className="mech"
      data-state={isReady ? 'ready' : 'loading'}
      data-over={isOver || undefined}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        event.stopPropagation();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={(event) => {
        setIsOver(false);
        const files = [...event.dataTransfer.files];
        // Only documents are taken here; anything else goes to the project as everywhere.
        if (files.length === 0 || !files.every(({ name }) => name.endsWith('.json'))) return;
        event.preventDefault();
        event.stopPropagation();
        void openFiles(files);
      }}
    >
      <DocumentPanel />
      <div className="mech-main">
        {!isReady ? <Skeleton lines={8} label="Loading what was measured" /> : null}
        {isReady && documents.length === 0 ? (
          <EmptyState icon="info" title="Nothing was measured yet" level={1}>
            Load a model and measure it on compiled examples, or open a document that{' '}
            <span className="mono">acc mechanism</span> wrote elsewhere: base, adapter and control on
            identical tokens, with intervals over items.
          </EmptyState>
        ) : null}
        {frame.status === 'failed' ? (
          <Callout tone="bad" title={frame.message}>
            {frame.advice}
          </Callout>
        ) : null}
        {frame.status === 'loading' ? <Skeleton lines={8} label="Computing intervals" /> : null}
        {value ? (
          <>
            <h1 className="visually-hidden">Mechanism of {value.document.model.name}</h1>
            <h2 className="visually-hidden">Charts</h2>
            {isPartial ? (
              <Callout tone="info" title="Still measuring">
                Charts show the items so far; intervals narrow as more come.
              </Callout>
            ) : null}
            {value.problem ? (
              <Callout tone="warn" title="Not compared">
                {value.problem}
              </Callout>
            ) : null}
            <Checkpoints frame={value} />
            <Findings frame={value} />
            <ItemText frame={value} />
          </>
        ) : null}
      </div>
    </div>
  );
}
