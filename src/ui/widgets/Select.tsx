import { Select as Base } from '@base-ui/react/select';
import { Icon } from './Icon.tsx';

export interface SelectOption<T> {
  readonly value: T;
  readonly label: string;
  /** A second line under the label. */
  readonly hint?: string;
  readonly disabled?: boolean;
}

/** A choice of one among a handful of named options. */
export function Select<T extends string | number>({
  label,
  value,
  options,
  onChange,
  disabled = false,
  id,
  className,
}: {
  /** Name for screen readers; a visible label belongs to the `Field` around. */
  label: string;
  value: T;
  options: readonly SelectOption<T>[];
  onChange: (value: T) => void;
  disabled?: boolean;
  id?: string;
  className?: string;
}) {
  return (
    <Base.Root
      value={value}
      items={options as SelectOption<T>[]}
      onValueChange={(next: T | null) => {
        if (next !== null) onChange(next);
      }}
      disabled={disabled}
    >
      <Base.Trigger id={id} className={`w-select ${className ?? ''}`} aria-label={label}>
        <Base.Value className="truncate" />
        <Base.Icon className="w-select-icon">
          <Icon name="upDown" size="0.9em" />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner className="w-layer" sideOffset={4} alignItemWithTrigger={false}>
          <Base.Popup className="w-popup">
            <Base.List className="w-list">
              {options.map((option) => (
                <Base.Item
                  key={String(option.value)}
                  value={option.value}
                  disabled={option.disabled ?? false}
                  className="w-option"
                >
                  <Base.ItemIndicator className="w-option-check">
                    <Icon name="check" />
                  </Base.ItemIndicator>
                  <span className="w-option-body">
                    <Base.ItemText>{option.label}</Base.ItemText>
                    {option.hint ? <span className="w-option-hint">{option.hint}</span> : null}
                  </span>
                </Base.Item>
              ))}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
