import type { CurationOptions } from '../../../compile/setCurator.ts';
import type { CompileOptions, EvidenceMaskOptions } from '../../../compile/types.ts';
import { useApp } from '../../../state/useApp.ts';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Field } from '../../widgets/Field.tsx';
import { formatCount, formatShare } from '../../widgets/format.ts';
import { KindMark } from '../../widgets/Marks.tsx';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select, type SelectOption } from '../../widgets/Select.tsx';
import { Slider } from '../../widgets/Slider.tsx';
import { Switch } from '../../widgets/Switch.tsx';
import { AttachedFiles } from './AttachedFiles.tsx';
import { useOptionChanges } from './useCompileOptions.ts';

const orders: readonly SelectOption<CompileOptions['order']>[] = [
  {
    value: 'shuffle',
    label: 'Shuffled',
    hint: 'The method: uniformly random by seed, position gives nothing away',
  },
  { value: 'chronological', label: 'Chronological', hint: 'As the agent met them; the usual control' },
  { value: 'reverse', label: 'Reverse', hint: 'Last seen first' },
  { value: 'gold-first', label: 'Gold first', hint: 'Evidence at the start, distractors after' },
  { value: 'gold-middle', label: 'Gold in the middle', hint: 'The hardest place for many models' },
  { value: 'gold-last', label: 'Gold last', hint: 'Evidence right before the question' },
];
const controls: readonly SelectOption<CompileOptions['control']>[] = [
  {
    value: 'none',
    label: 'None: the ACC set',
    hint: 'Context and question in, rationale and answer trained',
  },
  {
    value: 'agent-sft',
    label: 'Standard agent SFT',
    hint: 'The same runs as dialogues; the agent’s own turns are trained',
  },
  {
    value: 'evidence-mask',
    label: 'Evidence masked',
    hint: 'Part of the evidence removed: does the answer still come?',
  },
  {
    value: 'random-context',
    label: 'Foreign evidence',
    hint: 'Context of other examples of the same length: a length control',
  },
];
const sweAnswers: readonly SelectOption<CompileOptions['sweAnswer']>[] = [
  { value: 'diff', label: 'Unified diff', hint: 'The correct patch as it is' },
  { value: 'edited-code', label: 'Edited code', hint: 'The changed regions after the patch' },
  { value: 'file-list', label: 'List of files', hint: 'Which files have to change' },
];
const orderNames = Object.fromEntries(orders.map(({ value, label }) => [value, label]));
const controlNames = Object.fromEntries(controls.map(({ value, label }) => [value, label]));

/** Flags that can be kept out of a set, in words. */
const refusable: readonly (readonly [flag: string, label: string])[] = [
  ['secrets-found', 'Secrets (keys, tokens, passwords)'],
  ['emails-found', 'E-mail addresses'],
  ['user-names-found', 'User names in paths'],
  ['think-tags-in-answer', 'Answer holds <think> tags'],
  ['answer-in-question', 'Answer stands in the question'],
  ['answer-in-distractor', 'Answer stands in a distractor'],
  ['answer-not-in-evidence', 'Answer not found in gold evidence'],
  ['uncited-visited-distractors', 'Visited pages that the answer does not cite are distractors'],
];

const defaultMask: EvidenceMaskOptions = { unit: 'piece', target: 'gold', share: 0.3, fill: 'filler' };

interface RecipeProps {
  readonly options: CompileOptions;
  readonly change: (changes: Partial<CompileOptions>) => void;
}

function Runs({ options, change }: RecipeProps) {
  return (
    <Disclosure
      title="Which runs"
      summary={options.acceptUnverified ? 'verified and unrecorded' : 'verified answers only'}
      defaultOpen
    >
      <p className="w-hint">
        A run is compiled when its final answer is known to be right: by its reward, by its ground truth, or
        by the tests it passed. Runs known to be wrong are always rejected, with the reason.
      </p>
      <Switch
        label="Also runs whose outcome is not recorded"
        hint="They are flagged, so that they can be filtered out later."
        checked={options.acceptUnverified}
        onChange={(acceptUnverified) => change({ acceptUnverified })}
      />
      <Field
        label="Runs per task"
        explain="Several runs of one task give near copies. Empty: keep all."
        inline
      >
        <NumberField
          label="Most runs per task"
          value={options.perInstanceCap}
          min={1}
          placeholder="all"
          onChange={(perInstanceCap) => change({ perInstanceCap })}
        />
      </Field>
    </Disclosure>
  );
}

