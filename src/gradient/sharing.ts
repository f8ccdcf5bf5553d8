// How a group's contributions become its sum. `gather`: every contributor sends its bytes to every receiver, and each
// of them decodes and adds them all. `scatter`: every contributor sends each piece to the piece's owner, which adds up
// and sends the sum, as float32, to every receiver (reduce-scatter, then all-gather: Thakur, Rabenseifner, Gropp 2005).
//
// Sums are not encoded again. The errors of a group's contributions are independent and average out over the group; a
// second encoding would add an error as large as that of a single contribution, and where the codec is biased, a bias
// that no error feedback makes good.

import type { Codec } from './codec.ts';

export type Sharing = 'gather' | 'scatter';

/** Up to here the second trip that `scatter` needs costs more than the bytes it saves. */
export const SMALL_EXCHANGE_BYTES = 64 * 1024;
/** Above it messages count as well, which grow with the square of the group when everyone sends to everyone. */
const SMALL_GROUP = 16;
const SUM_BYTES = 4;

/** What one exchange sends of a stage's gradient. */
export interface ExchangeBytes {
  /** One replica's contribution, as its codec encodes it. */
  readonly gradientBytes: number;
  /** The group's sum, as the owners of its pieces send it on. */
  readonly sumBytes: number;
}

export function exchangeBytesOf(codec: Pick<Codec, 'encodedBytes'>, parameters: number): ExchangeBytes {
  return { gradientBytes: codec.encodedBytes(parameters), sumBytes: SUM_BYTES * parameters };
}

/**
 * What moves fewer bytes in all, and where that is the same, or little in a small group, `gather`: one trip instead of
 * two.
 * @param smallBytes a contribution of no more counts as little; the same at all who exchange
 */
export function sharingOf(
  { gradientBytes, sumBytes }: ExchangeBytes,
  contributors: number,
  receivers: number,
  smallBytes: number = SMALL_EXCHANGE_BYTES,
): Sharing {
  const gathered = contributors * gradientBytes * (receivers - 1);
  const scattered = (contributors - 1) * gradientBytes + sumBytes * (receivers - 1);
  const isLittle = gradientBytes <= smallBytes && contributors <= SMALL_GROUP;
  return isLittle || gathered <= scattered ? 'gather' : 'scatter';
}
