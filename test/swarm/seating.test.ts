// Who sits where, when plans come from measured times.

import { describe, expect, it } from 'vitest';
import type { EntryBody } from '../../src/journal/entry.ts';
import { transferSeconds } from '../../src/schedule/execute/execution.ts';
import { plannedSeconds, slowestExchange } from '../../src/schedule/skippipe/seats.ts';
import { finish } from '../../src/schedule/slices.ts';
import { describeSwarm } from '../../src/swarm/planning/describing.ts';
import { measurementsFor } from '../../src/swarm/planning/planning.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { parametersOf } from '../../src/swarm/weights/holder.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { Boundary } from '../../src/swarm/leading/boundary.ts';
import { type Move, moveInSlices, seatInSlices } from '../../src/swarm/leading/seating.ts';
import { SeatsSearch } from '../../src/swarm/leading/seats-search.ts';
import { smallManifest, smallSimulation } from './small-run.ts';

const digest = '0'.repeat(64);
const groups = [['a0', 'a1'], ['b0', 'b1', 'b2'], ['c0']];
const manifest = {
  ...smallManifest({ stages: 3, iterations: 200, training: { policy: 'skippipe', stageSizes: [2, 2, 2] } }),
  founder: 'a0',
};

/**
 * Three stages after one iteration in which every link took `transfer` µs, those of c0 with stage 1 `toC0`, of these
 * `latencyToC0` whatever is sent, and a forward 2 ms, at c0 `slow` times that.
 */
function stateOf(slow: number, transfer: number, toC0 = transfer, latencyToC0 = 0): RunState {
  const isToC0 = (from: string, to: string) =>
    [from, to]
      .sort()
      .join()
      .match(/^b\d,c0$/) !== null;
  const peers = groups.flatMap((group, stage) => group.map((peer) => ({ peer, stage })));
  const measurements = peers.map(({ peer }) => {
    const times = peer === 'c0' ? slow : 1;
    return {
      peer,
      forward: 2_000 * times,
      backward: 4_000 * times,
      head: 500,
      links: peers
        .filter((other) => other.peer !== peer)
        .map(({ peer: to }) =>
          isToC0(peer, to)
            ? { to, microseconds: toC0, latency: latencyToC0 }
            : { to, microseconds: transfer, latency: 0 },
        ),
    };
  });
  const bodies: EntryBody[] = [
    { kind: 'genesis', runId: digest, founder: 'a0' },
    { kind: 'leader', peer: 'a0', reason: '' },
    {
      kind: 'members',
      changes: peers.map(({ peer, stage }) => ({
        kind: 'enter',
        peer,
        name: peer,
        addresses: [],
        stage,
        origin: { kind: 'initial' },
      })),
    },
    { kind: 'members', changes: peers.map(({ peer }) => ({ kind: 'active', peer })) },
    { kind: 'plan', iteration: 1, attempt: 0, plan: null },
    { kind: 'commit', iteration: 1, attempt: 0, ...commit, measurements },
  ];
  const state = new RunState();
  for (const [index, body] of bodies.entries()) apply(state, body, index);
  return state;
}

const commit = { loss: 2, stages: [], dropped: [], visitsComputed: 0, visitsCounted: 0, weights: [] };

function apply(state: RunState, body: EntryBody, index: number): void {
  const term = index === 0 ? 0 : 1;
  state.apply({ index, term, previous: digest, author: 'a0', body, hash: digest, signature: '' });
}

/** Iterations in which nobody measured anything, so that what was measured before stands. */
function commitUntil(state: RunState, last: number): void {
  while (state.iteration < last) {
    const iteration = state.iteration + 1;
    apply(state, { kind: 'plan', iteration, attempt: 0, plan: null }, 2 * iteration + 2);
    apply(state, { kind: 'commit', iteration, attempt: 0, ...commit, measurements: [] }, 2 * iteration + 3);
  }
}

describe('a link that nobody used', () => {
  it('counts as the middle one of those used, for gradients too', () => {
    const seated = [['a0', 'a1'], ['b0', 'b1', 'b2', 'new'], ['c0']];
    const state = stateOf(6, 20_000, 50_000, 49_000);
    const swarm = describeSwarm(manifest, seated, measurementsFor(state, manifest, 1));
    const index = (name: string) => swarm.peers.findIndex((peer) => peer.name === name);
    const seconds = (from: string, to: string, bytes: number) =>
      transferSeconds(swarm.links, index(from), index(to), bytes);
    for (const bytes of [0, swarm.activationBytes, swarm.gradientBytes]) {
      expect(seconds('new', 'b0', bytes)).toBe(seconds('a0', 'b0', bytes));
      expect(seconds('c0', 'new', bytes)).toBe(seconds('a0', 'b0', bytes));
    }
    expect(seconds('c0', 'b0', swarm.gradientBytes)).toBeLessThan(0.06);
    expect(seconds('a0', 'b0', swarm.gradientBytes)).toBeGreaterThan(0.1);
  });
});

