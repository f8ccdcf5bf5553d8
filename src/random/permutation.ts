// A random order of 0 … size − 1 that needs no memory: position → item and item → position are computed, not stored.
// A Feistel network over a × b ≥ size points whose round function is Threefry; where a result falls outside the size,
// the network is applied again until it falls inside (cycle walking).
// J. Black, P. Rogaway: Ciphers with Arbitrary Finite Domains (CT-RSA 2002), §4 (cycle walking) and §5 (the
// generalised Feistel network on Z_a × Z_b).

import type { Stream } from './stream.ts';
import { threefryBlock } from './threefry.ts';

/** Largest size: both halves of the network then fit in 24 bits and every product is exact. */
export const LARGEST_PERMUTATION = 2 ** 48;

/** Even, so that the halves end in their own places. */
const ROUNDS = 8;
/** First counter word of the rounds: no block of `words` (their first counter word stays below 2^20) meets it. */
const ROUND_COUNTER = 0xfe000000;

/** The item at position `index` of the stream's order of 0 … size − 1. Throws a RangeError when out of range. */
export function permute(index: number, size: number, by: Stream): number {
  return walk(index, size, by, encipher);
}

/** The position of `item` in the same order: `unpermute(permute(i, n, s), n, s) === i`. */
export function unpermute(item: number, size: number, by: Stream): number {
  return walk(item, size, by, decipher);
}

type Cipher = (point: number, a: number, b: number, by: Stream) => number;

function walk(start: number, size: number, by: Stream, cipher: Cipher): number {
  if (!Number.isSafeInteger(size) || size < 1 || size > LARGEST_PERMUTATION) {
    throw new RangeError(`a permutation's size must be an integer from 1 to 2^48, not ${size}`);
  }
  if (!Number.isSafeInteger(start) || start < 0 || start >= size) {
    throw new RangeError(
      `a position in a permutation of ${size} must be an integer from 0 to ${size - 1}, not ${start}`,
    );
  }
  // a · b exceeds the size by less than a, so that walking is rare for all but the smallest sizes.
  const a = Math.ceil(Math.sqrt(size));
  const b = Math.ceil(size / a);
  let point = start;
  do {
    point = cipher(point, a, b, by);
  } while (point >= size);
  return point;
}

function encipher(point: number, a: number, b: number, by: Stream): number {
  let left = point % a;
  let right = Math.floor(point / a);
  for (let round = 0; round < ROUNDS; round++) {
    const modulus = round % 2 === 0 ? a : b;
    const mixed = (left + roundValue(round, right, modulus, by)) % modulus;
    left = right;
    right = mixed;
  }
  return a * right + left;
}

function decipher(point: number, a: number, b: number, by: Stream): number {
  let left = point % a;
  let right = Math.floor(point / a);
  for (let round = ROUNDS - 1; round >= 0; round--) {
    const modulus = round % 2 === 0 ? a : b;
    const mixed = right;
    right = left;
    left = (mixed - roundValue(round, right, modulus, by) + modulus) % modulus;
  }
  return a * right + left;
}

const block = new Uint32Array(2);

/** Uniform on 0 … modulus − 1 up to a bias below 2^−28 (53 bits over at most 24). */
function roundValue(round: number, half: number, modulus: number, by: Stream): number {
  threefryBlock(by.key0, by.key1, ROUND_COUNTER + round, half, block, 0);
  return ((block[0]! >>> 11) * 2 ** 32 + block[1]!) % modulus;
}
