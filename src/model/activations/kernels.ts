// The loops of packing and unpacking as WebAssembly kernels: four float32 values a vector, the bits of the plain version.
// A tensor goes through the module's memory in parts that stay in the processor's nearest cache.

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
} from '../../wasm/code.ts';
import { type FunctionDefinition, instantiate } from '../../wasm/module.ts';
import {
  type ActivationWork,
  BIAS_DIFFERENCE,
  INFINITE_HALF,
  INFINITY,
  MAGNITUDE,
  MOST_LEVEL,
  NORMAL_HALF_AS_FLOAT,
  plainActivationWork,
  ROUNDER,
} from './work.ts';

/** Values at a time: 32 KiB of them. */
const PART = 8192;
/** Values that a kernel takes in one turn at most; parts and rows are filled up to a multiple of it. */
const TURN = 16;

// Where things lie in the module's memory.
const VALUES = 0;
const PACKED = VALUES + 4 * PART;
const SCALES = PACKED + 2 * PART;
/** Scales are written four at a time, each in the place of the three superfluous ones of the row before. */
const RESULT = SCALES + 4 * (PART / TURN) + 16;
const MEMORY_BYTES = RESULT + 16;

const VECTOR_BYTES = 16;

let shared: ActivationWork | undefined;

/** The work for every type in this thread: by vectors where there are any, else plain. */
export function activationWork(): ActivationWork {
  shared ??= vectorActivationWork() ?? plainActivationWork;
  return shared;
}

/** The members' work by WebAssembly vectors; undefined where there are none. */
export function vectorActivationWork(): ActivationWork | undefined {
  const instance = instantiate<string>(definitions(), MEMORY_BYTES);
  if (instance === undefined) return undefined;
  const { memory, functions } = instance;
  const part = new Float32Array(memory, VALUES, PART);
  const halvesPart = new Uint16Array(memory, PACKED, PART);
  const levelsPart = new Int8Array(memory, PACKED, PART);
  const scalesPart = new Float32Array(memory, SCALES, PART / TURN);
  const result = new Int32Array(memory, RESULT, 4);

  return {
    largestMagnitude(values) {
      result.fill(0);
      for (let from = 0; from < values.length; from += PART) {
        functions.largest!(4 * fill(part, values, from));
      }
      return Math.max(...result);
    },

    narrow(values, exponent, halves) {
      const factors = factorsOf(exponent);
      for (let from = 0; from < values.length; from += PART) {
        functions.narrow!(4 * fill(part, values, from), ...factors);
        halves.set(halvesPart.subarray(0, Math.min(PART, values.length - from)), from);
      }
    },

    widen(halves, exponent, values) {
      const factors = factorsOf(-exponent);
      result.fill(0);
      for (let from = 0; from < values.length; from += PART) {
        functions.widen!(4 * fill(halvesPart, halves, from), ...factors);
        if (Math.max(...result) >= INFINITE_HALF) return false;
        values.set(part.subarray(0, Math.min(PART, values.length - from)), from);
      }
      return true;
    },

    quantize(values, shape, scales, levels) {
      const { rows, width } = shape;
      const stride = upToTurn(width);
      if (stride > PART) return plainActivationWork.quantize(values, shape, scales, levels);
      const rowsAtOnce = Math.floor(PART / stride);
      for (let row = 0; row < rows; row += rowsAtOnce) {
        const count = Math.min(rowsAtOnce, rows - row);
        copyRows(values, row * width, width, part, 0, stride, count);
        functions.quantize!(4 * count * stride, 4 * stride);
        scales.set(scalesPart.subarray(0, count), row);
        copyRows(levelsPart, 0, stride, levels, row * width, width, count);
      }
    },

    expand(levels, shape, scales, values) {
      const { rows, width } = shape;
      const stride = upToTurn(width);
      if (stride > PART) return plainActivationWork.expand(levels, shape, scales, values);
      const rowsAtOnce = Math.floor(PART / stride);
      for (let row = 0; row < rows; row += rowsAtOnce) {
        const count = Math.min(rowsAtOnce, rows - row);
        copyRows(levels, row * width, width, levelsPart, 0, stride, count);
        scalesPart.set(scales.subarray(row, row + count));
        functions.expand!(4 * count * stride, 4 * stride);
        copyRows(part, 0, stride, values, row * width, width, count);
      }
    },
  };
}

type Values = Float32Array | Uint16Array | Int8Array;

/** Copies the values from there on, as far as they fit, and zeros up to a whole turn; returns how many these are. */
function fill(part: Values, values: Values, from: number): number {
  const count = Math.min(PART, values.length - from);
  const filled = upToTurn(count);
  part.set(values.subarray(from, from + count));
  part.fill(0, count, filled);
  return filled;
}

function upToTurn(count: number): number {
  return TURN * Math.ceil(count / TURN);
}

