// The arithmetic of one block of a rotated gradient, on arrays of its own: random signs, Walsh–Hadamard transform,
// rounding to levels and back. Two members with the same bits: plain JavaScript here, WebAssembly vectors in
// block-kernels.ts.
//
// The transform is not divided by anything: of integers it gives integers, and twice the transform is the length
// times the values. Strides go up, one float32 addition or subtraction at a time, so the bits are the same everywhere.

import { type LevelBits, normalLevels } from './levels.ts';

/** Values of the largest block. */
export const LARGEST_BLOCK = 8192;
/** Values of the smallest: a word of sign bits. Lengths are powers of two between the two. */
export const SMALLEST_BLOCK = 32;

export interface BlockWork {
  /** The block. */
  readonly values: Float32Array;
  /** Bit i of the block's signs is bit i mod 32 of word ⌊i / 32⌋, the lowest first; set means minus. */
  readonly signs: Uint32Array;
  /** Level numbers in planes of length / 8 bytes: the sign, then the bits of the size's number, lowest first. */
  readonly planes: Uint8Array;
  /** What `addTo` adds to. */
  readonly target: Float32Array;
  /** Changes the sign of values whose bit is set. */
  applySigns(length: number): void;
  hadamard(length: number): void;
  /**
   * Writes each value's nearest level to the planes and returns the factor that makes the levels an unbiased estimate
   * of the values, Σv² / Σ v·level, in float64; 0 for a block of zeros, not finite when a value is not.
   */
  quantize(bits: LevelBits, length: number): number;
  /** Makes the levels that the planes name the block's values. */
  expand(bits: LevelBits, length: number): void;
  /** Adds `scale` (a float32) times each value, rounded, to the target, rounding again. */
  addTo(length: number, scale: number): void;
  /** The sum of the values' squares, in float64. */
  squares(length: number): number;
}

export function plainBlockWork(): BlockWork {
  const values = new Float32Array(LARGEST_BLOCK);
  const valueBits = new Uint32Array(values.buffer);
  const signs = new Uint32Array(LARGEST_BLOCK / 32);
  const planes = new Uint8Array(LARGEST_BLOCK / 2);
  const target = new Float32Array(LARGEST_BLOCK);

  return {
    values,
    signs,
    planes,
    target,

    applySigns(length) {
      for (let i = 0; i < length; i++) {
        const bit = (signs[i >>> 5]! >>> (i & 31)) & 1;
        valueBits[i] = valueBits[i]! ^ (bit << 31);
      }
    },

    hadamard(length) {
      for (let stride = 1; stride < length; stride *= 2) {
        for (let group = 0; group < length; group += 2 * stride) {
          for (let i = group; i < group + stride; i++) {
            const a = values[i]!;
            const b = values[i + stride]!;
            values[i] = a + b;
            values[i + stride] = a - b;
          }
        }
      }
    },

    squares(length) {
      const squares = new Float64Array(4);
      for (let i = 0; i < length; i++) squares[i & 3]! += values[i]! * values[i]!;
      return sumOfLanes(squares);
    },

    quantize(bits, length) {
      const { sizes, bounds } = normalLevels[bits];
      const square = this.squares(length);
      const limits = limitsOf(bounds, square, length);
      const products = new Float64Array(4);
      const planeBytes = length / 8;
      planes.fill(0, 0, bits * planeBytes);
      for (let i = 0; i < length; i++) {
        const size = Math.abs(values[i]!);
        let number = 0;
        for (const limit of limits) if (size > limit) number++;
        products[i & 3]! += size * sizes[number]!;
        const sign = valueBits[i]! >>> 31;
        const level = (number << 1) | sign;
        for (let plane = 0; plane < bits; plane++) {
          planes[plane * planeBytes + (i >>> 3)]! |= ((level >>> plane) & 1) << (i & 7);
        }
      }
      return factorOf(square, sumOfLanes(products));
    },

    expand(bits, length) {
      const { sizes } = normalLevels[bits];
      const planeBytes = length / 8;
      for (let i = 0; i < length; i++) {
        let level = 0;
        for (let plane = 0; plane < bits; plane++) {
          level |= ((planes[plane * planeBytes + (i >>> 3)]! >>> (i & 7)) & 1) << plane;
        }
        const size = sizes[level >>> 1]!;
        values[i] = level & 1 ? -size : size;
      }
    },

    addTo(length, scale) {
      for (let i = 0; i < length; i++) target[i] = target[i]! + Math.fround(scale * values[i]!);
    },
  };
}

/** Sums are kept in four lanes, value i in lane i mod 4, as vectors keep them. */
export function sumOfLanes([a, b, c, d]: Float64Array | readonly number[]): number {
  return a! + c! + (b! + d!);
}

/** Sizes between levels for a block whose squares add up to `square`, as float32. */
export function limitsOf(bounds: readonly number[], square: number, length: number): number[] {
  const deviation = Math.sqrt(square / length);
  return bounds.map((bound) => Math.fround(bound * deviation));
}

export function factorOf(square: number, product: number): number {
  return square === 0 ? 0 : square / product;
}
