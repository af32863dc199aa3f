import { Slider as Base } from '@base-ui/react/slider';

/** A value, or a range of two, on a line. The number beside it comes from `format`. */
export function Slider({
  label,
  value,
  onChange,
  onCommit,
  min,
  max,
  step = 1,
  format = String,
  disabled = false,
}: {
  label: string;
  value: number | readonly number[];
  onChange: (value: number | readonly number[]) => void;
  /** Once, when the thumb is let go. */
  onCommit?: (value: number | readonly number[]) => void;
  min: number;
  max: number;
  step?: number;
  format?: (value: number) => string;
  disabled?: boolean;
}) {
  const values = typeof value === 'number' ? [value] : value;
  return (
    <Base.Root
      className="w-slider"
      value={value}
      onValueChange={(next) => onChange(next)}
      onValueCommitted={(next) => onCommit?.(next)}
      min={min}
      max={max}
      step={step}
      disabled={disabled}
    >
      <Base.Control className="w-slider-control">
        <Base.Track className="w-slider-track">
          <Base.Indicator className="w-slider-fill" />
          {values.map((_, index) => (
            <Base.Thumb
              key={index}
              index={index}
              className="w-slider-thumb"
              getAriaLabel={() =>
                values.length === 2 ? `${label}, ${index === 0 ? 'lower' : 'upper'} end` : label
              }
              getAriaValueText={(_text, thumbValue) => format(thumbValue)}
            />
          ))}
        </Base.Track>
      </Base.Control>
      <span className="w-slider-value num">{values.map(format).join(' – ')}</span>
    </Base.Root>
  );
}
