// Which peers may be the anchors where the assignment is free. Peers that can be exchanged without changing anything make
// sets equal: the published instance has 2392 of its 15,504.

import type { Instance } from './instance.ts';

/** Beyond so many sets they are too many. */
const mostSets = 20_000;

/** Sets of anchors that differ by more than an exchange of equal peers; undefined when they are too many. */
export function anchorSets(instance: Instance): number[][] | undefined {
  const classes: number[][] = [];
  for (let peer = 0; peer < instance.peerCount; peer++) {
    const known = classes.find((members) => interchangeable(instance, members[0]!, peer));
    if (known === undefined) classes.push([peer]);
    else known.push(peer);
  }
  let sets: number[][] = [[]];
  classes.forEach((members, at) => {
    const later = classes.slice(at + 1).reduce((sum, others) => sum + others.length, 0);
    const next: number[][] = [];
    for (const set of sets) {
      for (let take = 0; take <= members.length && set.length + take <= instance.anchorCount; take++) {
        if (set.length + take + later >= instance.anchorCount) next.push([...set, ...members.slice(0, take)]);
      }
    }
    sets = next.length > mostSets ? [] : next;
  });
  return sets.length === 0 ? undefined : sets;
}

/** Whether exchanging two peers changes nothing. */
function interchangeable(instance: Instance, a: number, b: number): boolean {
  const { peerCount, stages, transfer, place, placeCount, forward, backward, weight, head, gap, memory } =
    instance;
  const away = (from: number, to: number) => transfer[place[from]! * placeCount + place[to]!]!;
  if (head[a] !== head[b] || gap[a] !== gap[b] || memory[a] !== memory[b]) return false;
  for (let stage = 0; stage < stages; stage++) {
    const i = a * stages + stage;
    const j = b * stages + stage;
    if (forward[i] !== forward[j] || backward[i] !== backward[j] || weight[i] !== weight[j]) return false;
  }
  if (away(a, b) !== away(b, a)) return false;
  for (let other = 0; other < peerCount; other++) {
    if (other === a || other === b) continue;
    if (away(a, other) !== away(b, other)) return false;
    if (away(other, a) !== away(other, b)) return false;
  }
  return true;
}
