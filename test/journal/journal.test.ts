// The journal: what follows is kept, what does not is refused with its place and author.

import { describe, expect, it } from 'vitest';
import { type Entry, type EntryBody, JournalError, parseEntry } from '../../src/journal/entry.ts';
import type { Certificate } from '../../src/journal/consensus/messages.ts';
import { canonicalJson } from '../../src/journal/canonical.ts';
import { Journal } from '../../src/journal/journal.ts';
import { parseCertificate } from '../../src/journal/skeleton.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';

const runId = 'ab'.repeat(32);
const genesis: EntryBody = { kind: 'genesis', runId, founder: 'ann' };
const leads: EntryBody = { kind: 'leader', peer: 'ann', reason: 'it founded the run' };
const end: EntryBody = { kind: 'end', iteration: 0, weights: [] };

async function journalOf(name: string, store = createMemoryStore()): Promise<Journal> {
  return Journal.open(createSimulatedIdentity(name), store);
}

/** What a keeper that leads alone does: makes entries, keeps them, and is certain of them. */
async function written(
  journal: Journal,
  bodies: readonly EntryBody[],
  term: number,
): Promise<readonly Entry[]> {
  const end = { index: journal.length - 1, hash: journal.lastHash };
  const made = await journal.make(bodies, term, end);
  await taken(journal, made);
  return made;
}

async function taken(journal: Journal, entries: readonly Entry[]): Promise<void> {
  await journal.check(entries, journal.at(journal.length - 1));
  await journal.write(journal.length, entries);
  for (const _ of entries) journal.settle();
  await journal.prove(proofOf(entries.at(-1)!));
}

/** Whether signatures are a majority's is tested with the keepers. */
function proofOf({ index, term, hash }: Entry): Certificate {
  return { index, term, hash, signatures: [{ keeper: 'ann', signature: new Uint8Array(32) }] };
}

async function anns(): Promise<Journal> {
  const journal = await journalOf('ann');
  await written(journal, [genesis], 0);
  await written(journal, [leads, end], 1);
  return journal;
}

/** The same entry, sent as text and read again, with some of it changed. */
function changed(entry: Entry, change: Partial<Entry>): Entry {
  return parseEntry(Journal.line({ ...entry, ...change }));
}

