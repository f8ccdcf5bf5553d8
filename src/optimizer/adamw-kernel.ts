// AdamW's arithmetic as a WebAssembly kernel: two doubles a vector, the operations of the plain version in its order, so
// the same bits. Slices go through the module's memory in parts that stay in the processor's near caches.

import { type Code, f32x4, f64x2, get, i32, repeatWhile, set, v128 } from '../wasm/code.ts';
import { type FunctionDefinition, instantiate } from '../wasm/module.ts';
import type { AdamWFactors, AdamWLoop } from './adamw.ts';

/** Values at a time. */
const PART = 4096;
/** Values that a turn of the kernel takes; parts are filled up to a multiple of it. */
const TURN = 4;
const VECTOR_BYTES = 16;

// Where things lie in the module's memory.
const WEIGHTS = 0;
const GRADIENT = WEIGHTS + 4 * PART;
const FIRST = GRADIENT + 4 * PART;
const SECOND = FIRST + 4 * PART;
const MEMORY_BYTES = SECOND + 4 * PART;

/** The kernel's parameters after the first, in this order. */
const FACTORS = [
  ...(['gradientScale', 'beta1', 'rest1', 'beta2', 'rest2'] as const),
  ...(['stepSize', 'correction', 'epsilon', 'keep'] as const),
];

/** The loop by vectors; undefined where there are none. */
export function vectorLoop(): AdamWLoop | undefined {
  const instance = instantiate<'step'>([step], MEMORY_BYTES);
  if (instance === undefined) return undefined;
  const { memory, functions } = instance;
  const [weightsPart, gradientPart, firstPart, secondPart] = [WEIGHTS, GRADIENT, FIRST, SECOND].map(
    (at) => new Float32Array(memory, at, PART),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return ({ weights, gradient, first, second, from, to }, factors) => {
    for (let at = from; at < to; at += PART) {
      const end = Math.min(to, at + PART);
      // what fills a part up may be anything: it is not read back
      weightsPart.set(weights.subarray(at, end));
      gradientPart.set(gradient.subarray(at, end));
      firstPart.set(first.subarray(at, end));
      secondPart.set(second.subarray(at, end));
      functions.step(4 * TURN * Math.ceil((end - at) / TURN), ...FACTORS.map((name) => factors[name]));
      weights.set(weightsPart.subarray(0, end - at), at);
      first.set(firstPart.subarray(0, end - at), at);
      second.set(secondPart.subarray(0, end - at), at);
    }
  };
}

const step: FunctionDefinition & { readonly name: 'step' } = {
  name: 'step',
  parameters: ['i32', ...FACTORS.map(() => 'f64' as const)],
  body: ([end, ...given], variable) => {
    const address = variable('i32');
    const vectors = given.map(() => variable('v128'));
    const factor = (name: keyof AdamWFactors) => get(vectors[FACTORS.indexOf(name)]!);
    const g = [variable('v128'), variable('v128')] as const;
    const first = variable('v128');
    const second = variable('v128');
    const load = (at: number) => v128.load(get(address), at);

    /** Two of four floats as doubles. */
    const doubles = (floats: Code, half: number): Code =>
      f64x2.promoteLow(half === 0 ? floats : v128.shuffle(floats, floats, [2, 3, 2, 3]));
    /** Four doubles, rounded. */
    const rounded = (of: (half: number) => Code): Code =>
      v128.shuffle(f32x4.demote(of(0)), f32x4.demote(of(1)), [0, 1, 4, 5]);

    const momentum = (half: number) =>
      f64x2.add(
        f64x2.multiply(factor('beta1'), doubles(load(FIRST), half)),
        f64x2.multiply(factor('rest1'), get(g[half as 0 | 1])),
      );
    const squares = (half: number) => {
      const square = f64x2.multiply(get(g[half as 0 | 1]), get(g[half as 0 | 1]));
      return f64x2.add(
        f64x2.multiply(factor('beta2'), doubles(load(SECOND), half)),
        f64x2.multiply(factor('rest2'), square),
      );
    };
    const weight = (half: number) =>
      f64x2.subtract(
        f64x2.multiply(factor('keep'), doubles(load(WEIGHTS), half)),
        f64x2.divide(
          f64x2.multiply(factor('stepSize'), doubles(get(first), half)),
          f64x2.add(
            f64x2.divide(f64x2.squareRoot(doubles(get(second), half)), factor('correction')),
            factor('epsilon'),
          ),
        ),
      );
    const body = [
      ...[0, 1].flatMap((half) =>
        set(g[half as 0 | 1], f64x2.multiply(doubles(load(GRADIENT), half), factor('gradientScale'))),
      ),
      ...set(first, rounded(momentum)),
      ...set(second, rounded(squares)),
      ...v128.store(get(address), get(first), FIRST),
      ...v128.store(get(address), get(second), SECOND),
      ...v128.store(get(address), rounded(weight), WEIGHTS),
      ...set(address, i32.add(get(address), i32.const(VECTOR_BYTES))),
    ];
    return [
      ...given.flatMap((factor, i) => set(vectors[i]!, f64x2.splat(get(factor)))),
      ...repeatWhile(body, i32.lessThan(get(address), get(end!))),
    ];
  },
};
