// Gradients of one byte a sample and direction: what a sample's loss changes by when the weights move along a random
// direction that everyone can regenerate (Just One Byte, arXiv 2306.10015; the estimate is that of MeZO, arXiv
// 2305.17333, §2). The sample's loss is taken at θ + εz and at θ − εz; the difference is one byte; everyone adds
// difference · z, for every byte and its z, and has the same update.
//
// The byte is a small floating-point number (sign, 4 bits of exponent, 3 of mantissa): it spans the five powers of ten
// between the noise of float32 losses and a nat with at most 6 % of rounding, so nobody has to agree on a scale. What
// it stands for is a whole number of quanta: sums over bytes and signs are sums of integers, the same in any order.

import { fillBits, type Stream, stream } from '../random/index.ts';

/** What a byte of value 1 stands for, nats. Float32 losses of a few nats have noise of this size. */
export const QUANTUM = 2 ** -18;
const MANTISSA = 8;
const LARGEST_CODE = 127;
const MAGNITUDES = Array.from({ length: LARGEST_CODE + 1 }, (_, code) => {
  const exponent = code >> 3;
  return exponent === 0 ? code : (MANTISSA + (code & 7)) * 2 ** (exponent - 1);
});

/** The byte of a difference that is no finite number: it stands for nothing, and what contains it is left out. */
export const NOT_FINITE = 128;

/** The byte nearest to a loss difference (nats); what is beyond the largest, 0.94 nats, becomes the largest. */
export function encodeDifference(difference: number): number {
  if (!Number.isFinite(difference)) return NOT_FINITE;
  const wanted = Math.abs(difference) / QUANTUM;
  let low = 0;
  let high = LARGEST_CODE;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (MAGNITUDES[middle]! <= wanted) low = middle;
    else high = middle - 1;
  }
  const above = Math.min(LARGEST_CODE, low + 1);
  const code = MAGNITUDES[above]! - wanted < wanted - MAGNITUDES[low]! ? above : low;
  return difference < 0 && code > 0 ? 128 + code : code;
}

/** What a byte stands for, in quanta: an integer of at most 245,760. */
export function decodeDifference(byte: number): number {
  const magnitude = MAGNITUDES[byte & LARGEST_CODE]!;
  return byte > LARGEST_CODE ? -magnitude : magnitude;
}

/** Which direction a byte belongs to. */
export interface ProbeKey {
  readonly runSeed: number;
  readonly iteration: number;
  /** The sample's number in its iteration, below `MOST_SAMPLES`: micro-batch × samples + place. */
  readonly sample: number;
  readonly direction: number;
  readonly stage: number;
}

/** Stages are below this, directions of one sample and samples of one iteration below the next: 32 bits in all. */
const STAGES = 2 ** 10;
export const MOST_DIRECTIONS = 2 ** 7;
export const MOST_SAMPLES = 2 ** 15;

/** The stream of the signs along which a stage moves for that sample: sign i is − where bit i of its bits is 1. */
export function probeStream({ runSeed, iteration, sample, direction, stage }: ProbeKey): Stream {
  if (!(direction < MOST_DIRECTIONS && stage < STAGES)) {
    throw new RangeError(`direction ${direction} of stage ${stage} has no stream`);
  }
  const index = (sample * MOST_DIRECTIONS + direction) * STAGES + stage;
  return stream({ runSeed, purpose: 'perturbation', iteration, index });
}

/** One byte of an iteration, and where its direction comes from. */
export interface Probe {
  readonly byte: number;
  readonly signs: Stream;
}

/** How a sum of probes becomes a gradient. */
export type ProbeStep =
  /** The mean of difference · z / 2ε: the estimate of the mean gradient. */
  | { readonly kind: 'plain'; readonly scale: number }
  /** The mean of difference · z over the standard deviation of the differences (FZOO, ICLR 2026): no scale is left. */
  | { readonly kind: 'normalised' };

/** Values at a time: their integers stay in the cache. */
const CHUNK = 32_768;
const sums = new Float64Array(CHUNK);
const bits = new Uint32Array(CHUNK / 32);

/**
 * Writes the estimate of a stage's mean gradient from an iteration's probes, weights `from` … `to` − 1 (`from` a
 * multiple of 32). Integer sums, then one product: any slicing and any order of probes give the same bits.
 */
export function writeEstimate(
  probes: readonly Probe[],
  step: ProbeStep,
  out: Float32Array,
  from = 0,
  to = out.length,
): void {
  if (from % 32 !== 0)
    throw new RangeError(`a slice of directions starts at a multiple of 32, not at ${from}`);
  const unit = unitOf(probes, step);
  const values = probes.map(({ byte }) => decodeDifference(byte));
  for (let start = from; start < to; start += CHUNK) {
    const length = Math.min(CHUNK, to - start);
    const sum = sums.subarray(0, length).fill(0);
    probes.forEach(({ signs }, at) => {
      const value = values[at]!;
      if (value !== 0) addSigned(sum, value, signs, start);
    });
    for (let i = 0; i < length; i++) out[start + i] = sum[i]! * unit;
  }
}

function addSigned(sum: Float64Array, value: number, signs: Stream, start: number): void {
  const drawn = bits.subarray(0, Math.ceil(sum.length / 32));
  fillBits(signs, start / 32, drawn);
  const twice = 2 * value;
  for (let i = 0; i < sum.length; ) {
    let word = drawn[i >>> 5]!;
    for (const last = Math.min(sum.length, i + 32); i < last; i++) {
      sum[i]! += value - twice * (word & 1);
      word >>>= 1;
    }
  }
}

/** What a sum of integers is multiplied by; 0 where there is nothing to divide by. */
export function unitOf(probes: readonly Pick<Probe, 'byte'>[], step: ProbeStep): number {
  const count = probes.length;
  if (count === 0) return 0;
  if (step.kind === 'plain') return QUANTUM / (2 * step.scale) / count;
  let sum = 0;
  let squares = 0;
  for (const { byte } of probes) {
    const value = decodeDifference(byte);
    sum += value;
    squares += value * value;
  }
  const variance = (squares - (sum * sum) / count) / count;
  return variance > 0 ? 1 / (Math.sqrt(variance) * count) : 0;
}
