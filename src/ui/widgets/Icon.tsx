/** Line icons of 16 units, drawn with the text's colour. Decorative: the control beside them has the name. */
const shapes = {
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  chevronDown: 'M4 6l4 4 4-4',
  chevronRight: 'M6 4l4 4-4 4',
  chevronLeft: 'M10 4l-4 4 4 4',
  chevronUp: 'M4 10l4-4 4 4',
  upDown: 'M5 6.2L8 3.2l3 3M5 9.8l3 3 3-3',
  search: 'M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9zM10.4 10.4L14 14',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  undo: 'M5.5 3L2.5 6l3 3M3 6h6.5a3.5 3.5 0 010 7H6',
  redo: 'M10.5 3l3 3-3 3M13 6H6.5a3.5 3.5 0 000 7H10',
  play: 'M5 3.2v9.6l7.5-4.8z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  stop: 'M4 4h8v8H4z',
  download: 'M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.5h10',
  upload: 'M8 10.5V3M4.8 6L8 2.8 11.2 6M3 13.5h10',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  folder: 'M2 4h4l1.3 1.5H14v7.5H2z',
  database:
    'M3 4c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2zM3 4v8c0 1.1 2.2 2 5 2s5-.9 5-2V4M3 8c0 1.1 2.2 2 5 2s5-.9 5-2',
  link: 'M6.5 9.5l3-3M7 4.5l1-1a3 3 0 014.3 4.3l-1 1M9 11.5l-1 1a3 3 0 01-4.3-4.3l1-1',
  open: 'M9 3h4v4M13 3L7.5 8.5M11.5 9.5V13H3V4.5h3.5',
  table: 'M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.7h11M6.5 3v10',
  columns: 'M2.5 3h11v10h-11zM8 3v10',
  panelRight: 'M2.5 3h11v10h-11zM10 3v10',
  sun: 'M8 5.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13 9.6A5.6 5.6 0 016.4 3 5.6 5.6 0 1013 9.6z',
  settings:
    'M8 6a2 2 0 100 4 2 2 0 000-4zM8 1.8l.5 1.8 1.6.7 1.6-.9 1 1-.9 1.6.7 1.6 1.7.4v1.4l-1.7.5-.7 1.6.9 1.6-1 1-1.6-.9-1.6.7L8 14.2H7.3L7 12.4l-1.6-.7-1.6.9-1-1 .9-1.6L3 8.4 1.8 8',
  keyboard: 'M1.5 4h13v8h-13zM4 6.5h.01M6.5 6.5h.01M9 6.5h.01M11.5 6.5h.01M5 9.5h6',
  warning: 'M8 2.2l6.3 11.3H1.7zM8 6.5v3.2M8 11.6v.1',
  error: 'M8 1.8a6.2 6.2 0 100 12.4A6.2 6.2 0 008 1.8zM8 4.8v3.8M8 10.9v.1',
  info: 'M8 1.8a6.2 6.2 0 100 12.4A6.2 6.2 0 008 1.8zM8 7.3v4M8 4.9v.1',
  skip: 'M8 1.8a6.2 6.2 0 100 12.4A6.2 6.2 0 008 1.8zM5 8h6',
  eye: 'M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 100 3.6 1.8 1.8 0 000-3.6z',
  eyeOff:
    'M2.5 2.5l11 11M6.3 4.1A6.6 6.6 0 018 3.8c4 0 6.5 4.2 6.5 4.2a12 12 0 01-2 2.4M4 5.2A12 12 0 001.5 8S4 12.2 8 12.2a6.6 6.6 0 002.6-.5',
  filter: 'M2 3.5h12L9.5 9v4l-3-1.5V9z',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  trash: 'M3 4.5h10M6 4.5V3h4v1.5M4.2 4.5l.6 9h6.4l.6-9',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  refresh: 'M13 5.5A5.5 5.5 0 003 6M3 3v3h3M3 10.5A5.5 5.5 0 0013 10M13 13v-3h-3',
  external: 'M9 3h4v4M13 3L7.5 8.5M11.5 9.5V13H3V4.5h3.5',
  flag: 'M4 14V2.5h7.5L10 5.2l1.5 2.8H4',
  document: 'M3.5 2h9v12h-9zM6 5h4M6 8h4M6 11h2.5',
  bulb: 'M6 12.5h4M6.5 14.2h3M8 1.8a4.2 4.2 0 00-2.4 7.6c.4.3.6.8.6 1.3h3.6c0-.5.2-1 .6-1.3A4.2 4.2 0 008 1.8z',
  project: 'M1.5 3h13v8h-13zM5.5 14h5M8 11v3',
} as const;

export type IconName = keyof typeof shapes;

/** One icon; its size follows the text (1em by default). */
export function Icon({ name, size = '1.1em' }: { name: IconName; size?: string }) {
  return (
    <svg
      className="w-icon"
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill={name === 'play' || name === 'stop' ? 'currentColor' : 'none'}
      stroke="currentColor"
      strokeWidth={name === 'more' ? 2.2 : 1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={shapes[name]} />
    </svg>
  );
}
