import { useEffect, useRef, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import type { FileRole, ImportedFile, ImportSource, IssuePage } from '../../../workers/dataApi.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { HiddenFileInput } from '../../widgets/HiddenFileInput.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { formatBytes, formatCount, plural } from '../../widgets/format.ts';
import { Icon, type IconName } from '../../widgets/Icon.tsx';
import { Badge } from '../../widgets/Marks.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { ImportButtons } from '../start/ImportButtons.tsx';
import { pickFiles, readFileList } from '../start/readDrop.ts';

const roleLabels: Readonly<Record<FileRole, string>> = {
  trajectories: 'Trajectories',
  database: 'Database',
  benchmark: 'Benchmark',
  tokenizer: 'Tokenizer',
  companion: 'Belongs to runs',
  unknown: 'Not recognised',
};
const roleIcons: Readonly<Record<FileRole, IconName>> = {
  trajectories: 'table',
  database: 'database',
  benchmark: 'flag',
  tokenizer: 'keyboard',
  companion: 'check',
  unknown: 'warning',
};
const keptLabels: Readonly<Record<ImportedFile['keptBy'], string>> = {
  copy: 'kept as a copy in this browser',
  handle: 'kept by reference to the file on disk',
  tab: 'only until this tab is closed',
  missing: 'the file itself is not at hand: choose it again to open its records',
};

const issuesPerPage = 200;

function IssuesDialog({ file, onClose }: { file: ImportedFile; onClose: () => void }) {
  const queryIssues = useApp((state) => state.project.queryIssues);
  const [page, setPage] = useState<IssuePage | null>(null);
  const [limit, setLimit] = useState(issuesPerPage);
  useEffect(() => {
    let isCurrent = true;
    void queryIssues({ fileId: file.id, severities: null, offset: 0, limit }).then((answer) => {
      if (isCurrent) setPage(answer);
    });
    return () => {
      isCurrent = false;
    };
  }, [file.id, limit, queryIssues]);
  return (
    <Dialog
      open
      size="lg"
      onClose={onClose}
      title={`Issues in ${file.path}`}
      description="Nothing here stopped the rest of the file. Records are counted from 0."
    >
      {page === null ? (
        <Skeleton lines={6} label="Loading issues" />
      ) : (
        <>
          <table className="issues-table">
            <thead>
              <tr>
                <th scope="col">Severity</th>
                <th scope="col">Where</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              {page.issues.map((issue, index) => (
                <tr key={index}>
                  <td>
                    <Badge
                      tone={
                        issue.severity === 'error' ? 'bad' : issue.severity === 'warning' ? 'warn' : 'neutral'
                      }
                    >
                      {issue.severity}
                    </Badge>
                  </td>
                  <td className="mono issues-where">
                    {issue.file === file.path ? null : <div>{issue.file}</div>}
                    {issue.record === null ? null : <div>record {issue.record}</div>}
                    {issue.path ? <div>{issue.path}</div> : null}
                    {issue.byteOffset === null ? null : <div>byte {formatCount(issue.byteOffset)}</div>}
                  </td>
                  <td>
                    <div>{issue.message}</div>
                    <code className="faint">{issue.code}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {page.issues.length + page.notKept < page.total ? (
            <Button onClick={() => setLimit(limit + issuesPerPage)}>
              Show more of {formatCount(page.total)}
            </Button>
          ) : null}
          {page.notKept > 0 ? (
            <p className="faint">
              {formatCount(page.notKept)} further issues of the same file were counted but not kept.
            </p>
          ) : null}
        </>
      )}
    </Dialog>
  );
}

function phaseText(file: ImportedFile): string {
  switch (file.phase) {
    case 'waiting':
      return 'waiting';
    case 'reading':
      return `reading, ${plural(file.trajectoryCount, 'trajectory', 'trajectories')} so far`;
    default:
      return file.message ?? '';
  }
}

const isMissing = (file: ImportedFile): boolean => file.keptBy === 'missing' && file.phase === 'done';

/** Chooses the file or folder again whose bytes are not at hand. The input stands in for a picker of files. */
function ChooseAgain({ file }: { file: ImportedFile }) {
  const attachFile = useApp((state) => state.project.attachFile);
  const input = useRef<HTMLInputElement>(null);
  const attach = (source: ImportSource | undefined): void => {
    if (source) void attachFile(file.id, source);
  };
  const choose = async (): Promise<void> => {
    const picked = file.isFolder ? null : await pickFiles(false);
    if (picked) attach(picked[0]);
    else input.current?.click();
  };
  return (
    <>
      <Button
        icon={file.isFolder ? 'folder' : 'file'}
        title={`Choose ${file.path} again`}
        onClick={() => void choose()}
      >
        Choose again
      </Button>
      <HiddenFileInput
        ref={input}
        testId="attach-input"
        isFolder={file.isFolder}
        onFiles={(files) => attach(readFileList(files)[0])}
      />
    </>
  );
}

function FileRow({ file, onIssues }: { file: ImportedFile; onIssues: () => void }) {
  const removeFile = useApp((state) => state.project.removeFile);
  const setFileRole = useApp((state) => state.project.setFileRole);
  const issueCount = file.errorCount + file.warningCount;
  const canChooseRole = file.phase === 'done' && (file.role === 'unknown' || file.role === 'benchmark');
  return (
    <li className="file-row" data-phase={file.phase}>
      <Icon name={file.isFolder ? 'folder' : roleIcons[file.role]} />
      <div className="file-text">
        <span className="truncate" title={`${file.path}: ${keptLabels[file.keptBy]}`}>
          <strong>{file.path}</strong>{' '}
          <span className="faint num">
            {formatBytes(file.sizeBytes)}
            {file.isFolder ? ` in ${plural(file.memberCount, 'file')}` : ''}
          </span>
        </span>
        <span className="faint">
          {file.formats.length > 0 ? (
            <span title={file.formats.map((format) => `${format.label}: ${format.evidence}`).join('\n')}>
              {file.formats
                .map((format) =>
                  file.formats.length > 1
                    ? `${format.label} (${formatCount(format.trajectoryCount)})`
                    : format.label,
                )
                .join(', ')}
              {' · '}
            </span>
          ) : null}
          {phaseText(file)}
          {file.keptBy === 'missing' || file.keptBy === 'tab' ? ` · ${keptLabels[file.keptBy]}` : ''}
        </span>
      </div>
      {canChooseRole ? (
        <Select
          label={`What ${file.path} is`}
          value={file.role}
          options={[
            { value: 'unknown', label: roleLabels.unknown },
            { value: 'benchmark', label: roleLabels.benchmark, hint: 'for decontamination' },
          ]}
          onChange={(role) => void setFileRole(file.id, role)}
        />
      ) : null}
      {isMissing(file) ? <ChooseAgain file={file} /> : null}
      {file.phase === 'failed' ? <Badge tone="bad">failed</Badge> : null}
      {file.phase === 'cancelled' ? <Badge tone="warn">stopped</Badge> : null}
      {issueCount > 0 ? (
        <Button variant="ghost" icon="warning" onClick={onIssues}>
          {file.errorCount > 0 ? plural(file.errorCount, 'error') : plural(file.warningCount, 'warning')}
        </Button>
      ) : null}
      <IconButton
        icon="trash"
        label={`Take ${file.path} out of the project`}
        disabled={file.phase === 'reading' || file.phase === 'waiting'}
        onClick={() => void removeFile(file.id)}
      />
    </li>
  );
}

/** Rows shown before "show all". */
const shownFiles = 6;

/** What was imported and how each file came out. Closed to one line once everything is read without trouble. */
export function FilesPanel() {
  const files = useApp((state) => state.project.files);
  const requestAccess = useApp((state) => state.project.requestAccess);
  const [issuesOf, setIssuesOf] = useState<number | null>(null);
  const [showAll, setShowAll] = useState(false);
  const [openChoice, setOpenChoice] = useState<boolean | null>(null);

  const isReading = files.some((file) => file.phase === 'reading' || file.phase === 'waiting');
  const troubled = files.filter(
    (file) =>
      file.phase === 'failed' || file.phase === 'cancelled' || file.errorCount > 0 || file.role === 'unknown',
  ).length;
  const missing = files.filter(isMissing).length;
  const isOpen = openChoice ?? (isReading || troubled > 0 || missing > 0 || files.length <= 2);
  const needsPermission = files.filter((file) => file.needsPermission).length;
  const issueCount = files.reduce((sum, file) => sum + file.errorCount + file.warningCount, 0);
  const issuesFile = files.find((file) => file.id === issuesOf);
  // What asks for something comes first.
  const shown = showAll ? files : [...files.filter(isMissing), ...files.filter((file) => !isMissing(file))].slice(0, shownFiles); // prettier-ignore

  return (
    <section className="files" aria-label="Imported files">
      <div className="files-head">
        <button
          type="button"
          className="files-toggle"
          aria-expanded={isOpen}
          onClick={() => setOpenChoice(!isOpen)}
        >
          <Icon name={isOpen ? 'chevronDown' : 'chevronRight'} />
          <strong>{plural(files.length, 'file')}</strong>
          <span className="faint num">
            {formatBytes(files.reduce((sum, file) => sum + file.sizeBytes, 0))}
            {issueCount > 0 ? ` · ${plural(issueCount, 'issue')}` : ' · no issues'}
          </span>
        </button>
        <span className="traj-space" />
        <ImportButtons />
      </div>
      {needsPermission > 0 ? (
        <Callout
          tone="info"
          title={`${plural(needsPermission, 'file')} on disk need your permission again`}
          actions={<Button onClick={() => void requestAccess()}>Allow reading</Button>}
        >
          The table is complete; opening and compiling their records needs the files.
        </Callout>
      ) : null}
      {missing > 0 ? (
        <Callout tone="warn" title={`${plural(missing, 'file is', 'files are')} not at hand any more`}>
          The table is complete; opening and compiling their records needs the files. Drop them here again, or
          choose them below: they are taken when they are as they were.
        </Callout>
      ) : null}
      {isOpen ? (
        <ul className="file-list">
          {shown.map((file) => (
            <FileRow key={file.id} file={file} onIssues={() => setIssuesOf(file.id)} />
          ))}
          {files.length > shownFiles ? (
            <li>
              <Button variant="ghost" onClick={() => setShowAll(!showAll)}>
                {showAll ? 'Show fewer' : `Show all ${formatCount(files.length)}`}
              </Button>
            </li>
          ) : null}
        </ul>
      ) : null}
      {issuesFile ? <IssuesDialog file={issuesFile} onClose={() => setIssuesOf(null)} /> : null}
    </section>
  );
}
