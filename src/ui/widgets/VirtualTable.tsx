import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { Icon } from './Icon.tsx';
import { isSelectAll, useHeadKeys } from './tableKeys.ts';
import './virtualTable.css';

export interface TableColumn<Row, SortKey extends string = string> {
  readonly id: string;
  readonly header: ReactNode;
  /** Name for screen readers when the header is not text. */
  readonly name?: string;
  /** A grid track: `6rem`, `minmax(10rem, 2fr)`. */
  readonly width: string;
  readonly align?: 'start' | 'end' | 'center';
  /** Column to sort by on a click of the header. */
  readonly sortKey?: SortKey;
  readonly cell: (row: Row, position: number) => ReactNode;
}

export interface VirtualTableProps<Row, SortKey extends string> {
  readonly label: string;
  readonly columns: readonly TableColumn<Row, SortKey>[];
  readonly total: number;
  /** Undefined while the row is not loaded: a grey bar is shown. */
  readonly rowAt: (position: number) => Row | undefined;
  readonly rowKey: (row: Row) => string;
  /** Rows about to be seen; positions inclusive. */
  readonly onVisible?: (first: number, last: number) => void;
  readonly sort?: { readonly column: SortKey; readonly descending: boolean };
  readonly onSort?: (column: SortKey) => void;
  /** Position of the keyboard cursor; its row is scrolled to at first and when it changes. */
  readonly cursor: number;
  readonly onCursor: (position: number) => void;
  readonly onOpen?: (row: Row, position: number) => void;
  readonly isSelected?: (row: Row) => boolean;
  /** Space, or a click with Ctrl or ⌘. */
  readonly onToggle?: (row: Row, position: number) => void;
  /** A click or a move of the cursor with Shift: rows between two positions, in either order, loaded or not. */
  readonly onRange?: (from: number, to: number) => void;
  /** Ctrl or ⌘ with A. */
  readonly onSelectAll?: () => void;
  /** `dimmed` draws the row struck through and faint (excluded). */
  readonly rowState?: (row: Row) => 'dimmed' | 'current' | null;
  readonly empty?: ReactNode;
}

/** Browsers stop at about 17.9 million pixels (Firefox); beyond this the scroll bar is compressed. */
const maxSpacerPx = 16_000_000;
const overscan = 8;

/**
 * A table of any length with rows of one height. It has grid semantics with the real row counts, one tab stop for the
 * rows (arrows, Page Up/Down, Home, End move, with Shift they select; Enter opens; Space selects), and a sticky head
 * with one of its own for sorting.
 */
