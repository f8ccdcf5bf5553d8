// The byte-level tokenizer: a token is a byte of the text's UTF-8 form, so every text has tokens and none needs a
// vocabulary file.

/** Tokens of the byte-level tokenizer. */
export const BYTE_VOCABULARY = 256;

const encoder = new TextEncoder();

/** Token ids of a text: its UTF-8 bytes. */
export function encode(text: string): Int32Array {
  return Int32Array.from(encoder.encode(text));
}

/**
 * The text of token ids. Bytes that are not valid UTF-8 (as a model may well write, or where a character was cut)
 * become U+FFFD. Throws a RangeError for an id outside 0 … 255.
 */
export function decode(tokens: ArrayLike<number>): string {
  const bytes = new Uint8Array(tokens.length);
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (!(Number.isInteger(token) && token >= 0 && token < BYTE_VOCABULARY)) {
      throw new RangeError(`token ${token} at position ${index} is not a byte (0 … 255)`);
    }
    bytes[index] = token;
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}
