import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  type NamedTensor,
  readSafetensors,
  SafetensorsError,
  type SafetensorsErrorCode,
  writeSafetensors,
} from '../../src/model/safetensors.ts';

/** A file with this header (text, or a value written as JSON) and that many zero bytes of data. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

function codeOf(bytes: Uint8Array): SafetensorsErrorCode | undefined {
  try {
    readSafetensors(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof SafetensorsError) return error.code;
    throw error;
  }
}

const anyTensors: fc.Arbitrary<NamedTensor[]> = fc
  .uniqueArray(
    fc.tuple(
      fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      fc.array(fc.nat(3), { maxLength: 3 }),
    ),
    { selector: ([name]) => name, maxLength: 5 },
  )
  .chain((entries) =>
    fc.tuple(
      ...entries.map(([name, shape]) => {
        const length = shape.reduce((product, size) => product * size, 1);
        return fc.uint32Array({ minLength: length, maxLength: length }).map((bits) => {
          return { name, shape, values: new Float32Array(bits.buffer.slice(0, 4 * length)) };
        });
      }),
    ),
  );

const bitsOf = ({ name, shape, values }: NamedTensor) => ({
  name,
  shape,
  bits: [...new Uint32Array(values.slice().buffer)],
});

describe('safetensors', () => {
  test('come back to the bit, with names, shapes, order and metadata', () => {
    fc.assert(
      fc.property(anyTensors, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const read = readSafetensors(writeSafetensors(tensors, new Map(Object.entries(metadata))));
        const byName = (a: NamedTensor, b: NamedTensor) => (a.name < b.name ? -1 : 1);
        expect(read.tensors.toSorted(byName).map(bitsOf)).toEqual(tensors.toSorted(byName).map(bitsOf));
        expect(new Map(read.metadata)).toEqual(new Map(Object.entries(metadata)));
      }),
    );
  });

  test('begin with the length, a JSON object padded with spaces, then the values', () => {
    const bytes = writeSafetensors([{ name: 'a', shape: [2], values: Float32Array.of(1, -2) }]);
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes));
    expect(headerBytes % 8).toBe(0);
    expect(header.trimEnd()).toBe('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}');
    expect([...new Float32Array(bytes.buffer, 8 + headerBytes)]).toEqual([1, -2]);
  });

  test('in half precision become the float32 of the same value', () => {
    const halves = [0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x83ff, 0x8000, 0x7c00, 0xfc00, 0x3555];
    const header = { h: { dtype: 'F16', shape: [10], data_offsets: [0, 20] } };
    const bytes = fileOf(header, 20);
    for (const [i, half] of halves.entries()) {
      new DataView(bytes.buffer).setUint16(bytes.length - 20 + 2 * i, half, true);
    }
    expect([...readSafetensors(bytes).tensors[0]!.values]).toEqual([
      1,
      -2,
      65504,
      2 ** -14,
      2 ** -24,
      -1023 * 2 ** -24,
      -0,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0.333251953125,
    ]);
  });

  test('in bfloat16 become the float32 with that upper half', () => {
    const bytes = fileOf({ b: { dtype: 'BF16', shape: [3], data_offsets: [0, 6] } }, 6);
    const view = new DataView(bytes.buffer);
    for (const [i, half] of [0x3f80, 0xc049, 0x7f80].entries())
      view.setUint16(bytes.length - 6 + 2 * i, half, true);
    expect([...readSafetensors(bytes).tensors[0]!.values]).toEqual([1, -3.140625, Number.POSITIVE_INFINITY]);
  });

  test('are read wherever the bytes lie in memory, into memory of their own', () => {
    const bytes = writeSafetensors([{ name: 'a', shape: [1], values: Float32Array.of(5) }]);
    const shifted = Buffer.concat([Buffer.of(0), bytes]).subarray(1);
    const { values } = readSafetensors(shifted).tensors[0]!;
    shifted.fill(0);
    expect([...values]).toEqual([5]);
  });

  const huge = fileOf({});
  new DataView(huge.buffer).setBigUint64(0, 2n ** 63n, true);
  const beyond = fileOf({});
  new DataView(beyond.buffer).setBigUint64(0, 3n, true);

  test.each<{ what: string; bytes: Uint8Array; code: SafetensorsErrorCode }>([
    { what: 'no bytes', bytes: new Uint8Array(0), code: 'truncated' },
    { what: 'a header beyond the end of the file', bytes: beyond, code: 'truncated' },
    { what: 'a header of 2^63 bytes', bytes: huge, code: 'header-size' },
    { what: 'a header that is no JSON', bytes: fileOf('{"a":'), code: 'header' },
    { what: 'a header that is an array', bytes: fileOf([]), code: 'header' },
    { what: 'a header that begins with a space', bytes: fileOf(' {}'), code: 'header' },
    { what: 'a tensor that is a number', bytes: fileOf({ a: 1 }), code: 'header' },
    { what: 'metadata of numbers', bytes: fileOf({ __metadata__: { a: 1 } }), code: 'header' },
    { what: 'a tensor without dtype', bytes: fileOf({ a: { shape: [] } }), code: 'header' },
    {
      what: 'a dtype that nobody knows',
      bytes: fileOf({ a: { ...f32([0], 0, 0), dtype: 'toString' } }),
      code: 'dtype',
    },
    { what: 'integers', bytes: fileOf({ a: { ...f32([1], 0, 8), dtype: 'I64' } }, 8), code: 'dtype' },
    { what: 'a negative size', bytes: fileOf({ a: f32([-1], 0, 0) }), code: 'shape' },
    { what: 'a size that is no integer', bytes: fileOf({ a: f32([0.5], 0, 2) }, 2), code: 'shape' },
    { what: 'a shape of more values than bytes', bytes: fileOf({ a: f32([2], 0, 4) }, 4), code: 'shape' },
    {
      what: 'a shape beyond any memory',
      bytes: fileOf({ a: f32([2 ** 50, 2 ** 50], 0, 4) }, 4),
      code: 'shape',
    },
    { what: 'a range that runs backwards', bytes: fileOf({ a: f32([1], 4, 0) }, 4), code: 'offsets' },
    {
      what: 'three offsets',
      bytes: fileOf({ a: { ...f32([], 0, 4), data_offsets: [0, 4, 4] } }, 4),
      code: 'offsets',
    },
    { what: 'a range beyond the data', bytes: fileOf({ a: f32([2], 0, 8) }, 7), code: 'truncated' },
    {
      what: 'overlapping tensors',
      bytes: fileOf({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
      code: 'offsets',
    },
    {
      what: 'a gap between tensors',
      bytes: fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      code: 'offsets',
    },
    { what: 'bytes after the last tensor', bytes: fileOf({ a: f32([1], 0, 4) }, 5), code: 'offsets' },
    {
      what: 'one name twice',
      bytes: fileOf(
        `{"a":${JSON.stringify(f32([1], 0, 4))} , "\\u0061":${JSON.stringify(f32([1], 0, 4))}}`,
        4,
      ),
      code: 'name',
    },
    {
      what: 'one field twice',
      bytes: fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"dtype":"F32"}}', 4),
      code: 'name',
    },
  ])('with $what are refused as $code', ({ bytes, code }) => {
    expect(codeOf(bytes)).toBe(code);
  });

  test('that are wrong say which file and tensor', () => {
    const bytes = fileOf({ 'model.norm.weight': f32([2], 0, 4) }, 4);
    expect(() => readSafetensors(bytes, 'out/model.safetensors')).toThrow(
      /^out\/model\.safetensors: the tensor "model\.norm\.weight" has 4 bytes/,
    );
  });

  test('cut off anywhere are refused', () => {
    const bytes = writeSafetensors([
      { name: 'a', shape: [2], values: Float32Array.of(1, 2) },
      { name: 'b', shape: [1, 1], values: Float32Array.of(3) },
    ]);
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(bytes.subarray(0, length)), `${length} bytes`).toBe('truncated');
    }
  });

  test('damaged in any way give the typed error or a file of the same size, never anything else', () => {
    const sound = writeSafetensors([
      { name: 'a', shape: [2], values: Float32Array.of(1, 2) },
      { name: 'b', shape: [1, 1], values: Float32Array.of(3) },
    ]);
    const damage = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = sound.slice();
        for (const [at, value] of changes) bytes[at] = value;
        if (codeOf(bytes) === undefined) {
          const values = readSafetensors(bytes).tensors.flatMap((tensor) => [...tensor.values]);
          expect(values.length).toBeLessThanOrEqual(6);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('made up of any JSON give the typed error or tensors, never anything else', () => {
    const field = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          dtype: fc.oneof(fc.constantFrom('F32', 'F16', 'BF16', 'I8'), fc.jsonValue()),
          shape: fc.oneof(fc.array(fc.oneof(fc.nat(3), fc.maxSafeInteger())), fc.jsonValue()),
          data_offsets: fc.oneof(fc.tuple(fc.nat(9), fc.nat(9)), fc.jsonValue()),
        },
        { requiredKeys: [] },
      ),
    );
    const header = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.oneof(fc.string(), fc.constant('__metadata__')), field),
    );
    fc.assert(
      fc.property(header, fc.nat(9), (value, dataBytes) => {
        codeOf(fileOf(value, dataBytes));
      }),
      { numRuns: 2000 },
    );
  });

  test('are not written with names or shapes that could not be read back', () => {
    const values = Float32Array.of(1);
    const write =
      (...tensors: NamedTensor[]) =>
      () =>
        writeSafetensors(tensors);
    const one = { name: 'a', shape: [1], values };
    expect(write(one, one)).toThrow(expect.objectContaining({ code: 'name' }));
    expect(write({ ...one, name: '__metadata__' })).toThrow(expect.objectContaining({ code: 'name' }));
    expect(write({ ...one, shape: [2] })).toThrow(expect.objectContaining({ code: 'shape' }));
  });
});
