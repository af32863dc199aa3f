import { useEffect, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import type { Failure, RawText } from '../../../workers/dataApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatBytes, formatCount } from '../../widgets/format.ts';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { chunkText } from './turns.ts';

const windowLength = 256 * 1024;

interface Loaded {
  readonly text: string;
  readonly last: RawText;
}

/** The record as it stands in the file, or the same value as indented JSON; long ones in windows. */
export function RawView({ id, form }: { id: string; form: 'raw' | 'json' }) {
  const readRaw = useApp((state) => state.trajectories.readRaw);
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    let isCurrent = true;
    void readRaw(id, form, 0, windowLength).then((result) => {
      if (!isCurrent) return;
      if (result.ok) setLoaded({ text: result.value.text, last: result.value });
      else setFailure(result);
    });
    return () => {
      isCurrent = false;
    };
  }, [id, form, readRaw]);

  const showMore = async (end: number): Promise<void> => {
    if (!loaded) return;
    const result = await readRaw(id, form, loaded.last.end, end);
    if (result.ok) setLoaded({ text: loaded.text + result.value.text, last: result.value });
    else setFailure(result);
  };

  if (failure) {
    return (
      <Callout tone="bad" title={failure.message}>
        {failure.advice}
      </Callout>
    );
  }
  if (!loaded) return <Skeleton lines={12} label="Reading the record" />;
  const { text, last } = loaded;
  const hidden = last.length - last.end;
  return (
    <div className="raw">
      <p className="faint num">
        {form === 'json'
          ? 'The same record as indented JSON'
          : last.verbatim
            ? 'As it stands in the file'
            : 'Written as JSON: the file holds this record in columns'}
        , {formatCount(last.length)} characters
        {last.byteStart === null || last.byteEnd === null
          ? ''
          : `, bytes ${formatCount(last.byteStart)} to ${formatCount(last.byteEnd)}`}
      </p>
      <pre className="raw-text">
        {chunkText(text).map((chunk) => (
          <span key={chunk.start} className="step-chunk">
            {text.slice(chunk.start, chunk.end)}
          </span>
        ))}
      </pre>
      {hidden > 0 ? (
        <p className="raw-more">
          <Button onClick={() => void showMore(last.end + windowLength)}>
            Show {formatBytes(Math.min(hidden, windowLength))} more
          </Button>
          {hidden > windowLength ? (
            <Button variant="ghost" onClick={() => void showMore(last.length)}>
              Show all {formatBytes(hidden)}
            </Button>
          ) : null}
        </p>
      ) : null}
    </div>
  );
}
