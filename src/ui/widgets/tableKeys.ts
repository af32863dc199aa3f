import { useState, type KeyboardEvent } from 'react';

/** Ctrl or ⌘ with A and nothing else. */
export function isSelectAll(event: KeyboardEvent): boolean {
  return (
    (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'a'
  );
}

/** What the head of a table needs to be worked by keys. */
export interface HeadKeys {
  /** For the sort button of a column: one of them is the head's tab stop. */
  readonly tabIndexOf: (column: string) => 0 | -1;
  readonly onFocus: (column: string) => void;
  /** For the head, whose keys are none of the rows'. */
  readonly onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
}

/**
 * Keys in the head of a table: left, right, Home and End go along the sort buttons, down goes to the rows; Enter and
 * Space press. `columns`: those that can be sorted by.
 */
export function useHeadKeys(columns: readonly string[], toRows: () => void): HeadKeys {
  const [chosen, setChosen] = useState<string | null>(null);
  const stop = chosen !== null && columns.includes(chosen) ? chosen : columns[0];
  return {
    tabIndexOf: (column) => (column === stop ? 0 : -1),
    onFocus: setChosen,
    onKeyDown: (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      // Columns that a narrow window leaves out cannot take the focus.
      const buttons = [...event.currentTarget.querySelectorAll('button')].filter(
        ({ offsetParent }) => offsetParent,
      );
      const at = buttons.indexOf(event.target as HTMLButtonElement);
      const moves: Record<string, number> = {
        ArrowLeft: Math.max(0, at - 1),
        ArrowRight: at + 1,
        Home: 0,
        End: buttons.length - 1,
      };
      const target = moves[event.key];
      if (target !== undefined) buttons[target]?.focus();
      else if (event.key === 'ArrowDown') toRows();
      else return;
      event.preventDefault();
    },
  };
}
