// The timeline: what it computes on plans small enough to check by hand, and what holds on random ones.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { columnsOfPlan } from '../../src/schedule/columns.ts';
import { StallError } from '../../src/schedule/errors.ts';
import { executeEvents } from '../../src/schedule/execute/events.ts';
import { executeFixed } from '../../src/schedule/execute/fixed.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import { policies, type PolicyName } from '../../src/schedule/policies/index.ts';
import { networkOf, type TimelineNetwork, timeline } from '../../src/schedule/timeline.ts';
import { linksOf, networkWith, smallPlan } from './build.ts';
import { swarms } from './swarms.ts';

const inf = Number.POSITIVE_INFINITY;
const runs = { numRuns: 80, seed: 11 };
const anyPolicy = fc.constantFrom(
  ...(Object.keys(policies) as PolicyName[]).filter((name) => name !== 'dtfm'),
);
const fixed = (...tasks: number[][]) => ({ kind: 'fixed', tasks }) as const;

describe('transfers', () => {
  const sendTo = (receivers: number, bytes: number, upload: number, shared: boolean, pair = inf) => {
    const tasks = [{ peer: 0, seconds: 1 }];
    const after = [[0, bytes]] as const;
    const plan = smallPlan(
      [...tasks, ...Array.from({ length: receivers }, (_, r) => ({ peer: r + 1, seconds: 1, after }))],
      fixed([0], ...Array.from({ length: receivers }, (_, r) => [r + 1])),
      new Array<number>(receivers + 1).fill(inf),
    );
    const uploads = new Array<number>(receivers + 1).fill(upload);
    const links = linksOf(receivers + 1, { latency: 0.5, upload: uploads, shared, pair });
    return timeline(plan, networkWith(links));
  };

  it('take latency plus bytes over the narrowest of uplink, downlink and pair', () => {
    expect(sendTo(1, 100, 50, false).transfers[0]).toMatchObject({ start: 1, end: 3.5 });
    expect(sendTo(1, 100, 50, false, 10).transfers[0]).toMatchObject({ start: 1, end: 11.5 });
  });

  it('do not see each other on links that are not shared', () => {
    expect(sendTo(3, 100, 50, false).transfers.map(({ end }) => end)).toEqual([3.5, 3.5, 3.5]);
  });

  it('divide a shared uplink', () => {
    expect(sendTo(3, 100, 50, true).transfers.map(({ end }) => end)).toEqual([7.5, 7.5, 7.5]);
  });

  it('give what a flow cannot use to the others, and all of it to the last', () => {
    // Peer 0 sends 100 bytes each to 1 (downlink 10/s) and 2 (downlink 100/s) over an uplink of 60/s: 10/s and 50/s,
    // so the second takes 2 s; the first is held by its downlink to the end: 10 s.
    const tasks = [
      { peer: 0, seconds: 0 },
      { peer: 1, seconds: 1, after: [[0, 100]] as const },
      { peer: 2, seconds: 1, after: [[0, 100]] as const },
    ];
    const links = linksOf(3, { upload: [60, 60, 60], download: [100, 10, 100], shared: true });
    const result = timeline(smallPlan(tasks, fixed([0], [1], [2]), [inf, inf, inf]), networkWith(links));
    expect(result.transfers.map(({ end }) => end)).toEqual([10, 2]);
  });

  it('slow down when another flow starts and speed up when it ends', () => {
    // 100 bytes at 10/s from t = 0; from t = 5 a second flow of 20 bytes takes half of the uplink until t = 9.
    const tasks = [
      { peer: 0, seconds: 0 },
      { peer: 0, seconds: 5 },
      { peer: 1, seconds: 1, after: [[0, 100]] as const },
      { peer: 2, seconds: 1, after: [[1, 20]] as const },
    ];
    const links = linksOf(3, { upload: [10, inf, inf], shared: true });
    const result = timeline(smallPlan(tasks, fixed([0, 1], [2], [3]), [inf, inf, inf]), networkWith(links));
    expect(result.transfers.map(({ end }) => end)).toEqual([12, 9]);
  });

  it('over a link without capacity never end, and the plan is said to stall', () => {
    expect(() => sendTo(1, 100, 0, false)).toThrow(/p1 \(forward 1 of stage 0\) waits for bytes from p0/);
    expect(() => sendTo(1, 100, 0, true)).toThrow(StallError);
  });

  it('are counted per peer, per link and in sum', () => {
    const result = sendTo(2, 100, 50, false);
    expect([...result.bytesSent]).toEqual([200, 0, 0]);
    expect([...result.bytesReceived]).toEqual([0, 100, 100]);
    expect(result.bytesMoved).toBe(200);
    expect(result.links).toEqual([
      { fromPeer: 0, toPeer: 1, bytes: 100 },
      { fromPeer: 0, toPeer: 2, bytes: 100 },
    ]);
  });
});

