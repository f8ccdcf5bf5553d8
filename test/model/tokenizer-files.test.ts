import { describe, expect, test } from 'vitest';
import { byteCharacters, tokenizerJson } from '../../src/model/tokenizer-files.ts';

describe('the tokenizer file', () => {
  // `bytes_to_unicode` as published with GPT-2, whose stand-ins the `tokenizers` library uses.
  const published = (() => {
    const range = (first: string, last: string) =>
      Array.from({ length: last.charCodeAt(0) - first.charCodeAt(0) + 1 }, (_, i) => first.charCodeAt(0) + i);
    const bytes = [...range('!', '~'), ...range('¡', '¬'), ...range('®', 'ÿ')];
    const table = new Map(bytes.map((byte) => [byte, byte]));
    let n = 0;
    for (let byte = 0; byte < 256; byte++) if (!table.has(byte)) table.set(byte, 256 + n++);
    return table;
  })();

  test('has a stand-in of its own for each byte, the published one', () => {
    const characters = byteCharacters();
    expect(characters.map((character) => character.codePointAt(0))).toEqual(
      Array.from({ length: 256 }, (_, byte) => published.get(byte)),
    );
    expect(characters[0x20]).toBe('Ġ');
    expect(characters[0x0a]).toBe('Ċ');
  });

  test('gives byte b the token id b, merges nothing and normalises nothing', () => {
    const file = tokenizerJson() as {
      normalizer: unknown;
      pre_tokenizer: unknown;
      decoder: unknown;
      model: { type: string; vocab: Record<string, number>; merges: unknown[] };
    };
    expect(byteCharacters().map((character) => file.model.vocab[character])).toEqual(
      Array.from({ length: 256 }, (_, byte) => byte),
    );
    expect(Object.keys(file.model.vocab)).toHaveLength(256);
    expect(file.model).toMatchObject({ type: 'BPE', merges: [] });
    expect(file.normalizer).toBeNull();
    expect(file.pre_tokenizer).toMatchObject({
      type: 'ByteLevel',
      add_prefix_space: false,
      use_regex: false,
    });
    expect(file.decoder).toMatchObject({ type: 'ByteLevel' });
  });
});
