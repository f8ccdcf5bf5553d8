// The planning problem as the search sees it: peers whose links are alike share a place, and no time changes by that.

import { describe, expect, it } from 'vitest';
import { scaleSwarm } from '../../../bench/plan-parts.ts';
import { transferSeconds } from '../../../src/schedule/execute/execution.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';

describe('transfer times', () => {
  it('of a large swarm are kept by place, and are those of the links', () => {
    const swarm = scaleSwarm(1100);
    const { place, placeCount, transfer, roundTrip } = instanceOf(swarm);
    expect(placeCount).toBe(12);
    const { links, activationBytes } = swarm;
    const seconds = (from: number, to: number) => transferSeconds(links, from, to, activationBytes);
    for (let from = 0; from < 1100; from += 37) {
      for (let to = 0; to < 1100; to += 41) {
        if (from === to) continue;
        const at = place[from]! * placeCount + place[to]!;
        expect(transfer[at]! / 1e6).toBeCloseTo(seconds(from, to), 5);
        expect(roundTrip[at]! / 1e6).toBeCloseTo(seconds(from, to) + seconds(to, from), 5);
      }
    }
  });

  it('of a swarm in which one peer sends more slowly give it a place of its own', () => {
    const swarm = scaleSwarm(1100);
    const uploadBytesPerSecond = swarm.links.uploadBytesPerSecond.with(17, 1e6);
    const { place, placeCount, transfer } = instanceOf({
      ...swarm,
      links: { ...swarm.links, uploadBytesPerSecond },
    });
    expect(placeCount).toBe(13);
    const neighbour = place.indexOf(place[3]!);
    expect(place.filter((at) => at === place[17]).length).toBe(1);
    expect(transfer[place[17]! * placeCount + place[neighbour]!]! / 1e6).toBeGreaterThan(33);
  });

  it('of a small swarm are kept by peer, and nothing travels between two stages of one', () => {
    const swarm = scaleSwarm(50);
    const [first] = swarm.assignment![1]!;
    const assignment = swarm.assignment!.map((group, stage) => (stage === 3 ? [...group, first!] : group));
    const { place, placeCount, transfer, holder, peerCount } = instanceOf({ ...swarm, assignment });
    expect(placeCount).toBe(50);
    expect(peerCount).toBe(51);
    expect(holder[50]).toBe(first);
    expect(transfer[place[50]! * placeCount + place[first!]!]).toBe(0);
  });
});
