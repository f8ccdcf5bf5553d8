// What a leader has seen of exchanges, and the limit that follows from it: how large a contribution may be beside the
// others. Numbers in, decisions out; a leader that takes over starts from nothing.

import type { PeerName } from '../../seams/network.ts';
import { median } from '../membership/medians.ts';

/** A contribution whose norm is more than so many times the median is left out. */
const NORM_FACTOR = 10;
/** A group of so many has a median of its own; below, and from so many counted contributions on, the stage's past has. */
const GROUP_FOR_MEDIAN = 3;
const PAST_FOR_MEDIAN = 5;
const NORMS_KEPT = 20;

/** The norm of a contribution, per micro-batch in it. */
export interface ContributionNorm {
  readonly peer: PeerName;
  readonly norm: number;
}

export class ExchangeLimits {
  readonly #norms = new Map<number, number[]>();

  /**
   * Whose contributions are too large to count. From three contributors on, the group's median is the measure; below,
   * that of the stage's contributions before, unless all of the group are beyond it: then it is the loss that has
   * changed, and clipping bounds what comes of it.
   */
  tooLarge(stage: number, norms: readonly ContributionNorm[]): readonly PeerName[] {
    const past = this.#norms.get(stage) ?? [];
    const grouped = norms.length >= GROUP_FOR_MEDIAN;
    if (!grouped && past.length < PAST_FOR_MEDIAN) return [];
    const limit = NORM_FACTOR * median(grouped ? norms.map(({ norm }) => norm) : past);
    const beyond = norms.filter(({ norm }) => norm > limit).map(({ peer }) => peer);
    return beyond.length < norms.length ? beyond : [];
  }

  /** These contributions were counted. */
  counted(stage: number, norms: readonly ContributionNorm[]): void {
    const past = [...(this.#norms.get(stage) ?? []), ...norms.map(({ norm }) => norm)];
    this.#norms.set(stage, past.slice(-NORMS_KEPT));
  }
}
