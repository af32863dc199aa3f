import { useApp } from '../../../state/useApp.ts';
import type { AdapterCard, ModelCard } from '../../../workers/engineApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatCount } from '../../widgets/format.ts';
import { Callout } from '../../widgets/States.tsx';
import { FolderButton } from './FolderButton.tsx';

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** `[4, 4]` as 4, `[2, 8]` as 2 to 8. */
function rangeText([least, most]: readonly [number, number]): string {
  const text = (value: number): string => String(Number(value.toPrecision(4)));
  return least === most ? text(least) : `${text(least)} to ${text(most)}`;
}

/** Layers in words: all of them, a run, or the list. */
function layersText(layers: readonly number[], layerCount: number): string {
  const [first, last] = [layers[0], layers[layers.length - 1]];
  if (first === undefined || last === undefined) return 'none';
  if (layers.length === layerCount) return `all ${formatCount(layerCount)}`;
  if (layers.length > 1 && last - first + 1 === layers.length)
    return `${first} to ${last} of 0 to ${layerCount - 1}`;
  return `${layers.join(', ')} of 0 to ${layerCount - 1}`;
}

function AdapterFacts({ adapter, card }: { adapter: AdapterCard; card: ModelCard }) {
  return (
    <dl className="mv-facts">
      <dt>Changes</dt>
      <dd>
        {adapter.targets.join(', ')}
        {adapter.adaptsExperts ? ' (experts too)' : ''}
      </dd>
      <dt>Layers</dt>
      <dd>{layersText(adapter.layers, card.layerCount)}</dd>
      <dt>Rank</dt>
      <dd>
        {rangeText(adapter.ranks)}, scale {rangeText(adapter.scales)}
      </dd>
      <dt>Parameters</dt>
      <dd>{compact.format(adapter.parameterCount)}</dd>
      {adapter.baseModel ? (
        <>
          <dt>Trained on</dt>
          <dd className="mv-wrap">{adapter.baseModel}</dd>
        </>
      ) : null}
    </dl>
  );
}

/** A PEFT adapter for the opened checkpoint: its facts, and whether the loaded model has it merged in. */
export function AdapterPanel({ card }: { card: ModelCard }) {
  const adapter = useApp((state) => state.model.adapter);
  const failure = useApp((state) => state.model.adapterFailure);
  const loaded = useApp((state) => state.model.loaded);
  const open = useApp((state) => state.model.openAdapter);
  const close = useApp((state) => state.model.closeAdapter);
  const isBusy = useApp((state) => state.model.work !== null);
  const merged = loaded?.adapter ?? null;
  const isPending = loaded !== null && merged?.sha256 !== adapter?.sha256;
  return (
    <section className="mv-options" aria-label="Adapter" data-testid="adapter">
      <h2>Adapter</h2>
      {adapter ? (
        <>
          <p className="mv-adapter-name">
            <strong className="truncate" title={adapter.origin}>
              {adapter.name}
            </strong>
            <Button disabled={isBusy} onClick={() => void close()}>
              Remove<span className="visually-hidden"> the adapter {adapter.name}</span>
            </Button>
          </p>
          <AdapterFacts adapter={adapter} card={card} />
        </>
      ) : (
        <>
          <p className="faint">
            None. A PEFT folder (adapter_config.json, adapter_model.safetensors) can be dropped anywhere in
            the window; it is merged into the weights while they load.
          </p>
          <FolderButton label="Add a LoRA adapter" testId="adapter-folder-input" open={open} />
        </>
      )}
      {isPending ? (
        <p className="muted" role="status">
          {adapter
            ? `The loaded model ${merged ? `has ${merged.name} merged in` : 'is without it'}: load again to apply this one.`
            : `The loaded model still has ${merged?.name ?? 'it'} merged in: load again to be without it.`}
        </p>
      ) : null}
      {adapter && loaded && !isPending ? (
        <p className="faint" role="status">
          Merged into the loaded model.
        </p>
      ) : null}
      {failure ? (
        <Callout tone="bad" title="This adapter cannot be used">
          {failure.message}
        </Callout>
      ) : null}
    </section>
  );
}
