import { assert } from '../core/assert.ts';
import { InputError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import { roundUp, subRange, type BufferRange, type Buffers } from '../gpu/buffers.ts';
import type { ParameterBank } from '../gpu/kernels/optimizer.ts';
import type { Weight } from '../gpu/tensors.ts';
import type { ModelConfig } from '../model/config.ts';
import type { LoraOptions } from './types.ts';

/** The linear layers of a decoder layer, grouped by the input they share. */
export type SiteKind = 'qkv' | 'o' | 'gateUp' | 'down' | 'router';

/** Where a tensor's numbers lie: the bank, the first byte (a multiple of 256), bytes. */
export interface TensorSlot {
  readonly bank: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** One adapted linear layer of a site; for experts the same one of every expert. */
export interface SiteModule {
  /** Module path; `*` stands for the expert's number. */
  readonly path: string;
  /** First of its columns in the site's output, and how many. */
  readonly outStart: number;
  readonly outFeatures: number;
  /** First of its columns in u = A x; columns past the rank are zero. */
  readonly uStart: number;
  /** [experts, outFeatures, paddedRank] */
  readonly b: TensorSlot;
}

/** Adapted linear layers that share their input, dropout included: u = A x is made for all of them at once. */
export interface LoraSite {
  readonly kind: SiteKind;
  /** Number among the sites of its kind: they draw different masks. */
  readonly number: number;
  readonly inFeatures: number;
  readonly rank: number;
  /** Rank rounded up to a multiple of 4; the padding stays zero through training. */
  readonly paddedRank: number;
  readonly scale: number;
  /** Pairs stacked along experts; 1 for dense layers and shared expert pairs. */
  readonly stacked: number;
  /** Experts of the layer; 0 for dense layers. */
  readonly experts: number;
  readonly modules: readonly SiteModule[];
  /** [stacked, modules · paddedRank, inFeatures] */
  readonly a: TensorSlot;
}

/** One site for each kind; with dropout one for each module, since each pair drops inputs of its own. */
type LayerSites = Partial<Readonly<Record<SiteKind, readonly LoraSite[]>>>;

/** Every trained tensor and where it lies. Banks hold numbers, gradients or moments alike. */
export interface LoraLayout {
  readonly layers: readonly LayerSites[];
  readonly bankBytes: readonly number[];
  readonly trainableParameters: number;
  /** First layer that has an adapter: the backward pass ends there. */
  readonly lowestLayer: number;
}

/** Whether a pattern names a module path: the whole path or its end at a dot, `*` for any part. */
function matchesTarget(pattern: string, path: string): boolean {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`(^|\\.)${escaped}$`).test(path);
}

interface ModuleShape {
  readonly path: string;
  readonly outStart: number;
  readonly outFeatures: number;
}

interface SiteShape {
  readonly kind: SiteKind;
  readonly inFeatures: number;
  readonly experts: number;
  readonly modules: readonly ModuleShape[];
}

/** The linear layers of one decoder layer. */
function siteShapes(config: ModelConfig, layer: number): SiteShape[] {
  const { hiddenSize: c, numAttentionHeads: h, numKeyValueHeads: k, headDim: d } = config;
  const p = `model.layers.${layer}`;
  const isMoe = config.layers[layer]!.mlp === 'moe';
  const experts = isMoe ? config.moe!.numExperts : 0;
  const width = isMoe ? config.moe!.moeIntermediateSize : config.intermediateSize;
  const mlp = isMoe ? `${p}.mlp.experts.*` : `${p}.mlp`;
  const module = (path: string, outStart: number, outFeatures: number): ModuleShape => ({
    path,
    outStart,
    outFeatures,
  });
  const shapes: SiteShape[] = [
    {
      kind: 'qkv',
      inFeatures: c,
      experts: 0,
      modules: [
        module(`${p}.self_attn.q_proj`, 0, h * d),
        module(`${p}.self_attn.k_proj`, h * d, k * d),
        module(`${p}.self_attn.v_proj`, (h + k) * d, k * d),
      ],
    },
    { kind: 'o', inFeatures: h * d, experts: 0, modules: [module(`${p}.self_attn.o_proj`, 0, c)] },
    {
      kind: 'gateUp',
      inFeatures: c,
      experts,
      modules: [module(`${mlp}.gate_proj`, 0, width), module(`${mlp}.up_proj`, width, width)],
    },
    { kind: 'down', inFeatures: width, experts, modules: [module(`${mlp}.down_proj`, 0, c)] },
  ];
  if (isMoe) {
    shapes.push({
      kind: 'router',
      inFeatures: c,
      experts: 0,
      modules: [module(`${p}.mlp.gate`, 0, experts)],
    });
  }
  return shapes;
}

/** Paths of a module: one, or one for each expert. */
export function modulePaths(path: string, experts: number): string[] {
  if (experts === 0) return [path];
  return Array.from({ length: experts }, (_, e) => path.replace('*', String(e)));
}

function isTarget(path: string, experts: number, targets: readonly string[]): boolean {
  const paths = modulePaths(path, experts);
  const chosen = paths.filter((one) => targets.some((pattern) => matchesTarget(pattern, one))).length;
  if (chosen > 0 && chosen < paths.length) {
    throw new InputError('unsupported-targets', `The targets choose ${chosen} of ${paths.length} experts`, {
      where: path,
      expected: 'all experts of a layer or none',
      advice: 'write * for the expert, as in mlp.experts.*.gate_proj',
    });
  }
  return chosen > 0;
}

/** Lays out every adapter the options ask for. Throws `InputError` for options that cannot be met. */
export function planLora(config: ModelConfig, options: LoraOptions, maxBankBytes: number): LoraLayout {
  const expertRank = options.expertRank ?? options.rank;
  for (const [name, value] of [
    ['rank', options.rank],
    ['expertRank', expertRank],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > 256) {
      throw new InputError('bad-rank', `"${name}" is unusable`, {
        expected: 'an integer from 1 to 256',
        actual: String(value),
      });
    }
  }
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    throw new InputError('bad-dropout', '"dropout" is unusable', {
      expected: 'a number from 0 up to, not including, 1',
      actual: String(options.dropout),
    });
  }
  for (const pattern of options.targets) {
    const known = config.layers.some((_, layer) =>
      siteShapes(config, layer).some(
        (site) =>
          site.kind !== 'router' &&
          site.modules.some(({ path }) =>
            modulePaths(path, site.experts).some((one) => matchesTarget(pattern, one)),
          ),
      ),
    );
    if (!known) {
      throw new InputError('unknown-target', `The target "${pattern}" names no linear layer`, {
        expected: 'for example q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj',
        advice: 'the router is adapted by trainRouter',
      });
    }
  }
  const bankBytes: number[] = [];
  let trainableParameters = 0;
  const place = (numbers: number): TensorSlot => {
    const sizeBytes = numbers * 4;
    const taken = roundUp(sizeBytes, 256);
    if (taken > maxBankBytes) {
      throw new InputError('does-not-fit', 'A LoRA tensor is larger than this GPU binds at once', {
        expected: `at most ${maxBankBytes} bytes`,
        actual: `${sizeBytes} bytes`,
        advice: 'lower the rank (expertRank for experts) or let the experts share a pair',
      });
    }
    let bank = bankBytes.length - 1;
    if (bank < 0 || bankBytes[bank]! + taken > maxBankBytes) bank = bankBytes.push(0) - 1;
    const offset = bankBytes[bank]!;
    bankBytes[bank] = offset + taken;
    return { bank, offset, sizeBytes };
  };
  const layers = config.layers.map((_, layer): LayerSites => {
    const sites: Partial<Record<SiteKind, readonly LoraSite[]>> = {};
    for (const shape of siteShapes(config, layer)) {
      const chosen = shape.modules.filter((module) =>
        shape.kind === 'router' ? options.trainRouter : isTarget(module.path, shape.experts, options.targets),
      );
      if (chosen.length === 0) continue;
      const rank = shape.experts > 0 ? expertRank : options.rank;
      const paddedRank = roundUp(rank, 4);
      const stacked = shape.experts > 0 && !options.sharedExpertAdapter ? shape.experts : 1;
      const together = options.dropout > 0 ? chosen.map((module) => [module]) : [chosen];
      sites[shape.kind] = together.map((modules, number) => ({
        kind: shape.kind,
        number,
        inFeatures: shape.inFeatures,
        rank,
        paddedRank,
        scale: options.alpha / (options.useRslora ? Math.sqrt(rank) : rank),
        stacked,
        experts: shape.experts,
        a: place(stacked * modules.length * paddedRank * shape.inFeatures),
        modules: modules.map((module, index) => ({
          ...module,
          uStart: index * paddedRank,
          // Rows of B are read four at a time: a router of, say, 6 experts is padded.
          b: place(stacked * roundUp(module.outFeatures, 4) * paddedRank),
        })),
      }));
      for (const { outFeatures } of chosen) {
        trainableParameters += stacked * rank * (shape.inFeatures + outFeatures);
      }
    }
    return sites;
  });
  const lowestLayer = layers.findIndex((sites) => Object.keys(sites).length > 0);
  if (lowestLayer < 0) {
    throw new InputError('no-targets', 'Nothing would be trained', {
      expected: 'at least one target, or trainRouter on a model with experts',
    });
  }
  return { layers, bankBytes, trainableParameters, lowestLayer };
}

