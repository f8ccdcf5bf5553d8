// eden: a shared random rotation makes any gradient look normally distributed; then 1 to 4 bits a coordinate hold it
// as well as they can hold normal values, and a scale makes the estimate unbiased.
// S. Vargaftik et al.: EDEN (arXiv 2108.08842), §3 and §4.1; one bit is DRIVE (arXiv 2105.08339).
//
// A gradient is cut into blocks. A block's values are multiplied by random signs (shared: sender and receivers derive
// them from the contribution's key) and go through a Walsh–Hadamard transform. Each coordinate v is stored as the
// nearest Lloyd–Max level c(v) of the normal distribution, and the block's scale is Σv² / Σ v·c(v), over the block's
// length: whatever the rotation, the estimate then has exactly the gradient as its part along the gradient, and the
// rest of it changes with the rotation around zero.
//
// Levels are integers, so the transform back is a sum of integers, exact in float32 in any order; one product by the
// scale is rounded, and one addition to the sum.
//
// Per block: the scale as float32, little-endian, then the level numbers in planes of one bit a coordinate.

import { fillBits } from '../random/index.ts';
import { blockWork } from './block-kernels.ts';
import { type Block, blocksOf } from './blocks.ts';
import { type Codec, checkSlice, LARGEST_FLOAT, viewOf, wrongLength } from './codec.ts';
import { type LevelBits, normalLevels } from './levels.ts';
import { contributionStream } from './streams.ts';

/** The default block: 4 bytes of scale are then 1/128 of the bytes at one bit. */
const BLOCK = 4096;
const SCALE_BYTES = 4;

/** eden with that many bits a coordinate; the block is a power of two. */
export function eden(name: string, bits: LevelBits, blockLength = BLOCK): Codec {
  const { sizes, distortion } = normalLevels[bits];
  const largestSize = sizes.at(-1)!;
  const bytesOf = ({ length }: Block) => SCALE_BYTES + (bits * length) / 8;

  const codec: Codec = {
    name,
    unbiased: true,
    errorFeedback: false,
    sliceMultiple: blockLength,
    relativeError: () => 1 / (1 - distortion) - 1,
    encodedBytes(values) {
      const whole = Math.floor(values / blockLength);
      let bytes = whole * bytesOf({ from: 0, count: blockLength, length: blockLength });
      for (const block of blocksOf(values % blockLength, blockLength)) bytes += bytesOf(block);
      return bytes;
    },
    start: () => ({ residuals: [] }),

    encode({ gradient, slice, key }) {
      checkSlice(codec, slice, gradient.length);
      const count = slice.to - slice.from;
      const bytes = new Uint8Array(codec.encodedBytes(count));
      const view = viewOf(bytes);
      const rotation = contributionStream('rotation', key);
      const work = blockWork();
      let at = 0;
      for (const block of blocksOf(count, blockLength)) {
        const { length } = block;
        const first = slice.from + block.from;
        work.values.set(gradient.subarray(first, first + block.count));
        work.values.fill(0, block.count, length);
        fillBits(rotation, first / 32, work.signs.subarray(0, length / 32));
        work.applySigns(length);
        work.hadamard(length);
        view.setFloat32(at, work.quantize(bits, length) / length, true);
        bytes.set(work.planes.subarray(0, (bits * length) / 8), at + SCALE_BYTES);
        at += bytesOf(block);
      }
      return bytes;
    },

    reject(bytes, slice) {
      const length = wrongLength(codec, bytes, slice);
      if (length !== undefined) return length;
      const view = viewOf(bytes);
      let at = 0;
      for (const block of blocksOf(slice.to - slice.from, blockLength)) {
        const scale = view.getFloat32(at, true);
        if (!(Math.abs(scale) * largestSize * block.length <= LARGEST_FLOAT)) {
          const message = `the scale of the block at value ${slice.from + block.from} of the gradient is ${scale}`;
          return { reason: 'not-finite', element: undefined, message };
        }
        at += bytesOf(block);
      }
      return undefined;
    },

    addDecoded({ bytes, slice, key, sum }) {
      const view = viewOf(bytes);
      const rotation = contributionStream('rotation', key);
      const work = blockWork();
      let at = 0;
      for (const block of blocksOf(sum.length, blockLength)) {
        const { from, count, length } = block;
        work.planes.set(bytes.subarray(at + SCALE_BYTES, at + bytesOf(block)));
        work.expand(bits, length);
        work.hadamard(length);
        fillBits(rotation, (slice.from + from) / 32, work.signs.subarray(0, length / 32));
        work.applySigns(length);
        work.target.set(sum.subarray(from, from + count));
        work.addTo(length, view.getFloat32(at, true));
        sum.set(work.target.subarray(0, count), from);
        at += bytesOf(block);
      }
    },
  };
  return codec;
}
