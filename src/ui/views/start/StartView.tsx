import { useState } from 'react';
import type { ProjectSummary } from '../../../workers/dataApi.ts';
import { useApp } from '../../../state/useApp.ts';
import { runCommand } from '../../app/commands.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { formatBytes, formatCount, plural } from '../../widgets/format.ts';
import { Icon, type IconName } from '../../widgets/Icon.tsx';
import { KindMark } from '../../widgets/Marks.tsx';
import { Tooltip } from '../../widgets/Tooltip.tsx';
import { useCapability } from './capability.ts';
import { AddressForm, ImportButtons } from './ImportButtons.tsx';
import './start.css';

const dates = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

function CapabilityChip() {
  const capability = useCapability();
  if (!capability) return null;
  return (
    <Tooltip text={capability.detail}>
      <button type="button" className={`start-chip start-chip-${capability.tier}`}>
        <Icon name={capability.tier === 0 ? 'info' : 'check'} />
        {capability.label}
      </button>
    </Tooltip>
  );
}

const steps: readonly { icon: IconName; title: string; text: string }[] = [
  {
    icon: 'table',
    title: 'Trajectories',
    text: 'Agent logs in their own formats: every turn, call and result, with its place in the file.',
  },
  {
    icon: 'project',
    title: 'Compile',
    text: 'Question, all gathered evidence and distractors in one long context; the answer without tools.',
  },
  {
    icon: 'document',
    title: 'QA',
    text: 'Read each pair with every piece traced to its turn; curate; export for your trainer.',
  },
];

function ProjectRow({ project, isOpen }: { project: ProjectSummary; isOpen: boolean }) {
  const openProject = useApp((state) => state.project.openProject);
  const deleteProject = useApp((state) => state.project.deleteProject);
  const go = useApp((state) => state.route.go);
  const [asking, setAsking] = useState(false);
  const resume = async (): Promise<void> => {
    await openProject(project.id);
    go(project.setCount > 0 ? 'qa' : 'trajectories');
  };
  return (
    <li className="start-project">
      <div className="start-project-text">
        <strong className="truncate">{project.name}</strong>
        <span className="faint num">
          {plural(project.trajectoryCount, 'trajectory', 'trajectories')} ·{' '}
          {plural(project.setCount, 'compiled set')} · {formatBytes(project.sizeBytes)} ·{' '}
          {dates.format(project.changedAt)}
        </span>
      </div>
      <Button icon="play" onClick={() => void resume()} aria-label={`Resume ${project.name}`}>
        Resume
      </Button>
      {isOpen ? null : (
        <IconButton
          icon="trash"
          label={`Delete ${project.name} from this computer`}
          onClick={() => setAsking(true)}
        />
      )}
      <Dialog
        open={asking}
        size="sm"
        onClose={() => setAsking(false)}
        title={`Delete “${project.name}”?`}
        description="Its copies of files, compiled sets and edits are removed from this browser. Your own files stay where they are."
        footer={
          <>
            <Button onClick={() => setAsking(false)}>Keep it</Button>
            <Button
              variant="danger"
              icon="trash"
              onClick={() => {
                setAsking(false);
                void deleteProject(project.id);
              }}
            >
              Delete
            </Button>
          </>
        }
      >
        <p className="num">
          {plural(project.fileCount, 'file')}, {plural(project.trajectoryCount, 'trajectory', 'trajectories')}
          , {plural(project.setCount, 'compiled set')}
        </p>
      </Dialog>
    </li>
  );
}

