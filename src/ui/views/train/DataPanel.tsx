import { useRef } from 'react';
import { useApp } from '../../../state/useApp.ts';
import type { TrainingFacts, TrainingPreview } from '../../../workers/trainingApi.ts';
import { Button, LinkButton } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { formatCount, formatShare, plural } from '../../widgets/format.ts';
import { Select } from '../../widgets/Select.tsx';
import { Callout, ProgressBar } from '../../widgets/States.tsx';

const fileChoice = 'file';

/** Operations in words: `3.2 PFLOP`. */
export function formatFlops(flops: number): string {
  const units = ['FLOP', 'KFLOP', 'MFLOP', 'GFLOP', 'TFLOP', 'PFLOP', 'EFLOP'];
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, flops)) / 3)));
  return `${Number((flops / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

/** What the data come to: the ledger of a run. */
function Ledger({ facts }: { facts: TrainingFacts }) {
  const setConfig = useApp((state) => state.train.setConfig);
  return (
    <>
      <dl className="tv-facts num" data-testid="ledger">
        <dt>Examples</dt>
        <dd>
          {formatCount(facts.trained)} trained on, {formatCount(facts.heldOut)} held out
        </dd>
        <dt>Tokens an epoch</dt>
        <dd>
          {formatCount(facts.tokens)}, of which {formatCount(facts.supervisedTokens)} learnt (
          {formatShare(facts.supervisedTokens / Math.max(1, facts.tokens))})
        </dd>
        <dt>Longest</dt>
        <dd>{plural(facts.longest, 'token')}</dd>
        <dt>Updates</dt>
        <dd>
          {formatCount(facts.totalSteps)} in all, {formatCount(facts.stepsPerEpoch)} an epoch, over{' '}
          {plural(facts.rows, 'row')}
        </dd>
        <dt>Work</dt>
        <dd title="6 for each active parameter and token, and 12 · layers · heads · head size · n²/2 for attention">
          about {formatFlops(facts.flops)}
        </dd>
      </dl>
      {facts.controls.length > 0 ? (
        <p className="faint">These examples are a control: {facts.controls.join(', ')}.</p>
      ) : null}
      {facts.hiddenReasoning > 0 ? (
        <Callout
          tone="warn"
          title={`The reasoning of ${plural(facts.hiddenReasoning, 'learnt turn')} is not in the text`}
          actions={<Button onClick={() => void setConfig({ turns: 'apart' })}>Learn each turn apart</Button>}
        >
          The model’s chat template leaves out what was thought before earlier replies.
        </Callout>
      ) : null}
      {facts.droppedCount > 0 ? (
        <Disclosure title={`${plural(facts.droppedCount, 'example')} left out`} summary="why">
          <ul className="tv-dropped">
            {facts.dropped.map(({ id, line, reason }) => (
              <li key={`${line} ${id}`}>
                <strong>{id}</strong>: {reason}
              </li>
            ))}
          </ul>
        </Disclosure>
      ) : null}
    </>
  );
}

function DataProblem({ problem }: { problem: NonNullable<TrainingPreview['dataProblem']> }) {
  const setConfig = useApp((state) => state.train.setConfig);
  const maxLength = useApp((state) => state.train.config?.maxLength ?? 0);
  const isLong = problem.longest !== null && problem.longest > maxLength;
  return (
    <Callout
      tone="warn"
      title="These examples cannot be trained on like this"
      actions={
        isLong ? (
          <>
            <Button onClick={() => void setConfig({ maxLength: problem.longest ?? maxLength })}>
              Allow {formatCount(problem.longest ?? 0)} tokens
            </Button>
            <Button onClick={() => void setConfig({ overLength: 'drop' })}>Leave the longer ones out</Button>
          </>
        ) : undefined
      }
    >
      {problem.message}
    </Callout>
  );
}

/** Which examples, and what they come to. */
export function DataPanel() {
  const sets = useApp((state) => state.compile.sets);
  const chosen = useApp((state) => state.train.chosen);
  const choose = useApp((state) => state.train.choose);
  const preview = useApp((state) => state.train.preview);
  const work = useApp((state) => state.train.work);
  const isTraining = work?.kind === 'training';
  const input = useRef<HTMLInputElement>(null);
  const complete = sets.filter(({ phase }) => phase === 'complete');
  const value = chosen?.type === 'set' ? chosen.setId : chosen ? fileChoice : '';
  const facts = preview.status === 'ready' ? preview.value.facts : null;
  const problem = preview.status === 'ready' ? preview.value.dataProblem : null;
  return (
    <section className="tv-section" aria-label="Examples">
      <h2>Examples</h2>
      {complete.length > 0 || chosen ? (
        <Select
          label="Examples to train on"
          value={value}
          disabled={isTraining}
          options={[
            ...(value === '' ? [{ value: '', label: 'Choose…' }] : []),
            ...complete.map((set) => ({
              value: set.id,
              label: set.name,
              hint: plural(set.exampleCount - set.excludedCount, 'example'),
            })),
            ...(chosen?.type === 'file' ? [{ value: fileChoice, label: chosen.name, hint: 'a file' }] : []),
          ]}
          onChange={(id) => {
            const set = complete.find((each) => each.id === id);
            if (set) void choose({ type: 'set', setId: set.id, name: set.name });
          }}
        />
      ) : (
        <p className="muted">
          No compiled set is here yet. Compile runs into question-answer pairs first, or take a file of them.
        </p>
      )}
      <p className="tv-row">
        {complete.length === 0 ? (
          <LinkButton href="#/compile" variant={chosen ? 'secondary' : 'primary'}>
            Go to Compile
          </LinkButton>
        ) : null}
        <Button icon="upload" disabled={isTraining} onClick={() => input.current?.click()}>
          Take a file
        </Button>
        <input
          ref={input}
          type="file"
          hidden
          accept=".jsonl,.json,.ndjson"
          data-testid="training-file"
          onChange={(event) => {
            const file = event.target.files?.[0];
            event.target.value = '';
            if (file) void choose({ type: 'file', file, name: file.name });
          }}
        />
      </p>
      {work?.kind === 'previewing' && chosen ? (
        <ProgressBar
          label="Reading the examples"
          value={work.total > 0 ? work.done / work.total : null}
          text="reading the examples"
        />
      ) : null}
      {preview.status === 'failed' ? (
        <Callout tone="bad" title="This cannot be trained on">
          {preview.message}
        </Callout>
      ) : null}
      {problem ? <DataProblem problem={problem} /> : null}
      {facts ? <Ledger facts={facts} /> : null}
    </section>
  );
}
