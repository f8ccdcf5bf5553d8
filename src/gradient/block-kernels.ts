// The arithmetic of a block as WebAssembly kernels: four float32 values a vector, the same operations in the same order
// as the plain version, so the same bits.

import {
  type Code,
  f32x4,
  f64x2,
  get,
  i16x8,
  i32,
  i32x4,
  i8x16,
  type Local,
  repeatWhile,
  set,
  v128,
} from '../wasm/code.ts';
import { type FunctionDefinition, instantiate } from '../wasm/module.ts';
import {
  type BlockWork,
  factorOf,
  LARGEST_BLOCK,
  limitsOf,
  plainBlockWork,
  sumOfLanes,
} from './block-work.ts';
import { type LevelBits, normalLevels } from './levels.ts';

// Where things lie in the module's memory.
const VALUES = 0;
const TARGET = VALUES + 4 * LARGEST_BLOCK;
const PLANES = TARGET + 4 * LARGEST_BLOCK;
const SIGNS = PLANES + LARGEST_BLOCK / 2;
const SUMS = SIGNS + LARGEST_BLOCK / 8;
const MEMORY_BYTES = SUMS + 32;

const VECTOR_BYTES = 16;
const SIGN_MASK = v128.const(0x80000000, 0x80000000, 0x80000000, 0x80000000);
const ALL_BITS: readonly LevelBits[] = [1, 2, 3, 4];

let shared: BlockWork | undefined;

/** The work for every codec of this thread: by vectors where there are any, else plain. One block at a time. */
export function blockWork(): BlockWork {
  shared ??= vectorBlockWork() ?? plainBlockWork();
  return shared;
}

/** The members' work by WebAssembly vectors; undefined where there are none. */
export function vectorBlockWork(): BlockWork | undefined {
  const instance = instantiate<string>(definitions(), MEMORY_BYTES);
  if (instance === undefined) return undefined;
  const { memory, functions } = instance;
  const sums = new Float64Array(memory, SUMS, 4);
  return {
    values: new Float32Array(memory, VALUES, LARGEST_BLOCK),
    target: new Float32Array(memory, TARGET, LARGEST_BLOCK),
    planes: new Uint8Array(memory, PLANES, LARGEST_BLOCK / 2),
    signs: new Uint32Array(memory, SIGNS, LARGEST_BLOCK / 32),

    applySigns: (length) => functions.applySigns!(4 * length),

    hadamard(length) {
      functions.hadamard16!(4 * length);
      let stride = 16;
      for (; 4 * stride <= length; stride *= 4) functions.hadamardBy4!(4 * length, 4 * stride);
      if (2 * stride <= length) functions.hadamardBy2!(4 * length, 4 * stride);
    },

    squares(length) {
      functions.measure!(4 * length);
      return sumOfLanes(sums);
    },

    quantize(bits, length) {
      const square = this.squares(length);
      functions[`quantize${bits}`]!(
        4 * length,
        length / 8,
        ...limitsOf(normalLevels[bits].bounds, square, length),
      );
      return factorOf(square, sumOfLanes(sums));
    },

    expand: (bits, length) => functions[`expand${bits}`]!(4 * length, length / 8),
    addTo: (length, scale) => functions.addTo!(4 * length, scale),
  };
}

function definitions(): FunctionDefinition[] {
  return [
    { name: 'applySigns', parameters: ['i32'], body: applySigns },
    { name: 'hadamard16', parameters: ['i32'], body: hadamard16 },
    { name: 'hadamardBy4', parameters: ['i32', 'i32'], body: hadamardBy4 },
    { name: 'hadamardBy2', parameters: ['i32', 'i32'], body: hadamardBy2 },
    { name: 'measure', parameters: ['i32'], body: measure },
    ...ALL_BITS.flatMap((bits): FunctionDefinition[] => [
      {
        name: `quantize${bits}`,
        parameters: ['i32', 'i32', ...normalLevels[bits].bounds.map(() => 'f32' as const)],
        body: quantize(bits),
      },
      { name: `expand${bits}`, parameters: ['i32', 'i32'], body: expand(bits) },
    ]),
    { name: 'addTo', parameters: ['i32', 'f32'], body: addTo },
  ];
}

type Body = FunctionDefinition['body'];

/** Float32 lanes of one value. */
function floats(value: number): Code {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  return v128.const(bits, bits, bits, bits);
}

/** Steps `address` from where it is to the end of the block, by `bytes`. */
function throughBlock(address: Local, end: Local, bytes: number, body: Code): Code {
  return repeatWhile(
    [...body, ...set(address, i32.add(get(address), i32.const(bytes)))],
    i32.lessThan(get(address), get(end)),
  );
}

/** Lanes all ones where bit `first + lane` of the word is set. */
function maskOfBits(word: Code, first: number): Code {
  const bits = v128.const(1 << first, 2 << first, 4 << first, 8 << first);
  return i32x4.equal(v128.and(i32x4.splat(word), bits), bits);
}

