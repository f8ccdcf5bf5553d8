// Using what was trained: scoring held-out text and writing new text, also with stages left out.

export {
  DEFAULT_EVALUATION_TOKENS,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
} from './evaluate.ts';
export { DEFAULT_SAMPLING, type Generated, type GenerateOptions, generate } from './generate.ts';
export type { SamplingRule } from './sampling.ts';
export {
  InferenceError,
  type LoadedModel,
  type LoadOptions,
  loadModel,
  type PathOptions,
  pathWithout,
  skippableStages,
} from './staged.ts';
