// How long a device takes for each part of a stage: the roofline model. A part is bound by arithmetic or by memory,
// whichever takes longer (Williams, Waterman, Patterson: Roofline, CACM 2009).

import { stageWork, type Work } from '../../model/work.ts';
import { EngineError, type StageProgram } from '../../seams/engine.ts';

export interface CostDevice {
  /** Peak of its arithmetic, float32. */
  readonly flopsPerSecond: number;
  /** Share of the peak that real kernels reach, above 0 and at most 1. */
  readonly efficiency: number;
  readonly memoryBytesPerSecond: number;
  /** What weights, gradients and residuals must fit in; Infinity where it does not matter. */
  readonly memoryBytes: number;
}

/** Seconds per micro-batch; `updateSeconds`, `writeSeconds` per stage. */
export interface StageDurations {
  readonly forwardSeconds: number;
  /** Both parts of the backward together. */
  readonly backwardSeconds: number;
  readonly backwardInputSeconds: number;
  readonly backwardWeightSeconds: number;
  /** Loss and gradients. */
  readonly headSeconds: number;
  /** Loss or logits without gradients. */
  readonly headForwardSeconds: number;
  /** One AdamW step. */
  readonly updateSeconds: number;
  /** Making a stage's weights under one perturbation. */
  readonly perturbSeconds: number;
  /** Moving a stage's weights or gradients once. */
  readonly transferSeconds: number;
}

/** Durations of a stage's parts on a device. Throws an `EngineError` when the device's numbers make no sense. */
export function durations(program: StageProgram, device: CostDevice): StageDurations {
  checkDevice(device);
  const work = stageWork(program.model, program.stage, program.samples);
  const seconds = ({ flops, bytes }: Work) =>
    Math.max(flops / (device.flopsPerSecond * device.efficiency), bytes / device.memoryBytesPerSecond);
  const backwardInputSeconds = seconds(work.backwardInput);
  const backwardWeightSeconds = seconds(work.backwardWeight);
  return {
    forwardSeconds: seconds(work.forward),
    backwardSeconds: backwardInputSeconds + backwardWeightSeconds,
    backwardInputSeconds,
    backwardWeightSeconds,
    headSeconds: seconds(work.head),
    headForwardSeconds: seconds(work.headForward),
    updateSeconds: seconds(work.update),
    perturbSeconds: seconds(work.perturb),
    transferSeconds: (2 * work.weightBytes) / device.memoryBytesPerSecond,
  };
}

function checkDevice(device: CostDevice): void {
  for (const field of ['flopsPerSecond', 'efficiency', 'memoryBytesPerSecond', 'memoryBytes'] as const) {
    if (!(device[field] > 0)) {
      throw new EngineError(`device.${field} must be greater than 0, not ${device[field]}`);
    }
  }
  if (device.efficiency > 1) {
    throw new EngineError(`device.efficiency must be at most 1, not ${device.efficiency}`);
  }
}
