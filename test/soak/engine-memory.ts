// A peer's engine over a long run: residuals kept and released, gradients taken, weights written, now and then
// another stage loaded. Each step passes megabytes of residuals through, so that a leak shows within a few steps.

import { createOnnxEngine } from '../../src/engine/index.ts';
import { initialWeights } from '../../src/model/initial.ts';
import { stageLayout } from '../../src/model/layout.ts';
import { bellNumbers, stream } from '../../src/random/index.ts';
import type { StageProgram } from '../../src/seams/engine.ts';
import { checkGrowth, type SoakMember } from './member.ts';

const model = {
  width: 96,
  heads: 4,
  kvHeads: 2,
  hidden: 256,
  vocabulary: 256,
  context: 64,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};
const stages = [
  { blocks: 1, anchor: true },
  { blocks: 1, anchor: false },
  { blocks: 2, anchor: false },
];
const SAMPLES = 4;
const ROWS = SAMPLES * model.context;
const STEPS_PER_STAGE = 125;

export const soak: SoakMember = {
  name: 'engine-memory',
  ownProcess: true,
  async run(iteration) {
    const engine = await createOnnxEngine();
    const weights = stages.map((_, index) => initialWeights(model, stages, index, iteration));
    const activation = (index: number) =>
      bellNumbers(stream({ runSeed: iteration, purpose: 'sampling', index }), 0, ROWS * model.width);
    let current = -1;
    const step = async (index: number): Promise<void> => {
      const wanted = Math.floor(index / STEPS_PER_STAGE) % 2 === 0 ? 1 : 2;
      const program: StageProgram = { model, stage: stages[wanted]!, samples: SAMPLES };
      if (wanted !== current) await engine.load(program, weights[wanted]!.slice());
      current = wanted;
      // Two micro-batches in flight; the second breaks off, as one does whose path died.
      await engine.forward({ key: 0, input: activation(2 * index), keep: true });
      await engine.forward({ key: 1, input: activation(2 * index + 1), keep: true });
      await engine.backward({ key: 0, outputGradient: activation(index), part: 'all' });
      await engine.release(1);
      const gradients = await engine.takeGradients();
      if (gradients.length !== stageLayout(model, program.stage).length) throw new Error('gradients are cut');
      await engine.writeWeights(weights[wanted]!.slice());
      const { residualsAlive } = await engine.memory();
      if (residualsAlive !== 0) throw new Error(`${residualsAlive} residuals are alive after step ${index}`);
    };
    try {
      return await checkGrowth({ steps: 1000, warmUpSteps: 4 * STEPS_PER_STAGE, allowedBytes: 48e6 }, step);
    } finally {
      await engine.close();
    }
  },
};
