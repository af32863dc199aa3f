import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { assembleWgsl, stripComments } from '../../src/gpu/wgsl.ts';

const modules = import.meta.glob<Record<string, unknown>>('../../src/gpu/kernels/*.ts', { eager: true });
const folder = resolve(import.meta.dirname, '../../shaders');

function isKernel(value: unknown): value is Kernel {
  return typeof value === 'object' && value !== null && 'bindings' in value && 'source' in value;
}

/** All kernels that the wrappers export, alone or in a table. */
const kernels = new Set<Kernel>();
for (const module of Object.values(modules)) {
  for (const value of Object.values(module)) {
    if (isKernel(value)) kernels.add(value);
    else if (typeof value === 'object' && value !== null) {
      for (const inner of Object.values(value)) if (isKernel(inner)) kernels.add(inner);
    }
  }
}

/** Any file that fits where a variant chooses one. */
const someModules = {
  weights: 'weights_f32.wgsl',
  reduce: 'reduce_shared.wgsl',
  kv: 'kv_f32.wgsl',
  keys: 'keys_plain.wgsl',
  rows: 'rows_plain.wgsl',
  pairs: 'pairs_plain.wgsl',
  tile: 'tile_f32.wgsl',
};

/** `name: type` pairs of `struct Params`. */
function paramsOf(code: string): [string, string][] {
  const body = /struct Params \{([^}]*)\}/.exec(code)?.[1] ?? '';
  return [...body.matchAll(/(\w+)\s*:\s*(\w+)/g)].map((match) => [match[1] ?? '', match[2] ?? '']);
}

/** `[group, binding, access, name]` of every storage variable. */
function storageOf(code: string): [number, string, string][] {
  const pattern = /@group\(0\) @binding\((\d+)\) var<storage, (read|read_write)> (\w+)/g;
  return [...code.matchAll(pattern)].map((match) => [Number(match[1]), match[3] ?? '', match[2] ?? '']);
}

describe('kernel wrappers', () => {
  it('exist for every WGSL entry point, under the same name', () => {
    const files = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'common')
      .flatMap((entry) => readdirSync(join(folder, entry.name)).map((file) => `${entry.name}/${file}`))
      .map((file) => file.replace('.wgsl', ''));
    const names = new Set([...kernels].map((kernel) => kernel.name));
    expect([...names].sort()).toEqual(files.sort());
    for (const { name, source } of kernels) {
      expect(source).toBe(readFileSync(join(folder, `${name}.wgsl`), 'utf8'));
    }
  });

  it('leave the workgroups past the end to the next piece, where running twice would change the result', () => {
    const unguarded = [...kernels].filter(({ source }) => {
      const code = stripComments(source);
      return code.includes('linearWorkgroup(') && !code.includes('params.workgroupEnd');
    });
    expect(unguarded.map(({ name }) => name).sort()).toEqual([
      'backward/gather_rows',
      'backward/pair_sum',
      'forward/attention_combine',
      'forward/attention_input',
      'forward/convert_rows',
      'forward/embed',
      'forward/moe_combine',
      'forward/swiglu',
    ]);
  });

  for (const kernel of kernels) {
    it(`${kernel.name} ${kernel.modules?.['problem'] ?? ''}: bindings and params are those of the WGSL`, () => {
      const code = stripComments(
        assembleWgsl(kernel.source, { modules: { ...someModules, ...kernel.modules } }),
      );
      expect(paramsOf(code)).toEqual([
        ['workgroupBase', 'u32'],
        ['workgroupEnd', 'u32'],
        ...Object.entries(kernel.params),
      ]);
      expect(storageOf(code)).toEqual(
        Object.entries(kernel.bindings).map(([binding, access], index) => [index, binding, access]),
      );
      expect(code).toMatch(/@group\(1\) @binding\(0\) var<uniform> params: Params;/);
    });
  }
});

describe('assembleWgsl', () => {
  it('puts aliases and constants first and takes each include once', () => {
    const code = assembleWgsl('#include "dispatch.wgsl"\n#include "dispatch.wgsl"\nlet a = 1;', {
      aliases: { Element: 'f32' },
      constants: { N: 3 },
    });
    expect(code.startsWith('alias Element = f32;\nconst N: u32 = 3u;\n')).toBe(true);
    expect(code.match(/fn linearWorkgroup/g)).toHaveLength(1);
  });

  it('enables only what the text uses', () => {
    expect(assembleWgsl('var a: f16; // subgroupAdd')).toMatch(/^enable f16;\nvar/);
    expect(assembleWgsl('let a = subgroupAdd(b);')).toMatch(/^enable subgroups;\n/);
    expect(assembleWgsl('let a = b;')).toBe('let a = b;');
  });

  it('names what is missing', () => {
    expect(() => assembleWgsl('#include <weights>')).toThrow(/weights/);
    expect(() => assembleWgsl('#include "no_such.wgsl"')).toThrow(/no_such/);
  });
});