const applySigns: Body = ([end], variable) => {
  const address = variable('i32');
  const word = variable('i32');
  const body = [
    // A word of 32 signs for every 128 bytes of values.
    ...set(word, i32.load(i32.shiftRight(get(address), i32.const(5)), SIGNS)),
    ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((nibble) => {
      const minus = v128.and(maskOfBits(get(word), 4 * nibble), SIGN_MASK);
      const offset = VALUES + VECTOR_BYTES * nibble;
      return v128.store(get(address), v128.xor(v128.load(get(address), offset), minus), offset);
    }),
  ];
  return throughBlock(address, end!, 8 * VECTOR_BYTES, body);
};

/** Strides 1 and 2 inside each vector, 4 and 8 between four vectors. */
const hadamard16: Body = ([end], variable) => {
  const address = variable('i32');
  const x = [0, 1, 2, 3].map(() => variable('v128'));
  const y = [0, 1, 2, 3].map(() => variable('v128'));
  // (a, b) → (b + a, a − b): the neighbour's value plus one's own, with a minus where the difference goes.
  const within = (vector: Local, lanes: readonly [number, number, number, number], minus: Code) =>
    set(vector, f32x4.add(v128.shuffle(get(vector), get(vector), lanes), v128.xor(get(vector), minus)));
  const body = [
    ...x.flatMap((vector, i) => set(vector, v128.load(get(address), VALUES + VECTOR_BYTES * i))),
    ...x.flatMap((vector) => within(vector, [1, 0, 3, 2], v128.const(0, 0x80000000, 0, 0x80000000))),
    ...x.flatMap((vector) => within(vector, [2, 3, 0, 1], v128.const(0, 0, 0x80000000, 0x80000000))),
    ...butterflies(x, y),
    ...y.flatMap((vector, i) => v128.store(get(address), get(vector), VALUES + VECTOR_BYTES * i)),
  ];
  return throughBlock(address, end!, 4 * VECTOR_BYTES, body);
};

/** Two strides over four vectors a, b, c, d: first a with b and c with d, then a with c and b with d. */
function butterflies(x: readonly Local[], y: readonly Local[]): Code {
  const [a, b, c, d] = x.map((vector) => get(vector)) as [Code, Code, Code, Code];
  const [e, f, g, h] = y as [Local, Local, Local, Local];
  return [
    ...set(e, f32x4.add(a, b)),
    ...set(f, f32x4.subtract(a, b)),
    ...set(g, f32x4.add(c, d)),
    ...set(h, f32x4.subtract(c, d)),
    ...set(x[0]!, f32x4.add(get(e), get(g))),
    ...set(x[1]!, f32x4.add(get(f), get(h))),
    ...set(g, f32x4.subtract(get(e), get(g))),
    ...set(h, f32x4.subtract(get(f), get(h))),
    ...set(e, a),
    ...set(f, b),
  ];
}

const hadamardBy4: Body = ([end, stride], variable) => {
  const group = variable('i32');
  const stop = variable('i32');
  const addresses = [0, 1, 2, 3].map(() => variable('i32'));
  const x = [0, 1, 2, 3].map(() => variable('v128'));
  const y = [0, 1, 2, 3].map(() => variable('v128'));
  const inner = [
    ...addresses.flatMap((address, i) => set(x[i]!, v128.load(get(address), VALUES))),
    ...butterflies(x, y),
    ...addresses.flatMap((address, i) => v128.store(get(address), get(y[i]!), VALUES)),
    ...addresses.flatMap((address) => set(address, i32.add(get(address), i32.const(VECTOR_BYTES)))),
  ];
  return repeatWhile(
    [
      ...addresses.flatMap((address, i) =>
        set(address, i32.add(get(group), i32.multiply(get(stride!), i32.const(i)))),
      ),
      ...set(stop, get(addresses[1]!)),
      ...repeatWhile(inner, i32.lessThan(get(addresses[0]!), get(stop))),
      ...set(group, i32.add(get(group), i32.multiply(get(stride!), i32.const(4)))),
    ],
    i32.lessThan(get(group), get(end!)),
  );
};

/** The last stride, half the block, where strides by fours leave one. */
const hadamardBy2: Body = ([end, stride], variable) => {
  const low = variable('i32');
  const high = variable('i32');
  const a = variable('v128');
  const b = variable('v128');
  return [
    ...set(high, get(stride!)),
    ...throughBlock(high, end!, VECTOR_BYTES, [
      ...set(a, v128.load(get(low), VALUES)),
      ...set(b, v128.load(get(high), VALUES)),
      ...v128.store(get(low), f32x4.add(get(a), get(b)), VALUES),
      ...v128.store(get(high), f32x4.subtract(get(a), get(b)), VALUES),
      ...set(low, i32.add(get(low), i32.const(VECTOR_BYTES))),
    ]),
  ];
};

/** Adds four products of float32 lanes, exact in float64, to two sums of two lanes. */
function addProducts([low, high]: readonly [Local, Local], a: Local, b: Local): Code {
  const upper = (x: Local) => f64x2.promoteLow(v128.shuffle(get(x), get(x), [2, 3, 2, 3]));
  return [
    ...set(low, f64x2.add(get(low), f64x2.multiply(f64x2.promoteLow(get(a)), f64x2.promoteLow(get(b))))),
    ...set(high, f64x2.add(get(high), f64x2.multiply(upper(a), upper(b)))),
  ];
}