export function VirtualTable<Row, SortKey extends string>({
  label,
  columns,
  total,
  rowAt,
  rowKey,
  onVisible,
  sort,
  onSort,
  cursor,
  onCursor,
  onOpen,
  isSelected,
  onToggle,
  onRange,
  onSelectAll,
  rowState,
  empty,
}: VirtualTableProps<Row, SortKey>) {
  const scroller = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [metrics, setMetrics] = useState({
    rowHeight: 30,
    height: 600,
    headHeight: 30,
    fontSize: 16,
    isMeasured: false,
  });
  const [scrollTop, setScrollTop] = useState(0);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = (): void => {
      const rowHeight = Number.parseFloat(getComputedStyle(element).getPropertyValue('--measured-row'));
      const fontSize = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
      const probe = element.querySelector<HTMLElement>('.w-table-probe');
      setMetrics({
        rowHeight: probe?.offsetHeight || rowHeight || 30,
        height: element.clientHeight,
        headHeight: head.current?.offsetHeight ?? 30,
        fontSize,
        isMeasured: true,
      });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    const probe = element.querySelector('.w-table-probe');
    if (probe) observer.observe(probe);
    return () => observer.disconnect();
  }, []);

  const { rowHeight, height, headHeight, isMeasured } = metrics;
  const fullHeight = total * rowHeight;
  const spacer = Math.min(fullHeight, maxSpacerPx);
  const viewport = Math.max(rowHeight, height - headHeight);
  // Position in uncompressed pixels of the top edge.
  const stretch = fullHeight > spacer ? (fullHeight - viewport) / (spacer - viewport) : 1;
  const top = scrollTop * stretch;
  const first = Math.max(0, Math.floor(top / rowHeight) - overscan);
  const last = Math.min(total - 1, Math.ceil((top + viewport) / rowHeight) + overscan);

  useEffect(() => {
    if (total > 0) onVisible?.(first, last);
  }, [onVisible, first, last, total]);

  const reveal = (position: number): void => {
    const element = scroller.current;
    if (!element) return;
    const rowTop = position * rowHeight;
    const at = element.scrollTop * stretch;
    if (rowTop < at) element.scrollTop = rowTop / stretch;
    else if (rowTop + rowHeight > at + viewport)
      element.scrollTop = (rowTop + rowHeight - viewport) / stretch;
  };
  const shown = useRef({ cursor: -1, viewport: 0 });
  // Before the painting: a list which opens at a late row is not seen at its top, and what comes above it afterwards
  // does not push the row out of view.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!isMeasured || total === 0 || !element) return;
    const before = shown.current;
    const rowTop = cursor * rowHeight - element.scrollTop * stretch;
    const wasInView = rowTop >= 0 && rowTop + rowHeight <= before.viewport;
    if (before.cursor !== cursor || (before.viewport !== viewport && wasInView)) reveal(cursor);
    shown.current = { cursor, viewport };
  });

  const moveTo = (position: number, extend: boolean): void => {
    const next = Math.max(0, Math.min(total - 1, position));
    onCursor(next);
    // It may have been scrolled away.
    if (next === cursor) reveal(next);
    if (extend) onRange?.(cursor, next);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || total === 0) return;
    if (onSelectAll && isSelectAll(event)) {
      onSelectAll();
      event.preventDefault();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(viewport / rowHeight) - 1);
    const row = rowAt(cursor);
    const moves: Record<string, number> = {
      ArrowDown: cursor + 1,
      ArrowUp: cursor - 1,
      PageDown: cursor + page,
      PageUp: cursor - page,
      Home: 0,
      End: total - 1,
    };
    const target = moves[event.key];
    if (target !== undefined) moveTo(target, event.shiftKey);
    else if (event.key === 'Enter' && row) onOpen?.(row, cursor);
    else if (event.key === ' ' && row) onToggle?.(row, cursor);
    else return;
    event.preventDefault();
  };

  const headKeys = useHeadKeys(
    columns.filter(({ sortKey }) => sortKey !== undefined).map(({ id }) => id),
    () => scroller.current?.focus(),
  );

  const template = columns.map((column) => column.width).join(' ');
  const positions = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  return (
    <div
      className="w-table"
      role="grid"
      aria-label={label}
      aria-rowcount={total + 1}
      aria-colcount={columns.length}
      aria-multiselectable={onToggle ? true : undefined}
      aria-activedescendant={total > 0 ? `row-${label.replaceAll(' ', '-')}-${cursor}` : undefined}
      tabIndex={0}
      ref={scroller}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
    >
      <div className="w-table-probe" aria-hidden="true" />
      <div className="w-table-head" role="rowgroup" ref={head}>
        {/* Its buttons take the focus. */}
        {/* eslint-disable-next-line jsx-a11y/interactive-supports-focus */}
        <div
          className="w-table-row"
          role="row"
          aria-rowindex={1}
          style={{ gridTemplateColumns: template }}
          onKeyDown={headKeys.onKeyDown}
        >
          {columns.map((column) => {
            const sorted = sort && column.sortKey === sort.column;
            const { sortKey } = column;
            return (
              <div
                key={column.id}
                role="columnheader"
                aria-sort={sorted ? (sort.descending ? 'descending' : 'ascending') : undefined}
                aria-label={column.name}
                className={`w-table-cell w-align-${column.align ?? 'start'}`}
              >
                {sortKey !== undefined && onSort ? (
                  <button
                    type="button"
                    className="w-table-sort"
                    tabIndex={headKeys.tabIndexOf(column.id)}
                    onFocus={() => headKeys.onFocus(column.id)}
                    onClick={() => onSort(sortKey)}
                  >
                    <span className="truncate">{column.header}</span>
                    {sorted ? (
                      <Icon name={sort.descending ? 'chevronDown' : 'chevronUp'} size="0.85em" />
                    ) : null}
                  </button>
                ) : (
                  <span className="truncate">{column.header}</span>
                )}
              </div>
            );
          })}
        </div>
      </div>
      <div className="w-table-body" role="rowgroup" style={{ blockSize: `${spacer}px` }}>
        {positions.map((position) => {
          const row = rowAt(position);
          const selected = row !== undefined && (isSelected?.(row) ?? false);
          const offset = position * rowHeight - top + scrollTop;
          return (
            // The grid has the tab stop and the keys; rows take the pointer.
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
            <div
              key={row ? rowKey(row) : position}
              id={`row-${label.replaceAll(' ', '-')}-${position}`}
              className="w-table-row"
              role="row"
              aria-rowindex={position + 2}
              aria-selected={onToggle ? selected : undefined}
              data-cursor={position === cursor || undefined}
              data-odd={position % 2 === 1 || undefined}
              data-state={row ? (rowState?.(row) ?? undefined) : 'loading'}
              style={{ gridTemplateColumns: template, transform: `translateY(${offset}px)` }}
              onClick={(event) => {
                if (!row) return;
                // A click on a control or on marked text is not a click on the row.
                if (event.target instanceof Element && event.target.closest('button,a,input,label')) return;
                onCursor(position);
                if (onRange && event.shiftKey) onRange(cursor, position);
                else if (onToggle && (event.ctrlKey || event.metaKey)) onToggle(row, position);
                else onOpen?.(row, position);
              }}
            >
              {columns.map((column) => (
                <div
                  key={column.id}
                  role="gridcell"
                  className={`w-table-cell w-align-${column.align ?? 'start'}`}
                >
                  {row ? column.cell(row, position) : <span className="w-table-loading" />}
                </div>
              ))}
            </div>
          );
        })}
      </div>
      {total === 0 && empty ? <div className="w-table-empty">{empty}</div> : null}
    </div>
  );
}
