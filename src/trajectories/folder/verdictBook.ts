import { isPatch } from '../blocks/swe.ts';
import type { DraftTrajectory } from '../format.ts';
import type { Outcome } from '../schema.ts';
import type { VerdictFile } from './verdictFile.ts';

/** What a file beside a run says about it; plain data, kept with the run's locator. */
export interface Beside {
  readonly outcome: Outcome | null;
  readonly patch: { readonly text: string; readonly via: string } | null;
}

/** What was found of one thing, and the folder it is said about. */
interface Entry<T> {
  readonly scope: string;
  /** The folder whose runs it is about. */
  readonly reach: string;
  readonly value: T;
  readonly file: string;
}

/** A file's verdicts as plain data, which can be sent to a thread. */
export interface FiledVerdicts {
  readonly file: string;
  readonly found: VerdictFile;
  readonly reach: string;
}

/** Verdicts and patches of a folder's files, found again for each run by its id and by where it lies. */
export class VerdictBook {
  readonly #files: FiledVerdicts[] = [];
  readonly #outcomes = new Map<string, Entry<Outcome>[]>();
  readonly #patches = new Map<string, Entry<string>[]>();
  /** Verdicts of the run in a folder, by folder. */
  readonly #own = new Map<string, Entry<Outcome>>();

  static from(files: readonly FiledVerdicts[]): VerdictBook {
    const book = new VerdictBook();
    for (const { file, found, reach } of files) book.add(file, found, reach);
    return book;
  }

  /** All that was added. */
  get files(): readonly FiledVerdicts[] {
    return this.#files;
  }

  get isEmpty(): boolean {
    return this.#outcomes.size + this.#patches.size + this.#own.size === 0;
  }

  /**
   * @param file path of the verdict file, with `/` between folders
   * @param reach the folder whose runs it is about
   */
  add(file: string, found: VerdictFile, reach: string): void {
    const { byId, own, patches } = found;
    this.#files.push({ file, found, reach });
    const scope = folderOf(file);
    for (const [id, value] of byId) push(this.#outcomes, id, { scope, reach, value, file });
    for (const [id, value] of patches) push(this.#patches, id, { scope, reach, value, file });
    if (!own) return;
    // A trial's verifier writes into a folder of its own, inside the trial's.
    const trial = scope.replace(/(?:^|\/)(?:verifier|logs\/verifier)$/, '');
    const known = this.#own.get(trial);
    // The reward is the verdict; counts of tests are what it was made from.
    if (!known || known.value.reward === null)
      this.#own.set(trial, { scope: trial, reach: trial, value: own, file });
  }

  /** What the files beside a run add to what it says itself; null when they add nothing. */
  find(draft: DraftTrajectory, file: string): Beside | null {
    if (this.isEmpty) return null;
    const outcome = draft.outcome.success === null ? this.#outcomeOf(draft, file) : null;
    const patch = draft.patch === null ? this.#byId(this.#patches, draft, file) : null;
    const isUseful = patch !== null && isPatch(patch.value);
    if (!outcome && !isUseful) return null;
    return {
      outcome: outcome && { ...outcome.value, reason: `${outcome.value.reason} (${outcome.file})` },
      patch: isUseful ? { text: patch.value, via: `model_patch of ${patch.file}` } : null,
    };
  }

  #outcomeOf(draft: DraftTrajectory, file: string): Entry<Outcome> | null {
    const named = this.#byId(this.#outcomes, draft, file);
    for (let folder = folderOf(file); ; folder = folderOf(folder)) {
      const own = this.#own.get(folder);
      if (own) return named && named.scope.length >= own.scope.length ? named : own;
      if (folder === '') return named;
    }
  }

  /** The entry under one of the run's names that lies nearest to it; null when the nearest disagree. */
  #byId<T>(
    entries: ReadonlyMap<string, readonly Entry<T>[]>,
    draft: DraftTrajectory,
    file: string,
  ): Entry<T> | null {
    for (const id of namesOf(draft, file)) {
      const found = entries.get(id)?.filter((entry) => isWithin(folderOf(file), entry.reach)) ?? [];
      if (found.length === 0) continue;
      let best: Entry<T>[] = [];
      let depth = -1;
      for (const entry of found) {
        const common = commonFolders(entry.scope, file);
        if (common > depth) best = [];
        if (common >= depth) best.push(entry);
        depth = Math.max(depth, common);
      }
      const [first] = best;
      const key = JSON.stringify(verdictOf(first?.value));
      if (first && best.every(({ value }) => JSON.stringify(verdictOf(value)) === key)) return first;
      return null;
    }
    return null;
  }
}

/** Two verdicts agree when their success does, whatever their reasons say. */
function verdictOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'success' in value ? value.success : value;
}

/** A run with what the files beside it add. */
export function withBeside<T extends Pick<DraftTrajectory, 'outcome' | 'patch' | 'finalAnswer'>>(
  run: T,
  beside: Beside | null,
): T {
  if (!beside) return run;
  const patch = beside.patch && { text: beside.patch.text, at: null, via: beside.patch.via };
  return {
    ...run,
    outcome: beside.outcome
      ? { ...beside.outcome, reward: beside.outcome.reward ?? run.outcome.reward }
      : run.outcome,
    patch: run.patch ?? patch,
    finalAnswer: run.finalAnswer ?? patch,
  };
}

function push<T>(map: Map<string, Entry<T>[]>, id: string, entry: Entry<T>): void {
  const known = map.get(id);
  if (known) known.push(entry);
  else map.set(id, [entry]);
}

/** The folder of a path, '' at the top; members of archives lie in the folders inside them. */
export function folderOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at < 0 ? '' : path.slice(0, at);
}

/** True for a folder and those inside of it. */
export function isWithin(folder: string, outer: string): boolean {
  return outer === '' || folder === outer || folder.startsWith(`${outer}/`);
}

/** Names by which a verdict may call a run, the surest first: its ids, its file, the folders it lies in. */
function namesOf(draft: DraftTrajectory, file: string): Set<string> {
  const parts = file.split('/');
  const last = parts.pop() ?? '';
  const stem = last.replace(/\.(?:traj\.json|traj|jsonl?|txt|log)$/, '');
  return new Set([draft.instanceId ?? '', draft.id, stem, ...parts.reverse()].filter((name) => name !== ''));
}

/** Folders that a scope and a file have in common. */
function commonFolders(scope: string, file: string): number {
  if (scope === '') return 0;
  const a = scope.split('/');
  const b = file.split('/');
  let count = 0;
  while (count < a.length && a[count] === b[count]) count++;
  return count;
}
