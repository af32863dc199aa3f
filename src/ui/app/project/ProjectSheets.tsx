import { lazy, Suspense, useMemo, useRef } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { useCommands, type Command } from '../commands.ts';
import { HiddenFileInput } from '../../widgets/HiddenFileInput.tsx';

const ManageSheet = lazy(() => import('./ManageSheet.tsx'));
const SaveSheet = lazy(() => import('./SaveSheet.tsx'));

/** Asks what to do with a project that another tab has open. */
function InUseDialog() {
  const inUse = useApp((state) => state.project.inUse);
  const receiveInUse = useApp((state) => state.project.receiveInUse);
  const openProject = useApp((state) => state.project.openProject);
  const current = useApp((state) => state.project.project);
  return (
    <Dialog
      open={inUse !== null}
      size="sm"
      onClose={() => receiveInUse(null)}
      title={`“${inUse?.name ?? ''}” is open in another tab`}
      description="One tab at a time writes a project, so that neither undoes what the other did."
      footer={
        <>
          <Button onClick={() => receiveInUse(null)}>
            {current ? `Work in “${current.name}”` : 'Leave it there'}
          </Button>
          <Button
            variant="primary"
            icon="open"
            onClick={() => {
              if (inUse) void openProject(inUse.id, true);
            }}
          >
            Take over here
          </Button>
        </>
      }
    >
      <p>
        If you take it over, the other tab ends what it does: training stops at a checkpoint, an evaluation
        keeps what was answered, a compilation goes on from where it was. All of it can be resumed here.
      </p>
    </Dialog>
  );
}

/** Commands and dialogs of the project, and the hidden input that opens a saved one. */
export function ProjectSheets() {
  const sheet = useApp((state) => state.project.sheet);
  const setSheet = useApp((state) => state.project.setSheet);
  const openProjectFile = useApp((state) => state.project.openProjectFile);
  const input = useRef<HTMLInputElement>(null);
  const commands = useMemo<readonly Command[]>(
    () => [
      {
        id: 'project.save',
        title: 'Save the project to a file',
        group: 'Project',
        run: () => setSheet('save'),
      },
      {
        id: 'project.manage',
        title: 'Projects and storage',
        group: 'Project',
        run: () => setSheet('manage'),
      },
      {
        id: 'project.open',
        title: 'Open a saved project',
        group: 'Project',
        run: () => input.current?.click(),
      },
    ],
    [setSheet],
  );
  useCommands(commands);
  return (
    <>
      <HiddenFileInput
        ref={input}
        testId="project-input"
        accept=".accz"
        onFiles={([file]) => {
          if (file) void openProjectFile(file);
        }}
      />
      <InUseDialog />
      <Suspense fallback={null}>
        {sheet === 'save' ? <SaveSheet /> : sheet === 'manage' ? <ManageSheet /> : null}
      </Suspense>
    </>
  );
}
