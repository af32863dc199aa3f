import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useMemo, useRef, type KeyboardEvent, type MouseEvent } from 'react';
import { formatRoute } from '../../../state/route.ts';
import { rowAt } from '../../../state/pagedRows.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import type { TrajectoryRow, TrajectorySortColumn } from '../../../workers/dataApi.ts';
import { useCommands } from '../../app/commands.ts';
import { isSelectAll, useHeadKeys } from '../../widgets/tableKeys.ts';
import { formatCompact, formatCount } from '../../widgets/format.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { Badge, KindMark } from '../../widgets/Marks.tsx';
import { EmptyState } from '../../widgets/States.tsx';
import { Button } from '../../widgets/Button.tsx';
import { SuccessMark } from './SuccessMark.tsx';

interface ColumnDefinition {
  readonly id: TrajectorySortColumn;
  readonly label: string;
  readonly hint: string;
  readonly isNumber?: boolean;
}

const columns: readonly ColumnDefinition[] = [
  { id: 'kind', label: 'Kind', hint: 'Kind of agent, inferred from the tools it calls' },
  { id: 'task', label: 'Task', hint: 'The question or task as the user put it' },
  { id: 'turnCount', label: 'Turns', hint: 'Model turns', isNumber: true },
  { id: 'toolCallCount', label: 'Calls', hint: 'Tool calls', isNumber: true },
  { id: 'documentCount', label: 'Docs', hint: 'Documents or files seen', isNumber: true },
  { id: 'characterCount', label: 'Text', hint: 'Characters in all steps', isNumber: true },
  { id: 'answer', label: 'Answer', hint: 'The final answer, or the patch' },
  { id: 'success', label: 'Outcome', hint: 'What the log records' },
  { id: 'issueCount', label: 'Issues', hint: 'Issues in this record', isNumber: true },
  { id: 'format', label: 'Format', hint: 'Recognised by content' },
];

const columnIds = columns.map(({ id }) => id);

const rootPixels = 16;

/** Height of a row in CSS pixels: fixed, so that a hundred thousand need no measuring. */
function useRowHeight(): number {
  const density = useApp((state) => state.ui.density);
  const scale = useApp((state) => state.ui.projectorScale);
  return Math.round((density === 'compact' ? 1.875 : 2.375) * rootPixels * scale);
}

interface HeaderCellProps {
  readonly column: ColumnDefinition;
  readonly tabIndex: 0 | -1;
  readonly onFocus: (column: string) => void;
}

function HeaderCell({ column, tabIndex, onFocus }: HeaderCellProps) {
  const sort = useApp((state) => state.trajectories.sort);
  const setSort = useApp((state) => state.trajectories.setSort);
  const isSorted = sort.column === column.id;
  return (
    <div
      role="columnheader"
      aria-sort={isSorted ? (sort.descending ? 'descending' : 'ascending') : 'none'}
      className={column.isNumber ? 'traj-number' : undefined}
    >
      <button
        type="button"
        title={column.hint}
        tabIndex={tabIndex}
        onFocus={() => onFocus(column.id)}
        onClick={() => setSort(column.id)}
      >
        {column.label}
        <Icon name={isSorted ? (sort.descending ? 'chevronDown' : 'chevronUp') : 'upDown'} size="0.8em" />
      </button>
    </div>
  );
}

interface RowProps {
  readonly row: TrajectoryRow | undefined;
  readonly position: number;
  readonly top: number;
  readonly height: number;
  readonly isCursor: boolean;
  readonly isSelected: boolean;
}

