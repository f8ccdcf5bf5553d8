// What a leader orders depends on the entries before it, also on those that were on their way when it began to think.

import { describe, expect, it } from 'vitest';
import type { EntryBody, MemberChange } from '../../src/journal/entry.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import { noGrace } from '../../src/swarm/leading/gathering.ts';
import { Leader } from '../../src/swarm/leading/leader.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { Timing } from '../../src/swarm/membership/timing.ts';
import { smallManifest } from './small-run.ts';

const digest = '0'.repeat(64);
const manifest = { ...smallManifest({ stages: 3, replicas: 1 }), founder: 'ann' };

const enter = (peer: string, stage: number): MemberChange => ({
  ...{ kind: 'enter', peer, name: peer, addresses: [], stage },
  origin: { kind: 'initial' },
});
const members = (...changes: MemberChange[]): EntryBody => ({ kind: 'members', changes });

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

/** A journal of one keeper: what is ordered is certain soon, in the order in which it was asked for. */
class OwnJournal {
  readonly state = new RunState();
  readonly ordered: EntryBody[] = [];
  #turn: Promise<void> = Promise.resolve();
  #length = 0;

  order(wanted: readonly EntryBody[] | (() => readonly EntryBody[])): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      await turns(20); // agreement takes a while
      for (const body of typeof wanted === 'function' ? wanted() : wanted) {
        const index = this.#length++;
        const term = index === 0 ? 0 : 1;
        this.state.apply({ index, term, previous: digest, author: 'ann', body, hash: digest, signature: '' });
        this.ordered.push(body);
      }
    });
    return this.#turn;
  }
}

/** Ann leads and holds stage 1, Bob holds stage 2 and a copy of stage 0, whose only holder was lost after iteration 1. */
async function withoutAnchor(): Promise<OwnJournal> {
  const journal = new OwnJournal();
  await journal.order([
    { kind: 'genesis', runId: digest, founder: 'ann' },
    { kind: 'leader', peer: 'ann', reason: '' },
    members(enter('ann', 1), enter('bob', 2), enter('cid', 0)),
    members(...['ann', 'bob', 'cid'].map((peer) => ({ kind: 'active' as const, peer }))),
    members({ kind: 'shadow', peer: 'bob', stage: 0, origin: { kind: 'initial' } }),
    members({ kind: 'shadowing', peer: 'bob' }),
    { kind: 'plan', iteration: 1, attempt: 0, plan: {} },
    {
      ...{ kind: 'commit', iteration: 1, attempt: 0, loss: 1, stages: [], dropped: [], weights: [] },
      ...{ visitsComputed: 0, visitsCounted: 0 },
    },
    members({ kind: 'gone', peer: 'cid', how: 'broken', reason: '' }),
  ]);
  return journal;
}

/** How Cid, back with an old snapshot, is let in while `before` is being agreed on. */
async function letsCidIn(...before: EntryBody[]): Promise<MemberChange | undefined> {
  const journal = await withoutAnchor();
  const { length } = journal.ordered;
  const clock = new SimulatedWorld().clockOf('ann');
  const keepers = ['ann'];
  const timing = new Timing({
    clock,
    self: 'ann',
    keepers: () => keepers,
    leader: () => 'ann',
    members: () => 3,
  });
  const leader = new Leader({
    ...{ self: 'ann', clock, state: journal.state, manifest, timing, grace: noGrace, waitForPeers: 1 },
    order: (bodies) => journal.order(bodies),
    ...{
      send: () => {},
      alive: () => true,
      loss: () => undefined,
      hears: () => true,
      handOver: () => {},
      note: () => {},
    },
    beforeEnd: async () => {},
  });
  leader.assumeStarted();
  const stored = [{ stage: 0, iteration: 0, copy: false }];
  leader.apply({ peer: 'cid', name: 'cid', addresses: [], hasText: true, stored, wantedStage: 0 });
  const agreed = journal.order(before);
  const running = leader.run();
  await agreed;
  await turns(200);
  leader.stop();
  await running;
  const changes = journal.ordered
    .slice(length)
    .flatMap((body) => (body.kind === 'members' ? body.changes : []));
  return changes.find((change) => change.kind === 'enter');
}

describe('a leader', () => {
  it('gives a stage back from the copy of it', async () => {
    expect(await letsCidIn()).toMatchObject({
      peer: 'cid',
      stage: 0,
      origin: { kind: 'shadow', sources: ['bob'] },
    });
  });

  it('takes no copy of a member that an entry before lets go', async () => {
    const entry = await letsCidIn(members({ kind: 'gone', peer: 'bob', how: 'broken', reason: '' }));
    expect(entry).toMatchObject({ peer: 'cid', stage: 2, origin: { kind: 'rebuild' } });
  });
});
