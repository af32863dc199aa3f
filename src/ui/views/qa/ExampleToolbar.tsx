import type { RefObject } from 'react';
import type { FacetValue } from '../../../workers/dataApi.ts';
import { isEmptyFilter } from '../../../state/filters.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { formatCount, plural } from '../../widgets/format.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { Menu } from '../../widgets/Menu.tsx';
import { SearchField } from '../../widgets/SearchField.tsx';

/** A button that opens the values of one column with their counts, to tick those wanted. */
function FacetMenu<T extends string>({
  label,
  facets,
  chosen,
  onChange,
}: {
  label: string;
  facets: readonly FacetValue[];
  chosen: readonly T[] | null;
  onChange: (chosen: readonly T[] | null) => void;
}) {
  if (facets.length === 0) return null;
  const toggle = (value: T): void => {
    const next = chosen?.includes(value)
      ? chosen.filter((each) => each !== value)
      : [...(chosen ?? []), value];
    onChange(next.length === 0 ? null : next);
  };
  return (
    <Menu
      align="start"
      trigger={
        <Button variant={chosen ? 'secondary' : 'ghost'} icon="filter">
          {label}
          {chosen ? `: ${chosen.length}` : ''}
          <Icon name="chevronDown" size="0.85em" />
        </Button>
      }
      entries={facets.map((facet) => ({
        type: 'choice',
        id: facet.value,
        label: (
          <span className="qa-facet">
            {facet.label} <span className="faint num">{formatCount(facet.count)}</span>
          </span>
        ),
        checked: chosen?.includes(facet.value as T) ?? false,
        onSelect: () => toggle(facet.value as T),
      }))}
    />
  );
}

/** Filter, selection and undo for the table of examples. */
export function ExampleToolbar({ searchRef }: { searchRef: RefObject<HTMLInputElement | null> }) {
  const filter = useApp((state) => state.examples.filter);
  const facets = useApp((state) => state.examples.facets);
  const setFilter = useApp((state) => state.examples.setFilter);
  const clearFilter = useApp((state) => state.examples.clearFilter);
  const total = useApp((state) => state.examples.rows.total);
  const selected = useApp((state) => state.examples.selected);
  const clearSelection = useApp((state) => state.examples.clearSelection);
  const exclude = useApp((state) => state.examples.exclude);
  const edits = useApp((state) => state.examples.edits);
  const undo = useApp((state) => state.examples.undo);
  const redo = useApp((state) => state.examples.redo);
  const [range] = filter.ranges.filter(({ column }) => column === 'promptTokens');
  const ids = [...selected];
  return (
    <div className="qa-toolbar" role="toolbar" aria-label="Examples">
      <SearchField
        label="Filter examples by text"
        placeholder="Question, answer, id, file"
        value={filter.text}
        onChange={(text) => setFilter({ text })}
        inputRef={searchRef}
      />
      <FacetMenu
        label="Kind"
        facets={facets?.kinds ?? []}
        chosen={filter.kinds}
        onChange={(kinds) => setFilter({ kinds })}
      />
      <FacetMenu
        label="Checks"
        facets={facets?.outcomes ?? []}
        chosen={filter.outcomes}
        onChange={(outcomes) => setFilter({ outcomes })}
      />
      <FacetMenu
        label="Flags"
        facets={facets?.flags ?? []}
        chosen={filter.flags}
        onChange={(flags) => setFilter({ flags })}
      />
      {facets && facets.excluded > 0 ? (
        <Button
          variant={filter.excluded === 'show' ? 'ghost' : 'secondary'}
          icon={filter.excluded === 'hide' ? 'eyeOff' : 'eye'}
          onClick={() =>
            setFilter({ excluded: ({ show: 'hide', hide: 'only', only: 'show' } as const)[filter.excluded] })
          }
        >
          {
            {
              show: `${formatCount(facets.excluded)} excluded shown`,
              hide: 'excluded hidden',
              only: 'only excluded',
            }[filter.excluded]
          }
        </Button>
      ) : null}
      {range ? (
        <Button
          icon="close"
          onClick={() =>
            setFilter({ ranges: filter.ranges.filter(({ column }) => column !== 'promptTokens') })
          }
        >
          {formatCount(Math.round(range.min))}–{formatCount(Math.round(range.max))} tokens
        </Button>
      ) : null}
      {isEmptyFilter(filter) ? null : (
        <Button variant="ghost" onClick={clearFilter}>
          Clear
        </Button>
      )}
      <span className="qa-total num" role="status">
        {total === null ? '' : plural(total, 'example')}
      </span>
      <span className="qa-tools-space" />
      {selected.size > 0 ? (
        <>
          <span className="num">{formatCount(selected.size)} selected</span>
          <Button icon="eyeOff" onClick={() => void exclude(ids, true)}>
            Exclude
          </Button>
          <Button variant="ghost" onClick={() => void exclude(ids, false)}>
            Include
          </Button>
          <IconButton icon="close" label="Clear the selection" onClick={clearSelection} />
        </>
      ) : null}
      <IconButton
        icon="undo"
        label={edits.undo ? `Undo: ${edits.undo}` : 'Nothing to undo'}
        keys="mod+z"
        disabled={edits.undo === null}
        onClick={() => void undo()}
      />
      <IconButton
        icon="redo"
        label={edits.redo ? `Redo: ${edits.redo}` : 'Nothing to redo'}
        keys="mod+shift+z"
        disabled={edits.redo === null}
        onClick={() => void redo()}
      />
    </div>
  );
}
