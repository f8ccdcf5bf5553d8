// One micro-batch led around a peer that was believed lost: whom it may still come to.

import { expect, it } from 'vitest';
import { Rerouting, type ReroutingParts } from '../../src/swarm/training/rerouting.ts';
import { newVisit, nextPeer } from '../../src/swarm/training/visits.ts';

/** The path a, b, d; stage 1 has the replicas b and c. */
const path = [
  { stage: 0, peer: 'a' },
  { stage: 1, peer: 'b' },
  { stage: 2, peer: 'd' },
];

it('never goes back to a peer that was told that the micro-batch leaves it, though that peer lives', async () => {
  const lost = new Set(['b']);
  const told: string[] = [];
  const sentTo: string[] = [];
  const parts: ReroutingParts = {
    alive: (peer) => !lost.has(peer),
    forwardOnly: false,
    emergencySkips: 1,
    pathLength: () => path.length,
    mender: ({ isGone, full }) => {
      const replica = ['b', 'c'].find((peer) => !isGone(peer) && !full.has(peer));
      return replica === undefined ? undefined : path.with(1, { stage: 1, peer: replica });
    },
    // b speaks again while c is asked, which has no room
    askSlot: async () => {
      lost.clear();
      return false;
    },
    announceDropped: (_, __, peer) => void told.push(peer ?? 'everyone'),
    note: () => {},
    changed: () => {},
    sendOutput: (visit) => void sentTo.push(nextPeer(visit)),
    drop: () => void sentTo.push('nobody'),
  };
  const visit = newVisit(0, 1, path, 0, false);
  visit.phase = 'backward';
  visit.output = new Uint8Array(4);
  await new Rerouting(parts).mend(visit, 'b');
  expect(told).toEqual(['b']);
  expect(sentTo).toEqual(['d']);
});

it('tells whoever is not on the new way, also one that is believed lost: it may live and wait for it', async () => {
  const told: string[] = [];
  const parts: ReroutingParts = {
    alive: (peer) => peer === 'a' || peer === 'c',
    forwardOnly: false,
    emergencySkips: 1,
    pathLength: () => path.length,
    mender: () => [path[0]!, { stage: 1, peer: 'c' }],
    askSlot: async () => true,
    announceDropped: (_, __, peer) => void told.push(peer ?? 'everyone'),
    note: () => {},
    changed: () => {},
    sendOutput: () => {},
    drop: () => {},
  };
  const visit = newVisit(0, 1, path, 0, false);
  visit.phase = 'backward';
  visit.output = new Uint8Array(4);
  await new Rerouting(parts).mend(visit, 'b');
  expect(told).toEqual(['b', 'd']);
});
