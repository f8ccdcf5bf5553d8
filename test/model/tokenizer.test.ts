import { fc } from '../property.ts';
import { expect, test } from 'vitest';
import { BYTE_VOCABULARY, decode, encode } from '../../src/model/tokenizer.ts';

test('every text comes back from its tokens', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => decode(encode(text)) === text));
});

test('tokens are the bytes of UTF-8', () => {
  expect([...encode('Aé😀')]).toEqual([0x41, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80]);
  expect(BYTE_VOCABULARY).toBe(256);
});

test('a byte order mark at the start is a character like any other', () => {
  expect(decode(encode('\uFEFFtext'))).toBe('\uFEFFtext');
});

test('bytes that are no text become replacement characters', () => {
  expect(decode([0x41, 0xff, 0x42])).toBe('A\uFFFDB');
});

test('a token beyond the bytes is refused by value and place', () => {
  expect(() => decode([65, 256])).toThrow('token 256 at position 1 is not a byte');
  expect(() => decode([-1])).toThrow('token -1 at position 0');
  expect(() => decode([1.5])).toThrow('token 1.5 at position 0');
});
