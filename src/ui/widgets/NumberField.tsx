import { NumberField as Base } from '@base-ui/react/number-field';
import { Icon } from './Icon.tsx';

/** A number with buttons to step it; empty gives null. */
export function NumberField({
  label,
  value,
  onChange,
  min,
  max,
  step = 1,
  largeStep,
  unit,
  disabled = false,
  placeholder,
}: {
  label: string;
  value: number | null;
  onChange: (value: number | null) => void;
  min?: number;
  max?: number;
  step?: number;
  largeStep?: number;
  /** Written after the number, e.g. `tokens`. */
  unit?: string;
  disabled?: boolean;
  placeholder?: string;
}) {
  return (
    <Base.Root
      value={value}
      onValueChange={(next) => onChange(next)}
      {...(min === undefined ? {} : { min })}
      {...(max === undefined ? {} : { max })}
      step={step}
      largeStep={largeStep ?? step * 10}
      disabled={disabled}
      className="w-number"
      locale="en-US"
      // Learning rates have many decimals; the default would show them as 0.
      format={{ maximumSignificantDigits: 12 }}
    >
      <Base.Group className="w-number-group">
        <Base.Decrement className="w-number-step" aria-label={`Less: ${label}`}>
          <Icon name="minus" size="0.85em" />
        </Base.Decrement>
        <Base.Input className="w-number-input num" aria-label={label} placeholder={placeholder} />
        {unit ? <span className="w-number-unit">{unit}</span> : null}
        <Base.Increment className="w-number-step" aria-label={`More: ${label}`}>
          <Icon name="plus" size="0.85em" />
        </Base.Increment>
      </Base.Group>
    </Base.Root>
  );
}
