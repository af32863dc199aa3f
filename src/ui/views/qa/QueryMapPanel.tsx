import { useEffect, useMemo, useRef, useState } from 'react';
import { kindNames, type ChartKind } from '../../../charts/common/kinds.ts';
import { saveBlob } from '../../../charts/common/saveBlob.ts';
import { pictureBlob } from '../../../charts/common/saveChart.ts';
import { usePageTheme } from '../../../charts/common/usePageTheme.ts';
import { layoutQueryMap } from '../../../charts/queryMap/layout.ts';
import { queryMapPage } from '../../../charts/queryMap/paint.ts';
import { useApp } from '../../../state/useApp.ts';
import type { CompiledSet } from '../../../workers/dataApi.ts';
import type { QueryMap } from '../../../workers/mapApi.ts';
import { mapProgress } from '../../app/longWork.ts';
import { Button } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Field } from '../../widgets/Field.tsx';
import { formatCount, formatShare, plural } from '../../widgets/format.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { KindMark } from '../../widgets/Marks.tsx';
import { Menu } from '../../widgets/Menu.tsx';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Callout, ProgressBar } from '../../widgets/States.tsx';
import { useSetOrigin } from './SetCharts.tsx';
import { MapCanvas } from './MapCanvas.tsx';

const nameOf = (kind: string): string => (kind === 'benchmark' ? 'Benchmark' : kindNames[kind as ChartKind]);
/** Rows of the table of near-duplicates. */
const shownPairs = 50;

const exportedSize = { width: 1000, height: 800 };

function caption(map: QueryMap): string {
  const { minDist, seed, threshold } = map.options;
  const neighbours = Math.min(map.options.neighbours, map.texts.ids.length - 1);
  return `UMAP of ${plural(map.texts.ids.length, 'query', 'queries')}; ${map.embedding} (${map.dim} numbers, less their mean), cosine; ${neighbours} neighbours, minimal distance ${minDist}, seed ${seed}, started from the principal plane. Area: tokens of the prompt. Lines join queries of cosine ${threshold} or more. Distances between clusters and their sizes carry no meaning.`;
}

/** The near-duplicates in words. */
function titleOf({ texts, pairs, pairCount }: QueryMap): string {
  const queries = plural(texts.ids.length, 'query', 'queries');
  if (pairCount === 0) return `${queries}, no near-duplicates`;
  const contaminated = pairs.filter(
    ({ a, b }) => (texts.kinds[a] === 'benchmark') !== (texts.kinds[b] === 'benchmark'),
  ).length;
  return `${queries}, ${plural(pairCount, 'near-duplicate pair')}${contaminated > 0 ? `, ${formatCount(contaminated)} of them with benchmark items` : ''}`;
}

/** How far the picture can be trusted. */
function honesty({ purity, trustworthiness }: QueryMap): string {
  return `${formatShare(purity)} of a query’s neighbours are of its kind; trustworthiness of the picture ${trustworthiness.toFixed(3)}`;
}

function mapCsv({ texts, plane }: QueryMap): string {
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const rows = texts.ids.map((id, i) =>
    [
      quoted(id),
      texts.kinds[i],
      texts.tokens[i],
      plane[2 * i],
      plane[2 * i + 1],
      quoted(texts.questions[i]!),
    ].join(','),
  );
  return `id,kind,tokens,x,y,question\n${rows.join('\n')}\n`;
}

function SaveMenu({ map, footer }: { map: QueryMap; footer: string }) {
  const theme = usePageTheme();
  const save = async (type: 'svg' | 'png' | 'csv' | 'json'): Promise<void> => {
    const name = `query-map.${type}`;
    if (type === 'csv') return saveBlob(new Blob([mapCsv(map)], { type: 'text/csv' }), name);
    if (type === 'json') {
      const json = JSON.stringify({ ...map, plane: [...map.plane], footer });
      return saveBlob(new Blob([json], { type: 'application/json' }), name);
    }
    const data = { ...map.texts, plane: map.plane, pairs: map.pairs };
    const layout = layoutQueryMap(data, { scale: 1, centre: null }, exportedSize);
    const page = queryMapPage(data, layout, {
      title: titleOf(map),
      subtitle: caption(map),
      notes: [honesty(map)],
    });
    saveBlob(await pictureBlob(page, type, footer, theme), name);
  };
  return (
    <Menu
      trigger={
        <Button icon="download">
          Save
          <Icon name="chevronDown" size="0.85em" />
        </Button>
      }
      entries={(['svg', 'png', 'csv', 'json'] as const).map((type) => ({
        id: type,
        label: type.toUpperCase(),
        onSelect: () => void save(type),
      }))}
    />
  );
}

