import { createHash } from 'node:crypto';
import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import { compareText, type Digest, describeText, TextError } from '../../src/data/index.ts';

const digest: Digest = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const text = Uint8Array.from({ length: 700_001 }, (_, i) => (i * i) % 251);

describe('a text description', () => {
  test('names length, piece size and SHA-256 of each piece', () => {
    const abc = describeText('abc', new TextEncoder().encode('abc'), digest);
    expect(abc).toEqual({
      name: 'abc',
      bytes: 3,
      pieceBytes: 4096,
      // FIPS 180-2, appendix B.1
      pieces: ['ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      heldOut: { chunkBytes: 4096, every: 20 },
    });
  });

  test('never has more than 64 pieces, all whole chunks but the last', () => {
    const noDigest: Digest = () => new Uint8Array(32);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000_000 }), (bytes) => {
        const { pieces, pieceBytes } = describeText('t', new Uint8Array(bytes), noDigest);
        expect(pieces.length).toBeLessThanOrEqual(64);
        expect(pieces.length).toBe(Math.ceil(bytes / pieceBytes));
        expect(pieceBytes % 4096).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test('refuses an empty text', () => {
    expect(() => describeText('nothing', new Uint8Array(0), digest)).toThrow(
      expect.objectContaining({ name: 'TextError', code: 'empty' }),
    );
  });

  test('recognises the same text whatever it is called', () => {
    expect(compareText(describeText('one name', text, digest), text.slice(), digest)).toEqual({
      kind: 'same',
    });
  });

  test('tells a different length', () => {
    const comparison = compareText(describeText('speeches', text, digest), text.subarray(1), digest);
    expect(comparison).toMatchObject({ kind: 'length', expectedBytes: 700_001, actualBytes: 700_000 });
    expect(comparison).toHaveProperty('message', expect.stringContaining('"speeches"'));
  });

  test('tells the first piece that differs and its offsets, for any changed byte', () => {
    const description = describeText('speeches', text, digest);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(text.length - 1), (a, b) => {
        const changed = text.slice();
        changed[a]! ^= 1;
        if (a !== b) changed[b]! ^= 1;
        const comparison = compareText(description, changed, digest);
        if (comparison.kind !== 'content')
          throw new Error(`expected a content difference, got ${comparison.kind}`);
        const first = Math.min(a, b);
        expect(comparison.piece).toBe(Math.floor(first / description.pieceBytes));
        expect(comparison.from).toBeLessThanOrEqual(first);
        expect(comparison.to).toBeGreaterThan(first);
        expect(comparison.to).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 15 },
    );
  });

  test('that contradicts itself is refused, not compared', () => {
    const description = describeText('speeches', text, digest);
    const damaged = { ...description, pieces: description.pieces.slice(1) };
    expect(() => compareText(damaged, text, digest)).toThrow(TextError);
  });
});
