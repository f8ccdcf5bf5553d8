// The journal in a running peer's hands: what it takes from others, what it does not, and what it writes before it says
// anything. Real keepers, disks in memory, messages carried by hand.

import { describe, expect, it } from 'vitest';
import type { Certificate } from '../../src/journal/consensus/messages.ts';
import { acknowledgement, type ConsensusMessage } from '../../src/journal/consensus/wire.ts';
import {
  type CommitBody,
  type Entry,
  type EntryBody,
  JournalError,
  parseEntry,
} from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { ControlBody } from '../../src/network/wire/codec.ts';
import type { Store } from '../../src/seams/store.ts';
import { History } from '../../src/swarm/agreement/history.ts';
import { Ledger, openJournal } from '../../src/swarm/agreement/ledger.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { decodeSummary, encodeSummary } from '../../src/swarm/summary.ts';
import { nothingMeasured, timeoutsFrom } from '../../src/swarm/membership/timeouts.ts';

const run = { runId: 'ab'.repeat(32), founder: 'ann', seed: 7 };

interface Party {
  readonly self: string;
  readonly ledger: Ledger;
  readonly sent: { to: string; message: ConsensusMessage }[];
  readonly told: { entries: readonly Entry[]; certificate: Certificate }[];
  readonly seen: Entry[];
  /** Leaders that have dropped entries which it lacks. */
  readonly lacking: string[];
  leads: number;
}

const world = new SimulatedWorld();

async function party(
  self: string,
  store: Store = createMemoryStore(),
  of = run,
  kept?: number,
): Promise<Party> {
  const identity = createSimulatedIdentity(self);
  const fail = (error: Error) => {
    throw error;
  };
  const opened = await openJournal(identity, store, fail, kept === undefined ? {} : { kept });
  const sent: Party['sent'] = [];
  const told: Party['told'] = [];
  const seen: Entry[] = [];
  const lacking: string[] = [];
  const made: { party?: Party } = {};
  const ledger = new Ledger({
    ...opened,
    identity,
    self,
    clock: world.clockOf(self),
    tickSeconds: () => 0.15,
    summaryEvery: 2,
    react: async (entry) => {
      seen.push(entry);
    },
    broadcast: (entries, certificate) => told.push({ entries, certificate }),
    send: (to, message) => sent.push({ to, message }),
    leads: () => {
      made.party!.leads++;
    },
    deposed: () => {},
    lacks: (leader) => lacking.push(leader),
    senseless: fail,
    failed: fail,
  });
  ledger.bind(of);
  made.party = { self, ledger, sent, told, seen, lacking, leads: 0 };
  return made.party;
}

/** Lets everything that can happen happen: no timer runs here. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

async function founded(store?: Store): Promise<Party> {
  const ann = await party('ann', store);
  await ann.ledger.found();
  await settle();
  expect(ann.leads).toBe(1);
  return ann;
}

const enter = (peer: string): EntryBody => ({
  kind: 'members',
  changes: [{ kind: 'enter', peer, name: peer, addresses: [], stage: 0, origin: { kind: 'initial' } }],
});

const lines = (entries: readonly Entry[]): string[] => entries.map((entry) => Journal.line(entry));

/** All that a party has, as one would hand it on. */
function handedOn({ ledger }: Party): [string[], Certificate] {
  return [lines(ledger.journal.recent.slice(0, ledger.journal.length)), ledger.journal.certificate!];
}

describe('what the only keeper orders', () => {
  it('is certain once it is on its disk, and applied before the order resolves', async () => {
    const ann = await founded();
    await ann.ledger.order([enter('ann')]);
    expect(ann.ledger.state.member('ann')?.status).toBe('entering');
    expect(ann.seen.map(({ body }) => body.kind)).toEqual(['genesis', 'leader', 'members']);
    expect(ann.ledger.journal.certificate).toMatchObject({ index: 2, term: 1 });
    expect(ann.told.at(-1)!.entries.map(({ index }) => index)).toEqual([2]);
  });

  it('is there after a restart', async () => {
    const store = createMemoryStore();
    const ann = await founded(store);
    await ann.ledger.order([enter('ann')]);
    ann.ledger.stop();
    const again = await party('ann', store);
    expect(again.ledger.state.member('ann')).toBeDefined();
    expect(again.ledger.certainLength).toBe(3);
  });
});

