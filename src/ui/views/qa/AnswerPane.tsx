import type { Example } from '../../../compile/types.ts';
import { formatCount, formatShare } from '../../widgets/format.ts';
import { Callout } from '../../widgets/States.tsx';

function Part({ name, text, supervised }: { name: string; text: string; supervised: boolean }) {
  return (
    <section className="qa-answer-part">
      <h2>
        {name}
        {supervised ? <span className="qa-supervised-note">trained on</span> : null}
      </h2>
      <div className={`qa-answer-text ${supervised ? 'qa-supervised' : ''}`}>
        <span>{text}</span>
      </div>
    </section>
  );
}

/** Question, rationale and answer; what training supervises is underlined. */
export function AnswerPane({ example }: { example: Example }) {
  const { prompt, completion } = example.tokens;
  const total = prompt + completion;
  return (
    <div className="qa-answer">
      <Part name="Question" text={example.question} supervised={false} />
      {example.rationale ? <Part name="Rationale" text={example.rationale} supervised /> : null}
      <Part name="Answer" text={example.answer} supervised />
      <p className="faint num">
        Loss on {formatCount(completion)} of {formatCount(total)} tokens
        {total > 0 ? ` (${formatShare(completion / total)})` : ''}. The context and the question are read, not
        trained on.
        {example.rationale ? '' : ' This example has no rationale: only the answer is supervised.'}
      </p>
      {example.control ? (
        <Callout tone="info" title={`Control: ${example.control}`}>
          This example belongs to a control set, not to the main one.
        </Callout>
      ) : null}
    </div>
  );
}
