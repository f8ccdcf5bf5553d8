// Weights that follow the commits, or say that they do not: nobody goes on from another iteration than the run.

import { describe, expect, it } from 'vitest';
import type { CommitBody, Entry, EntryBody } from '../../src/journal/entry.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import { Following } from '../../src/swarm/weights/following.ts';
import { Messenger } from '../../src/swarm/messenger.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { Donor } from '../../src/swarm/weights/donor.ts';
import { CountingEngine } from './seeds/counting-engine.ts';
import { smallManifest } from './small-run.ts';

const device = { flopsPerSecond: 1e9, efficiency: 1, memoryBytesPerSecond: 1e9, memoryBytes: 1e9 };

/** A commit that leaves every stage as it was. */
function passing(iteration: number): CommitBody {
  const nothing = { stages: [], dropped: [], visitsComputed: 0, visitsCounted: 0, weights: [] };
  return { kind: 'commit', iteration, attempt: 0, loss: 1, ...nothing };
}

/** The state in which Ann leads and counts, alone: by what she said of an earlier entry, whatever she holds. */
function annCounts(): RunState {
  const state = new RunState();
  const bodies: EntryBody[] = [
    { kind: 'genesis', runId: 'ab'.repeat(32), founder: 'ann' },
    { kind: 'leader', peer: 'ann', reason: 'it founded the run' },
    {
      kind: 'members',
      changes: [
        { kind: 'enter', peer: 'ann', name: 'ann', addresses: [], stage: 0, origin: { kind: 'initial' } },
      ],
    },
    { kind: 'members', changes: [{ kind: 'active', peer: 'ann' }] },
  ];
  for (const [index, body] of bodies.entries()) {
    const entry: Entry = { index, term: 1, previous: '', author: 'ann', hash: '', signature: '', body };
    state.apply(entry);
  }
  return state;
}

/** Ann's weights of stage 0, from the run's seed. */
function annFollows() {
  const world = new SimulatedWorld();
  const network = new SimulatedNetworks(world, {
    latencySeconds: () => 0.01,
    bytesPerSecond: () => 1e8,
  }).join('ann');
  const clock = world.clockOf('ann');
  const identity = createSimulatedIdentity('ann');
  const events: string[] = [];
  const manifest = { ...smallManifest({}), founder: 'ann' };
  const state = annCounts();
  let turns: Promise<unknown> = Promise.resolve();
  const following = new Following({
    self: 'ann',
    manifest,
    network,
    clock,
    identity,
    store: createMemoryStore(),
    engine: new CountingEngine(clock, device),
    messenger: new Messenger(network, clock, {
      control: () => undefined,
      tensor: async () => undefined,
      misbehaved: (_, problem) => events.push(problem.message),
      broke: () => {},
    }),
    state: () => state,
    place: () => state.member('ann'),
    donor: new Donor({
      network,
      clock,
      identity,
      settled: async () => {},
      take: () => undefined,
      initial: () => undefined,
      piece: () => undefined,
      wrong: () => {},
      mayAsk: () => true,
      sent: () => {},
    }),
    needs: async () => {},
    inTurn: (work) => {
      const turn = turns.then(work);
      turns = turn;
      return turn;
    },
    alive: () => true,
    event: (event) => events.push(event.kind === 'out-of-step' ? event.problem : event.kind),
    given: undefined,
    journal: { entries: async () => [], bytes: 0, bytesPerSecond: undefined },
    broken: (error) => events.push(error.message),
    sum: () => undefined,
  });
  /** Everything that can happen in ten seconds. */
  const rest = async () => {
    let over = false;
    world.after(10, '', () => {
      over = true;
    });
    await world.run(() => over, world.now() + 11);
  };
  return { following, member: { ...state.member('ann')!, sources: [] }, events, rest };
}

describe('weights in place', () => {
  it('take the commits that come while they are on their way, also where the member counts already', async () => {
    const { following, member, events, rest } = annFollows();
    following.enter(member);
    await following.commit(passing(1));
    await rest();
    expect(following.holder.iteration).toBe(1);
    await following.commit(passing(2));
    expect(following.holder.iteration).toBe(2);
    expect(events).toEqual([]);
  });

  it('are out of step when a commit is missing, and count no more', async () => {
    const { following, member, events, rest } = annFollows();
    following.enter(member);
    await rest();
    await following.commit(passing(1));
    await following.commit(passing(3));
    expect(events).toEqual(['its weights stand at iteration 1, the commit is of 3']);
    expect(following.installed).toBe(false);
  });

  it('count no more when the journal that they followed is replaced, nor do those on their way', async () => {
    const { following, member, events, rest } = annFollows();
    following.enter(member);
    await rest();
    following.letGo();
    expect(following.installed).toBe(false);
    following.enter(member);
    following.letGo();
    await rest();
    await following.commit(passing(1));
    expect(following.installed).toBe(false);
    expect(events).toEqual([]);
  });
});
