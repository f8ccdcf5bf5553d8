// WebAssembly vectors and plain JavaScript pack and unpack activations to the same bits.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { vectorActivationWork } from '../../src/model/activations/kernels.ts';
import { MAGNITUDE, plainActivationWork } from '../../src/model/activations/work.ts';
import { fillBits, stream } from '../../src/random/index.ts';

const vectors = vectorActivationWork()!;
const plain = plainActivationWork;

/** Any float32 bits: ordinary numbers, the smallest, infinities and what is not a number. */
const bits = fc.oneof(
  fc.nat(0xffff_ffff),
  fc.constantFrom(0, 0x8000_0000, 1, 0x007f_ffff, 0x0080_0000, 0x7f7f_ffff, 0x7f80_0000, 0x7fc0_0000),
);
const length = { minLength: 1, maxLength: 70 };
const floats = (from: readonly number[]) => new Float32Array(Uint32Array.from(from).buffer);
const bytesOf = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

/** Bits without a pattern, many parts of the kernels' memory and a rest. */
function manyBits(count = 20_011): Uint32Array<ArrayBuffer> {
  const drawn = new Uint32Array(count);
  fillBits(stream({ runSeed: 5, purpose: 'perturbation' }), 0, drawn);
  return drawn;
}

describe('WebAssembly vectors', () => {
  it('run here, so that what follows compares two things', () => {
    expect(vectors).toBeDefined();
  });

  it('find the same largest magnitude', () => {
    fc.assert(
      fc.property(fc.array(bits, length), (drawn) => {
        expect(vectors.largestMagnitude(floats(drawn))).toBe(plain.largestMagnitude(floats(drawn)));
      }),
    );
    const values = new Float32Array(20_011);
    for (const at of [0, 8191, 8192, 20_010]) {
      values.fill(0.5);
      values[at] = -2;
      expect(vectors.largestMagnitude(values)).toBe(plain.largestMagnitude(values));
    }
  });

  // Values below 2^15 after the scaling, as the type sees to, and their whole range below that.
  const exponents = [-112, -40, -1, 0, 14, 17, 100, 101, 141, 163];

  it.each(exponents)('round values times 2^%i to the same binary16', (exponent) => {
    const most = new Float32Array([2 ** 15 / 2 ** exponent]);
    const limit = Math.min(0x7f7f_ffff, new Uint32Array(most.buffer)[0]!);
    // half of them within 2^30 of the limit, so that all cases are there
    const near = Math.max(0, limit - 30 * 2 ** 23);
    const drawn = manyBits().map((word, i) => {
      const size = word & MAGNITUDE;
      const within = i % 2 === 0 ? size % limit : near + (size % (limit - near));
      return (within | (word & 0x8000_0000)) >>> 0;
    });
    const values = new Float32Array(drawn.buffer);
    const [ours, theirs] = [new Uint16Array(values.length), new Uint16Array(values.length)];
    vectors.narrow(values, exponent, ours);
    plain.narrow(values, exponent, theirs);
    expect(bytesOf(ours).equals(bytesOf(theirs))).toBe(true);
  });

  it.each(exponents)('read every binary16 times 2^-%i as the same float32', (exponent) => {
    const halves = Uint16Array.from({ length: 2 * 0x7c00 }, (_, i) => (i >> 1) | (i & 1 ? 0x8000 : 0));
    const [ours, theirs] = [new Float32Array(halves.length), new Float32Array(halves.length)];
    expect(vectors.widen(halves, exponent, ours)).toBe(true);
    expect(plain.widen(halves, exponent, theirs)).toBe(true);
    expect(bytesOf(ours).equals(bytesOf(theirs))).toBe(true);
  });

  it('let no binary16 through that is not finite, wherever it stands', () => {
    for (const half of [0x7c00, 0xfc00, 0x7e01]) {
      for (const at of [0, 7, 8191, 8192, 9000]) {
        const halves = new Uint16Array(9001);
        halves[at] = half;
        for (const work of [vectors, plain]) {
          expect(work.widen(halves, 0, new Float32Array(halves.length))).toBe(false);
        }
      }
    }
  });

  const shapes = [
    { rows: 1, width: 1 },
    { rows: 5, width: 16 },
    { rows: 3, width: 40 },
    { rows: 157, width: 127 },
    { rows: 2, width: 8192 },
    { rows: 2, width: 9000 },
  ];

  it.each(shapes)('make the same scales and levels of rows: %j', (shape) => {
    const count = shape.rows * shape.width;
    const wild = new Float32Array(manyBits(count).buffer);
    const tame = Float32Array.from(manyBits(count), (word) => (word - 2 ** 31) * 2 ** -((word % 160) + 31));
    for (const values of [tame, wild, new Float32Array(count), new Float32Array(count).fill(1e-45)]) {
      const [ours, theirs] = [vectors, plain].map((work) => {
        const scales = new Float32Array(shape.rows);
        const levels = new Int8Array(count).fill(99);
        work.quantize(values, shape, scales, levels);
        return Buffer.concat([bytesOf(scales), bytesOf(levels)]);
      });
      expect(ours!.equals(theirs!)).toBe(true);
    }
  });

  it('make the same scales and levels of any few values', () => {
    fc.assert(
      fc.property(fc.array(bits, length), (drawn) => {
        const shape = { rows: 1, width: drawn.length };
        const [ours, theirs] = [vectors, plain].map((work) => {
          const scales = new Float32Array(1);
          const levels = new Int8Array(drawn.length);
          work.quantize(floats(drawn), shape, scales, levels);
          return Buffer.concat([bytesOf(scales), bytesOf(levels)]);
        });
        expect(ours!.equals(theirs!)).toBe(true);
      }),
    );
  });

  it.each(shapes)('make the same values of levels: %j', (shape) => {
    const levels = Int8Array.from(manyBits(shape.rows * shape.width));
    const scales = Float32Array.from({ length: shape.rows }, (_, row) => 1.1 ** -row / 3);
    scales[0] = 1e-42;
    const [ours, theirs] = [vectors, plain].map((work) => {
      const values = new Float32Array(levels.length);
      work.expand(levels, shape, scales, values);
      return bytesOf(values);
    });
    expect(ours!.equals(theirs!)).toBe(true);
  });
});
