import { useEffect, useRef } from 'react';
import { wouldLoseWork } from '../../../state/projectSlice.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { readDrop, readPastedText } from './readDrop.ts';
import './start.css';

function isEditable(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/**
 * Makes the whole window a place to drop and paste: files, folders, addresses, JSON text. Shows what a drop will
 * do while something is dragged over the page. Leaving the page during long work asks first.
 */
export function ImportGate() {
  const store = useAppStore();
  const dropping = useApp((state) => state.project.dropping);
  const projectName = useApp((state) => state.project.project?.name ?? '');
  const depth = useRef(0);

  useEffect(() => {
    const { setDropping, importSources } = store.getState().project;
    const carriesFiles = (event: DragEvent): boolean =>
      [...(event.dataTransfer?.types ?? [])].some((type) => type === 'Files' || type === 'text/uri-list');
    const onEnter = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      depth.current++;
      setDropping(true);
    };
    const onOver = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
    };
    const onLeave = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      depth.current = Math.max(0, depth.current - 1);
      if (depth.current === 0) setDropping(false);
    };
    const onDrop = (event: DragEvent): void => {
      depth.current = 0;
      setDropping(false);
      if (!carriesFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      void readDrop(event.dataTransfer).then((sources) => importSources(sources));
    };
    const onPaste = (event: ClipboardEvent): void => {
      if (isEditable(event.target) || !event.clipboardData) return;
      const sources =
        event.clipboardData.files.length > 0
          ? readDrop(event.clipboardData)
          : Promise.resolve(readPastedText(event.clipboardData.getData('text/plain')));
      void sources.then((found) => {
        if (found.length > 0) return importSources(found);
        store
          .getState()
          .ui.notify('info', 'Nothing to import in the clipboard', 'Paste an address, JSON or files.');
        return null;
      });
    };
    const onLeavePage = (event: BeforeUnloadEvent): void => {
      if (wouldLoseWork(store.getState())) event.preventDefault();
    };
    window.addEventListener('dragenter', onEnter);
    window.addEventListener('dragover', onOver);
    window.addEventListener('dragleave', onLeave);
    window.addEventListener('drop', onDrop);
    window.addEventListener('paste', onPaste);
    window.addEventListener('beforeunload', onLeavePage);
    return () => {
      window.removeEventListener('dragenter', onEnter);
      window.removeEventListener('dragover', onOver);
      window.removeEventListener('dragleave', onLeave);
      window.removeEventListener('drop', onDrop);
      window.removeEventListener('paste', onPaste);
      window.removeEventListener('beforeunload', onLeavePage);
    };
  }, [store]);

  if (!dropping) return null;
  return (
    <div className="import-overlay" role="status">
      <div className="import-overlay-card">
        <Icon name="download" size="2rem" />
        <strong>Drop to import into “{projectName}”</strong>
        <span>Trajectories, databases, tokenizers or benchmark files. They stay on this computer.</span>
      </div>
    </div>
  );
}
