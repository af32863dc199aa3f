import { useCallback, useMemo } from 'react';
import type { ExampleRow, ExampleSortColumn } from '../../../workers/dataApi.ts';
import { rowAt } from '../../../state/pagedRows.ts';
import { useApp } from '../../../state/useApp.ts';
import { formatCount } from '../../widgets/format.ts';
import { Badge, KindMark, kindLabels, KindShape, OutcomeMark } from '../../widgets/Marks.tsx';
import { VirtualTable, type TableColumn } from '../../widgets/VirtualTable.tsx';

function Checks({ row }: { row: ExampleRow }) {
  if (row.failCount > 0) return <OutcomeMark outcome="fail">{row.failCount} failed</OutcomeMark>;
  if (row.warnCount > 0) {
    return (
      <OutcomeMark outcome="warn">
        {row.warnCount} {row.warnCount === 1 ? 'warning' : 'warnings'}
      </OutcomeMark>
    );
  }
  return row.passCount > 0 ? (
    <OutcomeMark outcome="pass">{row.passCount} passed</OutcomeMark>
  ) : (
    <span>–</span>
  );
}

/** The examples of the set: all columns alone, few beside the reader. */
export function ExampleTable({ compact, currentId }: { compact: boolean; currentId: string | null }) {
  const rows = useApp((state) => state.examples.rows);
  const sort = useApp((state) => state.examples.sort);
  const cursor = useApp((state) => state.examples.cursor);
  const selected = useApp((state) => state.examples.selected);
  const setSort = useApp((state) => state.examples.setSort);
  const setCursor = useApp((state) => state.examples.setCursor);
  const select = useApp((state) => state.examples.select);
  const selectRange = useApp((state) => state.examples.selectRange);
  const selectAll = useApp((state) => state.examples.selectAll);
  const showRows = useApp((state) => state.examples.showRows);
  const setId = useApp((state) => state.examples.setId);
  const go = useApp((state) => state.route.go);
  const clearFilter = useApp((state) => state.examples.clearFilter);

  const columns = useMemo<readonly TableColumn<ExampleRow, ExampleSortColumn>[]>(() => {
    const tick: TableColumn<ExampleRow, ExampleSortColumn> = {
      id: 'select',
      header: <span className="visually-hidden">Selected</span>,
      width: '2rem',
      align: 'center',
      cell: (row) => (
        <input
          type="checkbox"
          className="qa-tick"
          tabIndex={-1}
          aria-label={`Select ${row.id}`}
          checked={selected.has(row.id)}
          onChange={() => select([row.id], 'toggle')}
        />
      ),
    };
    const tokens: TableColumn<ExampleRow, ExampleSortColumn> = {
      id: 'promptTokens',
      header: 'Tokens',
      width: '5.5rem',
      align: 'end',
      sortKey: 'promptTokens',
      cell: (row) => formatCount(row.promptTokens),
    };
    if (compact) {
      return [
        {
          id: 'question',
          header: 'Question',
          width: 'minmax(10rem, 1fr)',
          sortKey: 'question',
          cell: (row) => (
            <span className="qa-cell-question w-table-text">
              <KindShape kind={row.kind} />
              <span className="visually-hidden">{kindLabels[row.kind]}: </span>
              {row.failCount > 0 ? (
                <OutcomeMark outcome="fail">
                  <span className="visually-hidden">{row.failCount} failed</span>
                </OutcomeMark>
              ) : null}
              <span className="truncate">{row.questionPreview}</span>
            </span>
          ),
        },
        tokens,
      ];
    }
    return [
      tick,
      {
        id: 'kind',
        header: 'Kind',
        width: '5.5rem',
        sortKey: 'kind',
        cell: (row) => <KindMark kind={row.kind} />,
      },
      {
        id: 'question',
        header: 'Question',
        width: 'minmax(14rem, 3fr)',
        sortKey: 'question',
        cell: (row) => <span className="w-table-text">{row.questionPreview}</span>,
      },
      {
        id: 'answer',
        header: 'Answer',
        width: 'minmax(8rem, 1.4fr)',
        cell: (row) => <span className="muted">{row.answerPreview}</span>,
      },
      tokens,
      {
        id: 'completionTokens',
        header: 'Trained',
        width: '5rem',
        align: 'end',
        sortKey: 'completionTokens',
        cell: (row) => formatCount(row.completionTokens),
      },
      {
        id: 'goldCount',
        header: 'Gold',
        width: '4rem',
        align: 'end',
        sortKey: 'goldCount',
        cell: (row) => formatCount(row.goldCount),
      },
      {
        id: 'distractorCount',
        header: 'Distr.',
        name: 'Distractors',
        width: '4.2rem',
        align: 'end',
        sortKey: 'distractorCount',
        cell: (row) => formatCount(row.distractorCount),
      },
      {
        id: 'droppedCount',
        header: 'Left out',
        width: '5rem',
        align: 'end',
        sortKey: 'droppedCount',
        cell: (row) =>
          row.droppedCount === 0 ? <span className="faint">0</span> : formatCount(row.droppedCount),
      },
      {
        id: 'severity',
        header: 'Checks',
        width: '7rem',
        sortKey: 'severity',
        cell: (row) => <Checks row={row} />,
      },
      {
        id: 'flags',
        header: 'Flags',
        width: 'minmax(6rem, 1fr)',
        cell: (row) => (
          <span className="qa-flags">
            {row.excluded ? <Badge tone="warn">excluded</Badge> : null}
            {row.flags.map((flag) => (
              <Badge key={flag}>{flag}</Badge>
            ))}
          </span>
        ),
      },
      {
        id: 'file',
        header: 'File',
        width: 'minmax(6rem, 1fr)',
        sortKey: 'file',
        cell: (row) => <span className="muted mono">{row.file}</span>,
      },
    ];
  }, [compact, selected, select]);

  const onOpen = useCallback(
    (row: ExampleRow) => {
      if (setId !== null) go('qa', [setId, row.id]);
    },
    [go, setId],
  );
  return (
    <VirtualTable
      label={compact ? 'Examples beside the reader' : 'Examples'}
      columns={columns}
      total={rows.total ?? 0}
      rowAt={(position) => rowAt(rows, position)}
      rowKey={(row) => row.id}
      onVisible={showRows}
      sort={sort}
      onSort={setSort}
      cursor={cursor}
      onCursor={setCursor}
      onOpen={onOpen}
      isSelected={(row) => selected.has(row.id)}
      onToggle={(row) => select([row.id], 'toggle')}
      onRange={(from, to) => void selectRange(from, to)}
      onSelectAll={() => void selectAll()}
      rowState={(row) => (row.id === currentId ? 'current' : row.excluded ? 'dimmed' : null)}
      empty={
        rows.total === 0 ? (
          <p className="muted">
            No example passes the filter.{' '}
            <button type="button" className="qa-link" onClick={clearFilter}>
              Clear the filter
            </button>
          </p>
        ) : null
      }
    />
  );
}
