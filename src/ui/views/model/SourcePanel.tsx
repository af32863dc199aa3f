import { useId, useState } from 'react';
import type { StoredModel } from '../../../storage/models.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { ConfirmButton } from '../../widgets/ConfirmButton.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { formatBytes } from '../../widgets/format.ts';
import { FolderButton } from './FolderButton.tsx';

function AddressForm() {
  const open = useApp((state) => state.model.open);
  const isBusy = useApp((state) => state.model.work !== null);
  const [text, setText] = useState('');
  const id = useId();
  return (
    <form
      className="mv-address"
      onSubmit={(event) => {
        event.preventDefault();
        void open({ type: 'url', url: text.trim() });
      }}
    >
      <label htmlFor={id}>Or the address of one</label>
      <div className="mv-address-row">
        <input
          id={id}
          type="url"
          className="w-input"
          spellCheck={false}
          autoComplete="off"
          placeholder="https://huggingface.co/Qwen/Qwen3-0.6B"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" disabled={text.trim() === '' || isBusy}>
          Open
        </Button>
      </div>
      <p className="faint">Files are read in parts; nothing is fetched before you press Open.</p>
    </form>
  );
}

function KeptModel({ model }: { model: StoredModel }) {
  const open = useApp((state) => state.model.open);
  const remove = useApp((state) => state.model.deleteStored);
  const isBusy = useApp((state) => state.model.work !== null);
  const size = model.complete
    ? formatBytes(model.sizeBytes)
    : `${formatBytes(model.doneBytes)} of ${formatBytes(model.sizeBytes)}: not complete`;
  return (
    <li>
      <span className="mv-kept-name">
        <span className="truncate">{model.name}</span>
        <span className="faint num">{size}</span>
      </span>
      <Button
        disabled={isBusy || !model.complete}
        onClick={() => void open({ type: 'stored', id: model.id })}
      >
        Open<span className="visually-hidden"> {model.name}</span>
      </Button>
      <ConfirmButton
        label={`Delete the copy of ${model.name}`}
        question={`It must be opened from ${model.origin} again.`}
        disabled={isBusy}
        onConfirm={() => void remove(model.id)}
      />
    </li>
  );
}

function Sources({ primary }: { primary: boolean }) {
  const list = useApp((state) => state.model.list);
  const open = useApp((state) => state.model.open);
  return (
    <div className="mv-sources">
      <FolderButton
        label="Open a checkpoint folder"
        primary={primary}
        testId="model-folder-input"
        open={open}
      />
      <AddressForm />
      {list && list.bundled.length > 0 ? (
        <div>
          <h2>Comes with this page</h2>
          <ul className="mv-kept">
            {list.bundled.map((model) => (
              <li key={model.url}>
                <span className="mv-kept-name">
                  <span className="truncate">{model.name}</span>
                  {model.note ? <span className="faint">{model.note}</span> : null}
                </span>
                <Button onClick={() => void open({ type: 'url', url: model.url })}>
                  Open<span className="visually-hidden"> {model.name}</span>
                </Button>
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      {list && list.stored.length > 0 ? (
        <div>
          <h2>Kept on this computer</h2>
          <ul className="mv-kept">
            {list.stored.map((model) => (
              <KeptModel key={model.id} model={model} />
            ))}
          </ul>
        </div>
      ) : null}
      {list?.storageProblem ? <p className="faint">Nothing can be kept: {list.storageProblem}.</p> : null}
    </div>
  );
}

/** Where a model comes from: a folder, an address, a kept copy. Folds away once one is open. */
export function SourcePanel() {
  const card = useApp((state) => state.model.card);
  if (card.status === 'ready' || card.status === 'loading') {
    return (
      <Disclosure title="Open another model">
        <Sources primary={false} />
      </Disclosure>
    );
  }
  return (
    <>
      <p className="muted">
        Qwen3 and Qwen3-MoE checkpoints in Hugging Face layout run here, on this computer. Drop a folder that
        holds config.json, tokenizer.json and safetensors files anywhere in the window, or choose it.
      </p>
      <Sources primary />
    </>
  );
}
