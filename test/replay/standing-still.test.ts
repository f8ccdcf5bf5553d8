// When a simulated run is said to stand still.

import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/replay/faults.ts';
import type { SimulatedPeerEvent } from '../../src/replay/simulation.ts';
import { StandingStill } from '../../src/replay/standing-still.ts';

const faults: Fault[] = [
  { kind: 'crash', at: 3, peer: 'p1', loss: 'killed', backAfter: 4 },
  { kind: 'freeze', at: 5, peer: 'p2', seconds: 15 },
];

function watched(faultsThere: readonly Fault[] = faults) {
  let now = 0;
  const standing = new StandingStill({
    now: () => now,
    faults: faultsThere,
    mostSeconds: 60,
    fail: (problem) => {
      throw new Error(problem);
    },
  });
  const event = (at: number, body: object) =>
    standing.observe({ at, of: 'p0', ...body } as SimulatedPeerEvent);
  return {
    at: (seconds: number) => {
      now = seconds;
      return () => standing.check();
    },
    commit: (at: number, iteration: number) => event(at, { kind: 'commit', commit: { iteration } }),
    ended: (at: number) => event(at, { kind: 'ended' }),
    stuck: (at: number) => () => event(at, { kind: 'leading', note: { kind: 'stuck' } }),
  };
}

describe('a run stands still', () => {
  it('when nothing is committed for so long after the last fault has ended', () => {
    const run = watched();
    expect(run.at(79.9)).not.toThrow();
    expect(run.at(80.1)).toThrow('nothing was committed after iteration 0 for 60 s');
  });

  it('when nothing new is: that somebody reads an old commit is no news', () => {
    const run = watched();
    run.commit(30, 4);
    run.commit(60, 3);
    run.commit(70, 4);
    expect(run.at(89.9)).not.toThrow();
    expect(run.at(90.1)).toThrow('after iteration 4');
  });

  it('not while faults go on, and not when it has ended', () => {
    const run = watched();
    run.commit(1, 1);
    expect(run.at(79.9)).not.toThrow();
    run.ended(79.9);
    expect(run.at(1000)).not.toThrow();
  });

  it('when an iteration is closed because nothing was reported, and no fault was going on meanwhile', () => {
    expect(watched().stuck(49)).not.toThrow();
    expect(watched().stuck(51)).toThrow('p0 closes iteration 1');
    expect(watched([{ kind: 'keepers', at: 3 }]).stuck(34)).toThrow('nothing went wrong');
  });
});
