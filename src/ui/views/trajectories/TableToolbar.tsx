import { useMemo, useRef } from 'react';
import type { AgentKind } from '../../../trajectories/schema.ts';
import { isEmptyFilter } from '../../../state/filters.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import { useCommands } from '../../app/commands.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatCount, plural } from '../../widgets/format.ts';
import { KindMark } from '../../widgets/Marks.tsx';
import { Menu } from '../../widgets/Menu.tsx';
import { SearchField } from '../../widgets/SearchField.tsx';

const kinds: readonly AgentKind[] = ['search', 'swe', 'sql', 'other'];

function SelectionActions() {
  const store = useAppStore();
  const selected = useApp((state) => state.trajectories.selected);
  const clear = useApp((state) => state.trajectories.clearSelection);
  if (selected.size === 0) return null;
  const ids = (): string[] => [...store.getState().trajectories.selected];
  const setKind = (kind: AgentKind | null): void => void store.getState().trajectories.setKind(ids(), kind);
  return (
    <div className="traj-selection" role="group" aria-label="Selection">
      <strong className="num">{plural(selected.size, 'row')} selected</strong>
      <Menu
        align="start"
        trigger={<Button>Set kind</Button>}
        entries={[
          ...kinds.map((kind) => ({
            id: kind,
            label: <KindMark kind={kind} />,
            onSelect: () => setKind(kind),
          })),
          { type: 'line', id: 'line' },
          { id: 'inferred', label: 'As inferred', onSelect: () => setKind(null) },
        ]}
      />
      <Button icon="eyeOff" onClick={() => void store.getState().trajectories.exclude(ids(), true)}>
        Exclude
      </Button>
      <Button icon="eye" onClick={() => void store.getState().trajectories.exclude(ids(), false)}>
        Include
      </Button>
      <Button
        icon="play"
        onClick={() => {
          store.getState().compile.setScope('selected');
          store.getState().route.go('compile');
        }}
      >
        Compile these
      </Button>
      <Button variant="ghost" onClick={clear}>
        Clear
      </Button>
    </div>
  );
}

/** Search, what is shown of how many, and what can be done with the selection. */
export function TableToolbar() {
  const text = useApp((state) => state.trajectories.filter.text);
  const filter = useApp((state) => state.trajectories.filter);
  const setFilter = useApp((state) => state.trajectories.setFilter);
  const clearFilter = useApp((state) => state.trajectories.clearFilter);
  const total = useApp((state) => state.trajectories.rows.total);
  const count = useApp((state) => state.trajectories.count);
  const go = useApp((state) => state.route.go);
  const hasSelection = useApp((state) => state.trajectories.selected.size > 0);
  const search = useRef<HTMLInputElement>(null);
  useCommands(
    useMemo(
      () => [
        {
          id: 'trajectories.find',
          title: 'Search the trajectories',
          group: 'Trajectories',
          keys: '/',
          run: () => search.current?.focus(),
        },
      ],
      [],
    ),
  );
  return (
    <div className="traj-toolbar">
      <div className="traj-search">
        <SearchField
          label="Search task, answer, id, file and tools"
          placeholder="Search task, answer, id, tools"
          value={text}
          onChange={(next) => setFilter({ text: next })}
          inputRef={search}
        />
      </div>
      <span className="traj-shown num" role="status">
        {total === null || total === count
          ? plural(count, 'trajectory', 'trajectories')
          : `${formatCount(total)} of ${formatCount(count)}`}
      </span>
      {isEmptyFilter(filter) ? null : (
        <Button variant="ghost" icon="close" onClick={clearFilter}>
          Clear filter
        </Button>
      )}
      <span className="traj-space" />
      {hasSelection ? (
        <SelectionActions />
      ) : (
        <Button variant="primary" icon="play" disabled={count === 0} onClick={() => go('compile')}>
          Compile
        </Button>
      )}
    </div>
  );
}
