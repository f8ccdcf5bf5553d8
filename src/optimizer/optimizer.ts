// The optimizer seam: updates of a stage's flat weights, in place, in arithmetic that gives the same bits on every
// machine.
//
// Rules for members. Only + − × ÷, Math.sqrt and Math.fround on JavaScript numbers: these are IEEE 754 double
// operations with one rounding each, on every machine; powers, exponentials and sines are not. Each element is
// computed in float64 from float32 operands and rounded once to float32 where it is stored. Elements are independent,
// so a step may be applied slice by slice with other work in between, and any slicing gives the same bits.

import type { OptimizerState } from './state.ts';

/** One slice of one step. All arrays have the stage's number of parameters. */
export interface SliceUpdate {
  /** Changed in place. */
  readonly weights: Float32Array;
  /** Only read. */
  readonly gradient: Float32Array;
  /** Moments, changed in place. */
  readonly state: OptimizerState;
  readonly learningRate: number;
  /** Multiplies the gradient as it is read: a clip factor, one over a count, or both. */
  readonly gradientScale: number;
  /** Elements from `from` to `to` − 1. */
  readonly from: number;
  readonly to: number;
}

export interface Optimizer {
  readonly name: string;
  /** Fresh state for that many parameters: no step taken, moments zero. */
  start(parameters: number): OptimizerState;
  /** Opens a step: moves what changes once a step. Call it once, then `apply` for slices that cover everything. */
  begin(state: OptimizerState): void;
  /** Applies the open step to one slice; each element must be covered exactly once a step. */
  apply(update: SliceUpdate): void;
}

export interface StepRequest {
  readonly weights: Float32Array;
  readonly gradient: Float32Array;
  readonly state: OptimizerState;
  readonly learningRate: number;
  /** 1 when left out. */
  readonly gradientScale?: number;
}

/** One whole step at once: `begin`, then `apply` over everything. Throws a RangeError when lengths differ. */
export function step(optimizer: Optimizer, request: StepRequest): void {
  const { weights, gradient, state, learningRate, gradientScale = 1 } = request;
  optimizer.begin(state);
  const everything = { from: 0, to: weights.length };
  optimizer.apply({ weights, gradient, state, learningRate, gradientScale, ...everything });
}

/** Throws a RangeError when a slice update's arrays or bounds do not fit together. */
export function checkSlice(update: SliceUpdate): void {
  const { weights, gradient, state, from, to } = update;
  const lengths = [gradient.length, ...state.moments.map((moment) => moment.length)];
  if (lengths.some((length) => length !== weights.length)) {
    throw new RangeError(
      `${weights.length} weights do not fit a gradient and moments of ${lengths.join(', ')}`,
    );
  }
  if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= weights.length)) {
    throw new RangeError(`${from} to ${to} is not a slice of ${weights.length} weights`);
  }
}
