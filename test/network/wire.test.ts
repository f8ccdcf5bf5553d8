import { readFileSync } from 'node:fs';
import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import * as wire from '../../src/network/wire/codec.ts';

// The proto file itself says which fields there are, so that a message added later is tested without a line here.
interface ProtoField {
  readonly name: string;
  readonly type: string;
  readonly repeated: boolean;
}
const proto = readFileSync(new URL('../../src/network/wire/messages.proto', import.meta.url), 'utf8').replace(
  /\/\/.*/g,
  '',
);
const enums = new Map(
  [...proto.matchAll(/enum (\w+) \{([^}]*)\}/g)].map((match) => [
    match[1]!,
    [...match[2]!.matchAll(/(\w+) = \d+/g)].map((value) => value[1]!),
  ]),
);
const messages = new Map(
  [...proto.replace(/enum \w+ \{[^}]*\}/g, '').matchAll(/message (\w+) \{((?:[^{}]|\{[^}]*\})*)\}/g)].map(
    (match) => [
      match[1]!,
      [...match[2]!.matchAll(/(repeated )?(\w+) (\w+) = \d+/g)].map(
        (field): ProtoField => ({ name: field[3]!, type: field[2]!, repeated: field[1] !== undefined }),
      ),
    ],
  ),
);
const controlBodies = messages
  .get('Control')!
  .filter((field) => field.name !== 'request' && field.name !== 'answer');

function scalar(type: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'uint32':
      return fc.nat({ max: 0xffffffff });
    case 'uint64':
      return fc.maxSafeNat();
    case 'int32':
      return fc.integer({ min: -1, max: 0x7fffffff });
    case 'double':
      return fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
    case 'bool':
      return fc.boolean();
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 20 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 64 });
    default:
      return enums.has(type) ? fc.constantFrom(...enums.get(type)!) : anyMessage(type);
  }
}

function anyMessage(name: string): fc.Arbitrary<Record<string, unknown>> {
  const fields = messages.get(name)!;
  const entries = fields.map((field) => [
    field.name,
    field.repeated ? fc.array(scalar(field.type), { maxLength: 5 }) : scalar(field.type),
  ]);
  return fc.record(Object.fromEntries(entries) as Record<string, fc.Arbitrary<unknown>>);
}

const anyControl = fc.constantFrom(...controlBodies).chain((body) =>
  fc.record({
    request: fc.nat({ max: 0xffffffff }),
    answer: fc.boolean(),
    body: fc.record({ kind: fc.constant(body.name), value: anyMessage(body.type) }),
  }),
) as fc.Arbitrary<unknown> as fc.Arbitrary<wire.ControlMessage>;

interface Codec {
  readonly name: wire.WireMessageName;
  readonly any: fc.Arbitrary<never>;
  readonly encode: (message: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}
const codecs: Codec[] = [
  {
    name: 'TensorHeader',
    any: anyMessage('TensorHeader') as fc.Arbitrary<never>,
    encode: wire.encodeTensorHeader,
    decode: wire.decodeTensorHeader,
  },
  {
    name: 'Control',
    any: anyControl as fc.Arbitrary<never>,
    encode: wire.encodeControl,
    decode: wire.decodeControl,
  },
  {
    name: 'WeightsRequest',
    any: anyMessage('WeightsRequest') as fc.Arbitrary<never>,
    encode: wire.encodeWeightsRequest,
    decode: wire.decodeWeightsRequest,
  },
  {
    name: 'WeightsOffer',
    any: anyMessage('WeightsOffer') as fc.Arbitrary<never>,
    encode: wire.encodeWeightsOffer,
    decode: wire.decodeWeightsOffer,
  },
  {
    name: 'ChunkHeader',
    any: anyMessage('ChunkHeader') as fc.Arbitrary<never>,
    encode: wire.encodeChunkHeader,
    decode: wire.decodeChunkHeader,
  },
];

/** Decoding either works or throws a WireError that names the message. */
function decodesOrSaysWhy(codec: Codec, bytes: Uint8Array): void {
  try {
    codec.decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(wire.WireError);
    expect((error as wire.WireError).of).toBe(codec.name);
    expect((error as wire.WireError).message.startsWith(`${codec.name}: `)).toBe(true);
  }
}

describe.each(codecs)('$name', (codec) => {
  it('comes back as it was sent', () => {
    fc.assert(
      fc.property(codec.any, (message) => {
        expect(codec.decode(codec.encode(message))).toEqual(message);
      }),
      { numRuns: 200 },
    );
  });

  it('throws nothing but a WireError on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => decodesOrSaysWhy(codec, bytes)),
      { numRuns: 500 },
    );
  });

  it('throws nothing but a WireError on its own bytes, changed or cut', () => {
    const change = fc.record({
      at: fc.nat({ max: 400 }),
      byte: fc.nat({ max: 255 }),
      keep: fc.nat({ max: 400 }),
    });
    fc.assert(
      fc.property(codec.any, change, (message, { at, byte, keep }) => {
        const bytes = Uint8Array.from(codec.encode(message));
        if (at < bytes.length) bytes[at] = byte;
        decodesOrSaysWhy(codec, bytes.subarray(0, keep));
      }),
      { numRuns: 500 },
    );
  });