describe('peers', () => {
  it('pause for their gap between two tasks', () => {
    const plan = smallPlan(
      [
        { peer: 0, seconds: 1 },
        { peer: 0, seconds: 1 },
      ],
      fixed([0, 1]),
      [inf],
    );
    expect(timeline(plan, networkWith(linksOf(1), 0.25)).makespanSeconds).toBe(2.25);
    const rule = { ...plan, order: { kind: 'priority', values: [1, 0] } as const };
    expect([...timeline(rule, networkWith(linksOf(1), 0.25)).start]).toEqual([1.25, 0]);
  });

  it('decide only when all that happens within a billionth of a second has happened', () => {
    // Two inputs of peer 2 arrive 5e-10 apart; the later one has the better priority and must win.
    const tasks = [
      { peer: 0, seconds: 1 },
      { peer: 1, seconds: 1 + 5e-10 },
      { peer: 2, seconds: 1, after: [[0, 0]] as const },
      { peer: 2, seconds: 1, after: [[1, 0]] as const },
    ];
    const plan = smallPlan(tasks, { kind: 'priority', values: [0, 0, 2, 1] }, [inf, inf, inf]);
    const result = timeline(plan, networkWith(linksOf(3)));
    expect(result.start[3]!).toBeLessThan(result.start[2]!);
  });

  it('serve equal priorities in order of arrival', () => {
    const tasks = [
      { peer: 0, seconds: 2 },
      { peer: 1, seconds: 1 },
      { peer: 2, seconds: 3 },
      { peer: 2, seconds: 1, after: [[0, 0]] as const },
      { peer: 2, seconds: 1, after: [[1, 0]] as const },
    ];
    const plan = smallPlan(tasks, { kind: 'priority', values: [0, 0, 0, 0, 0] }, [inf, inf, inf]);
    const result = timeline(plan, networkWith(linksOf(3)));
    expect([result.start[4], result.start[3]]).toEqual([3, 4]);
  });

  it('refuse what their memory does not hold and go on with what takes none', () => {
    const tasks = [
      { peer: 0, seconds: 1, takes: 1 },
      { peer: 0, seconds: 1, takes: 1, gives: 1 },
      { peer: 0, seconds: 5, gives: 1, after: [[0, 0]] as const },
    ];
    const plan = smallPlan(tasks, { kind: 'priority', values: [0, 1, 2] }, [1]);
    const result = timeline(plan, networkWith(linksOf(1)));
    expect([...result.start]).toEqual([0, 6, 1]);
    expect([...result.peakActivations]).toEqual([1]);
  });

  it('that wait for each other in a ring are named in the error', () => {
    const tasks = [
      { peer: 0, seconds: 1, after: [[3, 0]] as const },
      { peer: 0, seconds: 1 },
      { peer: 1, seconds: 1, after: [[1, 0]] as const },
      { peer: 1, seconds: 1 },
    ];
    const plan = smallPlan(tasks, fixed([0, 1], [2, 3]), [inf, inf]);
    const text =
      /peers wait for each other in a ring, 4 tasks left: p0 .* waits for forward 3 .* at p1; p1 .* waits for forward 1 .* at p0/;
    expect(() => timeline(plan, networkWith(linksOf(2)))).toThrow(text);
    expect(() => executeEvents(columnsOfPlan(plan), networkWith(linksOf(2)))).toThrow(StallError);
  });

  it('full of micro-batches that need each other’s memory stall, and the error counts the memory', () => {
    // Micro-batch A goes 0 → 1, B goes 1 → 0, one slot each: both first steps are taken, neither second fits.
    const tasks = [
      { peer: 0, seconds: 1, takes: 1 },
      { peer: 1, seconds: 1, takes: 1, after: [[0, 0]] as const },
      { peer: 1, seconds: 1, takes: 1 },
      { peer: 0, seconds: 1, takes: 1, after: [[2, 0]] as const },
    ];
    const plan = smallPlan(tasks, { kind: 'priority', values: [0, 1, 0, 1] }, [1, 1]);
    expect(() => timeline(plan, networkWith(linksOf(2)))).toThrow(/waits for memory \(1 of 1 held\)/);
  });
});

