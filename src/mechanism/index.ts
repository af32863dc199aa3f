/** What other layers use of the mechanism layer. */
export * from './document.ts';
export { parseMechanismDocument } from './readDocument.ts';
export { describeItem, readItem, type ItemResult, type MeasuredItem } from './items.ts';
export { measureMechanism, type MeasureHandlers, type SubjectMeasurement } from './measure.ts';
export { measureOrtMechanism } from './measureOrt.ts';
export { defaultMechanismOptions, planMechanism, sizesOf, type MechanismOptions } from './plan.ts';
export { subjectOf, type SubjectName } from './subject.ts';
export { attentionOfHead, gatesOfExpert, tokensOfExpert, type ExpertToken } from './inspect.ts';
