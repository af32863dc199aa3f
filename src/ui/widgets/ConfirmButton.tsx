import { useEffect, useRef, useState } from 'react';
import { Button, IconButton } from './Button.tsx';

/**
 * A button that removes something: a question takes its place first, where there is one (null: none). The keyboard's
 * focus goes with it, to the answer that keeps what is there.
 */
export function ConfirmButton({
  label,
  question,
  disabled = false,
  onConfirm,
}: {
  label: string;
  question: string | null;
  disabled?: boolean;
  onConfirm: () => void;
}) {
  const [asking, setAsking] = useState(false);
  const place = useRef<HTMLSpanElement>(null);
  const wasAsking = useRef(false);
  useEffect(() => {
    if (asking !== wasAsking.current) place.current?.querySelector('button')?.focus();
    wasAsking.current = asking;
  }, [asking]);
  return (
    <span ref={place} className="w-confirm">
      {asking ? (
        <>
          <span role="alert">{question}</span>
          <span className="w-confirm-answers">
            <Button onClick={() => setAsking(false)}>Keep</Button>
            <Button variant="danger" icon="trash" disabled={disabled} onClick={onConfirm}>
              Remove
            </Button>
          </span>
        </>
      ) : (
        <IconButton
          icon="trash"
          label={label}
          disabled={disabled}
          onClick={() => (question === null ? onConfirm() : setAsking(true))}
        />
      )}
    </span>
  );
}
