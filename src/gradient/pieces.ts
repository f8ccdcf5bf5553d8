// A gradient travels in pieces, cut the same by everyone: each is encoded, sent, decoded and added by itself, so that a
// long gradient leaves room for other work and its first bytes are on the way before its last are encoded.

import type { Codec, Slice } from './codec.ts';
import { shards } from './shards.ts';

/** A piece costs its receivers a message's overhead, and the link stays theirs that long. */
const PIECE_BYTES = 128 * 1024;
/** A piece is computed without rest: a millisecond or two. */
const PIECE_VALUES = 1 << 18;

/**
 * Cuts a gradient of `parameters` values; all pieces but the last are equally long, in the multiples that `codec` wants
 * its slices in: as long as their bytes and their values allow, as float32 2¹⁵ values.
 */
export function piecesOf(
  parameters: number,
  { sliceMultiple, encodedBytes }: Pick<Codec, 'sliceMultiple' | 'encodedBytes'>,
): Slice[] {
  const bytesPerValue = encodedBytes(sliceMultiple) / sliceMultiple;
  const values = Math.min(PIECE_VALUES, Math.floor(PIECE_BYTES / bytesPerValue));
  const length = Math.max(1, Math.floor(values / sliceMultiple)) * sliceMultiple;
  return Array.from({ length: Math.ceil(parameters / length) }, (_, i) => ({
    from: i * length,
    to: Math.min(parameters, (i + 1) * length),
  }));
}

/** For each piece the contributor that answers for it: neighbouring pieces, as equally many each as can be. */
export function ownersOf(pieces: number, contributors: number): number[] {
  return shards(pieces, contributors).flatMap(({ from, to }, owner) =>
    Array.from({ length: to - from }, () => owner),
  );
}