function storeSums([low, high]: readonly [Local, Local]): Code {
  return [...v128.store(i32.const(SUMS), get(low)), ...v128.store(i32.const(SUMS + VECTOR_BYTES), get(high))];
}

const measure: Body = ([end], variable) => {
  const address = variable('i32');
  const x = variable('v128');
  const sums = [variable('v128'), variable('v128')] as const;
  const body = [...set(x, v128.load(get(address), VALUES)), ...addProducts(sums, x, x)];
  return [...throughBlock(address, end!, VECTOR_BYTES, body), ...storeSums(sums)];
};

/** The sign bits of 16 lanes of four vectors, as 16 bits. */
function signBits([a, b, c, d]: readonly Code[]): Code {
  return i8x16.bitmask(i8x16.narrow(i16x8.narrow(a!, b!), i16x8.narrow(c!, d!)));
}

function quantize(bits: LevelBits): Body {
  const { sizes } = normalLevels[bits];
  return ([end, planeBytes, ...limits], variable) => {
    const address = variable('i32');
    const plane = variable('i32');
    const size = variable('v128');
    const level = variable('v128');
    const above = variable('v128');
    const x = [0, 1, 2, 3].map(() => variable('v128'));
    const numbers = [0, 1, 2, 3].map(() => variable('v128'));
    const limitVectors = limits.map((limit) => ({ limit, vector: variable('v128') }));
    const sums = [variable('v128'), variable('v128')] as const;
    const body = [
      ...x.flatMap((vector, i) => [
        ...set(vector, v128.load(get(address), VALUES + VECTOR_BYTES * i)),
        ...set(size, f32x4.abs(get(vector))),
        ...set(level, floats(sizes[0]!)),
        ...set(numbers[i]!, v128.const(0, 0, 0, 0)),
        ...limitVectors.flatMap((limit, k) => [
          ...set(above, f32x4.greaterThan(get(size), get(limit.vector))),
          // All ones is −1 as an integer.
          ...set(numbers[i]!, i32x4.subtract(get(numbers[i]!), get(above))),
          ...set(level, f32x4.add(get(level), v128.and(get(above), floats(sizes[k + 1]! - sizes[k]!)))),
        ]),
        ...addProducts(sums, size, level),
      ]),
      // 16 values are 64 bytes, and two bytes of a plane.
      ...set(plane, i32.shiftRight(get(address), i32.const(5))),
      ...i32.store16(get(plane), signBits(x.map(get)), PLANES),
      ...Array.from({ length: bits - 1 }, (_, bit) => [
        ...set(plane, i32.add(get(plane), get(planeBytes!))),
        ...i32.store16(get(plane), signBits(numbers.map((n) => i32x4.shiftLeft(get(n), 31 - bit))), PLANES),
      ]).flat(),
    ];
    return [
      ...limitVectors.flatMap(({ limit, vector }) => set(vector, f32x4.splat(get(limit)))),
      ...throughBlock(address, end!, 4 * VECTOR_BYTES, body),
      ...storeSums(sums),
    ];
  };
}

function expand(bits: LevelBits): Body {
  const { sizes } = normalLevels[bits];
  return ([end, planeBytes], variable) => {
    const address = variable('i32');
    const plane = variable('i32');
    const bytes = Array.from({ length: bits }, () => variable('i32'));
    const masks = Array.from({ length: bits }, () => variable('v128'));
    /** The size whose number has the bits that the masks say, from this mask down. */
    const sizeOf = (mask: number, number: number): Code =>
      mask === 0
        ? floats(sizes[number]!)
        : v128.select(
            sizeOf(mask - 1, number + 2 ** (mask - 1)),
            sizeOf(mask - 1, number),
            get(masks[mask]!),
          );
    const body = [
      // 8 values are 32 bytes, and one byte of a plane.
      ...set(plane, i32.shiftRight(get(address), i32.const(5))),
      ...bytes.flatMap((byte) => [
        ...set(byte, i32.load8(get(plane), PLANES)),
        ...set(plane, i32.add(get(plane), get(planeBytes!))),
      ]),
      ...[0, 1].flatMap((half) => [
        ...masks.flatMap((mask, i) => set(mask, maskOfBits(get(bytes[i]!), 4 * half))),
        ...v128.store(
          get(address),
          v128.xor(sizeOf(bits - 1, 0), v128.and(get(masks[0]!), SIGN_MASK)),
          VALUES + VECTOR_BYTES * half,
        ),
      ]),
    ];
    return throughBlock(address, end!, 2 * VECTOR_BYTES, body);
  };
}

const addTo: Body = ([end, scale], variable) => {
  const address = variable('i32');
  const scales = variable('v128');
  const product = f32x4.multiply(get(scales), v128.load(get(address), VALUES));
  const body = v128.store(get(address), f32x4.add(v128.load(get(address), TARGET), product), TARGET);
  return [...set(scales, f32x4.splat(get(scale!))), ...throughBlock(address, end!, VECTOR_BYTES, body)];
};
