import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Callout } from '../../widgets/States.tsx';

/** In place of the view when another tab has taken the project over. */
export function ReleasedPanel() {
  const project = useApp((state) => state.project.project);
  const projects = useApp((state) => state.project.projects);
  const openProject = useApp((state) => state.project.openProject);
  const createProject = useApp((state) => state.project.createProject);
  const others = projects.filter(({ id }) => id !== project?.id);
  return (
    <div className="app-error">
      <h1 className="visually-hidden">The project is open in another tab</h1>
      <Callout
        tone="info"
        title={`“${project?.name ?? ''}” went on in another tab`}
        actions={
          <>
            <Button icon="undo" onClick={() => project && void openProject(project.id, true)}>
              Take it back
            </Button>
            {others.slice(0, 3).map(({ id, name }) => (
              <Button key={id} icon="folder" onClick={() => void openProject(id)}>
                Open “{name}”
              </Button>
            ))}
            <Button icon="plus" onClick={() => void createProject(`Project ${projects.length + 1}`)}>
              New project
            </Button>
          </>
        }
      >
        Everything was written before it was handed over. This tab can be closed.
      </Callout>
    </div>
  );
}
