import { Dialog as Base } from '@base-ui/react/dialog';
import type { ReactNode } from 'react';
import { Icon } from './Icon.tsx';

/** A modal sheet with a title, closed by Esc, by a click beside it and by its button. */
export function Dialog({
  open,
  onClose,
  title,
  description,
  size = 'md',
  children,
  footer,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  size?: 'sm' | 'md' | 'lg';
  children: ReactNode;
  footer?: ReactNode;
}) {
  return (
    <Base.Root
      open={open}
      onOpenChange={(next) => {
        if (!next) onClose();
      }}
    >
      <Base.Portal>
        <Base.Backdrop className="w-backdrop" />
        <Base.Popup className={`w-dialog w-dialog-${size}`}>
          <header className="w-dialog-head">
            <div>
              <Base.Title>{title}</Base.Title>
              {description ? <Base.Description className="muted">{description}</Base.Description> : null}
            </div>
            <Base.Close className="w-icon-button" aria-label="Close">
              <Icon name="close" />
            </Base.Close>
          </header>
          <div className="w-dialog-body">{children}</div>
          {footer ? <footer className="w-dialog-foot">{footer}</footer> : null}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
