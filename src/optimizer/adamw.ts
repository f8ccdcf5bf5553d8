// AdamW: Adam (D. P. Kingma, J. Ba, arXiv 1412.6980, algorithm 1) with weight decay apart from the gradient
// (I. Loshchilov, F. Hutter, arXiv 1711.05101, algorithm 2), in the form that PyTorch computes.

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
      const stepSize = learningRate / (1 - state.scalars[0]!);
      const correction = Math.sqrt(1 - state.scalars[1]!);
      const keep = 1 - learningRate * weightDecay;
      for (let i = from; i < to; i++) {
        const g = gradient[i]! * gradientScale;
        const m = Math.fround(beta1 * first[i]! + rest1 * g);
        const v = Math.fround(beta2 * second[i]! + rest2 * (g * g));
        first[i] = m;
        second[i] = v;
        weights[i] = keep * weights[i]! - (stepSize * m) / (Math.sqrt(v) / correction + epsilon);
      }
    },
  };
}
