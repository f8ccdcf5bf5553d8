// What every member of the Engine seam does. Members that compute (`tensors`) are also held to their numbers.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initialWeights } from '../../src/model/initial.ts';
import { stageLayout } from '../../src/model/layout.ts';
import { fillBits, type Stream, stream } from '../../src/random/index.ts';
import { type Engine, EngineError, type Perturbation, type StageProgram } from '../../src/seams/engine.ts';
import { worstError } from '../model/fixture.ts';

export interface Member {
  readonly create: () => Promise<Engine>;
  /** Whether it computes; else its arrays have the right lengths only. */
  readonly tensors: boolean;
}

const model = {
  width: 16,
  heads: 4,
  kvHeads: 2,
  hidden: 24,
  vocabulary: 32,
  context: 8,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};
const samples = 2;
const rows = samples * model.context;
const stages = [
  { blocks: 1, anchor: true },
  { blocks: 2, anchor: false },
];
const anchor: StageProgram = { model, stage: stages[0]!, samples };
const middle: StageProgram = { model, stage: stages[1]!, samples };
const anchorWeights = () => initialWeights(model, stages, 0, 1);
const middleWeights = () => initialWeights(model, stages, 1, 1);

/** Numbers around 0 that differ by place and by `salt`. */
const activation = (salt: number) =>
  Float32Array.from({ length: rows * model.width }, (_, i) => Math.sin(0.37 * i + salt));
const tokens = (salt: number) =>
  Int32Array.from({ length: rows }, (_, i) => (7 * i + 3 * salt) % model.vocabulary);

async function rejection(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => expect.fail('the call was expected to reject'),
    (error: Error) => error,
  );
}

