import type { ReactNode } from 'react';
import { useApp } from '../../../state/useApp.ts';
import type { ModelCard } from '../../../workers/engineApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { formatBytes, formatCount, plural } from '../../widgets/format.ts';
import { ProgressBar } from '../../widgets/States.tsx';

const parameters = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function tokenizerText(card: ModelCard): string {
  const { tokenizer } = card;
  if (!tokenizer) return 'none: token ids only';
  const template = tokenizer.hasChatTemplate ? 'own chat template' : 'Qwen3’s chat template';
  return `${formatCount(tokenizer.vocabSize)} tokens, ${template}`;
}

function Keep({ card }: { card: ModelCard }) {
  const keep = useApp((state) => state.model.keep);
  const cancel = useApp((state) => state.model.cancel);
  const work = useApp((state) => state.model.work);
  const problem = useApp((state) => state.model.list?.storageProblem ?? null);
  if (card.kept || problem !== null) return null;
  if (work?.kind === 'keeping') {
    const text = `${formatBytes(work.done)} of ${formatBytes(work.total)}`;
    return (
      <div className="mv-progress">
        <ProgressBar
          label="Keeping the model"
          value={work.total > 0 ? work.done / work.total : null}
          text={text}
        />
        <span className="num">{text}</span>
        <Button onClick={cancel}>Stop</Button>
      </div>
    );
  }
  return (
    <Button icon="download" disabled={work !== null} onClick={() => void keep()}>
      Keep on this computer ({formatBytes(card.fileBytes)})
    </Button>
  );
}

/** What the configs and headers of the opened checkpoint tell. */
export function ModelFacts({ card }: { card: ModelCard }) {
  const { experts } = card;
  const isSparse = card.activeParameterCount < card.parameterCount;
  return (
    <section className="mv-card" aria-label="Model card" data-testid="model-card">
      <h2>{card.name}</h2>
      <p className="faint truncate" title={card.origin}>
        {card.origin}
      </p>
      <dl className="mv-facts">
        <Fact name="Architecture">{card.architecture === 'qwen3' ? 'Qwen3, dense' : 'Qwen3-MoE'}</Fact>
        <Fact name="Parameters">
          {parameters.format(card.parameterCount)}
          {isSparse ? `, ${parameters.format(card.activeParameterCount)} per token` : ''}
        </Fact>
        <Fact name="Layers">
          {formatCount(card.layerCount)} of width {formatCount(card.hiddenSize)}
        </Fact>
        <Fact name="Heads">
          {card.headCount} for queries, {card.kvHeadCount} for keys and values, {card.headDim} wide
        </Fact>
        <Fact name="Experts">
          {experts
            ? `${formatCount(experts.count)}, of which ${experts.perToken} per token; files hold them ${experts.layout === 'fused' ? 'together' : 'one by one'}`
            : 'none'}
        </Fact>
        <Fact name="Context">
          {formatCount(card.contextLength)} tokens{card.ropeScaling ? `, ${card.ropeScaling}` : ''}
        </Fact>
        <Fact name="Files">
          {formatBytes(card.fileBytes)} in {plural(card.files.length, 'file')}, weights{' '}
          {card.dtypes.join(', ')}
        </Fact>
        <Fact name="Tokenizer">{tokenizerText(card)}</Fact>
        <Fact name="Licence">{card.licence ?? 'not stated in README.md'}</Fact>
      </dl>
      {card.tokenizer?.slowBecause ? <p className="faint">{card.tokenizer.slowBecause}</p> : null}
      <Disclosure title="Files" summary={plural(card.files.length, 'file')}>
        <ul className="mv-files">
          {card.files.map((file) => (
            <li key={file.name}>
              <span className="truncate">{file.name}</span>
              <span className="num faint">{file.sizeBytes === null ? '?' : formatBytes(file.sizeBytes)}</span>
            </li>
          ))}
        </ul>
        {card.unusedTensorCount > 0 ? (
          <p className="faint">{plural(card.unusedTensorCount, 'tensor')} in the files are not used.</p>
        ) : null}
      </Disclosure>
      <Keep card={card} />
    </section>
  );
}
