import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';

export type KindName = 'search' | 'swe' | 'sql' | 'other';

/** How agent kinds are written everywhere. */
export const kindLabels: Readonly<Record<KindName, string>> = {
  search: 'Search',
  swe: 'SWE',
  sql: 'SQL',
  other: 'Other',
};

/** The mark of an agent kind: colour and shape together (● Search, ■ SWE, ▲ SQL, ◆ other). */
export function KindShape({ kind }: { kind: KindName }) {
  return (
    <svg
      className={`w-kind-shape w-kind-${kind}`}
      viewBox="0 0 10 10"
      width="0.7em"
      height="0.7em"
      aria-hidden="true"
    >
      {kind === 'search' ? <circle cx="5" cy="5" r="4.5" /> : null}
      {kind === 'swe' ? <rect x="0.8" y="0.8" width="8.4" height="8.4" /> : null}
      {kind === 'sql' ? <path d="M5 0.4 L9.8 9.2 H0.2 Z" /> : null}
      {kind === 'other' ? <path d="M5 0.2 L9.8 5 L5 9.8 L0.2 5 Z" /> : null}
    </svg>
  );
}

/** Shape and name of an agent kind. */
export function KindMark({ kind }: { kind: KindName }) {
  return (
    <span className="w-kind">
      <KindShape kind={kind} />
      {kindLabels[kind]}
    </span>
  );
}

/** The mark of an evidence role, ink and pattern only: solid gold, hatched distractor. */
export function RoleMark({ role }: { role: 'gold' | 'distractor' }) {
  return (
    <span className="w-role">
      <span className={`w-role-swatch w-role-${role}`} aria-hidden="true" />
      {role === 'gold' ? 'Gold' : 'Distractor'}
    </span>
  );
}

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'accent';

/** A small label of state; words carry the meaning, colour helps. */
export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`w-badge w-tone-${tone}`}>{children}</span>;
}

const outcomeIcons: Readonly<
  Record<'pass' | 'warn' | 'fail' | 'skipped', { icon: IconName; label: string }>
> = {
  pass: { icon: 'check', label: 'passed' },
  warn: { icon: 'warning', label: 'warning' },
  fail: { icon: 'error', label: 'failed' },
  skipped: { icon: 'skip', label: 'skipped' },
};

/** The outcome of a check: icon and word. */
export function OutcomeMark({
  outcome,
  children,
}: {
  outcome: keyof typeof outcomeIcons;
  children?: ReactNode;
}) {
  const { icon, label } = outcomeIcons[outcome];
  return (
    <span className={`w-outcome w-outcome-${outcome}`}>
      <Icon name={icon} />
      {children ?? label}
    </span>
  );
}