describe('a journal', () => {
  it('is read back whole from its store, with its proof, and every entry is checked again', async () => {
    const store = createMemoryStore();
    const journal = await journalOf('ann', store);
    await written(journal, [genesis, leads], 1);
    const again = await journalOf('ann', store);
    expect(again.recent).toEqual(journal.recent);
    expect(again.lastHash).toBe(journal.lastHash);
    expect(again.certificate).toEqual(journal.certificate);
  });

  it('keeps what is not certain apart, and lets it be taken back', async () => {
    const store = createMemoryStore();
    const journal = await journalOf('ann', store);
    await written(journal, [genesis, leads], 1);
    const last = { index: 1, hash: journal.lastHash };
    await journal.write(2, await journal.make([end, end], 1, last));
    expect(journal.length).toBe(2);
    expect((await journalOf('ann', store)).tail).toHaveLength(2);
    const [other] = await journal.make([{ kind: 'leader', peer: 'ann', reason: 'again' }], 2, last);
    await journal.write(2, [other!]);
    const again = await journalOf('ann', store);
    expect(again.tail).toEqual([other]);
    expect(again.length).toBe(2);
    await expect(journal.write(1, [])).rejects.toThrow(/entry 1 is certain/);
  });

  it('remembers for whom this peer voted', async () => {
    const store = createMemoryStore();
    const journal = await journalOf('ann', store);
    expect(journal.ballot).toEqual({ term: 0, votedFor: '' });
    await journal.keepBallot({ term: 7, votedFor: 'bob' });
    expect((await journalOf('ann', store)).ballot).toEqual({ term: 7, votedFor: 'bob' });
    await journal.keepBallot({ term: 7, votedFor: 'bob', signedUpTo: 3 });
    expect((await journalOf('ann', store)).ballot).toEqual({ term: 7, votedFor: 'bob', signedUpTo: 3 });
  });

  it('takes the entries of another peer in order, and gives the same text for them', async () => {
    const journal = await anns();
    const other = await journalOf('bob');
    for (const entry of journal.recent) await taken(other, [parseEntry(Journal.line(entry))]);
    expect(other.recent.map((entry) => Journal.line(entry))).toEqual(
      journal.recent.map((entry) => Journal.line(entry)),
    );
  });

  it('refuses an entry that was changed, names it, and stays as it was', async () => {
    const [first, second] = (await anns()).recent;
    const other = await journalOf('bob');
    await taken(other, [first!]);
    const wrong = [
      changed(second!, { body: { kind: 'leader', peer: 'ann', reason: 'another reason' } }),
      changed(second!, { author: 'bob' }),
      changed(second!, { term: 7 }),
      changed(second!, { previous: '0'.repeat(64) }),
      changed(second!, { index: 2 }),
      changed(second!, { signature: '00'.repeat(32) }),
    ];
    for (const entry of wrong) {
      await expect(taken(other, [entry])).rejects.toThrow(JournalError);
      expect(other.length).toBe(1);
    }
    await taken(other, [second!]);
    expect(other.length).toBe(2);
  });

  it('makes nothing that the others could not read', async () => {
    const journal = await anns();
    const addresses = Array.from({ length: 17 }, () => '/memory/eve');
    const origin = { kind: 'initial' as const };
    const enter = { kind: 'enter' as const, peer: 'eve', name: 'eve', addresses, stage: 1, origin };
    await expect(written(journal, [{ kind: 'members', changes: [enter] }], 1)).rejects.toThrow(JournalError);
    expect(journal.length).toBe(3);
  });

  it('says which stored entry does not follow, or is broken, and in which line', async () => {
    const store = createMemoryStore();
    await written(await journalOf('ann', store), [genesis, leads, end], 1);
    const lines = await store.readLog('journal');
    await store.replaceLog('journal', [lines[0]!, lines[2]!]);
    await expect(journalOf('ann', store)).rejects.toMatchObject({ name: 'JournalError', index: 2 });
    await store.replaceLog('journal', [lines[0]!, lines[1]!.slice(0, 40), lines[2]!]);
    await expect(journalOf('ann', store)).rejects.toMatchObject({
      index: 1,
      message: expect.stringMatching(/entry 1 \(line 2\): not JSON/),
    });
  });

  it('is not read without entries that it once was certain of', async () => {
    const store = createMemoryStore();
    await written(await journalOf('ann', store), [genesis, leads, end], 1);
    const lines = await store.readLog('journal');
    await store.replaceLog('journal', lines.slice(0, 2));
    await expect(journalOf('ann', store)).rejects.toMatchObject({
      index: 2,
      message: expect.stringMatching(/entry 2 was certain and is not here/),
    });
  });

  it('is replaced by another only when that one is sound', async () => {
    const journal = await anns();
    const other = await journalOf('bob');
    await written(other, [{ kind: 'genesis', runId, founder: 'bob' }], 0);
    const before = other.recent;
    const [first, second, third] = journal.recent;
    await expect(other.adopt([first!, third!], proofOf(third!))).rejects.toThrow(JournalError);
    expect(other.recent).toEqual(before);
    await other.adopt([first!, second!, third!], proofOf(third!));
    expect(other.lastHash).toBe(journal.lastHash);
  });
});

