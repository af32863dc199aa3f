import { useEffect, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import type { Loadable } from '../../../state/slice.ts';
import type { MaskView } from '../../../workers/dataApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatCount } from '../../widgets/format.ts';
import { Callout, EmptyState, Skeleton } from '../../widgets/States.tsx';
import { MaskPane } from './MaskPane.tsx';

function Pane({ name, value, absent }: { name: string; value: Loadable<MaskView | null>; absent: string }) {
  if (value.status === 'ready' && value.value)
    return <MaskPane key={`${value.value.id} ${value.value.tokenizer}`} name={name} view={value.value} />;
  return (
    <section className="tv-mask-pane" aria-label={name}>
      <header>
        <h3>{name}</h3>
      </header>
      {value.status === 'failed' ? (
        <Callout tone="bad" title="This cannot be shown">
          {value.message}
        </Callout>
      ) : value.status === 'ready' ? (
        <p className="muted">{absent}</p>
      ) : (
        <Skeleton lines={6} label={`Reading ${name}`} />
      )}
    </section>
  );
}

/** Steps through the examples of a set. */
function SetExamples({ setId, exampleId }: { setId: string; exampleId: string | null }) {
  const inspect = useApp((state) => state.train.inspect);
  const go = useApp((state) => state.route.go);
  const query = useApp((state) => state.train.queryIds);
  const [ids, setIds] = useState<{ readonly setId: string; readonly ids: readonly string[] } | null>(null);
  useEffect(() => {
    let isGone = false;
    void query(setId).then((found) => {
      if (!isGone) setIds({ setId, ids: found });
    });
    return () => {
      isGone = true;
    };
  }, [query, setId]);
  const list = ids?.setId === setId ? ids.ids : [];
  const shown = exampleId ?? list[0] ?? null;
  useEffect(() => {
    if (shown !== null) void inspect(setId, shown);
  }, [inspect, setId, shown]);
  const position = shown === null ? -1 : list.indexOf(shown);
  const step = (by: number): void => {
    const next = list[position + by];
    if (next !== undefined) go('train', ['masks', setId, next]);
  };
  return (
    <p className="tv-row">
      <Button disabled={position <= 0} onClick={() => step(-1)}>
        Previous example
      </Button>
      <Button disabled={position < 0 || position >= list.length - 1} onClick={() => step(1)}>
        Next example
      </Button>
      {position >= 0 ? (
        <span className="num faint">
          Example {formatCount(position + 1)} of {formatCount(list.length)}: {shown}
        </span>
      ) : null}
    </p>
  );
}

function FileExamples({ total }: { total: number }) {
  const inspectEntry = useApp((state) => state.train.inspectEntry);
  const [index, setIndex] = useState(0);
  useEffect(() => void inspectEntry(index), [inspectEntry, index]);
  return (
    <p className="tv-row">
      <Button disabled={index <= 0} onClick={() => setIndex(index - 1)}>
        Previous example
      </Button>
      <Button disabled={index >= total - 1} onClick={() => setIndex(index + 1)}>
        Next example
      </Button>
      <span className="num faint">
        Example {formatCount(index + 1)} of {formatCount(total)}
      </span>
    </p>
  );
}

/** What is learnt of an example: compiled, and as agent fine-tuning would take the same run. */
export function MaskInspector({ setId, exampleId }: { setId: string | null; exampleId: string | null }) {
  const mask = useApp((state) => state.train.mask);
  const chosen = useApp((state) => state.train.chosen);
  const preview = useApp((state) => state.train.preview);
  const hasModel = useApp((state) => state.model.card.status === 'ready');
  const isApart = useApp((state) => state.train.config?.turns === 'apart');
  const go = useApp((state) => state.route.go);
  const shownSet = setId ?? (chosen?.type === 'set' ? chosen.setId : null);
  const facts = preview.status === 'ready' ? preview.value.facts : null;
  const isFile = shownSet === null && chosen?.type === 'file' && facts !== null;
  if (shownSet === null && !isFile) {
    return (
      <EmptyState
        icon="eye"
        title="Nothing to look at yet"
        actions={<Button onClick={() => go('compile')}>Compile examples</Button>}
      >
        Choose compiled examples on the left. Here each of their tokens is shown, with those that are learnt
        marked.
      </EmptyState>
    );
  }
  const control = mask?.control ?? null;
  const isSingle = isFile || control === 'agent-sft';
  const name = isFile
    ? 'This example'
    : control === 'agent-sft'
      ? 'Agent fine-tuning'
      : control === null
        ? 'Compiled (ACC)'
        : `Compiled (ACC), control ${control}`;
  const tokenizer = mask?.acc.status === 'ready' ? mask.acc.value.tokenizer : null;
  return (
    <div className="tv-masks" data-testid="masks">
      <p>
        The model reads everything. It learns only the{' '}
        <mark className="tv-token" data-learnt>
          marked
        </mark>{' '}
        tokens: of a compiled pair the rationale and the answer, of an agent run every turn that the agent
        wrote.
        {tokenizer ? (
          <span className="faint">
            {' '}
            Tokens of {tokenizer}
            {hasModel
              ? ', the opened model’s, in its chat template.'
              : ', the set’s tokenizer, in Qwen3’s chat template.'}
          </span>
        ) : null}
        {isApart && !isFile ? (
          <span className="faint">
            {' '}
            In this recipe each turn is an example of its own; here all are shown.
          </span>
        ) : null}
      </p>
      {shownSet !== null ? (
        <SetExamples setId={shownSet} exampleId={exampleId} />
      ) : (
        <FileExamples key={chosen?.name} total={facts?.examples ?? 0} />
      )}
      <div className="tv-mask-pair" data-single={isSingle || undefined}>
        <Pane name={name} value={mask?.acc ?? { status: 'loading' }} absent="" />
        {isSingle ? null : (
          <Pane
            name="Agent fine-tuning"
            value={mask?.agent ?? { status: 'loading' }}
            absent="The run that this example was compiled from is not in the project any more."
          />
        )}
      </div>
    </div>
  );
}
