// Shared randomness: bits that every peer can compute from (run seed, purpose, iteration, index).

export { fillBits } from './bits.ts';
export { type Generator, generator } from './generator.ts';
export { LARGEST_PERMUTATION, permute, unpermute } from './permutation.ts';
export {
  bellNumbers,
  type Purpose,
  purposes,
  type Stream,
  type StreamName,
  stream,
  streamIndices,
  uniform,
  uniforms,
  words,
} from './stream.ts';
export { threefryBlock, threefryBlocks } from './threefry.ts';
