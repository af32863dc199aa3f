import type { TrajectoryDetail } from '../../../workers/dataApi.ts';
import { InspectorPanel } from '../../app/Inspector.tsx';
import { formatCount } from '../../widgets/format.ts';
import { KindField } from './RowInspector.tsx';
import { SuccessMark } from './SuccessMark.tsx';
import { stepTitle } from './turns.ts';

/** Long values of metadata are cut here; the JSON view has them whole. */
const metadataLength = 160;

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > metadataLength ? `${text.slice(0, metadataLength)}…` : text;
}

function SelectedStep({ detail, current }: { detail: TrajectoryDetail; current: number }) {
  const step = detail.trajectory.steps[current];
  if (!step) return null;
  const documents = detail.trajectory.documents.filter((document) => document.stepIndex === current);
  const queries = detail.trajectory.queries.filter((query) => query.stepIndex === current);
  return (
    <InspectorPanel title={`Step ${current}: ${stepTitle(step)}`}>
      <dl className="inspect-facts">
        <dt>Turn</dt>
        <dd className="num">{step.turn < 0 ? 'before the first' : step.turn}</dd>
        <dt>Characters</dt>
        <dd className="num">{formatCount(detail.textLengths[current] ?? step.text.length)}</dd>
        {step.timestamp ? (
          <>
            <dt>Time</dt>
            <dd>{step.timestamp}</dd>
          </>
        ) : null}
        {step.type === 'toolCall' || step.type === 'toolResult' ? (
          <>
            <dt>Call id</dt>
            <dd className="mono">{step.callId ?? 'none in the log'}</dd>
          </>
        ) : null}
        <dt>Source</dt>
        <dd className="mono inspect-source">
          {step.at.file}, record {step.at.record}
          <br />
          {step.at.path || '(the record itself)'}
          {step.range ? (
            <>
              <br />
              characters {formatCount(step.range.start)} to {formatCount(step.range.end)}
            </>
          ) : (
            <>
              <br />
              decoded from another form
            </>
          )}
        </dd>
      </dl>
      {documents.length > 0 ? (
        <>
          <h3>Documents seen</h3>
          <ul className="inspect-list">
            {documents.map((document, index) => (
              <li key={index}>
                <span className="step-document-how">{document.how}</span> {document.title}
                <div className="mono faint inspect-source">{document.key}</div>
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {queries.length > 0 ? (
        <>
          <h3>SQL statements</h3>
          <ul className="inspect-list">
            {queries.map((query, index) => (
              <li key={index}>
                <code className="inspect-text">{query.sql}</code>
                <div className="faint">
                  tables: {query.tables.join(', ') || 'none named'} ·{' '}
                  {query.succeeded === null ? 'result unknown' : query.succeeded ? 'ran' : 'failed'}
                </div>
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </InspectorPanel>
  );
}

/** Details of the step under the cursor, and what the log says about the whole run. */
export function StepInspector({ detail, current }: { detail: TrajectoryDetail; current: number }) {
  const { trajectory, row } = detail;
  const { outcome, groundTruth, finalAnswer, patch, usage } = trajectory;
  return (
    <>
      <SelectedStep detail={detail} current={current} />
      <InspectorPanel title="Whole run">
        <KindField row={row} />
        <dl className="inspect-facts">
          <dt>Outcome</dt>
          <dd>
            <SuccessMark success={outcome.success} />
            <div className="faint">{outcome.reason}</div>
          </dd>
          <dt>Answer</dt>
          <dd>
            <span className="inspect-text">{short(finalAnswer?.text ?? patch?.text ?? 'none')}</span>
            <div className="faint">{finalAnswer?.via ?? patch?.via}</div>
          </dd>
          {groundTruth ? (
            <>
              <dt>Ground truth</dt>
              <dd>
                <span className="inspect-text">{short(groundTruth.values[0] ?? '')}</span>
                <div className="faint">
                  {groundTruth.form}, {groundTruth.via}
                </div>
              </dd>
            </>
          ) : null}
          {trajectory.model ? (
            <>
              <dt>Model</dt>
              <dd>{trajectory.model}</dd>
            </>
          ) : null}
          {trajectory.database ? (
            <>
              <dt>Database</dt>
              <dd className="mono">{trajectory.database}</dd>
            </>
          ) : null}
          {usage.inputTokens === null && usage.outputTokens === null ? null : (
            <>
              <dt>Tokens in, out</dt>
              <dd className="num">
                {usage.inputTokens === null ? '?' : formatCount(usage.inputTokens)},{' '}
                {usage.outputTokens === null ? '?' : formatCount(usage.outputTokens)}
              </dd>
            </>
          )}
          <dt>Tools</dt>
          <dd>
            {Object.entries(trajectory.tools)
              .map(([name, count]) => `${name} ×${count}`)
              .join(', ') || 'none called'}
          </dd>
          <dt>Format</dt>
          <dd>{row.formatLabel}</dd>
        </dl>
        {trajectory.issues.length > 0 ? (
          <>
            <h3>Issues</h3>
            <ul className="inspect-list">
              {trajectory.issues.map((issue, index) => (
                <li key={index}>
                  {issue.message}
                  <div className="mono faint inspect-source">{issue.path ?? issue.code}</div>
                </li>
              ))}
            </ul>
          </>
        ) : null}
        {Object.keys(trajectory.metadata).length > 0 ? (
          <>
            <h3>Metadata</h3>
            <dl className="inspect-facts">
              {Object.entries(trajectory.metadata).map(([key, value]) => (
                <div key={key} className="inspect-pair">
                  <dt>{key}</dt>
                  <dd className="mono inspect-text">{short(value)}</dd>
                </div>
              ))}
            </dl>
          </>
        ) : null}
      </InspectorPanel>
    </>
  );
}
