// What a run's text is: its length and the digests of its pieces. A manifest carries this description, so peers that
// hold the text themselves can be sure they train on the same bytes, and one that does not is told where it differs.

/** Which chunks of a text are kept out of training: the last of every `every` chunks of `chunkBytes` bytes. */
export interface HeldOutRule {
  readonly chunkBytes: number;
  readonly every: number;
}

/** Every twentieth chunk of 4,096 bytes. */
export const heldOutRule: HeldOutRule = { chunkBytes: 4096, every: 20 };

export interface TextDescription {
  /** What people call the text; plays no part in comparing. */
  readonly name: string;
  readonly bytes: number;
  /** Every piece but the last has this many bytes; at most 64 pieces. */
  readonly pieceBytes: number;
  /** SHA-256 of each piece, in order, in hexadecimal. */
  readonly pieces: readonly string[];
  readonly heldOut: HeldOutRule;
}

/** SHA-256 of the concatenated parts, 32 bytes (`Identity.digest`). */
export type Digest = (...parts: Uint8Array[]) => Uint8Array;

export type TextComparison =
  | { readonly kind: 'same' }
  | {
      readonly kind: 'length';
      readonly expectedBytes: number;
      readonly actualBytes: number;
      readonly message: string;
    }
  | {
      readonly kind: 'content';
      /** The first piece that differs, and where it lies: bytes `from` to `to` − 1. */
      readonly piece: number;
      readonly from: number;
      readonly to: number;
      readonly message: string;
    };

export type TextErrorCode =
  | 'empty' // no bytes at all
  | 'description' // the description contradicts itself
  | 'too-short' // not one training window
  | 'no-held-out' // not one held-out window
  | 'context'; // no chunk can hold a window of that context

export class TextError extends Error {
  readonly code: TextErrorCode;
  constructor(code: TextErrorCode, message: string) {
    super(message);
    this.name = 'TextError';
    this.code = code;
  }
}

const MOST_PIECES = 64;

/** Describes a text by length and piece digests; throws a `TextError` when it is empty. */
export function describeText(name: string, text: Uint8Array, digest: Digest): TextDescription {
  if (text.length === 0) {
    throw new TextError('empty', `the text "${name}" is empty: name a file with something in it`);
  }
  // Whole chunks, so that pieces and held-out chunks share their boundaries.
  const { chunkBytes } = heldOutRule;
  const pieceBytes = Math.ceil(text.length / MOST_PIECES / chunkBytes) * chunkBytes;
  return {
    name,
    bytes: text.length,
    pieceBytes,
    pieces: pieceDigests(text, pieceBytes, digest),
    heldOut: heldOutRule,
  };
}

/**
 * Says whether `text` is the described one, or the first thing that differs; `message` is fit to show a person.
 * Throws a `TextError` when the description itself cannot be true.
 */
export function compareText(description: TextDescription, text: Uint8Array, digest: Digest): TextComparison {
  const { name, bytes, pieceBytes, pieces } = description;
  if (!(bytes > 0) || !(pieceBytes > 0) || pieces.length !== Math.ceil(bytes / pieceBytes)) {
    throw new TextError(
      'description',
      `the description of the text "${name}" contradicts itself: ${bytes} bytes in pieces of ${pieceBytes} ` +
        `are not ${pieces.length} pieces; the manifest is damaged`,
    );
  }
  if (text.length !== bytes) {
    const message =
      `the text differs from the run's "${name}": it has ${text.length} bytes, not ${bytes}; ` +
      'use the very file that the run was founded with';
    return { kind: 'length', expectedBytes: bytes, actualBytes: text.length, message };
  }
  const actual = pieceDigests(text, pieceBytes, digest);
  const piece = pieces.findIndex((expected, i) => expected !== actual[i]);
  if (piece < 0) return { kind: 'same' };
  const from = piece * pieceBytes;
  const to = Math.min(bytes, from + pieceBytes);
  const message =
    `the text differs from the run's "${name}" first in bytes ${from} to ${to - 1} ` +
    `(piece ${piece + 1} of ${pieces.length}); use the very file that the run was founded with`;
  return { kind: 'content', piece, from, to, message };
}

function pieceDigests(text: Uint8Array, pieceBytes: number, digest: Digest): string[] {
  const digests: string[] = [];
  for (let from = 0; from < text.length; from += pieceBytes) {
    digests.push(hex(digest(text.subarray(from, from + pieceBytes))));
  }
  return digests;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
