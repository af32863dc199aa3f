import { DecontaminationIndex, type BenchmarkText, type ContaminationHit } from './curate/decontaminate.ts';
import type { TextFingerprint } from './curate/clusters.ts';
import { fingerprint } from './curate/fingerprint.ts';
import { bandKeys, defaultMinHash, similarity } from './curate/minHash.ts';
import { splitBySource, type SourceSplit } from './curate/splitBySource.ts';
import { exactHash } from './curate/words.ts';
import type { ExampleMeta, SetCurator } from './setReducer.ts';
import type { Example, Rejection } from './types.ts';

/**
 * Rules over the whole set. `exact`: an example goes when question and context equal an earlier one's in normal
 * form; `near`: when both are near-duplicates (MinHash); `question`: when the question alone is one.
 */
export interface CurationOptions {
  readonly dedup: 'none' | 'exact' | 'near' | 'question';
  /** Jaccard similarity of word shingles from which texts count as near-duplicates, 0 … 1. */
  readonly threshold: number;
  /** Share of the examples for an evaluation split that shares no document with the rest, 0 … 1. */
  readonly evalShare: number;
}

export const defaultCuration: CurationOptions = { dedup: 'exact', threshold: 0.8, evalShare: 0 };

/** What the map step works out of an example for curation. */
export interface ExampleSignature {
  readonly question: TextFingerprint;
  readonly context: TextFingerprint | null;
  readonly contamination: ContaminationHit | null;
  readonly contaminated: 'question' | 'answer' | 'context' | null;
  readonly pieces: readonly string[];
}

/** Computes signatures in the map step; one a thread. */
export class ExampleSigner {
  private readonly options: CurationOptions;
  private readonly benchmarks: DecontaminationIndex | null;

  constructor(options: CurationOptions, benchmarks: readonly BenchmarkText[]) {
    this.options = options;
    this.benchmarks = benchmarks.length > 0 ? new DecontaminationIndex() : null;
    for (const text of benchmarks) this.benchmarks?.add(text);
  }

  /** @param pieces texts of all evidence gathered for the example */
  sign(example: Example, pieces: readonly string[]): ExampleSignature {
    const { dedup, evalShare } = this.options;
    // Sorted, so that two orders of the same pieces are the same context.
    const context = dedup === 'exact' || dedup === 'near' ? [...pieces].sort().join('\n') : null;
    const [contaminated, contamination] = this.contamination(example, pieces);
    return {
      question: fingerprintOf(example.question, dedup === 'near' || dedup === 'question'),
      context: context === null ? null : fingerprintOf(context, dedup === 'near'),
      contamination,
      contaminated,
      pieces: evalShare > 0 ? pieces.map(exactHash) : [],
    };
  }

  private contamination(
    example: Example,
    pieces: readonly string[],
  ): [ExampleSignature['contaminated'], ContaminationHit | null] {
    const index = this.benchmarks;
    if (!index) return [null, null];
    const question = index.find(example.question, true)[0] ?? index.findShortQuestion(example.question);
    if (question) return ['question', question];
    const answer = index.find(example.answer, true)[0];
    if (answer) return ['answer', answer];
    for (const piece of pieces) {
      const hit = index.find(piece)[0];
      if (hit) return ['context', hit];
    }
    return [null, null];
  }
}

function fingerprintOf(text: string, near: boolean): TextFingerprint {
  return near ? fingerprint('', text) : { id: '', normalizedHash: exactHash(squeeze(text)), signature: null };
}

function squeeze(text: string): string {
  return text.toLowerCase().replace(/\s+/g, ' ').trim();
}

interface Kept {
  readonly id: string;
  readonly signature: ExampleSignature;
}

/** Bucket entries compared with each newcomer at most. */
const mostCompared = 64;

/** Applies the rules in input order: the first of a group of duplicates stays. */
export class StreamingCurator implements SetCurator {
  private readonly options: CurationOptions;
  private readonly byHash = new Map<string, string>();
  private readonly buckets = new Map<string, Kept[]>();
  private readonly splitItems: { id: string; sourceKeys: readonly string[] }[] = [];
  private readonly found = { duplicates: 0, 'near duplicates': 0, contaminated: 0 };

  constructor(options: CurationOptions) {
    this.options = options;
  }

  refuse(
    meta: ExampleMeta,
    given: unknown,
  ): { stage: Rejection['stage']; code: string; reason: string } | null {
    const signature = given as ExampleSignature;
    const hit = signature.contamination;
    if (hit) {
      this.found.contaminated++;
      const where = `${hit.benchmark}, row ${hit.row}, ${hit.field}`;
      return {
        stage: 'contaminated',
        code: `benchmark-in-${signature.contaminated}`,
        reason: `${hit.words} words in a row of its ${signature.contaminated} stand in a benchmark (${where})`,
      };
    }
    const duplicate = this.duplicateOf(meta.id, signature);
    if (duplicate) return duplicate;
    if (this.options.evalShare > 0) {
      this.splitItems.push({
        id: meta.id,
        sourceKeys: [...signature.pieces, signature.question.normalizedHash],
      });
    }
    return null;
  }

  summary(): Readonly<Record<string, number>> {
    return this.found;
  }

  /** The evaluation split of the kept examples, by id; null when none was asked for. */
  split(seed: number): SourceSplit | null {
    return this.options.evalShare > 0 ? splitBySource(this.splitItems, this.options.evalShare, seed) : null;
  }

  private duplicateOf(id: string, signature: ExampleSignature): ReturnType<SetCurator['refuse']> {
    const { dedup, threshold } = this.options;
    if (dedup === 'none') return null;
    const key = `${signature.question.normalizedHash}/${dedup === 'question' ? '' : (signature.context?.normalizedHash ?? '')}`;
    const same = this.byHash.get(key);
    if (same !== undefined) {
      this.found.duplicates++;
      const what = dedup === 'question' ? 'question' : 'question and context';
      return { stage: 'duplicate', code: 'duplicate', reason: `the same ${what} as ${same}` };
    }
    this.byHash.set(key, id);
    const leading = dedup === 'question' ? signature.question.signature : signature.context?.signature;
    if (dedup === 'exact' || !leading) return null;
    const keys = bandKeys(leading, defaultMinHash.bands);
    for (const bucket of keys) {
      for (const other of this.buckets.get(bucket) ?? []) {
        const likeness = alike(other.signature, signature, dedup === 'question');
        if (likeness < threshold) continue;
        this.found['near duplicates']++;
        const reason = `nearly the same as ${other.id} (similarity ${likeness.toFixed(2)})`;
        return { stage: 'duplicate', code: 'near-duplicate', reason };
      }
    }
    for (const bucket of keys) {
      const entries = this.buckets.get(bucket);
      if (!entries) this.buckets.set(bucket, [{ id, signature }]);
      else if (entries.length < mostCompared) entries.push({ id, signature });
    }
    return null;
  }
}

/** The lesser of the similarities that count. */
function alike(a: ExampleSignature, b: ExampleSignature, questionOnly: boolean): number {
  const question = likeness(a.question, b.question);
  return questionOnly || !a.context || !b.context
    ? question
    : Math.min(question, likeness(a.context, b.context));
}

function likeness(a: TextFingerprint, b: TextFingerprint): number {
  if (a.normalizedHash === b.normalizedHash) return 1;
  return a.signature && b.signature ? similarity(a.signature, b.signature) : 0;
}
