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
