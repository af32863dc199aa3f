import { useEffect } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { AdapterPanel } from './AdapterPanel.tsx';
import { Capability } from './Capability.tsx';
import { Conversation } from './Conversation.tsx';
import { FitPanel, LoadFoot } from './FitPanel.tsx';
import { LayerPicture } from './LayerPicture.tsx';
import { ModelFacts } from './ModelFacts.tsx';
import { ModelDropZone } from './ModelDropZone.tsx';
import { RuntimeCheckPanel } from './RuntimeCheckPanel.tsx';
import { SourcePanel } from './SourcePanel.tsx';
import './model.css';

function GoneNote() {
  const isGone = useApp((state) => state.model.isGone);
  const isIdle = useApp((state) => state.model.work === null);
  if (!isGone || !isIdle) return null;
  return (
    <Callout tone="warn" title="The weights are not in memory any more">
      The part of the page that held them was ended. The next question loads them again.
    </Callout>
  );
}

function DeviceLossNote() {
  const loss = useApp((state) => state.model.loss);
  const dismiss = useApp((state) => state.model.dismissLoss);
  if (!loss) return null;
  const { recovered } = loss;
  if (!recovered) {
    return (
      <Callout tone="warn" title="The GPU device was lost">
        A new one is requested and the model loaded again; the reply goes on by itself.
      </Callout>
    );
  }
  return (
    <Callout
      tone="good"
      title="The GPU device was lost and everything was rebuilt"
      actions={
        <button type="button" className="w-button w-button-ghost w-button-md" onClick={dismiss}>
          Close
        </button>
      }
    >
      The weights were loaded again and {recovered.replayedTokens} tokens of the conversation replayed in{' '}
      {(recovered.tookMs / 1000).toFixed(1)} s. Nothing was lost.
    </Callout>
  );
}

/** Model: the checkpoint and what fits on the left; its picture and the conversation on the right. */
export default function ModelView() {
  const connect = useApp((state) => state.model.connect);
  const card = useApp((state) => state.model.card);
  const probe = useApp((state) => state.model.probe);
  useEffect(() => {
    void connect();
  }, [connect]);
  const model = card.status === 'ready' ? card.value : null;
  return (
    <div className="mv-view" data-probe={probe ? `tier-${probe.tier}` : 'asking'}>
      <ModelDropZone />
      <section className="mv-side" aria-label="Checkpoint">
        {/* Focusable, so that it scrolls by keyboard. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div className="mv-side-body" role="region" aria-label="What it is and what fits" tabIndex={0}>
          <h1>Model</h1>
          <Capability />
          <SourcePanel />
          {card.status === 'loading' ? <Skeleton lines={6} label="Reading the checkpoint" /> : null}
          {card.status === 'failed' ? (
            <Callout tone="bad" title="This cannot be opened">
              {card.message}
            </Callout>
          ) : null}
          {model ? (
            <>
              <ModelFacts card={model} />
              <AdapterPanel card={model} />
              <FitPanel card={model} />
            </>
          ) : null}
        </div>
        {model ? <LoadFoot card={model} /> : null}
      </section>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <section className="mv-main" aria-label="Conversation with the model" tabIndex={0}>
        <GoneNote />
        <DeviceLossNote />
        {model ? <LayerPicture card={model} /> : null}
        <RuntimeCheckPanel />
        <Conversation />
      </section>
    </div>
  );
}
