// Who begins with which stages where more replicas are asked for than there are peers: those whose memory is said to have
// room for it take several. How many stages a peer holds stays as it is dealt here; which, the search decides.

import type { SwarmDescription } from '../description.ts';
import { DescriptionError } from '../errors.ts';
import type { Assignment } from '../wiring.ts';

/**
 * Groups of `stageSizes` peers in which everybody holds a stage and those with the most memory several, one
 * micro-batch's room at least for each; undefined where the peers suffice one by one.
 * Throws a `DescriptionError` where memory does not suffice or is not said.
 */
export function sharedSeats({ peers, stages, stageSizes }: SwarmDescription): Assignment | undefined {
  const wanted = stageSizes.reduce((sum, size) => sum + size, 0);
  if (wanted <= peers.length) return undefined;
  const memory = peers.map(({ memoryMicrobatches }) => memoryMicrobatches);
  const most = memory.map((room) =>
    room === Number.POSITIVE_INFINITY ? 1 : Math.min(stages, Math.floor(room + 1e-9)),
  );
  const seats = peers.map(() => 1);
  for (let dealt = peers.length; dealt < wanted; dealt++) {
    let roomiest = -1;
    for (let peer = 0; peer < peers.length; peer++) {
      if (seats[peer]! >= most[peer]!) continue;
      const each = memory[peer]! / (seats[peer]! + 1);
      if (roomiest < 0 || each > memory[roomiest]! / (seats[roomiest]! + 1)) roomiest = peer;
    }
    if (roomiest < 0) throw tooFew(wanted, peers.length);
    seats[roomiest]!++;
  }
  // The largest stage first, by those who have the most seats left: if there is a way at all, this is one.
  const groups: number[][] = stageSizes.map(() => []);
  const order = [...stageSizes.keys()].sort((a, b) => stageSizes[b]! - stageSizes[a]! || a - b);
  for (const stage of order) {
    const ranked = [...peers.keys()].sort((a, b) => seats[b]! - seats[a]! || a - b);
    const group = ranked.slice(0, stageSizes[stage]!).filter((peer) => seats[peer]! > 0);
    if (group.length < stageSizes[stage]!) throw tooFew(wanted, peers.length);
    for (const peer of group) seats[peer]!--;
    groups[stage] = group.sort((a, b) => a - b);
  }
  return groups;
}

function tooFew(wanted: number, peers: number): DescriptionError {
  return new DescriptionError(
    'stageSizes',
    `${wanted} replicas are asked for and there are ${peers} peers; a peer takes several stages where its memoryMicrobatches is as many`,
  );
}
