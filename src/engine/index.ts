// The members of the Engine seam.

export {
  type CostDevice,
  createCostEngine,
  createTimedEngine,
  durations,
  type StageDurations,
  type TimedEngineHooks,
} from './cost/index.ts';
export { createOnnxEngine, type OnnxEngineOptions } from './onnx/index.ts';
