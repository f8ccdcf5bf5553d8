import { describe, expect, test } from 'vitest';
import { createCostEngine, createOnnxEngine, createTimedEngine, durations } from '../../src/engine/index.ts';
import { initialWeights } from '../../src/model/initial.ts';
import { stageShapes } from '../../src/model/shapes.ts';
import { stageWork } from '../../src/model/work.ts';
import { EngineError } from '../../src/seams/engine.ts';
import { VirtualClock } from './virtual-clock.ts';

const model = {
  width: 8,
  heads: 2,
  kvHeads: 1,
  hidden: 12,
  vocabulary: 20,
  context: 4,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};
const stages = stageShapes(2, 2, 1);
const program = { model, stage: stages[1]!, samples: 3 };
const weights = initialWeights(model, stages, 1, 1);
const activation = () => new Float32Array(3 * 4 * 8).fill(0.5);
const unlimited = Number.POSITIVE_INFINITY;
/** Arithmetic alone counts: a flop takes a second. */
const slowArithmetic = {
  flopsPerSecond: 2,
  efficiency: 0.5,
  memoryBytesPerSecond: 1e15,
  memoryBytes: unlimited,
};

describe('work of a stage, counted by hand', () => {
  const rows = 12;
  // query and output 8×8, key and value 8×4, three of 8×12
  const matrices = 2 * 64 + 2 * 32 + 3 * 96;
  // Two products of 2·B·H·T·T·W each.
  const attention = 2 * (2 * 3 * 2 * 4 * 4 * 4);

  test('a block’s forward is its products; backward does each twice, attention’s in the input part', () => {
    const work = stageWork(model, { blocks: 1, anchor: false }, 3);
    expect(work.forward.flops).toBe(2 * rows * matrices + attention);
    expect(work.backwardInput.flops).toBe(2 * rows * matrices + 2 * attention);
    expect(work.backwardWeight.flops).toBe(2 * rows * matrices);
    expect(work.head.flops).toBe(0);
  });

  test('stage 0 adds the head, whose gradient takes two more products', () => {
    const work = stageWork(model, stages[0]!, 3);
    expect(work.headForward.flops).toBe(2 * rows * 8 * 20);
    expect(work.head.flops).toBe(3 * 2 * rows * 8 * 20);
  });

  test('an update moves weights, gradients and two moments: seven passes over the weights', () => {
    const work = stageWork(model, stages[1]!, 3);
    expect(work.update.bytes).toBe(7 * 4 * weights.length);
    expect(work.weightBytes).toBe(4 * weights.length);
  });

  test('what it says a micro-batch keeps is what ONNX Runtime keeps', async () => {
    const engine = await createOnnxEngine({ inProcess: true });
    for (const [index, stage] of stages.entries()) {
      await engine.load({ model, stage, samples: 3 }, initialWeights(model, stages, index, 1));
      const { residualBytesPerMicrobatch } = await engine.memory();
      expect(stageWork(model, stage, 3).residualBytes).toBe(residualBytesPerMicrobatch);
    }
    await engine.close();
  });
});

describe('durations', () => {
  test('arithmetic at the device’s share of its peak', () => {
    const work = stageWork(model, program.stage, 3);
    const seconds = durations(program, slowArithmetic);
    expect(seconds.forwardSeconds).toBe(work.forward.flops);
    expect(seconds.backwardSeconds).toBe(work.backwardInput.flops + work.backwardWeight.flops);
  });

  test('or memory, where that takes longer', () => {
    const device = { ...slowArithmetic, flopsPerSecond: 1e30, memoryBytesPerSecond: 4 };
    const seconds = durations(program, device);
    expect(seconds.updateSeconds).toBe(7 * weights.length);
    expect(seconds.forwardSeconds).toBe(stageWork(model, program.stage, 3).forward.bytes / 4);
  });

  test('a device that cannot exist is refused by field', () => {
    expect(() => durations(program, { ...slowArithmetic, efficiency: 1.5 })).toThrow(EngineError);
    expect(() => durations(program, { ...slowArithmetic, flopsPerSecond: 0 })).toThrow(
      'device.flopsPerSecond must be greater than 0, not 0',
    );
  });
});

/** When each call is answered, in virtual seconds. */
async function answerTimes(clock: VirtualClock, calls: readonly Promise<unknown>[]): Promise<number[]> {
  return Promise.all(calls.map((call) => call.then(() => clock.now())));
}