describe('a long journal', () => {
  const KEPT = 8;
  const LENGTH = 300;

  /** Three hundred entries of which some say who keeps it, and a last one that is not certain. */
  async function long() {
    const store = createMemoryStore();
    const open = (replay?: (entry: Entry) => void) =>
      Journal.open(createSimulatedIdentity('ann'), store, { kept: KEPT, ...(replay && { replay }) });
    const journal = await open();
    await written(journal, [genesis, leads], 1);
    for (let index = 2; index < LENGTH; index++) {
      const keepers = index === 100 ? ['ann', 'bob'] : ['ann'];
      await written(journal, [index % 100 === 0 ? { kind: 'keepers', keepers } : end], 1);
    }
    const last = { index: LENGTH - 1, hash: journal.lastHash };
    await journal.write(LENGTH, await journal.make([end], 1, last));
    return { store, open, journal };
  }

  it('can show who has kept it, also when it was read again and other certificates were cleared', async () => {
    const { store, open, journal } = await long();
    const skeleton = async (of: Journal) => of.skeleton(LENGTH - 1, 10);
    const shown = (await skeleton(journal))!;
    expect(shown.entries.map(({ index }) => index)).toEqual([0, 100, 200]);
    expect(shown.certificates.map(({ index }) => index)).toEqual([100, 200]);
    expect(await skeleton(await open())).toEqual(shown);
    expect(await journal.skeleton(150, 10)).toMatchObject({ certificates: [{ index: 100 }] });
    expect(await journal.skeleton(LENGTH - 1, 2)).toBeUndefined();
    expect(journal.proofsIn(150, LENGTH).map(({ index }) => index)).toEqual([200]);
    const newest = journal.certificate!;
    for (let i = 0; i < 1000; i++) await journal.prove(newest);
    expect((await store.readLog('certificates')).length).toBeLessThan(500);
    expect(await skeleton(await open())).toEqual(shown);
  });

  it('goes on from what stands for its beginning, and keeps what it had under another name', async () => {
    const { journal } = await long();
    const skeleton = (await journal.skeleton(249, 10))!;
    const [before] = await journal.entries(249, 250);
    const { index, term, hash } = before!;
    const start = {
      index,
      term,
      hash,
      keepers: ['ann'],
      certificate: undefined,
      summary: Uint8Array.of(123, 125),
      skeleton,
    };
    const store = createMemoryStore();
    const open = () =>
      Journal.open(createSimulatedIdentity('bob'), store, { begin: (at) => begun.push(at.index) });
    const begun: number[] = [];
    const other = await open();
    const first = await journal.entries(0, 3);
    await other.write(0, first);
    for (const _ of first) other.settle();
    await other.prove(proofOf(first[2]!));
    const certified = await journal.entries(250, 260);
    await other.begin(start, certified);
    expect([other.first, other.length, other.lastHash]).toEqual([250, 250, hash]);
    expect(other.tail).toEqual(certified);
    expect(await store.readLog('journal-before-250')).toEqual(first.map((entry) => Journal.line(entry)));
    expect((await store.readLog('certificates-before-250')).map(parseCertificate)).toEqual([
      proofOf(first[2]!),
    ]);
    const crashed = await open(); // before any of them was certain
    expect([crashed.first, crashed.length, crashed.tail]).toEqual([250, 250, certified]);
    begun.length = 0;
    for (let i = 250; i < 260; i++) other.settle();
    const [last] = await journal.entries(259, 260);
    await other.prove(proofOf(last!));
    const again = await open();
    expect(begun).toEqual([249]);
    expect([again.first, again.length, again.lastHash]).toEqual([250, 260, last!.hash]);
    expect(again.genesis?.index).toBe(0);
    expect(again.certificate).toEqual(other.certificate);
    expect(await again.lines(249, 252)).toEqual([]);
    expect(await again.lines(255, 257)).toEqual(await journal.lines(255, 257));
    expect(await again.skeleton(259, 10)).toEqual(skeleton);
    await store.writeBlob('journal-start-250', new Uint8Array(3));
    await expect(open()).rejects.toThrow(JournalError);
  });

  it('keeps its newest part in memory and reads what is older from the store', async () => {
    const { store, journal } = await long();
    expect(journal.length).toBe(LENGTH);
    expect(journal.recent.length).toBeLessThanOrEqual(2 * KEPT + 1);
    expect(journal.at(5)).toBeUndefined();
    expect(journal.at(LENGTH - 1)?.hash).toBe(journal.lastHash);
    const lines = await store.readLog('journal');
    expect(await journal.lines()).toEqual(lines.slice(0, LENGTH)); // the last is not certain
    for (const [from, to] of [
      [0, 1],
      [5, 9],
      [280, LENGTH],
      [LENGTH - 3, LENGTH],
      [290, 1000],
      [LENGTH, 400],
    ] as const) {
      const entries = await journal.entries(from, to);
      expect(entries.map((entry) => Journal.line(entry))).toEqual(lines.slice(from, Math.min(to, LENGTH)));
    }
  });

  it('knows who kept it where its memory begins', async () => {
    const { journal } = await long();
    const { index, hash } = journal.base;
    expect((await journal.entries(index, index + 1))[0]!.hash).toBe(hash);
    expect(journal.base.keepers).toEqual(['ann']);
    expect(journal.genesis?.index).toBe(0);
  });

  it('is the same after a restart, every certain entry seen once and in order', async () => {
    const { journal, open } = await long();
    const seen: number[] = [];
    const again = await open(({ index }) => seen.push(index));
    expect(seen).toEqual(Array.from({ length: LENGTH }, (_, index) => index));
    expect([again.length, again.lastHash]).toEqual([journal.length, journal.lastHash]);
    expect(again.tail).toEqual(journal.tail);
    expect(again.recent.length).toBeLessThanOrEqual(2 * KEPT + 1);
    expect(again.base.keepers).toEqual(journal.base.keepers);
  });

  it('has what is not certain taken back, and nothing before it is lost', async () => {
    const { store, open, journal } = await long();
    const last = { index: LENGTH - 1, hash: journal.lastHash };
    const [other] = await journal.make([leads], 2, last);
    await journal.write(LENGTH, [other!]);
    expect((await store.readLog('journal')).length).toBe(LENGTH + 1);
    expect((await open()).tail).toEqual([other]);
  });
});

describe('an entry’s text', () => {
  it('has one spelling: sorted keys, no spaces, no undefined', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true, z: undefined })).toBe(
      '{"a":true,"b":[1,{"c":"x","d":null}]}',
    );
  });

  it('cannot hold what JSON cannot', () => {
    expect(() => canonicalJson({ a: Number.NaN })).toThrow('NaN');
    expect(() => canonicalJson([Number.POSITIVE_INFINITY])).toThrow('Infinity');
  });

  it('is refused with a reason when it is none', () => {
    for (const line of ['', '{', '7', '{"index":0}', '{"index":-1}']) {
      expect(() => parseEntry(line)).toThrow(JournalError);
    }
  });
});
