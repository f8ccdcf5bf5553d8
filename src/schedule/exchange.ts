// What the exchange of gradients inside a group costs: a reduce-scatter and a gather of shards among its replicas.

import type { SwarmDescription } from './description.ts';
import { transferSeconds } from './execute/execution.ts';

/** Seconds of one group's exchange: both phases wait for the slowest pair. 0 for one replica. */
export function exchangeSeconds(
  { links, gradientBytes }: SwarmDescription,
  group: readonly number[],
): number {
  let worst = 0;
  for (const from of group) {
    for (const to of group) {
      if (from === to) continue;
      worst = Math.max(worst, transferSeconds(links, from, to, gradientBytes / group.length));
    }
  }
  return 2 * worst;
}