const TableRow = memo(function TableRow({ row, position, top, height, isCursor, isSelected }: RowProps) {
  const style = { transform: `translateY(${top}px)`, blockSize: height };
  const common = { role: 'row', 'aria-rowindex': position + 2, style } as const;
  if (!row) {
    return (
      <div {...common} className="traj-row traj-row-loading">
        <span role="gridcell">
          <span className="visually-hidden">Loading row {position + 1}</span>
        </span>
      </div>
    );
  }
  return (
    <div
      {...common}
      id={`traj-row-${position}`}
      className="traj-row"
      data-position={position}
      data-cursor={isCursor || undefined}
      data-excluded={row.excluded || undefined}
      aria-selected={isSelected}
    >
      <span role="gridcell" className="traj-check">
        <span className="traj-box" data-checked={isSelected || undefined} aria-hidden="true">
          {isSelected ? <Icon name="check" size="0.85em" /> : null}
        </span>
      </span>
      <span role="gridcell">
        <KindMark kind={row.kind} />
        {row.kind !== row.inferredKind ? <span title="Kind set by you">*</span> : null}
      </span>
      <span role="gridcell" className="truncate">
        <a
          href={formatRoute({ view: 'trajectories', path: [row.id], params: {} })}
          tabIndex={-1}
          className="traj-link"
        >
          {row.taskPreview || row.id}
        </a>
      </span>
      <span role="gridcell" className="traj-number num">
        {formatCount(row.turnCount)}
      </span>
      <span role="gridcell" className="traj-number num">
        {formatCount(row.toolCallCount)}
      </span>
      <span role="gridcell" className="traj-number num">
        {formatCount(row.documentCount)}
      </span>
      <span role="gridcell" className="traj-number num">
        {formatCompact(row.characterCount)}
      </span>
      <span role="gridcell" className="truncate muted">
        {row.answerPreview || <span className="faint">no answer</span>}
      </span>
      <span role="gridcell">
        <SuccessMark success={row.success} />
      </span>
      <span role="gridcell" className="traj-number num">
        {row.issueCount > 0 ? <Badge tone="warn">{row.issueCount}</Badge> : null}
      </span>
      <span role="gridcell" className="truncate faint" title={row.file}>
        {row.formatLabel}
      </span>
    </div>
  );
});

function NothingMatches() {
  const count = useApp((state) => state.trajectories.count);
  const clearFilter = useApp((state) => state.trajectories.clearFilter);
  const isReading = useApp((state) => state.project.files.some((file) => file.phase === 'reading'));
  if (count > 0) {
    return (
      <EmptyState
        icon="filter"
        title="No trajectory matches the filter"
        actions={<Button onClick={clearFilter}>Clear the filter</Button>}
      >
        <p>{formatCount(count)} are in the project.</p>
      </EmptyState>
    );
  }
  return isReading ? (
    <EmptyState icon="table" title="Reading…">
      <p>Rows appear here as they are read.</p>
    </EmptyState>
  ) : (
    <EmptyState icon="table" title="No trajectory was found in these files">
      <p>The list above says what each file was taken for, and why. Open its issues to see the positions.</p>
    </EmptyState>
  );
}

