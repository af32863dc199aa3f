import { useEffect, useState, type RefObject } from 'react';

/** A line from a step of the run to its piece in the context, drawn while both are in view. */
export function Connector({
  frame,
  from,
  to,
  version,
}: {
  /** The element both sides lie in. */
  frame: RefObject<HTMLElement | null>;
  from: () => HTMLElement | null;
  to: () => HTMLElement | null;
  /** Changes when either end may have moved. */
  version: unknown;
}) {
  const [path, setPath] = useState<string | null>(null);
  useEffect(() => {
    const handle = requestAnimationFrame(() => {
      const area = frame.current?.getBoundingClientRect();
      const start = from()?.getBoundingClientRect();
      const end = to()?.getBoundingClientRect();
      if (!area || !start || !end) return setPath(null);
      const inside = (y: number): number => Math.max(6, Math.min(area.height - 6, y - area.top));
      const x0 = start.right - area.left;
      const x1 = end.left - area.left;
      const y0 = inside(Math.max(start.top, area.top) + 12);
      const y1 = inside(Math.max(end.top, area.top) + 12);
      const bend = Math.max(18, (x1 - x0) / 2);
      setPath(`M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`);
    });
    return () => cancelAnimationFrame(handle);
    // `version` stands for everything that moves the ends.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [version]);
  return (
    <svg className="qa-connector" aria-hidden="true">
      {path ? <path d={path} /> : null}
    </svg>
  );
}
