// Optimizers: updates of a stage's weights with the same bits on every machine.

export { type AdamWSettings, adamw } from './adamw.ts';
export { addSquares, clipFactor } from './clip.ts';
export { type Optimizer, type SliceUpdate, type StepRequest, step } from './optimizer.ts';
export { createOptimizer, type OptimizerName, type OptimizerSettings, optimizers } from './registry.ts';
export { type LearningRateSchedule, learningRateAt } from './schedule.ts';
export { type SgdSettings, sgd } from './sgd.ts';
export {
  copyState,
  decodeState,
  encodeState,
  type OptimizerState,
  OptimizerStateError,
  stateBytes,
} from './state.ts';
