import { Tooltip as Base } from '@base-ui/react/tooltip';
import type { ReactElement, ReactNode } from 'react';
import { Keys } from './Keys.tsx';

/**
 * A short explanation on hover and focus. Never the only place of a fact: what is shown here also stands in a
 * label, a panel or the help.
 */
export function Tooltip({
  text,
  keys,
  children,
}: {
  text: ReactNode;
  keys?: string;
  children: ReactElement;
}) {
  return (
    <Base.Root>
      <Base.Trigger render={children as ReactElement<Record<string, unknown>>} delay={500} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} className="w-layer">
          <Base.Popup className="w-tooltip">
            {text}
            {keys ? <Keys keys={keys} /> : null}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

/** Shares the delay between neighbouring tooltips: the second one opens at once. */
export const TooltipGroup = Base.Provider;
