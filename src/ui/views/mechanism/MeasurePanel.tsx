import { useEffect, useRef } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Field } from '../../widgets/Field.tsx';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select } from '../../widgets/Select.tsx';
import { plural } from '../../widgets/format.ts';
import { ProgressBar } from '../../widgets/States.tsx';

const stageWords = {
  reading: 'reading examples',
  loading: 'loading weights',
  kernels: 'compiling kernels',
  tokens: 'tokens',
} as const;

function Progress() {
  const measuring = useApp((state) => state.mechanism.measuring);
  const cancel = useApp((state) => state.model.cancel);
  if (!measuring) return null;
  const { subject, index, subjects, stage, done, total } = measuring;
  const share = total > 0 ? done / total : null;
  const text = `${subject} (${index + 1} of ${subjects}): ${stageWords[stage]}${stage === 'tokens' ? ` ${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}` : ''}`;
  return (
    <div className="mech-progress" role="group" aria-label="Measuring">
      <ProgressBar label="Measuring" value={share === null ? null : (index + share) / subjects} text={text} />
      <span className="mech-document-facts">{text}</span>
      <Button icon="stop" onClick={cancel}>
        Stop
      </Button>
    </div>
  );
}

/** Choose examples and subjects, start, and follow the measurement. */
export function MeasurePanel() {
  const loaded = useApp((state) => state.model.loaded);
  const work = useApp((state) => state.model.work);
  const form = useApp((state) => state.mechanism.form);
  const setForm = useApp((state) => state.mechanism.setForm);
  const adapters = useApp((state) => state.mechanism.adapters);
  const runs = useApp((state) => state.mechanism.runs);
  const addCheckpoints = useApp((state) => state.mechanism.addCheckpoints);
  const loadAdapters = useApp((state) => state.mechanism.loadAdapters);
  const openAdapter = useApp((state) => state.model.adapter);
  const measuring = useApp((state) => state.mechanism.measuring);
  const start = useApp((state) => state.mechanism.start);
  const rejected = useApp((state) => state.mechanism.rejected);
  const go = useApp((state) => state.route.go);
  const set = useApp((state) => state.compile.sets.find(({ id }) => id === state.compile.currentSetId));
  const file = useRef<HTMLInputElement>(null);
  useEffect(() => void loadAdapters(), [loadAdapters, loaded, openAdapter]);
  if (!loaded) {
    return (
      <section className="mech-box" aria-labelledby="mech-measure">
        <h2 id="mech-measure">Measure here</h2>
        <p className="muted">
          Needs a loaded model: its attention and routing are measured while it reads compiled examples.
        </p>
        <Button icon="open" onClick={() => go('model')}>
          Load a model
        </Button>
      </section>
    );
  }
  const hasData = form.source === 'file' ? form.file !== null : (set?.exampleCount ?? 0) > 0;
  return (
    <section className="mech-box" aria-labelledby="mech-measure">
      <h2 id="mech-measure">Measure {loaded.name}</h2>
      {loaded.runtime === 'wasm' ? (
        <p className="muted">
          On onnxruntime, from the attention weights that its graph gives out: examples up to{' '}
          {loaded.measurableTokens.toLocaleString('en-US')} tokens.
        </p>
      ) : null}
      <Segmented
        label="Examples from"
        value={form.source}
        segments={[
          { value: 'set', label: 'Compiled set' },
          { value: 'file', label: 'File' },
        ]}
        onChange={(source) => setForm({ source })}
      />
      {form.source === 'set' ? (
        set ? (
          <p className="mech-document-facts">
            {set.name}, {set.exampleCount.toLocaleString('en-US')} examples
          </p>
        ) : (
          <Button onClick={() => go('compile')}>Compile a set first</Button>
        )
      ) : (
        <>
          <input
            ref={file}
            type="file"
            accept=".jsonl"
            hidden
            data-testid="mechanism-examples"
            onChange={(event) => setForm({ file: event.target.files?.[0] ?? null })}
          />
          <Button icon="file" onClick={() => file.current?.click()}>
            {form.file ? form.file.name : 'Choose examples.jsonl'}
          </Button>
        </>
      )}
      <Field label="First examples" inline>
        <NumberField
          label="Examples measured"
          value={form.limit}
          min={1}
          max={1000}
          onChange={(limit) => setForm({ limit: limit ?? 1 })}
        />
      </Field>
      <div role="group" aria-label="Subjects" className="mech-subjects">
        <p className="mech-document-facts">
          Subjects: the base
          {adapters.length === 0 ? '. Adapters opened in the Model view join it here.' : ', and'}
        </p>
        {runs.map(({ id, keptSteps }) => {
          const isHere = adapters.some(
            ({ origin, step }) => step !== null && origin === `training run ${id}`,
          );
          return isHere ? null : (
            <Button key={id} icon="plus" onClick={() => void addCheckpoints(id)}>
              {plural(keptSteps.length, 'checkpoint')} of {id}
            </Button>
          );
        })}
        {adapters.map(({ name, sha256 }) => (
          <Field key={sha256} label={name} inline>
            <Select
              label={`Role of ${name}`}
              value={form.roles[sha256] ?? 'none'}
              options={[
                { value: 'adapter', label: 'Adapter' },
                { value: 'control', label: 'Control', hint: 'agent SFT at matched tokens' },
                { value: 'none', label: 'Leave out' },
              ]}
              onChange={(role) => {
                const roles = Object.fromEntries(
                  Object.entries(form.roles).filter(([key]) => key !== sha256),
                );
                setForm({ roles: role === 'none' ? roles : { ...roles, [sha256]: role } });
              }}
            />
          </Field>
        ))}
      </div>
      <Disclosure
        title="Rules"
        summary={`${form.queries === 'answer' ? 'answer tokens' : 'all tokens'}, sink ${form.sinkTokens}`}
      >
        <Field label="Query tokens" explain="Whose attention is averaged.">
          <Segmented
            label="Query tokens"
            value={form.queries}
            segments={[
              { value: 'answer', label: 'Answer' },
              { value: 'all', label: 'All' },
            ]}
            onChange={(queries) => setForm({ queries })}
          />
        </Field>
        <Field label="Sink" explain="The first keys, left out of the sink-excluded distance.">
          <NumberField
            label="Keys of the sink"
            value={form.sinkTokens}
            min={0}
            max={64}
            onChange={(sinkTokens) => setForm({ sinkTokens: sinkTokens ?? 0 })}
          />
        </Field>
      </Disclosure>
      {measuring ? (
        <Progress />
      ) : (
        <Button
          variant="primary"
          icon="play"
          disabled={!hasData || work !== null}
          onClick={() => void start()}
        >
          Measure
        </Button>
      )}
      {rejected.length > 0 ? (
        <Disclosure title="Left out" summary={String(rejected.length)}>
          <ul>
            {rejected.map(({ id, reason }) => (
              <li key={id} className="mech-document-facts">
                {id}: {reason}
              </li>
            ))}
          </ul>
        </Disclosure>
      ) : null}
    </section>
  );
}
