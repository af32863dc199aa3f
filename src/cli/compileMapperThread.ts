import { readFile } from 'node:fs/promises';
import { CompileMapper } from '../compile/compileMapper.ts';
import { estimateCounter, type TokenCounter } from '../compile/countText.ts';
import { ExampleSigner, type CurationOptions } from '../compile/setCurator.ts';
import type { BenchmarkText } from '../compile/curate/decontaminate.ts';
import type { RecipeTokenizer } from '../compile/recipe.ts';
import type { MappedOutcome } from '../compile/setReducer.ts';
import { DatabaseCatalog, type CatalogIssue, type DatabaseFile } from '../compile/sql/catalog.ts';
import type { CompileOptions } from '../compile/types.ts';
import type { FiledVerdicts } from '../trajectories/folder/verdictBook.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import type { NamedFile } from './compileFiles.ts';
import { openTokenizer, type LoadedTokenizer } from './compileTokenizer.ts';
import { leftOutIssue, unreadable } from './nodeSource.ts';

/** A file with databases. */
export interface DatabaseInput extends NamedFile {
  /** It lay among the inputs instead of being named as a database: it may turn out to be none. */
  readonly isFound: boolean;
}

/** What every thread needs to start; plain data. */
export interface MapperSetup {
  readonly options: CompileOptions;
  readonly tokenizer: string;
  readonly databases: readonly DatabaseInput[];
  readonly curation: CurationOptions;
  readonly benchmarks: readonly BenchmarkText[];
  /** sha256 by file name. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Verdicts beside runs, for each group of files that was given together. */
  readonly books: readonly (readonly FiledVerdicts[])[];
}

/** What a thread found while it started; plain data. */
export interface MapperFacts {
  readonly databaseIssues: readonly CatalogIssue[];
  /** Null when tokens are not counted. */
  readonly tokenizer: RecipeTokenizer | null;
}

export interface Mapper {
  readonly counter: TokenCounter;
  readonly facts: MapperFacts;
  map(drafts: readonly DraftTrajectory[]): MappedOutcome[];
}

/** Loads tokenizer and databases and gives the map step of this thread. */
export async function startMapper(setup: MapperSetup): Promise<Mapper> {
  const loaded = setup.options.countTokens ? await openTokenizer(setup.tokenizer) : null;
  const counter = loaded?.counter ?? estimateCounter;
  const lost: CatalogIssue[] = [];
  const files = await readDatabases(setup.databases, lost);
  const catalog = files.length > 0 ? await DatabaseCatalog.load(files) : null;
  const hashes = new Map(Object.entries(setup.hashes));
  const sha256Of = (file: string): string => hashes.get(file.split('!/', 1)[0] ?? file) ?? '';
  const { dedup, evalShare } = setup.curation;
  const signs = dedup !== 'none' || evalShare > 0 || setup.benchmarks.length > 0;
  const signer = signs ? new ExampleSigner(setup.curation, setup.benchmarks) : null;
  const context = { options: setup.options, counter, catalog, sha256Of };
  const mapper = new CompileMapper(
    context,
    signer ? (example, pieces) => signer.sign(example, pieces) : null,
  );
  return {
    counter,
    facts: {
      databaseIssues: [...lost, ...(catalog?.issues ?? [])],
      tokenizer: loaded && factsOf(loaded),
    },
    map: (drafts) => drafts.map((draft) => mapper.mapDraft(draft)),
  };
}

function factsOf({ tokenizer: { name, sha256 }, templateSha256 }: LoadedTokenizer): RecipeTokenizer {
  return { name, sha256, templateSha256 };
}

/** @throws InputError when a file that was named as a database cannot be read; others are told in `lost` */
async function readDatabases(
  databases: readonly DatabaseInput[],
  lost: CatalogIssue[],
): Promise<DatabaseFile[]> {
  const files: DatabaseFile[] = [];
  for (const { name, path, isFound } of databases) {
    try {
      files.push({ name, isFound, bytes: new Uint8Array(await readFile(path)) });
    } catch (error) {
      const failure = unreadable(name, error);
      if (!isFound) throw failure;
      lost.push(leftOutIssue(name, failure));
    }
  }
  return files;
}
