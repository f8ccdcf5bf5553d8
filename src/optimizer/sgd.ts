// Stochastic gradient descent with momentum (I. Sutskever et al., On the importance of initialization and momentum,
// ICML 2013, in the form that PyTorch computes: the momentum adds up gradients, the rate multiplies the sum), and
// weight decay apart from the gradient (arXiv 1711.05101, algorithm 1).

import { checkSlice, type Optimizer } from './optimizer.ts';

export interface SgdSettings {
  /** Share of the momentum that is kept from step to step, 0.9 when left out. */
  readonly momentum?: number;
  /** Share of a weight that a step with learning rate 1 takes away, 0 when left out. */
  readonly weightDecay?: number;
}

/** SGD with momentum over flat float32 weights. */
export function sgd(settings: SgdSettings = {}): Optimizer {
  const { momentum = 0.9, weightDecay = 0 } = settings;
  return {
    name: 'sgd',

    start: (parameters) => ({ scalars: new Float64Array(0), moments: [new Float32Array(parameters)] }),

    begin() {},

    apply(update) {
      checkSlice(update);
      const { weights, gradient, state, learningRate, gradientScale, from, to } = update;
      const velocity = state.moments[0]!;
      const keep = 1 - learningRate * weightDecay;
      for (let i = from; i < to; i++) {
        const v = Math.fround(momentum * velocity[i]! + gradient[i]! * gradientScale);
        velocity[i] = v;
        weights[i] = keep * weights[i]! - learningRate * v;
      }
    },
  };
}
