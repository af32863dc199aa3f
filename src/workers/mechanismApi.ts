import type { LoadSummary } from '../mechanism/compareLoad.ts';
import type { MechanismDocument, MechanismModel, QuerySet, SubjectKind } from '../mechanism/document.ts';
import type { Failure, Result } from './dataApi.ts';

/** The mechanism worker: documents, the numbers behind the charts, the board. Everything here is cloneable. */

export interface SubjectInfo {
  readonly name: string;
  readonly kind: SubjectKind;
  readonly step: number | null;
  readonly adapterSha256: string | null;
}

/** A document as lists show it. */
export interface DocumentSummary {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly origin: 'measured' | 'file';
  /** Still being measured: what is there so far. */
  readonly isPartial: boolean;
  readonly model: MechanismModel;
  readonly queries: QuerySet;
  readonly sinkTokens: number;
  readonly thresholds: readonly number[];
  readonly itemCount: number;
  readonly tokens: number;
  readonly queryTokens: number;
  /** Of all items' hashes: equal means identical tokens. */
  readonly itemsHash: string;
  readonly subjects: readonly SubjectInfo[];
  readonly sizeBytes: number;
}

export interface ChangeNumbers {
  readonly values: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
  readonly clear: readonly boolean[];
  readonly hasIntervals: boolean;
}
export interface LayerNumbers {
  readonly mean: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
}

/** The value by chance, pooled over the items, and how far the mean of each layer lies over it, paired by item. */
export interface ChanceNumbers {
  readonly value: number;
  readonly over: {
    readonly baseline: ChangeNumbers;
    readonly comparison: ChangeNumbers | null;
    readonly control: ChangeNumbers | null;
  };
}

/** One metric by head and layer, for each of the chosen subjects. */
export interface MetricFrame {
  readonly key: string;
  readonly baseline: readonly (number | null)[];
  readonly comparison: readonly (number | null)[] | null;
  readonly control: readonly (number | null)[] | null;
  /** comparison − baseline; clear only where comparison − control is clear too, when there is a control. */
  readonly change: ChangeNumbers | null;
  readonly overControl: ChangeNumbers | null;
  readonly layers: {
    readonly baseline: LayerNumbers;
    readonly comparison: LayerNumbers | null;
    readonly control: LayerNumbers | null;
    readonly change: ChangeNumbers | null;
  };
  /** What the metric is when attention ignores what is measured; null for metrics without such a value. */
  readonly chance: ChanceNumbers | null;
  readonly formula: string;
  readonly unit: string;
  readonly source: string;
}

export interface RoutingGroup {
  readonly by: string;
  readonly names: readonly string[];
  /** [layers, names, experts] row-major. */
  readonly baseline: readonly (number | null)[];
  readonly comparison: readonly (number | null)[] | null;
  /** Mean Jensen-Shannon divergence over pairs of names, by layer. */
  readonly divergenceBaseline: readonly (number | null)[];
  readonly divergenceComparison: readonly (number | null)[] | null;
}
export interface RouterNumbers {
  readonly normalizedEntropy: readonly (number | null)[];
  readonly gini: readonly (number | null)[];
  readonly maxOverMean: readonly (number | null)[];
  readonly effectiveExperts: readonly (number | null)[];
  readonly saturation: readonly (number | null)[];
  readonly kindDivergence: readonly (number | null)[];
}
/** Differences of the summaries that are tested, by layer. */
export type LoadChanges = Readonly<Record<LoadSummary, ChangeNumbers>>;
export interface RoutingFrame {
  readonly layers: readonly number[];
  readonly experts: number;
  readonly perToken: number;
  readonly baseline: readonly (number | null)[];
  readonly comparison: readonly (number | null)[] | null;
  readonly control: readonly (number | null)[] | null;
  readonly change: ChangeNumbers | null;
  readonly overControl: ChangeNumbers | null;
  readonly divergence: readonly (number | null)[] | null;
  readonly groups: readonly RoutingGroup[];
  readonly summary: {
    readonly baseline: RouterNumbers;
    readonly comparison: RouterNumbers | null;
    readonly control: RouterNumbers | null;
    readonly change: LoadChanges | null;
    readonly overControl: LoadChanges | null;
  };
}

