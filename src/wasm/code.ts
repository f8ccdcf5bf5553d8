// WebAssembly instructions as expressions: each function gives the bytes of one instruction after those of its
// operands. Only what the kernels of this project use. Vector instructions are those of the fixed-width proposal,
// which round as IEEE 754 says on every machine; the relaxed ones, which may not, are left out.
// Numbers: WebAssembly Core Specification 2.0, §5.4.

/** Encoded instructions, in the order in which they run. */
export type Code = readonly number[];

export type ValueType = 'i32' | 'f32' | 'f64' | 'v128';

/** A parameter or a variable of a function. */
export interface Local {
  readonly index: number;
}

const VECTOR = 0xfd;
const NO_RESULT = 0x40;

/** An unsigned integer in LEB128. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

/** A 32-bit integer in signed LEB128. */
function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const ends = rest === (byte & 0x40 ? -1 : 0);
    bytes.push(ends ? byte : byte | 0x80);
    if (ends) return bytes;
  }
}

/** Alignment is a hint; the kernels' addresses are multiples of 4 at least. */
const at = (alignment: number, offset: number): Code => [alignment, ...unsigned(offset)];
const vector = (number: number): Code => [VECTOR, ...unsigned(number)];
const plain2 =
  (number: number) =>
  (a: Code, b: Code): Code => [...a, ...b, number];
const vector1 =
  (number: number) =>
  (a: Code): Code => [...a, ...vector(number)];
const vector2 =
  (number: number) =>
  (a: Code, b: Code): Code => [...a, ...b, ...vector(number)];

export const get = (local: Local): Code => [0x20, ...unsigned(local.index)];
export const set = (local: Local, value: Code): Code => [...value, 0x21, ...unsigned(local.index)];

/** Runs the body, then again while the condition holds. */
export function repeatWhile(body: Code, condition: Code): Code {
  return [0x03, NO_RESULT, ...body, ...condition, 0x0d, 0, 0x0b];
}

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: (address: Code, offset = 0): Code => [...address, 0x28, ...at(2, offset)],
  load8: (address: Code, offset = 0): Code => [...address, 0x2d, ...at(0, offset)],
  store16: (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0x3b, ...at(1, offset)],
  lessThan: plain2(0x49),
  add: plain2(0x6a),
  multiply: plain2(0x6c),
  shiftRight: plain2(0x76),
};

export const v128 = {
  load: (address: Code, offset = 0): Code => [...address, ...vector(0x00), ...at(2, offset)],
  /** The 32-bit number at an address, in every lane. */
  loadSplat: (address: Code, offset = 0): Code => [...address, ...vector(0x09), ...at(2, offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...vector(0x0b),
    ...at(2, offset),
  ],
  /** Four 32-bit lanes. */
  const: (a: number, b: number, c: number, d: number): Code => [
    ...vector(0x0c),
    ...new Uint8Array(Uint32Array.of(a, b, c, d).buffer),
  ],
  /** 32-bit lanes of `a` (0 to 3) and `b` (4 to 7). */
  shuffle: (a: Code, b: Code, lanes: readonly [number, number, number, number]): Code => [
    ...a,
    ...b,
    ...vector(0x0d),
    ...lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
  ],
  and: vector2(0x4e),
  or: vector2(0x50),
  xor: vector2(0x51),
  /** Bits of `a` where the mask is set, of `b` where it is not. */
  select: (a: Code, b: Code, mask: Code): Code => [...a, ...b, ...mask, ...vector(0x52)],
};

export const i8x16 = {
  bitmask: vector1(0x64),
  /** Sixteen 16-bit numbers as bytes; what does not fit becomes the nearest that does. */
  narrow: vector2(0x65),
  /** Of signed numbers. */
  larger: vector2(0x78),
  /** Each 32-bit lane turned left by that many bytes. */
  rotateLanes: (a: Code, by: number): Code => [
    ...a,
    ...a,
    ...vector(0x0d),
    ...Array.from({ length: 16 }, (_, i) => (i & 12) + ((i - by) & 3)),
  ],
};
export const i16x8 = {
  narrow: vector2(0x85),
  /** To 0 … 65,535. */
  narrowUnsigned: vector2(0x86),
  /** The lower and the upper eight bytes. */
  extendLow: vector1(0x87),
  extendHigh: vector1(0x88),
};

export const i32x4 = {
  splat: vector1(0x11),
  equal: vector2(0x37),
  greaterThan: vector2(0x3b),
  extendLow: vector1(0xa7),
  extendHigh: vector1(0xa8),
  extendLowUnsigned: vector1(0xa9),
  extendHighUnsigned: vector1(0xaa),
  shiftLeft: (a: Code, by: number): Code => [...a, ...i32.const(by), ...vector(0xab)],
  shiftRight: (a: Code, by: number): Code => [...a, ...i32.const(by), ...vector(0xad)],
  add: vector2(0xae),
  subtract: vector2(0xb1),
  /** Of signed numbers. */
  larger: vector2(0xb8),
};

export const f32x4 = {
  splat: vector1(0x13),
  /** Two doubles rounded into the lower lanes; zeros above. */
  demote: vector1(0x5e),
  greaterThan: vector2(0x44),
  abs: vector1(0xe0),
  add: vector2(0xe4),
  subtract: vector2(0xe5),
  multiply: vector2(0xe6),
  divide: vector2(0xe7),
  fromIntegers: vector1(0xfa),
};

export const f64x2 = {
  splat: vector1(0x14),
  promoteLow: vector1(0x5f),
  squareRoot: vector1(0xef),
  add: vector2(0xf0),
  subtract: vector2(0xf1),
  multiply: vector2(0xf2),
  divide: vector2(0xf3),
};
