import { useRef } from 'react';
import { saveFile } from '../../../charts/common/saveBlob.ts';
import { useApp } from '../../../state/useApp.ts';
import type { DocumentSummary } from '../../../workers/mechanismApi.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { ConfirmButton } from '../../widgets/ConfirmButton.tsx';
import { formatBytes, plural } from '../../widgets/format.ts';
import { Badge } from '../../widgets/Marks.tsx';
import { Callout } from '../../widgets/States.tsx';
import { MeasurePanel } from './MeasurePanel.tsx';

function DocumentRow({ document, shown }: { document: DocumentSummary; shown: boolean }) {
  const show = useApp((state) => state.mechanism.show);
  const exportFile = useApp((state) => state.mechanism.exportFile);
  const remove = useApp((state) => state.mechanism.deleteDocument);
  return (
    <li className="mech-document" data-shown={shown || undefined}>
      <button
        type="button"
        className="mech-document-main"
        aria-pressed={shown}
        onClick={() => void show(document.id)}
      >
        <span className="truncate">{document.name}</span>
        <span className="mech-document-facts">
          {plural(document.itemCount, 'item')} · {document.subjects.map(({ name }) => name).join(', ')}
        </span>
        <span className="mech-document-facts">
          {document.model.name} · {document.origin === 'measured' ? 'measured here' : 'opened file'}
          {document.isPartial ? '' : ` · ${formatBytes(document.sizeBytes)}`}
        </span>
      </button>
      {document.isPartial ? (
        <Badge tone="accent">measuring</Badge>
      ) : (
        <span className="mech-document-tools">
          <IconButton
            icon="download"
            label={`Save ${document.name} as JSON`}
            onClick={() => void exportFile(document.id).then((file) => file && saveFile(file))}
          />
          <ConfirmButton
            label={`Delete ${document.name}`}
            question={document.origin === 'measured' ? 'The measurement goes for good.' : 'For good?'}
            onConfirm={() => void remove(document.id)}
          />
        </span>
      )}
    </li>
  );
}

/** Documents that are here, and how to get another. */
export function DocumentPanel() {
  const documents = useApp((state) => state.mechanism.documents);
  const documentId = useApp((state) => state.mechanism.documentId);
  const openFiles = useApp((state) => state.mechanism.openFiles);
  const busy = useApp((state) => state.mechanism.busy);
  const failure = useApp((state) => state.mechanism.failure);
  const dismiss = useApp((state) => state.mechanism.dismissFailure);
  const input = useRef<HTMLInputElement>(null);
  return (
    <aside className="mech-side" aria-label="What was measured">
      <section className="mech-box">
        <h2>Measured</h2>
        <ul className="mech-documents">
          {documents.map((document) => (
            <DocumentRow key={document.id} document={document} shown={document.id === documentId} />
          ))}
        </ul>
        <input
          ref={input}
          type="file"
          accept=".json,application/json"
          multiple
          hidden
          data-testid="mechanism-file"
          onChange={(event) => {
            const files = [...(event.target.files ?? [])];
            event.target.value = '';
            if (files.length > 0) void openFiles(files);
          }}
        />
        <Button icon="folder" disabled={busy !== null} onClick={() => input.current?.click()}>
          {busy === 'reading' ? 'Reading…' : 'Open a document'}
        </Button>
        <p className="w-hint">
          JSON as <span className="mono">acc mechanism</span> writes it, also from a cluster; or drop it here.
        </p>
        {failure ? (
          <Callout tone="bad" title={failure.message} actions={<Button onClick={dismiss}>Close</Button>}>
            {failure.advice}
          </Callout>
        ) : null}
      </section>
      <MeasurePanel />
    </aside>
  );
}
