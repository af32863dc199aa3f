import type { ModelConfig } from '../model/config.ts';
import { definitions, type StatisticDefinition } from './definitions.ts';

/** Name in the `format` field. */
export const mechanismFormat = 'acc-mechanism';
export const mechanismVersion = 1;

export type QuerySet = 'answer' | 'all';
export type TokenRole = 'context' | 'question' | 'rationale' | 'answer' | 'template';
export const tokenRoles: readonly TokenRole[] = ['context', 'question', 'rationale', 'answer', 'template'];
export type PieceRole = 'gold' | 'distractor';
export type SubjectKind = 'base' | 'adapter' | 'control';

/** A piece of evidence in an item, as tokens [start, end). */
export interface MechanismPiece {
  readonly id: string;
  readonly role: PieceRole;
  readonly title?: string;
  readonly start: number;
  readonly end: number;
}

/** One input that all subjects were run on. */
export interface MechanismItem {
  readonly id: string;
  /** SHA-256, hex, of the token ids as little-endian u32: equal hash, identical tokens. */
  readonly hash: string;
  /** Agent kind or task: `search`, `swe`, `sql`, or any other name. */
  readonly kind: string;
  /** Tokens of the whole item. */
  readonly tokens: number;
  /** Query tokens |Q| of this item. */
  readonly queryTokens: number;
  readonly evidence: readonly MechanismPiece[];
  /** Runs of tokens [start, end) of one role, ascending, covering the item. */
  readonly roles: readonly (readonly [start: number, end: number, role: TokenRole])[];
  /** Shares to hold gold mass against; null without gold pieces. */
  readonly goldTokenShare?: number | null;
  readonly goldContextShare?: number | null;
  /** Copy steps of the retrieval score. */
  readonly copySteps?: number;
}

/** Statistics of attention that are one number per layer and head. */
export const attentionStatistics = [
  'meanDistance',
  'sinkExcludedDistance',
  'relativeDistance',
  'entropy',
  'normalizedEntropy',
  'sinkMass',
  'goldMass',
  'distractorMass',
  'retrievalScore',
] as const;
export type AttentionStatistic = (typeof attentionStatistics)[number];

/** What every document has; the rest may be left out by other programs. */
const requiredAttention: readonly AttentionStatistic[] = ['meanDistance', 'entropy'];

/** One layer and head. null: not measured, or no item to measure it on. */
export interface AttentionRow extends Readonly<Record<AttentionStatistic, number | null>> {
  readonly layer: number;
  readonly head: number;
  /** One per `settings.thresholds`; empty when not measured. */
  readonly longRangeMass: readonly number[];
  /** By bin of log2 distance; empty when not measured. */
  readonly distanceHistogram: readonly number[];
  /** By item: what a bootstrap over items resamples. Statistics not measured per item are absent. */
  readonly perItem: Readonly<Partial<Record<AttentionStatistic, readonly (number | null)[]>>> & {
    /** By threshold, then by item. */
    readonly longRangeMass?: readonly (readonly (number | null)[])[];
  };
}

/** Frequency and weight over some set of tokens; null where the set is empty. */
export interface RoutingShare {
  readonly frequency: number | null;
  readonly weight: number | null;
}

/** One layer and expert. */
export interface RoutingRow {
  readonly layer: number;
  readonly expert: number;
  readonly frequency: number;
  readonly weight: number;
  readonly perItem: {
    readonly frequency?: readonly (number | null)[];
    readonly weight?: readonly (number | null)[];
  };
  /** Over the query tokens of the items of each kind. */
  readonly byKind: Readonly<Record<string, RoutingShare>>;
  /** Over all tokens of each role, query token or not. */
  readonly byTokenRole: Readonly<Partial<Record<TokenRole, RoutingShare>>>;
  /** Over all tokens inside pieces of each role. */
  readonly byEvidenceRole: Readonly<Partial<Record<PieceRole, RoutingShare>>>;
}

/** One mixture-of-experts layer. null: not measured. */
export interface RouterSummary {
  readonly layer: number;
  readonly gini: number;
  readonly maxOverMean: number;
  readonly effectiveExperts: number;
  readonly routerEntropy: number | null;
  readonly saturationAgainstBase: number | null;
  readonly kindDivergence: readonly { readonly a: string; readonly b: string; readonly value: number }[];
  /** [E, E] row-major; empty when not measured. */
  readonly coActivation: readonly number[];
  readonly coActivationRankAdjacent: readonly number[];
}

/** Attention by position of the key, for the tracks along the context. */
export interface PositionalDensity {
  readonly bins: number;
  /** false: `values` are means over the heads of a layer. */
  readonly perHead: boolean;
  /** By item: [layers, heads or 1, bins] row-major. */
  readonly values: readonly (readonly number[])[];
}

/** One checkpoint or adapter. */
export interface MechanismSubject {
  readonly name: string;
  readonly kind: SubjectKind;
  readonly adapterSha256?: string;
  /** Step of training, for checkpoints of one run. */
  readonly step?: number;
  readonly attention: readonly AttentionRow[];
  /** Empty for dense models. */
  readonly routing: readonly RoutingRow[];
  readonly routerSummary: readonly RouterSummary[];
  /** By item: [layers, heads, pieces of the item] row-major. Empty when not measured. */
  readonly evidenceMass: readonly (readonly number[])[];
  readonly density: PositionalDensity | null;
}

export interface MechanismModel {
  readonly name: string;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly experts: number | null;
  readonly expertsPerToken: number | null;
}

/** Numbers that the definitions name. */
interface MechanismSettings {
  readonly sinkTokens: number;
  readonly thresholds: readonly number[];
}

/** What was run, so that every number can be traced. Free to grow. */
type MechanismRun = Readonly<Record<string, unknown>>;

/** The document that `acc mechanism` writes and the charts open: docs/mechanism-json.md. */
export interface MechanismDocument {
  readonly format: typeof mechanismFormat;
  readonly version: typeof mechanismVersion;
  readonly definitions: Readonly<Record<string, StatisticDefinition>>;
  readonly queries: QuerySet;
  readonly settings: MechanismSettings;
  readonly model: MechanismModel;
  readonly items: readonly MechanismItem[];
  readonly subjects: readonly MechanismSubject[];
  readonly run: MechanismRun;
}

/** What the document says of a model. */
export function describeModel(name: string, config: ModelConfig): MechanismModel {
  return {
    name,
    layers: config.numHiddenLayers,
    heads: config.numAttentionHeads,
    kvHeads: config.numKeyValueHeads,
    experts: config.moe?.numExperts ?? null,
    expertsPerToken: config.moe?.numExpertsPerTok ?? null,
  };
}

/** The document's head around subjects that were measured. */
export function makeDocument(
  parts: Omit<MechanismDocument, 'format' | 'version' | 'definitions'>,
): MechanismDocument {
  return { format: mechanismFormat, version: mechanismVersion, definitions, ...parts };
}

/** Statistics that every attention row must carry as a number. */
export function isRequiredStatistic(name: AttentionStatistic): boolean {
  return requiredAttention.includes(name);
}
