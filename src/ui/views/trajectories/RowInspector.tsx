import type { AgentKind } from '../../../trajectories/schema.ts';
import { rowAt } from '../../../state/pagedRows.ts';
import { useApp } from '../../../state/useApp.ts';
import type { TrajectoryRow } from '../../../workers/dataApi.ts';
import { InspectorPanel } from '../../app/Inspector.tsx';
import { Button } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { formatBytes, formatCount } from '../../widgets/format.ts';
import { Select } from '../../widgets/Select.tsx';
import { SuccessMark } from './SuccessMark.tsx';

const kindNames: Readonly<Record<AgentKind, string>> = {
  search: 'Search',
  swe: 'SWE',
  sql: 'SQL',
  other: 'Other',
};

/** Chooses the kind of one trajectory; says what it was inferred from. */
export function KindField({ row }: { row: TrajectoryRow }) {
  const setKind = useApp((state) => state.trajectories.setKind);
  return (
    <Field
      label="Kind"
      explain={
        row.kind === row.inferredKind
          ? `Inferred: ${row.kindReason}`
          : `Set by you. Inferred as ${kindNames[row.inferredKind]}: ${row.kindReason}`
      }
    >
      <Select
        label="Kind"
        value={row.kind}
        options={(['search', 'swe', 'sql', 'other'] as const).map((kind) => ({
          value: kind,
          label: kindNames[kind] + (kind === row.inferredKind ? ' (inferred)' : ''),
        }))}
        onChange={(kind) => void setKind([row.id], kind)}
      />
    </Field>
  );
}

/** The row under the cursor, in full. */
export function RowInspector() {
  const row = useApp(({ trajectories }) => rowAt(trajectories.rows, trajectories.cursor));
  const go = useApp((state) => state.route.go);
  const exclude = useApp((state) => state.trajectories.exclude);
  if (!row) return null;
  return (
    <InspectorPanel title="Trajectory">
      <p className="mono inspect-id">{row.id}</p>
      <div className="inspect-actions">
        <Button variant="primary" icon="open" onClick={() => go('trajectories', [row.id])}>
          Open
        </Button>
        <Button icon={row.excluded ? 'eye' : 'eyeOff'} onClick={() => void exclude([row.id], !row.excluded)}>
          {row.excluded ? 'Include' : 'Exclude'}
        </Button>
      </div>
      <h3>Task</h3>
      <p className="inspect-text">{row.taskPreview || 'not found'}</p>
      <h3>Answer</h3>
      <p className="inspect-text">{row.answerPreview || 'none'}</p>
      <KindField row={row} />
      <dl className="inspect-facts">
        <dt>Outcome</dt>
        <dd>
          <SuccessMark success={row.success} />
          {row.reward === null ? '' : ` reward ${row.reward}`}
        </dd>
        <dt>Turns, steps</dt>
        <dd className="num">
          {formatCount(row.turnCount)}, {formatCount(row.stepCount)}
        </dd>
        <dt>Tool calls</dt>
        <dd className="num">{formatCount(row.toolCallCount)}</dd>
        <dt>Documents seen</dt>
        <dd className="num">{formatCount(row.documentCount)}</dd>
        <dt>SQL statements</dt>
        <dd className="num">{formatCount(row.queryCount)}</dd>
        <dt>Characters</dt>
        <dd className="num">{formatCount(row.characterCount)}</dd>
        <dt>Format</dt>
        <dd>{row.formatLabel}</dd>
        <dt>Source</dt>
        <dd className="mono inspect-source">
          {row.file}, record {row.record}
          {row.sizeBytes === null ? '' : `, ${formatBytes(row.sizeBytes)}`}
        </dd>
      </dl>
    </InspectorPanel>
  );
}
