// The demo's run in one process, for benchmarks of codecs: two replicas a stage, each with half of the micro-batches.

import { demoForwardPasses, demoModel, demoTraining } from '../src/cli/demo/model.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { knownNames } from '../src/cli/names.ts';
import type { NamedText } from '../src/cli/text.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { ONE_BYTE } from '../src/gradient/index.ts';
import { createSimulatedIdentity } from '../src/network/simulated/identity.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { trainSingle } from '../src/replay/single.ts';
import { parseManifest } from '../src/scenario/schema.ts';
import { parametersOf } from '../src/swarm/weights/holder.ts';
import type { Manifest } from '../src/swarm/manifest.ts';

export const STAGES = 4;
export const REPLICAS = 2;

/** Values of each stage. */
export function demoStages(text: NamedText): number[] {
  const manifest = demoManifest(text, { seed: 0, steps: 1, codec: 'dense-f32' });
  return Array.from({ length: STAGES }, (_, stage) => parametersOf(manifest, stage));
}

export interface TrainOptions {
  readonly seed: number;
  /** Of the whole run, which the learning rate is planned for. */
  readonly steps: number;
  /** Steps that are made. */
  readonly until: number;
  readonly threads: number;
  readonly codec: string;
  readonly exchanging?: (iteration: number, stage: number, gradients: readonly Float32Array[]) => void;
}

/** The loss of every step. */
export async function trainDemo(text: NamedText, options: TrainOptions): Promise<number[]> {
  const { until, threads, exchanging } = options;
  const engines = await Promise.all(
    Array.from({ length: STAGES }, () => createOnnxEngine({ threads, inProcess: true })),
  );
  const losses: number[] = [];
  await trainSingle({
    manifest: demoManifest(text, options),
    text: text.bytes,
    engines,
    until,
    clock: createRealClock(),
    identity: createSimulatedIdentity('p0'),
    ...(exchanging && { exchanging }),
    committed: (_, loss) => {
      losses.push(loss);
    },
  });
  for (const engine of engines) await engine.close();
  return losses;
}

/** The run that `skein demo` founds. */
function demoManifest(
  text: NamedText,
  { seed, steps, codec }: Pick<TrainOptions, 'seed' | 'steps' | 'codec'>,
): Manifest {
  const settings = {
    name: 'demo',
    seed,
    model: demoModel(STAGES),
    training: {
      ...demoTraining(Array.from({ length: STAGES }, () => REPLICAS)),
      ...(codec === ONE_BYTE && demoForwardPasses),
      codec,
      policy: '1f1b',
      iterations: steps,
    },
  };
  const parsed = parseManifest(JSON.stringify(settings), { file: 'demo', names: knownNames });
  return manifestOf(parsed, text, createSimulatedIdentity('p0'));
}