describe('the cost engine', () => {
  test('takes the modelled time on the virtual clock, one call after another', async () => {
    const clock = new VirtualClock();
    const engine = createCostEngine(clock, slowArithmetic);
    await engine.load(program, weights);
    const start = clock.now();
    const { forwardSeconds, backwardInputSeconds, backwardWeightSeconds } = durations(
      program,
      slowArithmetic,
    );
    const times = await answerTimes(clock, [
      engine.forward({ key: 0, input: activation(), keep: true }),
      engine.forward({ key: 1, input: activation(), keep: true }),
      engine.backward({ key: 0, outputGradient: activation(), part: 'all' }),
      engine.backward({ key: 1, outputGradient: activation(), part: 'input' }),
      engine.memory(),
      engine.backward({ key: 1, part: 'weight' }),
    ]);
    const backwardSeconds = backwardInputSeconds + backwardWeightSeconds;
    const expected = [
      forwardSeconds,
      2 * forwardSeconds,
      2 * forwardSeconds + backwardSeconds,
      2 * forwardSeconds + backwardSeconds + backwardInputSeconds,
      2 * forwardSeconds + backwardSeconds + backwardInputSeconds,
      2 * forwardSeconds + 2 * backwardSeconds,
    ];
    times.forEach((time, i) => {
      expect(time - start).toBeCloseTo(expected[i]!, 6);
    });
  });

  test('refuses what does not fit the device’s memory', async () => {
    const { weightBytes, residualBytes } = stageWork(model, program.stage, 3);
    const memoryBytes = 2 * weightBytes + 2 * residualBytes;
    const engine = createCostEngine(new VirtualClock(), { ...slowArithmetic, memoryBytes });
    await engine.load(program, weights);
    const keep = (key: number) => engine.forward({ key, input: activation(), keep: true });
    await keep(0);
    await keep(1);
    await expect(keep(2)).rejects.toThrow(
      /forward: .* residuals of 3 micro-batches take \d+ bytes, more than/,
    );
    await engine.release(0);
    await keep(2);
    const small = createCostEngine(new VirtualClock(), { ...slowArithmetic, memoryBytes: weightBytes });
    await expect(small.load(program, weights)).rejects.toThrow(/load: weights and gradients take/);
  });

  test('guesses uniformly', async () => {
    const engine = createCostEngine(new VirtualClock(), slowArithmetic);
    await engine.load({ model, stage: stages[0]!, samples: 3 }, initialWeights(model, stages, 0, 1));
    const targets = new Int32Array(12);
    const { loss } = await engine.head({ input: activation(), targets, gradient: true });
    expect(loss).toBe(Math.log(20));
  });
});

describe('an engine in modelled time', () => {
  test('computes as the real one and answers when the model says', async () => {
    const real = await createOnnxEngine({ inProcess: true });
    await real.load(program, weights);
    const expected = await real.forward({ key: 0, input: activation(), keep: false });
    await real.close();

    const clock = new VirtualClock();
    const inner = await createOnnxEngine({ inProcess: true });
    const engine = createTimedEngine(clock, inner, slowArithmetic, { pending: clock.hold });
    await engine.load(program, weights);
    const start = clock.now();
    const output = engine.forward({ key: 0, input: activation(), keep: true });
    const [time] = await answerTimes(clock, [output]);
    expect(await output).toEqual(expected);
    expect(time! - start).toBeCloseTo(durations(program, slowArithmetic).forwardSeconds, 6);
    await engine.close();
  });

  test('its order of events does not depend on how fast the real engine is', async () => {
    const run = async (slowdown: number) => {
      const clock = new VirtualClock();
      const inner = await createOnnxEngine({ inProcess: true });
      const forward = inner.forward.bind(inner);
      // Stands in for a slow machine: the real answer comes this many turns of the event loop later.
      inner.forward = async (request) => {
        for (let turn = 0; turn < slowdown; turn++) await new Promise((resolve) => setImmediate(resolve));
        return forward(request);
      };
      const device = { ...slowArithmetic, flopsPerSecond: 1e6 };
      const engine = createTimedEngine(clock, inner, device, { pending: clock.hold });
      await engine.load(program, weights);
      const events: string[] = [];
      const note = (what: string) => events.push(`${what} at ${clock.now()}`);
      const { forwardSeconds } = durations(program, device);
      for (const share of [0.5, 1.5]) {
        clock.schedule(share * forwardSeconds, () => note(`timer ${share}`));
      }
      await Promise.all([
        engine.forward({ key: 0, input: activation(), keep: true }).then(() => note('forward 0')),
        engine.forward({ key: 1, input: activation(), keep: true }).then(() => note('forward 1')),
      ]);
      await engine.close();
      return events;
    };
    const events = await run(0);
    expect(events.map((event) => event.split(' at')[0])).toEqual([
      'timer 0.5',
      'forward 0',
      'timer 1.5',
      'forward 1',
    ]);
    expect(await run(50)).toEqual(events);
  });

  test('a wrong call is refused without reaching the real engine', async () => {
    const clock = new VirtualClock();
    const inner = await createOnnxEngine({ inProcess: true });
    const engine = createTimedEngine(clock, inner, slowArithmetic, { pending: clock.hold });
    await engine.load(program, weights);
    const wrong = engine.forward({ key: 0, input: new Float32Array(3), keep: true });
    await expect(wrong).rejects.toThrow(/forward: input has 3 values/);
    expect((await engine.memory()).residualsAlive).toBe(0);
    await engine.close();
  });
});
