import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as onnx from 'onnxruntime-node';
import { afterEach, describe, expect, test } from 'vitest';
import { createInProcessOnnxEngine, onnxCapabilities } from '../../src/engine/onnx/engine.ts';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { loadRuntime, type OnnxRuntime } from '../../src/engine/onnx/runtime.ts';
import { startWorkerEngine } from '../../src/engine/worker/client.ts';
import { initialWeights } from '../../src/model/initial.ts';
import { stageLayout } from '../../src/model/layout.ts';
import { type Engine, EngineError } from '../../src/seams/engine.ts';
import { fixtureNames, readFixture, worstError } from '../model/fixture.ts';

const opened: Engine[] = [];
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.close();
});
function opening(engine: Engine): Engine {
  opened.push(engine);
  return engine;
}

describe.each(
  fixtureNames.flatMap((name) => [
    { name, standardOperators: false, threads: 1 },
    { name, standardOperators: true, threads: 2 },
  ]),
)('two stages agree with PyTorch: %o', ({ name, ...options }) => {
  const fixture = readFixture(name);

  test.each(['all at once', 'in two parts'])(
    'loss, logits and every gradient, backward %s',
    async (parts) => {
      const { model, stages, samples, weights, gradients } = fixture;
      const [first, second] = [
        opening(await createOnnxEngine({ inProcess: true, ...options })),
        opening(await createOnnxEngine({ inProcess: true, ...options })),
      ];
      await first.load({ model, stage: stages[0], samples }, weights[0]);
      await second.load({ model, stage: stages[1], samples }, weights[1]);

      const input = Int32Array.from(fixture.tokens);
      const between = await first.forward({ key: 0, input, keep: true });
      expect(worstError(between, fixture.firstOutput)).toBeLessThan(2e-6);
      const output = await second.forward({ key: 0, input: between, keep: true });
      expect(worstError(output, fixture.secondOutput)).toBeLessThan(2e-6);
      expect(worstError(await first.logits(output), fixture.logits)).toBeLessThan(2e-6);

      const targets = Int32Array.from(fixture.targets);
      const { loss, inputGradient } = await first.head({ input: output, targets, gradient: true });
      expect(loss).toBeCloseTo(fixture.loss, 5);
      expect(worstError(inputGradient!, fixture.secondOutputGradient)).toBeLessThan(1e-5);

      const backward = async (engine: Engine, outputGradient: Float32Array) => {
        if (parts === 'all at once') return engine.backward({ key: 0, outputGradient, part: 'all' });
        const gradient = await engine.backward({ key: 0, outputGradient, part: 'input' });
        await engine.backward({ key: 0, part: 'weight' });
        return gradient;
      };
      const betweenGradient = await backward(second, inputGradient!);
      expect(worstError(betweenGradient!, fixture.firstOutputGradient)).toBeLessThan(1e-5);
      expect(await backward(first, betweenGradient!)).toBeUndefined();

      for (const [index, engine] of [first, second].entries()) {
        const flat = await engine.takeGradients();
        for (const { name: weight, offset, length } of stageLayout(model, stages[index]!).entries) {
          const own = flat.subarray(offset, offset + length);
          const error = worstError(own, gradients[index]!.subarray(offset, offset + length));
          expect([weight, error < 1e-5 ? 'close' : error]).toEqual([weight, 'close']);
        }
      }
    },
  );
});

const model = {
  width: 128,
  heads: 4,
  kvHeads: 4,
  hidden: 344,
  vocabulary: 64,
  context: 64,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};
const stage = { blocks: 2, anchor: false };
const program = { model, stage, samples: 4 };
const weights = initialWeights(model, [stage], 0, 1);
const activation = () => new Float32Array(4 * 64 * 128).map((_, i) => Math.sin(i));

