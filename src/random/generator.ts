// A sequential generator over a stream, for code that draws one number after another and does not count its draws.

import { fraction53, type Stream, words } from './stream.ts';

export interface Generator {
  /** The next word, uniform on 0 … 2^32 − 1. */
  word(): number;
  /** Uniform on the multiples of 2^−53 in [0, 1); takes two words. */
  uniform(): number;
  /** Uniform on 0 … bound − 1 without bias, by rejection; `bound` is an integer from 1 to 2^53 − 1. */
  integerBelow(bound: number): number;
  /** Reorders the items in place, every order equally likely (Fisher and Yates), and returns them. */
  shuffle<Item>(items: Item[]): Item[];
}

/** Words computed at a time. */
const BUFFER_WORDS = 64;

/** A generator that starts at the stream's word `firstWord`. */
export function generator(from: Stream, firstWord = 0): Generator {
  let buffer = new Uint32Array(0);
  let next = firstWord;
  let used = 0;

  function word(): number {
    if (used === buffer.length) {
      buffer = new Uint32Array(words(from, next, BUFFER_WORDS));
      next += BUFFER_WORDS;
      used = 0;
    }
    return buffer[used++]!;
  }

  function integerBelow(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1) {
      throw new RangeError(`bound must be an integer from 1 to 2^53 − 1, not ${bound}`);
    }
    const wide = bound > 2 ** 32;
    const range = wide ? 2 ** 53 : 2 ** 32;
    // Values at or beyond the last whole multiple of `bound` would favour small remainders: they are drawn again.
    const limit = range - (range % bound);
    for (;;) {
      const value = wide ? (word() >>> 11) * 2 ** 32 + word() : word();
      if (value < limit) return value % bound;
    }
  }

  return {
    word,
    uniform: () => fraction53(word(), word()),
    integerBelow,
    shuffle(items) {
      for (let last = items.length - 1; last > 0; last--) {
        const other = integerBelow(last + 1);
        const item = items[last]!;
        items[last] = items[other]!;
        items[other] = item;
      }
      return items;
    },
  };
}
