// AdamW: Adam (D. P. Kingma, J. Ba, arXiv 1412.6980, algorithm 1) with weight decay apart from the gradient
// (I. Loshchilov, F. Hutter, arXiv 1711.05101, algorithm 2), in the form that PyTorch computes.

import { vectorLoop } from './adamw-kernel.ts';
import { checkSlice, type Optimizer } from './optimizer.ts';

export interface AdamWSettings {
  /** Decay of the first moment, 0.9 when left out. */
  readonly beta1?: number;
  /** Decay of the second moment, 0.95 when left out. */
  readonly beta2?: number;
  /** Added to the square root of the second moment, 1e-8 when left out. */
  readonly epsilon?: number;
  /** Share of a weight that a step with learning rate 1 takes away, 0 when left out. */
  readonly weightDecay?: number;
}

/** AdamW over flat float32 weights. */
export function adamw(settings: AdamWSettings = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0 } = settings;
  const rest1 = 1 - beta1;
  const rest2 = 1 - beta2;
  return {
    name: 'adamw',

    start: (parameters) => ({
      // beta1^steps and beta2^steps, kept as products because Math.pow differs between machines.
      scalars: Float64Array.of(1, 1),
      moments: [new Float32Array(parameters), new Float32Array(parameters)],
    }),

    begin({ scalars }) {
      scalars[0]! *= beta1;
      scalars[1]! *= beta2;
    },

    apply(update) {
      checkSlice(update);
      const { weights, gradient, state, learningRate, gradientScale, from, to } = update;
      const [first, second] = state.moments as [Float32Array, Float32Array];
      loop ??= vectorLoop() ?? plainLoop;
      loop(
        { weights, gradient, first, second, from, to },
        {
          ...{ beta1, rest1, beta2, rest2, epsilon, gradientScale },
          stepSize: learningRate / (1 - state.scalars[0]!),
          correction: Math.sqrt(1 - state.scalars[1]!),
          keep: 1 - learningRate * weightDecay,
        },
      );
    },
  };
}

/** What the loop works on: weights and moments are changed in place, from `from` to `to` − 1. */
export interface AdamWSlice {
  readonly weights: Float32Array;
  readonly gradient: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly from: number;
  readonly to: number;
}

export interface AdamWFactors {
  readonly beta1: number;
  readonly rest1: number;
  readonly beta2: number;
  readonly rest2: number;
  readonly epsilon: number;
  readonly gradientScale: number;
  readonly stepSize: number;
  readonly correction: number;
  readonly keep: number;
}

export type AdamWLoop = (slice: AdamWSlice, factors: AdamWFactors) => void;

/** The loop for this thread: by vectors where there are any, else plain. */
let loop: AdamWLoop | undefined;

export const plainLoop: AdamWLoop = ({ weights, gradient, first, second, from, to }, factors) => {
  const { beta1, rest1, beta2, rest2, epsilon, gradientScale, stepSize, correction, keep } = factors;
  for (let i = from; i < to; i++) {
    const g = gradient[i]! * gradientScale;
    const m = Math.fround(beta1 * first[i]! + rest1 * g);
    const v = Math.fround(beta2 * second[i]! + rest2 * (g * g));
    first[i] = m;
    second[i] = v;
    weights[i] = keep * weights[i]! - (stepSize * m) / (Math.sqrt(v) / correction + epsilon);
  }
};
