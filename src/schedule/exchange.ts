// What the exchange of gradients inside a group costs, done as the group's replicas do it (gradient/sharing.ts): each
// contribution to everyone, or a reduce-scatter and a gather of sums.

import { type Sharing, sharingOf } from '../gradient/sharing.ts';
import type { SwarmDescription } from './description.ts';
import { transferSeconds } from './execute/execution.ts';

export interface ExchangeCosts {
  /** Bytes of one stage's gradient contribution. */
  readonly gradientBytes: number;
  /** Bytes of a group's sum; where they are left out, as many as a contribution's, and the exchange is by `scatter`. */
  readonly sumBytes?: number;
}

/** How a group of that many replicas, all of whom contribute and receive, exchanges. */
export function groupSharing({ gradientBytes, sumBytes }: ExchangeCosts, replicas: number): Sharing {
  return sumBytes === undefined ? 'scatter' : sharingOf({ gradientBytes, sumBytes }, replicas, replicas);
}

/** Seconds of one group's exchange: each trip waits for the slowest pair. 0 for one replica. */
export function exchangeSeconds(description: SwarmDescription, group: readonly number[]): number {
  const { gradientBytes, sumBytes = gradientBytes } = description;
  if (groupSharing(description, group.length) === 'gather') return slowest(description, group, gradientBytes);
  return (
    slowest(description, group, gradientBytes / group.length) +
    slowest(description, group, sumBytes / group.length)
  );
}

function slowest({ links }: SwarmDescription, group: readonly number[], bytes: number): number {
  let worst = 0;
  for (const from of group) {
    for (const to of group) {
      if (from !== to) worst = Math.max(worst, transferSeconds(links, from, to, bytes));
    }
  }
  return worst;
}