function ResumeDoor() {
  const projects = useApp((state) => state.project.projects);
  const current = useApp((state) => state.project.project);
  const storage = useApp((state) => state.project.storage);
  const kept = projects.filter((project) => project.fileCount > 0);
  return (
    <section className="start-door" aria-labelledby="door-resume">
      <h2 id="door-resume">
        <Icon name="refresh" /> Resume
      </h2>
      {kept.length === 0 ? (
        <p className="muted">
          {storage?.kind === 'memory'
            ? `Nothing can be kept: ${storage.reason ?? 'this browser has no storage for pages'}. Work is lost on reload.`
            : 'Nothing yet. What you import and compile is kept in this browser and listed here.'}
        </p>
      ) : (
        <ul className="start-projects">
          {kept.slice(0, 5).map((project) => (
            <ProjectRow key={project.id} project={project} isOpen={project.id === current?.id} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** First screen: what this is, and three doors into it. */
export default function StartView() {
  const openSamples = useApp((state) => state.project.openSamples);
  const makeWorld = useApp((state) => state.project.makeWorld);
  const formats = useApp((state) => state.project.formats);
  const poolSize = useApp((state) => state.project.poolSize);
  const go = useApp((state) => state.route.go);
  const tourSeen = useApp((state) => state.ui.tourSeen);
  const setTourStop = useApp((state) => state.ui.setTourStop);
  return (
    <div className="start">
      <header className="start-head">
        <h1>Turn agent trajectories into long-context training data</h1>
        <p className="start-lead">
          An agent gathers its evidence over many turns. Agent Context Compilation puts that evidence, with
          distractors, into one long context and asks the question again, to be answered without tools.
        </p>
        <p className="start-facts">
          <span className="start-chip">
            <Icon name="check" /> Files never leave this computer
          </span>
          <span className="start-chip num">
            <Icon name="settings" /> {plural(poolSize, 'worker')} for compiling
          </span>
          <CapabilityChip />
        </p>
        <div className="start-buttons">
          <Button variant="primary" size="lg" icon="play" onClick={() => go('walk')}>
            See the whole flow run
          </Button>
          <span className="start-hint muted">
            Nine steps on the bundled model, computed here and now: trajectories, compiled contexts, training,
            what changed inside.
          </span>
        </div>
        {tourSeen ? null : (
          <p className="start-tour">
            New here? The tour shows each view in a sentence or two.
            <Button onClick={() => runCommand('tour.start')}>Take the tour</Button>
            <Button variant="ghost" onClick={() => setTourStop(null)}>
              No, thanks
            </Button>
          </p>
        )}
      </header>

      <div className="start-doors">
        <section className="start-door" aria-labelledby="door-samples">
          <h2 id="door-samples">
            <Icon name="bulb" /> Explore the samples
          </h2>
          <p className="muted">
            A dozen short runs of search, software and SQL agents, with one wrong answer and one that was cut
            off. Written for this page; every fact in them is invented.
          </p>
          <p className="start-kinds">
            <KindMark kind="search" /> <KindMark kind="swe" /> <KindMark kind="sql" />
          </p>
          <div className="start-buttons">
            <Button size="lg" icon="open" onClick={() => void openSamples()}>
              Open the samples
            </Button>
            <Tooltip text="Scripted agents search an encyclopedia, mend repositories and query databases that are made up for them; a quarter of the runs goes wrong.">
              <Button size="lg" icon="bulb" onClick={() => void makeWorld(300)}>
                Make 300 trajectories
              </Button>
            </Tooltip>
          </div>
        </section>

        <section className="start-door" aria-labelledby="door-own">
          <h2 id="door-own">
            <Icon name="upload" /> Open your trajectories
          </h2>
          <p className="muted">
            Drop files or folders anywhere on this page, paste an address or JSON, or choose them here. JSON,
            JSON lines, Parquet, zip, gzip, zstd, tar, SQLite.
          </p>
          <div className="start-buttons">
            <ImportButtons size="lg" />
          </div>
          <AddressForm />
        </section>

        <ResumeDoor />
      </div>

      <ol className="start-steps" aria-label="How it goes on">
        {steps.map((step, index) => (
          <li key={step.title}>
            <span className="start-step-number num">{index + 1}</span>
            <div>
              <h3>
                <Icon name={step.icon} /> {step.title}
              </h3>
              <p className="muted">{step.text}</p>
            </div>
          </li>
        ))}
      </ol>

      <section className="start-formats" aria-labelledby="start-formats">
        <h2 id="start-formats">
          {formats.length > 0 ? `${formatCount(formats.length)} formats, ` : 'Formats, '}recognised by content
        </h2>
        <ul>
          {formats.map((format) => (
            <li key={format.id}>{format.label}</li>
          ))}
        </ul>
      </section>
    </div>
  );
}
