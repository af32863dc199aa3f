import { useEffect, useRef, useState } from 'react';
import { Icon } from './Icon.tsx';

/** A text filter. What is typed is handed on after a short rest; Esc empties it. */
export function SearchField({
  label,
  value,
  onChange,
  placeholder,
  delayMs = 150,
  inputRef,
  onEnter,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  delayMs?: number;
  /** For the `/` key of a view. */
  inputRef?: React.RefObject<HTMLInputElement | null>;
  /** Enter, with Shift back: what was typed last has been handed on. */
  onEnter?: (back: boolean) => void;
}) {
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  if (value !== seen) {
    setSeen(value);
    setText(value);
  }
  useEffect(() => () => clearTimeout(timer.current), []);
  const change = (next: string, delay: number) => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setSeen(next);
      onChange(next);
    }, delay);
  };
  return (
    <div className="w-search">
      <Icon name="search" />
      <input
        ref={inputRef}
        type="search"
        aria-label={label}
        placeholder={placeholder ?? label}
        value={text}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => change(event.target.value, delayMs)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && text !== '') {
            event.stopPropagation();
            change('', 0);
          }
          if (event.key === 'Enter' && onEnter && !event.nativeEvent.isComposing) {
            event.preventDefault();
            if (text === value) onEnter(event.shiftKey);
          }
        }}
      />
    </div>
  );
}