export function engineCompliance(name: string, { create, tensors }: Member): void {
  describe(name, () => {
    let engine: Engine;
    beforeEach(async () => {
      engine = await create();
    });
    afterEach(() => engine.close());

    const forward = (key: number, salt = key) => engine.forward({ key, input: activation(salt), keep: true });
    const backward = (key: number, salt = key) =>
      engine.backward({ key, outputGradient: activation(salt + 0.5), part: 'all' });
    const alive = async () => (await engine.memory()).residualsAlive;

    test('a middle stage: activation in, activation out; gradient in, gradient out', async () => {
      await engine.load(middle, middleWeights());
      const output = await forward(0);
      expect(output).toBeInstanceOf(Float32Array);
      expect(output.length).toBe(rows * model.width);
      const gradient = await backward(0);
      expect(gradient?.length).toBe(rows * model.width);
      expect((await engine.takeGradients()).length).toBe(stageLayout(model, middle.stage).length);
    });

    test('stage 0: token ids in, no gradient out; loss, its gradient and logits', async () => {
      await engine.load(anchor, anchorWeights());
      const output = await engine.forward({ key: 4, input: tokens(0), keep: true });
      expect(output.length).toBe(rows * model.width);
      const targets = tokens(1);
      const graded = await engine.head({ input: activation(1), targets, gradient: true });
      expect(graded.loss).toBeGreaterThan(0);
      expect(graded.inputGradient?.length).toBe(rows * model.width);
      expect(targets).toEqual(tokens(1));
      const plain = await engine.head({ input: activation(1), targets: tokens(1), gradient: false });
      expect(plain.loss).toBeCloseTo(graded.loss, 6);
      expect(plain.inputGradient).toBeUndefined();
      expect((await engine.logits(activation(1))).length).toBe(rows * model.vocabulary);
      expect(await backward(4)).toBeUndefined();
      expect((await engine.takeGradients()).length).toBe(stageLayout(model, anchor.stage).length);
    });

    test('stage 0 works without blocks', async () => {
      const bare = { model, stage: { blocks: 0, anchor: true }, samples };
      await engine.load(bare, initialWeights(model, [bare.stage], 0, 1));
      expect((await engine.forward({ key: 0, input: tokens(0), keep: true })).length).toBe(
        rows * model.width,
      );
      await backward(0);
      const gradients = await engine.takeGradients();
      if (tensors) expect(gradients.some((value) => value !== 0)).toBe(true);
      if (!engine.capabilities.splitBackward) return;
      await engine.forward({ key: 0, input: tokens(0), keep: true });
      await engine.backward({ key: 0, outputGradient: activation(0.5), part: 'input' });
      await engine.backward({ key: 0, part: 'weight' });
      if (tensors) expect(await engine.takeGradients()).toEqual(gradients);
    });

    test('residuals live from a forward that keeps them to the end of its backward', async () => {
      await engine.load(middle, middleWeights());
      await engine.forward({ key: 9, input: activation(9), keep: false });
      expect(await alive()).toBe(0);
      await Promise.all([forward(1), forward(2), forward(3)]);
      expect(await alive()).toBe(3);
      await backward(2);
      expect(await alive()).toBe(2);
      await engine.release(1);
      expect(await alive()).toBe(1);
      await backward(3);
      expect(await alive()).toBe(0);
    });

    test('a key may be used again once it is free; an unknown one may be released', async () => {
      await engine.load(middle, middleWeights());
      await forward(5);
      await engine.release(5);
      await engine.release(5);
      await engine.release(12_345);
      await forward(5);
      expect(await alive()).toBe(1);
    });

    test('calls run in the order they were made and answer in that order', async () => {
      await engine.load(middle, middleWeights());
      const answered: string[] = [];
      const note = (call: string) => () => answered.push(call);
      await Promise.all([
        forward(1).then(note('forward 1')),
        forward(2).then(note('forward 2')),
        backward(1).then(note('backward 1')),
        engine.memory().then(({ residualsAlive }) => answered.push(`alive ${residualsAlive}`)),
        engine.release(2).then(note('release 2')),
        engine.takeGradients().then(note('takeGradients')),
        engine.memory().then(({ residualsAlive }) => answered.push(`alive ${residualsAlive}`)),
      ]);
      expect(answered).toEqual([
        'forward 1',
        'forward 2',
        'backward 1',
        'alive 1',
        'release 2',
        'takeGradients',
        'alive 0',
      ]);
    });

    test('the memory estimate counts weights, gradients and what a micro-batch keeps', async () => {
      await engine.load(middle, middleWeights());
      const memory = await engine.memory();
      const bytes = 4 * stageLayout(model, middle.stage).length;
      expect(memory.weightBytes).toBe(bytes);
      expect(memory.gradientBytes).toBe(bytes);
      const scores = samples * model.heads * model.context ** 2;
      const perBlock = rows * (6 * model.width + 2 * 8 + 2 * model.hidden + 2) + scores;
      expect(memory.residualBytesPerMicrobatch).toBe(4 * 2 * perBlock);
    });

    test('arrays that a call does not own stay whole', async () => {
      const weights = middleWeights();
      await engine.load(middle, weights);
      await engine.writeWeights(weights);
      await forward(0);
      const gradient = activation(0.5);
      await engine.backward({ key: 0, outputGradient: gradient, part: 'all' });
      expect(weights).toEqual(middleWeights());
      expect(gradient).toEqual(activation(0.5));
    });

    test('an input may be a part of a larger buffer, which stays whole', async () => {
      await engine.load(middle, middleWeights());
      const larger = new Float32Array(rows * model.width + 10).fill(5);
      larger.set(activation(1), 3);
      const part = larger.subarray(3, 3 + rows * model.width);
      const output = await engine.forward({ key: 0, input: part, keep: true });
      expect(larger.length).toBe(rows * model.width + 10);
      expect(larger[0]).toBe(5);
      expect(output).toEqual(await forward(1));
    });

    test.each([
      [
        'too few weights',
        () => engine.load(middle, new Float32Array(7)),
        /load: weights has 7 values, expected 3904 /,
      ],
      [
        'an impossible model',
        () => engine.load({ ...middle, model: { ...model, heads: 5 } }, middleWeights()),
        /load: model\.heads \(5\) must divide model\.width \(16\)/,
      ],
      [
        'no samples',
        () => engine.load({ ...middle, samples: 0 }, middleWeights()),
        /program\.samples.*not 0/,
      ],
      [
        'weights of another length',
        () => engine.writeWeights(new Float32Array(3)),
        /writeWeights: weights has 3 values/,
      ],
      [
        'an activation that is too short',
        () => engine.forward({ key: 8, input: new Float32Array(10), keep: true }),
        /forward: input has 10 values, expected 256 \(2 samples × 8 tokens × width 16/,
      ],
      [
        'token ids at a middle stage',
        () => engine.forward({ key: 8, input: tokens(0), keep: true }),
        /forward: input must be a Float32Array, not Int32Array/,
      ],
      ['a key in use', () => forward(1), /forward: key 1 already holds residuals/],
      [
        'a key that is no integer',
        () => forward(1.5),
        /forward: key must be an integer of 0 or more, not 1.5/,
      ],
      ['a backward without forward', () => backward(77), /backward: key 77 holds no residuals/],
      [
        'an output gradient that is too long',
        () => engine.backward({ key: 1, outputGradient: new Float32Array(300), part: 'all' }),
        /backward: outputGradient has 300 values, expected 256/,
      ],
      [
        'no output gradient',
        () => engine.backward({ key: 1, part: 'all' }),
        /backward: outputGradient is missing/,
      ],
      [
        'a head at a middle stage',
        () => engine.head({ input: activation(1), targets: tokens(1), gradient: true }),
        /head: this stage owns no head/,
      ],
      ['logits at a middle stage', () => engine.logits(activation(1)), /logits: this stage owns no head/],
    ])('%s: refused by name, and the engine goes on', async (_, call, message) => {
      await engine.load(middle, middleWeights());
      await forward(1);
      const error = await rejection(call());
      expect(error).toBeInstanceOf(EngineError);
      expect(error.message).toMatch(message);
      await engine.load(middle, middleWeights());
      await forward(1);
      await backward(1);
      expect(await alive()).toBe(0);
    });

    test('tokens outside the vocabulary are refused by place', async () => {
      await engine.load(anchor, anchorWeights());
      const wrong = tokens(0);
      wrong[5] = 32;
      const input = await rejection(engine.forward({ key: 0, input: wrong.slice(), keep: true }));
      expect(input.message).toBe('forward: input[5] is 32, outside the vocabulary 0 … 31');
      const targets = await rejection(engine.head({ input: activation(0), targets: wrong, gradient: true }));
      expect(targets.message).toBe('head: targets[5] is 32, outside the vocabulary 0 … 31');
      const short = await rejection(engine.forward({ key: 0, input: tokens(0).slice(1), keep: true }));
      expect(short.message).toMatch(/input has 15 token ids, expected 16 \(2 samples × 8 tokens\)/);
    });

    test('nothing works before a stage is loaded', async () => {
      for (const call of [forward(0), backward(0), engine.takeGradients(), engine.memory()]) {
        expect((await rejection(call)).message).toMatch(/no stage is loaded; call load first/);
      }
    });

    test('loading again releases residuals and gradients', async () => {
      await engine.load(middle, middleWeights());
      await forward(1);
      await forward(2);
      await backward(1);
      await engine.load(anchor, anchorWeights());
      expect(await alive()).toBe(0);
      const gradients = await engine.takeGradients();
      expect(gradients.length).toBe(stageLayout(model, anchor.stage).length);
      expect(gradients.every((value) => value === 0)).toBe(true);
    });

    test('a part of a backward runs where the capability says so', async () => {
      await engine.load(middle, middleWeights());
      await forward(1);
      const outputGradient = activation(1.5);
      if (!engine.capabilities.splitBackward) {
        const error = await rejection(engine.backward({ key: 1, outputGradient, part: 'input' }));
        expect(error.message).toMatch(/capabilities\.splitBackward is false/);
        return;
      }
      expect((await rejection(engine.backward({ key: 1, part: 'weight' }))).message).toMatch(
        /'weight' part of key 1 was asked for before its 'input' part/,
      );
      const gradient = await engine.backward({ key: 1, outputGradient, part: 'input' });
      expect(gradient?.length).toBe(rows * model.width);
      expect(await alive()).toBe(1);
      expect((await rejection(backward(1))).message).toMatch(/'input' part of key 1 has already run/);
      expect(await engine.backward({ key: 1, part: 'weight' })).toBeUndefined();
      expect(await alive()).toBe(0);
    });

    test('a perturbed forward runs where the capability says so', async () => {
      await engine.load(middle, middleWeights());
      const perturbation = { seed: Uint32Array.of(1, 2), scale: 1e-3 };
      const call = engine.forward({ key: 1, input: activation(1), keep: false, perturbation });
      if (engine.capabilities.perturbation) expect((await call).length).toBe(rows * model.width);
      else expect((await rejection(call)).message).toMatch(/capabilities\.perturbation is false/);
      expect(await alive()).toBe(0);
    });

    test.each([
      [
        'a perturbed forward that keeps residuals',
        { seed: Uint32Array.of(1, 2), scale: 1e-3 },
        true,
        /keeps nothing/,
      ],
      [
        'keys that are neither one nor one a sample',
        { seed: new Uint32Array(3), scale: 1e-3 },
        false,
        /perturbation\.seed has 3 words, expected 2, or 2 for each of 2 samples/,
      ],
      [
        'a scale that is no number',
        { seed: Uint32Array.of(1, 2), scale: Number.NaN },
        false,
        /perturbation\.scale must be a finite number/,
      ],
    ])('%s: refused', async (_, perturbation, keep, message) => {
      if (!engine.capabilities.perturbation) return;
      await engine.load(middle, middleWeights());
      const call = engine.forward({ key: 1, input: activation(1), keep, perturbation });
      expect((await rejection(call)).message).toMatch(message);
    });

    test('closing takes the calls before it along and refuses those after it', async () => {
      await engine.load(middle, middleWeights());
      const before = forward(0);
      const closed = engine.close();
      const after = rejection(forward(1));
      expect((await before).length).toBe(rows * model.width);
      await closed;
      const error = await after;
      expect(error).toBeInstanceOf(EngineError);
      expect(error.message).toMatch(/forward: the engine was closed/);
      await engine.close();
    });

    test('1000 steps leave nothing alive and no memory behind', async () => {
      const large = { ...middle, samples: 16 };
      const values = () => new Float32Array(large.samples * model.context * model.width).fill(0.5);
      const keep = (key: number) => engine.forward({ key, input: values(), keep: true });
      await engine.load(large, middleWeights());
      const step = async (index: number) => {
        await Promise.all([keep(2 * index), keep(2 * index + 1)]);
        if (index % 50 === 0) expect(await alive()).toBe(2);
        const outputGradient = values();
        await Promise.all([
          engine.backward({ key: 2 * index + 1, outputGradient, part: 'all' }),
          engine.release(2 * index),
        ]);
        if (index % 4 === 3) await engine.takeGradients();
      };
      for (let index = 0; index < 300; index++) await step(index);
      let next = 300;
      /** Growth of the process over 700 steps, after a full collection each time. */
      const growthOfSteps = async () => {
        collectGarbage();
        const settled = process.memoryUsage.rss();
        const end = next + 700;
        while (next < end) await step(next++);
        collectGarbage();
        return process.memoryUsage.rss() - settled;
      };
      const { residualBytesPerMicrobatch } = await engine.memory();
      const passedThrough = 1400 * residualBytesPerMicrobatch;
      expect(passedThrough).toBeGreaterThan(250e6);
      // an allocator may take a step once; a leak takes one every time
      let growth = await growthOfSteps();
      for (let again = 0; again < 2 && growth >= passedThrough / 5; again++) growth = await growthOfSteps();
      expect(await alive()).toBe(0);
      expect(growth).toBeLessThan(passedThrough / 5);
    });

    if (tensors) tensorCompliance();

    function tensorCompliance(): void {
      test('gradients add up over micro-batches, and start again when taken', async () => {
        await engine.load(middle, middleWeights());
        const sum = new Float64Array(middleWeights().length);
        for (const key of [1, 2, 3]) {
          await forward(key);
          await backward(key);
          (await engine.takeGradients()).forEach((value, i) => {
            sum[i]! += value;
          });
        }
        for (const key of [1, 2, 3]) await forward(key);
        for (const key of [1, 2, 3]) await backward(key);
        expect(worstError(await engine.takeGradients(), sum)).toBeLessThan(1e-6);
        expect((await engine.takeGradients()).every((value) => value === 0)).toBe(true);
      });

      test('the bits of a sum depend on the order of its backwards alone', async () => {
        await engine.load(middle, middleWeights());
        const summed = async (forwards: readonly number[], backwards: readonly number[]) => {
          for (const key of forwards) await forward(key);
          for (const key of backwards) await backward(key);
          return engine.takeGradients();
        };
        const expected = await summed([1, 2, 3], [1, 2, 3]);
        expect(await summed([3, 1, 2], [1, 2, 3])).toEqual(expected);
        expect(await summed([1, 2, 3], [3, 2, 1])).not.toEqual(expected);
      });

      test('the same calls give the same bits', async () => {
        const bits = async () => {
          await engine.load(middle, middleWeights());
          const output = await forward(1);
          return { output, gradient: await backward(1), gradients: await engine.takeGradients() };
        };
        expect(await bits()).toEqual(await bits());
      });

      test('keeping residuals does not change the output', async () => {
        await engine.load(middle, middleWeights());
        const kept = await forward(1);
        const plain = await engine.forward({ key: 2, input: activation(1), keep: false });
        expect(plain).toEqual(kept);
      });

      test('new weights are seen by the next call', async () => {
        await engine.load(middle, middleWeights());
        const before = await forward(1);
        const changed = middleWeights().map((value) => 1.1 * value);
        await engine.writeWeights(changed);
        changed.fill(0);
        const after = await forward(2, 1);
        expect(after).not.toEqual(before);
        await engine.writeWeights(middleWeights());
        expect(await forward(3, 1)).toEqual(before);
      });

      test('the two parts of a backward are the whole of it', async () => {
        if (!engine.capabilities.splitBackward) return;
        await engine.load(middle, middleWeights());
        await Promise.all([forward(1), forward(2, 1)]);
        const whole = await backward(1);
        const wholeGradients = await engine.takeGradients();
        const outputGradient = activation(1.5);
        const input = await engine.backward({ key: 2, outputGradient, part: 'input' });
        outputGradient.fill(0);
        await engine.backward({ key: 2, part: 'weight' });
        expect(input).toEqual(whole);
        expect(await engine.takeGradients()).toEqual(wholeGradients);
      });

      test('a perturbed pass is a pass under weights moved by hand, and leaves the weights as they were', async () => {
        if (!engine.capabilities.perturbation) return;
        const scale = 0.05;
        const [first, second] = [
          stream({ runSeed: 1, purpose: 'perturbation', index: 1 }),
          stream({ runSeed: 2, purpose: 'perturbation' }),
        ];
        const keys = (...streams: readonly Stream[]) =>
          Uint32Array.from(streams.flatMap(({ key0, key1 }) => [key0, key1]));
        for (const [program, weights] of [
          [middle, middleWeights()],
          [anchor, anchorWeights()],
        ] as const) {
          await engine.load(program, weights);
          const input = () => (program === anchor ? tokens(3) : activation(1));
          const pass = async (perturbation?: Perturbation) => {
            const output = await engine.forward({
              key: 0,
              input: input(),
              keep: false,
              ...(perturbation && { perturbation }),
            });
            if (program === middle) return { output, losses: output };
            const head = await engine.head({
              input: activation(1),
              targets: tokens(1),
              gradient: false,
              ...(perturbation && { perturbation }),
            });
            expect(head.loss).toBeCloseTo((head.sampleLosses[0]! + head.sampleLosses[1]!) / 2, 5);
            return { output, losses: head.sampleLosses };
          };
          const plain = await pass();
          for (const sign of [1, -1]) {
            await engine.writeWeights(weights);
            const together = await pass({ seed: keys(first), scale: sign * scale });
            const apart = await pass({ seed: keys(first, second), scale: sign * scale });
            expect(await pass()).toEqual(plain);
            const byHand: Awaited<ReturnType<typeof pass>>[] = [];
            for (const direction of [first, second]) {
              await engine.writeWeights(movedByHand(weights, direction, sign * scale));
              byHand.push(await pass());
            }
            await engine.writeWeights(weights);
            expect(together).toEqual(byHand[0]);
            for (const what of ['output', 'losses'] as const) {
              const half = apart[what].length / 2;
              expect(
                worstError(apart[what].subarray(0, half), byHand[0]![what].subarray(0, half)),
              ).toBeLessThan(1e-5);
              expect(worstError(apart[what].subarray(half), byHand[1]![what].subarray(half))).toBeLessThan(
                1e-5,
              );
              expect(worstError(apart[what], plain[what])).toBeGreaterThan(1e-3);
            }
          }
        }
      });

      test('targets that do not count change neither loss nor gradient', async () => {
        await engine.load(anchor, anchorWeights());
        const input = () => activation(1);
        const only = (sample: number) =>
          tokens(1).map((id, row) => (Math.floor(row / model.context) === sample ? id : -1));
        const all = await engine.head({ input: input(), targets: tokens(1), gradient: true });
        await engine.takeGradients();
        const halves: Float32Array[] = [];
        for (const sample of [0, 1]) {
          const head = await engine.head({ input: input(), targets: only(sample), gradient: true });
          expect(head.loss).toBeCloseTo(all.sampleLosses[sample]!, 5);
          expect(head.sampleLosses[1 - sample]).toBe(0);
          halves.push(head.inputGradient!);
          const elsewhere = halves[sample]!.subarray(
            (1 - sample) * 8 * model.width,
            (2 - sample) * 8 * model.width,
          );
          expect(elsewhere.every((value) => value === 0)).toBe(true);
        }
        const mean = all.inputGradient!.map((_, i) => (halves[0]![i]! + halves[1]![i]!) / 2);
        expect(worstError(mean, all.inputGradient!)).toBeLessThan(1e-5);
        await engine.takeGradients();
        const none = await engine.head({ input: input(), targets: tokens(1).fill(-1), gradient: true });
        expect(none.loss).toBe(0);
        expect((await engine.takeGradients()).every((value) => value === 0)).toBe(true);
      });

      test('head gradients join those of the stage', async () => {
        await engine.load(anchor, anchorWeights());
        await engine.head({ input: activation(1), targets: tokens(1), gradient: false });
        expect((await engine.takeGradients()).every((value) => value === 0)).toBe(true);
        await engine.head({ input: activation(1), targets: tokens(1), gradient: true });
        const gradients = await engine.takeGradients();
        for (const { name, offset, length } of stageLayout(model, anchor.stage).entries) {
          const touched = gradients.subarray(offset, offset + length).some((value) => value !== 0);
          expect([name, touched]).toEqual([name, name === 'norm' || name === 'head']);
        }
      });
    }
  });
}

/** weights + scale·z, bit by bit. */
function movedByHand(weights: Float32Array, direction: Stream, scale: number): Float32Array {
  const bits = new Uint32Array(Math.ceil(weights.length / 32));
  fillBits(direction, 0, bits);
  return weights.map((value, i) => {
    const minus = Math.floor(bits[Math.floor(i / 32)]! / 2 ** (i % 32)) % 2 === 1;
    return minus ? value - scale : value + scale;
  });
}

/** A full garbage collection, whatever flags the process was started with. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
