// What every type that activations travel as must do, and what each of them promises.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import {
  type ActivationShape,
  type ActivationTypeName,
  activationTypes,
} from '../../src/model/activations/index.ts';
import { bellNumbers, stream } from '../../src/random/index.ts';

const shape: ActivationShape = { rows: 12, width: 40 };

/** Rows that differ in size by orders of magnitude, as the rows of a gradient do. */
function tensor(index: number, size = 1, { rows, width } = shape): Float32Array {
  const values = bellNumbers(stream({ runSeed: 3, purpose: 'perturbation', index }), 0, rows * width);
  return values.map((value, i) => value * size * 10 ** -(Math.floor(i / width) % 4));
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });

describe.each(Object.keys(activationTypes) as ActivationTypeName[])('activations as %s', (name) => {
  const type = activationTypes[name];
  const through = (values: Float32Array, of = shape) => type.unpack(type.pack(values, of), of);

  it('carry their registered name', () => {
    expect(type.name).toBe(name);
    expect(type.wireName).toBe(name.toUpperCase());
  });

  it('take exactly the bytes that are declared', () => {
    for (const of of [shape, { rows: 1, width: 1 }, { rows: 3, width: 7 }]) {
      expect(type.pack(tensor(0, 1, of), of)).toHaveLength(type.packedBytes(of));
    }
  });

  it('lose little, whatever their size', () => {
    for (const size of [1, 1e-12, 1e12]) {
      const values = tensor(1, size);
      const difference = through(values)!.map((value, i) => value - values[i]!);
      expect(norm(difference) / norm(values)).toBeLessThan({ f32: 1e-12, f16: 4e-4, int8: 8e-3 }[name]);
    }
  });

  it('are left as they are by a second packing', () => {
    fc.assert(
      fc.property(fc.array(float32, { minLength: 12, maxLength: 12 }), (values) => {
        const of = { rows: 3, width: 4 };
        const once = through(Float32Array.from(values), of);
        if (once === undefined) return; // at float32's very end
        expect(through(once, of)).toEqual(once);
      }),
      { numRuns: 500 },
    );
  });

  it('keep zeros, and rows of nothing else', () => {
    const values = tensor(2);
    values.fill(0, 40, 80);
    expect([...through(values)!.subarray(40, 80)].every((value) => value === 0)).toBe(true);
    expect(through(new Float32Array(480))!.every((value) => value === 0)).toBe(true);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'are not let through with a %d among them',
    (value) => {
      for (const at of [0, 123, 479]) {
        const values = tensor(3);
        values[at] = value;
        expect(through(values)).toBeUndefined();
      }
    },
  );

  it('are finite, or not let through, whatever the bytes', () => {
    const bytes = fc.uint8Array({ minLength: type.packedBytes(shape), maxLength: type.packedBytes(shape) });
    fc.assert(
      fc.property(bytes, (given) => {
        const values = type.unpack(given, shape);
        expect(values?.every(Number.isFinite) ?? true).toBe(true);
      }),
      { numRuns: 200 },
    );
    const largest = new Uint8Array(type.packedBytes(shape)).fill(0x7f);
    expect(type.unpack(largest, shape)?.every(Number.isFinite) ?? true).toBe(true);
  });

  it('are read wherever the bytes lie in memory', () => {
    const bytes = type.pack(tensor(4), shape);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(type.unpack(shifted.subarray(1), shape)).toEqual(type.unpack(bytes, shape));
    expect(type.unpack(Buffer.from(shifted.buffer).subarray(1), shape)).toEqual(type.unpack(bytes, shape));
  });
});

describe('f16', () => {
  const { f16 } = activationTypes;
  const halvesOf = (values: Float32Array) => {
    const bytes = f16.pack(values, { rows: 1, width: values.length });
    return new Uint16Array(bytes.buffer, 0, values.length);
  };

  it('is IEEE binary16, rounded to nearest with ties to even: every number of it and what lies between', () => {
    // with a value of 2^14 among them nothing is scaled
    const all: number[] = [];
    for (let half = 0; half < 0x7400; half++) {
      const exponent = half >>> 10;
      const fraction = half & 0x3ff;
      const value = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
      const step = 2 ** (Math.max(1, exponent) - 25);
      all.push(value, -value, value + step / 2, value + step / 4, value + 0.75 * step);
    }
    const given = Float32Array.from(all.filter((value) => Math.abs(value) < 2 ** 15));
    given[0] = 2 ** 14;
    const halves = halvesOf(given);
    const of = { rows: 1, width: given.length };
    const rounded = f16.unpack(f16.pack(given, of), of)!;
    expect(halves[0]).toBe((14 + 15) << 10);
    given.forEach((value, i) => {
      const nearest = roundToHalf(value);
      if (rounded[i] !== nearest) throw new Error(`${value} became ${rounded[i]}, not ${nearest}`);
    });
  });

  it('keeps a tensor of nothing but numbers below the normal ones of float32', () => {
    const smallest = Float32Array.from({ length: 40 }, (_, i) => (i - 20) * 2 ** -149);
    const of = { rows: 1, width: 40 };
    expect(f16.unpack(f16.pack(smallest, of), of)).toEqual(smallest.map((value) => value + 0));
  });

  it('halves the bytes, but for one exponent', () => {
    expect(f16.packedBytes({ rows: 512, width: 128 })).toBe(2 * 512 * 128 + 2);
  });
});

describe('int8', () => {
  it('takes at most 0.27 of the bytes of f32 at width 128', () => {
    const of = { rows: 512, width: 128 };
    const { f32, int8 } = activationTypes;
    expect(int8.packedBytes(of) / f32.packedBytes(of)).toBeLessThanOrEqual(0.27);
  });

  it('is off by at most half a level of its own row, whatever the other rows hold', () => {
    const values = tensor(5);
    const back = activationTypes.int8.unpack(activationTypes.int8.pack(values, shape), shape)!;
    for (let row = 0; row < shape.rows; row++) {
      const own = values.subarray(row * shape.width, (row + 1) * shape.width);
      const level = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
      own.forEach((value, i) => {
        expect(Math.abs(back[row * shape.width + i]! - value)).toBeLessThanOrEqual(level * 0.500001);
      });
    }
  });
});

/** The nearest multiple of binary16's step at that size, ties to the even multiple. */
function roundToHalf(value: number): number {
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1e-9)));
  const step = 2 ** (exponent - 10);
  const whole = Math.floor(value / step);
  const rest = value / step - whole;
  const up = rest > 0.5 || (rest === 0.5 && whole % 2 !== 0);
  return (whole + (up ? 1 : 0)) * step;
}
