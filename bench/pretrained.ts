// The demo's model, trained for longer, as what fine-tuning starts from: one process, the demo's text and batch, a rate
// that falls to a tenth by a cosine. It takes minutes, so the result is kept under out/bench.

import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { demoModel, demoTraining } from '../src/cli/demo/model.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { writeModelFolder } from '../src/cli/model-folder.ts';
import { knownNames } from '../src/cli/names.ts';
import { loadText } from '../src/cli/text.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { createKeyIdentity, generateKey } from '../src/network/libp2p/identity.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { trainSingle } from '../src/replay/single.ts';
import { parseManifest } from '../src/scenario/schema.ts';
import { trainedModel } from '../src/swarm/weights/trained-model.ts';

const STAGES = 4;

/** The demo's run as fields of a scenario file, for so many iterations of 2,048 tokens. */
const settings = (iterations: number) => ({
  name: 'pretraining',
  seed: 7,
  model: demoModel(STAGES),
  training: {
    ...demoTraining(Array.from({ length: STAGES }, () => 1)),
    codec: 'dense-f32',
    decay: 'cosine',
    endShare: 0.1,
    iterations,
  },
});

/** The folder of the model after so many iterations, trained now if it was not before; `say` hears how it goes. */
export async function pretrained(iterations: number, say: (line: string) => void): Promise<string> {
  const folder = join('out', 'bench', `pretrained-${iterations}`);
  if (existsSync(join(folder, 'model.safetensors'))) return folder;
  const text = await loadText(undefined);
  const identity = createKeyIdentity(await generateKey());
  const options = { file: 'pretraining', names: knownNames };
  const manifest = manifestOf(parseManifest(JSON.stringify(settings(iterations)), options), text, identity);
  const threads = Math.min(2, cpus().length);
  const engines = await Promise.all(
    Array.from({ length: STAGES }, () => createOnnxEngine({ threads, inProcess: true })),
  );
  const trained = await trainSingle({
    manifest,
    text: text.bytes,
    engines,
    clock: createRealClock(),
    identity,
    committed: (iteration, loss) => {
      if (iteration % 50 === 0)
        say(`pretraining: iteration ${iteration} of ${iterations}, loss ${loss.toFixed(3)}`);
    },
  });
  for (const engine of engines) await engine.close();
  writeModelFolder(
    folder,
    trainedModel(
      manifest,
      trained.map((stage) => stage.weights),
    ),
  );
  return folder;
}
