import type { AnswerScore } from '../../../check/score.ts';
import type { Verdict } from '../../../check/verdicts.ts';
import type { Example } from '../../../compile/types.ts';
import type { JsonValue } from '../../../core/json.ts';
import { useApp } from '../../../state/useApp.ts';
import type { EvidenceCheck } from '../../../workers/engineApi.ts';
import { InspectorPanel } from '../../app/Inspector.tsx';
import { Button } from '../../widgets/Button.tsx';
import { formatCount, plural } from '../../widgets/format.ts';
import { OutcomeMark } from '../../widgets/Marks.tsx';
import { Callout, ProgressBar } from '../../widgets/States.tsx';

const meanings: Readonly<Record<Verdict, string>> = {
  'answers-closed-book': 'The question alone gives the answer',
  'not-evidence-dependent': 'Taking the gold away does not lower the answer',
  'gold-insufficient': 'The gold alone does not give what the whole context gives',
  'one-piece-suffices': 'One gold piece is enough',
  'answer-improbable': 'Even the whole context leaves the answer improbable: the rest says little',
};

function ScoreRow({ name, score }: { name: string; score: AnswerScore | null }) {
  if (!score) return null;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{score.mean.toFixed(3).replace('-', '−')}</td>
      <td>{score.total.toFixed(2).replace('-', '−')}</td>
      <td>{score.greedy ? 'yes' : 'no'}</td>
    </tr>
  );
}

function Report({ check }: { check: EvidenceCheck }) {
  const { scores, verdicts, thresholds } = check;
  return (
    <div data-testid="evidence-check">
      <table className="qa-scores num">
        <caption>
          ln p of the answer, {plural(check.answerTokens, 'token')}, by {check.model}
          {check.adapter === null ? '' : ` with ${check.adapter}`}
        </caption>
        <thead>
          <tr>
            <th scope="col">Under</th>
            <th scope="col">by token</th>
            <th scope="col">in all</th>
            <th scope="col">greedy</th>
          </tr>
        </thead>
        <tbody>
          <ScoreRow name="whole context" score={scores.context} />
          <ScoreRow name="question alone" score={scores.closedBook} />
          <ScoreRow name="gold removed" score={scores.goldRemoved} />
          <ScoreRow name="gold alone" score={scores.goldOnly} />
          {scores.pieces?.flatMap(({ id, without, alone }) => [
            <ScoreRow key={`without ${id}`} name={`without ${id}`} score={without} />,
            <ScoreRow key={`alone ${id}`} name={`${id} alone`} score={alone} />,
          ])}
        </tbody>
      </table>
      <div role="status">
        {verdicts.length === 0 ? (
          <OutcomeMark outcome="pass">The answer depends on its evidence</OutcomeMark>
        ) : (
          <ul className="qa-check-lines">
            {verdicts.map((verdict) => (
              <li key={verdict}>
                <OutcomeMark outcome="warn">{meanings[verdict]}</OutcomeMark>
              </li>
            ))}
          </ul>
        )}
      </div>
      <p className="faint num">
        {check.necessaryPieces === null
          ? ''
          : `${formatCount(check.necessaryPieces)} of ${plural(scores.pieces?.length ?? 0, 'gold piece')} needed. `}
        Lower means by more than {thresholds.margin} a token; known, from a probability of {thresholds.known}{' '}
        a token. The rationale is left out.
      </p>
    </div>
  );
}

/** Whether the loaded model needs the evidence of the open example for its answer. */
export function EvidenceCheckPanel({ setId, example }: { setId: string; example: Example }) {
  const key = `${setId}/${example.id}`;
  const loaded = useApp((state) => state.model.loaded);
  const work = useApp((state) => state.model.work);
  const check = useApp((state) => state.model.evidenceChecks[key]);
  const checkEvidence = useApp((state) => state.model.checkEvidence);
  const cancel = useApp((state) => state.model.cancel);
  const go = useApp((state) => state.route.go);
  if (example.control === 'agent-sft') return null;
  const start = (pieces: boolean): void =>
    void checkEvidence(key, { row: example as unknown as JsonValue, pieces });
  const isRunning = check?.status === 'loading' && work !== null;
  return (
    <InspectorPanel title="Check with the model">
      {loaded?.runtime === 'webgpu' ? (
        <>
          <p className="muted">
            How probable {loaded.name} finds the answer under the whole context, the question alone, and with
            the gold pieces taken away.
          </p>
          <div className="qa-piece-actions">
            {isRunning ? (
              <Button icon="stop" onClick={cancel}>
                Stop
              </Button>
            ) : (
              <>
                <Button icon="play" disabled={work !== null} onClick={() => start(false)}>
                  Check
                </Button>
                <Button variant="ghost" disabled={work !== null} onClick={() => start(true)}>
                  Check each gold piece too
                </Button>
              </>
            )}
          </div>
          {isRunning ? (
            <ProgressBar
              label="Checking the example"
              value={work.kind === 'scoring' ? work.done / work.total : null}
            />
          ) : null}
        </>
      ) : (
        <>
          <p className="muted">
            Needs a model loaded on WebGPU: it scores the answer with and without the evidence.
          </p>
          <div className="qa-piece-actions">
            <Button icon="open" onClick={() => go('model')}>
              Load a model
            </Button>
          </div>
        </>
      )}
      {check?.status === 'failed' ? (
        <Callout tone="bad" title={check.message}>
          {check.advice}
        </Callout>
      ) : null}
      {check?.status === 'ready' ? <Report check={check.value} /> : null}
    </InspectorPanel>
  );
}
