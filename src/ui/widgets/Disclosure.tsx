import { Collapsible as Base } from '@base-ui/react/collapsible';
import { useState, type ReactNode } from 'react';
import { Icon } from './Icon.tsx';

/** A heading that opens and closes what is under it. */
export function Disclosure({
  title,
  summary,
  defaultOpen = false,
  children,
}: {
  title: ReactNode;
  /** Shown at the end of the heading, e.g. the value set inside. */
  summary?: ReactNode;
  defaultOpen?: boolean;
  children: ReactNode;
}) {
  const [open, setOpen] = useState(defaultOpen);
  return (
    <Base.Root className="w-disclosure" open={open} onOpenChange={setOpen}>
      <Base.Trigger className="w-disclosure-head">
        <span className="w-disclosure-mark">
          <Icon name="chevronRight" size="0.9em" />
        </span>
        <span className="w-disclosure-title">{title}</span>
        {summary ? <span className="w-disclosure-summary truncate">{summary}</span> : null}
      </Base.Trigger>
      <Base.Panel className="w-disclosure-body">{children}</Base.Panel>
    </Base.Root>
  );
}