function Evidence({ options, change }: RecipeProps) {
  const databases = useApp((state) => state.compile.databaseFileIds);
  const { changeForm } = useOptionChanges();
  return (
    <Disclosure title="Evidence and answer" summary="by kind of agent" defaultOpen>
      <dl className="cv-kinds">
        <dt>
          <KindMark kind="search" />
        </dt>
        <dd>
          Pages the agent visited are gold; pages only returned are distractors. Answer: the ground truth.
        </dd>
        <dt>
          <KindMark kind="swe" />
        </dt>
        <dd>
          Files the correct patch touches are gold, as the agent saw them; files only opened are distractors.
          <Field label="Answer" inline>
            <Select
              label="Form of SWE answers"
              value={options.sweAnswer}
              options={sweAnswers}
              onChange={(sweAnswer) => change({ sweAnswer })}
            />
          </Field>
        </dd>
        <dt>
          <KindMark kind="sql" />
        </dt>
        <dd>
          Whole contents of the tables that were queried are gold. Answer: the result, run again and compared.
          <AttachedFiles
            fileRole="database"
            chosen={databases}
            onChange={(databaseFileIds) => changeForm({ databaseFileIds })}
            addLabel="Attach databases"
            none="Without the database files tables are rebuilt from what the agent saw, and flagged as incomplete."
          />
        </dd>
      </dl>
      <Switch
        label="Keep the rationale"
        hint="Train on the reasoning before the answer where the run has one."
        checked={options.rationale === 'keep'}
        onChange={(keep) => change({ rationale: keep ? 'keep' : 'drop' })}
      />
    </Disclosure>
  );
}

function Distractors({ options, change }: RecipeProps) {
  const mode = typeof options.distractors === 'number' ? 'some' : options.distractors;
  const summary = mode === 'some' ? `at most ${formatCount(Number(options.distractors))}` : mode;
  return (
    <Disclosure title="Distractors" summary={summary}>
      <p className="w-hint">
        Documents the agent met but did not need. They make the context hard in a natural way; over budget
        they are the first to go.
      </p>
      <Field label="How many" inline>
        <Segmented
          label="How many distractors"
          value={mode}
          segments={[
            { value: 'all', label: 'All that fit' },
            { value: 'some', label: 'At most' },
            { value: 'none', label: 'None' },
          ]}
          onChange={(next) => change({ distractors: next === 'some' ? 10 : next })}
        />
      </Field>
      {mode === 'some' ? (
        <Field label="At most" inline>
          <NumberField
            label="Most distractors"
            value={Number(options.distractors)}
            min={0}
            onChange={(value) => change({ distractors: value ?? 0 })}
          />
        </Field>
      ) : null}
      <Switch
        label="Also documents that were only returned"
        hint="Off: only those the agent opened without needing them (harder, fewer)."
        checked={options.distractorTier === 2}
        disabled={mode === 'none'}
        onChange={(both) => change({ distractorTier: both ? 2 : 1 })}
      />
    </Disclosure>
  );
}

const budgets = [8192, 32_768, 131_072] as const;

