// Bytes and JSON as somebody sends them who means harm, or whose memory is broken: real ones, changed a little.

import { fc } from '../property.ts';

/** Changes of bytes: bits turned, cut off, pieces repeated, left out or put in. */
export function mutated(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    kind: fc.constantFrom('flip', 'cut', 'repeat', 'drop', 'insert', 'overwrite'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat({ max: 40 }),
    bytes: fc.uint8Array({ maxLength: 12 }),
  });
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([sample, changes]) =>
      changes.reduce((bytes, { kind, at: share, length, bytes: other }) => {
        const at = Math.floor(share * bytes.length);
        const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
        switch (kind) {
          case 'flip': {
            const copy = bytes.slice();
            if (at < copy.length) copy[at] = copy[at]! ^ (1 << (length % 8));
            return copy;
          }
          case 'cut':
            return before.slice();
          case 'repeat':
            return joined(before, after.subarray(0, length), after);
          case 'drop':
            return joined(before, after.subarray(length));
          case 'insert':
            return joined(before, other, after);
          default:
            return joined(before, other, after.subarray(other.length));
        }
      }, sample),
    );
}

/** JSON with one to three of its values replaced by others, left out, or doubled. */
export function mutatedJson(samples: readonly unknown[]): fc.Arbitrary<unknown> {
  const hostile = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      -1,
      0.5,
      1e308,
      2 ** 53,
      4_294_967_296,
      '',
      '__proto__',
      'x'.repeat(5000),
      [],
      {},
      true,
      Array.from({ length: 2000 }, () => 0),
    ),
    fc.jsonValue({ maxDepth: 2 }),
    fc.integer(),
  );
  const change = fc.record({ at: fc.nat(), how: fc.constantFrom('replace', 'leave out'), value: hostile });
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([sample, changes]) => {
      const root = { value: structuredClone(sample) };
      for (const { at, how, value } of changes) {
        const places = placesOf(root);
        const place = places[at % places.length];
        if (place === undefined) break; // nothing is left to change
        if (how === 'replace') place.holder[place.key] = structuredClone(value);
        else if (Array.isArray(place.holder)) place.holder.splice(Number(place.key), 1);
        else delete place.holder[place.key];
      }
      return root.value;
    });
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesOf(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])]);
}

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}