describe('a timeline', () => {
  it('of fixed lists is the same from the walk along the lists as from the event queue', () => {
    fc.assert(
      fc.property(swarms, anyPolicy, (swarm, name) => {
        const columns = columnsOfPlan(policies[name].plan(swarm, { seed: 1 }));
        const network = { ...networkOf(swarm), links: { ...swarm.links, shared: false } };
        const walked = executeFixed(columns, network);
        const queued = executeEvents(columns, network);
        walked.end.forEach((end, task) => {
          // The queue starts tasks at the end of a moment, which is up to a billionth of a second long.
          expect(Math.abs(end - queued.end[task]!)).toBeLessThan(1e-6);
        });
        expect(queued.previous).toEqual(walked.previous);
        expect(queued.peakActivations).toEqual(walked.peakActivations);
      }),
      runs,
    );
  });

  it('with shared links of endless capacity is the one without sharing', () => {
    fc.assert(
      fc.property(swarms, anyPolicy, (swarm, name) => {
        const wide = {
          ...linksOf(swarm.peers.length, { shared: true }),
          latencySeconds: swarm.links.latencySeconds,
        };
        const plan = policies[name].plan(swarm, { seed: 1 });
        const shared = timeline(plan, { ...networkOf(swarm), links: wide });
        const apart = timeline(plan, { ...networkOf(swarm), links: { ...wide, shared: false } });
        expect(shared.makespanSeconds).toBeCloseTo(apart.makespanSeconds, 6);
      }),
      runs,
    );
  });

  it('does not depend on the names and numbers of peers', () => {
    fc.assert(
      fc.property(swarms, anyPolicy, fc.boolean(), (swarm, name, shared) => {
        const plan = policies[name].plan(swarm, { seed: 1 });
        const network = { ...networkOf(swarm), links: { ...swarm.links, shared } };
        const count = plan.peers.length;
        const to = Array.from({ length: count }, (_, peer) => (peer * 1 + 1) % count).reverse();
        const result = timeline(plan, network);
        const renamed = timeline(...rename(plan, network, to));
        expect(renamed.start).toEqual(result.start);
        expect(renamed.end).toEqual(result.end);
        expect(renamed.makespanSeconds).toBe(result.makespanSeconds);
      }),
      runs,
    );
  });

  it('of fixed lists never gets longer when a link gets faster', () => {
    fc.assert(
      fc.property(swarms, anyPolicy, fc.nat(), fc.nat(), (swarm, name, a, b) => {
        const plan = policies[name].plan(swarm, { seed: 1 });
        const count = plan.peers.length;
        const [from, to] = [a % count, b % count];
        const faster = (rows: readonly (readonly number[])[], factor: number) =>
          rows.map((row, i) => row.map((value, j) => (i === from && j === to ? value * factor : value)));
        const links = { ...swarm.links, shared: false };
        const quick = {
          ...links,
          latencySeconds: faster(links.latencySeconds, 0.5),
          bytesPerSecond: faster(links.bytesPerSecond, 2),
        };
        const slowEnd = timeline(plan, { ...networkOf(swarm), links }).end;
        const quickEnd = timeline(plan, { ...networkOf(swarm), links: quick }).end;
        quickEnd.forEach((end, task) => {
          expect(end).toBeLessThanOrEqual(slowEnd[task]! + 1e-9);
        });
      }),
      runs,
    );
  });

  it('under a priority rule can get longer when a link gets faster (Graham’s anomaly)', () => {
    // Peer 1 has a short urgent-looking job X (input from peer 0) and a long chain starter Y, ready at 1. With a slow
    // link Y goes first and its successor on peer 2 overlaps X; with a fast link X arrives first and delays Y.
    const tasks = [
      { peer: 0, seconds: 1 }, // makes X's input
      { peer: 1, seconds: 1 }, // before Y
      { peer: 1, seconds: 3, after: [[0, 1]] as const }, // X
      { peer: 1, seconds: 1, after: [[1, 0]] as const }, // Y
      { peer: 2, seconds: 5, after: [[3, 0]] as const }, // waits for Y
    ];
    const plan = smallPlan(tasks, { kind: 'priority', values: [0, 0, 0, 1, 0] }, [inf, inf, inf]);
    const makespan = (pair: number) => timeline(plan, networkWith(linksOf(3, { pair }))).makespanSeconds;
    expect(makespan(2)).toBe(7); // X's input arrives at 1.5, Y has started at 1
    expect(makespan(inf)).toBe(10); // X's input arrives at 1 and X goes first
  });

  it('has a critical path whose parts follow each other without slack and end at the makespan', () => {
    fc.assert(
      fc.property(swarms, anyPolicy, (swarm, name) => {
        const plan = policies[name].plan(swarm, { seed: 1 });
        const result = timeline(plan, networkOf(swarm));
        const { criticalPath } = result;
        if (plan.paths.length === 0) return;
        expect(criticalPath[0]!.boundBy).toBe('nothing');
        expect(result.start[criticalPath[0]!.task]).toBe(0);
        expect(result.end[criticalPath.at(-1)!.task]).toBe(result.makespanSeconds);
        for (let at = 1; at < criticalPath.length; at++) {
          const { task, boundBy } = criticalPath[at]!;
          const before = criticalPath[at - 1]!.task;
          const free =
            boundBy === 'peer'
              ? result.end[before]! + swarm.peers[plan.tasks[task]!.peer]!.gapSeconds
              : result.transfers.find(({ from, to }) => from === before && to === task)!.end;
          expect(Math.abs(result.start[task]! - free)).toBeLessThan(1e-8);
        }
      }),
      runs,
    );
  });
});

/** The same plan and network with peer i called to[i]. */
function rename(plan: Plan, network: TimelineNetwork, to: readonly number[]): [Plan, TimelineNetwork] {
  const moved = <Value>(values: readonly Value[]): Value[] => {
    const out: Value[] = [];
    values.forEach((value, peer) => {
      out[to[peer]!] = value;
    });
    return out;
  };
  const { links } = network;
  return [
    {
      ...plan,
      peers: moved(plan.peers),
      memoryLimits: moved(plan.memoryLimits),
      tasks: plan.tasks.map((task) => ({ ...task, peer: to[task.peer]! })),
      order: plan.order.kind === 'fixed' ? { kind: 'fixed', tasks: moved(plan.order.tasks) } : plan.order,
    },
    {
      gapSeconds: moved(network.gapSeconds),
      links: {
        ...links,
        latencySeconds: moved(links.latencySeconds.map(moved)),
        bytesPerSecond: moved(links.bytesPerSecond.map(moved)),
        uploadBytesPerSecond: moved(links.uploadBytesPerSecond),
        downloadBytesPerSecond: moved(links.downloadBytesPerSecond),
      },
    },
  ];
}
