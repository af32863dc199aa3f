import { Dialog as Base } from '@base-ui/react/dialog';
import { useId, useMemo, useRef, useState } from 'react';
import { useApp } from '../../state/useApp.ts';
import { Icon } from '../widgets/Icon.tsx';
import { Keys } from '../widgets/Keys.tsx';
import { currentCommands, useCommandLists, type Command } from './commands.ts';
import { fuzzyScore } from './fuzzy.ts';

function matching(commands: readonly Command[], query: string): readonly Command[] {
  const listed = commands.filter((command) => command.listed !== false && command.enabled !== false);
  if (query.trim() === '') return listed;
  return listed
    .map((command) => ({ command, score: fuzzyScore(query, `${command.title} ${command.group}`) }))
    .filter((entry): entry is { command: Command; score: number } => entry.score !== null)
    .sort((a, b) => b.score - a.score)
    .map(({ command }) => command);
}

function PaletteList({ onDone }: { onDone: () => void }) {
  useCommandLists();
  const [query, setQuery] = useState('');
  const [position, setPosition] = useState(0);
  const listId = useId();
  const list = useRef<HTMLUListElement>(null);
  const all = currentCommands();
  const found = useMemo(() => matching(all, query), [all, query]);
  const run = (command: Command | undefined): void => {
    if (!command) return;
    onDone();
    command.run();
  };
  const move = (to: number): void => {
    const next = Math.max(0, Math.min(found.length - 1, to));
    setPosition(next);
    list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <>
      <div className="app-palette-field">
        <Icon name="search" />
        <input
          // The palette is opened to type into: focus goes to its field.
          // eslint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={found.length > 0 ? `${listId}-${position}` : undefined}
          aria-label="Command"
          placeholder="Type a command or a view"
          value={query}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => {
            setQuery(event.target.value);
            setPosition(0);
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') move(position + 1);
            else if (event.key === 'ArrowUp') move(position - 1);
            else if (event.key === 'Enter') run(found[position]);
            else return;
            event.preventDefault();
          }}
        />
      </div>
      <ul className="app-palette-list" role="listbox" id={listId} aria-label="Commands" ref={list}>
        {found.map((command, index) => (
          // Keys are handled by the field above (aria-activedescendant); the pointer may choose directly.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={command.id}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === position}
            tabIndex={-1}
            onPointerMove={() => setPosition(index)}
            onClick={() => run(command)}
          >
            <span>{command.title}</span>
            <span className="app-palette-group">{command.group}</span>
            {command.keys ? <Keys keys={command.keys} /> : null}
          </li>
        ))}
      </ul>
      {found.length === 0 ? <p className="app-palette-none">No command matches “{query}”.</p> : null}
    </>
  );
}

/** Every command by name (Ctrl+K or ⌘K). */
export default function CommandPalette() {
  const open = useApp((state) => state.ui.paletteOpen);
  const setOpen = useApp((state) => state.ui.setPaletteOpen);
  return (
    <Base.Root open={open} onOpenChange={(next) => setOpen(next)}>
      <Base.Portal>
        <Base.Backdrop className="w-backdrop" />
        <Base.Popup className="w-dialog app-palette">
          <Base.Title className="visually-hidden">Commands</Base.Title>
          <PaletteList onDone={() => setOpen(false)} />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