/** Near-duplicates in words: what the links of the map show. */
function PairTable({ map, onOpen }: { map: QueryMap; onOpen: (index: number) => void }) {
  const { texts, pairs, pairCount, options } = map;
  if (pairCount === 0)
    return <p className="muted">No two queries have a cosine of {options.threshold} or more.</p>;
  const cell = (index: number) => (
    <td>
      {texts.kinds[index] === 'benchmark' ? (
        <span className="faint">benchmark, {texts.ids[index]}: </span>
      ) : (
        <Button variant="ghost" onClick={() => onOpen(index)}>
          {texts.ids[index]}
        </Button>
      )}{' '}
      {texts.questions[index]!.slice(0, 120)}
    </td>
  );
  return (
    <table className="qm-pairs">
      <thead>
        <tr>
          <th scope="col">Cosine</th>
          <th scope="col">Query</th>
          <th scope="col">and</th>
        </tr>
      </thead>
      <tbody>
        {pairs.slice(0, shownPairs).map(({ a, b, similarity }) => (
          <tr key={`${a}-${b}`}>
            <td className="num">{similarity.toFixed(3)}</td>
            {cell(a)}
            {cell(b)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function MapFigure({ set, map }: { set: CompiledSet; map: QueryMap }) {
  const select = useApp((state) => state.examples.select);
  const selectedIds = useApp((state) => state.examples.selected);
  const go = useApp((state) => state.route.go);
  const [current, setCurrent] = useState<number | null>(null);
  const origin = useSetOrigin(set);
  const { texts } = map;
  const data = useMemo(() => ({ ...map.texts, plane: map.plane, pairs: map.pairs }), [map]);
  const selected = useMemo(() => {
    const chosen = new Set<number>();
    if (selectedIds.size > 0)
      texts.ids.forEach((id, i) => texts.kinds[i] !== 'benchmark' && selectedIds.has(id) && chosen.add(i));
    return chosen;
  }, [selectedIds, texts]);
  const counts = new Map<string, number>();
  for (const kind of texts.kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const open = (index: number): void => {
    if (texts.kinds[index] !== 'benchmark') go('qa', [set.id, texts.ids[index]!]);
  };
  const title = titleOf(map);
  return (
    <figure className="qm-figure" data-testid="query-map">
      <figcaption>
        <h3>{title}</h3>
        <p className="faint">{caption(map)}</p>
      </figcaption>
      <ul className="qm-legend">
        {[...counts].map(([kind, count]) => (
          <li key={kind}>
            {kind === 'benchmark' ? '◇ Benchmark' : <KindMark kind={kind as ChartKind} />}{' '}
            <span className="num faint">{formatCount(count)}</span>
          </li>
        ))}
      </ul>
      <MapCanvas
        data={data}
        label={`Map of the queries: ${title}`}
        selected={selected}
        current={current}
        onCurrent={setCurrent}
        onSelect={(indices, mode) =>
          select(
            indices.filter((i) => texts.kinds[i] !== 'benchmark').map((i) => texts.ids[i]!),
            mode,
          )
        }
        onOpen={open}
      />
      <p className="qm-told" role="status">
        {current === null ? (
          <span className="faint" id="qm-keys">
            Drag around points to select them in the table. Arrows go from point to point, Space selects,
            Enter opens, plus and minus zoom, Shift and drag moves.
          </span>
        ) : (
          <>
            <strong>{nameOf(texts.kinds[current]!)}</strong> {texts.ids[current]}
            {texts.tokens[current] ? `, ${formatCount(texts.tokens[current])} tokens` : ''}:{' '}
            {texts.questions[current]!.slice(0, 240)}
          </>
        )}
      </p>
      <div className="qm-tools">
        <SaveMenu map={map} footer={origin} />
        {selected.size > 0 ? (
          <span className="num">{plural(selected.size, 'example')} selected in the table below</span>
        ) : null}
        <span className="faint num">{honesty(map)}</span>
      </div>
      <Disclosure title="Near-duplicates" summary={formatCount(map.pairCount)}>
        <PairTable map={map} onOpen={open} />
      </Disclosure>
    </figure>
  );
}

function MapForm({ set }: { set: CompiledSet }) {
  const map = useApp((state) => state.map);
  const loaded = useApp((state) => state.model.loaded);
  const modelWork = useApp((state) => state.model.work);
  const benchmarks = useApp((state) => state.evaluate.data);
  const connectBenchmarks = useApp((state) => state.evaluate.connect);
  const picker = useRef<HTMLInputElement>(null);
  useEffect(() => void connectBenchmarks(), [connectBenchmarks]);
  const { source, embedder, options, work, failure } = map;
  const canMake = source === 'model' ? loaded !== null && modelWork === null : embedder !== null;
  const progress = mapProgress(work, modelWork?.kind === 'embedding' ? modelWork : null);
  return (
    <div className="qm-form">
      <Field label="Embedded by" inline>
        <Segmented
          label="Embedded by"
          value={source}
          segments={[
            { value: 'model', label: 'The loaded model' },
            { value: 'embedder', label: 'An ONNX model' },
          ]}
          onChange={map.setSource}
        />
      </Field>
      {source === 'embedder' ? (
        <>
          <Button icon="file" disabled={work !== null} onClick={() => picker.current?.click()}>
            {embedder ? `${embedder.name}, ${embedder.pooling}` : 'Choose .onnx and tokenizer.json'}
          </Button>
          <input
            ref={picker}
            type="file"
            multiple
            accept=".onnx,.json"
            hidden
            data-testid="embedder-files"
            onChange={(event) => {
              void map.openEmbedder([...(event.target.files ?? [])]);
              event.target.value = '';
            }}
          />
        </>
      ) : loaded ? (
        <span className="muted">mean hidden state of {loaded.name}</span>
      ) : (
        <span className="muted">
          No model is loaded: <a href="#/model">load one</a> or choose an ONNX model.
        </span>
      )}
      <Field label="Over it" inline>
        <Select
          label="Benchmark laid over the map"
          value={map.benchmarkId ?? ''}
          options={[
            { value: '', label: 'No benchmark' },
            ...benchmarks
              .filter(({ isPrivate }) => !isPrivate)
              .map(({ id, label, rows }) => ({ value: id, label: `${label}, ${formatCount(rows)} rows` })),
          ]}
          onChange={(id) => map.setBenchmark(id === '' ? null : id)}
        />
      </Field>
      <Field label="Neighbours" inline>
        <NumberField
          label="Neighbours"
          value={options.neighbours}
          min={2}
          max={100}
          onChange={(neighbours) => neighbours !== null && map.setOptions({ neighbours })}
        />
      </Field>
      <Field label="Linked from cosine" inline>
        <NumberField
          label="Cosine from which queries are linked"
          value={options.threshold}
          min={0.5}
          max={1}
          step={0.01}
          onChange={(threshold) => threshold !== null && map.setOptions({ threshold })}
        />
      </Field>
      <Field label="Seed" inline>
        <NumberField
          label="Seed of the map"
          value={options.seed}
          min={0}
          onChange={(seed) => seed !== null && map.setOptions({ seed })}
        />
      </Field>
      {progress ? (
        <div className="qm-progress">
          <ProgressBar label={progress.words} value={progress.share} text={progress.words} />
          <span className="num">{progress.words}</span>
          <Button icon="stop" onClick={map.cancel}>
            Cancel
          </Button>
        </div>
      ) : (
        <Button variant="primary" disabled={!canMake} onClick={() => void map.make(set.id)}>
          Make the map
        </Button>
      )}
      {failure ? (
        <Callout
          tone="bad"
          title="The map was not made"
          actions={<Button onClick={map.dismissFailure}>Close</Button>}
        >
          {failure.message}
        </Callout>
      ) : null}
    </div>
  );
}

/** The map of the queries of a set (ACC, Fig. 4). */
export function QueryMapPanel({ set }: { set: CompiledSet }) {
  const shown = useApp((state) => state.map.shown);
  const map = shown?.setId === set.id ? shown.map : null;
  return (
    <Disclosure
      title="Map of the queries"
      summary={map ? plural(map.texts.ids.length, 'query', 'queries') : ''}
    >
      <MapForm set={set} />
      {map ? <MapFigure set={set} map={map} /> : null}
    </Disclosure>
  );
}