  it('throws a WireError on groups nested deeper than the stack', () => {
    expect(() => codec.decode(new Uint8Array(100_000).fill(0x7b))).toThrow(wire.WireError);
  });
});

describe('limits', () => {
  const fields = [...messages.values()].flat();

  it('exist for every list of messages.proto', () => {
    expect(new Set(fields.filter((field) => field.repeated).map((field) => field.name))).toEqual(
      new Set(Object.keys(wire.LIST_LIMITS)),
    );
  });

  it('say of every double and signed field what it may be', () => {
    const special = fields.filter((field) => field.type === 'double' || field.type === 'int32');
    expect(new Set(special.map((field) => field.name))).toEqual(new Set(Object.keys(wire.NUMBER_RULES)));
  });

  const bodiesWithLists = controlBodies.flatMap((body) =>
    messages
      .get(body.type)!
      .filter((field) => field.repeated)
      .map((field) => ({ kind: body.name, type: body.type, list: field })),
  );
  it.each(bodiesWithLists)('hold for $list.name of $kind while it is decoded', ({ kind, type, list }) => {
    const tagOf = (message: string, field: string): number => {
      const number = new RegExp(`message ${message} \\{[^]*?\\b${field} = (\\d+)`).exec(proto)![1];
      return Number(number);
    };
    const wireType = list.type === 'double' ? 1 : list.type.startsWith('uint') ? 0 : 2;
    const zero = list.type === 'double' ? new Uint8Array(8) : [0];
    const element = [...varint((tagOf(type, list.name) << 3) | wireType), ...zero];
    const count = wire.LIST_LIMITS[list.name]! + 1;
    const body = new Uint8Array(count * element.length);
    for (let i = 0; i < count; i++) body.set(element, i * element.length);
    const bytes = Uint8Array.from([
      ...varint((tagOf('Control', kind) << 3) | 2),
      ...varint(body.length),
      ...body,
    ]);
    expect(() => wire.decodeControl(bytes)).toThrow(/not decodable: .*too many elements/);
  });

  it('refuse bytes beyond the size of the message before reading them', () => {
    const bytes = new Uint8Array(wire.MAX_CHUNK_HEADER_BYTES + 1);
    expect(() => wire.decodeChunkHeader(bytes)).toThrow(/129 bytes received, at most 128 are accepted/);
  });

  it('cut what an error had to say, and nothing else, to what fits', () => {
    const failure = `${'no snapshot; '.repeat(300)}😀`;
    const value = { stage: 1, iteration: 2, digest: '', entry: 3, failure };
    const sent = (text: string) =>
      wire.decodeControl(
        wire.encodeControl({
          request: 0,
          answer: false,
          body: { kind: 'ready', value: { ...value, failure: text } },
        }),
      );
    expect(sent(failure)).toMatchObject({ body: { value: { ...value, failure: failure.slice(0, 2048) } } });
    const cutInside = `${'x'.repeat(2047)}😀`;
    expect(sent(cutInside)).toMatchObject({ body: { value: { failure: `${'x'.repeat(2047)}\ufffd` } } });
    const digest = 'x'.repeat(300);
    const body = { kind: 'ready' as const, value: { ...value, failure: '', digest } };
    expect(() => wire.encodeControl({ request: 0, answer: false, body })).toThrow(
      /digest has 300 characters/,
    );
  });

  it('refuse a double that is not finite, received or about to be sent', () => {
    const suspicion = (silentSeconds: number) =>
      wire.encodeControl({
        request: 0,
        answer: false,
        body: { kind: 'suspicion', value: { peer: 'x', broken: false, silentSeconds } },
      });
    expect(() => suspicion(Number.NaN)).toThrow(/suspicion.silentSeconds is NaN, it must be finite/);
    expect(() => suspicion(-1)).toThrow(/silentSeconds is -1/);
    const bytes = Uint8Array.from(suspicion(1.5));
    const double = new Uint8Array(new Float64Array([1.5]).buffer);
    const at = bytes.findIndex((_, index) => double.every((byte, offset) => bytes[index + offset] === byte));
    bytes.set(new Uint8Array(new Float64Array([Number.POSITIVE_INFINITY]).buffer), at);
    expect(() => wire.decodeControl(bytes)).toThrow(/silentSeconds is Infinity/);
  });

  it('refuse counters beyond 2^53', () => {
    const entriesWanted = Uint8Array.from([
      ...varint((15 << 3) | 2),
      11,
      8,
      ...Array<number>(9).fill(0xff),
      1,
    ]);
    expect(() => wire.decodeControl(entriesWanted)).toThrow(wire.WireError);
  });

  it('refuse a control message of a kind that is not known', () => {
    expect(() => wire.decodeControl(Uint8Array.from([...varint((900 << 3) | 2), 0]))).toThrow(
      /no body that this version knows/,
    );
  });
});

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
