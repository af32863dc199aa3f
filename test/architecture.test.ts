import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Which layer may import which, in the order data flows. A layer may always import itself. */
const domain = [
  'core',
  'tokenizer',
  'trajectories',
  'compile',
  'gpu',
  'model',
  'train',
  'check',
  'evaluate',
  'mechanism',
  'world',
  'storage',
];
const allowed: Record<string, readonly string[]> = {
  core: [],
  tokenizer: ['core'],
  trajectories: ['core'],
  gpu: ['core', 'shaders'],
  storage: ['core'],
  compile: ['core', 'tokenizer', 'trajectories'],
  model: ['core', 'tokenizer', 'gpu'],
  train: ['core', 'tokenizer', 'gpu', 'model', 'compile'],
  check: ['core', 'tokenizer', 'gpu', 'model', 'train', 'compile'],
  mechanism: ['core', 'tokenizer', 'gpu', 'model', 'compile'],
  evaluate: ['core', 'tokenizer', 'model'],
  world: ['core', 'trajectories'],
  bench: ['core', 'tokenizer', 'gpu', 'model', 'train', 'mechanism'],
  workers: domain,
  cli: [...domain, 'bench'],
  state: [...domain, 'workers', 'charts'],
  charts: ['core'],
  ui: [...domain, 'state', 'charts', 'workers'],
  'main.tsx': ['ui', 'state', 'core', 'workers'],
};
/** Layers that hold domain types for these importers: values may not be imported, types may. */
const typesOnly: Record<string, readonly string[]> = {
  state: [...domain.filter((layer) => layer !== 'core'), 'charts'],
  ui: [...domain.filter((layer) => layer !== 'core'), 'workers'],
};

const src = resolve(import.meta.dirname, '../src');

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function layerOf(path: string): string {
  const parts = relative(src, path).split('/');
  if (parts[0] === '..') return parts[1] ?? '';
  return parts[0] ?? '';
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importsOf(text: string): Import[] {
  const pattern =
    /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => ({
    specifier: match[3] ?? match[4] ?? '',
    typeOnly: match[2] !== undefined,
  }));
}

describe('imports', () => {
  it('point one way, from trajectories towards the user interface', () => {
    const forbidden: string[] = [];
    for (const file of sourceFiles(src)) {
      const from = layerOf(file);
      for (const { specifier, typeOnly } of importsOf(readFileSync(file, 'utf8'))) {
        if (!specifier.startsWith('.')) continue;
        const target = layerOf(resolve(dirname(file), specifier.replace(/\?.*$/, '')));
        // The version number, written into recipes and run records by the outermost domain shells.
        if (target === from || target === 'package.json') continue;
        const where = `${posix.normalize(relative(src, file))} imports ${specifier}`;
        if (!(allowed[from] ?? []).includes(target)) {
          forbidden.push(`${where}: layer "${from}" may not import "${target}"`);
        } else if (!typeOnly && (typesOnly[from] ?? []).includes(target) && !/Client\.ts$/.test(specifier)) {
          forbidden.push(`${where}: "${from}" may import only types (or a worker client) from "${target}"`);
        }
      }
    }
    expect(forbidden).toEqual([]);
  });

  it('keep onnxruntime-web inside model/ort', () => {
    const outside = sourceFiles(src).filter(
      (file) =>
        !relative(src, file).startsWith('model/ort') &&
        importsOf(readFileSync(file, 'utf8')).some(({ specifier }) =>
          specifier.startsWith('onnxruntime-web'),
        ),
    );
    expect(outside).toEqual([]);
  });
});
