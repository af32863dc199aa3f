import { useRef, useState } from 'react';
import type { GenerateOptions } from '../../../evaluate/generateRows.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Field } from '../../widgets/Field.tsx';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Switch } from '../../widgets/Switch.tsx';
import { Callout } from '../../widgets/States.tsx';

function TextInput({
  label,
  value,
  onChange,
  type = 'text',
  placeholder,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  type?: 'text' | 'password' | 'url';
  placeholder?: string;
}) {
  return (
    <input
      className="evaluate-input"
      aria-label={label}
      type={type}
      value={value}
      placeholder={placeholder}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

/** Opens benchmark files, or makes rows of MRCR or GraphWalks. */
function DataChoice() {
  const { data, form, setForm, addFiles, generate, busy } = useApp((state) => state.evaluate);
  const picker = useRef<HTMLInputElement>(null);
  const [benchmark, setBenchmark] = useState<'mrcr' | 'graphwalks'>('graphwalks');
  const [count, setCount] = useState<number | null>(40);
  const [tokens, setTokens] = useState<number | null>(1024);
  const [seed, setSeed] = useState<number | null>(0);
  const [needles, setNeedles] = useState<number | null>(2);
  const [depth, setDepth] = useState<number | null>(2);
  const [problem, setProblem] = useState<'both' | GenerateOptions['problems'][number]>('both');
  const chosen = data.find(({ id }) => id === form.dataId);
  return (
    <>
      {data.length > 0 ? (
        <Select
          label="Benchmark file"
          value={form.dataId ?? ''}
          options={data.map(({ id, name, label, rows }) => ({
            value: id,
            label: name,
            hint: `${label}, ${rows} rows`,
          }))}
          onChange={(dataId) => setForm({ dataId, mode: null, shotsId: null })}
        />
      ) : null}
      {chosen ? (
        <p className="w-hint evaluate-data-facts">
          {chosen.label}, {chosen.rows.toLocaleString('en-US')} rows, sha256{' '}
          <code>{chosen.id.slice(0, 12)}</code>.{' '}
          {chosen.problemCount === 0
            ? 'The rows hold the facts of the published data.'
            : `${chosen.problemCount} ${chosen.problemCount === 1 ? 'finding' : 'findings'}: ${chosen.problems[0] ?? ''}.`}
          {chosen.isPrivate ? ' Kept in memory only; nothing of it is stored or shown.' : ''}
        </p>
      ) : null}
      <div className="evaluate-row">
        <Button icon="file" disabled={busy !== null} onClick={() => picker.current?.click()}>
          {busy === 'reading' ? 'Reading …' : 'Open a benchmark file'}
        </Button>
        <input
          ref={picker}
          type="file"
          hidden
          multiple
          data-testid="benchmark-file"
          onChange={(event) => {
            void addFiles([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
      </div>
      <Disclosure title="Generate rows" summary="MRCR, GraphWalks" defaultOpen={data.length === 0}>
        <Field label="Benchmark">
          <Segmented
            label="Benchmark to generate"
            value={benchmark}
            segments={[
              { value: 'graphwalks', label: 'GraphWalks' },
              { value: 'mrcr', label: 'MRCR' },
            ]}
            onChange={setBenchmark}
          />
        </Field>
        <Field label="Rows" inline>
          <NumberField label="Rows" value={count} onChange={setCount} min={1} max={10_000} />
        </Field>
        <Field label="Length" explain="Prompts come close below it." inline>
          <NumberField
            label="Length in tokens"
            value={tokens}
            onChange={setTokens}
            min={256}
            step={256}
            unit="tokens"
          />
        </Field>
        {benchmark === 'mrcr' ? (
          <Field label="Needles" inline>
            <NumberField label="Needles" value={needles} onChange={setNeedles} min={1} max={8} />
          </Field>
        ) : (
          <>
            <Field label="Problem">
              <Select
                label="Problem"
                value={problem}
                options={[
                  { value: 'both', label: 'BFS and parents', hint: 'as published, in turn' },
                  { value: 'bfs', label: 'BFS' },
                  { value: 'parents', label: 'Parents' },
                  { value: 'shortest-path', label: 'Shortest path', hint: 'our own task' },
                  { value: 'reachability', label: 'Reachability', hint: 'our own task' },
                ]}
                onChange={setProblem}
              />
            </Field>
            <Field label="BFS depth" inline>
              <NumberField label="BFS depth" value={depth} onChange={setDepth} min={1} max={20} />
            </Field>
          </>
        )}
        <Field label="Seed" inline>
          <NumberField label="Seed of the generator" value={seed} onChange={setSeed} min={0} />
        </Field>
        <Button
          icon="plus"
          disabled={busy !== null}
          onClick={() =>
            void generate({
              benchmark,
              count: count ?? 40,
              tokens: tokens ?? 1024,
              seed: seed ?? 0,
              needles: needles ?? 2,
              problems: problem === 'both' ? ['bfs', 'parents'] : [problem],
              depth: depth ?? 2,
              outDegree: 2,
            })
          }
        >
          {busy === 'generating' ? 'Generating …' : 'Generate'}
        </Button>
      </Disclosure>
    </>
  );
}

/** MMLU-Pro's validation split, whose worked examples stand before each question. */
function ShotsChoice() {
  const { data, form, setForm } = useApp((state) => state.evaluate);
  const files = data.filter(({ id, areShots }) => areShots && id !== form.dataId);
  return (
    <Field
      label="Worked examples"
      explain={
        files.length > 0
          ? 'Published results give 5 of the subject before each question.'
          : 'Published results give 5 of the subject before each question. Open the validation split as a benchmark file too to choose it here.'
      }
    >
      <Select
        label="Worked examples"
        value={files.find(({ id }) => id === form.shotsId)?.id ?? ''}
        options={[
          { value: '', label: 'None (zero-shot)' },
          ...files.map(({ id, name, rows }) => ({ value: id, label: name, hint: `${rows} examples` })),
        ]}
        onChange={(shotsId) => setForm({ shotsId: shotsId === '' ? null : shotsId })}
      />
    </Field>
  );
}

/** Who answers: the loaded model, an endpoint, or a file of responses. */
function SubjectChoice() {
  const { form, setForm, key, setKey, responses, setResponses } = useApp((state) => state.evaluate);
  const loaded = useApp((state) => state.model.loaded);
  const go = useApp((state) => state.route.go);
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      <Segmented
        label="Who answers"
        value={form.subject}
        segments={[
          { value: 'engine', label: 'Loaded model' },
          { value: 'endpoint', label: 'Endpoint' },
          { value: 'responses', label: 'Responses' },
        ]}
        onChange={(subject) => setForm({ subject })}
      />
      {form.subject === 'engine' ? (
        loaded ? (
          <p className="w-hint">
            {loaded.name}, {loaded.options.weightType} weights, context{' '}
            {loaded.options.contextLength.toLocaleString('en-US')} tokens.
          </p>
        ) : (
          <Callout
            tone="info"
            title="No model is loaded"
            actions={<Button onClick={() => go('model')}>Open Model</Button>}
          >
            Load one, or ask an endpoint.
          </Callout>
        )
      ) : form.subject === 'endpoint' ? (
        <>
          <Field
            label="Address"
            explain="OpenAI-compatible: vLLM, SGLang, llama.cpp, Ollama. It must allow this page (CORS)."
          >
            <TextInput
              label="Address of the endpoint"
              type="url"
              value={form.url}
              onChange={(url) => setForm({ url })}
            />
          </Field>
          <Field label="Model name">
            <TextInput
              label="Model name"
              value={form.model}
              onChange={(model) => setForm({ model })}
              placeholder="as the server calls it"
            />
          </Field>
          <Field label="Key" explain="Held in memory until the page is closed; never stored.">
            <TextInput label="Key" type="password" value={key} onChange={setKey} placeholder="none" />
          </Field>
          <Field label="At a time" inline>
            <NumberField
              label="Questions at a time"
              value={form.concurrency}
              onChange={(value) => setForm({ concurrency: value ?? 1 })}
              min={1}
              max={64}
            />
          </Field>
          <Field label="Per minute" inline>
            <NumberField
              label="Requests per minute"
              value={form.requestsPerMinute}
              onChange={(value) => setForm({ requestsPerMinute: value })}
              min={1}
              placeholder="no limit"
            />
          </Field>
        </>
      ) : (
        <>
          <p className="w-hint">
            JSON Lines {'{"index": 0, "response": "…"}'}; several per index with &quot;sample&quot;.
          </p>
          <Button icon="file" onClick={() => picker.current?.click()}>
            {responses ? responses.name : 'Open a responses file'}
          </Button>
          <input
            ref={picker}
            type="file"
            hidden
            data-testid="responses-file"
            onChange={(event) => {
              setResponses(event.target.files?.[0] ?? null);
              event.target.value = '';
            }}
          />
        </>
      )}
    </>
  );
}

/** What to evaluate, whom, and how. */
export function RunForm() {
  const { data, form, setForm, start, failure, dismissFailure, responses } = useApp(
    (state) => state.evaluate,
  );
  const loaded = useApp((state) => state.model.loaded);
  const chosen = data.find(({ id }) => id === form.dataId);
  const isReady =
    chosen !== undefined &&
    (form.subject === 'engine'
      ? loaded !== null
      : form.subject === 'endpoint'
        ? form.model !== ''
        : responses !== null);
  return (
    <section className="evaluate-form" aria-label="New evaluation">
      <h2>Benchmark</h2>
      <DataChoice />
      <h2>Subject</h2>
      <SubjectChoice />
      <h2>Run</h2>
      <Field label="Seeds" explain="A spread can be stated from two on." inline>
        <NumberField
          label="Seeds"
          value={form.seeds}
          onChange={(value) => setForm({ seeds: value ?? 1 })}
          min={1}
          max={64}
        />
      </Field>
      <Field label="Items" inline>
        <NumberField
          label="Items at most"
          value={form.limit}
          onChange={(limit) => setForm({ limit })}
          min={1}
          placeholder="all"
        />
      </Field>
      {chosen ? (
        <Field label="Grading">
          <Select
            label="Grading mode"
            value={form.mode ?? chosen.modes[0] ?? ''}
            options={chosen.modes.map((mode, index) => ({
              value: mode,
              label: index === 0 ? `${mode} (default)` : mode,
            }))}
            onChange={(mode) => setForm({ mode })}
          />
        </Field>
      ) : null}
      {chosen?.benchmark === 'mmlu-pro' && form.subject !== 'responses' ? <ShotsChoice /> : null}
      {form.subject === 'responses' ? null : (
        <Disclosure title="Sampling" summary={`temperature ${form.temperature}, ${form.maxNewTokens} tokens`}>
          <Field label="Temperature" inline>
            <NumberField
              label="Temperature"
              value={form.temperature}
              onChange={(value) => setForm({ temperature: value ?? 0 })}
              min={0}
              max={2}
              step={0.1}
            />
          </Field>
          <Field label="Top p" inline>
            <NumberField
              label="Top p"
              value={form.topP}
              onChange={(value) => setForm({ topP: value ?? 1 })}
              min={0.01}
              max={1}
              step={0.05}
            />
          </Field>
          <Field label="Reply at most" inline>
            <NumberField
              label="Tokens of a reply"
              value={form.maxNewTokens}
              onChange={(value) => setForm({ maxNewTokens: value ?? 1024 })}
              min={1}
              step={128}
              unit="tokens"
            />
          </Field>
          {chosen?.benchmark === 'gpqa' ? (
            <Field label="Another option order per seed" inline>
              <Switch
                label="Another option order per seed"
                checked={form.varyPresentation}
                onChange={(varyPresentation) => setForm({ varyPresentation })}
              />
            </Field>
          ) : null}
        </Disclosure>
      )}
      {failure ? (
        <Callout tone="bad" title={failure.message} actions={<Button onClick={dismissFailure}>Close</Button>}>
          {failure.advice}
        </Callout>
      ) : null}
      <Button variant="primary" size="lg" disabled={!isReady} onClick={() => void start()}>
        {form.subject === 'responses' ? 'Grade' : 'Evaluate'}
      </Button>
    </section>
  );
}
