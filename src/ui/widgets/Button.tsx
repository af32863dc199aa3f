import type { ComponentProps, ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import { Tooltip } from './Tooltip.tsx';

export type ButtonVariant = 'primary' | 'secondary' | 'ghost' | 'danger';

interface ButtonProps extends ComponentProps<'button'> {
  readonly variant?: ButtonVariant;
  readonly icon?: IconName;
  readonly size?: 'md' | 'lg';
}

/** A push button. `primary` appears once in a view: the thing to do next. */
export function Button({
  variant = 'secondary',
  icon,
  size = 'md',
  children,
  className,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`w-button w-button-${variant} w-button-${size} ${className ?? ''}`}
    >
      {icon ? <Icon name={icon} /> : null}
      {children}
    </button>
  );
}

interface IconButtonProps extends ComponentProps<'button'> {
  readonly icon: IconName;
  /** The name for screen readers and the tooltip. */
  readonly label: string;
  /** Shown in the tooltip after the name. */
  readonly keys?: string;
  readonly pressed?: boolean;
}

/** A button of one icon, with its name in a tooltip. */
export function IconButton({ icon, label, keys, pressed, className, ...rest }: IconButtonProps) {
  return (
    <Tooltip text={label} {...(keys === undefined ? {} : { keys })}>
      <button
        type="button"
        aria-label={label}
        aria-pressed={pressed}
        {...rest}
        className={`w-icon-button ${className ?? ''}`}
      >
        <Icon name={icon} />
      </button>
    </Tooltip>
  );
}

/** A link that looks like a button; navigates, so that it can be opened in another tab. */
export function LinkButton({
  variant = 'secondary',
  icon,
  children,
  className,
  ...rest
}: ComponentProps<'a'> & {
  readonly variant?: ButtonVariant;
  readonly icon?: IconName;
  readonly children: ReactNode;
}) {
  return (
    <a {...rest} className={`w-button w-button-${variant} w-button-md ${className ?? ''}`}>
      {icon ? <Icon name={icon} /> : null}
      {children}
    </a>
  );
}
