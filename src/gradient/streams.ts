// The streams of shared randomness that contributions use: one for every sender, iteration and stage.

import { type Purpose, type Stream, stream } from '../random/index.ts';
import type { ContributionKey } from './codec.ts';

/** Places in a group are below this, stages below 2^12. */
const PLACES = 2 ** 20;

export function contributionStream(purpose: Purpose, key: ContributionKey): Stream {
  const { runSeed, iteration, stage, place } = key;
  if (!(place < PLACES)) throw new RangeError(`a group has places up to ${PLACES - 1}, not ${place}`);
  return stream({ runSeed, purpose, iteration, index: stage * PLACES + place });
}
