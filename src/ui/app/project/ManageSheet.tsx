import { useEffect, useState } from 'react';
import type { ProjectSummary, SpaceItem, SpaceKind } from '../../../workers/dataApi.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { ConfirmButton } from '../../widgets/ConfirmButton.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { formatBytes, plural } from '../../widgets/format.ts';
import { Callout, ProgressBar, Skeleton } from '../../widgets/States.tsx';
import './project.css';

const kindLabels: Readonly<Record<SpaceKind, string>> = {
  copies: 'Copies of imported files',
  sets: 'Compiled sets',
  exports: 'Exported files',
  checkpoints: 'Checkpoints of trainings',
  runs: 'Adapters and records of trainings',
  evaluations: 'Evaluations',
  measurements: 'Measurements and the board',
  index: 'Index of trajectories',
  models: 'Models kept in the browser',
  downloads: 'Left from downloads',
};

/** Share of the space from which on the sheet says what to do. */
const nearlyFull = 0.9;

function OpenProjectRow({ project }: { project: ProjectSummary }) {
  const renameProject = useApp((state) => state.project.renameProject);
  const [name, setName] = useState(project.name);
  const rename = (): void => {
    const trimmed = name.trim();
    if (trimmed === '') setName(project.name);
    else if (trimmed !== project.name) void renameProject(trimmed);
  };
  return (
    <li className="project-row">
      <form
        className="project-name"
        onSubmit={(event) => {
          event.preventDefault();
          rename();
        }}
      >
        <input
          className="w-input"
          aria-label="Name of the open project"
          maxLength={120}
          value={name}
          onChange={(event) => setName(event.target.value)}
          onBlur={rename}
        />
      </form>
      <span className="faint num">
        open · {plural(project.trajectoryCount, 'trajectory', 'trajectories')}
      </span>
    </li>
  );
}

function OtherProjectRow({
  project,
  sizeBytes,
  onChange,
}: {
  project: ProjectSummary;
  sizeBytes: number;
  onChange: () => void;
}) {
  const openProject = useApp((state) => state.project.openProject);
  const deleteProject = useApp((state) => state.project.deleteProject);
  return (
    <li className="project-row">
      <strong className="truncate">{project.name}</strong>
      <span className="faint num">
        {plural(project.trajectoryCount, 'trajectory', 'trajectories')} · {formatBytes(sizeBytes)}
      </span>
      <Button onClick={() => void openProject(project.id)} aria-label={`Open ${project.name}`}>
        Open
      </Button>
      <ConfirmButton
        label={`Delete ${project.name} from this computer`}
        question="Its copies, sets, trainings and results go for good. Save it to a file first to keep them."
        onConfirm={() => void deleteProject(project.id).then(onChange)}
      />
    </li>
  );
}

function SpaceTable({
  items,
  pageBytes,
  onRemove,
}: {
  items: readonly SpaceItem[];
  pageBytes: number;
  onRemove: (item: SpaceItem) => void;
}) {
  const kinds = [...new Set(items.map(({ kind }) => kind))];
  return (
    <table className="project-space">
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">Size</th>
          <th scope="col">
            <span className="visually-hidden">Remove</span>
          </th>
        </tr>
      </thead>
      {kinds.map((kind) => {
        const members = items.filter((item) => item.kind === kind);
        return (
          <tbody key={kind}>
            <tr className="project-space-kind">
              <th scope="rowgroup">{kindLabels[kind]}</th>
              <td className="num">
                {members.length > 1
                  ? formatBytes(members.reduce((sum, item) => sum + item.sizeBytes, 0))
                  : null}
              </td>
              <td />
            </tr>
            {members.map((item) => (
              <tr key={item.id}>
                <td>
                  {item.label}
                  {item.removal ? <span className="w-hint">{item.removal.consequence}</span> : null}
                </td>
                <td className="num">{formatBytes(item.sizeBytes)}</td>
                <td>
                  {item.removal ? (
                    <ConfirmButton
                      label={`Remove ${kindLabels[kind]}: ${item.label}`}
                      question={item.removal.needsConfirm ? 'For good?' : null}
                      onConfirm={() => onRemove(item)}
                    />
                  ) : null}
                </td>
              </tr>
            ))}
          </tbody>
        );
      })}
      {pageBytes > 0 ? (
        <tbody>
          <tr className="project-space-kind">
            <th scope="row">The page itself, kept for use without a network</th>
            <td className="num">{formatBytes(pageBytes)}</td>
            <td />
          </tr>
        </tbody>
      ) : null}
    </table>
  );
}

/** Projects of this browser, what takes space in it, and what can go. */
export default function ManageSheet() {
  const project = useApp((state) => state.project.project);
  const projects = useApp((state) => state.project.projects);
  const storage = useApp((state) => state.project.storage);
  const setSheet = useApp((state) => state.project.setSheet);
  const measureSpace = useApp((state) => state.project.measureSpace);
  const freeSpace = useApp((state) => state.project.freeSpace);
  const [items, setItems] = useState<readonly SpaceItem[] | null>(null);
  const measure = (): void => void measureSpace().then(setItems);
  useEffect(() => {
    let isGone = false;
    void measureSpace().then((measured) => {
      if (!isGone) setItems(measured);
    });
    return () => {
      isGone = true;
    };
  }, [measureSpace, project?.id]);
  const { usageBytes = null, quotaBytes = null } = storage ?? {};
  const sizeOf = (id: string): number =>
    (items ?? []).reduce((sum, item) => sum + (item.projectId === id ? item.sizeBytes : 0), 0);
  return (
    <Dialog
      open
      size="lg"
      onClose={() => setSheet(null)}
      title="Projects and storage"
      description="What this page keeps in this browser. Your own files on disk are never touched."
    >
      {storage?.kind === 'memory' ? (
        <Callout tone="warn" title="Nothing is kept">
          {storage.reason ?? 'This browser gives the page no storage.'} Save the project to a file before you
          leave.
        </Callout>
      ) : usageBytes !== null && quotaBytes !== null ? (
        <section aria-label="Space">
          <ProgressBar
            value={Math.min(1, usageBytes / quotaBytes)}
            label="Space used"
            text={`${formatBytes(usageBytes)} of ${formatBytes(quotaBytes)}`}
          />
          <p className="faint num">
            {formatBytes(usageBytes)} used; the browser speaks of up to {formatBytes(quotaBytes)}, if the disk
            has them.{' '}
            {storage?.isPersistent
              ? 'It keeps what is here until you remove it.'
              : 'When the disk runs full it may clear all of it by itself: save what matters to a file.'}
          </p>
          {usageBytes > nearlyFull * quotaBytes ? (
            <Callout tone="warn" title="Nearly full">
              Remove below what can be made again, or save a project to a file and delete it here.
            </Callout>
          ) : null}
        </section>
      ) : null}
      <h3>Projects</h3>
      <ul className="project-list">
        {project ? <OpenProjectRow key={project.id} project={project} /> : null}
        {projects
          .filter(({ id }) => id !== project?.id)
          .map((each) => (
            <OtherProjectRow key={each.id} project={each} sizeBytes={sizeOf(each.id)} onChange={measure} />
          ))}
      </ul>
      <h3>What takes space</h3>
      {items === null ? (
        <Skeleton lines={5} label="Adding up" />
      ) : (
        <SpaceTable
          items={items}
          // Of the rest the browser tells only the sum.
          pageBytes={(usageBytes ?? 0) - items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)}
          onRemove={(item) =>
            void freeSpace(item.id).then((left) => {
              if (left) setItems(left);
            })
          }
        />
      )}
    </Dialog>
  );
}