/** Copies rows that lie `width` apart to where they lie `stride` apart; what a longer row has no values for is zero. */
function copyRows(
  values: Values,
  from: number,
  width: number,
  to: Values,
  start: number,
  stride: number,
  rows: number,
): void {
  if (width === stride) {
    to.set(values.subarray(from, from + rows * width), start);
    return;
  }
  const count = Math.min(width, stride);
  for (let row = 0; row < rows; row++) {
    const at = start + row * stride;
    to.set(values.subarray(from + row * width, from + row * width + count), at);
    to.fill(0, at + count, at + stride);
  }
}

/** 2^exponent as a product of two float32 numbers; the first alone takes no bits from a value that the product leaves any of. */
function factorsOf(exponent: number): readonly [number, number] {
  const first = Math.max(-100, Math.min(100, exponent));
  return [2 ** first, 2 ** (exponent - first)];
}

function definitions(): FunctionDefinition[] {
  return [
    { name: 'largest', parameters: ['i32'], body: largest },
    { name: 'narrow', parameters: ['i32', 'f32', 'f32'], body: narrow },
    { name: 'widen', parameters: ['i32', 'f32', 'f32'], body: widen },
    { name: 'quantize', parameters: ['i32', 'i32'], body: quantize },
    { name: 'expand', parameters: ['i32', 'i32'], body: expand },
  ];
}

type Body = FunctionDefinition['body'];

/** 32-bit lanes of one integer, float32 or float64. */
const integers = (value: number): Code => v128.const(value, value, value, value);
const floats = (value: number): Code => integers(new Uint32Array(Float32Array.of(value).buffer)[0]!);
const doubles = (value: number): Code => {
  const [low, high] = new Uint32Array(Float64Array.of(value).buffer) as unknown as [number, number];
  return v128.const(low, high, low, high);
};

/** Steps `address` from where it is to the end, by `bytes`. */
function throughPart(address: Local, end: Local, bytes: number, body: Code): Code {
  return repeatWhile(
    [...body, ...set(address, i32.add(get(address), i32.const(bytes)))],
    i32.lessThan(get(address), get(end)),
  );
}

const largest: Body = ([end], variable) => {
  const address = variable('i32');
  const most = variable('v128');
  const sizes = (offset: number) => v128.and(v128.load(get(address), VALUES + offset), integers(MAGNITUDE));
  return [
    ...set(most, v128.load(i32.const(RESULT))),
    ...throughPart(
      address,
      end!,
      4 * VECTOR_BYTES,
      [0, 1, 2, 3].flatMap((i) => set(most, i32x4.larger(get(most), sizes(VECTOR_BYTES * i)))),
    ),
    ...v128.store(i32.const(RESULT), get(most)),
  ];
};

const narrow: Body = ([end, first, second], variable) => {
  const address = variable('i32');
  const x = variable('v128');
  const size = variable('v128');
  const normal = variable('v128');
  const halves = [variable('v128'), variable('v128')];
  const factors = [variable('v128'), variable('v128')] as const;
  const half = (into: Local, offset: number): Code => [
    ...set(x, v128.load(get(address), VALUES + offset)),
    ...set(size, v128.and(get(x), integers(MAGNITUDE))),
    ...set(size, f32x4.multiply(f32x4.multiply(get(size), get(factors[0])), get(factors[1]))),
    ...set(
      normal,
      i32x4.add(
        i32x4.add(get(size), integers(0xfff - BIAS_DIFFERENCE)),
        v128.and(i32x4.shiftRight(get(size), 13), integers(1)),
      ),
    ),
    ...set(
      into,
      v128.select(
        i32x4.subtract(f32x4.add(get(size), floats(0.5)), floats(0.5)),
        i32x4.shiftRight(get(normal), 13),
        i32x4.greaterThan(integers(NORMAL_HALF_AS_FLOAT), get(size)),
      ),
    ),
    ...set(into, v128.or(get(into), v128.and(i32x4.shiftRight(get(x), 16), integers(0x8000)))),
  ];
  return [
    ...set(factors[0], f32x4.splat(get(first!))),
    ...set(factors[1], f32x4.splat(get(second!))),
    ...throughPart(address, end!, 2 * VECTOR_BYTES, [
      ...halves.flatMap((vector, i) => half(vector, VECTOR_BYTES * i)),
      ...v128.store(
        i32.shiftRight(get(address), i32.const(1)),
        i16x8.narrowUnsigned(get(halves[0]!), get(halves[1]!)),
        PACKED,
      ),
    ]),
  ];
};

const widen: Body = ([end, first, second], variable) => {
  const address = variable('i32');
  const packed = variable('v128');
  const x = variable('v128');
  const size = variable('v128');
  const most = variable('v128');
  const factors = [variable('v128'), variable('v128')] as const;
  const value = (half: Code, offset: number): Code => [
    ...set(x, half),
    ...set(size, v128.and(get(x), integers(0x7fff))),
    ...set(most, i32x4.larger(get(most), get(size))),
    // the bits of a binary16 in those of a float32 stand for 2^-112 of its value
    ...set(size, f32x4.multiply(i32x4.shiftLeft(get(size), 13), floats(2 ** 112))),
    ...set(size, f32x4.multiply(f32x4.multiply(get(size), get(factors[0])), get(factors[1]))),
    ...v128.store(
      get(address),
      v128.or(get(size), i32x4.shiftLeft(v128.and(get(x), integers(0x8000)), 16)),
      VALUES + offset,
    ),
  ];
  return [
    ...set(factors[0], f32x4.splat(get(first!))),
    ...set(factors[1], f32x4.splat(get(second!))),
    ...set(most, v128.load(i32.const(RESULT))),
    ...throughPart(address, end!, 2 * VECTOR_BYTES, [
      ...set(packed, v128.load(i32.shiftRight(get(address), i32.const(1)), PACKED)),
      ...value(i32x4.extendLowUnsigned(get(packed)), 0),
      ...value(i32x4.extendHighUnsigned(get(packed)), VECTOR_BYTES),
    ]),
    ...v128.store(i32.const(RESULT), get(most)),
  ];
};

