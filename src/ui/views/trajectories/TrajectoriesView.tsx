import { useApp } from '../../../state/useApp.ts';
import { EmptyState, Skeleton } from '../../widgets/States.tsx';
import { Button } from '../../widgets/Button.tsx';
import { AddressForm, ImportButtons } from '../start/ImportButtons.tsx';
import { FacetPanel } from './FacetPanel.tsx';
import { FilesPanel } from './FilesPanel.tsx';
import { OneTrajectory } from './OneTrajectory.tsx';
import { RowInspector } from './RowInspector.tsx';
import { TableToolbar } from './TableToolbar.tsx';
import { TrajectoryTable } from './TrajectoryTable.tsx';
import './trajectories.css';

function NothingImported() {
  const openSamples = useApp((state) => state.project.openSamples);
  const formats = useApp((state) => state.project.formats);
  return (
    <div className="traj-empty">
      <EmptyState
        icon="table"
        level={1}
        title="No trajectories yet"
        actions={
          <>
            <ImportButtons primary />
            <Button icon="bulb" onClick={() => void openSamples()}>
              Open the samples
            </Button>
          </>
        }
      >
        <p>
          Drop agent logs anywhere on this page. The format is found by content, files stay on this computer,
          and a bad record never hides the good ones.
        </p>
      </EmptyState>
      <div className="traj-empty-more">
        <AddressForm />
        {formats.length > 0 ? (
          <details>
            <summary>{formats.length} formats are recognised</summary>
            <ul className="traj-format-list">
              {formats.map((format) => (
                <li key={format.id}>{format.label}</li>
              ))}
            </ul>
          </details>
        ) : null}
      </div>
    </div>
  );
}

/** The table of trajectories, or the one that the address names. */
export default function TrajectoriesView() {
  const phase = useApp((state) => state.project.phase);
  const openId = useApp((state) => state.route.current.path[0]);
  const fileCount = useApp((state) => state.project.files.length);
  if (phase === 'starting') return <Skeleton lines={10} label="Opening the project" />;
  if (openId !== undefined) return <OneTrajectory key={openId} id={openId} />;
  if (fileCount === 0) return <NothingImported />;
  return (
    <div className="traj-view" data-testid="trajectories">
      <h1 className="visually-hidden">Trajectories</h1>
      <FacetPanel />
      <div className="traj-main">
        <FilesPanel />
        <TableToolbar />
        <TrajectoryTable />
      </div>
      <RowInspector />
    </div>
  );
}
