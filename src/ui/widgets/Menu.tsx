import { Menu as Base } from '@base-ui/react/menu';
import type { ReactElement, ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import { Keys } from './Keys.tsx';

export type MenuEntry =
  | {
      readonly type?: 'action';
      readonly id: string;
      readonly label: ReactNode;
      readonly hint?: ReactNode;
      readonly icon?: IconName;
      readonly keys?: string;
      readonly disabled?: boolean;
      readonly onSelect: () => void;
    }
  | {
      readonly type: 'choice';
      readonly id: string;
      readonly label: ReactNode;
      readonly checked: boolean;
      readonly onSelect: () => void;
    }
  | { readonly type: 'heading'; readonly id: string; readonly label: ReactNode }
  | { readonly type: 'line'; readonly id: string };

/** A button that opens a list of actions. */
export function Menu({
  trigger,
  entries,
  align = 'end',
}: {
  trigger: ReactElement;
  entries: readonly MenuEntry[];
  align?: 'start' | 'end';
}) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger as ReactElement<Record<string, unknown>>} />
      <Base.Portal>
        <Base.Positioner className="w-layer" sideOffset={4} align={align}>
          <Base.Popup className="w-popup w-menu">
            {entries.map((entry) => {
              if (entry.type === 'line') return <Base.Separator key={entry.id} className="w-menu-line" />;
              if (entry.type === 'heading') {
                return (
                  <div key={entry.id} className="w-menu-heading">
                    {entry.label}
                  </div>
                );
              }
              if (entry.type === 'choice') {
                return (
                  <Base.CheckboxItem
                    key={entry.id}
                    className="w-option"
                    checked={entry.checked}
                    onCheckedChange={entry.onSelect}
                    closeOnClick={false}
                  >
                    <Base.CheckboxItemIndicator className="w-option-check">
                      <Icon name="check" />
                    </Base.CheckboxItemIndicator>
                    <span className="w-option-body">{entry.label}</span>
                  </Base.CheckboxItem>
                );
              }
              return (
                <Base.Item
                  key={entry.id}
                  className="w-option w-option-action"
                  disabled={entry.disabled ?? false}
                  onClick={entry.onSelect}
                >
                  {entry.icon ? <Icon name={entry.icon} /> : null}
                  <span className="w-option-body">
                    {entry.label}
                    {entry.hint ? <span className="w-option-hint">{entry.hint}</span> : null}
                  </span>
                  {entry.keys ? <Keys keys={entry.keys} /> : null}
                </Base.Item>
              );
            })}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
