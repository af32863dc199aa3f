import type { CompiledSet } from '../../workers/dataApi.ts';
import { useApp } from '../../state/useApp.ts';
import { Button } from '../widgets/Button.tsx';
import { formatBytes, formatCount, plural } from '../widgets/format.ts';
import { Icon } from '../widgets/Icon.tsx';
import { Badge } from '../widgets/Marks.tsx';
import { Menu, type MenuEntry } from '../widgets/Menu.tsx';
import { Tooltip } from '../widgets/Tooltip.tsx';
import { runCommand } from './commands.ts';
import { ComparisonMenus } from './ComparisonMenus.tsx';

/** First characters of the set's hash, enough to tell sets apart. */
export function shortHash(set: Pick<CompiledSet, 'sha256' | 'phase'>): string {
  if (set.sha256) return `#${set.sha256.slice(0, 7)}`;
  return set.phase === 'running' ? 'compiling' : set.phase;
}

function ProjectMenu() {
  const project = useApp((state) => state.project.project);
  const projects = useApp((state) => state.project.projects);
  const openProject = useApp((state) => state.project.openProject);
  const createProject = useApp((state) => state.project.createProject);
  const openSamples = useApp((state) => state.project.openSamples);
  const setSheet = useApp((state) => state.project.setSheet);
  const entries: MenuEntry[] = [
    { type: 'heading', id: 'heading', label: 'Projects' },
    ...projects.map((each): MenuEntry => ({
      type: 'choice',
      id: each.id,
      label: (
        <>
          {each.name}
          <span className="w-option-hint">
            {plural(each.trajectoryCount, 'trajectory', 'trajectories')} · {formatBytes(each.sizeBytes)}
          </span>
        </>
      ),
      checked: each.id === project?.id,
      onSelect: () => void openProject(each.id),
    })),
    { type: 'line', id: 'line' },
    {
      id: 'new',
      icon: 'plus',
      label: 'New project',
      onSelect: () => void createProject(`Project ${projects.length + 1}`),
    },
    { id: 'samples', icon: 'bulb', label: 'Open the samples', onSelect: () => void openSamples() },
    { type: 'line', id: 'line-files' },
    { id: 'save', icon: 'download', label: 'Save to a file…', onSelect: () => setSheet('save') },
    {
      id: 'open-file',
      icon: 'upload',
      label: 'Open a saved project…',
      onSelect: () => void runCommand('project.open'),
    },
    { id: 'manage', icon: 'database', label: 'Projects and storage…', onSelect: () => setSheet('manage') },
  ];
  return (
    <Menu
      align="start"
      trigger={
        <Button variant="ghost" icon="folder" className="app-context-menu">
          <span className="truncate">{project?.name ?? 'Project'}</span>
          <Icon name="chevronDown" size="0.85em" />
        </Button>
      }
      entries={entries}
    />
  );
}

function SetMenu() {
  const sets = useApp((state) => state.compile.sets);
  const currentId = useApp((state) => state.compile.currentSetId);
  const choose = useApp((state) => state.compile.chooseSet);
  const showSet = useApp((state) => state.examples.chooseSet);
  const go = useApp((state) => state.route.go);
  const isNamedInAddress = useApp(
    ({ route: { current } }) => current.view === 'qa' && current.path.length > 0,
  );
  const current = sets.find(({ id }) => id === currentId);
  if (!current) return <span className="app-context-none">no compiled set yet</span>;
  return (
    <Menu
      align="start"
      trigger={
        <Button variant="ghost" icon="document" className="app-context-menu">
          <span className="truncate">{current.name}</span>
          <span className="app-hash mono">{shortHash(current)}</span>
          <Icon name="chevronDown" size="0.85em" />
        </Button>
      }
      entries={[
        { type: 'heading', id: 'heading', label: 'Compiled sets' },
        ...sets.map((set): MenuEntry => ({
          type: 'choice',
          id: set.id,
          label: (
            <>
              {set.name} <span className="app-hash mono">{shortHash(set)}</span>
              <span className="w-option-hint">
                {plural(set.exampleCount, 'example')} · {formatCount(set.rejectionCount)} rejected
                {set.stale ? ' · stale' : ''}
              </span>
            </>
          ),
          checked: set.id === currentId,
          onSelect: () => {
            if (set.id === currentId) return;
            // First, since the set that QA's address names is the one that is shown there.
            if (isNamedInAddress) go('qa', [set.id]);
            choose(set.id);
            showSet(set.id);
          },
        })),
      ]}
    />
  );
}

/** What is being looked at: project, compiled set with its hash, and whether it is current. */
export function ContextBar() {
  const trajectoryCount = useApp((state) => state.trajectories.count);
  const fileCount = useApp((state) => state.project.files.length);
  const storage = useApp((state) => state.project.storage);
  const stale = useApp(
    ({ compile }) => compile.sets.find(({ id }) => id === compile.currentSetId)?.stale ?? null,
  );
  const go = useApp((state) => state.route.go);
  const setSheet = useApp((state) => state.project.setSheet);
  return (
    <div className="app-context" role="region" aria-label="Data in use">
      <ProjectMenu />
      <span className="app-context-fact num">
        {fileCount === 0
          ? 'no files yet'
          : `${plural(fileCount, 'file')} · ${plural(trajectoryCount, 'trajectory', 'trajectories')}`}
      </span>
      <span className="app-context-arrow" aria-hidden="true">
        <Icon name="chevronRight" size="0.9em" />
      </span>
      <SetMenu />
      {stale ? (
        <button type="button" className="app-context-stale" onClick={() => go('compile')}>
          <span className="app-stale-dot" aria-hidden="true" />
          Stale: {stale}
        </button>
      ) : null}
      <span className="app-context-space" />
      <ComparisonMenus />
      {storage?.kind === 'memory' ? (
        <Tooltip text={storage.reason ?? 'This browser gives the page no storage.'}>
          {/* Focusable, so that the reason can be read by keyboard. */}
          <button type="button" className="app-chip">
            <Badge tone="warn">Not saved: lost on reload</Badge>
          </button>
        </Tooltip>
      ) : storage?.usageBytes ? (
        <button type="button" className="app-context-fact num app-storage" onClick={() => setSheet('manage')}>
          {formatBytes(storage.usageBytes)} on this computer
        </button>
      ) : null}
    </div>
  );
}
