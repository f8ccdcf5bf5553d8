// eden: a shared random rotation makes any gradient look normally distributed; then 1 to 4 bits a coordinate hold it
// as well as they can hold normal values, and a scale makes the estimate unbiased.
// S. Vargaftik et al.: EDEN (arXiv 2108.08842), §3 and §4.1; one bit is DRIVE (arXiv 2105.08339).
//
// A gradient is cut into blocks. A block's values are multiplied by random signs (shared: sender and receivers derive
// them from the contribution's key) and go through a Hadamard transform. Each coordinate v is stored as the nearest
// Lloyd–Max level c(v) of the normal distribution, and the block's scale is Σv² / Σ v·c(v), over the block's length:
// whatever the rotation, the estimate then has exactly the gradient as its part along the gradient, and the rest of
// it changes with the rotation around zero.
//
// Levels are integers, so the transform back is a sum of integers, exact in float32 in any order; one product by the
// scale is rounded, and one addition to the sum.
//
// Per block: the scale as float32, little-endian, then the level numbers in planes of one bit a coordinate: the sign
// first, then the bits of the size's number, lowest first.

import { fillBits } from '../random/index.ts';
import { type Codec, checkSlice, viewOf, wrongLength } from './codec.ts';
import { applySigns, type Block, blocksOf, hadamard } from './hadamard.ts';
import { contributionStream } from './streams.ts';

export const EDEN_BLOCK = 4096;
const SCALE_BYTES = 4;
const LARGEST_FLOAT = 2 ** 128 - 2 ** 104;

interface Quantizer {
  /** Sizes of the levels, ascending, in units of 1/256 standard deviation (any unit, at one bit). */
  readonly levels: readonly number[];
  /** Mean squared error of the levels for a standard normal value. */
  readonly distortion: number;
}

// The optimum of J. Max: Quantizing for Minimum Distortion (1960), table 1, levels rounded to 1/256.
const quantizers: Readonly<Record<1 | 2 | 3 | 4, Quantizer>> = {
  1: { levels: [1], distortion: 0.3634 },
  2: { levels: [116, 387], distortion: 0.1175 },
  3: { levels: [63, 194, 344, 551], distortion: 0.03454 },
  4: { levels: [33, 99, 168, 241, 322, 414, 530, 700], distortion: 0.009497 },
};
const UNIT = 256;

export type EdenBits = keyof typeof quantizers;

export function eden(name: string, bits: EdenBits): Codec {
  const { levels, distortion } = quantizers[bits];
  // A value is at the level whose bounds it lies between; the bounds are halfway between levels.
  const bounds = levels.slice(1).map((level, i) => (level + levels[i]!) / 2 / UNIT);
  const largestLevel = levels.at(-1)!;
  const blockBytes = ({ length }: Block) => SCALE_BYTES + (bits * length) / 8;

  const codec: Codec = {
    name,
    unbiased: true,
    errorFeedback: false,
    sliceMultiple: EDEN_BLOCK,
    relativeError: () => 1 / (1 - distortion) - 1,
    encodedBytes: (values) => blocksOf(values, EDEN_BLOCK).reduce((sum, block) => sum + blockBytes(block), 0),
    start: () => ({ residuals: [] }),

    encode({ gradient, slice, key }) {
      checkSlice(codec, slice, gradient.length);
      const values = slice.to - slice.from;
      const bytes = new Uint8Array(codec.encodedBytes(values));
      const view = viewOf(bytes);
      const rotation = contributionStream('rotation', key);
      let at = 0;
      for (const block of blocksOf(values, EDEN_BLOCK)) {
        const { from, count, length } = block;
        const first = slice.from + from;
        rotated.set(gradient.subarray(first, first + count));
        rotated.fill(0, count, length);
        const signs = signBits.subarray(0, length / 32);
        fillBits(rotation, first / 32, signs);
        applySigns(rotated, 0, length, signs);
        hadamard(rotated, 0, length);
        const planes = bytes.subarray(at + SCALE_BYTES, at + blockBytes(block));
        view.setFloat32(at, quantize(length, planes), true);
        at += blockBytes(block);
      }
      return bytes;
    },

    reject(bytes, slice) {
      const length = wrongLength(codec, bytes, slice);
      if (length !== undefined) return length;
      const view = viewOf(bytes);
      let at = 0;
      for (const block of blocksOf(slice.to - slice.from, EDEN_BLOCK)) {
        const scale = view.getFloat32(at, true);
        if (!(Math.abs(scale) * largestLevel * block.length <= LARGEST_FLOAT)) {
          const message = `the scale of the block at value ${slice.from + block.from} of the gradient is ${scale}`;
          return { reason: 'not-finite', element: undefined, message };
        }
        at += blockBytes(block);
      }
      return undefined;
    },

    addDecoded({ bytes, slice, key, sum }) {
      const view = viewOf(bytes);
      const rotation = contributionStream('rotation', key);
      let at = 0;
      for (const block of blocksOf(sum.length, EDEN_BLOCK)) {
        const { from, count, length } = block;
        readLevels(bytes.subarray(at + SCALE_BYTES, at + blockBytes(block)), length);
        hadamard(rotated, 0, length);
        const signs = signBits.subarray(0, length / 32);
        fillBits(rotation, (slice.from + from) / 32, signs);
        applySigns(rotated, 0, length, signs);
        const scale = view.getFloat32(at, true);
        for (let i = 0; i < count; i++) sum[from + i]! += Math.fround(scale * rotated[i]!);
        at += blockBytes(block);
      }
    },
  };

  /** Writes the planes of the rotated block and returns its scale; one that is not finite if a value is not. */
  function quantize(length: number, planes: Uint8Array): number {
    let squares = 0;
    for (let i = 0; i < length; i++) squares += rotated[i]! * rotated[i]!;
    const deviation = Math.sqrt(squares / length);
    const planeBytes = length / 8;
    let product = 0;
    for (let i = 0; i < length; i++) {
      const value = rotated[i]!;
      const size = Math.abs(value);
      let number = 0;
      for (const bound of bounds) if (size > bound * deviation) number++;
      product += size * levels[number]!;
      const place = i >>> 3;
      const bit = 1 << (i & 7);
      if (value < 0) planes[place]! |= bit;
      for (let plane = 1; plane < bits; plane++) {
        if ((number >>> (plane - 1)) & 1) planes[plane * planeBytes + place]! |= bit;
      }
    }
    return squares === 0 ? 0 : Math.fround(squares / product / length);
  }

  /** Fills the block with the levels that the planes name. */
  function readLevels(planes: Uint8Array, length: number): void {
    const planeBytes = length / 8;
    for (let i = 0; i < length; i++) {
      const place = i >>> 3;
      const shift = i & 7;
      let number = 0;
      for (let plane = 1; plane < bits; plane++) {
        number |= ((planes[plane * planeBytes + place]! >>> shift) & 1) << (plane - 1);
      }
      const level = levels[number]!;
      rotated[i] = (planes[place]! >>> shift) & 1 ? -level : level;
    }
  }

  return codec;
}

const rotated = new Float32Array(EDEN_BLOCK);
const signBits = new Uint32Array(EDEN_BLOCK / 32);