describe('the worker thread', () => {
  test('gives the bits of the same engine in process', async () => {
    const results = await Promise.all(
      [true, false].map(async (inProcess) => {
        const engine = opening(await createOnnxEngine({ inProcess }));
        await engine.load(program, weights);
        const output = await engine.forward({ key: 0, input: activation(), keep: true });
        const gradient = await engine.backward({ key: 0, outputGradient: activation(), part: 'all' });
        return { output, gradient, gradients: await engine.takeGradients() };
      }),
    );
    expect(results[1]).toEqual(results[0]);
  });

  test('leaves the calling thread free while it computes', async () => {
    const engine = opening(await createOnnxEngine());
    await engine.load(program, weights);
    let computing = true;
    const calls = Array.from({ length: 10 }, (_, key) =>
      engine.forward({ key, input: activation(), keep: true }),
    );
    const done = Promise.all(calls).then(() => {
      computing = false;
    });
    let turns = 0;
    while (computing) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    await done;
    // In process the loop would turn about once per call.
    expect(turns).toBeGreaterThan(100);
  });

  test('takes over an input that is all of its buffer, without a copy', async () => {
    const engine = opening(await createOnnxEngine());
    await engine.load(program, weights);
    const input = activation();
    const output = await engine.forward({ key: 0, input, keep: true });
    expect(input.length).toBe(0);
    expect(output.byteLength).toBe(output.buffer.byteLength);
  });

  test('that dies fails the calls it owes and all later ones', async () => {
    const entry = new URL('./dying-worker.ts', import.meta.url);
    const engine = await startWorkerEngine('mortal', onnxCapabilities, {}, entry);
    const first = engine.memory();
    await expect(first).rejects.toThrow(EngineError);
    await expect(first).rejects.toThrow("the engine's thread ended with code 3");
    await expect(engine.takeGradients()).rejects.toThrow(/takeGradients: the engine's thread ended/);
    await engine.close();
  });

  test('that cannot start says why', async () => {
    const entry = new URL('./no-such-file.ts', import.meta.url);
    const start = startWorkerEngine('absent', onnxCapabilities, {}, entry);
    await expect(start).rejects.toThrow(EngineError);
    await expect(start).rejects.toThrow(/no-such-file/);
  });

  test('does not keep an idle process alive', async () => {
    const script = fileURLToPath(new URL('./idle-process.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 20_000 });
    expect(stdout).toBe('128 values\n');
  });
});

test('a missing native binding: an EngineError that says what to install', async () => {
  const missing = Object.assign(new Error("Cannot find package 'onnxruntime-node'"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  const loading = loadRuntime(() => Promise.reject(missing));
  await expect(loading).rejects.toThrow(EngineError);
  await expect(loading).rejects.toThrow(
    /Cannot find package 'onnxruntime-node'.*npm install onnxruntime-node/,
  );
});

test('threads must be a positive integer', async () => {
  await expect(createOnnxEngine({ threads: 0 })).rejects.toThrow('threads must be a positive integer, not 0');
});

test('after a failure of the device the engine is closed, and says what failed', async () => {
  let broken = false;
  const failing = {
    ...onnx,
    InferenceSession: {
      create: async (file: Uint8Array, options: onnx.InferenceSession.SessionOptions) => {
        const session = await onnx.InferenceSession.create(file, options);
        return {
          run: (feeds: onnx.InferenceSession.FeedsType) => {
            if (broken) throw new Error('out of memory');
            return session.run(feeds);
          },
          release: () => session.release(),
        };
      },
    },
  } as unknown as OnnxRuntime;
  const options = { threads: 1, standardOperators: false };
  const engine = opening(await createInProcessOnnxEngine(options, async () => failing));
  await engine.load(program, weights);
  await engine.forward({ key: 0, input: activation(), keep: true });
  broken = true;
  const lost = engine.backward({ key: 0, outputGradient: activation(), part: 'all' });
  await expect(lost).rejects.toThrow(EngineError);
  await expect(lost).rejects.toThrow('the device failed in backward: out of memory');
  await expect(engine.takeGradients()).rejects.toThrow(/takeGradients: the device failed in backward/);
});
