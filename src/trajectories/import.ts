export type {
  ContainerStep,
  EnvelopePlace,
  FoundDatabase,
  ImportEvent,
  ImportTotals,
  RecognisedFile,
  RecordPlace,
  TrajectoryLocator,
} from './io/locator.ts';
