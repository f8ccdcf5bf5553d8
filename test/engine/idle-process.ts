// A process that leaves its engine open: it must end by itself, after the answer it waits for.

import { createOnnxEngine } from '../../src/engine/index.ts';
import { initialWeights } from '../../src/model/initial.ts';

const model = {
  width: 16,
  heads: 2,
  kvHeads: 2,
  hidden: 16,
  vocabulary: 32,
  context: 8,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};
const stage = { blocks: 1, anchor: false };
const engine = await createOnnxEngine();
await engine.load({ model, stage, samples: 1 }, initialWeights(model, [stage], 0, 1));
const output = await engine.forward({ key: 0, input: new Float32Array(128).fill(1), keep: true });
console.log(`${output.length} values`);