/** Makes the banks (owned by the caller, zeroed). With counting buffers this is the memory plan. */
export function createBanks(buffers: Buffers, layout: LoraLayout): ParameterBank[] {
  return layout.bankBytes.map((bytes, bank) => ({
    values: buffers.range(`adapter/values ${bank}`, bytes),
    gradients: buffers.range(`adapter/gradients ${bank}`, bytes),
    first: buffers.range(`adapter/first moments ${bank}`, bytes),
    second: buffers.range(`adapter/second moments ${bank}`, bytes),
  }));
}

/** A tensor of a bank's numbers as the product kernels take it. */
export function slotWeight(
  banks: readonly ParameterBank[],
  slot: TensorSlot,
  rows: number,
  cols: number,
): Weight {
  const data = subRange(banks[slot.bank]!.values, slot.offset, slot.sizeBytes);
  return { label: 'adapter', type: 'f32', rows, cols, parts: [{ firstRow: 0, rows, data, scales: null }] };
}

/** Where a tensor's gradient lies. */
export function slotGradient(banks: readonly ParameterBank[], slot: TensorSlot): BufferRange {
  return subRange(banks[slot.bank]!.gradients, slot.offset, slot.sizeBytes);
}

/** One pair within a site: the module and which of the stacked pairs. */
export interface PairPlace {
  readonly path: string;
  readonly site: LoraSite;
  readonly module: SiteModule;
  readonly index: number;
}

