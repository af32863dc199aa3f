import { useEffect, useState } from 'react';
import type { Rejection } from '../../../compile/types.ts';
import type { CompiledSet } from '../../../workers/dataApi.ts';
import { formatRoute } from '../../../state/route.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatCount, plural } from '../../widgets/format.ts';
import { KindMark } from '../../widgets/Marks.tsx';

const pageLength = 100;

/** Trajectories that gave no example, each with its reason. `reason` is `stage:code`, or null for all. */
export function Rejections({
  set,
  reason,
  onReason,
}: {
  set: CompiledSet;
  reason: string | null;
  onReason: (reason: string | null) => void;
}) {
  const query = useApp((state) => state.ui.queryRejections);
  const [wanted, setWanted] = useState(pageLength);
  const [found, setFound] = useState<{
    readonly total: number;
    readonly rejections: readonly Rejection[];
  } | null>(null);
  const [stage = null, code = null] = reason === null ? [] : reason.split(':');
  useEffect(() => {
    let isWanted = true;
    void query({
      setId: set.id,
      stage: stage as Rejection['stage'] | null,
      code,
      offset: 0,
      limit: wanted,
    }).then((answer) => {
      if (isWanted) setFound(answer);
    });
    return () => {
      isWanted = false;
    };
  }, [query, set.id, set.rejectionCount, stage, code, wanted]);
  if (!found || found.total === 0) return null;
  return (
    <section className="cv-card" aria-label="Rejected trajectories" id="rejections">
      <header>
        <h2>
          {plural(found.total, 'rejected trajectory', 'rejected trajectories')}
          {code ? `: ${code.replaceAll('-', ' ')}` : ''}
        </h2>
        <span className="qa-tools-space" />
        {reason === null ? null : (
          <Button variant="ghost" icon="close" onClick={() => onReason(null)}>
            All reasons
          </Button>
        )}
      </header>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard */}
      <div className="cv-rejections" tabIndex={0} role="region" aria-label="List of rejected trajectories">
        <table>
          <thead>
            <tr>
              <th scope="col">Trajectory</th>
              <th scope="col">Kind</th>
              <th scope="col">Lost at</th>
              <th scope="col">Reason</th>
              <th scope="col">Place</th>
            </tr>
          </thead>
          <tbody>
            {found.rejections.map((rejection) => (
              <tr key={`${rejection.trajectoryId} ${rejection.code}`}>
                <td>
                  <a
                    className="mono"
                    href={formatRoute({ view: 'trajectories', path: [rejection.trajectoryId], params: {} })}
                  >
                    {rejection.trajectoryId}
                  </a>
                </td>
                <td>
                  <KindMark kind={rejection.kind} />
                </td>
                <td>{rejection.stage}</td>
                <td className="cv-reason">
                  <button
                    type="button"
                    className="cv-reason-code"
                    onClick={() => onReason(`${rejection.stage}:${rejection.code}`)}
                  >
                    {rejection.code.replaceAll('-', ' ')}
                  </button>{' '}
                  {rejection.reason}
                </td>
                <td className="faint mono">
                  {rejection.file}, record {rejection.record}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.rejections.length < found.total ? (
        <Button variant="ghost" onClick={() => setWanted(wanted + 5 * pageLength)}>
          Show more ({formatCount(found.total - found.rejections.length)})
        </Button>
      ) : null}
    </section>
  );
}
