import { Icon } from '../../widgets/Icon.tsx';

/** Marks of an outcome: recorded success, recorded failure, nothing recorded. Words and shape, not colour alone. */
export function SuccessMark({ success }: { success: boolean | null }) {
  if (success === null) return <span className="traj-success traj-success-unknown">not recorded</span>;
  return success ? (
    <span className="traj-success traj-success-yes">
      <Icon name="check" /> success
    </span>
  ) : (
    <span className="traj-success traj-success-no">
      <Icon name="close" /> failed
    </span>
  );
}
