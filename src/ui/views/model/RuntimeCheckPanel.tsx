import { useState } from 'react';
import type { Prompt } from '../../../model/prompt.ts';
import { useApp } from '../../../state/useApp.ts';
import type { RuntimeCheck } from '../../../workers/engineApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { Field } from '../../widgets/Field.tsx';
import { formatCount, plural } from '../../widgets/format.ts';
import { NumberField } from '../../widgets/NumberField.tsx';
import { Callout, ProgressBar } from '../../widgets/States.tsx';
import { saveFile } from '../../../charts/common/saveBlob.ts';

const rate = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} tokens/s`;

/** Agreement in a sentence. Differences of a thousandth of the largest logit are rounding where weights are f32. */
function verdict({ firstDifference, engine, maxDifference }: RuntimeCheck): string {
  const size = maxDifference.toExponential(1);
  if (firstDifference === null) {
    return `Both give the same ${plural(engine.ids.length, 'token')}; their logits differ by at most ${size}`;
  }
  return `The replies part at token ${firstDifference.index + 1}; the logits differ by at most ${size}`;
}

function Report({ check }: { check: RuntimeCheck }) {
  const { engine, onnxruntime, options, firstDifference } = check;
  const isExact = options.weightType === 'f32' && options.kvType === 'f32';
  const worst = check.rows.reduce(
    (most, row) => (row.difference > most.difference ? row : most),
    check.rows[0]!,
  );
  return (
    <div className="mv-check" data-testid="runtime-check">
      <p role="status">
        <strong>{verdict(check)}</strong>
      </p>
      <table className="num">
        <thead>
          <tr>
            <th scope="col">Runtime</th>
            <th scope="col">Prompt</th>
            <th scope="col">Reply</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">
              This engine, {options.weightType} weights, {options.kvType} cache, {check.gpu}
            </th>
            <td>{rate(engine.promptTokensPerSecond)}</td>
            <td>{rate(engine.tokensPerSecond)}</td>
          </tr>
          <tr>
            <th scope="row">onnxruntime WASM, f32, {plural(check.threads, 'thread')}</th>
            <td>{rate(onnxruntime.promptTokensPerSecond)}</td>
            <td>{rate(onnxruntime.tokensPerSecond)}</td>
          </tr>
        </tbody>
      </table>
      <p className="faint">
        {formatCount(check.promptTokens)} tokens of prompt, {plural(engine.ids.length, 'greedy token')}. The
        largest difference is before the token at position {formatCount(worst.position)}; the largest logit
        there is {check.maxLogit.toPrecision(3)}.{' '}
        {firstDifference
          ? `At token ${firstDifference.index + 1} the engine took ${firstDifference.engine} and onnxruntime ${firstDifference.onnxruntime}, whose logits lie ${firstDifference.gap.toExponential(1)} apart.`
          : ''}{' '}
        {isExact
          ? ''
          : 'onnxruntime computes in f32: what the engine rounds to fewer bits shows here as a difference.'}
      </p>
      <Button
        icon="download"
        onClick={() =>
          saveFile(
            new File([JSON.stringify(check, null, 2)], `${check.model}-runtime-check.json`, {
              type: 'application/json',
            }),
          )
        }
      >
        Save the report
      </Button>
    </div>
  );
}

/** A second opinion: the loaded model's logits and replies beside those of onnxruntime on the same checkpoint. */
export function RuntimeCheckPanel() {
  const loaded = useApp((state) => state.model.loaded);
  const check = useApp((state) => state.model.check);
  const work = useApp((state) => state.model.work);
  const turns = useApp((state) => state.model.turns);
  const run = useApp((state) => state.model.checkRuntimes);
  const cancel = useApp((state) => state.model.cancel);
  const [count, setCount] = useState(32);
  if (!loaded) return null;
  const isHere = loaded.runtime === 'webgpu';
  // What was asked last, or a sentence where nothing was.
  const prompt: Prompt = turns.at(-1)?.prompt ?? {
    kind: 'messages',
    messages: [{ role: 'user', content: 'Which page names the harbour, and what does it say of it?' }],
  };
  return (
    <Disclosure title="Check against onnxruntime">
      <div className="mv-check-form">
        <p className="muted">
          {isHere
            ? `Runs ${turns.length > 0 ? 'the last prompt' : 'a short prompt'} through this engine and through onnxruntime, an independent runtime, and compares every logit.`
            : 'The loaded model runs on onnxruntime already. Load it on WebGPU to compare the two.'}
        </p>
        {isHere ? (
          <>
            <Field label="Tokens of reply" inline>
              <NumberField
                label="Tokens of reply to compare"
                value={count}
                min={1}
                max={512}
                step={16}
                onChange={(value) => value !== null && setCount(value)}
              />
            </Field>
            {work?.kind === 'checking' ? (
              <div className="mv-progress">
                <ProgressBar
                  label="Checking"
                  value={work.total > 0 ? work.done / work.total : null}
                  text={`${work.done} of ${work.total}`}
                />
                <Button onClick={cancel}>Cancel</Button>
              </div>
            ) : (
              <Button disabled={work !== null} onClick={() => void run(prompt, count)}>
                Check
              </Button>
            )}
          </>
        ) : null}
        {check.status === 'failed' ? (
          <Callout tone="bad" title="The check failed">
            {check.message}
          </Callout>
        ) : null}
        {check.status === 'ready' ? <Report check={check.value} /> : null}
      </div>
    </Disclosure>
  );
}
