// What groups that the search puts together pay for the exchange of their gradients. Where the assignment is given, that
// is the same for all candidates and nothing is counted.

import type { Instance } from './instance.ts';

export interface GroupExchange {
  /** Per stage, the microseconds of its group's exchange; the array is reused. */
  of(stageOf: Int32Array): Float64Array;
  /** Microseconds of the slowest group's. */
  slowest(stageOf: Int32Array): number;
}

/** Undefined where there is nothing to choose. */
export function createGroupExchange({ exchange, stages, peerCount }: Instance): GroupExchange | undefined {
  if (exchange === undefined) return undefined;
  const known = new Int32Array(peerCount).fill(-2);
  const changed = new Uint8Array(stages);
  const microseconds = new Float64Array(stages);

  function of(stageOf: Int32Array): Float64Array {
    changed.fill(0);
    for (let peer = 0; peer < peerCount; peer++) {
      const stage = stageOf[peer]!;
      if (stage === known[peer]) continue;
      if (stage >= 0) changed[stage] = 1;
      if (known[peer]! >= 0) changed[known[peer]!] = 1;
      known[peer] = stage;
    }
    for (let stage = 0; stage < stages; stage++) {
      if (changed[stage] === 0) continue;
      const group: number[] = [];
      for (let peer = 0; peer < peerCount; peer++) if (known[peer] === stage) group.push(peer);
      microseconds[stage] = exchange!(group);
    }
    return microseconds;
  }

  return {
    of,
    slowest: (stageOf) => of(stageOf).reduce((most, next) => Math.max(most, next), 0),
  };
}
