// Exact copies of stage 0 outside its group: who keeps them, that they are exact, and that a run goes on from them.

import { describe, expect, it } from 'vitest';
import type { Entry, EntryBody, MemberChange } from '../../src/journal/entry.ts';
import type { Simulation } from '../../src/replay/simulation.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { WeightDigests } from '../../src/swarm/leading/weight-digests.ts';
import { type SmallRun, smallSimulation } from './small-run.ts';

async function run(settings: SmallRun): Promise<Simulation> {
  const simulation = smallSimulation(settings);
  await simulation.run(600);
  return simulation;
}

function lossesOf(simulation: Simulation): (number | null)[] {
  const losses = new Map<number, number | null>();
  for (const event of simulation.events) {
    if (event.kind === 'commit') losses.set(event.commit.iteration, event.commit.loss);
  }
  return [...losses.values()];
}

/** Who keeps a copy, in the order in which they said that it is in place. */
function shadowsOf(simulation: Simulation): string[] {
  const keeping = simulation.events.flatMap((event) =>
    event.kind === 'shadow' && event.inPlace ? [event.peer] : [],
  );
  return [...new Set(keeping)];
}

function repairsOf(simulation: Simulation) {
  const repairs = simulation.events.filter((event) => event.kind === 'repair');
  return repairs.filter((event) => event.of === simulation.running[0]?.self || event.of === repairs[0]?.of);
}

function crashingOnce(
  iteration: number,
  seconds: number,
  names: readonly string[],
): NonNullable<SmallRun['script']> {
  let armed = true;
  return (event, { world, crash }) => {
    if (!armed || event.kind !== 'plan' || event.iteration !== iteration) return;
    armed = false;
    world.after(seconds, '', () => {
      for (const name of names) crash(name);
    });
  };
}

/** One anchor and one micro-batch, so that a stage's sum is the same whoever of its group adds to it. */
const oneMicrobatch = { iterations: 8, training: { stageSizes: [1, 3, 2, 2], microbatchesPerAnchor: 1 } };

describe('stage 0', () => {
  it('has two copies outside, in the largest groups, one in each', async () => {
    const simulation = await run({ iterations: 4 });
    expect(shadowsOf(simulation)).toEqual(['p2', 'p4']);
    const ended = simulation.events.find((event) => event.kind === 'ended');
    expect(ended).toMatchObject({ iteration: 4, divergences: 0 });
  });

  it('goes on from a copy when all anchors are lost at once, as if nothing had happened', async () => {
    const whole = lossesOf(await run(oneMicrobatch));
    for (const seconds of [0.001, 0.05, 0.12]) {
      const simulation = await run({ ...oneMicrobatch, script: crashingOnce(4, seconds, ['p0']) });
      const [repair] = repairsOf(simulation);
      expect(repair).toMatchObject({ stage: 0, rule: 'shadow', peer: shadowsOf(simulation)[0] });
      expect(lossesOf(simulation)).toEqual(whole);
      const ended = simulation.events.find((event) => event.kind === 'ended');
      expect(ended).toMatchObject({ iteration: 8, divergences: 0 });
    }
  });

  it('goes on also where nobody but the anchors came with the text: copies have fetched it by then', async () => {
    const simulation = await run({
      iterations: 8,
      withoutText: ['p2', 'p3', 'p4', 'p5', 'p6', 'p7'],
      script: crashingOnce(4, 0.05, ['p0', 'p1']),
    });
    const texts = simulation.events.flatMap((event) =>
      event.kind === 'fetched' && event.what === 'the text' ? [event.of] : [],
    );
    expect(texts).toEqual(expect.arrayContaining(['p2', 'p4']));
    expect(repairsOf(simulation)[0]).toMatchObject({ stage: 0, rule: 'shadow' });
    expect(lossesOf(simulation)).toHaveLength(8);
    const ended = simulation.events.find((event) => event.kind === 'ended');
    expect(ended).toMatchObject({ iteration: 8, divergences: 0 });
  });

  it('has another copy made when one that keeps it is lost, from several of those who have it', async () => {
    const simulation = await run({ iterations: 14, script: crashingOnce(3, 0.05, ['p2']) });
    expect(shadowsOf(simulation)).toEqual(['p2', 'p4', 'p6']);
    const fetched = simulation.events.find((event) => event.kind === 'fetched' && event.of === 'p6');
    expect(fetched).toMatchObject({ what: expect.stringMatching(/^stage 0 at iteration/), againBytes: 0 });
    const ended = simulation.events.find((event) => event.kind === 'ended');
    expect(ended).toMatchObject({ divergences: 0 });
  });
});

