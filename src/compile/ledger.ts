import type { ArmTokens } from './compileTrajectory.ts';
import type { LedgerArm } from './types.ts';

/** Adds up what an arm would process and supervise. */
export class ArmTotals {
  examples = 0;
  processed = 0;
  supervised = 0;

  add(tokens: ArmTokens): void {
    this.examples++;
    this.processed += tokens.processed;
    this.supervised += tokens.supervised;
  }
}

/** Rows of the ledger; the first arm is the reference that the others are matched to. */
export function ledgerRows(
  arms: readonly (readonly [string, ArmTotals])[],
  match: 'processed' | 'supervised' | 'none',
): LedgerArm[] {
  const reference = arms[0]?.[1];
  return arms.map(([arm, totals]) => {
    const own = match === 'supervised' ? totals.supervised : totals.processed;
    const wanted = reference ? (match === 'supervised' ? reference.supervised : reference.processed) : own;
    return {
      arm,
      examples: totals.examples,
      processedTokens: totals.processed,
      supervisedTokens: totals.supervised,
      meanLength: totals.examples === 0 ? 0 : Math.round(totals.processed / totals.examples),
      epochsToMatch: match === 'none' || own === 0 ? 1 : Number((wanted / own).toFixed(4)),
    };
  });
}
