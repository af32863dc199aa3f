import type { TrainConfig } from '../../../train/config.ts';
import { useApp } from '../../../state/useApp.ts';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Field } from '../../widgets/Field.tsx';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Switch } from '../../widgets/Switch.tsx';

const allLinear = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const attention = allLinear.slice(0, 4);

type NumberKey = { [K in keyof TrainConfig]: number extends TrainConfig[K] ? K : never }[keyof TrainConfig];
type FlagKey = { [K in keyof TrainConfig]: boolean extends TrainConfig[K] ? K : never }[keyof TrainConfig];

const sentence = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** One number of the config, with what it means under it. */
function NumberSetting({
  name,
  label,
  config,
  ...rest
}: {
  name: NumberKey;
  label: string;
  config: TrainConfig;
  min?: number;
  max?: number;
  step?: number;
  unit?: string;
  placeholder?: string;
}) {
  const setConfig = useApp((state) => state.train.setConfig);
  const meaning = useApp((state) => state.train.meanings[name]);
  const fallback = rest.min ?? 0;
  return (
    <Field label={label} explain={sentence(meaning)} inline>
      <NumberField
        label={label}
        value={config[name]}
        onChange={(value) => void setConfig({ [name]: value ?? (rest.placeholder ? null : fallback) })}
        {...rest}
      />
    </Field>
  );
}

function FlagSetting({ name, label, config }: { name: FlagKey; label: string; config: TrainConfig }) {
  const setConfig = useApp((state) => state.train.setConfig);
  const meaning = useApp((state) => state.train.meanings[name]);
  return (
    <Switch
      label={label}
      hint={sentence(meaning)}
      checked={config[name]}
      onChange={(on) => void setConfig({ [name]: on })}
    />
  );
}

/** Which layers get a pair, as the presets name them. */
function targetsName(targets: readonly string[]): 'all' | 'attention' | 'own' {
  if (targets.join() === allLinear.join()) return 'all';
  return targets.join() === attention.join() ? 'attention' : 'own';
}

