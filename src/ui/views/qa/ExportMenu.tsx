import { useState } from 'react';
import type { ExportFormat, ExportResult } from '../../../workers/dataApi.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { formatBytes, plural } from '../../widgets/format.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { Menu, type MenuEntry } from '../../widgets/Menu.tsx';
import { Callout } from '../../widgets/States.tsx';

const formats: readonly { readonly id: ExportFormat; readonly label: string; readonly hint: string }[] = [
  { id: 'acc', label: 'examples.jsonl', hint: 'Everything, with evidence and sources' },
  { id: 'openai', label: 'OpenAI messages (JSONL)', hint: 'TRL, axolotl, ms-swift' },
  { id: 'sharegpt', label: 'ShareGPT (JSONL)', hint: 'LLaMA-Factory, axolotl' },
  {
    id: 'prompt-completion',
    label: 'Prompt and completion (JSONL)',
    hint: 'TRL, loss on the completion only',
  },
  { id: 'token-ids', label: 'Token ids and labels (JSONL)', hint: 'Already tokenized, masked with −100' },
  { id: 'parquet', label: 'Parquet', hint: 'Messages and metadata by column' },
];

/** Writes the set (or the selected examples) for other trainers, and shows what to tell the trainer. */
export function ExportMenu() {
  const setId = useApp((state) => state.examples.setId);
  const selected = useApp((state) => state.examples.selected);
  const exportSet = useApp((state) => state.examples.exportSet);
  const notify = useApp((state) => state.ui.notify);
  const [result, setResult] = useState<ExportResult | null>(null);
  if (setId === null) return null;
  const start = async (format: ExportFormat, ids: readonly string[] | null): Promise<void> => {
    const outcome = await exportSet({ setId, format, ids });
    if (outcome.ok) setResult(outcome.value);
    else if (outcome.code !== 'cancelled') notify('error', outcome.message, outcome.advice ?? undefined);
  };
  const entriesFor = (ids: readonly string[] | null): MenuEntry[] =>
    formats.map(({ id, label, hint }) => ({
      id: `${ids ? 'selected' : 'set'}-${id}`,
      label,
      hint,
      onSelect: () => void start(id, ids),
    }));
  return (
    <>
      <Menu
        trigger={
          <Button icon="download">
            Export
            <Icon name="chevronDown" size="0.85em" />
          </Button>
        }
        entries={
          selected.size === 0
            ? [
                { type: 'heading', id: 'heading', label: 'The set, without excluded examples' },
                ...entriesFor(null),
              ]
            : [
                { type: 'heading', id: 'heading', label: plural(selected.size, 'selected example') },
                ...entriesFor([...selected]),
              ]
        }
      />
      <Dialog
        open={result !== null}
        onClose={() => setResult(null)}
        title="Exported"
        description={
          result
            ? `${result.fileName}, ${plural(result.exampleCount, 'example')}, ${formatBytes(result.sizeBytes)}`
            : undefined
        }
        footer={
          <Button variant="primary" onClick={() => setResult(null)}>
            Done
          </Button>
        }
      >
        {result && result.warnings.length > 0 ? (
          <Callout tone="warn" title="Look at these before sharing the file">
            <ul>
              {result.warnings.map((warning) => (
                <li key={warning}>{warning}</li>
              ))}
            </ul>
          </Callout>
        ) : null}
        {result?.configSnippet ? (
          <>
            <p className="qa-snippet-head">
              For the trainer
              <Button
                variant="ghost"
                icon="copy"
                onClick={() => void navigator.clipboard.writeText(result.configSnippet ?? '')}
              >
                Copy
              </Button>
            </p>
            <pre className="qa-snippet">{result.configSnippet}</pre>
          </>
        ) : null}
      </Dialog>
    </>
  );
}
