// What the leader decides between iterations, from the journal and the clock alone.

import { describe, expect, it } from 'vitest';
import type { Entry, EntryBody, MemberChange, Origin } from '../../src/journal/entry.ts';
import { Boundary } from '../../src/swarm/leading/boundary.ts';
import { originFor } from '../../src/swarm/leading/placement.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { smallManifest } from './small-run.ts';

const digest = '0'.repeat(64);
const manifest = { ...smallManifest({ stages: 3, replicas: 1 }), founder: 'ann' };

function stateOf(...changes: MemberChange[]): RunState {
  const state = new RunState();
  const bodies: EntryBody[] = [
    { kind: 'genesis', runId: digest, founder: 'ann' },
    { kind: 'leader', peer: 'ann', reason: '' },
    { kind: 'members', changes },
  ];
  bodies.forEach((body, index) => {
    const entry: Entry = {
      index,
      term: index === 0 ? 0 : 1,
      previous: digest,
      author: 'ann',
      body,
      hash: digest,
      signature: '',
    };
    state.apply(entry);
  });
  return state;
}

/** The entry by which the members of these tests enter. */
const ENTERED = 2;

const enter = (peer: string, stage: number): MemberChange => ({
  kind: 'enter',
  peer,
  name: peer,
  addresses: [],
  stage,
  origin: { kind: 'initial' },
});

function boundaryOf(state: RunState, lost: readonly string[] = [], of = manifest) {
  let now = 0;
  const clock = { now: () => now, schedule: () => () => {} };
  const boundary = new Boundary({
    self: 'ann',
    state,
    manifest: of,
    clock,
    alive: (peer) => !lost.includes(peer),
    loss: (peer) => (lost.includes(peer) ? { how: 'silent', reason: 'it has said nothing' } : undefined),
    hears: () => true,
  });
  const at = (seconds: number) => {
    now = seconds;
    return boundary.changes();
  };
  return { boundary, at };
}

