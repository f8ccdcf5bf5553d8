// The run's ordered log: entries chained by hash, each signed by who ordered it. Up to its length it is certain: a
// certificate proves that a majority of the keepers has it. The entries after that are on this disk because this peer
// answers for them as a keeper, and may still be taken back. Who may append is decided by agreement (consensus/). The
// disk has all of it; memory the newest part, and what is older is read again when somebody asks for it. A journal may
// begin in the middle of the run: a summary stands for the entries before (skeleton.ts).

import type { Identity } from '../seams/identity.ts';
import type { Store } from '../seams/store.ts';
import { canonicalBytes, canonicalJson, type Json, toHex } from './canonical.ts';
import { checkNext, checkSigned, type EntryPlace, keepersIn } from './checking.ts';
import { emptyBase } from './consensus/log.ts';
import type { Ballot, Certificate, LogBase, LogEntry } from './consensus/messages.ts';
import { type Entry, type EntryBody, GENESIS_PREVIOUS, JournalError, parseEntry } from './entry.ts';
import { remembering } from './recent.ts';
import {
  certificateLine,
  decodeStart,
  encodeStart,
  type JournalStart,
  parseCertificate,
  type Skeleton,
} from './skeleton.ts';

const LOG = 'journal';
/**
 * One line for each proof. The last says how far the journal is certain, and those of changes of keepers are a
 * skeleton's; of the others it is cleared now and then.
 */
const CERTIFICATES = 'certificates';
const MAX_CERTIFICATES = 1000;
const BALLOT = 'ballot';
/** What stands for the entries before the log's first, where that is not the run's. */
const START = 'journal-start';
/** Certain entries that stay in memory at least; twice as many at most. */
const KEPT = 512;
/** Lines that are read from the store at once. */
const PORTION = 256;

export interface JournalOptions {
  /** Told first, where the journal does not begin with the run. */
  readonly begin?: (start: JournalStart) => void;
  /** Sees every certain entry that the store holds, in order. */
  readonly replay?: (entry: Entry) => void;
  readonly kept?: number;
}

/** An entry as agreement sees it. */
export interface LoggedEntry extends LogEntry {
  readonly entry: Entry;
}

/** Characters of lines that are remembered: each goes to the disk and to several peers. */
const RECENT_CHARACTERS = 4_000_000;

const lineOf = remembering(
  (entry: Entry) => canonicalJson(entry as unknown as Json),
  (_, line) => line.length,
  RECENT_CHARACTERS,
);

/** A stretch of entries that begins with a change of keepers, up to one with a certificate. */
interface ProvedChange {
  readonly from: number;
  readonly certificate: Certificate;
}

export class Journal {
  readonly #identity: Identity;
  readonly #store: Store;
  readonly #kept: number;
  /** What is before the entries in memory. */
  #base: LogBase = emptyBase(GENESIS_PREVIOUS);
  /** As the disk has them, certain or not, from the base on. */
  #entries: Entry[] = [];
  #genesis: Entry | undefined;
  #start: JournalStart | undefined;
  #length = 0;
  #bytes = 0;
  #certificate: Certificate | undefined;
  #ballot: Ballot = { term: 0, votedFor: '' };
  #certificates = 0;
  readonly #proved: ProvedChange[] = [];
  /** The first certain entry that changes keepers and is in no stretch that is proved. */
  #unproved: number | undefined;
  /** The newest commit that certifies a summary, and the first certificate from it on; none after a founding anew. */
  #summary: { readonly index: number; certificate: Certificate | undefined } | undefined;
  /** The first certificate after a beginning in the middle: of those who certified the summary. */
  #startCertificate: Certificate | undefined;
  #isRefounded = false;
  #proving: Promise<void> = Promise.resolve();

  private constructor(identity: Identity, store: Store, kept: number) {
    this.#identity = identity;
    this.#store = store;
    this.#kept = kept;
  }

  /** Reads and checks what the store holds; a broken chain throws a JournalError that names the entry. */
  static async open(identity: Identity, store: Store, options: JournalOptions = {}): Promise<Journal> {
    const { begin, replay, kept = KEPT } = options;
    const journal = new Journal(identity, store, kept);
    const certificates = (await store.readLog(CERTIFICATES)).map(parseCertificate);
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
        const entry = parseStored(line, from + offset);
        await journal.check([entry], before);
        before = entry;
        journal.#entries.push(entry);
        journal.#bytes += line.length + 1;
        journal.#genesis ??= entry;
        if (entry.index >= certain) continue;
        journal.#length = entry.index + 1;
        if (entry.index === certificate!.index && entry.hash !== certificate!.hash) break;
        replay?.(entry);
        journal.#noteChange(entry);
        while (proof < certificates.length && certificates[proof]!.index <= entry.index) {
          journal.#noteProof(certificates[proof++]!);
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
      journal.#certificates = certificates.length;
    }
    const ballot = await store.readBlob(BALLOT);
    if (ballot !== undefined) journal.#ballot = parseBallot(ballot);
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
    return this.#length - 1 === this.#base.index ? this.#base.hash : this.at(this.#length - 1)!.hash;
  }