/** The table: a virtual grid of rows of one height, worked by mouse or keys. */
export function TrajectoryTable() {
  const store = useAppStore();
  const rows = useApp((state) => state.trajectories.rows);
  const cursor = useApp((state) => state.trajectories.cursor);
  const selected = useApp((state) => state.trajectories.selected);
  const showRows = useApp((state) => state.trajectories.showRows);
  const filter = useApp((state) => state.trajectories.filter);
  const sort = useApp((state) => state.trajectories.sort);
  const height = useRowHeight();
  const scroller = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const total = rows.total ?? 0;

  // The virtualizer's functions stay in this component, which is not memoised.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtualizer = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
    // The head covers as much of the rows' end as it takes at their start.
    scrollPaddingEnd: height,
  });
  useEffect(() => virtualizer.measure(), [height, virtualizer]);
  // Who comes back from reading finds the place; another filter or order begins at the cursor it sets, the top.
  const hasRows = total > 0;
  useEffect(() => {
    if (hasRows) virtualizer.scrollToIndex(store.getState().trajectories.cursor);
  }, [filter, hasRows, sort, store, virtualizer]);

  const items = virtualizer.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items[items.length - 1]?.index ?? 0;
  useEffect(() => showRows(first, last), [first, last, showRows]);

  const moveTo = (position: number, extend: boolean): void => {
    const { trajectories } = store.getState();
    const next = Math.max(0, Math.min(total - 1, position));
    trajectories.setCursor(next);
    // Where the cursor stays, it may have been scrolled away.
    virtualizer.scrollToIndex(next);
    if (extend) void trajectories.selectRange(trajectories.cursor, next);
  };
  const open = (position: number): void => {
    const row = rowAt(store.getState().trajectories.rows, position);
    if (row) store.getState().route.go('trajectories', [row.id]);
  };
  const toggle = (position: number): void => {
    const row = rowAt(store.getState().trajectories.rows, position);
    if (row) store.getState().trajectories.select([row.id], 'toggle');
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    // Keys on a button of the head are the button's.
    if (event.target !== event.currentTarget || total === 0) return;
    const perPage = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / height) - 2);
    const moves: Record<string, number> = {
      ArrowDown: cursor + 1,
      ArrowUp: cursor - 1,
      PageDown: cursor + perPage,
      PageUp: cursor - perPage,
      Home: 0,
      End: total - 1,
    };
    const target = moves[event.key];
    if (target !== undefined) moveTo(target, event.shiftKey);
    else if (event.key === 'Enter') open(cursor);
    else if (event.key === ' ') toggle(cursor);
    else if (isSelectAll(event)) void store.getState().trajectories.selectAll();
    else return;
    event.preventDefault();
  };

  const onClick = (event: MouseEvent): void => {
    const element = (event.target as Element).closest<HTMLElement>('[data-position]');
    if (!element) return;
    const position = Number(element.dataset['position']);
    const { trajectories } = store.getState();
    if (event.shiftKey) {
      // On the link it would open a window.
      event.preventDefault();
      void trajectories.selectRange(cursor, position);
    } else if ((event.target as Element).closest('.traj-check') || event.ctrlKey || event.metaKey) {
      event.preventDefault();
      toggle(position);
    }
    trajectories.setCursor(position);
    grid.current?.focus({ preventScroll: true });
  };

  const onDoubleClick = (event: MouseEvent): void => {
    const element = (event.target as Element).closest<HTMLElement>('[data-position]');
    if (element) open(Number(element.dataset['position']));
  };
  const headKeys = useHeadKeys(columnIds, () => grid.current?.focus());

  useCommands(
    useMemo(
      () => [
        {
          id: 'trajectories.next',
          title: 'Next row',
          group: 'Trajectories',
          keys: 'j',
          listed: false,
          run: () => moveTo(store.getState().trajectories.cursor + 1, false),
        },
        {
          id: 'trajectories.previous',
          title: 'Previous row',
          group: 'Trajectories',
          keys: 'k',
          listed: false,
          run: () => moveTo(store.getState().trajectories.cursor - 1, false),
        },
        {
          id: 'trajectories.open',
          title: 'Open the trajectory under the cursor',
          group: 'Trajectories',
          keys: 'o',
          run: () => open(store.getState().trajectories.cursor),
        },
        {
          id: 'trajectories.select',
          title: 'Select or release the row under the cursor',
          group: 'Trajectories',
          keys: 'x',
          run: () => toggle(store.getState().trajectories.cursor),
        },
      ],
      // The closures read the store; they only need to be new when the list's length is.
      // eslint-disable-next-line react-hooks/exhaustive-deps
      [store, total, virtualizer],
    ),
  );

  return (
    <div className="traj-table" ref={scroller} data-testid="trajectory-scroller">
      <div
        role="grid"
        ref={grid}
        tabIndex={0}
        aria-label="Trajectories"
        aria-rowcount={total + 1}
        aria-multiselectable="true"
        aria-activedescendant={total > 0 ? `traj-row-${cursor}` : undefined}
        aria-busy={rows.total === null || rows.outdated}
        className="traj-grid"
        onKeyDown={onKeyDown}
        onClick={onClick}
        onDoubleClick={onDoubleClick}
      >
        {/* Its buttons take the focus. */}
        {/* eslint-disable-next-line jsx-a11y/interactive-supports-focus */}
        <div role="row" aria-rowindex={1} className="traj-row traj-head" onKeyDown={headKeys.onKeyDown}>
          <div role="columnheader">
            <span className="visually-hidden">Selected</span>
          </div>
          {columns.map((column) => (
            <HeaderCell
              key={column.id}
              column={column}
              tabIndex={headKeys.tabIndexOf(column.id)}
              onFocus={headKeys.onFocus}
            />
          ))}
        </div>
        <div role="rowgroup" className="traj-rows" style={{ blockSize: virtualizer.getTotalSize() }}>
          {items.map((item) => {
            const row = rowAt(rows, item.index);
            return (
              <TableRow
                key={item.index}
                row={row}
                position={item.index}
                top={item.start}
                height={height}
                isCursor={item.index === cursor}
                isSelected={row !== undefined && selected.has(row.id)}
              />
            );
          })}
        </div>
      </div>
      {rows.total === 0 ? <NothingMatches /> : null}
    </div>
  );
}
