// project: the gradient's products with K shared random directions, and of each only its sign.
// Directions as in CORE (arXiv 2309.13307), made of random signs and sampled rows of a Walsh–Hadamard matrix, so that
// all products of a block are one transform; one bit a product as in EDEN (arXiv 2108.08842, §4.2), which sends a
// share of the rotated coordinates with few bits each.
//
// Variance, plainly: K products as they are would give a relative error of P / K − 1 for P parameters, and K signs,
// with the right scale, π/2 · P / K − 1. A sign takes 1/32 of a product's bytes, so at equal bytes signs have 32 times
// as many directions and a twentieth of the error. Here K is about 0.315 P, a hundredth of the gradient's bytes, and
// the error is four times the gradient: the estimate is right on average and noisy each time.
//
// Per block: a scale as float32, little-endian, then a bit a sampled row. The scale is Σv² over the whole block /
// Σ|v| over the sampled rows, over the block's length (v: the transform): the estimate then has exactly the gradient
// as its part along the gradient. Rows are offset + j · step modulo the length, step odd, both shared: each row is in
// the sample with the same probability, which is all that the mean and the variance depend on.

import { fillBits, type Stream } from '../random/index.ts';
import { blockWork } from './block-kernels.ts';
import { LARGEST_BLOCK } from './block-work.ts';
import { type Block, blocksOf } from './blocks.ts';
import { type Codec, checkSlice, LARGEST_FLOAT, viewOf, wrongLength } from './codec.ts';
import { contributionStream } from './streams.ts';

const BLOCK = LARGEST_BLOCK;
const SCALE_BYTES = 4;
/** A block has at most this share of the bytes of its float32 values, if it has 125 of them or more. */
const BYTE_SHARE = 1 / 100;
/** Words of the stream from here on choose rows; those before are signs. */
const FIRST_ROW_WORD = 2 ** 40;

/** Bytes of the signs of a block's sampled rows. */
function signBytes({ count, length }: Pick<Block, 'count' | 'length'>): number {
  return Math.min(length / 8, Math.max(1, Math.floor(4 * count * BYTE_SHARE - SCALE_BYTES)));
}

const wholeBlock = { from: 0, count: BLOCK, length: BLOCK };

export const project: Codec = {
  name: 'project',
  unbiased: true,
  errorFeedback: false,
  sliceMultiple: BLOCK,
  relativeError: () => ((Math.PI / 2) * BLOCK) / (8 * signBytes(wholeBlock)) - 1,
  encodedBytes(values) {
    let bytes = Math.floor(values / BLOCK) * (SCALE_BYTES + signBytes(wholeBlock));
    for (const block of blocksOf(values % BLOCK, BLOCK)) bytes += SCALE_BYTES + signBytes(block);
    return bytes;
  },
  start: () => ({ residuals: [] }),

  encode({ gradient, slice, key }) {
    checkSlice(project, slice, gradient.length);
    const count = slice.to - slice.from;
    const bytes = new Uint8Array(project.encodedBytes(count));
    const view = viewOf(bytes);
    const projection = contributionStream('projection', key);
    const { values, signs, applySigns, hadamard } = blockWork();
    let at = 0;
    for (const block of blocksOf(count, BLOCK)) {
      const { length } = block;
      const first = slice.from + block.from;
      values.set(gradient.subarray(first, first + block.count));
      values.fill(0, block.count, length);
      let squares = 0;
      for (let i = 0; i < block.count; i++) squares += values[i]! * values[i]!;
      fillBits(projection, first / 32, signs.subarray(0, length / 32));
      applySigns(length);
      hadamard(length);
      const { step, offset } = rowsOf(projection, first, length);
      const end = at + SCALE_BYTES + signBytes(block);
      let sizes = 0;
      for (let row = offset, place = at + SCALE_BYTES; place < end; place++) {
        let byte = 0;
        for (let bit = 0; bit < 8; bit++, row = (row + step) & (length - 1)) {
          const value = values[row]!;
          sizes += Math.abs(value);
          if (value < 0) byte |= 1 << bit;
        }
        bytes[place] = byte;
      }
      // A sample of zeros alone, of a block that is not, says nothing: the estimate is zero then.
      view.setFloat32(at, sizes === 0 ? 0 : squares / sizes, true);
      at = end;
    }
    return bytes;
  },

  reject(bytes, slice) {
    const length = wrongLength(project, bytes, slice);
    if (length !== undefined) return length;
    const view = viewOf(bytes);
    let at = 0;
    for (const block of blocksOf(slice.to - slice.from, BLOCK)) {
      const scale = view.getFloat32(at, true);
      if (!(Math.abs(scale) * block.length <= LARGEST_FLOAT)) {
        const message = `the scale of the block at value ${slice.from + block.from} of the gradient is ${scale}`;
        return { reason: 'not-finite', element: undefined, message };
      }
      at += SCALE_BYTES + signBytes(block);
    }
    return undefined;
  },

  addDecoded({ bytes, slice, key, sum }) {
    const view = viewOf(bytes);
    const projection = contributionStream('projection', key);
    const { values, signs, target, applySigns, hadamard, addTo } = blockWork();
    let at = 0;
    for (const block of blocksOf(sum.length, BLOCK)) {
      const { from, count, length } = block;
      const first = slice.from + from;
      const { step, offset } = rowsOf(projection, first, length);
      const end = at + SCALE_BYTES + signBytes(block);
      values.fill(0, 0, length);
      for (let row = offset, place = at + SCALE_BYTES; place < end; place++) {
        const byte = bytes[place]!;
        for (let bit = 0; bit < 8; bit++, row = (row + step) & (length - 1)) {
          values[row] = (byte >>> bit) & 1 ? -1 : 1;
        }
      }
      hadamard(length);
      fillBits(projection, first / 32, signs.subarray(0, length / 32));
      applySigns(length);
      target.set(sum.subarray(from, from + count));
      addTo(length, view.getFloat32(at, true));
      sum.set(target.subarray(0, count), from);
      at = end;
    }
  },
};

const rowWord = new Uint32Array(1);

/** Which rows are sampled of the block that begins at value `first` of the gradient. */
function rowsOf(projection: Stream, first: number, length: number): { step: number; offset: number } {
  fillBits(projection, FIRST_ROW_WORD + first / BLOCK, rowWord);
  const word = rowWord[0]!;
  return { step: (word & (length - 1)) | 1, offset: (word >>> 16) & (length - 1) };
}
