import { useEffect, useRef, useState } from 'react';
import { useAppStore } from '../../../state/useApp.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { readDrop } from '../start/readDrop.ts';
import { adapterOfDrop, modelOfDrop } from './openFolder.ts';

/**
 * While the view is open, a folder with a checkpoint or an adapter dropped anywhere in the window is opened; all else
 * is imported into the project as in every view. Listens before the importer does.
 */
export function ModelDropZone() {
  const store = useAppStore();
  const [dropping, setDropping] = useState(false);
  const depth = useRef(0);
  useEffect(() => {
    const carriesFiles = (event: DragEvent): boolean =>
      [...(event.dataTransfer?.types ?? [])].includes('Files');
    const listen = (change: number) => (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
      depth.current = Math.max(0, depth.current + change);
      setDropping(depth.current > 0);
    };
    const onDrop = (event: DragEvent): void => {
      if (!carriesFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      depth.current = 0;
      setDropping(false);
      void readDrop(event.dataTransfer).then(async (sources) => {
        const { model: slice, project, ui } = store.getState();
        const [model, adapter] = [modelOfDrop(sources), adapterOfDrop(sources)];
        if (model && !(await slice.open(model)).ok) return;
        if (adapter && store.getState().model.card.status !== 'ready') {
          ui.notify('error', 'An adapter needs its checkpoint', 'Open the checkpoint first, then drop it.');
        } else if (adapter) await slice.openAdapter(adapter);
        if (!model && !adapter) await project.importSources(sources);
      });
    };
    const onEnter = listen(1);
    const onOver = listen(0);
    const onLeave = listen(-1);
    window.addEventListener('dragenter', onEnter, true);
    window.addEventListener('dragover', onOver, true);
    window.addEventListener('dragleave', onLeave, true);
    window.addEventListener('drop', onDrop, true);
    return () => {
      window.removeEventListener('dragenter', onEnter, true);
      window.removeEventListener('dragover', onOver, true);
      window.removeEventListener('dragleave', onLeave, true);
      window.removeEventListener('drop', onDrop, true);
    };
  }, [store]);
  if (!dropping) return null;
  return (
    <div className="mv-drop" role="status">
      <div className="mv-drop-card">
        <Icon name="download" size="2rem" />
        <strong>Drop a checkpoint folder, or an adapter for it</strong>
        <span>config.json, tokenizer.json and safetensors files. They stay on this computer.</span>
      </div>
    </div>
  );
}
