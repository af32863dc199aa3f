const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent);

const names: Readonly<Record<string, string>> = {
  mod: isMac ? '⌘' : 'Ctrl',
  shift: isMac ? '⇧' : 'Shift',
  escape: 'Esc',
  enter: '↵',
  arrowup: '↑',
  arrowdown: '↓',
  arrowleft: '←',
  arrowright: '→',
};

/** Shows a shortcut as keycaps: `mod+k`, `g t` (one after the other). */
export function Keys({ keys }: { keys: string }) {
  return (
    <span className="w-keys">
      {keys.split(' ').map((chord, index) => (
        <kbd key={index}>
          {chord
            .split('+')
            .map((key) => names[key.toLowerCase()] ?? (chord.includes('+') ? key.toUpperCase() : key))
            .join(isMac ? '' : '+')}
        </kbd>
      ))}
    </span>
  );
}
