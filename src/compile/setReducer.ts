import type { AgentKind } from '../trajectories/schema.ts';
import type { ArmTokens, CompileOutcome } from './compileTrajectory.ts';
import { RandomContext, type ForeignExample, type StatedLicense } from './control/randomContext.ts';
import type { TokenCounter } from './countText.ts';
import { excludedByFlag } from './excludeFlags.ts';
import { ArmTotals, ledgerRows } from './ledger.ts';
import { exampleLine, lineWithId } from './serialize.ts';
import type { CompileOptions, CompileReport, Example, LedgerArm, Rejection } from './types.ts';

/** What the reduce step needs of an example; small, so that workers send the line and this. */
export interface ExampleMeta {
  readonly id: string;
  readonly kind: AgentKind;
  readonly file: string;
  readonly record: number;
  readonly instanceId: string | null;
  readonly question: string;
  readonly prompt: number;
  readonly completion: number;
  readonly flags: readonly string[];
  readonly goldCount: number;
  readonly distractorCount: number;
  /** Licence the record itself states. */
  readonly license: string | null;
  /** Tokens of the plain ACC example of the same trajectory, for matched controls. */
  readonly acc: ArmTokens | null;
}

/** What the map step sends for one trajectory. `line`: as UTF-8 where it came from another thread. */
export type MappedOutcome =
  | {
      readonly line: string | Uint8Array;
      readonly meta: ExampleMeta;
      readonly example: Example | null;
      readonly signature: unknown;
    }
  | { readonly rejection: Rejection };

/** The map step's last part: the line and what the reduce step needs. `example` goes along only where it is needed. */
export function mapOutcome(
  outcome: CompileOutcome,
  options: CompileOptions,
  license: string | null,
  sign: ((example: Example, pieces: readonly string[]) => unknown) | null,
): MappedOutcome {
  if ('rejection' in outcome) return outcome;
  const { example } = outcome;
  return {
    line: exampleLine(example),
    meta: metaOf(example, license, outcome.acc),
    example: options.control === 'random-context' ? example : null,
    signature: sign ? sign(example, outcome.pieces) : null,
  };
}

function metaOf(example: Example, license: string | null, acc: ArmTokens | null): ExampleMeta {
  let goldCount = 0;
  for (const piece of example.evidence) if (piece.role === 'gold') goldCount++;
  return {
    id: example.id,
    kind: example.kind,
    file: example.source.file,
    record: example.source.record,
    instanceId: example.instanceId ?? null,
    question: example.question,
    prompt: example.tokens.prompt,
    completion: example.tokens.completion,
    flags: example.flags,
    goldCount,
    distractorCount: example.evidence.length - goldCount,
    license,
    acc,
  };
}

/** Where compiled examples go, one at a time and in order. */
export interface CompileSink {
  /** @param line JSON without the line break, as text or UTF-8 */
  example(line: string | Uint8Array, meta: ExampleMeta): void | Promise<void>;
}

/** Rules over the whole set, asked in input order. */
export interface SetCurator {
  /** Why the example stays out, or null. Called for every example that got so far. */
  refuse(
    meta: ExampleMeta,
    signature: unknown,
  ): { stage: Rejection['stage']; code: string; reason: string } | null;
  /** What it found over all, for the report. */
  summary(): Readonly<Record<string, number>>;
}

/** One accepted example, as the report lists it. */
export interface AcceptedRow {
  readonly id: string;
  readonly kind: AgentKind;
  readonly file: string;
  readonly record: number;
  readonly prompt: number;
  readonly completion: number;
  readonly gold: number;
  readonly distractors: number;
  readonly flags: readonly string[];
}

export interface SetReport extends CompileReport {
  readonly accepted: readonly AcceptedRow[];
  readonly ledger: readonly LedgerArm[];
  /**
   * Licences that records state, with the number of examples, by file; of the random-context control also those of
   * the records that gave evidence to other examples.
   */
  readonly licenses: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * The reduce step: takes the mapped outcomes in input order (whatever order workers finished in) and applies what
 * needs the whole set: unique ids, the cap per instance, curation, random context, matching of controls, totals.
 * Holds no example but the bounded pool of the random-context control.
 */
export class SetReducer {
  private readonly options: CompileOptions;
  private readonly sink: CompileSink;
  private readonly curator: SetCurator | null;
  private readonly foreign: RandomContext | null;
  private readonly ids = new Map<string, number>();
  private readonly perInstance = new Map<string, number>();
  private readonly counts = new Map<string, number>();
  private readonly accepted: AcceptedRow[] = [];
  private readonly rejections: Rejection[] = [];
  private readonly reference = new ArmTotals();
  private readonly arm = new ArmTotals();
  private readonly licenses = new Map<string, Map<string, number>>();

  constructor(options: CompileOptions, sink: CompileSink, counter: TokenCounter, curator: SetCurator | null) {
    this.options = options;
    this.sink = sink;
    this.curator = curator;
    this.foreign = options.control === 'random-context' ? new RandomContext(counter, options.seed) : null;
  }

