// Streams of shared randomness. A stream is named by (run seed, purpose, iteration, index) and its name alone decides
// its bits, so peers that never met draw the same data, skips and perturbations.
//
// How streams stay apart: the run seed is a Threefry key; purpose, iteration and index together fill one 64-bit
// counter without overlap (6 + 26 + 32 bits); the block at that counter is the stream's own key. Threefry is a
// permutation of the counter for a fixed key, so within a run two streams with different names have different keys
// by construction, not by luck.

import { threefryBlock } from './threefry.ts';
import { fillBlocks } from './threefry-kernel.ts';

/**
 * What a stream is drawn for, with the number that goes into its key. Numbers are part of every run's identity:
 * add new ones at the end, never change or reuse one (0 to 63).
 */
export const purposes = {
  'initial-weights': 0,
  'data-order': 1,
  skips: 2,
  perturbation: 3,
  audit: 4,
  schedule: 5,
  recovery: 6,
  rotation: 7,
  projection: 8,
  sampling: 9,
  churn: 10,
  network: 11,
  identity: 12,
  election: 13,
} as const;

export type Purpose = keyof typeof purposes;

/**
 * Which index belongs to whom where several draw for one purpose without iterations: no two the same. Part of a run's
 * identity like the numbers above.
 */
export const streamIndices = {
  schedule: { dtfm: 0, swarm: 1, randomSkip: 2, search: 3, blindPaths: 4, genetic: 5, publishedPaths: 6 },
  churn: { failures: 0, simulation: 1, elections: 2, keepers: 3 },
} as const satisfies Partial<Record<Purpose, Record<string, number>>>;

/** A stream's name. */
export interface StreamName {
  /** The run's seed: an integer from 0 to 2^53 − 1. */
  readonly runSeed: number;
  readonly purpose: Purpose;
  /** Integer from 0 to 2^26 − 1; 0 where the purpose has no iterations. */
  readonly iteration?: number;
  /** Integer from 0 to 2^32 − 1: which of the streams of this purpose and iteration. */
  readonly index?: number;
}

/** A stream: its Threefry key. Word w is word w mod 2 of the block at counter ⌊w / 2⌋. */
export interface Stream {
  readonly key0: number;
  readonly key1: number;
}

const ITERATION_BITS = 26;

/** The stream of that name; throws a RangeError when a part of the name is out of range. */
export function stream(name: StreamName): Stream {
  const { runSeed, purpose, iteration = 0, index = 0 } = name;
  checkInteger('runSeed', runSeed, Number.MAX_SAFE_INTEGER);
  checkInteger('iteration', iteration, 2 ** ITERATION_BITS - 1);
  checkInteger('index', index, 2 ** 32 - 1);
  const counter0 = purposes[purpose] * 2 ** ITERATION_BITS + iteration;
  const key = new Uint32Array(2);
  threefryBlock(Math.floor(runSeed / 2 ** 32), runSeed >>> 0, counter0, index, key, 0);
  return { key0: key[0]!, key1: key[1]! };
}

/** Words `firstWord` … `firstWord + count − 1` of the stream: uniform 32-bit integers. `firstWord` below 2^53. */
export function words(from: Stream, firstWord: number, count: number): Uint32Array {
  checkInteger('firstWord', firstWord, Number.MAX_SAFE_INTEGER);
  const skipped = firstWord % 2;
  const firstBlock = (firstWord - skipped) / 2;
  const blocks = Math.ceil((skipped + count) / 2);
  const out = new Uint32Array(2 * blocks);
  fillBlocks(from.key0, from.key1, firstBlock, 'both', out);
  return out.subarray(skipped, skipped + count);
}

/**
 * Numbers `first` … `first + count − 1` of the stream, uniform on the multiples of 2^−53 in [0, 1).
 * Number i is made of words 2i and 2i + 1.
 */
export function uniforms(from: Stream, first: number, count: number): Float64Array {
  const bits = words(from, 2 * first, 2 * count);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = fraction53(bits[2 * i]!, bits[2 * i + 1]!);
  return out;
}

/** Number `index` of `uniforms`, alone. */
export function uniform(from: Stream, index: number): number {
  return uniforms(from, index, 1)[0]!;
}

/** Halves of 16 bits that are added up for one value of `bellNumbers`. */
const BELL_TERMS = 8;
const BELL_MEAN = (BELL_TERMS * (2 ** 16 - 1)) / 2;
const BELL_SCALE = 1 / Math.sqrt((BELL_TERMS * (2 ** 32 - 1)) / 12);

/**
 * Values `first` … `first + count − 1` with mean 0 and variance 1, close to normal, as float32.
 *
 * Each is the sum of eight 16-bit uniform integers (the Irwin–Hall distribution: excess kurtosis −0.15, nothing
 * beyond 4.9): integer sums and one product, so the bits are the same on every machine, which the logarithm and
 * sine of a true normal sample are not. Value i is made of words 4i … 4i + 3.
 */
export function bellNumbers(from: Stream, first: number, count: number): Float32Array {
  const perValue = BELL_TERMS / 2;
  const bits = words(from, perValue * first, perValue * count);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = perValue * i; j < perValue * (i + 1); j++) sum += (bits[j]! & 0xffff) + (bits[j]! >>> 16);
    out[i] = (sum - BELL_MEAN) * BELL_SCALE;
  }
  return out;
}

/** 53 bits of two words as a fraction in [0, 1): 21 bits of the first, all of the second. */
export function fraction53(high: number, low: number): number {
  return ((high >>> 11) * 2 ** 32 + low) * 2 ** -53;
}

function checkInteger(what: string, value: number, largest: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > largest) {
    throw new RangeError(`${what} must be an integer from 0 to ${largest}, not ${value}`);
  }
}