describe('a copy whose bits are not those of the replicas', () => {
  const report = (digests: WeightDigests, state: RunState) => digests.reports(3, state)[0];

  const enter = (peer: string, stage: number): MemberChange => {
    const origin = { kind: 'initial' } as const;
    return { kind: 'enter', peer, name: peer, addresses: [], stage, origin };
  };
  const entryOf = (index: number, body: EntryBody): Entry => {
    const term = index === 0 ? 0 : 1;
    return { index, term, previous: '', author: 'ann', hash: '', signature: '', body };
  };

  /** Ann holds stage 0, Bob and Cid keep copies of it. */
  function annBobCid(): RunState {
    const state = new RunState();
    const names = ['ann', 'bob', 'cid'];
    const copies = names.slice(1).flatMap((peer): MemberChange[] => [
      { kind: 'shadow', peer, stage: 0, origin: { kind: 'initial' } },
      { kind: 'shadowing', peer },
    ]);
    const active = names.map((peer): MemberChange => ({ kind: 'active', peer }));
    const bodies: EntryBody[] = [
      { kind: 'genesis', runId: digestOf('0'), founder: 'ann' },
      { kind: 'leader', peer: 'ann', reason: '' },
      { kind: 'members', changes: names.map((peer, i) => enter(peer, i)) },
      { kind: 'members', changes: [...active, ...copies] },
    ];
    for (const [index, body] of bodies.entries()) state.apply(entryOf(index, body));
    return state;
  }

  const digestOf = (digit: string) => digit.repeat(64);

  it('is named in the commit, as a replica is', () => {
    const [digests, state] = [new WeightDigests(), annBobCid()];
    for (const [peer, digit] of Object.entries({ ann: 'a', bob: 'b', cid: 'a' })) {
      digests.applied(peer, 3, 0, digestOf(digit));
    }
    expect(report(digests, state)).toEqual({
      stage: 0,
      digest: digestOf('a'),
      replicas: 1,
      divergent: ['bob'],
    });
  });

  it('is right where two copies agree against the only replica', () => {
    const [digests, state] = [new WeightDigests(), annBobCid()];
    for (const [peer, digit] of Object.entries({ ann: 'a', bob: 'b', cid: 'b' })) {
      digests.applied(peer, 3, 0, digestOf(digit));
    }
    expect(report(digests, state)).toMatchObject({ digest: digestOf('b'), divergent: ['ann'] });
  });

  it('is not held against one that entered anew since, nor for one', () => {
    const [digests, state] = [new WeightDigests(), annBobCid()];
    const trained = (iteration: number): EntryBody[] => [
      { kind: 'plan', iteration, attempt: 0, plan: {} },
      {
        ...{ kind: 'commit', iteration, attempt: 0, loss: 1, stages: [], dropped: [], weights: [] },
        ...{ visitsComputed: 0, visitsCounted: 0 },
      },
    ];
    for (const [peer, digit] of Object.entries({ ann: 'a', bob: 'b', cid: 'b' })) {
      digests.applied(peer, 3, 0, digestOf(digit));
    }
    const again: EntryBody[] = [
      ...[1, 2, 3].flatMap(trained),
      { kind: 'members', changes: [{ kind: 'gone', peer: 'ann', how: 'broken', reason: '' }] },
      { kind: 'members', changes: [enter('ann', 0)] },
      { kind: 'members', changes: [{ kind: 'active', peer: 'ann' }] },
    ];
    for (const [i, body] of again.entries()) state.apply(entryOf(4 + i, body));
    expect(report(digests, state)).toBeUndefined();
    expect(digests.complete(3, state, () => true)).toBe(false); // Bob and Cid have said nothing of their own stages
    digests.applied('bob', 3, 1, digestOf('d'));
    digests.applied('cid', 3, 2, digestOf('d'));
    expect(digests.complete(3, state, () => true)).toBe(true);
  });

  it('is not kept when the stage goes on from other weights', () => {
    const state = annBobCid();
    const body: EntryBody = {
      kind: 'repair',
      stage: 0,
      rule: 'checkpoint',
      peer: 'ann',
      iteration: 0,
      lostAfter: 0,
      sources: [],
      digest: digestOf('c'),
    };
    state.apply(entryOf(4, body));
    expect(state.shadows(0)).toEqual([]);
  });
});
