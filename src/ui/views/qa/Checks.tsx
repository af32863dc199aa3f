import type { CheckResult, Example } from '../../../compile/types.ts';
import { formatCount } from '../../widgets/format.ts';
import { OutcomeMark, RoleMark } from '../../widgets/Marks.tsx';

const severity: Readonly<Record<CheckResult['status'], number>> = { fail: 0, warn: 1, pass: 2, skipped: 3 };

/** Checks with the failed ones first. */
export function sortedChecks(checks: readonly CheckResult[]): readonly CheckResult[] {
  return [...checks].sort((a, b) => severity[a.status] - severity[b.status]);
}

/** `evidence-coverage` → `Evidence coverage`. */
export function checkName(check: string): string {
  const words = check.replaceAll(/[-_]+/g, ' ').replaceAll(/\b(sql|swe)\b/gi, (name) => name.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Every check of an example with its reason, failed first. */
export function ChecksList({ checks }: { checks: readonly CheckResult[] }) {
  if (checks.length === 0) return <p className="muted">No checks were run on this example.</p>;
  return (
    <ul className="qa-checks">
      {sortedChecks(checks).map((check) => (
        <li key={check.check}>
          <OutcomeMark outcome={check.status} />
          <div>
            <strong>{checkName(check.check)}</strong>
            <p>{check.reason}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** Pieces that did not come into the context, and why. */
export function DroppedList({ dropped }: { dropped: Example['dropped'] }) {
  if (dropped.length === 0)
    return <p className="muted">Nothing was left out: every piece found is in the context.</p>;
  return (
    <table className="qa-dropped">
      <thead>
        <tr>
          <th scope="col">Role</th>
          <th scope="col">Piece</th>
          <th scope="col" className="num">
            Tokens
          </th>
          <th scope="col">Why it was left out</th>
        </tr>
      </thead>
      <tbody>
        {dropped.map((piece, index) => (
          <tr key={index}>
            <td>
              <RoleMark role={piece.role} />
            </td>
            <td className="qa-dropped-title">{piece.title}</td>
            <td className="num">{formatCount(piece.tokens)}</td>
            <td>{piece.reason}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
