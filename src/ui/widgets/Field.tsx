import type { ReactNode } from 'react';

/** A setting: its name, what it means in one plain sentence, and the control. */
export function Field({
  label,
  explain,
  children,
  inline = false,
}: {
  label: string;
  explain?: ReactNode;
  children: ReactNode;
  /** Label and control on one line. */
  inline?: boolean;
}) {
  return (
    <div className={`w-field ${inline ? 'w-field-inline' : ''}`} role="group" aria-label={label}>
      <div className="w-field-text">
        <span className="w-field-label">{label}</span>
        {explain ? <span className="w-hint">{explain}</span> : null}
      </div>
      <div className="w-field-control">{children}</div>
    </div>
  );
}
