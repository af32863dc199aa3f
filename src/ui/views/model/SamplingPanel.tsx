import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Field } from '../../widgets/Field.tsx';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Switch } from '../../widgets/Switch.tsx';

/** How tokens are drawn, and for how long. */
export function SamplingPanel() {
  const sampling = useApp((state) => state.model.sampling);
  const setSampling = useApp((state) => state.model.setSampling);
  const maxNewTokens = useApp((state) => state.model.maxNewTokens);
  const setMaxNewTokens = useApp((state) => state.model.setMaxNewTokens);
  const ignoreStops = useApp((state) => state.model.ignoreStops);
  const setIgnoreStops = useApp((state) => state.model.setIgnoreStops);
  const card = useApp((state) => state.model.card);
  const recommended = card.status === 'ready' ? card.value.recommended : {};
  const greedy = sampling.temperature === 0;
  const summary = `${greedy ? 'greedy' : `temperature ${sampling.temperature}, seed ${sampling.seed}`}, up to ${maxNewTokens} tokens`;
  return (
    <Disclosure title="Sampling" summary={summary}>
      <div className="mv-sampling">
        <Field label="Choice of tokens" inline>
          <Segmented
            label="Choice of tokens"
            value={greedy ? 'greedy' : 'drawn'}
            segments={[
              { value: 'greedy', label: 'Greedy' },
              { value: 'drawn', label: 'Drawn' },
            ]}
            onChange={(choice) =>
              setSampling({ temperature: choice === 'greedy' ? 0 : recommended.temperature || 0.6 })
            }
          />
        </Field>
        <Field label="Temperature" inline>
          <NumberField
            label="Temperature"
            value={sampling.temperature}
            min={0}
            max={5}
            step={0.1}
            onChange={(value) => setSampling({ temperature: value ?? 0 })}
          />
        </Field>
        <Field label="Top-k" explain="0 keeps all" inline>
          <NumberField
            label="Top-k"
            value={sampling.topK}
            min={0}
            max={1000}
            disabled={greedy}
            onChange={(value) => setSampling({ topK: Math.round(value ?? 0) })}
          />
        </Field>
        <Field label="Top-p" explain="1 keeps all" inline>
          <NumberField
            label="Top-p"
            value={sampling.topP}
            min={0.01}
            max={1}
            step={0.05}
            disabled={greedy}
            onChange={(value) => setSampling({ topP: value ?? 1 })}
          />
        </Field>
        <Field label="Min-p" explain="0 keeps all" inline>
          <NumberField
            label="Min-p"
            value={sampling.minP}
            min={0}
            max={1}
            step={0.01}
            disabled={greedy}
            onChange={(value) => setSampling({ minP: value ?? 0 })}
          />
        </Field>
        <Field label="Repetition penalty" explain="1 is none" inline>
          <NumberField
            label="Repetition penalty"
            value={sampling.repetitionPenalty}
            min={0.1}
            max={10}
            step={0.05}
            onChange={(value) => setSampling({ repetitionPenalty: value ?? 1 })}
          />
        </Field>
        <Field label="Seed" inline>
          <NumberField
            label="Seed"
            value={sampling.seed}
            min={0}
            max={4294967295}
            disabled={greedy}
            onChange={(value) => setSampling({ seed: Math.round(value ?? 0) })}
          />
        </Field>
        <Field label="Longest reply" inline>
          <NumberField
            label="Longest reply"
            unit="tokens"
            value={maxNewTokens}
            min={1}
            max={32768}
            largeStep={64}
            onChange={(value) => setMaxNewTokens(Math.round(value ?? 1))}
          />
        </Field>
        <Switch label="Go on past stop tokens" checked={ignoreStops} onChange={setIgnoreStops} />
        {Object.keys(recommended).length > 0 ? (
          <Button onClick={() => setSampling(recommended)}>As the model’s makers recommend</Button>
        ) : null}
      </div>
    </Disclosure>
  );
}
