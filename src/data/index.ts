// The run's text: what it is, which part of it is trained on, and in which order.

export { drawSamples, type SampleRequest } from './samples.ts';
export {
  compareText,
  type Digest,
  describeText,
  type HeldOutRule,
  heldOutRule,
  type TextComparison,
  type TextDescription,
  TextError,
  type TextErrorCode,
} from './text.ts';
export {
  heldOutWindows,
  onlyLabels,
  readWindows,
  recordWindows,
  type TokenBatch,
  trainingWindows,
  type Windows,
  windowOffset,
} from './windows.ts';
