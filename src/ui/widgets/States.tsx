import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';

/** What a view shows when it has nothing: what would stand here, and the next step. */
export function EmptyState({
  icon,
  title,
  level = 2,
  children,
  actions,
}: {
  icon?: IconName;
  title: string;
  /** 1 where this is all that a view shows. */
  level?: 1 | 2;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  const Title = level === 1 ? 'h1' : 'h2';
  return (
    <div className="w-empty">
      {icon ? (
        <span className="w-empty-icon">
          <Icon name={icon} size="1.75rem" />
        </span>
      ) : null}
      <Title className="w-empty-title">{title}</Title>
      {children ? <div className="w-empty-text muted">{children}</div> : null}
      {actions ? <div className="w-empty-actions">{actions}</div> : null}
    </div>
  );
}

/** A message within a view. Errors say what, what was expected and what to do. */
export function Callout({
  tone,
  title,
  children,
  actions,
}: {
  tone: 'info' | 'warn' | 'bad' | 'good';
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  const icon: IconName =
    tone === 'bad' ? 'error' : tone === 'warn' ? 'warning' : tone === 'good' ? 'check' : 'info';
  return (
    <div className={`w-callout w-callout-${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon name={icon} />
      <div className="w-callout-body">
        <strong>{title}</strong>
        {children ? <div>{children}</div> : null}
      </div>
      {actions ? <div className="w-callout-actions">{actions}</div> : null}
    </div>
  );
}

/** Grey bars in the shape of what is loading. */
export function Skeleton({ lines = 3, label = 'Loading' }: { lines?: number; label?: string }) {
  return (
    <div className="w-skeleton" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} style={{ inlineSize: `${92 - ((index * 17) % 45)}%` }} />
      ))}
    </div>
  );
}

/** How far a job is; without `value` it only says that something moves. */
export function ProgressBar({ value, label, text }: { value: number | null; label: string; text?: string }) {
  return (
    <div
      className="w-progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === null ? undefined : Math.round(value * 100)}
      aria-valuetext={text}
      data-indeterminate={value === null || undefined}
    >
      <span style={value === null ? undefined : { inlineSize: `${(value * 100).toFixed(1)}%` }} />
    </div>
  );
}
