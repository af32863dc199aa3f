import { UsageError } from '../core/errors.ts';
import type { CompileOptions, EvidenceMaskOptions, EvidenceOrder } from './types.ts';

export const evidenceOrders: readonly EvidenceOrder[] = [
  'shuffle',
  'chronological',
  'reverse',
  'gold-first',
  'gold-middle',
  'gold-last',
];
export const controlKinds = ['none', 'agent-sft', 'random-context', 'evidence-mask'] as const;
const sweAnswerForms = ['diff', 'edited-code', 'file-list'] as const;

/** The paper's setting: 131,072 tokens, shuffled evidence, every distractor that fits. */
export const defaultCompileOptions: CompileOptions = {
  budget: 131072,
  seed: 0,
  order: 'shuffle',
  distractors: 'all',
  distractorTier: 2,
  control: 'none',
  mask: null,
  match: 'processed',
  sweAnswer: 'diff',
  rationale: 'keep',
  acceptUnverified: false,
  perInstanceCap: null,
  countTokens: true,
  kindOverrides: {},
  excludeFlags: [],
};

export const defaultMask: EvidenceMaskOptions = {
  unit: 'piece',
  target: 'random',
  share: 0.3,
  fill: 'filler',
};

/**
 * Complete, checked options in a fixed key order (they are written to `recipe.json` as they are).
 * @throws UsageError naming the option, its value and what is allowed.
 */
export function resolveCompileOptions(given: Partial<CompileOptions>): CompileOptions {
  const options = { ...defaultCompileOptions, ...given };
  requireInteger('budget', options.budget, 64);
  requireInteger('seed', options.seed, Number.MIN_SAFE_INTEGER);
  requireOneOf('order', options.order, evidenceOrders);
  requireOneOf('control', options.control, controlKinds);
  requireOneOf('match', options.match, ['processed', 'supervised', 'none']);
  requireOneOf('sweAnswer', options.sweAnswer, sweAnswerForms);
  requireOneOf('rationale', options.rationale, ['keep', 'drop']);
  requireOneOf('distractorTier', options.distractorTier, [1, 2]);
  if (options.distractors !== 'all' && options.distractors !== 'none') {
    requireInteger('distractors', options.distractors, 0);
  }
  if (options.perInstanceCap !== null) requireInteger('perInstanceCap', options.perInstanceCap, 1);
  const mask = options.control === 'evidence-mask' ? (options.mask ?? defaultMask) : options.mask;
  if (mask && !(mask.share >= 0 && mask.share <= 1)) {
    throw new UsageError('bad-option', 'mask share is out of range', {
      expected: '0 … 1',
      actual: String(mask.share),
    });
  }
  return {
    budget: options.budget,
    seed: options.seed,
    order: options.order,
    distractors: options.distractors,
    distractorTier: options.distractorTier,
    control: options.control,
    mask: mask && { unit: mask.unit, target: mask.target, share: mask.share, fill: mask.fill },
    match: options.match,
    sweAnswer: options.sweAnswer,
    rationale: options.rationale,
    acceptUnverified: options.acceptUnverified,
    perInstanceCap: options.perInstanceCap,
    countTokens: options.countTokens,
    kindOverrides: Object.fromEntries(
      Object.entries(options.kindOverrides).sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    excludeFlags: [...new Set(options.excludeFlags ?? [])].sort(),
  };
}

function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new UsageError('bad-option', `option ${name} is not usable`, {
    expected: least === Number.MIN_SAFE_INTEGER ? 'a whole number' : `a whole number of at least ${least}`,
    actual: String(value),
  });
}

function requireOneOf<T extends string | number>(name: string, value: T, allowed: readonly T[]): void {
  if (allowed.includes(value)) return;
  throw new UsageError('bad-option', `option ${name} is not usable`, {
    expected: allowed.join(', '),
    actual: String(value),
  });
}
