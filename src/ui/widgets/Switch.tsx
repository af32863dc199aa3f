import { Switch as Base } from '@base-ui/react/switch';
import type { ReactNode } from 'react';

/** On or off, with its label beside it; takes effect at once. */
export function Switch({
  label,
  hint,
  checked,
  onChange,
  disabled = false,
}: {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  return (
    <label className="w-switch-row" data-disabled={disabled || undefined}>
      <Base.Root className="w-switch" checked={checked} onCheckedChange={onChange} disabled={disabled}>
        <Base.Thumb className="w-switch-thumb" />
      </Base.Root>
      <span>
        {label}
        {hint ? <span className="w-hint">{hint}</span> : null}
      </span>
    </label>
  );
}
