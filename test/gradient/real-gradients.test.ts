// What codecs do to gradients that a model really has: the demo's, in its first iterations, every stage.

import { beforeAll, describe, expect, test } from 'vitest';
import { demoModel, demoTraining } from '../../src/cli/demo/model.ts';
import { manifestOf } from '../../src/cli/manifest.ts';
import { knownNames } from '../../src/cli/names.ts';
import { loadText } from '../../src/cli/text.ts';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { type CodecName, codecs } from '../../src/gradient/index.ts';
import { createRealClock } from '../../src/network/real-clock.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { trainSingle } from '../../src/replay/single.ts';
import { parseManifest } from '../../src/scenario/schema.ts';

const SEED = 7;
const STAGES = 4;
const ITERATIONS = 3;

interface Real {
  readonly gradient: Float32Array;
  readonly key: { runSeed: number; iteration: number; stage: number; place: number };
}
const gradients: Real[] = [];

beforeAll(async () => {
  const text = await loadText(undefined);
  const identity = createSimulatedIdentity('p0');
  const training = {
    ...demoTraining([2, 2, 2, 2]),
    codec: 'dense-f32',
    policy: '1f1b',
    iterations: ITERATIONS,
  };
  const fields = { name: 'demo', seed: SEED, model: demoModel(STAGES), training };
  const settings = parseManifest(JSON.stringify(fields), { file: 'demo', names: knownNames });
  const engines = await Promise.all(training.stageSizes.map(() => createOnnxEngine({ inProcess: true })));
  await trainSingle({
    manifest: manifestOf(settings, text, identity),
    text: text.bytes,
    ...{ engines, identity, clock: createRealClock() },
    exchanging: (iteration, stage, [gradient]) => {
      const key = { runSeed: SEED, iteration, stage, place: 0 };
      gradients.push({ gradient: gradient!.slice(), key });
    },
    committed: () => {},
  });
  for (const engine of engines) await engine.close();
}, 60_000);

/** |decoded − gradient|² / |gradient|² of each gradient. */
function errorsOf(name: CodecName): number[] {
  const codec = codecs[name];
  return gradients.map(({ gradient, key }) => {
    const slice = { from: 0, to: gradient.length };
    const decoded = new Float32Array(gradient.length);
    const bytes = codec.encode({ gradient, slice, key, state: codec.start(gradient.length) });
    codec.addDecoded({ bytes, slice, key, sum: decoded });
    let error = 0;
    let size = 0;
    for (let i = 0; i < gradient.length; i++) {
      error += (decoded[i]! - gradient[i]!) ** 2;
      size += gradient[i]! ** 2;
    }
    return error / size;
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('of the gradients of every stage in the first iterations', () => {
  test('there are some', () => {
    expect(gradients).toHaveLength(ITERATIONS * STAGES);
  });

  test('eden loses at most 0.60 at one bit, of each of them', () => {
    for (const error of errorsOf('eden')) {
      expect(error).toBeLessThanOrEqual(0.6);
      expect(error).toBeGreaterThan(0.45);
    }
  });

  test.each(['eden', 'eden-2', 'eden-3', 'eden-4', 'project'] as const)(
    '%s loses what theory says, within a twentieth',
    (name) => {
      const theory = codecs[name].relativeError(codecs[name].sliceMultiple);
      expect(Math.abs(mean(errorsOf(name)) / theory - 1)).toBeLessThan(0.05);
    },
  );

  test('each bit more loses less, and eight bits a value less still', () => {
    const names = ['dense-f16', 'int8', 'eden-4', 'eden-3', 'eden-2', 'eden', 'project'] as const;
    const errors = names.map((name) => mean(errorsOf(name)));
    expect(errors).toEqual(errors.toSorted((a, b) => a - b));
    expect(mean(errorsOf('dense-f32'))).toBe(0);
  });
});
