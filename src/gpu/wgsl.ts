import { assert } from '../core/assert.ts';

const commonFiles = import.meta.glob<string>('../../shaders/common/*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
});

const common = new Map(
  Object.entries(commonFiles).map(([path, text]) => [path.slice(path.lastIndexOf('/') + 1), text]),
);

/** What a variant of a kernel changes in its text. Numbers that are no array sizes are `override`s instead. */
export interface WgslChoices {
  /** `alias NAME = TYPE;` lines put before the text. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** `const NAME: u32 = n;` lines: only for sizes of private arrays, which WGSL does not let an `override` give. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Which file of shaders/common stands for `#include <name>`, e.g. the reduction with or without subgroups. */
  readonly modules?: Readonly<Record<string, string>>;
}

const includeLine = /^[ \t]*#include[ \t]+(?:"([\w.]+)"|<(\w+)>)[ \t]*$/gm;

/**
 * The one place where shader text is put together: aliases and constants first, then the file with its
 * includes. `#include "file.wgsl"` takes a file of shaders/common (each once), `#include <name>` the file that
 * the variant chose for that name. `enable` lines are added for what the result uses.
 */
export function assembleWgsl(source: string, choices: WgslChoices = {}): string {
  const included = new Set<string>();
  const expand = (text: string): string =>
    text.replace(includeLine, (_line, file: string | undefined, module: string | undefined) => {
      const name = file ?? choices.modules?.[module ?? ''];
      assert(name !== undefined, `no file is chosen for #include <${module ?? ''}>`);
      if (included.has(name)) return '';
      included.add(name);
      const content = common.get(name);
      assert(content !== undefined, `shaders/common/${name} does not exist`);
      return expand(content);
    });
  const body = expand(source);
  const head = [
    ...Object.entries(choices.aliases ?? {}).map(([name, type]) => `alias ${name} = ${type};`),
    ...Object.entries(choices.constants ?? {}).map(([name, value]) => `const ${name}: u32 = ${value}u;`),
  ];
  const code = stripComments([...head, body].join('\n'));
  const enables: string[] = [];
  if (/\b(f16|vec[234]h|mat\dx\dh)\b/.test(code)) enables.push('enable f16;');
  if (/\bsubgroup(?!_id\b)\w+/.test(code)) enables.push('enable subgroups;');
  return [...enables, ...head, body].join('\n');
}

/** WGSL without comments, lines kept. */
export function stripComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/\/\/[^\n]*/g, '');
}