function Budget({ options, change }: RecipeProps) {
  const tokenizers = useApp((state) => state.compile.tokenizers);
  const tokenizerId = useApp((state) => state.compile.tokenizerId);
  const { changeForm } = useOptionChanges();
  return (
    <Disclosure title="Budget" summary={`${formatCount(options.budget)} tokens`} defaultOpen>
      <p className="w-hint">
        The longest prompt allowed. Distractors are dropped first; gold evidence is never cut: an example
        whose gold alone is too long is rejected and listed.
      </p>
      <Field label="Tokens" inline>
        <NumberField
          label="Budget in tokens"
          value={options.budget}
          min={64}
          step={1024}
          largeStep={8192}
          onChange={(budget) => {
            if (budget !== null) change({ budget: Math.round(budget) });
          }}
        />
      </Field>
      <div className="cv-presets" role="group" aria-label="Common budgets">
        {budgets.map((budget) => (
          <button
            key={budget}
            type="button"
            className="cv-preset num"
            aria-pressed={options.budget === budget}
            onClick={() => change({ budget })}
          >
            {formatCount(budget)}
          </button>
        ))}
      </div>
      <Field
        label="Tokenizer"
        explain="Import a tokenizer.json to add another; with the tokenizer_config.json beside it, prompts are counted under its own chat template."
        inline
      >
        <Select
          label="Tokenizer"
          value={tokenizerId}
          options={
            tokenizers.length === 0
              ? [{ value: tokenizerId, label: tokenizerId }]
              : tokenizers.map(({ id, label, vocabSize }) => ({
                  value: id,
                  label,
                  ...(vocabSize === null ? {} : { hint: `${formatCount(vocabSize)} tokens` }),
                }))
          }
          onChange={(next) => changeForm({ tokenizerId: next })}
        />
      </Field>
      <Switch
        label="Count exactly"
        hint="Off: lengths are estimated (faster, flagged)."
        checked={options.countTokens}
        onChange={(countTokens) => change({ countTokens })}
      />
    </Disclosure>
  );
}

function Order({ options, change }: RecipeProps) {
  return (
    <Disclosure
      title="Order"
      summary={`${orderNames[options.order] ?? options.order}, seed ${options.seed}`}
      defaultOpen
    >
      <Field label="Order of the pieces" inline>
        <Select
          label="Order of the pieces"
          value={options.order}
          options={orders}
          onChange={(order) => change({ order })}
        />
      </Field>
      <Field label="Seed" explain="The same seed gives the same bytes; another one permutes." inline>
        <NumberField
          label="Seed"
          value={options.seed}
          onChange={(seed) => change({ seed: Math.round(seed ?? 0) })}
        />
      </Field>
    </Disclosure>
  );
}

function Control({ options, change }: RecipeProps) {
  const mask = options.mask ?? defaultMask;
  const setMask = (changes: Partial<EvidenceMaskOptions>): void => change({ mask: { ...mask, ...changes } });
  return (
    <Disclosure title="Control" summary={controlNames[options.control] ?? options.control}>
      <p className="w-hint">
        A control changes one thing about the set, so that a difference in training can be put down to it.
      </p>
      <Field label="Variant" inline>
        <Select
          label="Control"
          value={options.control}
          options={controls}
          onChange={(control) =>
            change({
              control,
              mask: control === 'evidence-mask' ? (options.mask ?? defaultMask) : options.mask,
            })
          }
        />
      </Field>
      {options.control === 'agent-sft' ? (
        <Field label="Match with the ACC set by" inline>
          <Select
            label="Match by"
            value={options.match}
            options={[
              { value: 'processed', label: 'Processed tokens', hint: 'Equal compute' },
              { value: 'supervised', label: 'Supervised tokens', hint: 'Equal training signal' },
              { value: 'none', label: 'Nothing', hint: 'One pass over the same runs' },
            ]}
            onChange={(match) => change({ match })}
          />
        </Field>
      ) : null}
      {options.control === 'evidence-mask' ? (
        <>
          <Field label="Share masked">
            <Slider
              label="Share of the evidence masked"
              value={mask.share}
              min={0}
              max={1}
              step={0.05}
              format={formatShare}
              onChange={(share) => setMask({ share: Number(share) })}
            />
          </Field>
          <Field label="What" inline>
            <Segmented
              label="Evidence masked"
              value={mask.target}
              segments={[
                { value: 'gold', label: 'Gold' },
                { value: 'distractor', label: 'Distractors' },
                { value: 'random', label: 'Any' },
              ]}
              onChange={(target) => setMask({ target })}
            />
          </Field>
          <Field label="In units of" inline>
            <Segmented
              label="Unit of masking"
              value={mask.unit}
              segments={[
                { value: 'piece', label: 'Pieces' },
                { value: 'span', label: 'Spans' },
              ]}
              onChange={(unit) => setMask({ unit })}
            />
          </Field>
          <Field label="Replace by" explain="Filler keeps lengths and positions as they were." inline>
            <Segmented
              label="Replacement"
              value={mask.fill}
              segments={[
                { value: 'filler', label: 'Filler' },
                { value: 'delete', label: 'Nothing' },
              ]}
              onChange={(fill) => setMask({ fill })}
            />
          </Field>
        </>
      ) : null}
    </Disclosure>
  );
}

