import { useMemo, type Ref } from 'react';
import type { GradedItem } from '../../../evaluate/runEvaluation.ts';
import { useApp } from '../../../state/useApp.ts';
import type { Loadable } from '../../../state/slice.ts';
import type { DiffPart, ItemView, RunComparison } from '../../../workers/evaluateApi.ts';
import { IconButton } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { cellWords, type MatrixCell } from './Scores.tsx';

/** Which items are listed. */
export type ItemFilter = 'all' | 'wrong' | 'right' | 'changed' | 'cut' | MatrixCell;

const filters: readonly { value: ItemFilter; label: string }[] = [
  { value: 'all', label: 'All items' },
  { value: 'wrong', label: 'Below full score' },
  { value: 'right', label: 'Full score' },
  { value: 'changed', label: 'Differing from the baseline' },
  { value: 'cut', label: 'Cut by the token limit' },
];
const cellFilters = (Object.keys(cellWords) as MatrixCell[]).map((value) => ({
  value,
  label: cellWords[value],
}));
const shownItems = 500;

/** Every graded response; opens one. */
export function ItemList({
  runId,
  againstId,
  cells,
  chosen,
  onChoose,
  ref,
}: {
  readonly runId: string;
  readonly againstId: string | null;
  /** Items by how both runs did on them; null without a matrix. */
  readonly cells: RunComparison['cells'];
  readonly chosen: ItemFilter;
  readonly onChoose: (filter: ItemFilter) => void;
  readonly ref: Ref<HTMLElement>;
}) {
  const items = useApp((state) => state.evaluate.items[runId]);
  const others = useApp((state) => (againstId ? state.evaluate.items[againstId] : undefined));
  const open = useApp((state) => state.evaluate.item);
  const openItem = useApp((state) => state.evaluate.openItem);
  const options = [
    ...filters.filter(({ value }) => value !== 'changed' || againstId),
    ...(cells ? cellFilters : []),
  ];
  // What was chosen may be of a comparison that is no more.
  const filter = options.some(({ value }) => value === chosen) ? chosen : 'all';
  const before = useMemo(
    () => new Map((others ?? []).map((item) => [`${item.index}/${item.seed}`, item.score])),
    [others],
  );
  const shown = useMemo(() => {
    const inCell = cells && filter in cells ? new Set(cells[filter as MatrixCell]) : null;
    const keeps = (item: GradedItem): boolean => {
      if (inCell) return inCell.has(item.index);
      const old = before.get(`${item.index}/${item.seed}`);
      if (filter === 'wrong') return item.score < 1;
      if (filter === 'right') return item.score === 1;
      if (filter === 'changed') return old !== undefined && old !== item.score;
      return filter === 'all' || item.finish === 'length';
    };
    return (items ?? []).filter(keeps);
  }, [items, before, cells, filter]);
  return (
    <section aria-label="Items" className="evaluate-items" tabIndex={-1} ref={ref}>
      <div className="evaluate-row">
        <h2>Items</h2>
        <Select label="Which items" value={filter} options={options} onChange={onChoose} />
        <span className="muted num">
          {shown.length.toLocaleString('en-US')} of {(items?.length ?? 0).toLocaleString('en-US')}
          {shown.length > shownItems ? `, the first ${shownItems} shown` : ''}
        </span>
      </div>
      <ul className="evaluate-item-list">
        {shown.slice(0, shownItems).map((item) => {
          const old = before.get(`${item.index}/${item.seed}`);
          const isOpen = open?.index === item.index && open.seed === item.seed;
          return (
            <li key={`${item.index}/${item.seed}`}>
              <button
                type="button"
                aria-pressed={isOpen}
                data-open={isOpen || undefined}
                onClick={() => void openItem({ index: item.index, seed: item.seed })}
              >
                <span className="num">
                  {item.index}
                  {item.seed > 0 ? ` · seed ${item.seed}` : ''}
                </span>
                <span className="evaluate-bar" aria-hidden="true">
                  <span style={{ inlineSize: `${Math.max(0, Math.min(1, item.score)) * 100}%` }} />
                </span>
                <span className="num">
                  {item.score.toFixed(3)}
                  {old === undefined ? '' : ` (${old.toFixed(3)})`}
                </span>
                <span className="muted truncate">{Object.values(item.slices).join(' · ')}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Diff({ label, parts }: { label: string; parts: readonly DiffPart[] }) {
  return (
    <div>
      <h4>{label}</h4>
      <pre className="evaluate-text">
        {parts.map((part, index) =>
          part.matches ? <span key={index}>{part.text}</span> : <mark key={index}>{part.text}</mark>,
        )}
      </pre>
    </div>
  );
}

function NodeList({
  label,
  mark,
  nodes,
  empty,
}: {
  label: string;
  mark: string;
  nodes: readonly string[];
  empty: string;
}) {
  return (
    <div>
      <h4>
        {mark} {label} ({nodes.length})
      </h4>
      <p className="evaluate-nodes">{nodes.length > 0 ? nodes.join(' ') : empty}</p>
    </div>
  );
}

function Comparison({ view }: { view: ItemView }) {
  const { gold, diff, sets, response } = view;
  if (diff) {
    return (
      <div className="evaluate-pair">
        <Diff label="Response (marked: not in the answer)" parts={diff.response} />
        <Diff label="Answer (marked: not in the response)" parts={diff.answer} />
      </div>
    );
  }
  if (sets) {
    return (
      <div className="evaluate-pair">
        <NodeList label="right" mark="✓" nodes={sets.both} empty="none" />
        <NodeList label="missing" mark="−" nodes={sets.missing} empty="none" />
        <NodeList
          label="wrong"
          mark="+"
          nodes={sets.extra}
          empty={sets.parsed ? 'none' : 'no answer could be read from the last line'}
        />
      </div>
    );
  }
  if (gold?.kind === 'rules') {
    return (
      <ul className="evaluate-rules">
        {gold.rules.map((rule, index) => (
          <li key={index}>
            {rule.strict ? '✓' : rule.loose ? '≈' : '✗'} {rule.id}
            {rule.loose && !rule.strict ? ' (loose only)' : ''}
            {rule.approximate ? ' · approximated' : ''}
          </li>
        ))}
      </ul>
    );
  }
  if (gold?.kind === 'hidden')
    return <p className="muted">Items of this benchmark are not shown or stored; scores only.</p>;
  return (
    <p>
      Wanted: <strong>{gold?.kind === 'value' ? gold.value : 'open the benchmark file to see it'}</strong>
      {response === null ? '' : ''}
    </p>
  );
}

function OneView({ title, view }: { title: string; view: Loadable<ItemView> }) {
  if (view.status === 'loading') return <Skeleton lines={6} label="Loading the item" />;
  if (view.status === 'failed')
    return (
      <Callout tone="bad" title={view.message}>
        {view.advice}
      </Callout>
    );
  if (view.status !== 'ready') return null;
  const { value } = view;
  return (
    <article className="evaluate-view">
      <h3>{title}</h3>
      <p className="w-hint num">
        {value.promptTokens === null
          ? ''
          : `${value.promptTokens.toLocaleString('en-US')} tokens of prompt, `}
        {value.completionTokens === null
          ? ''
          : `${value.completionTokens.toLocaleString('en-US')} of reply, `}
        {value.finish === 'length'
          ? 'cut by the token limit'
          : value.finish === 'failed'
            ? (value.error ?? 'failed')
            : 'ended by itself'}
        {value.attempts > 1 ? `, ${value.attempts} tries` : ''}
      </p>
      <Comparison view={value} />
      {value.thinking ? (
        <Disclosure
          title="Reasoning"
          summary={`${value.thinking.length.toLocaleString('en-US')} characters, not graded`}
        >
          <pre className="evaluate-text">{value.thinking}</pre>
        </Disclosure>
      ) : null}
      {value.response !== null && !value.diff ? (
        <Disclosure
          title="Response"
          summary={`${value.response.length.toLocaleString('en-US')} characters`}
          defaultOpen
        >
          <pre className="evaluate-text">{value.response}</pre>
        </Disclosure>
      ) : null}
    </article>
  );
}

/** One item: the response of the shown run, beside that of the baseline, beside what was wanted. */
export function ItemReader({ names }: { readonly names: readonly string[] }) {
  const item = useApp((state) => state.evaluate.item);
  const views = useApp((state) => state.evaluate.itemViews);
  const openItem = useApp((state) => state.evaluate.openItem);
  if (!item) return null;
  const first = views[0]?.status === 'ready' ? views[0].value : null;
  return (
    <section className="evaluate-reader" aria-label={`Item ${item.index}`}>
      <div className="evaluate-row">
        <h2>
          Item {item.index}
          {item.seed > 0 ? `, seed ${item.seed}` : ''}
        </h2>
        <IconButton icon="close" label="Close the item" onClick={() => void openItem(null)} />
      </div>
      {first?.question ? (
        <Disclosure title="Question" summary={`${first.questionLength.toLocaleString('en-US')} characters`}>
          <pre className="evaluate-text">{first.question}</pre>
        </Disclosure>
      ) : null}
      <div className="evaluate-views">
        {views.map((view, index) => (
          <OneView key={index} title={names[index] ?? ''} view={view} />
        ))}
      </div>
    </section>
  );
}
