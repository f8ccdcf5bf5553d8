// The journal: what follows is kept, what does not is refused with its place and author.

import { describe, expect, it } from 'vitest';
import { type Entry, type EntryBody, JournalError, parseEntry } from '../../src/journal/entry.ts';
import { canonicalJson } from '../../src/journal/canonical.ts';
import { Journal } from '../../src/journal/journal.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';

const runId = 'ab'.repeat(32);
const genesis: EntryBody = { kind: 'genesis', runId, founder: 'ann' };
const leads: EntryBody = { kind: 'leader', peer: 'ann', reason: 'it founded the run' };
const end: EntryBody = { kind: 'end', iteration: 0, weights: [] };

async function journalOf(name: string, store = createMemoryStore()): Promise<Journal> {
  return Journal.open(createSimulatedIdentity(name), store);
}

async function written(): Promise<Journal> {
  const journal = await journalOf('ann');
  await journal.author([genesis], 0);
  await journal.author([leads, end], 1);
  return journal;
}

/** The same entry, sent as text and read again, with some of it changed. */
function changed(entry: Entry, change: Partial<Entry>): Entry {
  return parseEntry(Journal.line({ ...entry, ...change }));
}

describe('a journal', () => {
  it('is read back whole from its store, and every entry is checked again', async () => {
    const store = createMemoryStore();
    const journal = await journalOf('ann', store);
    await journal.author([genesis, leads], 1);
    const again = await journalOf('ann', store);
    expect(again.entries()).toEqual(journal.entries());
    expect(again.lastHash).toBe(journal.lastHash);
  });

  it('takes the entries of another peer in order, and gives the same text for them', async () => {
    const journal = await written();
    const other = await journalOf('bob');
    for (const entry of journal.entries()) await other.append(parseEntry(Journal.line(entry)));
    expect(other.entries().map((entry) => Journal.line(entry))).toEqual(
      journal.entries().map((entry) => Journal.line(entry)),
    );
  });

  it('refuses an entry that was changed, names it, and stays as it was', async () => {
    const [first, second] = (await written()).entries();
    const other = await journalOf('bob');
    await other.append(first!);
    const wrong = [
      changed(second!, { body: { kind: 'leader', peer: 'ann', reason: 'another reason' } }),
      changed(second!, { author: 'bob' }),
      changed(second!, { term: 7 }),
      changed(second!, { previous: '0'.repeat(64) }),
      changed(second!, { index: 2 }),
      changed(second!, { signature: '00'.repeat(32) }),
    ];
    for (const entry of wrong) {
      await expect(other.append(entry)).rejects.toThrow(JournalError);
      expect(other.length).toBe(1);
    }
    await other.append(second!);
    expect(other.length).toBe(2);
  });

  it('does not write what the others could not read', async () => {
    const journal = await written();
    const addresses = Array.from({ length: 17 }, () => '/memory/eve');
    const origin = { kind: 'initial' as const };
    const enter = { kind: 'enter' as const, peer: 'eve', name: 'eve', addresses, stage: 1, origin };
    await expect(journal.author([{ kind: 'members', changes: [enter] }], 1)).rejects.toThrow(JournalError);
    expect(journal.length).toBe(3);
  });

  it('says which stored entry does not follow', async () => {
    const store = createMemoryStore();
    const journal = await journalOf('ann', store);
    await journal.author([genesis, leads, end], 1);
    const lines = await store.readLog('journal');
    await store.replaceLog('journal', [lines[0]!, lines[2]!]);
    await expect(journalOf('ann', store)).rejects.toMatchObject({ name: 'JournalError', index: 2 });
  });

  it('is replaced by another only when that one is sound', async () => {
    const journal = await written();
    const other = await journalOf('bob');
    await other.author([{ kind: 'genesis', runId, founder: 'bob' }], 0);
    const before = other.entries();
    const [first, second, third] = journal.entries();
    await expect(other.adopt([first!, third!])).rejects.toThrow(JournalError);
    expect(other.entries()).toEqual(before);
    await other.adopt([first!, second!, third!]);
    expect(other.lastHash).toBe(journal.lastHash);
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
