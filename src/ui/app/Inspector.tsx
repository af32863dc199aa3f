import { createContext, useContext, useLayoutEffect, useMemo, useState, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import { useApp } from '../../state/useApp.ts';
import { IconButton } from '../widgets/Button.tsx';

interface InspectorSlot {
  readonly element: HTMLElement | null;
  readonly panelCount: number;
  readonly setElement: (element: HTMLElement | null) => void;
  /** A panel came (1) or went (-1). */
  readonly count: (change: number) => void;
}

const SlotContext = createContext<InspectorSlot | null>(null);

/** Lets views put panels into the shell's inspector. */
export function InspectorProvider({ children }: { children: ReactNode }) {
  const [element, setElement] = useState<HTMLElement | null>(null);
  const [panelCount, setPanelCount] = useState(0);
  const slot = useMemo(
    () => ({
      element,
      panelCount,
      setElement,
      count: (change: number) => setPanelCount((before) => before + change),
    }),
    [element, panelCount],
  );
  return <SlotContext value={slot}>{children}</SlotContext>;
}

function useSlot(): InspectorSlot {
  const slot = useContext(SlotContext);
  if (!slot) throw new Error('Internal error: InspectorProvider is missing above this component');
  return slot;
}

/**
 * A panel in the inspector on the right: what is selected, where it comes from, what a number means.
 * Rendered there while the calling view is mounted.
 */
export function InspectorPanel({
  title,
  first = false,
  children,
}: {
  title: ReactNode;
  /** Stands above panels that were there before it. */
  first?: boolean;
  children: ReactNode;
}) {
  const { element, count } = useSlot();
  // Before the first paint: the column takes its width once, and the text beside it is laid out once.
  useLayoutEffect(() => {
    count(1);
    return () => count(-1);
    // `count` is a state setter in disguise; the panel is counted once for its life.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  if (!element) return null;
  return createPortal(
    <section className="app-inspector-panel" data-first={first || undefined}>
      <h2>{title}</h2>
      {children}
    </section>,
    element,
  );
}

/** The column itself, with its edge to drag (arrow keys work on the edge too). */
export function InspectorFrame() {
  const { setElement, panelCount } = useSlot();
  const open = useApp((state) => state.ui.inspectorOpen);
  const width = useApp((state) => state.ui.inspectorWidth);
  const setWidth = useApp((state) => state.ui.setInspectorWidth);
  const setOpen = useApp((state) => state.ui.setInspectorOpen);
  const visible = open && panelCount > 0;
  return (
    <aside
      className="app-inspector"
      aria-label="Inspector"
      hidden={!visible}
      style={{ inlineSize: `calc(${width}px * var(--scale, 1))` }}
    >
      {/* A window splitter (WAI-ARIA): focusable and moved by arrows. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        className="app-splitter"
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the inspector"
        aria-valuenow={width}
        aria-valuemin={260}
        aria-valuemax={640}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onKeyDown={(event) => {
          if (event.key === 'ArrowLeft') setWidth(width + 20);
          else if (event.key === 'ArrowRight') setWidth(width - 20);
          else return;
          event.preventDefault();
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          event.preventDefault();
        }}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId))
            setWidth(window.innerWidth - event.clientX);
        }}
      />
      <div className="app-inspector-close">
        <IconButton icon="close" label="Hide the inspector" keys="i" onClick={() => setOpen(false)} />
      </div>
      {/* Focusable, so that it scrolls by keyboard. */}
      <div
        className="app-inspector-body"
        ref={setElement}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="region"
        aria-label="Selection"
      />
    </aside>
  );
}
