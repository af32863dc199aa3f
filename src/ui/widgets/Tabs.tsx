import { Tabs as Base } from '@base-ui/react/tabs';
import type { ReactNode } from 'react';

export interface TabItem<T extends string> {
  readonly id: T;
  readonly label: ReactNode;
  /** A count beside the label. */
  readonly count?: number | undefined;
  readonly content: ReactNode;
}

/** Sheets of which one is shown. Only the shown one is mounted. */
export function Tabs<T extends string>({
  label,
  value,
  items,
  onChange,
  trailing,
}: {
  label: string;
  value: T;
  items: readonly TabItem<T>[];
  onChange: (id: T) => void;
  /** Controls at the end of the row of tabs. */
  trailing?: ReactNode;
}) {
  return (
    <Base.Root className="w-tabs" value={value} onValueChange={(next: T) => onChange(next)}>
      <div className="w-tabs-bar">
        <Base.List className="w-tabs-list" aria-label={label}>
          {items.map((item) => (
            <Base.Tab key={item.id} value={item.id} className="w-tab">
              {item.label}
              {item.count === undefined ? null : <span className="w-tab-count num">{item.count}</span>}
            </Base.Tab>
          ))}
        </Base.List>
        {trailing ? <div className="w-tabs-trailing">{trailing}</div> : null}
      </div>
      {items.map((item) => (
        <Base.Panel key={item.id} value={item.id} className="w-tab-panel">
          {item.content}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}
