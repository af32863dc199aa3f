import { useEffect, useRef, useSyncExternalStore } from 'react';

/**
 * Something the reader can do by key, from the palette, or by a lecture script. Ids are stable and named
 * `view.verb`; keys are chords: `g t` (one after the other), `mod+k` (Ctrl or ⌘), `[`, `escape`.
 */
export interface Command {
  readonly id: string;
  readonly title: string;
  /** Heading under which the shortcut sheet lists it. */
  readonly group: string;
  readonly keys?: string;
  /** False: the command exists but cannot run now. */
  readonly enabled?: boolean;
  /** False: works by key only (moving a cursor), not listed in the palette. */
  readonly listed?: boolean;
  readonly run: () => void;
}

let commandLists: readonly (() => readonly Command[])[] = [];
const listeners = new Set<() => void>();

function announce(): void {
  for (const listener of listeners) listener();
}

/** All commands of the mounted parts of the page; a later one takes the place of an earlier with the same id. */
export function currentCommands(): readonly Command[] {
  const byId = new Map<string, Command>();
  for (const list of commandLists) for (const command of list()) byId.set(command.id, command);
  return [...byId.values()];
}

/** Runs a command by id; false when it does not exist or cannot run. */
export function runCommand(id: string): boolean {
  const command = currentCommands().find((candidate) => candidate.id === id);
  if (!command || command.enabled === false) return false;
  command.run();
  return true;
}

/** Offers commands while the calling component is mounted. The list may be new on every render. */
export function useCommands(commands: readonly Command[]): void {
  const latest = useRef(commands);
  useEffect(() => {
    latest.current = commands;
  });
  useEffect(() => {
    const read = () => latest.current;
    commandLists = [...commandLists, read];
    announce();
    return () => {
      commandLists = commandLists.filter((list) => list !== read);
      announce();
    };
  }, []);
}

/** Re-renders when parts that offer commands come and go. */
export function useCommandLists(): void {
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => commandLists,
  );
}

/** A key press as a chord: modifiers in fixed order, then the key in lower case. */
export function chordOf(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
): string {
  const key = event.key.toLowerCase();
  const parts: string[] = [];
  // A sign typed with AltGr (which Windows tells as Ctrl with Alt) or Option: '[' on most keyboards of Europe.
  const isTypedSign = event.altKey && !event.metaKey && /^[^\p{L}\p{N}\s]$/u.test(key);
  if (!isTypedSign && (event.ctrlKey || event.metaKey)) parts.push('mod');
  if (!isTypedSign && event.altKey) parts.push('alt');
  // Shift is part of the character for symbols ('?'); for letters and named keys it is written out.
  if (event.shiftKey && (key.length > 1 || /[a-z]/.test(key))) parts.push('shift');
  parts.push(key === ' ' ? 'space' : key);
  return parts.join('+');
}

/** True for chords of one character: those that typing in a field also makes, and that can be switched off. */
export function isCharacterChord(chord: string): boolean {
  return chord.length === 1 || chord === 'space' || /^shift\+[a-z]$/.test(chord);
}

const sequenceTimeoutMs = 1200;

/** Follows key presses and tells which keys string (`g t`) has been completed. Pure but for the clock given. */
export class KeySequence {
  private first: string | null = null;
  private firstAt = 0;

  /** The key strings that this press may complete, longest first. */
  press(chord: string, nowMs: number): readonly string[] {
    const held = this.first !== null && nowMs - this.firstAt <= sequenceTimeoutMs ? this.first : null;
    this.first = chord;
    this.firstAt = nowMs;
    return held === null ? [chord] : [`${held} ${chord}`, chord];
  }

  clear(): void {
    this.first = null;
  }
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target instanceof HTMLTextAreaElement ||
      target instanceof HTMLSelectElement ||
      (target instanceof HTMLInputElement && !/^(checkbox|radio|range|button)$/.test(target.type)))
  );
}

/** Listens for the keys of all commands on the window. `letterKeys` false leaves single characters alone. */
export function useCommandKeys(letterKeys: boolean): void {
  useEffect(() => {
    const sequence = new KeySequence();
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing) return;
      if (event.key === 'Control' || event.key === 'Shift' || event.key === 'Alt' || event.key === 'Meta')
        return;
      const chord = chordOf(event);
      const typing = isTyping(event.target);
      const isCharacter = isCharacterChord(chord);
      if (isCharacter && (typing || !letterKeys)) return sequence.clear();
      // Fields keep their own undo, copy and cursor keys.
      if (typing && chord !== 'mod+k' && chord !== 'mod+enter') return;
      // Space and Enter belong to the focused control; menus and dialogs keep their keys.
      const inLayer =
        event.target instanceof Element && event.target.closest('[role=menu],[role=listbox],[role=dialog]');
      if (inLayer && chord !== 'mod+k') return;
      const candidates = sequence.press(chord, event.timeStamp);
      const commands = currentCommands();
      for (const keys of candidates) {
        const command = commands.findLast((each) => each.keys === keys && each.enabled !== false);
        if (!command) continue;
        event.preventDefault();
        sequence.clear();
        command.run();
        return;
      }
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [letterKeys]);
}