  get lastTerm(): number {
    return this.#length - 1 === this.#base.index ? this.#base.term : this.at(this.#length - 1)!.term;
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
    return this.#base;
  }

  /** The entries in memory, from the base on, certain or not. */
  get recent(): readonly Entry[] {
    return this.#entries;
  }

  /** Entries on this disk that are not certain. */
  get tail(): readonly Entry[] {
    return this.#entries.slice(this.#offset(this.#length));
  }

  /** The certain entry at an index, where there is one and it is among those in memory. */
  at(index: number): Entry | undefined {
    return index < this.#length ? this.#entries[this.#offset(index)] : undefined;
  }

  /** Lines of certain entries from an index on, up to `endIndex` or the end: from memory, or else from the store. */
  async lines(fromIndex = 0, endIndex = this.#length): Promise<string[]> {
    const end = Math.min(endIndex, this.#length);
    if (fromIndex >= end || fromIndex < this.first) return [];
    const from = this.#offset(fromIndex);
    if (from < 0) return this.#store.readLog(LOG, fromIndex - this.first, end - fromIndex);
    return this.#entries.slice(from, this.#offset(end)).map((entry) => Journal.line(entry));
  }

  /** Certain entries from an index on, up to `endIndex` or the end: from memory, or else from the store. */
  async entries(fromIndex = 0, endIndex = this.#length): Promise<readonly Entry[]> {
    const end = Math.min(endIndex, this.#length);
    const from = this.#offset(fromIndex);
    if (from >= 0) return this.#entries.slice(from, Math.max(from, this.#offset(end)));
    const lines = await this.lines(fromIndex, end);
    return lines.map((line, offset) => parseStored(line, fromIndex + offset));
  }

  /** Where an entry stands among those in memory; negative when it is older. */
  #offset(index: number): number {
    return index - this.#base.index - 1;
  }

  /** Lets go of the oldest certain entries in memory, once there are twice as many as are kept. */
  #trim(): void {
    const certain = this.#offset(this.#length);
    if (certain < 2 * this.#kept) return;
    const dropped = this.#entries.splice(0, certain - this.#kept);
    const { index, term, hash } = dropped.at(-1)!;
    const change = dropped.findLast(({ body }) => keepersIn(body) !== undefined);
    const keepers = change ? keepersIn(change.body)! : this.#base.keepers;
    this.#base = { index, term, hash, keepers, certificate: undefined };
  }

  /** The entry's line of text, as stored and sent. */
  static line(entry: Entry): string {
    return lineOf(entry);
  }

  /** Makes and signs entries of this peer's that follow one another and the one given; they are not kept yet. */
  async make(
    bodies: readonly EntryBody[],
    term: number,
    after: { readonly index: number; readonly hash: string },
  ): Promise<Entry[]> {
    const made: Entry[] = [];
    let { index, hash: previous } = after;
    for (const body of bodies) {
      index++;
      const unsigned = { index, term, previous, author: this.#identity.self, body };
      const bytes = this.#identity.digest(canonicalBytes(unsigned as unknown as Json));
      const hash = toHex(bytes);
      const signature = toHex(await this.#identity.sign(bytes));
      const line = canonicalJson({ ...unsigned, hash, signature } as unknown as Json);
      made.push(parseEntry(line)); // what others could not read is not written
      previous = hash;
    }
    return made;
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
    if (this.#offset(from) === this.#entries.length) await this.#store.appendLog(LOG, ...lines);
    else {
      const kept = await this.#store.readLog(LOG, 0, from - this.first);
      await this.#store.replaceLog(LOG, [...kept, ...lines]);
    }
    this.#entries.length = this.#offset(from);
    this.#entries.push(...entries);
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
    if (this.#offset(this.#length) >= this.#entries.length) {
      throw new JournalError('nothing is left to be certain of');
    }
    this.#length++;
    this.#noteChange(this.at(this.#length - 1)!);
    this.#trim();
  }

  #noteChange({ index, body }: Entry): void {
    if (index > 0 && keepersIn(body) !== undefined) this.#unproved ??= index;
    if (body.kind === 'refound') this.#isRefounded = true;
    if (body.kind !== 'commit' || body.summary === undefined || this.#isRefounded) return;
    this.#summary = { index, certificate: undefined };
  }

  #noteProof(certificate: Certificate): void {
    if (this.#start !== undefined) this.#startCertificate ??= certificate;
    if (this.#summary !== undefined && certificate.index >= this.#summary.index && !this.#isRefounded) {
      this.#summary.certificate ??= certificate;
    }
    const from = this.#unproved;
    if (from === undefined || certificate.index < from) return;
    this.#proved.push({ from, certificate });
    this.#unproved = undefined;
  }

  /** Certificates of changes of keepers and of the newest summary that are in a stretch of entries, in order. */
  proofsIn(fromIndex: number, endIndex: number): Certificate[] {
    return this.#proofs().filter(({ index }) => index >= fromIndex && index < endIndex);
  }

  #proofs(): Certificate[] {
    const proofs = new Set(this.#proved.map(({ certificate }) => certificate));
    for (const one of [this.#startCertificate, this.#summary?.certificate])
      if (one !== undefined) proofs.add(one);
    return [...proofs].sort((a, b) => a.index - b.index);
  }

  /** The first certificate from the newest commit on that certifies a summary. */
  summaryCertificate(index: number): Certificate | undefined {
    return this.#summary?.index === index ? this.#summary.certificate : undefined;
  }

  /**
   * Who has kept the run's journal up to an entry, with proofs; undefined where some are missing.
   * @param mostEntries more than these are no skeleton
   */
  async skeleton(index: number, mostEntries: number): Promise<Skeleton | undefined> {
    if (this.#genesis === undefined || (this.#unproved !== undefined && this.#unproved <= index))
      return undefined;
    const { entries: known = [this.#genesis], certificates = [] } = this.#start?.skeleton ?? {};
    const proved = this.#proved.filter(({ from }) => from <= index);
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
    this.#noteProof(certificate);
    const line = certificateLine(certificate);
    this.#proving = this.#proving.then(async () => {
      if (++this.#certificates > MAX_CERTIFICATES + this.#proofs().length) {
        const lines = new Set([...this.#proofs().map(certificateLine), line]);
        this.#certificates = lines.size;
        await this.#store.replaceLog(CERTIFICATES, [...lines]);
      } else await this.#store.appendLog(CERTIFICATES, line);
    });
    await this.#proving;
  }

  /** Takes another journal in place of this one, whole; what it says is certain must have been proved. */
  async adopt(entries: readonly Entry[], certificate: Certificate): Promise<void> {
    await this.check(entries, undefined);
    await this.#store.replaceLog(CERTIFICATES, []);
    await this.#store.replaceLog(
      LOG,
      entries.map((entry) => Journal.line(entry)),
    );
    this.#startFrom(undefined);
    this.#base = emptyBase(GENESIS_PREVIOUS);
    this.#entries = [...entries];
    for (const entry of entries) this.#noteChange(entry);
    this.#genesis = entries[0];
    this.#bytes = entries.reduce((sum, entry) => sum + Journal.line(entry).length + 1, 0);
    this.#length = certificate.index + 1;
    this.#trim();
    await this.prove(certificate);
  }

  /**
   * Goes on from a summary that has been proved, in place of the entries that it stands for. Those that are here stay on
   * the disk under another name.
   */
  async begin(start: JournalStart): Promise<void> {
    const store = this.#store;
    const before = `${LOG}-before-${start.index + 1}`;
    if (this.#length > 0) await store.replaceLog(before, []);
    for (let from = 0; ; from += PORTION) {
      const lines = await store.readLog(LOG, from, PORTION);
      if (lines.length > 0) await store.appendLog(before, ...lines);
      if (lines.length < PORTION) break;
    }
    await store.replaceLog(CERTIFICATES, []);
    await store.replaceLog(LOG, []);
    await store.writeBlob(START, encodeStart(start));
    this.#beginAt(start);
  }

  #beginAt(start: JournalStart): void {
    const { index, term, hash, keepers } = start;
    this.#startFrom(start);
    this.#base = { index, term, hash, keepers, certificate: undefined };
    [this.#genesis] = start.skeleton.entries;
    this.#entries = [];
    this.#length = index + 1;
    this.#bytes = 0;
    this.#certificate = undefined;
    this.#certificates = 0;
  }

  /** Another journal takes this one's place: what was noted of its keepers and summaries is of the old one. */
  #startFrom(start: JournalStart | undefined): void {
    this.#start = start;
    this.#startCertificate = undefined;
    this.#proved.length = 0;
    this.#unproved = undefined;
    this.#summary = undefined;
    this.#isRefounded = false;
  }
}

/** What stands for the entries before the first that a store holds; undefined where that is the run's, or there is none. */
async function storedStart(store: Store): Promise<JournalStart | undefined> {
  const [line] = await store.readLog(LOG, 0, 1);
  const bytes = line === undefined ? undefined : await store.readBlob(START);
  if (bytes === undefined) return undefined; // of a crash before there were entries after it
  const start = decodeStart(bytes);
  return parseStored(line!, 0).index === start.index + 1 ? start : undefined;
}

/** An entry as agreement sees it. */
export function logged(entry: Entry): LoggedEntry {
  const { index, term, hash, previous } = entry;
  const keepers = keepersIn(entry.body);
  return { index, term, hash, previous, entry, ...(keepers && { keepers }) };
}

function parseStored(line: string, index: number): Entry {
  try {
    return parseEntry(line);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new JournalError(`entry ${index} (line ${index + 1}): ${problem}`, { index });
  }
}

function parseBallot(bytes: Uint8Array): Ballot {
  try {
    const { term, votedFor } = JSON.parse(new TextDecoder().decode(bytes)) as Ballot;
    if (!Number.isSafeInteger(term) || term < 0 || typeof votedFor !== 'string') throw new Error('no ballot');
    return { term, votedFor };
  } catch {
    throw new JournalError('the ballot on the disk is not readable; without it this peer could vote twice');
  }
}
