// What a forward under regenerated directions costs beside a plain one, in the engine's worker thread, with one thread:
// the weights are made anew for each direction, so one for all samples of a micro-batch is cheaper than one for each.
// The three take turns, and medians are compared.

import { createOnnxEngine } from '../src/engine/index.ts';
import { initialWeights } from '../src/model/initial.ts';
import type { Engine, Perturbation } from '../src/seams/engine.ts';
import { median } from '../src/swarm/membership/medians.ts';

export const flags = { rounds: 'number' } as const;

const shapes = [
  { width: 128, heads: 4, hidden: 344, context: 128, blocks: 1, samples: 4 },
  { width: 512, heads: 8, hidden: 1376, context: 128, blocks: 1, samples: 4 },
];
const WARM_UP = 5;

export async function run({ rounds = 60 }: { readonly rounds?: number } = {}) {
  const engine = await createOnnxEngine({ threads: 1 });
  try {
    const rows = [];
    for (const shape of shapes) rows.push(await measure(engine, shape, rounds));
    return {
      bench: 'perturbation',
      rows,
      notes: ['ratios are to the plain forward; a forward keeps nothing here'],
    };
  } finally {
    await engine.close();
  }
}

async function measure(engine: Engine, shape: (typeof shapes)[number], rounds: number) {
  const { samples, blocks, context, width, heads, hidden } = shape;
  const model = {
    ...{ width, heads, kvHeads: heads, hidden, context, vocabulary: 256 },
    ...{ normEpsilon: 1e-5, ropeTheta: 10_000, tiedHead: false },
  };
  const stage = { blocks, anchor: false };
  await engine.load({ model, stage, samples }, initialWeights(model, [stage], 0, 1));
  const keys = (count: number) => Uint32Array.from({ length: 2 * count }, (_, i) => 1 + i);
  const kinds: readonly (Perturbation | undefined)[] = [
    undefined,
    { seed: keys(1), scale: 1e-3 },
    { seed: keys(samples), scale: 1e-3 },
  ];
  const times = kinds.map((): number[] => []);
  for (let round = 0; round < rounds + WARM_UP; round++) {
    for (const [kind, perturbation] of kinds.entries()) {
      const input = new Float32Array(samples * context * width).fill(0.1);
      const started = performance.now();
      await engine.forward({ key: 0, input, keep: false, ...(perturbation && { perturbation }) });
      if (round >= WARM_UP) times[kind]!.push(performance.now() - started);
    }
  }
  const [plain, together, apart] = times.map(median) as [number, number, number];
  return {
    shape: `${blocks} × (width ${width}, ${heads} heads, hidden ${hidden}), ${samples} × ${context} tokens`,
    forwardMilliseconds: plain,
    oneDirectionRatio: together / plain,
    directionPerSampleRatio: apart / plain,
  };
}
