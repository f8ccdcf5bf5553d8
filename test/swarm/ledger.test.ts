// The journal in a running peer's hands: what it takes from others, what it does not, and what it writes before it says
// anything. Real keepers, disks in memory, messages carried by hand.

import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/journal/canonical.ts';
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
import { refoundingAgreement } from '../../src/journal/refounding.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { ControlBody } from '../../src/network/wire/codec.ts';
import type { Store } from '../../src/seams/store.ts';
import { History } from '../../src/swarm/agreement/history.ts';
import { Ledger } from '../../src/swarm/agreement/ledger.ts';
import { openJournal } from '../../src/swarm/agreement/opening.ts';
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
  deposed: number;
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
    deposed: () => {
      made.party!.deposed++;
    },
    lacks: (leader) => lacking.push(leader),
    senseless: fail,
    failed: fail,
  });
  ledger.bind(of);
  made.party = { self, ledger, sent, told, seen, lacking, leads: 0, deposed: 0 };
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
    replaceLog: async (name, kept) => {
      if (name === 'journal') await held();
      await store.replaceLog(name, kept);
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

describe('a keeper', () => {
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
    const vote = voteFor({ term: 9, length: 50, lastTerm: 8 });
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
  answerEntries = 500,
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
    answerEntries,
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
    answerEntries,
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
  return (await keptByTwo(iterations)).ann;
}

async function keptByTwo(iterations: number) {
  const ann = await founded();
  await ann.ledger.order([enter('ann')]);
  await ann.ledger.order([enter('bob')]);
  const bob = await party('bob');
  await bob.ledger.take(...handedOn(ann));
  await ordered(ann, bob, { kind: 'keepers', keepers: ['ann', 'bob'] });
  await iterate(ann, bob, 1, iterations);
  return { ann, bob };
}

/** Ann orders it, and Bob has it too when it resolves. */
async function ordered(ann: Party, bob: Party, body: EntryBody): Promise<void> {
  const order = ann.ledger.order([body]);
  await talk(ann, bob);
  await order;
}

async function iterate(ann: Party, bob: Party, from: number, to: number): Promise<void> {
  for (let iteration = from; iteration <= to; iteration++) {
    await ordered(ann, bob, { kind: 'plan', iteration, attempt: 0, plan: 'x'.repeat(2000) });
    await ordered(ann, bob, commit(iteration));
  }
}

/** A keeper of two has lost the other, or believes so: half of the members are enough. */
async function refoundAlone({ ledger, self }: Party): Promise<void> {
  const proposal = ledger.refoundingProposal;
  const signature = toHex(await createSimulatedIdentity(self).sign(refoundingAgreement(proposal)));
  const agreed = [{ peer: self, signature }];
  const body = { run: proposal.run, peer: self, keepers: [self], lost: [], agreed };
  await ledger.refound({ kind: 'refound', ...body }, proposal);
  await settle();
}

function voteFor(said: { term: number; length: number; lastTerm: number }): ConsensusMessage {
  const nothing = new Uint8Array(0);
  const empty = { hash: '', granted: false, handedOver: true, entries: [], signature: nothing, keepers: [] };
  return { ...empty, ...said, kind: 'VOTE' };
}

/** What History is asked to change of an answer: nothing. */
const asSent = (value: EntriesMessage): EntriesMessage => value;
const meanwhileNothing = async (): Promise<void> => {};

/** Entries of one answer, so few that a journal of some iterations is many answers. */
const FEW = 4;

/** Somebody with the first entries of Ann's journal, that she has told so many times. */
async function awaySince(self: string, ann: Party, told: number, store = createMemoryStore()) {
  const { entries, certificate } = ann.told[told]!;
  const one = await party(self, store);
  await one.ledger.take(handedOn(ann)[0].slice(0, entries.at(-1)!.index + 1), certificate);
  await settle();
  return Object.assign(one, { store });
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
    const asked = { fromIndex: 0, answerEntries: 500, answerBytes: 1e6 };
    expect(await again.ledger.summaryFor(asked)).toEqual(await cy.ledger.summaryFor(asked));
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

describe('a peer that was away long', () => {
  it('goes on from the newest summary, and what it had stays on its disk', async () => {
    const ann = await kept(9);
    const store = createMemoryStore();
    const cy = await awaySince('cy', ann, 5, store);
    const had = lines(cy.ledger.journal.recent);
    const { history, begun } = reader(ann, cy, meanwhileNothing, asSent, FEW);
    await history.readOn('ann');
    await settle();
    expect(begun).toEqual([ann.ledger.journal.length - 3]);
    expect(cy.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
    expect(cy.ledger.state.everyone()).toEqual(ann.ledger.state.everyone());
    expect(await store.readLog(`journal-before-${begun[0]}`)).toEqual(had);
  });

  it('reads what it lacks where that is one answer', async () => {
    const ann = await kept(9);
    const cy = await awaySince('cy', ann, 5);
    const { history, begun } = reader(ann, cy, meanwhileNothing, asSent);
    await history.readOn('ann');
    await settle();
    expect([begun, cy.ledger.journal.first]).toEqual([[], 0]);
    expect(cy.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
  });

  it('gives a whole journal up only for one who has it whole, and never what nobody else has', async () => {
    const { ann, bob } = await keptByTwo(4);
    const cy = await party('cy');
    await reader(ann, cy, meanwhileNothing, asSent).history.catchUp('ann');
    await settle();
    await iterate(ann, bob, 5, 8);
    await reader(ann, cy, meanwhileNothing).history.readOn('ann');
    await settle();
    const [first, newest] = [cy.ledger.journal.first, cy.ledger.state.summarised!.index];
    expect([first > 0, newest > first]).toEqual([true, true]);
    const asked = { fromIndex: first + 1, answerEntries: 0, answerBytes: 0 };
    expect(await ann.ledger.summaryFor(asked)).toMatchObject({ index: newest });
    expect(await cy.ledger.summaryFor(asked)).toBeUndefined();
    expect(await cy.ledger.summaryFor({ ...asked, fromIndex: first - 1 })).toMatchObject({ index: newest });
  });

  it('keeps, as a keeper, its vote and every entry that it has signed for', async () => {
    const { ann, bob } = await keptByTwo(6);
    // Bob has all of it on his disk and has not heard that it is certain
    const behind = await awaySince('bob', ann, 5);
    const [all, certificate] = handedOn(ann);
    const after = behind.ledger.certainLength;
    await behind.ledger.journal.write(
      after,
      all.slice(after).map((line) => parseEntry(line)),
    );
    await behind.ledger.journal.keepBallot({ term: 9, votedFor: 'cy' });
    const again = await party('bob', behind.store);
    const { history, begun } = reader(ann, again, meanwhileNothing, asSent, FEW);
    await history.readOn('ann');
    await settle();
    expect([begun, again.ledger.journal.first]).toEqual([[], 0]);
    expect(again.ledger.journal.certificate).toEqual(certificate);
    // with entries of a leader of before that never were certain, there is nothing of his to keep
    const other = await awaySince('bob', ann, 5);
    const { index, hash } = other.ledger.journal.at(other.ledger.journal.length - 1)!;
    const [stale] = await other.ledger.journal.make([commit(99)], 1, { index, hash });
    await other.ledger.journal.write(index + 1, [stale!]);
    await other.ledger.journal.keepBallot({ term: 9, votedFor: 'cy' });
    const third = await party('bob', other.store);
    await reader(ann, third, meanwhileNothing, asSent, FEW).history.readOn('ann');
    await settle();
    expect(third.ledger.journal.lastHash).toBe(bob.ledger.journal.lastHash);
    expect(third.ledger.journal.first).toBeGreaterThan(0);
    expect(third.ledger.journal.ballot).toEqual({ term: 9, votedFor: 'cy' });
    await third.ledger.hear('ann', voteFor({ term: 9, length: 500, lastTerm: 8 }));
    await settle();
    expect(third.sent.map(({ message }) => [message.kind, message.granted])).toEqual([['VOTED', false]]);
  });

  it('is led back by whoever let it in when it had founded the run again, also where that one began in the middle', async () => {
    const { ann, bob } = await keptByTwo(6);
    const cy = await party('cy');
    for (const one of [ann, bob]) {
      await refoundAlone(one);
      await one.ledger.order([{ kind: 'plan', iteration: 7, attempt: 0, plan: one.self }]);
      await one.ledger.order([commit(7)]);
      await settle();
    }
    await reader(ann, cy, meanwhileNothing, asSent).history.catchUp('ann');
    await settle();
    expect(cy.ledger.journal.first).toBeGreaterThan(0);
    expect(cy.ledger.state.runName).toBe(ann.ledger.state.runName);
    expect(bob.ledger.state.runName).not.toBe(ann.ledger.state.runName);
    await bob.ledger.order([{ kind: 'plan', iteration: 8, attempt: 0, plan: null }]);
    await settle();
    // one that goes on after what Cy has, and one that ends before that
    const shorter = await party('dan');
    const { certificate } = bob.told[0]!;
    await shorter.ledger.take(handedOn(bob)[0].slice(0, certificate.index + 1), certificate);
    await settle();
    for (const forked of [bob, shorter]) {
      const { history, begun, forged } = reader(cy, forked, meanwhileNothing, asSent);
      await history.readOn('cy');
      await settle();
      expect([begun, forged]).toEqual([[], []]); // of itself it does not change sides
      await history.catchUp('cy');
      await settle();
      expect([begun, forged]).toEqual([[cy.ledger.journal.first], []]);
      expect(forked.ledger.state.runName).toBe(ann.ledger.state.runName);
      expect(forked.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
    }
  });

  it('changes sides only for who lets it in, however much it lacks, and leads no more then', async () => {
    const ann = await kept(6);
    const cy = await party('cy');
    await reader(ann, cy, meanwhileNothing, asSent).history.catchUp('ann');
    await settle();
    for (const theirs of [ann, cy]) {
      const apart = await awaySince('bob', ann, 5);
      await refoundAlone(apart);
      expect([apart.leads, apart.ledger.state.leader]).toEqual([1, 'bob']);
      const { runName } = apart.ledger.state;
      const { history, begun } = reader(theirs, apart, meanwhileNothing, asSent, FEW);
      await history.readOn(theirs.self);
      await settle();
      expect([begun, apart.ledger.state.runName]).toEqual([[], runName]);
      await history.catchUp(theirs.self);
      await settle();
      expect([begun.length, apart.deposed]).toEqual([1, 1]);
      expect(apart.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
    }
  });

  it('takes no journal in place of its own whose end nobody has certified', async () => {
    const ann = await kept(1); // so few that there is no summary
    const apart = await awaySince('bob', ann, 2);
    await refoundAlone(apart);
    const { lastHash } = apart.ledger.journal;
    const { certificate } = ann.ledger.journal;
    const signatures = certificate!.signatures.map((one) => ({ ...one, signature: new Uint8Array(16) }));
    for (const few of [signatures, signatures.slice(0, 1)]) {
      const { history } = reader(ann, apart, meanwhileNothing, (value) => ({
        ...value,
        certificate: { ...certificate!, signatures: few },
      }));
      await expect(history.catchUp('ann')).rejects.toThrow(/not signed by ann|not certified by its keepers/);
      expect(apart.ledger.journal.lastHash).toBe(lastHash);
    }
  });

  it('hears nothing while its journal changes: an answer would be about another', async () => {
    const ann = await kept(6);
    const disk = slowStore();
    const away = await awaySince('bob', ann, 5, disk.store);
    const { history, begun } = reader(ann, away, meanwhileNothing, asSent, FEW);
    disk.slow();
    const reading = history.readOn('ann');
    await settle();
    await away.ledger.hear('ann', voteFor({ term: 9, length: 500, lastTerm: 8 }));
    await settle();
    expect(away.sent).toEqual([]);
    disk.go();
    await reading;
    await settle();
    expect(begun).toHaveLength(1);
    expect([away.sent, away.ledger.journal.ballot.votedFor]).toEqual([[], '']);
    expect(away.ledger.journal.lastHash).toBe(ann.ledger.journal.lastHash);
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
