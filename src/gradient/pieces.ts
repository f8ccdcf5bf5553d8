// A gradient travels in pieces, cut the same by everyone: each is encoded, sent, decoded and added by itself, so that a
// long gradient leaves room for other work and its first bytes are on the way before its last are encoded.

import type { Codec, Slice } from './codec.ts';
import { shards } from './shards.ts';

/** Values of a piece: 128 KiB as float32, 4 KiB at one bit. */
const PIECE_VALUES = 1 << 15;

/** Cuts a gradient of `parameters` values; all pieces but the last are equally long, as `codec` wants its slices. */
export function piecesOf(parameters: number, codec: Pick<Codec, 'sliceMultiple'>): Slice[] {
  const length = Math.ceil(PIECE_VALUES / codec.sliceMultiple) * codec.sliceMultiple;
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
