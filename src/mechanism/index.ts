/** What other layers use of the mechanism layer. */
export * from './document.ts';
export { definitions, type StatisticDefinition } from './definitions.ts';
export { parseMechanismDocument, readMechanismDocument } from './readDocument.ts';
export { describeItem, readItem, type ItemResult, type MeasuredItem } from './items.ts';
export { measureMechanism, type MeasureHandlers, type SubjectMeasurement } from './measure.ts';
export { measureOrtMechanism } from './measureOrt.ts';
export { defaultMechanismOptions, planMechanism, sizesOf, type MechanismOptions } from './plan.ts';
export { subjectOf, type SubjectName } from './subject.ts';
export {
  compareAttention,
  compareRouting,
  goldShare,
  headOverlap,
  isClaimed,
  retrievalHeads,
  type CellComparison,
  type Claim,
  type Comparison,
  type ComparisonNames,
} from './compare.ts';
export { discoveries, excludesZero, ItemBootstrap, type ItemDifference } from './bootstrap.ts';
export {
  attentionOfHead,
  gatesOfExpert,
  tokensOfExpert,
  type ExpertToken,
  type HeadAttention,
} from './inspect.ts';
