import type { CompileOptions } from './types.ts';
import { compilerVersion } from './version.ts';

export interface RecipeFile {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** All that is needed to rebuild the same bytes. No times, no machine names. */
export interface Recipe {
  readonly tool: 'acc-workbench';
  readonly toolVersion: string;
  readonly compilerVersion: number;
  readonly options: CompileOptions;
  readonly tokenizer: { readonly name: string; readonly sha256: string } | null;
  readonly inputs: readonly RecipeFile[];
  readonly databases: readonly RecipeFile[];
  readonly benchmarks: readonly RecipeFile[];
  readonly curation: Readonly<Record<string, unknown>>;
  readonly output: {
    readonly file: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly lines: number;
  };
}

/** A recipe in its written key order. */
export function makeRecipe(parts: Omit<Recipe, 'tool' | 'compilerVersion'>): Recipe {
  return {
    tool: 'acc-workbench',
    toolVersion: parts.toolVersion,
    compilerVersion,
    options: parts.options,
    tokenizer: parts.tokenizer,
    inputs: parts.inputs,
    databases: parts.databases,
    benchmarks: parts.benchmarks,
    curation: parts.curation,
    output: parts.output,
  };
}