/** How to train; what each word means stands under it. */
export function RecipeForm({ config }: { config: TrainConfig }) {
  const setConfig = useApp((state) => state.train.setConfig);
  const isMoe = useApp(
    (state) => state.model.card.status === 'ready' && state.model.card.value.experts !== null,
  );
  const targets = targetsName(config.targets);
  return (
    <section className="tv-section" aria-label="Recipe">
      <h2>Recipe</h2>
      <p className="faint">
        The model’s weights stay as they are. Small pairs of matrices beside its layers, the adapter, are
        trained (LoRA).
      </p>
      <Field
        label="What is trained"
        explain={
          isMoe
            ? 'Every expert gets its own pairs, or only attention does.'
            : 'Attention alone is the most portable adapter.'
        }
      >
        <Segmented
          label="What is trained"
          value={targets}
          segments={[
            { value: 'all', label: isMoe ? 'Attention and experts' : 'All layers' },
            { value: 'attention', label: 'Attention' },
            ...(targets === 'own' ? [{ value: 'own' as const, label: 'Own list' }] : []),
          ]}
          onChange={(value) => {
            if (value !== 'own') void setConfig({ targets: value === 'all' ? allLinear : attention });
          }}
        />
      </Field>
      <NumberSetting name="rank" label="Rank" config={config} min={1} max={1024} />
      <NumberSetting
        name="learningRate"
        label="Learning rate"
        config={config}
        min={0}
        max={1}
        step={0.0001}
      />
      <Field
        label="Length of the run"
        explain="Epochs: times that every example is seen. Steps: updates in all."
        inline
      >
        <div className="tv-row">
          <Segmented
            label="Length of the run in"
            value={config.steps === null ? 'epochs' : 'steps'}
            segments={[
              { value: 'epochs', label: 'Epochs' },
              { value: 'steps', label: 'Steps' },
            ]}
            onChange={(unit) =>
              void setConfig(unit === 'steps' ? { steps: 100, epochs: null } : { steps: null, epochs: 1 })
            }
          />
          <NumberField
            label={config.steps === null ? 'Epochs' : 'Steps'}
            value={config.steps ?? config.epochs}
            min={1}
            onChange={(value) =>
              void setConfig(config.steps === null ? { epochs: value ?? 1 } : { steps: value ?? 1 })
            }
          />
        </div>
      </Field>
      <NumberSetting
        name="maxLength"
        label="Longest row"
        config={config}
        min={2}
        max={2 ** 20}
        step={512}
        unit="tokens"
      />
      <Disclosure
        title="Rows and batches"
        summary={`${config.batchSize * config.gradAccumSteps} ${config.batchSize * config.gradAccumSteps === 1 ? 'row' : 'rows'} an update`}
      >
        <Field label="Longer examples" explain="Nothing is ever cut silently." inline>
          <Segmented
            label="Longer examples"
            value={config.overLength}
            segments={[
              { value: 'refuse', label: 'Do not start' },
              { value: 'drop', label: 'Leave out' },
            ]}
            onChange={(overLength) => void setConfig({ overLength })}
          />
        </Field>
        <FlagSetting name="packing" label="Pack short examples" config={config} />
        <NumberSetting name="batchSize" label="Batch size" config={config} min={1} max={65_536} />
        <NumberSetting name="gradAccumSteps" label="Batches an update" config={config} min={1} max={65_536} />
        <Field label="Loss counts" explain="Each supervised token the same, or each example the same." inline>
          <Segmented
            label="Loss counts"
            value={config.lossWeighting}
            segments={[
              { value: 'token', label: 'Tokens' },
              { value: 'sequence', label: 'Examples' },
            ]}
            onChange={(lossWeighting) => void setConfig({ lossWeighting })}
          />
        </Field>
        <Field
          label="Agent turns"
          explain="In one row, or each as an example of its own, read as the model reads it when it writes that turn."
          inline
        >
          <Segmented
            label="Agent turns"
            value={config.turns}
            segments={[
              { value: 'together', label: 'In one row' },
              { value: 'apart', label: 'Each apart' },
            ]}
            onChange={(turns) => void setConfig({ turns })}
          />
        </Field>
        <FlagSetting name="shuffle" label="Shuffle" config={config} />
        <FlagSetting name="superviseNewline" label="Learn the last line break" config={config} />
      </Disclosure>
      <Disclosure title="Schedule" summary={`${config.schedule}, warm-up ${config.warmupSteps}`}>
        <Field label="Schedule" explain="How the learning rate falls after the warm-up." inline>
          <Select
            label="Schedule"
            value={config.schedule}
            options={[
              { value: 'cosine', label: 'Cosine' },
              { value: 'linear', label: 'Linear' },
              { value: 'constant', label: 'Constant' },
            ]}
            onChange={(schedule) => void setConfig({ schedule })}
          />
        </Field>
        <NumberSetting name="warmupSteps" label="Warm-up" config={config} min={0} unit="steps" />
        <NumberSetting name="minLearningRate" label="Ends at" config={config} min={0} step={0.00001} />
        <NumberSetting name="weightDecay" label="Weight decay" config={config} min={0} max={1} step={0.01} />
        <NumberSetting name="maxGradNorm" label="Clip gradients at" config={config} min={0} step={0.5} />
      </Disclosure>
      <Disclosure
        title="Held-out examples and checkpoints"
        summary={`${Math.round(config.evalShare * 100)} % held out`}
      >
        <NumberSetting
          name="evalShare"
          label="Held-out share"
          config={config}
          min={0}
          max={0.9}
          step={0.05}
        />
        <Field
          label="Measure every"
          explain="Steps between measurements of the held-out loss; empty: once an epoch."
          inline
        >
          <NumberField
            label="Steps between held-out measurements"
            value={config.evalSteps}
            min={1}
            placeholder="epoch"
            onChange={(evalSteps) => void setConfig({ evalSteps })}
          />
        </Field>
        <NumberSetting
          name="earlyStopPatience"
          label="Stop early after"
          config={config}
          min={0}
          unit="times"
        />
        <FlagSetting name="keepBest" label="Keep the best" config={config} />
        <NumberSetting name="checkpointSteps" label="Checkpoint every" config={config} min={0} unit="steps" />
        <FlagSetting name="keepCheckpoints" label="Keep each adapter" config={config} />
      </Disclosure>
      <Disclosure title="Adapter and memory" summary={`alpha ${config.alpha}, ${config.weightType} weights`}>
        <NumberSetting name="alpha" label="Alpha" config={config} min={0.5} step={1} />
        <FlagSetting name="useRslora" label="Rank-stabilised scale" config={config} />
        <NumberSetting name="dropout" label="Dropout" config={config} min={0} max={0.9} step={0.05} />
        {isMoe ? (
          <>
            <Field
              label="Rank of experts"
              explain="Experts see fewer tokens each: a lower rank saves much memory; vLLM wants one rank. Empty: the same."
              inline
            >
              <NumberField
                label="Rank of experts"
                value={config.expertRank}
                min={1}
                placeholder="same"
                onChange={(expertRank) => void setConfig({ expertRank })}
              />
            </Field>
            <FlagSetting
              name="sharedExpertAdapter"
              label="One adapter for all experts of a layer"
              config={config}
            />
            <FlagSetting name="trainRouter" label="Train the router" config={config} />
            <NumberSetting
              name="auxLossCoef"
              label="Load-balancing loss"
              config={config}
              min={0}
              step={0.001}
            />
          </>
        ) : null}
        <Field label="Frozen weights" explain="Smaller types take less memory and round the model." inline>
          <Select
            label="Frozen weights"
            value={config.weightType}
            options={(['auto', 'f32', 'f16', 'int8', 'int4'] as const).map((value) => ({
              value,
              label: value,
            }))}
            onChange={(weightType) => void setConfig({ weightType })}
          />
        </Field>
        <FlagSetting name="checkpointing" label="Save memory by computing twice" config={config} />
        <NumberSetting name="seed" label="Seed" config={config} min={0} />
      </Disclosure>
    </section>
  );
}