describe('at a boundary', () => {
  it('a peer whose weights are in place counts', () => {
    const { boundary, at } = boundaryOf(stateOf(enter('ann', 0)));
    expect(at(0)).toEqual([]);
    boundary.ready('ann', { stage: 0, digest, failure: '', entry: ENTERED });
    expect(at(1)).toEqual([{ kind: 'members', changes: [{ kind: 'active', peer: 'ann' }] }]);
  });

  it('what a peer said of an earlier entry does not count, nor in place of what it said of a later one', () => {
    const { boundary, at } = boundaryOf(stateOf(enter('ann', 0)));
    const ready = { stage: 0, digest, failure: '', entry: ENTERED };
    boundary.ready('ann', { ...ready, entry: ENTERED - 1 });
    expect(at(0)).toEqual([]);
    boundary.ready('ann', ready);
    boundary.ready('ann', { ...ready, failure: 'its donor was lost', entry: ENTERED - 1 });
    expect(at(1)).toEqual([{ kind: 'members', changes: [{ kind: 'active', peer: 'ann' }] }]);
  });

  it('what a peer says of an entry that the leader is about to read is kept until then', () => {
    const state = stateOf(enter('ann', 0));
    const { boundary, at } = boundaryOf(state);
    boundary.ready('ann', { stage: 1, digest, failure: '', entry: ENTERED + 1 });
    expect(at(0)).toEqual([]);
    const body: EntryBody = { kind: 'members', changes: [enter('ann', 1)] };
    const chained = { previous: digest, hash: digest, signature: '' };
    state.apply({ index: ENTERED + 1, term: 1, author: 'ann', body, ...chained });
    expect(at(1)).toMatchObject([{ changes: [{ kind: 'active', peer: 'ann' }] }]);
  });

  it('a peer that never gets its weights in place makes room for another', () => {
    const { at } = boundaryOf(stateOf(enter('ann', 0), enter('bob', 1)));
    expect(at(10)).toEqual([]);
    expect(at(600)).toEqual([]);
    const [entry] = at(611);
    expect(entry).toMatchObject({
      changes: [
        { kind: 'gone', peer: 'ann', how: 'failed' },
        { kind: 'gone', peer: 'bob' },
      ],
    });
  });

  it('a peer that fails to get its weights tries again, and is let go at the third failure', () => {
    const { boundary, at } = boundaryOf(stateOf(enter('ann', 0), enter('bob', 1)));
    const answers = [0, 1, 2].map((second) => {
      boundary.ready('bob', { stage: 1, digest: '', failure: 'the donor was lost', entry: ENTERED });
      return at(second);
    });
    expect(answers[0]).toMatchObject([{ changes: [{ kind: 'enter', peer: 'bob', stage: 1 }] }]);
    expect(answers[2]).toMatchObject([
      { changes: [{ kind: 'gone', peer: 'bob', reason: 'the donor was lost' }] },
    ]);
  });

  it('a peer that is lost goes before anything else is decided', () => {
    const { boundary, at } = boundaryOf(stateOf(enter('ann', 0), enter('bob', 1)), ['bob']);
    boundary.ready('ann', { stage: 0, digest, failure: '', entry: ENTERED });
    const reason = 'it has said nothing';
    expect(at(0)).toMatchObject([{ changes: [{ kind: 'gone', peer: 'bob', how: 'silent', reason }] }]);
  });

  it('those that ask are let in by one entry, each where the ones before it leave room', () => {
    const entered = stateOf(enter('ann', 0), enter('bob', 1));
    const state = entered.with(['ann', 'bob'].map((peer) => ({ kind: 'active', peer })));
    const { boundary, at } = boundaryOf(state);
    for (const peer of ['cid', 'dan', 'eva', 'fay']) {
      boundary.apply({ peer, name: peer, addresses: [], hasText: true, stored: [], wantedStage: -1 });
    }
    const placed = (peer: string, stage: number, origin: Origin) => ({ kind: 'enter', peer, stage, origin });
    expect(at(0)).toMatchObject([
      {
        changes: [
          placed('cid', 2, { kind: 'initial' }),
          placed('dan', 0, { kind: 'donor', donor: 'ann' }),
          placed('eva', 1, { kind: 'donor', donor: 'bob' }),
          placed('fay', 2, { kind: 'initial' }),
        ],
      },
    ]);
  });

  it('those that come to a group at once fetch from different members of it', () => {
    const group = ['ann', 'bob', 'cid'];
    let state = stateOf(...group.map((peer) => enter(peer, 0))).with(
      group.map((peer) => ({ kind: 'active', peer })),
    );
    const donors = ['dan', 'eva', 'fay', 'gus'].map((peer) => {
      const origin = originFor(state, manifest, { peer, stored: [] }, 0);
      if (origin?.kind !== 'donor') throw new Error('no donor');
      state = state.with([{ ...enter(peer, 0), origin } as MemberChange]);
      return origin.donor;
    });
    expect(donors).toEqual(['cid', 'bob', 'ann', 'cid']);
  });

  it('an applicant is given the stage that nobody holds', () => {
    const { boundary, at } = boundaryOf(stateOf(enter('ann', 0), enter('bob', 1)));
    const applicant = {
      peer: 'cid',
      name: 'cid',
      addresses: [],
      hasText: false,
      stored: [],
      wantedStage: -1,
    };
    boundary.apply(applicant);
    expect(at(0)).toMatchObject([{ changes: [{ kind: 'enter', peer: 'cid', stage: 2 }] }]);
  });

  it('a stage that nobody can give back is taken from the newest snapshot on any disk, once it was missed', () => {
    const state = stateOf(enter('ann', 1), enter('bob', 1), enter('cid', 2), enter('dan', 0));
    const [plan, commit]: EntryBody[] = [
      { kind: 'plan', iteration: 1, attempt: 0, plan: {} },
      {
        ...{ kind: 'commit', iteration: 1, attempt: 0, loss: 1, stages: [], dropped: [], weights: [] },
        ...{ visitsComputed: 0, visitsCounted: 0 },
      },
    ];
    const lost: EntryBody = {
      kind: 'members',
      changes: [{ kind: 'gone', peer: 'dan', how: 'broken', reason: '' }],
    };
    const active = (...peers: string[]): EntryBody => ({
      kind: 'members',
      changes: peers.map((peer) => ({ kind: 'active', peer })),
    });
    let index = ENTERED;
    const apply = (body: EntryBody) =>
      state.apply({
        index: ++index,
        term: 1,
        author: 'ann',
        previous: digest,
        body,
        hash: digest,
        signature: '',
      });
    for (const body of [active('ann', 'bob', 'cid', 'dan'), plan!, commit!, lost]) apply(body);

    const largeGroups = { ...smallManifest({ stages: 3, replicas: 3 }), founder: 'ann' };
    const { boundary, at } = boundaryOf(state, [], largeGroups);
    const copy = (iteration: number) => ({ stage: 0, iteration, digest, copy: true });
    const comesBack = (peer: string, stage: number, iteration: number) => {
      boundary.apply({
        peer,
        name: peer,
        addresses: [],
        hasText: true,
        stored: [copy(iteration)],
        wantedStage: stage,
      });
      for (const body of at(0)) apply(body);
      const { enteredBy: entry } = state.member(peer)!;
      boundary.ready(peer, { stage, digest, failure: '', entry });
      for (const body of at(0)) apply(body);
      expect(state.member(peer)).toMatchObject({ stage, status: 'active' });
    };
    comesBack('bob', 1, 3);
    comesBack('eva', 2, 5);
    comesBack('fay', 1, 4);
    const gathered = (now: number) => {
      at(now);
      return boundary.changes(true);
    };
    expect(gathered(0)).toEqual([]);
    expect(gathered(9)).toEqual([]);
    expect(gathered(10)).toMatchObject([
      { changes: [{ kind: 'enter', peer: 'eva', stage: 0, origin: { kind: 'stored', iteration: 5 } }] },
    ]);
  });
});
