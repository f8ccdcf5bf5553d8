// The demo's model: the one that commands train by themselves and benchmarks speak of.

/** As fields of a scenario file: one block a stage, contexts of 128 bytes; 857,216 parameters at four stages. */
export function demoModel(stages: number) {
  return {
    width: 128,
    heads: 4,
    kvHeads: 4,
    hidden: 344,
    vocabulary: 256,
    context: 128,
    layers: stages,
    anchorLayers: 1,
  };
}

/** How the demo trains it, in so many replicas of each stage: 2,048 tokens an iteration. */
export function demoTraining(stageSizes: readonly number[]) {
  return {
    stages: stageSizes.length,
    stageSizes,
    microbatchesPerAnchor: Math.max(1, Math.round(4 / stageSizes[0]!)),
    samplesPerMicrobatch: 4,
    optimizer: 'adamw',
    learningRate: 3e-3,
    betas: [0.9, 0.95],
  };
}

/** What is different where it trains by forward passes alone: 64 bytes an iteration; the rate is that of docs/one-byte.md. */
export const demoForwardPasses = {
  optimizer: 'sgd',
  momentum: 0,
  clip: 0,
  directions: 4,
  normalizeSteps: true,
  learningRate: 3e-3,
  decay: 'linear',
};
