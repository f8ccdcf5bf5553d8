// What the journal says is so, and who may say it.

import { describe, expect, it } from 'vitest';
import { type Entry, type EntryBody, JournalError, type MemberChange } from '../../src/journal/entry.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { decodeSummary, encodeSummary } from '../../src/swarm/summary.ts';

const digest = '0'.repeat(64);
const { digest: sha256 } = createSimulatedIdentity('anyone');

/** Applies bodies as the named authors' entries; terms follow the leader entries. */
class Script {
  readonly state = new RunState(sha256);
  #index = 0;
  #term = 0;

  say(author: string, body: EntryBody): this {
    if (body.kind === 'leader') this.#term++;
    this.state.apply(this.entry(author, body));
    this.#index++;
    return this;
  }

  refound(peer: string, agreed: string[]): this {
    this.#term++;
    return this.say(peer, refound(peer, agreed));
  }

  entry(author: string, body: EntryBody, term = this.#term): Entry {
    return { index: this.#index, term, previous: digest, author, body, hash: digest, signature: '' };
  }
}

const enter = (peer: string, stage: number): MemberChange => ({
  kind: 'enter',
  peer,
  name: peer,
  addresses: [],
  stage,
  origin: { kind: 'initial' },
});
/** Signatures are checked where entries come in, not here. */
const refound = (peer: string, agreed: string[]): Extract<EntryBody, { kind: 'refound' }> => ({
  kind: 'refound',
  run: digest,
  peer,
  keepers: [peer],
  lost: ['ann'],
  agreed: agreed.map((one) => ({ peer: one, signature: '' })),
});
const members = (...changes: MemberChange[]): EntryBody => ({ kind: 'members', changes });

function founded(): Script {
  return new Script()
    .say('ann', { kind: 'genesis', runId: digest, founder: 'ann' })
    .say('ann', { kind: 'leader', peer: 'ann', reason: '' })
    .say('ann', members(enter('ann', 0), enter('bob', 1), enter('cid', 1)))
    .say('ann', members(...['ann', 'bob', 'cid'].map((peer) => ({ kind: 'active' as const, peer }))));
}

function commit(iteration: number, contributors: string[]): EntryBody {
  const stage = { stage: 1, round: 0, microbatches: [0, 1], contributors, gradientNorm: 0.5, leftOut: [] };
  const nothing = { dropped: [], visitsComputed: 0, visitsCounted: 0, weights: [] };
  return { kind: 'commit', iteration, attempt: 0, loss: 2, stages: [stage], ...nothing };
}

describe('the state of a run', () => {
  it('keeps a group in the order in which its members entered', () => {
    const { state } = founded();
    expect(state.group(1).map((member) => member.peer)).toEqual(['bob', 'cid']);
  });

  it('moves a member that enters again to the end of its new group', () => {
    const { state } = founded()
      .say('ann', members(enter('bob', 1)))
      .say('ann', members({ kind: 'active', peer: 'bob' }));
    expect(state.group(1).map((member) => member.peer)).toEqual(['cid', 'bob']);
  });

  it('counts a member only once it is active, and not after it is gone', () => {
    const script = founded().say('ann', members(enter('dan', 2)));
    expect(script.state.group(2)).toEqual([]);
    script.say('ann', members({ kind: 'active', peer: 'dan' }));
    expect(script.state.group(2)).toHaveLength(1);
    script.say('ann', members({ kind: 'gone', peer: 'dan', how: 'left', reason: '' }));
    expect(script.state.group(2)).toEqual([]);
    expect(script.state.member('dan')).toMatchObject({ status: 'gone', how: 'left' });
  });

  it('does not bring back a member that was lost before it was called active', () => {
    const script = founded()
      .say('ann', members(enter('dan', 2)))
      .say('ann', members({ kind: 'gone', peer: 'dan', how: 'broken', reason: '' }))
      .say('ann', members({ kind: 'active', peer: 'dan' }));
    expect(script.state.member('dan')).toMatchObject({ status: 'gone' });
  });

  it('remembers which commit changed a stage last', () => {
    const { state } = founded()
      .say('ann', { kind: 'plan', iteration: 1, attempt: 0, plan: null })
      .say('ann', commit(1, ['bob']))
      .say('ann', { kind: 'plan', iteration: 2, attempt: 0, plan: null })
      .say('ann', commit(2, []));
    expect(state.iteration).toBe(2);
    expect(state.updatedAt(1)).toBe(1);
    expect(state.gradientNorm(1)).toBe(0.5);
  });

  it('knows who keeps the journal: its founder, until an entry says who else', () => {
    const script = founded();
    expect(script.state.keepers).toEqual(['ann']);
    script.say('ann', { kind: 'keepers', keepers: ['ann', 'bob'] });
    expect(script.state.keepers).toEqual(['ann', 'bob']);
  });

  it('has another name once survivors have founded the run again', () => {
    const { state } = founded().refound('bob', ['bob', 'cid']);
    expect(state.keepers).toEqual(['bob']);
    expect(state.leader).toBe('');
    expect(state.runName).toBe(`${digest}+${digest.slice(0, 6)}`);
  });
});

describe('what nobody may say', () => {
  const wrong: [string, string, EntryBody][] = [
    ['a stranger that it leads', 'eve', { kind: 'leader', peer: 'eve', reason: '' }],
    ['a member that is no keeper that it leads', 'bob', { kind: 'leader', peer: 'bob', reason: '' }],
    ['the leader that a stranger keeps the journal', 'ann', { kind: 'keepers', keepers: ['ann', 'eve'] }],
    ['a stranger that it founds the run again', 'eve', refound('eve', ['eve', 'bob', 'cid'])],
    ['a member that it founds the run again with fewer than half', 'bob', refound('bob', ['bob', 'eve'])],
    ['a member that it founds the run again, one voice twice', 'bob', refound('bob', ['bob', 'bob'])],
    [
      'a member that it founds another run again',
      'bob',
      { ...refound('bob', ['bob', 'cid']), run: '1'.repeat(64) },
    ],
    [
      'a member that it founds the run again and another keeps it',
      'bob',
      { ...refound('bob', ['bob', 'cid']), keepers: ['cid'] },
    ],
    ['a member that another one leads', 'bob', { kind: 'leader', peer: 'cid', reason: '' }],
    ['a member that does not lead who belongs to the run', 'bob', members(enter('eve', 1))],
    [
      'the leader a plan that skips an iteration',
      'ann',
      { kind: 'plan', iteration: 2, attempt: 0, plan: null },
    ],
    ['the leader a commit of what was not planned', 'ann', commit(1, ['bob'])],
    ['the leader that a stranger is active', 'ann', members({ kind: 'active', peer: 'eve' })],
    ['the leader a second genesis', 'ann', { kind: 'genesis', runId: digest, founder: 'ann' }],
  ];
  for (const [what, author, body] of wrong) {
    it(`${what}: refused, and nothing changes`, () => {
      const script = founded();
      const term = body.kind === 'leader' || body.kind === 'refound' ? 2 : 1;
      const entry = script.entry(author, body, term);
      const before = JSON.stringify([script.state.leader, script.state.iteration, script.state.everyone()]);
      expect(() => script.state.apply(entry)).toThrow(/entry 4/);
      expect(JSON.stringify([script.state.leader, script.state.iteration, script.state.everyone()])).toBe(
        before,
      );
    });
  }

  it('the old leader anything, once another one leads', () => {
    const script = founded()
      .say('ann', { kind: 'keepers', keepers: ['ann', 'bob'] })
      .say('bob', { kind: 'leader', peer: 'bob', reason: 'ann is gone' });
    expect(() => script.state.apply(script.entry('ann', members(enter('eve', 1))))).toThrow('bob leads');
    expect(() => script.state.apply(script.entry('bob', members(enter('eve', 1)), 1))).toThrow('term 1');
  });
});

describe('a summary of the journal', () => {
  /** Members of every kind, a stage that was rebuilt, measurements, and a plan that waits for its commit. */
  function eventful(): Script {
    const times = {
      peer: 'bob',
      forward: 5,
      backward: 7,
      head: 0,
      links: [{ to: 'cid', microseconds: 9, latency: 4 }],
    };
    const shadowed = { peer: 'bob', stage: 0, origin: { kind: 'shadow' as const, sources: ['ann'] } };
    return founded()
      .say('ann', members({ kind: 'shadow', ...shadowed }, { kind: 'shadowing', peer: 'bob' }))
      .say('ann', { kind: 'keepers', keepers: ['ann', 'bob'] })
      .say('ann', { kind: 'plan', iteration: 1, attempt: 0, plan: null })
      .say('ann', { ...commit(1, ['bob']), measurements: [times] } as EntryBody)
      .say('ann', members(enter('dan', 2), { kind: 'gone', peer: 'cid', how: 'silent', reason: '' }))
      .say('ann', { kind: 'plan', iteration: 2, attempt: 3, plan: { large: true } });
  }
  const second = (summary?: string): EntryBody =>
    ({ ...commit(2, ['bob']), attempt: 3, ...(summary && { summary }) }) as EntryBody;

  it('is the same after it has travelled, and whoever goes on from it knows what everyone knows', () => {
    const script = eventful();
    const summary = script.state.summaryDigest(sha256)!;
    const bytes = encodeSummary(script.state.summary()!);
    const joiner = RunState.from(decodeSummary(bytes), sha256);
    expect(encodeSummary(joiner.summary()!)).toEqual(bytes);
    const next = [second(summary), { kind: 'plan', iteration: 3, attempt: 0, plan: null }] as const;
    for (const body of next) {
      joiner.apply(script.entry('ann', body));
      script.say('ann', body);
    }
    expect(encodeSummary(joiner.summary()!)).toEqual(encodeSummary(script.state.summary()!));
    expect(joiner.shadows(0)).toEqual(script.state.shadows(0));
    expect([joiner.updatedAt(1), joiner.gradientNorm(1)]).toEqual([2, 0.5]);
    expect(joiner.measurements(1)).toEqual(script.state.measurements(1));
    expect(joiner.summarised).toEqual(script.state.summarised);
  });

  it("is refused in a commit whose digest is another state's, by whoever has read everything and by who has it", () => {
    const script = eventful();
    const wrong = script.entry('ann', second('1'.repeat(64)));
    expect(() => script.state.check(wrong)).toThrow(JournalError);
    expect(() => script.state.check(script.entry('ann', second()))).not.toThrow();
    const right = script.entry('ann', second(script.state.summaryDigest(sha256)));
    const summary = script.state.summary()!;
    const forgeries = [
      { ...summary, keepers: ['ann', 'eve'] },
      { ...summary, term: 2, leader: 'eve' },
      { ...summary, measured: { compute: {}, transfer: {} } },
      { ...summary, members: summary.members.toReversed() },
      { ...summary, members: summary.members.map((one) => ({ ...one, addresses: ['/eve'] })) },
      { ...summary, stages: [] },
    ];
    expect(() => RunState.from(summary, sha256).check(right)).not.toThrow();
    for (const forged of forgeries) {
      expect(() => RunState.from(forged, sha256).check(right), JSON.stringify(forged)).toThrow(JournalError);
    }
  });

  it('is given no newer one after a founding anew: only entries show who agreed to that', () => {
    const script = eventful();
    script.say('ann', second(script.state.summaryDigest(sha256)));
    const { summarised } = script.state;
    expect(summarised).toBeDefined();
    script
      .refound('bob', ['bob', 'dan'])
      .say('bob', { kind: 'leader', peer: 'bob', reason: '' })
      .say('bob', { kind: 'plan', iteration: 3, attempt: 0, plan: null })
      .say('bob', { ...commit(3, ['bob']), summary: script.state.summaryDigest(sha256) } as EntryBody);
    expect(script.state.iteration).toBe(3);
    expect(script.state.summarised).toBe(summarised);
  });

  it('is no summary with a member twice, an unknown field, or what is not JSON', () => {
    const summary = eventful().state.summary()!;
    const wrong = [
      { ...summary, members: [...summary.members, summary.members[0]] },
      { ...summary, more: 1 },
      { ...summary, iteration: -1 },
      { ...summary, keepers: [] },
    ];
    for (const value of wrong) {
      const bytes = new TextEncoder().encode(JSON.stringify(value));
      expect(() => decodeSummary(bytes)).toThrow(JournalError);
    }
    expect(() => decodeSummary(Uint8Array.of(255, 254))).toThrow('not JSON');
  });
});
