// Words about an iteration that come before its plan: they are said once, and count when it begins.

import { describe, expect, it } from 'vitest';
import { Timing } from '../../src/swarm/membership/timing.ts';
import { EarlyWords } from '../../src/swarm/training/early-words.ts';
import type { SimulatedPeerEvent } from '../../src/replay/simulation.ts';
import { runSeed } from './seeds/run-seed.ts';
import { scenarioOf } from './seeds/scenario.ts';

const at = (iteration: number, attempt: number) => ({ iteration, attempt });
const word = (microbatch: number, peer = '') => ({ microbatch, reason: 'a peer was lost', peer });

describe('a word that comes before its plan', () => {
  it('counts when that begins, whoever says it', () => {
    const early = new EarlyWords(8);
    early.dropped('bob', at(4, 1), word(2));
    early.dropped('cid', at(4, 1), word(3, 'ann'));
    early.closed('bob', at(4, 1));
    expect(early.begin(at(4, 1))).toEqual({ dropped: [word(2), word(3, 'ann')], closed: true });
    expect(early.begin(at(4, 1))).toEqual({ dropped: [], closed: false });
  });

  it('waits on while other attempts begin before it, and is let go when its own does not', () => {
    const early = new EarlyWords(8);
    early.dropped('bob', at(4, 1), word(2));
    expect(early.begin(at(4, 0)).dropped).toEqual([]);
    expect(early.begin(at(4, 1)).dropped).toEqual([word(2)]);
    early.dropped('bob', at(4, 2), word(2));
    expect(early.begin(at(5, 0)).dropped).toEqual([]);
    expect(early.keptBytes).toBe(0);
  });

  it('counts once, however often it is said', () => {
    const early = new EarlyWords(8);
    for (const peer of ['ann', '', 'ann']) early.dropped('bob', at(4, 1), word(2, peer));
    expect(early.begin(at(4, 1)).dropped).toEqual([word(2, 'ann'), word(2)]);
  });

  it('fills no memory: of each sender those of one attempt are kept, and as many as a plan may need', () => {
    const early = new EarlyWords(8);
    for (let iteration = 1; iteration < 100; iteration++) {
      for (let microbatch = 0; microbatch < 100; microbatch++) {
        early.dropped('eve', at(iteration, 0), { microbatch, reason: 'x'.repeat(2048), peer: '' });
      }
    }
    early.dropped('eve', at(1, 0), word(2));
    early.dropped('bob', at(1, 0), word(3));
    expect(early.keptBytes).toBeLessThan(8 * 410 + 50);
    expect(early.begin(at(1, 0)).dropped).toEqual([word(3)]);
    expect(early.begin(at(99, 0)).dropped).toHaveLength(8);
  });
});

describe('no peer waits for ever', () => {
  it.each([
    [159, 'for the gradient of what left it before it had read the plan'],
    [439, 'for a gradient that went back to a peer which its micro-batch had left, whose output came late'],
    [
      456,
      'for a tensor that was to go by a connection which did not come about, though its peer was there again',
    ],
  ])('in seed %i, %s', async (seed) => {
    const events: SimulatedPeerEvent[] = [];
    const result = await runSeed(scenarioOf(seed), { log: (line) => events.push(JSON.parse(line)) });
    expect(result.failure).toBeUndefined();
    const commits = events.flatMap(({ kind, at: moment }) => (kind === 'commit' ? [moment] : []));
    const gaps = commits.map((moment, index) => moment - (commits[index - 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(10); // it was 600 s, or as long as an iteration in which nothing is reported
  });
});

describe('who has not led', () => {
  const parts = { clock: { now: () => 0, schedule: () => () => {} }, self: 'ann' };
  const timing = new Timing({ ...parts, keepers: () => ['ann'], leader: () => 'bob', members: () => 3 });

  it('knows how long an iteration takes, but from one that may have stood still', () => {
    const { stuck, firstIteration } = timing.timeouts;
    timing.iterationSeen(firstIteration + 1);
    expect(timing.stuckSeconds).toBe(firstIteration);
    timing.iterationSeen(2);
    expect(timing.stuckSeconds).toBe(stuck);
    timing.iterationSeen(20);
    expect(timing.stuckSeconds).toBe(60);
  });
});
