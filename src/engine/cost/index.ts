// The cost model and the engines that live in virtual time.

export { createCostEngine } from './cost-engine.ts';
export { CostModel } from './model.ts';
export { VirtualDevice } from './virtual-device.ts';
export { type CostDevice, durations, type StageDurations } from './durations.ts';
export { createTimedEngine, type TimedEngineHooks } from './timed-engine.ts';
