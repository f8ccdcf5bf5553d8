// What a leader gathers of an iteration, and what it goes on without.

import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/schedule/plan.ts';
import { Collecting, type PeerReport } from '../../src/swarm/leading/collecting.ts';
import { smallManifest } from './small-run.ts';

const peers = ['a', 'b', 'c', 'd'];

/** Two stages of two; micro-batch 0 through a and c, 1 through b and d. */
const plan: Plan = {
  policy: '1f1b',
  peers,
  stages: 2,
  assignment: [
    [0, 1],
    [2, 3],
  ],
  headAt: 'anchor',
  splitBackward: false,
  chunks: 1,
  activationBytes: 1,
  gradientBytes: 1,
  paths: [0, 1].map((microbatch) => ({
    microbatch,
    nodes: [0, 1].map((stage) => ({ stage, chunk: 0, peer: 2 * stage + microbatch })),
  })),
  tasks: [],
  order: { kind: 'fixed', tasks: [[], [], [], []] },
  memoryLimits: peers.map(() => Number.POSITIVE_INFINITY),
};

function reportOf(stage: number, microbatches: number[], more: Partial<PeerReport> = {}): PeerReport {
  const none = { computeSeconds: 0, forwardMicroseconds: 0, backwardMicroseconds: 0, headMicroseconds: 0 };
  return {
    stage,
    microbatches,
    losses: [],
    probes: [],
    visits: 2,
    links: [],
    final: false,
    ...none,
    ...more,
  };
}

function collecting(reports: Record<string, PeerReport>): Collecting {
  const one = new Collecting(1, 0, plan);
  for (const [peer, report] of Object.entries(reports)) one.reports.set(peer, report);
  return one;
}

const everyone = () => true;
const without = (lost: string) => (peer: string) => peer !== lost;

describe('a stage’s exchange', () => {
  it('waits for everyone of the stage who lives, and for nobody else', () => {
    const one = collecting({ c: reportOf(1, [0]) });
    expect(one.reported(1, everyone)).toBe(false);
    expect(one.reported(1, without('d'))).toBe(true);
    expect(one.missing(without('d'))).toEqual(['a', 'b']);
  });

  it('waits for final words where something went wrong', () => {
    const one = collecting({ c: reportOf(1, [0]), d: reportOf(1, [1], { final: true }) });
    expect(one.reported(1, everyone)).toBe(true);
    one.disturbed = true;
    expect(one.reported(1, everyone)).toBe(false);
    one.reports.set('c', reportOf(1, [0], { final: true }));
    expect(one.reported(1, everyone)).toBe(true);
  });

  it('is done without a sum where nobody has added anything', () => {
    const one = collecting({ c: reportOf(1, []), d: reportOf(1, []) });
    const exchange = one.startExchange(1);
    expect(one.nextRound(exchange, [], everyone, 5)).toBeUndefined();
    expect(exchange.done).toBe(true);
  });

  it('counts a micro-batch once, from whom the plan names, when another was asked for it and both live', () => {
    const one = collecting({ c: reportOf(1, [1, 0]), d: reportOf(1, [1]) });
    const exchange = one.startExchange(1);
    const order = one.nextRound(exchange, [], everyone, 5)!;
    expect({ contributors: order.contributors, microbatches: exchange.microbatches }).toEqual({
      contributors: ['d'],
      microbatches: [1],
    });
    expect(exchange.leftOut).toEqual([{ peer: 'c', reason: 'another has added micro-batch 1 too' }]);
    expect(order.receivers).toEqual(['c', 'd']);
  });

  it('counts what a replica added in the place of a lost peer', () => {
    const one = collecting({ c: reportOf(1, [0, 1]) });
    const exchange = one.startExchange(1);
    expect(one.nextRound(exchange, [], without('d'), 5)!.contributors).toEqual(['c']);
    expect(exchange.microbatches).toEqual([0, 1]);
  });
});

