// top-k: of each block of 16384 values the largest hundredth, with error feedback: what is not sent is added to the
// next gradient. S. U. Stich, J.-B. Cordonnier, M. Jaggi: Sparsified SGD with Memory (arXiv 1809.07599).
//
// Per block of n values, k = ⌈n / 100⌉ of them: the values in the upper half of float32 (bfloat16, little-endian), then
// their places in the code of P. Elias and R. Fano: the lower six bits of each, and for the rest, group by group of 64
// places, a one for every value and a zero at the group's end. That is 8.6 bits a place, however they are spread; no
// code of a set of that size can do with less than 8.0.

import { type Codec, checkSlice, viewOf, wrongLength } from './codec.ts';

const BLOCK = 16384;
const ONE_OF = 100;
const VALUE_BYTES = 2;
const LOW_BITS = 6;
const GROUP = 1 << LOW_BITS;

/** For normally distributed values: what is not in the two tails beyond 2.576 standard deviations. */
const RELATIVE_ERROR = 0.9155;

interface Part {
  readonly from: number;
  readonly count: number;
  readonly kept: number;
  /** Where values, lower bits and upper bits begin, and the end of it all. */
  readonly at: number;
  readonly lowAt: number;
  readonly highAt: number;
  readonly end: number;
}

function* partsOf(values: number): Generator<Part> {
  for (let from = 0, at = 0; from < values; from += BLOCK) {
    const count = Math.min(BLOCK, values - from);
    const kept = Math.ceil(count / ONE_OF);
    const lowAt = at + VALUE_BYTES * kept;
    const highAt = lowAt + Math.ceil((LOW_BITS * kept) / 8);
    const end = highAt + Math.ceil((kept + Math.ceil(count / GROUP)) / 8);
    yield { from, count, kept, at, lowAt, highAt, end };
    at = end;
  }
}

export const topK: Codec = {
  name: 'top-k',
  unbiased: false,
  errorFeedback: true,
  sliceMultiple: BLOCK,
  relativeError: () => RELATIVE_ERROR,
  encodedBytes(values) {
    let whole = 0;
    for (const { end } of partsOf(Math.min(values, BLOCK))) whole = end;
    if (values <= BLOCK) return whole;
    return Math.floor(values / BLOCK) * whole + topK.encodedBytes(values % BLOCK);
  },
  start: (parameters) => ({ residuals: [new Float32Array(parameters)] }),

  encode({ gradient, slice, state }) {
    checkSlice(topK, slice, gradient.length);
    const residual = state.residuals[0]!;
    const residualBits = new Uint32Array(residual.buffer, residual.byteOffset, residual.length);
    const count = slice.to - slice.from;
    const bytes = new Uint8Array(topK.encodedBytes(count));
    const view = viewOf(bytes);
    for (let i = slice.from; i < slice.to; i++) residual[i] = residual[i]! + gradient[i]!;
    for (const part of partsOf(count)) {
      const first = slice.from + part.from;
      largestOf(residualBits.subarray(first, first + part.count), part.kept, (place, number) => {
        const bits = residualBits[first + place]!;
        const upper = upperHalfOf(bits);
        view.setUint16(part.at + VALUE_BYTES * number, upper, true);
        writeBits(bytes, part.lowAt, LOW_BITS * number, place % GROUP);
        setBit(bytes, part.highAt, number + Math.floor(place / GROUP));
        // What rounding left over is exact, as the two lie in one octave; what is not finite must not stay.
        const rest = residual[first + place]! - floatOf(upper);
        residual[first + place] = Number.isFinite(rest) ? rest : 0;
      });
    }
    for (let i = slice.from; i < slice.to; i++) if (!Number.isFinite(residual[i]!)) residual[i] = 0;
    return bytes;
  },

  reject(bytes, slice) {
    const length = wrongLength(topK, bytes, slice);
    if (length !== undefined) return length;
    const view = viewOf(bytes);
    for (const part of partsOf(slice.to - slice.from)) {
      let before = -1;
      let read = 0;
      for (const place of placesOf(bytes, part)) {
        if (read === part.kept || place <= before || place >= part.count)
          return malformed(slice.from + part.from);
        const value = floatOf(view.getUint16(part.at + VALUE_BYTES * read, true));
        if (!Number.isFinite(value)) {
          const element = slice.from + part.from + place;
          return { reason: 'not-finite', element, message: `value ${element} of the gradient is ${value}` };
        }
        before = place;
        read++;
      }
      if (read !== part.kept) return malformed(slice.from + part.from);
    }
    return undefined;
  },

  addDecoded({ bytes, sum }) {
    const view = viewOf(bytes);
    for (const part of partsOf(sum.length)) {
      let read = 0;
      for (const place of placesOf(bytes, part)) {
        sum[part.from + place]! += floatOf(view.getUint16(part.at + VALUE_BYTES * read++, true));
      }
    }
  },
};