const dedupRules: readonly SelectOption<CurationOptions['dedup']>[] = [
  { value: 'exact', label: 'Equal', hint: 'Question and context equal but for case, spaces, punctuation' },
  { value: 'near', label: 'Nearly equal', hint: 'Question and context nearly the same (MinHash)' },
  { value: 'question', label: 'Same question', hint: 'Nearly the same question, whatever the context' },
  { value: 'none', label: 'Keep all' },
];

function Curation({ options, change }: RecipeProps) {
  const benchmarks = useApp((state) => state.compile.benchmarkFileIds);
  const curation = useApp((state) => state.ui.curation);
  const { changeCuration, changeForm } = useOptionChanges();
  const refused = options.excludeFlags ?? [];
  const isApproximate = curation.dedup === 'near' || curation.dedup === 'question';
  const summary = [
    curation.dedup === 'none' ? 'duplicates kept' : 'duplicates removed',
    ...(benchmarks.length > 0 ? [`${benchmarks.length} benchmark files`] : []),
    ...(curation.evalShare > 0 ? [`${formatShare(curation.evalShare)} held out`] : []),
  ];
  return (
    <Disclosure title="Curation" summary={summary.join(', ')}>
      <Field label="Remove examples that are" inline>
        <Select
          label="Duplicates to remove"
          value={curation.dedup}
          options={dedupRules}
          onChange={(dedup) => changeCuration({ dedup })}
        />
      </Field>
      {isApproximate ? (
        <Field label="From a similarity of" explain="Share of common word runs (Jaccard).">
          <Slider
            label="Similarity from which texts are near duplicates"
            value={curation.threshold}
            min={0.5}
            max={1}
            step={0.05}
            format={(value) => value.toFixed(2)}
            onChange={(threshold) => changeCuration({ threshold: Number(threshold) })}
          />
        </Field>
      ) : null}
      <Field label="Held out for evaluation" explain="Split by source: no document stands on both sides.">
        <Slider
          label="Share held out for evaluation"
          value={curation.evalShare}
          min={0}
          max={0.5}
          step={0.05}
          format={formatShare}
          onChange={(evalShare) => changeCuration({ evalShare: Number(evalShare) })}
        />
      </Field>
      <Field
        label="Benchmark files"
        explain="Examples that share a run of 13 words with one are rejected as contaminated."
      >
        <AttachedFiles
          fileRole="benchmark"
          chosen={benchmarks}
          onChange={(benchmarkFileIds) => changeForm({ benchmarkFileIds })}
          addLabel="Attach benchmark files"
          none="None attached: nothing is checked for contamination."
        />
      </Field>
      <Field label="Reject examples with" explain="Otherwise they are only flagged.">
        <div className="cv-flags">
          {refusable.map(([flag, label]) => (
            <label key={flag}>
              <input
                type="checkbox"
                checked={refused.includes(flag)}
                onChange={(event) =>
                  change({
                    excludeFlags: event.target.checked
                      ? [...refused, flag].sort()
                      : refused.filter((each) => each !== flag),
                  })
                }
              />
              {label}
            </label>
          ))}
        </div>
      </Field>
    </Disclosure>
  );
}

/** Everything that decides the bytes of a compiled set, explained. */
export function Recipe({ options, change }: RecipeProps) {
  const props = { options, change };
  return (
    <>
      <Runs {...props} />
      <Evidence {...props} />
      <Order {...props} />
      <Budget {...props} />
      <Distractors {...props} />
      <Control {...props} />
      <Curation {...props} />
    </>
  );
}
