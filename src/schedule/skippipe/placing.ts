// A first candidate for a large swarm whose assignment is free: peers sit in circles of near ones (circles.ts), and
// micro-batches go around the circle of their anchor, as far as equal loads of stages and peers allow.

import { type Candidate, wavesOf } from './candidate.ts';
import { type Circles, circlesOf } from './circles.ts';
import type { Draws } from './draws.ts';
import { equalLoadsPossible, type Instance } from './instance.ts';
import { lightestStages } from './orders.ts';

/** More than any number of visits, and much more: what is to be avoided, and what cannot be. */
const avoided = 1e9;
const impossible = 1e15;

/** Undefined where peers hold several stages, or where no paths were found that keep the rules. */
export function placedCandidate(instance: Instance, draws: Draws): Candidate | undefined {
  const { pathLength, microbatches, holder } = instance;
  if (pathLength < 2 || holder.some((peer, number) => peer !== number)) return undefined;
  const circles = circlesOf(instance, draws);
  const path = pathsAround(instance, circles);
  if (path === undefined) return undefined;
  return {
    stageOf: circles.stageOf,
    path,
    bias: new Float64Array(microbatches),
    urgent: new Uint8Array(microbatches),
    after: new Int32Array(microbatches * (2 * pathLength + 1)).fill(-1),
  };
}

function pathsAround(instance: Instance, { stageOf, circleOf, members }: Circles): Int32Array | undefined {
  const { peerCount, pathLength, microbatches, anchorCount, live, largestJump } = instance;
  const { place, placeCount, roundTrip } = instance;
  const away = (a: number, b: number): number => roundTrip[place[a]! * placeCount + place[b]!]!;
  const groups: number[][] = Array.from({ length: instance.stages }, () => []);
  stageOf.forEach((stage, peer) => {
    if (stage >= 0) groups[stage]!.push(peer);
  });
  const further = live.slice(1);
  const path = new Int32Array(microbatches * pathLength);
  const visits = new Int32Array(peerCount);
  const equal = equalLoadsPossible(instance);
  const most = sharesOf(further.length, [microbatches * (pathLength - 1)])[0]!.map((share, at) =>
    Math.ceil(share / groups[further[at]!]!.length),
  );
  const capacity = most.map((visitsEach, at) => visitsEach * groups[further[at]!]!.length);
  const hasRoom = (peer: number, at: number) => visits[peer]! < most[at]!;
  const waves = wavesOf(instance).members;
  const loads = sharesOf(
    further.length,
    waves.map(({ length }) => length * (pathLength - 1)),
  );
  for (const [wave, inWave] of waves.entries()) {
    // Per stage, visits to be given out: equally many in a wave, or where they cannot be, what its peers may have in all.
    const open = equal ? loads[wave]! : capacity;
    for (const [before, m] of inWave.entries()) {
      const anchor = groups[0]![m % anchorCount]!;
      const own = members[circleOf[anchor]!]!;
      const left = inWave.length - before;
      const weights = further.map((stage, at) => {
        if (open[at] === 0) return impossible;
        if (equal && open[at] === left) return -avoided;
        let fewest = avoided;
        for (const peer of own) {
          if (stageOf[peer] === stage && hasRoom(peer, at)) fewest = Math.min(fewest, visits[peer]!);
        }
        return fewest;
      });
      const chosen = lightestStages(further, weights, pathLength - 1, largestJump);
      if (chosen === undefined || chosen.some((at) => open[at] === 0)) return undefined;
      if (weights.some((one, at) => one === -avoided && !chosen.includes(at))) return undefined;
      let from = anchor;
      path[m * pathLength] = anchor;
      for (const [position, at] of chosen.entries()) {
        const stage = further[at]!;
        const near = own.filter((peer) => stageOf[peer] === stage && hasRoom(peer, at));
        const peer =
          best(near, (one) => visits[one]!) ??
          best(
            groups[stage]!.filter((one) => hasRoom(one, at)),
            (one) => away(from, one),
          )!; // its stage is open: somebody there has room
        visits[peer]!++;
        open[at]!--;
        path[m * pathLength + 1 + position] = peer;
        from = peer;
      }
    }
  }
  for (const stage of further) {
    const share = groups[stage]!.reduce((sum, peer) => sum + visits[peer]!, 0) / groups[stage]!.length;
    if (groups[stage]!.some((peer) => visits[peer]! > Math.ceil(share))) return undefined;
  }
  return path;
}

/** The first of those that cost least. */
function best(peers: readonly number[], cost: (peer: number) => number): number | undefined {
  let found: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const peer of peers) {
    const own = cost(peer);
    if (own >= least) continue;
    least = own;
    found = peer;
  }
  return found;
}

/** How wave after wave is dealt out to stages, so that of any two none has more than one more, in a wave or in all. */
function sharesOf(stages: number, totals: readonly number[]): number[][] {
  let next = 0;
  return totals.map((total) => {
    const shares = new Array<number>(stages).fill(Math.floor(total / stages));
    for (let extra = total % stages; extra > 0; extra--) {
      shares[next]!++;
      next = (next + 1) % stages;
    }
    return shares;
  });
}
