// Threefry-2x32-20: a counter-based generator. A 64-bit key and a 64-bit counter give 64 random bits, with no state
// between calls, so any machine can compute any word of any stream, in any order, and gets the same bits.
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011), §4;
// rotations and the parity constant as in its Random123 library.

/** Key schedule parity (Skein 1.3's constant, cut to 32 bits). */
export const PARITY = 0x1bd11bda;

/**
 * Writes the `blocks` blocks of counters `firstBlock`, `firstBlock + 1`, … as pairs of words into `out`.
 *
 * The counter's first word is the high half of the block number, its second word the low half. For a fixed key the
 * block is a permutation of the counter: different counters never give the same 64 bits.
 */
export function threefryBlocks(
  key0: number,
  key1: number,
  firstBlock: number,
  blocks: number,
  out: Uint32Array,
  outOffset = 0,
): void {
  let high = Math.floor(firstBlock / 2 ** 32) | 0;
  let low = firstBlock >>> 0;
  for (let i = 0, at = outOffset; i < blocks; i++, at += 2) {
    threefryBlock(key0, key1, high, low, out, at);
    low = (low + 1) >>> 0;
    if (low === 0) high = (high + 1) | 0;
  }
}

/** Writes the two words of one block (counter words `counter0`, `counter1`) to `out[at]` and `out[at + 1]`. */
export function threefryBlock(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  out: Uint32Array,
  at: number,
): void {
  const k0 = key0 | 0;
  const k1 = key1 | 0;
  const k2 = PARITY ^ k0 ^ k1;
  let a = (counter0 + k0) | 0;
  let b = (counter1 + k1) | 0;
  // Five groups of four rounds, unrolled; after each group a key word and the group's number are injected.
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k1) | 0;
  b = (b + k2 + 1) | 0;
  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  a = (a + b) | 0;
  b = ((b << 29) | (b >>> 3)) ^ a;
  a = (a + b) | 0;
  b = ((b << 16) | (b >>> 16)) ^ a;
  a = (a + b) | 0;
  b = ((b << 24) | (b >>> 8)) ^ a;
  a = (a + k2) | 0;
  b = (b + k0 + 2) | 0;
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k0) | 0;
  b = (b + k1 + 3) | 0;
  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  a = (a + b) | 0;
  b = ((b << 29) | (b >>> 3)) ^ a;
  a = (a + b) | 0;
  b = ((b << 16) | (b >>> 16)) ^ a;
  a = (a + b) | 0;
  b = ((b << 24) | (b >>> 8)) ^ a;
  a = (a + k1) | 0;
  b = (b + k2 + 4) | 0;
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k2) | 0;
  b = (b + k0 + 5) | 0;
  out[at] = a;
  out[at + 1] = b;
}