  async add(mapped: MappedOutcome): Promise<void> {
    this.tally('trajectories');
    if ('rejection' in mapped) {
      this.reject(mapped.rejection);
      return;
    }
    const { meta } = mapped;
    this.tally(`compiled ${meta.kind}`);
    const cap = this.overCap(meta);
    if (cap !== null) return this.rejectMeta(meta, 'cap', 'instance-cap', cap);
    const refusal = this.curator?.refuse(meta, mapped.signature) ?? null;
    if (refusal) return this.rejectMeta(meta, refusal.stage, refusal.code, refusal.reason);
    if (meta.instanceId !== null)
      this.perInstance.set(meta.instanceId, (this.perInstance.get(meta.instanceId) ?? 0) + 1);
    if (this.foreign && mapped.example) {
      for (const ready of this.foreign.add(mapped.example, meta.license)) await this.emitForeign(ready);
      return;
    }
    await this.emit(mapped.line, meta);
  }

  async finish(issues: CompileReport['issues']): Promise<SetReport> {
    for (const ready of this.foreign?.finish() ?? []) await this.emitForeign(ready);
    const counts: Record<string, number> = {};
    for (const name of [...this.counts.keys()].sort()) counts[name] = this.counts.get(name)!;
    for (const [name, value] of Object.entries(this.curator?.summary() ?? {}))
      counts[`curation: ${name}`] = value;
    const arms: [string, ArmTotals][] =
      this.options.control === 'agent-sft'
        ? [
            ['acc', this.reference],
            ['agent-sft', this.arm],
          ]
        : [[this.options.control === 'none' ? 'acc' : this.options.control, this.arm]];
    return {
      options: this.options,
      counts,
      accepted: this.accepted,
      rejections: this.rejections,
      issues,
      ledger: ledgerRows(arms, this.options.match),
      licenses: Object.fromEntries(
        [...this.licenses].map(([file, names]) => [file, Object.fromEntries([...names].sort(byKey))]),
      ),
    };
  }

  private overCap(meta: ExampleMeta): string | null {
    const cap = this.options.perInstanceCap;
    if (cap === null || meta.instanceId === null) return null;
    return (this.perInstance.get(meta.instanceId) ?? 0) >= cap
      ? `instance ${meta.instanceId} already has ${cap} ${cap === 1 ? 'example' : 'examples'}`
      : null;
  }

  private async emitForeign({ source, license, result, lenders }: ForeignExample): Promise<void> {
    if (!result) {
      const meta = metaOf(source, license, null);
      return this.rejectMeta(
        meta,
        'other',
        'no-foreign-evidence',
        'no other example of the set gives foreign evidence',
      );
    }
    const meta = metaOf(result, license, null);
    const excluded = excludedByFlag(result, this.options);
    if (excluded) return this.rejectMeta(meta, excluded.stage, excluded.code, excluded.reason);
    await this.emit(exampleLine(result), meta);
    for (const lender of lenders)
      this.noteLicense({ ...lender, file: `${lender.file} (evidence in other examples)` });
  }

  private async emit(line: string | Uint8Array, meta: ExampleMeta): Promise<void> {
    const own = { processed: meta.prompt + meta.completion, supervised: meta.completion };
    if (meta.acc) {
      this.reference.add(meta.acc);
      if (!this.fitsMatch(own)) {
        const what = this.options.match === 'supervised' ? 'supervised' : 'processed';
        return this.rejectMeta(
          meta,
          'other',
          'matched',
          `left out so that the ${what} tokens stay matched to the ACC set`,
        );
      }
    }
    this.arm.add(own);
    const known = this.ids.get(meta.id) ?? 0;
    this.ids.set(meta.id, known + 1);
    const id = known === 0 ? meta.id : `${meta.id}~${known + 1}`;
    this.accepted.push({
      id,
      kind: meta.kind,
      file: meta.file,
      record: meta.record,
      prompt: meta.prompt,
      completion: meta.completion,
      gold: meta.goldCount,
      distractors: meta.distractorCount,
      flags: meta.flags,
    });
    this.tally('accepted');
    this.tally(`accepted ${meta.kind}`);
    for (const flag of meta.flags) this.tally(`flag ${flag}`);
    this.noteLicense(meta);
    await this.sink.example(known === 0 ? line : lineWithId(line, meta.id, id), { ...meta, id });
  }

  /**
   * Matching of a control arm: an example is taken while the arm's total stays within the reference's total so
   * far, so the two run side by side and the set need not be held. What is lacking at the end stands in the
   * ledger as epochs.
   */
  private fitsMatch(own: ArmTokens): boolean {
    const { match } = this.options;
    if (match === 'none') return true;
    return match === 'supervised'
      ? this.arm.supervised + own.supervised <= this.reference.supervised
      : this.arm.processed + own.processed <= this.reference.processed;
  }

  private noteLicense({ file, license }: StatedLicense): void {
    const names = this.licenses.get(file) ?? new Map<string, number>();
    const name = license ?? 'not stated';
    names.set(name, (names.get(name) ?? 0) + 1);
    this.licenses.set(file, names);
  }

  private rejectMeta(meta: ExampleMeta, stage: Rejection['stage'], code: string, reason: string): void {
    this.reject({
      trajectoryId: meta.id,
      file: meta.file,
      record: meta.record,
      kind: meta.kind,
      stage,
      code,
      reason,
      tokens: meta.prompt,
    });
  }

  private reject(rejection: Rejection): void {
    this.rejections.push(rejection);
    this.tally('rejected');
    this.tally(`rejected ${rejection.stage}`);
    this.tally(`reason ${rejection.code}`);
  }

  private tally(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