describe('a round that is late', () => {
  const roundOf = () => {
    const one = collecting({ c: reportOf(1, [0]), d: reportOf(1, [1]) });
    const exchange = one.startExchange(1);
    one.nextRound(exchange, [], everyone, 5);
    return { one, exchange };
  };

  it('goes on without a contribution that somebody misses', () => {
    const { one, exchange } = roundOf();
    expect(one.late(exchange, 'c', ['d'], [])).toEqual(['d']);
  });

  it('goes on without the owner of a sum only once somebody has waited for it twice', () => {
    const { one, exchange } = roundOf();
    expect(one.late(exchange, 'c', [], ['d'])).toEqual([]);
    expect(one.late(exchange, 'c', [], ['d'])).toEqual(['d']);
  });

  it('leaves nobody out where that would be everyone', () => {
    const { one, exchange } = roundOf();
    expect(one.late(exchange, 'a', ['c', 'd'], [])).toEqual([]);
  });
});

describe('what a peer reports', () => {
  it('is believed about micro-batches of the plan, each once, and about losses of its own', () => {
    const one = new Collecting(1, 0, plan);
    const losses = [
      { microbatch: 0, loss: 2 },
      { microbatch: 1, loss: 3 },
    ];
    const report = one.believable('a', reportOf(0, [0, 0, 7], { losses }));
    expect(report.microbatches).toEqual([0]);
    expect(report.losses).toEqual([{ microbatch: 0, loss: 2 }]);
  });

  it('is believed about links up to an hour, of which no more is latency than there is', () => {
    const most = 3_600e6;
    const links = [
      { to: 'b', microseconds: 300, latencyMicroseconds: 200 },
      { to: 'c', microseconds: 300, latencyMicroseconds: 400 },
      { to: 'd', microseconds: 2 * most, latencyMicroseconds: 3 * most },
      { to: 'a', microseconds: 1, latencyMicroseconds: 1 },
      { to: 'stranger', microseconds: 1, latencyMicroseconds: 1 },
    ];
    const [measured] = collecting({ a: reportOf(0, [0], { links }) }).measurements();
    expect(measured!.links).toEqual([
      { to: 'b', microseconds: 300, latency: 200 },
      { to: 'c', microseconds: 300, latency: 300 },
      { to: 'd', microseconds: most, latency: most },
    ]);
  });
});

describe('a commit', () => {
  const manifest = { ...smallManifest({ stages: 2 }), founder: 'a' };
  const answered = { digest: 'd', norm: 1, squares: [1, 1] };

  it('names every micro-batch that counts nowhere, and why', () => {
    const one = collecting({
      a: reportOf(0, [0]),
      b: reportOf(0, []),
      c: reportOf(1, [0]),
      d: reportOf(1, []),
    });
    const exchange = one.startExchange(0);
    one.nextRound(exchange, [], without('a'), 5);
    expect(one.commit(manifest, []).dropped).toEqual([
      { microbatch: 0, reason: 'whoever had added its gradient is in no sum that counts' },
      { microbatch: 1, reason: 'it was not done when the iteration ended' },
    ]);
  });

  it('says once why one was given up that counts in no stage, and nothing of one that counts in any', () => {
    const one = collecting({
      a: reportOf(0, [0]),
      b: reportOf(0, []),
      c: reportOf(1, []),
      d: reportOf(1, []),
    });
    const exchange = one.startExchange(0);
    one.nextRound(exchange, [], everyone, 5);
    exchange.answers.set('a', answered);
    one.dropped.set(1, 'its anchor was lost');
    expect(one.commit(manifest, [])).toMatchObject({
      stages: [{ stage: 0, microbatches: [0], contributors: ['a'] }],
      dropped: [{ microbatch: 1, reason: 'its anchor was lost' }],
    });
  });

  it('counts nothing in a stage of which nobody is left who had the sum', () => {
    const one = collecting({ a: reportOf(0, [0]), b: reportOf(0, [1]) });
    one.nextRound(one.startExchange(0), [], everyone, 5);
    expect(one.commit(manifest, []).stages).toMatchObject([{ microbatches: [], contributors: [] }]);
  });
});
