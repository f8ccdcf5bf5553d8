// The run's ordered log: entries chained by hash, each signed by who ordered it. Up to its length it is certain: a
// certificate proves that a majority of the keepers has it. The entries after that are on this disk because this peer
// answers for them as a keeper, and may still be taken back. Who may append is decided by agreement (consensus/). The
// disk has all of it; memory the newest part, and what is older is read again when somebody asks for it. A journal may
// begin in the middle of the run: a summary stands for the entries before (skeleton.ts).

import type { Identity } from '../seams/identity.ts';
import type { Store } from '../seams/store.ts';
import { canonicalBytes, canonicalJson, type Json } from './canonical.ts';
import { CertificateLog } from './certificate-log.ts';
import { checkNext, checkSigned, type EntryPlace } from './checking.ts';
import { emptyBase } from './consensus/log.ts';
import type { Ballot, Certificate, LogBase } from './consensus/messages.ts';
import { type Entry, type EntryBody, GENESIS_PREVIOUS, JournalError } from './entry.ts';
import { makeEntries } from './making.ts';
import { Proofs } from './proofs.ts';
import { remembering } from './recent.ts';
import { encodeStart, type JournalStart, type Skeleton } from './skeleton.ts';
import {
  BALLOT,
  beforeName,
  CERTIFICATES,
  copyLog,
  LOG,
  PORTION,
  startName,
  storedBallot,
  storedEntry,
  storedStart,
} from './stored.ts';
import { Window } from './window.ts';

/** Certain entries that stay in memory at least; twice as many at most. */
const KEPT = 512;

export interface JournalOptions {
  /** Told first, where the journal does not begin with the run. */
  readonly begin?: (start: JournalStart) => void;
  /** Sees every certain entry that the store holds, in order. */
  readonly replay?: (entry: Entry) => void;
  readonly kept?: number;
}

/** Characters of lines that are remembered: each goes to the disk and to several peers. */
const RECENT_CHARACTERS = 4_000_000;

const lineOf = remembering(
  (entry: Entry) => canonicalJson(entry as unknown as Json),
  (_, line) => line.length,
  RECENT_CHARACTERS,
);

export class Journal {
  readonly #identity: Identity;
  readonly #store: Store;
  readonly #kept: number;
  readonly #window = new Window();
  #proofs = new Proofs(false);
  #genesis: Entry | undefined;
  #start: JournalStart | undefined;
  #length = 0;
  #bytes = 0;
  #certificate: Certificate | undefined;
  #ballot: Ballot = { term: 0, votedFor: '' };
  readonly #certificates: CertificateLog;

  private constructor(identity: Identity, store: Store, kept: number) {
    this.#identity = identity;
    this.#store = store;
    this.#kept = kept;
    this.#certificates = new CertificateLog(store);
  }