/** Row by row: the largest magnitude, the scale in every lane, the levels. */
const quantize: Body = ([end, rowBytes], variable) => {
  const row = variable('i32');
  const address = variable('i32');
  const rowEnd = variable('i32');
  const scaleAt = variable('i32');
  const most = variable('v128');
  const scale = variable('v128');
  const perLevel = variable('v128');
  const x = variable('v128');
  const levels = [0, 1, 2, 3].map(() => variable('v128'));
  const larger = (lanes: readonly [number, number, number, number]) =>
    set(most, i32x4.larger(get(most), v128.shuffle(get(most), get(most), lanes)));
  const rounded = (pair: Code) =>
    f64x2.add(f64x2.multiply(f64x2.promoteLow(pair), get(perLevel)), doubles(ROUNDER));
  const throughRow = (bytes: number, body: Code): Code => [
    ...set(address, get(row)),
    ...throughPart(address, rowEnd, bytes, body),
  ];
  return repeatWhile(
    [
      ...set(rowEnd, i32.add(get(row), get(rowBytes!))),
      ...set(most, integers(0)),
      ...throughRow(
        VECTOR_BYTES,
        set(most, i32x4.larger(get(most), v128.and(v128.load(get(address), VALUES), integers(MAGNITUDE)))),
      ),
      ...larger([1, 0, 3, 2]),
      ...larger([2, 3, 0, 1]),
      ...set(
        scale,
        v128.select(
          floats(Number.NaN),
          f32x4.divide(get(most), floats(MOST_LEVEL)),
          i32x4.greaterThan(get(most), integers(INFINITY - 1)),
        ),
      ),
      ...v128.store(get(scaleAt), get(scale), SCALES),
      ...set(scaleAt, i32.add(get(scaleAt), i32.const(4))),
      ...set(perLevel, f64x2.divide(doubles(1), f64x2.promoteLow(get(scale)))),
      ...throughRow(4 * VECTOR_BYTES, [
        ...levels.flatMap((vector, i) => [
          ...set(x, v128.load(get(address), VALUES + VECTOR_BYTES * i)),
          // the low half of each sum's bits is the rounded product as an integer
          ...set(
            vector,
            v128.shuffle(rounded(get(x)), rounded(v128.shuffle(get(x), get(x), [2, 3, 2, 3])), [0, 2, 4, 6]),
          ),
        ]),
        ...v128.store(
          i32.shiftRight(get(address), i32.const(2)),
          v128.and(
            i8x16.larger(
              i8x16.narrow(
                i16x8.narrow(get(levels[0]!), get(levels[1]!)),
                i16x8.narrow(get(levels[2]!), get(levels[3]!)),
              ),
              integers(LEAST_LEVELS),
            ),
            f32x4.greaterThan(get(scale), floats(0)),
          ),
          PACKED,
        ),
      ]),
      ...set(row, get(rowEnd)),
    ],
    i32.lessThan(get(row), get(end!)),
  );
};

/** Four bytes of -127. */
const LEAST_LEVELS = 0x8181_8181;

const expand: Body = ([end, rowBytes], variable) => {
  const address = variable('i32');
  const rowEnd = variable('i32');
  const scaleAt = variable('i32');
  const scale = variable('v128');
  const packed = variable('v128');
  const pair = variable('v128');
  const store = (integersOf: (pair: Code) => Code, offset: number): Code =>
    v128.store(
      get(address),
      f32x4.multiply(f32x4.fromIntegers(integersOf(get(pair))), get(scale)),
      VALUES + offset,
    );
  return repeatWhile(
    [
      ...set(rowEnd, i32.add(get(address), get(rowBytes!))),
      ...set(scale, v128.loadSplat(get(scaleAt), SCALES)),
      ...set(scaleAt, i32.add(get(scaleAt), i32.const(4))),
      ...throughPart(address, rowEnd, 4 * VECTOR_BYTES, [
        ...set(packed, v128.load(i32.shiftRight(get(address), i32.const(2)), PACKED)),
        ...[i16x8.extendLow, i16x8.extendHigh].flatMap((extend, half) => [
          ...set(pair, extend(get(packed))),
          ...store(i32x4.extendLow, VECTOR_BYTES * 2 * half),
          ...store(i32x4.extendHigh, VECTOR_BYTES * (2 * half + 1)),
        ]),
      ]),
    ],
    i32.lessThan(get(address), get(end!)),
  );
};