describe('what others hand on', () => {
  it('is taken with its certificate, each entry once', async () => {
    const ann = await founded();
    await ann.ledger.order([enter('ann')]);
    const bob = await party('bob');
    expect(await bob.ledger.take(...handedOn(ann))).toBe('ok');
    expect(await bob.ledger.take(...handedOn(ann))).toBe('ok');
    await settle();
    expect(bob.seen.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(bob.ledger.journal.certificate).toEqual(ann.ledger.journal.certificate);
  });

  it('is a gap when entries before it are missing', async () => {
    const ann = await founded();
    const bob = await party('bob');
    await ann.ledger.order([enter('ann')]);
    const [all, certificate] = handedOn(ann);
    expect(await bob.ledger.take(all.slice(2), certificate)).toBe('gap');
    expect(bob.ledger.certainLength).toBe(0);
  });

  it('is refused without a certificate, with a forged one, and with one of another run', async () => {
    const ann = await founded();
    await ann.ledger.order([enter('ann')]);
    const [all, certificate] = handedOn(ann);
    const bob = await party('bob');
    await expect(bob.ledger.take(all, undefined)).rejects.toThrow(/without a certificate/);
    const forged = { ...certificate, signatures: [{ keeper: 'ann', signature: new Uint8Array(32) }] };
    await expect(bob.ledger.take(all, forged)).rejects.toThrow(/not signed by ann/);
    const eve = createSimulatedIdentity('eve');
    const signature = await eve.sign(new Uint8Array(3));
    const strange = { ...certificate, signatures: [{ keeper: 'eve', signature }] };
    await expect(bob.ledger.take(all, strange)).rejects.toThrow(JournalError);
    const elsewhere = await party('bob', createMemoryStore(), { ...run, runId: 'cd'.repeat(32) });
    await expect(elsewhere.ledger.take(all, certificate)).rejects.toThrow(/another run/);
    await settle();
    expect(bob.seen).toEqual([]);
  });

  it('is refused when too few keepers signed', async () => {
    const ann = await founded();
    const bob = await party('bob');
    await ann.ledger.order([enter('bob')]);
    await bob.ledger.take(...handedOn(ann));
    void ann.ledger.order([{ kind: 'keepers', keepers: ['ann', 'bob'] }]);
    await settle();
    // on ann's disk and not on bob's: one of two keepers is no majority
    expect(ann.ledger.certainLength).toBe(3);
    const append = ann.sent.findLast(
      ({ message }) => message.kind === 'APPEND' && message.entries.length > 0,
    )!;
    const entry = new TextDecoder().decode(append.message.entries[0]);
    const { hash, index, term } = JSON.parse(entry) as Entry;
    const own = ann.ledger.journal.certificate!;
    const short = { ...own, hash, index, term };
    await expect(bob.ledger.take([entry], short)).rejects.toThrow(JournalError);
    expect(bob.ledger.certainLength).toBe(3);
  });
});

describe('a keeper', () => {
  /** A store of which one write does not come back until it is let go. */
  function slowStore() {
    const store = createMemoryStore();
    let release: () => void = () => {};
    let slow = false;
    const held = async (): Promise<void> => {
      if (slow) await new Promise<void>((resolve) => (release = resolve));
    };
    const slowed: Store = {
      ...store,
      appendLog: async (name, ...appended) => {
        if (name === 'journal') await held();
        await store.appendLog(name, ...appended);
      },
      writeBlob: async (name, bytes) => {
        if (name === 'ballot') await held();
        await store.writeBlob(name, bytes);
      },
    };
    return {
      store: slowed,
      slow: () => {
        slow = true;
      },
      go: () => {
        slow = false;
        release();
      },
    };
  }

  async function pair() {
    const disk = slowStore();
    const ann = await founded();
    const bob = await party('bob', disk.store);
    await ann.ledger.order([enter('bob')]);
    await bob.ledger.take(...handedOn(ann));
    await settle();
    return { ann, bob, disk };
  }

  it('acknowledges an entry only when it is on its disk; then both are certain of it', async () => {
    const { ann, bob, disk } = await pair();
    const ordered = ann.ledger.order([{ kind: 'keepers', keepers: ['ann', 'bob'] }]);
    await settle();
    disk.slow();
    for (const { message } of ann.sent.splice(0)) await bob.ledger.hear('ann', message);
    await settle();
    expect(bob.sent).toEqual([]);
    disk.go();
    await settle();
    expect(bob.sent.map(({ to, message }) => [to, message.kind])).toEqual([['ann', 'APPENDED']]);
    for (const { message } of bob.sent.splice(0)) await ann.ledger.hear('bob', message);
    await ordered;
    expect(ann.ledger.journal.certificate!.signatures.map(({ keeper }) => keeper)).toEqual(['ann', 'bob']);
    for (const { message } of ann.sent.splice(0)) await bob.ledger.hear('ann', message);
    await settle();
    expect(bob.ledger.state.keepers).toEqual(['ann', 'bob']);
  });

  it('votes only when its vote is on its disk', async () => {
    const { bob, disk } = await pair();
    const nothing = new Uint8Array(0);
    const vote: ConsensusMessage = {
      kind: 'VOTE',
      term: 9,
      length: 50,
      lastTerm: 8,
      hash: '',
      granted: false,
      handedOver: true,
      entries: [],
      signature: nothing,
      keepers: [],
    };
    disk.slow();
    await bob.ledger.hear('ann', vote);
    await settle();
    expect(bob.sent).toEqual([]);
    disk.go();
    await settle();
    expect(bob.sent.map(({ message }) => [message.kind, message.term, message.granted])).toEqual([
      ['VOTED', 9, true],
    ]);
    expect(bob.ledger.journal.ballot).toEqual({ term: 9, votedFor: 'ann' });
  });

  it('does not count an acknowledgement that somebody else signed', async () => {
    const { ann, bob } = await pair();
    void ann.ledger.order([{ kind: 'keepers', keepers: ['ann', 'bob'] }]);
    await settle();
    for (const { message } of ann.sent.splice(0)) await bob.ledger.hear('ann', message);
    await settle();
    const { message } = bob.sent[0]!;
    await expect(ann.ledger.hear('eve', message)).rejects.toThrow(/not its own/);
    expect(ann.ledger.certainLength).toBe(3);
  });
});

type EntriesMessage = Extract<ControlBody, { kind: 'entries' }>['value'];

/**
 * Bob reads Ann's journal; `meanwhile` is done between her answer and his reading it.
 * @param changed what comes in place of her answer; without it, Bob takes no summary
 */
function reader(
  ann: Party,
  bob: Party,
  meanwhile: () => Promise<void>,
  changed?: (value: EntriesMessage) => EntriesMessage,
) {
  let replaced = 0;
  const begun: number[] = [];
  const forged: string[] = [];
  const summaries = {
    takesSummary: () => changed !== undefined,
    begun: (_: string, index: number) => begun.push(index),
    forged: (from: string, { message }: Error) => forged.push(`${from}: ${message}`),
  };
  const isOver = () => false;
  const clock = world.clockOf('bob');
  const timing = { timeouts: timeoutsFrom(nothingMeasured) };
  const nobody = { request: () => Promise.reject(new Error('nobody is asked')) };
  const hers = new History({
    clock,
    ledger: ann.ledger,
    messenger: nobody,
    timing,
    isOver,
    replaced: () => {},
    ...summaries,
  });
  const history = new History({
    clock,
    ledger: bob.ledger,
    messenger: {
      request: async (_, body) => {
        if (body.kind !== 'entriesWanted') throw new Error(`${body.kind} is not answered here`);
        const answer = await hers.answerFrom(body.value.fromIndex, body.value.orSummary);
        await meanwhile();
        if (answer.kind !== 'entries' || changed === undefined) return answer;
        return { ...answer, value: changed(answer.value) };
      },
    },
    timing,
    isOver,
    replaced: () => {
      replaced++;
    },
    ...summaries,
  });
  const answer = async (fromIndex: number, orSummary: boolean): Promise<EntriesMessage> => {
    const body = await hers.answerFrom(fromIndex, orSummary);
    if (body.kind !== 'entries') throw new Error(`${body.kind} is no answer`);
    return body.value;
  };
  return { history, replaced: () => replaced, begun, forged, answer };
}

describe('catching up with who leads', () => {
  it('reads on, and replaces nothing, when entries arrive while the answer is on its way', async () => {
    const ann = await founded();
    const bob = await party('bob');
    await bob.ledger.take(...handedOn(ann));
    await settle();
    const { history, replaced } = reader(ann, bob, async () => {
      if (ann.ledger.state.member('cy')) return;
      await ann.ledger.order([enter('cy')]);
      await bob.ledger.take(...handedOn(ann));
      await settle();
    });
    expect(await history.catchUp('ann')).toBe('ok');
    expect(replaced()).toBe(0);
    expect(bob.seen.map(({ index }) => index)).toEqual([0, 1, 2]);
  });
});

/** What keepers say to each other comes, until they have no more to say. */
async function talk(...parties: Party[]): Promise<void> {
  for (let quiet = false; !quiet; ) {
    await settle();
    quiet = true;
    for (const from of parties) {
      for (const { to, message } of from.sent.splice(0)) {
        quiet = false;
        await parties.find(({ self }) => self === to)?.ledger.hear(from.self, message);
      }
    }
  }
}

const commit = (iteration: number): CommitBody => ({
  kind: 'commit',
  iteration,
  attempt: 0,
  loss: 2,
  stages: [],
  dropped: [],
  visitsComputed: 0,
  visitsCounted: 0,
  weights: [],
});

/** Ann and Bob keep a journal of so many iterations; every second certifies a summary. */
async function kept(iterations: number): Promise<Party> {
  const ann = await founded();
  await ann.ledger.order([enter('ann')]);
  await ann.ledger.order([enter('bob')]);
  const bob = await party('bob');
  await bob.ledger.take(...handedOn(ann));
  const order = async (...bodies: EntryBody[]) => {
    const ordered = ann.ledger.order(bodies);
    await talk(ann, bob);
    await ordered;
  };
  await order({ kind: 'keepers', keepers: ['ann', 'bob'] });
  for (let iteration = 1; iteration <= iterations; iteration++) {
    await order({ kind: 'plan', iteration, attempt: 0, plan: 'x'.repeat(2000) });
    await order(commit(iteration));
  }
  return ann;
}

describe('a peer that has none of a long journal', () => {
  it('begins with the newest summary, and can hand it on', async () => {
    const ann = await kept(9);
    const cy = await party('cy');
    const { history, begun, forged } = reader(
      ann,
      cy,
      async () => {},
      (value) => value,
    );
    expect(await history.catchUp('ann')).toBe('ok');
    await settle();
    expect([begun, forged]).toEqual([[ann.ledger.journal.length - 3], []]);
    expect(cy.seen.map(({ body }) => body.kind)).toEqual(['commit', 'plan', 'commit']);
    expect(cy.ledger.journal.certificate).toEqual(ann.ledger.journal.certificate);
    expect(cy.ledger.state.everyone()).toEqual(ann.ledger.state.everyone());
    expect(cy.ledger.keepers).toEqual(['ann', 'bob']);
    const dan = await party('dan');
    const his = reader(
      cy,
      dan,
      async () => {},
      (value) => value,
    );
    expect(await his.history.catchUp('cy')).toBe('ok');
    await settle();
    expect(dan.ledger.state.everyone()).toEqual(ann.ledger.state.everyone());
    expect(dan.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
  });

  it('has it after a restart', async () => {
    const ann = await kept(6);
    const store = createMemoryStore();
    const cy = await party('cy', store);
    await reader(
      ann,
      cy,
      async () => {},
      (value) => value,
    ).history.catchUp('ann');
    await settle();
    cy.ledger.stop();
    const again = await party('cy', store);
    expect(again.ledger.journal.first).toBe(cy.ledger.journal.first);
    expect(again.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
    expect(again.ledger.state.everyone()).toEqual(ann.ledger.state.everyone());
    expect(await again.ledger.summaryFor(0)).toEqual(await cy.ledger.summaryFor(0));
  });

  it('keeps under another name what it had, where nobody has what follows it any more', async () => {
    const ann = await kept(4);
    const cy = await party('cy');
    await reader(
      ann,
      cy,
      async () => {},
      (value) => value,
    ).history.catchUp('ann');
    await settle();
    const store = createMemoryStore();
    const old = await party('dan', store);
    const [all] = handedOn(ann);
    const told = ann.told.find(({ entries }) => entries[0]!.index === 2)!;
    await old.ledger.take(all.slice(0, 3), told.certificate);
    await settle();
    const { history, begun } = reader(
      cy,
      old,
      async () => {},
      (value) => value,
    );
    await history.readOn('cy');
    await settle();
    expect(begun).toHaveLength(1);
    expect(await store.readLog(`journal-before-${begun[0]}`)).toEqual(all.slice(0, 3));
    expect(old.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
  });

  it('reads all of it where the summary or who certified it is forged, and names who sent it', async () => {
    const ann = await kept(6);
    const eve = createSimulatedIdentity('eve');
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    type Sent = NonNullable<EntriesMessage['summary']>;
    const by = async (body: EntryBody, index: number) => {
      const journal = await Journal.open(eve, createMemoryStore());
      const [made] = await journal.make([body], 1, { index: index - 1, hash: '0'.repeat(64) });
      const { hash, term } = made!;
      const said = acknowledgement(run.runId, { index, term, hash });
      const certificate = {
        index,
        term,
        hash,
        signatures: [{ keeper: 'eve', signature: await eve.sign(said) }],
      };
      return { entry: new TextEncoder().encode(Journal.line(made!)), certificate };
    };
    const hers = await by({ kind: 'keepers', keepers: ['ann', 'eve'] }, 5);
    const genesis = await by({ kind: 'genesis', runId: run.runId, founder: 'eve' }, 0);
    const forgeries: Record<string, (sent: Sent) => Sent> = {
      'the state': (sent) => ({ ...sent, state: bytes({ ...JSON.parse(text(sent.state)), leader: 'eve' }) }),
      'no state': (sent) => ({ ...sent, state: new Uint8Array(3) }),
      'nobody ever kept it but the founder': (sent) => ({
        ...sent,
        entries: sent.entries.slice(0, 1),
        proofs: [],
      }),
      'no certificate of the keepers': (sent) => ({ ...sent, proofs: [] }),
      'a certificate with another signature': (sent) => ({
        ...sent,
        proofs: sent.proofs.map((one) => ({
          ...one,
          signatures: one.signatures.map((signed) => ({ ...signed, signature: new Uint8Array(16) })),
        })),
      }),
      'keepers that a stranger names': (sent) => ({
        ...sent,
        entries: [sent.entries[0]!, hers.entry],
        proofs: [hers.certificate],
      }),
      'another founder': (sent) => ({ ...sent, entries: [genesis.entry], proofs: [genesis.certificate] }),
      'no entry at all': (sent) => ({ ...sent, entries: [] }),
      'an entry that is none': (sent) => ({ ...sent, entries: [bytes('x')] }),
    };
    const changes: [string, (value: EntriesMessage) => EntriesMessage][] = Object.entries(forgeries).map(
      ([what, forge]) => [
        what,
        (value) => (value.summary ? { ...value, summary: forge(value.summary) } : value),
      ],
    );
    // a run in which she leads, from what the real keepers have kept on: nobody of them has certified it
    const own = async (after: EntryBody, sent: EntriesMessage): Promise<EntriesMessage> => {
      const state = { ...JSON.parse(text(sent.summary!.state)), leader: 'eve' };
      const theirs = RunState.from(decodeSummary(bytes(state)), eve.digest);
      const journal = await Journal.open(eve, createMemoryStore());
      const { index, previous } = parseEntry(text(sent.entries[0]!));
      const summary = theirs.summaryDigest(eve.digest)!;
      const first: EntryBody = { ...commit(state.iteration + 1), summary };
      const made = await journal.make([first, after], 1, { index: index - 1, hash: previous });
      const { hash, term } = made[1]!;
      const said = acknowledgement(run.runId, { index: index + 1, term, hash });
      const signatures = [{ keeper: 'eve', signature: await eve.sign(said) }];
      return {
        entries: made.map((entry) => new TextEncoder().encode(Journal.line(entry))),
        proofs: [],
        certificate: { index: index + 1, term, hash, signatures },
        summary: { ...sent.summary!, state: encodeSummary(theirs.summary()!) },
      };
    };
    const usurped: [string, EntryBody][] = [
      ['a plan of her own', { kind: 'plan', iteration: 7, attempt: 0, plan: null }],
      ['keepers of her own', { kind: 'keepers', keepers: ['ann', 'bob', 'eve'] }],
      ['herself alone', { kind: 'keepers', keepers: ['eve'] }],
      [
        'a founding of her own',
        {
          kind: 'refound',
          run: run.runId,
          peer: 'eve',
          keepers: ['eve'],
          lost: ['bob'],
          agreed: [{ peer: 'eve', signature: '' }],
        },
      ],
    ];
    const honest = await reader(ann, await party('dan'), async () => {}).answer(0, true);
    for (const [what, body] of usurped) {
      const value = await own(body, honest);
      changes.push([what, (real) => (real.summary ? value : real)]);
    }
    for (const [what, change] of changes) {
      const cy = await party('cy');
      const { history, begun, forged } = reader(ann, cy, async () => {}, change);
      await history.catchUp('ann');
      await settle();
      expect(begun, what).toEqual([]);
      expect(forged, what).toHaveLength(1);
      expect(forged[0], what).toMatch(/^ann: /);
      expect(cy.ledger.journal.first, what).toBe(0);
      expect(cy.ledger.journal.lastHash, what).toBe(ann.ledger.journal.lastHash);
    }
  });
});

describe('a keeper that lacks what its leader has no longer in memory', () => {
  it('hears that somebody leads, and reads the rest as anyone does', async () => {
    const ann = await party('ann', createMemoryStore(), run, 4);
    await ann.ledger.found();
    await settle();
    for (let i = 0; i < 20; i++) await ann.ledger.order([enter('bob')]);
    expect(ann.ledger.journal.base.index).toBeGreaterThan(4);
    const bob = await party('bob');
    const ordered = ann.ledger.order([{ kind: 'keepers', keepers: ['ann', 'bob'] }]);
    await settle();
    let over = false;
    world.after(60, '', () => {
      over = true;
    });
    const { history } = reader(ann, bob, async () => {});
    let installs = 0;
    const carry = async () => {
      for (const { message } of ann.sent.splice(0)) {
        if (message.kind === 'INSTALL') installs++;
        await bob.ledger.hear('ann', message);
      }
      await settle();
      if (bob.lacking.splice(0).length > 0) await history.readOn('ann');
      for (const { message } of bob.sent.splice(0)) await ann.ledger.hear('bob', message);
      await settle();
    };
    // a heartbeat now and then is all the time that is needed
    while (!over && !ann.ledger.state.keepers.includes('bob')) {
      const at = world.now() + 0.5;
      await world.run(() => world.now() >= at, at + 1).catch(() => {});
      await carry();
    }
    await ordered;
    for (let i = 0; i < 3; i++) await carry();
    expect(installs).toBeGreaterThan(0);
    expect(bob.ledger.state.keepers).toEqual(['ann', 'bob']);
    expect(bob.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
    expect(bob.seen.map(({ index }) => index)).toEqual(Array.from({ length: 23 }, (_, index) => index));
    ann.ledger.stop();
    bob.ledger.stop();
  });
});