/** Everything that the charts of one pair of subjects need, except single items and pairs of experts. */
export interface MechanismFrame {
  readonly document: DocumentSummary;
  readonly baseline: string;
  readonly comparison: string | null;
  readonly control: string | null;
  /** Why no difference is drawn; null when it is, or none was asked for. */
  readonly problem: string | null;
  readonly layers: number;
  readonly heads: number;
  readonly metric: MetricFrame;
  /** Metrics that the baseline has, in the order of the switch. */
  readonly metrics: readonly string[];
  /** Distances for which there is a metric `longRangeMass:<distance>`, ascending. */
  readonly thresholds: readonly number[];
  readonly sinkWarning: number | null;
  readonly spectrum: {
    readonly bins: number;
    readonly baseline: readonly (number | null)[];
    readonly comparison: readonly (number | null)[] | null;
  } | null;
  readonly composition: readonly {
    readonly name: string;
    readonly sink: readonly (number | null)[];
    readonly gold: readonly (number | null)[];
    readonly distractor: readonly (number | null)[];
  }[];
  /** Token share of gold among all tokens seen, mean over items. */
  readonly goldShare: number | null;
  readonly items: readonly { readonly id: string; readonly hash: string; readonly kind: string; readonly tokens: number; readonly queryTokens: number }[]; // prettier-ignore
  readonly routing: RoutingFrame | null;
  /** Where the numbers come from, for the footers. */
  readonly footer: string;
}

export interface FrameRequest {
  readonly documentId: string;
  readonly baseline: string | null;
  readonly comparison: string | null;
  readonly control: string | null;
  readonly metric: string;
}

/** One item along its tokens. */
export interface TrackFrame {
  readonly item: string;
  readonly kind: string;
  readonly tokens: number;
  readonly pieces: readonly { readonly id: string; readonly title: string; readonly role: 'gold' | 'distractor'; readonly start: number; readonly end: number }[]; // prettier-ignore
  readonly roles: readonly (readonly [number, number, string])[];
  readonly baseline: readonly number[] | null;
  readonly comparison: readonly number[] | null;
  readonly heads: string;
  readonly lifts: readonly {
    readonly id: string;
    readonly role: 'gold' | 'distractor';
    readonly tokenShare: number;
    readonly baseline: { readonly share: number; readonly low: number; readonly high: number } | null;
    readonly comparison: { readonly share: number; readonly low: number; readonly high: number } | null;
  }[];
}
export interface TrackRequest extends Omit<FrameRequest, 'metric'> {
  readonly itemIndex: number;
  readonly layer: number | null;
  readonly head: number | null;
}

/** Pairs of experts of one layer. */
export interface PairsFrame {
  readonly subject: string;
  readonly layer: number;
  readonly experts: number;
  readonly allPairs: readonly number[];
  readonly rankAdjacent: readonly number[];
}

/** One layer over the subjects that are checkpoints of one run. */
export interface FilmstripFrame {
  readonly layer: number;
  readonly frames: readonly { readonly name: string; readonly step: number | null; readonly experts: readonly (number | null)[]; readonly heads: readonly (number | null)[] }[]; // prettier-ignore
}

/** A chart kept on the board, as it was drawn. `geometry` is the chart layer's own data. */
export interface BoardPin {
  readonly id: string;
  readonly createdAt: number;
  readonly title: string;
  readonly footer: string;
  readonly geometry: unknown;
}
export interface Board {
  readonly notes: string;
  readonly pins: readonly BoardPin[];
}

export interface MechanismState {
  readonly documents: readonly DocumentSummary[];
}

export interface MechanismApi {
  start(onChange: (state: MechanismState) => void): Promise<void>;
  /** Shows the documents and the board of a project; called before anything else. */
  openProject(id: string): Promise<void>;
  /** Reads a document of any program; what is wrong with it comes back in words. */
  openFile(file: File): Promise<Result<DocumentSummary>>;
  /** Keeps a document measured here. With the id of a partial one it takes its place. */
  save(document: MechanismDocument, name: string, partialId: string | null): Promise<Result<DocumentSummary>>;
  /** Shows what is measured so far under an id; nothing is written. */
  receivePartial(document: MechanismDocument, name: string, partialId: string): Promise<void>;
  dropPartial(partialId: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  delete(id: string): Promise<void>;
  /** The document as JSON, to be saved. */
  exportFile(id: string): Promise<Result<File>>;
  read(id: string): Promise<Result<MechanismDocument>>;
  frame(request: FrameRequest): Promise<Result<MechanismFrame>>;
  track(request: TrackRequest): Promise<Result<TrackFrame>>;
  pairs(documentId: string, subject: string, layer: number): Promise<Result<PairsFrame | null>>;
  filmstrip(documentId: string, layer: number, metric: string): Promise<Result<FilmstripFrame>>;
  board(): Promise<Board>;
  saveBoard(board: Board): Promise<Failure | null>;
}