/** Every pair in a fixed order. Shared expert pairs keep the `*` in their path. */
export function pairPlaces(layout: LoraLayout): PairPlace[] {
  const places: PairPlace[] = [];
  for (const sites of layout.layers) {
    for (const site of Object.values(sites).flat()) {
      for (const module of site.modules) {
        for (let index = 0; index < site.stacked; index++) {
          const path = site.stacked > 1 ? module.path.replace('*', String(index)) : module.path;
          places.push({ path, site, module, index });
        }
      }
    }
  }
  return places;
}

/** Elements of a bank (f32) that hold row j of A, or row o of B, of a pair. */
function aStart({ site, module, index }: PairPlace, j: number): number {
  const rows = site.modules.length * site.paddedRank;
  return site.a.offset / 4 + (index * rows + module.uStart + j) * site.inFeatures;
}

function bStart({ site, module, index }: PairPlace, o: number): number {
  return module.b.offset / 4 + (index * roundUp(module.outFeatures, 4) + o) * site.paddedRank;
}

/** Takes A [r, in] and B [out, r] of a pair out of the banks' contents, without padding. */
export function readPair(
  banks: readonly Float32Array[],
  place: PairPlace,
): { readonly a: Float32Array; readonly b: Float32Array } {
  const { site, module } = place;
  const a = new Float32Array(site.rank * site.inFeatures);
  const b = new Float32Array(module.outFeatures * site.rank);
  for (let j = 0; j < site.rank; j++) {
    const at = aStart(place, j);
    a.set(banks[site.a.bank]!.subarray(at, at + site.inFeatures), j * site.inFeatures);
  }
  for (let o = 0; o < module.outFeatures; o++) {
    const at = bStart(place, o);
    b.set(banks[module.b.bank]!.subarray(at, at + site.rank), o * site.rank);
  }
  return { a, b };
}

/** Puts A and B of a pair into the banks' contents. */
export function writePair(
  banks: readonly Float32Array[],
  place: PairPlace,
  a: Float32Array,
  b: Float32Array,
): void {
  const { site, module } = place;
  assert(
    a.length === site.rank * site.inFeatures && b.length === module.outFeatures * site.rank,
    `pair of ${place.path} has another shape`,
  );
  for (let j = 0; j < site.rank; j++) {
    banks[site.a.bank]!.set(a.subarray(j * site.inFeatures, (j + 1) * site.inFeatures), aStart(place, j));
  }
  for (let o = 0; o < module.outFeatures; o++) {
    banks[module.b.bank]!.set(b.subarray(o * site.rank, (o + 1) * site.rank), bStart(place, o));
  }
}

/** Initial numbers: A uniform in ±1/√in (PEFT's Kaiming-uniform with a = √5), B zero. */
export function initialBanks(layout: LoraLayout, seed: number): Float32Array<ArrayBuffer>[] {
  const banks = layout.bankBytes.map((bytes) => new Float32Array(bytes / 4));
  for (const place of pairPlaces(layout)) {
    const { rank, inFeatures } = place.site;
    const rng = new Rng(`${seed}/lora/${place.path}`);
    const bound = 1 / Math.sqrt(inFeatures);
    const a = new Float32Array(rank * inFeatures);
    for (let i = 0; i < a.length; i++) a[i] = (2 * rng.next() - 1) * bound;
    writePair(banks, place, a, new Float32Array(place.module.outFeatures * rank));
  }
  return banks;
}
