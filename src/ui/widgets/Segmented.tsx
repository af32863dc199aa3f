import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import type { ReactNode } from 'react';

export interface Segment<T extends string> {
  readonly value: T;
  readonly label: ReactNode;
  /** Name when the label is an icon. */
  readonly name?: string;
  readonly disabled?: boolean;
}

/** A choice of one among two to five, all visible. */
export function Segmented<T extends string>({
  label,
  value,
  segments,
  onChange,
}: {
  label: string;
  value: T;
  segments: readonly Segment<T>[];
  onChange: (value: T) => void;
}) {
  return (
    <ToggleGroup
      className="w-segmented"
      aria-label={label}
      value={[value]}
      onValueChange={(next: T[]) => {
        const [chosen] = next;
        if (chosen !== undefined) onChange(chosen);
      }}
    >
      {segments.map((segment) => (
        <Toggle
          key={segment.value}
          value={segment.value}
          className="w-segment"
          aria-label={segment.name}
          disabled={segment.disabled ?? false}
        >
          {segment.label}
        </Toggle>
      ))}
    </ToggleGroup>
  );
}