function malformed(element: number) {
  const message = `the places in the block at value ${element} of the gradient are not ascending, or not as many as they are`;
  return { reason: 'malformed', message } as const;
}

const DIGIT_BITS = 11;
const counts = new Uint32Array(1 << DIGIT_BITS);

/** Calls `take` with the places of the `kept` values of largest size, ascending; of equal sizes the first places. */
function largestOf(bits: Uint32Array, kept: number, take: (place: number, number: number) => void): void {
  // The kept-th largest size is found digit by digit, from the highest on: sizes order as their bits do.
  let prefix = 0;
  let wanted = kept;
  for (const shift of [22, 11, 0]) {
    counts.fill(0);
    const above = shift + DIGIT_BITS;
    for (let i = 0; i < bits.length; i++) {
      const size = bits[i]! & 0x7fffffff;
      if (above > 31 || size >>> above === prefix) counts[(size >>> shift) & (counts.length - 1)]!++;
    }
    let digit = counts.length - 1;
    while (counts[digit]! < wanted) wanted -= counts[digit--]!;
    prefix = (prefix << DIGIT_BITS) | digit;
  }
  for (let i = 0, number = 0; number < kept; i++) {
    const size = bits[i]! & 0x7fffffff;
    if (size > prefix || (size === prefix && wanted-- > 0)) take(i, number++);
  }
}

/** The places that a block's bytes name, one for every set bit of the upper part. */
function* placesOf(bytes: Uint8Array, { kept, lowAt, highAt, end }: Part): Generator<number> {
  let number = 0;
  for (let bit = 0; bit < 8 * (end - highAt); bit++) {
    if (((bytes[highAt + (bit >>> 3)]! >>> (bit & 7)) & 1) === 0) continue;
    const low = number < kept ? readBits(bytes, lowAt, LOW_BITS * number) : 0;
    yield (bit - number) * GROUP + low;
    number++;
  }
}

function setBit(bytes: Uint8Array, at: number, bit: number): void {
  bytes[at + (bit >>> 3)]! |= 1 << (bit & 7);
}

/** Six bits that may lie across two bytes. */
function writeBits(bytes: Uint8Array, at: number, bit: number, value: number): void {
  const shifted = value << (bit & 7);
  bytes[at + (bit >>> 3)]! |= shifted;
  if (shifted > 0xff) bytes[at + (bit >>> 3) + 1]! |= shifted >>> 8;
}

function readBits(bytes: Uint8Array, at: number, bit: number): number {
  const both = bytes[at + (bit >>> 3)]! | (bytes[at + (bit >>> 3) + 1]! << 8);
  return (both >>> (bit & 7)) & (GROUP - 1);
}

/** The upper half of a float32's bits, rounded to nearest, ties to even; finite stays finite. */
function upperHalfOf(bits: number): number {
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fc0;
  const rounded = (size + 0x7fff + ((size >>> 16) & 1)) >>> 16;
  const kept = size < 0x7f800000 ? Math.min(rounded, 0x7f7f) : rounded;
  return ((bits >>> 16) & 0x8000) | kept;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

function floatOf(upper: number): number {
  scratchBits[0] = upper << 16;
  return scratch[0]!;
}
