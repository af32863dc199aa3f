import type { CompileOptions } from './types.ts';
import { compilerVersion } from './version.ts';

export interface RecipeFile {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What tokens were counted with: other bytes in either give other counts. */
export interface RecipeTokenizer {
  readonly name: string;
  readonly sha256: string;
  /** Of the text of the chat template that prompts were counted under. */
  readonly templateSha256: string;
}

/** All that is needed to rebuild the same bytes. No times, no machine names. */
export interface Recipe {
  readonly tool: 'acc-workbench';
  readonly toolVersion: string;
  readonly compilerVersion: number;
  readonly options: CompileOptions;
  /** Null when tokens are not counted. */
  readonly tokenizer: RecipeTokenizer | null;
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