describe('a newcomer', () => {
  it('sits where the iteration waits for work, whatever the planned sizes say', () => {
    expect(finish(seatInSlices(stateOf(6, 100), manifest, 'new', [0, 1, 2]))).toBe(2);
    expect(finish(seatInSlices(stateOf(6, 100), manifest, 'new', [0, 1]))).not.toBe(2);
  });

  it('is given that seat by the leader of a running swarm', async () => {
    const slowStage = ['p4', 'p5'];
    let crashed = false;
    let back = false;
    const simulation = smallSimulation({
      iterations: 10,
      training: { policy: 'skippipe' },
      flopsPerSecond: (peer) => (slowStage.includes(peer) ? 2e8 : 1e9),
      anywhere: ['p7'],
      script: (event, world) => {
        if (event.kind !== 'commit') return;
        if (event.commit.iteration === 3 && !crashed) {
          crashed = true;
          world.crash('p7');
        }
        if (event.commit.iteration === 5 && !back) {
          back = true;
          void world.start('p7');
        }
      },
    });
    await simulation.run(600);
    const seats = simulation.events.flatMap((event) =>
      event.kind === 'entered' && event.of === 'p0' && event.peer === 'p7' ? [event.stage] : [],
    );
    // first the one that was missing, then the one that holds the others up
    expect(seats).toEqual([3, 2]);
    expect([...simulation.ends.values()].every((end) => end.how === 'ended')).toBe(true);
  });
});

describe('a member', () => {
  it('moves to the stage that the iteration waits for', () => {
    const move = finish(moveInSlices(stateOf(6, 100), manifest));
    expect(move).toMatchObject({ from: 1, to: 2 });
  });

  it('is looked at when the members have changed, and again after a hundred iterations though they are the same', async () => {
    const state = stateOf(6, 100);
    const moves: Move[] = [];
    const boundary = { suggest: (move: Move) => void moves.push(move) } as unknown as Boundary;
    const clock = new SimulatedWorld().clockOf('a0');
    const search = new SeatsSearch({ state, manifest, clock }, boundary);
    const look = async () => {
      search.lookForMoves();
      await new Promise((resume) => setImmediate(resume));
      return moves.length;
    };
    expect(await look()).toBe(0); // as the run was set up
    commitUntil(state, 100);
    expect(await look()).toBe(0);
    commitUntil(state, 101);
    expect(await look()).toBe(1);
    expect(await look()).toBe(1);
    expect(moves).toMatchObject([{ from: 1, to: 2 }]);
  });

  it('stays when its new group would exchange gradients for longer than paths get shorter', () => {
    const far = stateOf(6, 100, 60_000);
    const swarm = describeSwarm(manifest, groups, measurementsFor(far, manifest, 1));
    const [a, b, c] = swarm.assignment!;
    const after = [a!, b!.slice(1), [...c!, b![0]!]];
    const seconds = (assignment: readonly (readonly number[])[]) =>
      plannedSeconds(
        { ...swarm, assignment, stageSizes: assignment.map(({ length }) => length) },
        { seed: 1 },
      );
    const saved = seconds(swarm.assignment!) - seconds(after);
    // by its paths alone the move would be made: it gains enough, and more than the weights take to travel
    expect(saved).toBeGreaterThan(0.1 * seconds(swarm.assignment!));
    const travelSeconds = (0.06 * 12 * parametersOf(manifest, 2)) / swarm.activationBytes;
    expect(100 * saved).toBeGreaterThan(2 * travelSeconds);
    expect(slowestExchange(swarm, after)).toBeGreaterThan(saved);
    expect(finish(moveInSlices(far, manifest))).toBeUndefined();
  });

  it('stays when activations come to its new group soon enough and gradients, with more bytes, do not', () => {
    // the same times of an activation: as long as an empty message takes, or all for its bytes
    const far = stateOf(6, 100, 20_000, 20_000);
    const slow = stateOf(6, 100, 20_000);
    const [exchangeFar, exchangeSlow] = [far, slow].map((state) => {
      const swarm = describeSwarm(manifest, groups, measurementsFor(state, manifest, 1));
      expect(swarm.gradientBytes).toBeGreaterThan(5 * swarm.activationBytes);
      return slowestExchange(swarm, [
        [0, 1],
        [3, 4],
        [5, 2],
      ]);
    });
    expect(exchangeSlow).toBeGreaterThan(5 * exchangeFar!);
    expect(finish(moveInSlices(far, manifest))).toMatchObject({ from: 1, to: 2 });
    expect(finish(moveInSlices(slow, manifest))).toBeUndefined();
  });

  it('stays when that would gain little, or its weights travel longer than the gain lasts', () => {
    expect(finish(moveInSlices(stateOf(1, 100), manifest))?.from).not.toBe(2);
    expect(finish(moveInSlices(stateOf(6, 500_000), manifest))).toBeUndefined();
    const ending = { ...manifest, training: { ...manifest.training, iterations: 1 } };
    expect(finish(moveInSlices(stateOf(6, 100), ending))).toBeUndefined();
  });
});
