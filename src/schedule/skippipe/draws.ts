// Random numbers for the search, which draws millions of them: sfc32 (C. Doty-Humphrey, PractRand), four words of
// state and a dozen integer operations, seeded from a stream of the run. 32-bit integers only: the same everywhere.

import { type Stream, words } from '../../random/index.ts';

export interface Draws {
  /** Uniform on 0 … 2^32 − 1. */
  word(): number;
  /** Uniform on 0 … bound − 1 up to bound / 2^32, which no search can notice. */
  below(bound: number): number;
}

/** Rounds after which every bit of the state hangs on every bit of the seed. */
const mixingRounds = 15;

export function drawsFrom(from: Stream): Draws {
  let [a, b, c] = words(from, 0, 3) as unknown as [number, number, number];
  let counter = 1;
  function word(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
  for (let round = 0; round < mixingRounds; round++) word();
  return { word, below: (bound) => Math.floor(word() * (bound / 4294967296)) };
}
