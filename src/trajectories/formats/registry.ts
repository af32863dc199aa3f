import type { FormatAdapter } from '../format.ts';
import { csvRows } from './csvRows.ts';
import { engineeringFormats } from './engineeringFormats.ts';
import { researchFormats } from './researchFormats.ts';
import { wrappedRows } from './wrappedRows.ts';

const ownFormats: readonly FormatAdapter[] = [...engineeringFormats, ...researchFormats];

/** Every format that can be read. Where two are equally sure of a file, the earlier one reads it. */
export const formats: readonly FormatAdapter[] = [
  ...ownFormats,
  wrappedRows(ownFormats),
  csvRows(ownFormats),
];

/** The adapter with this id, or null when there is none. */
export function formatById(id: string): FormatAdapter | null {
  return formats.find((format) => format.id === id) ?? null;
}