  /** Reads and checks what the store holds; a broken chain throws a JournalError that names the entry. */
  static async open(identity: Identity, store: Store, options: JournalOptions = {}): Promise<Journal> {
    const { begin, replay, kept = KEPT } = options;
    const journal = new Journal(identity, store, kept);
    const certificates = await journal.#certificates.read();
    const certificate = certificates.at(-1);
    const start = await storedStart(store);
    if (start !== undefined) {
      journal.#beginAt(start);
      begin?.(start);
    }
    const certain = Math.max((certificate?.index ?? -1) + 1, journal.#length);
    let before: EntryPlace | undefined = start;
    let proof = 0;
    for (let from = 0; ; from += PORTION) {
      const lines = await store.readLog(LOG, from, PORTION);
      for (const [offset, line] of lines.entries()) {
        const entry = storedEntry(line, from + offset);
        await journal.check([entry], before);
        before = entry;
        journal.#window.push(entry);
        journal.#bytes += line.length + 1;
        journal.#genesis ??= entry;
        if (entry.index >= certain) continue;
        journal.#length = entry.index + 1;
        if (entry.index === certificate!.index && entry.hash !== certificate!.hash) break;
        replay?.(entry);
        journal.#proofs.noteEntry(entry);
        while (proof < certificates.length && certificates[proof]!.index <= entry.index) {
          journal.#proofs.note(certificates[proof++]!);
        }
        journal.#trim();
      }
      if (lines.length < PORTION) break;
    }
    if (certificate !== undefined) {
      const { index, hash } = certificate;
      if (journal.#length !== certain || journal.lastHash !== hash) {
        const end = (before?.index ?? -1) + 1;
        throw new JournalError(`entry ${index} was certain and is not here; the journal has ${end}`, {
          index,
        });
      }
      journal.#certificate = certificate;
    }
    journal.#ballot = (await storedBallot(store)) ?? journal.#ballot;
    return journal;
  }

  /** How many entries are certain and have been taken up here. */
  get length(): number {
    return this.#length;
  }

  /** Of all entries as they are stored, about: characters beyond ASCII count once. */
  get bytes(): number {
    return this.#bytes;
  }

  get lastHash(): string {
    return this.#last.hash;
  }

  get lastTerm(): number {
    return this.#last.term;
  }

  get #last(): Pick<Entry, 'hash' | 'term'> {
    return this.at(this.#length - 1) ?? this.#window.base;
  }

  /** The first entry that is here or will be: 0 unless a summary stands for some. */
  get first(): number {
    return (this.#start?.index ?? -1) + 1;
  }

  /** The proof of the last entry that is certain here, or of one before it. */
  get certificate(): Certificate | undefined {
    return this.#certificate;
  }

  get ballot(): Ballot {
    return this.#ballot;
  }

  /** The first entry, certain or not. */
  get genesis(): Entry | undefined {
    return this.#genesis;
  }

  /** What comes before the entries in memory. */
  get base(): LogBase {
    return this.#window.base;
  }

  /** The entries in memory, from the base on, certain or not. */
  get recent(): readonly Entry[] {
    return this.#window.entries;
  }

  /** Entries on this disk that are not certain. */
  get tail(): readonly Entry[] {
    return this.#window.slice(this.#length);
  }

  /** The certain entry at an index, where there is one and it is among those in memory. */
  at(index: number): Entry | undefined {
    return index < this.#length ? this.#window.at(index) : undefined;
  }

  /** Lines of certain entries from an index on, up to `endIndex` or the end: from memory, or else from the store. */
  async lines(fromIndex = 0, endIndex = this.#length): Promise<string[]> {
    const end = Math.min(endIndex, this.#length);
    if (fromIndex >= end || fromIndex < this.first) return [];
    if (!this.#window.reaches(fromIndex)) {
      return this.#store.readLog(LOG, fromIndex - this.first, end - fromIndex);
    }
    return this.#window.slice(fromIndex, end).map((entry) => Journal.line(entry));
  }

  /** Certain entries from an index on, up to `endIndex` or the end: from memory, or else from the store. */
  async entries(fromIndex = 0, endIndex = this.#length): Promise<readonly Entry[]> {
    const end = Math.min(endIndex, this.#length);
    if (this.#window.reaches(fromIndex)) return this.#window.slice(fromIndex, end);
    const lines = await this.lines(fromIndex, end);
    return lines.map((line, offset) => storedEntry(line, fromIndex + offset));
  }

  #trim(): void {
    this.#window.trim(this.#length, this.#kept);
  }

  /** The entry's line of text, as stored and sent. */
  static line(entry: Entry): string {
    return lineOf(entry);
  }

  /** Makes and signs entries of this peer's that follow one another and the one given; they are not kept yet. */
  make(
    bodies: readonly EntryBody[],
    term: number,
    after: { readonly index: number; readonly hash: string },
  ): Promise<Entry[]> {
    return makeEntries(this.#identity, bodies, term, after);
  }

  /**
   * Throws a JournalError unless these follow one another and the one given (the first of a journal where none is),
   * match their hashes and are signed by their authors.
   */
  async check(entries: readonly Entry[], after: EntryPlace | undefined): Promise<void> {
    let before = after;
    for (const entry of entries) {
      await checkNext(entry, before, this.#identity);
      before = entry;
    }
  }

  /** Throws a JournalError unless the entry matches its hash and is signed by its author. */
  checkAlone(entry: Entry): Promise<void> {
    return checkSigned(entry, this.#identity);
  }

  /** Keeps what is before `from` and puts these after it; on the disk when it resolves. */
  async write(from: number, entries: readonly Entry[]): Promise<void> {
    const lines = entries.map((entry) => Journal.line(entry));
    if (from < this.#length) throw new JournalError(`entry ${from} is certain`, { index: from });
    if (from === this.#window.end) await this.#store.appendLog(LOG, ...lines);
    else {
      const kept = await this.#store.readLog(LOG, 0, from - this.first);
      await this.#store.replaceLog(LOG, [...kept, ...lines]);
    }
    this.#window.put(from, entries);
    if (from === 0) this.#genesis = entries[0];
    for (const line of lines) this.#bytes += line.length + 1;
  }

  /** On the disk when it resolves: before that, this peer must not say that it voted. */
  async keepBallot(ballot: Ballot): Promise<void> {
    await this.#store.writeBlob(BALLOT, canonicalBytes({ ...ballot }));
    this.#ballot = ballot;
  }

  /** The next entry, which is on the disk already, is certain. */
  settle(): void {
    if (this.#length >= this.#window.end) throw new JournalError('nothing is left to be certain of');
    this.#length++;
    this.#proofs.noteEntry(this.at(this.#length - 1)!);
    this.#trim();
  }

  /** Certificates of changes of keepers and of the newest summary that are in a stretch of entries, in order. */
  proofsIn(fromIndex: number, endIndex: number): Certificate[] {
    return this.#proofs.all().filter(({ index }) => index >= fromIndex && index < endIndex);
  }

  /** The first certificate from the newest commit on that certifies a summary. */
  summaryCertificate(index: number): Certificate | undefined {
    return this.#proofs.ofSummary(index);
  }

  /**
   * Who has kept the run's journal up to an entry, with proofs; undefined where some are missing.
   * @param mostEntries more than these are no skeleton
   */
  async skeleton(index: number, mostEntries: number): Promise<Skeleton | undefined> {
    const proved = this.#proofs.changesTo(index);
    if (this.#genesis === undefined || proved === undefined) return undefined;
    const { entries: known = [this.#genesis], certificates = [] } = this.#start?.skeleton ?? {};
    const count = proved.reduce(
      (sum, { from, certificate }) => sum + certificate.index - from + 1,
      known.length,
    );
    if (count > mostEntries) return undefined;
    const entries = [...known];
    for (const { from, certificate } of proved)
      entries.push(...(await this.entries(from, certificate.index + 1)));
    return { entries, certificates: [...certificates, ...proved.map(({ certificate }) => certificate)] };
  }

  /** Keeps the proof of how far the journal is certain. */
  async prove(certificate: Certificate): Promise<void> {
    this.#certificate = certificate;
    this.#proofs.note(certificate);
    await this.#certificates.add(certificate, this.#proofs.all());
  }

  /** Takes another journal in place of this one, whole; what it says is certain must have been proved. */
  async adopt(entries: readonly Entry[], certificate: Certificate): Promise<void> {
    await this.check(entries, undefined);
    await this.#certificates.clear();
    await this.#store.replaceLog(
      LOG,
      entries.map((entry) => Journal.line(entry)),
    );
    this.#start = undefined;
    this.#proofs = new Proofs(false);
    this.#window.restart(emptyBase(GENESIS_PREVIOUS), entries);
    for (const entry of entries) this.#proofs.noteEntry(entry);
    this.#genesis = entries[0];
    this.#bytes = entries.reduce((sum, entry) => sum + Journal.line(entry).length + 1, 0);
    this.#length = certificate.index + 1;
    this.#trim();
    await this.prove(certificate);
  }

  /**
   * Goes on from a summary that has been proved, and entries after it that are not certain here yet, in place of all that
   * is here. That stays on the disk under other names. After a crash the journal is the one or the other: the log's
   * first entry says which start is its own.
   */
  async begin(start: JournalStart, entries: readonly Entry[]): Promise<void> {
    const first = start.index + 1;
    const store = this.#store;
    for (const name of [CERTIFICATES, LOG]) await copyLog(store, name, beforeName(name, first));
    const lines = entries.map((entry) => Journal.line(entry));
    await store.writeBlob(startName(first), encodeStart(start));
    await this.#certificates.clear();
    await store.replaceLog(LOG, lines);
    this.#beginAt(start);
    this.#window.put(first, entries);
    for (const line of lines) this.#bytes += line.length + 1;
  }

  #beginAt(start: JournalStart): void {
    const { index, term, hash, keepers } = start;
    this.#start = start;
    this.#proofs = new Proofs(true);
    this.#window.restart({ index, term, hash, keepers, certificate: undefined }, []);
    [this.#genesis] = start.skeleton.entries;
    this.#length = index + 1;
    this.#bytes = 0;
    this.#certificate = undefined;
  }
}
