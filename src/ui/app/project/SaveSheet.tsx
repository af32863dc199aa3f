import { useState } from 'react';
import { saveFile } from '../../../charts/common/saveBlob.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { formatBytes, plural } from '../../widgets/format.ts';
import { Switch } from '../../widgets/Switch.tsx';
import './project.css';

/** The save picker where the browser has it: then the file is written in place, whatever its size. */
type WithPicker = Window & {
  readonly showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
};

/** Undefined: no picker; null: it was closed. */
async function pickTarget(name: string): Promise<FileSystemFileHandle | null | undefined> {
  const { showSaveFilePicker } = window as WithPicker;
  if (!showSaveFilePicker) return undefined;
  try {
    return await showSaveFilePicker.call(window, { suggestedName: `${name}.accz` });
  } catch (error) {
    return error instanceof DOMException && error.name === 'AbortError' ? null : undefined;
  }
}

/** Saves the open project as one file that another machine opens. */
export default function SaveSheet() {
  const project = useApp((state) => state.project.project);
  const files = useApp((state) => state.project.files);
  const setSheet = useApp((state) => state.project.setSheet);
  const saveProject = useApp((state) => state.project.saveProject);
  const notify = useApp((state) => state.ui.notify);
  const [withReferenced, setWithReferenced] = useState(true);
  const [withCheckpoints, setWithCheckpoints] = useState(true);
  const referenced = files.filter(({ keptBy }) => keptBy !== 'copy');
  const atHand = referenced.filter(({ keptBy, needsPermission }) => keptBy !== 'missing' && !needsPermission);
  const lost = referenced.length - atHand.length;
  const close = (): void => setSheet(null);

  const save = async (): Promise<void> => {
    const handle = await pickTarget(project?.name ?? 'project');
    if (handle === null) return;
    close();
    const saved = await saveProject({ withReferenced, withCheckpoints, handle });
    if (!saved) return;
    if (saved.file) saveFile(new File([saved.file], saved.fileName));
    const rest = saved.leftOut.length > 0 ? ` Without the bytes of ${saved.leftOut.join(', ')}.` : '';
    notify('success', `Saved in ${saved.fileName}`, `${formatBytes(saved.sizeBytes)}.${rest}`);
  };

  return (
    <Dialog
      open
      onClose={close}
      title={`Save “${project?.name ?? ''}” to a file`}
      description="One file (.accz, a zip archive with a SHA-256 of every part) with the imported files, compiled sets and edits, trainings, evaluations, measurements and the board. Dropped on this page, here or on another computer, it opens as a project of its own."
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button variant="primary" icon="download" onClick={() => void save()}>
            Save
          </Button>
        </>
      }
    >
      <ul className="project-options">
        {referenced.length > 0 ? (
          <li>
            <Switch
              label={`Copies of ${plural(atHand.length, 'file')} kept by reference`}
              hint={`${formatBytes(atHand.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}. Without them the list of trajectories is there, and their records open once the files are chosen again.${lost > 0 ? ` ${plural(lost, 'further file')} cannot be read now and will be listed as missing.` : ''}`}
              checked={withReferenced}
              onChange={setWithReferenced}
            />
          </li>
        ) : null}
        <li>
          <Switch
            label="Checkpoints of training runs"
            hint="Needed to go on with a run that was stopped. Adapters, curves and records are always in it."
            checked={withCheckpoints}
            onChange={setWithCheckpoints}
          />
        </li>
      </ul>
      <p className="muted">
        Models are not in the file: runs name theirs by hash. Whoever gets it can read the trajectories in it.
      </p>
    </Dialog>
  );
}
