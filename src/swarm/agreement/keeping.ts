// This peer's part in keeping the journal: the pure state machine of src/journal/consensus joined to a clock, a disk
// and other peers. What it says has been written first; what others say has been checked first. A peer that is no
// keeper runs the same and only takes what is certain.

import { checkSignatures } from '../../journal/checking.ts';
import { Keeper } from '../../journal/consensus/keeper.ts';
import type {
  Certificate,
  KeeperInput,
  KeeperMessage,
  KeeperOutcome,
  KeeperOutputs,
} from '../../journal/consensus/messages.ts';
import { consensusRules } from '../../journal/consensus/rules.ts';
import {
  acknowledgement,
  type ConsensusMessage,
  decodeKeeperMessage,
  encodeKeeperMessage,
} from '../../journal/consensus/wire.ts';
import {
  type Entry,
  type EntryBody,
  GENESIS_PREVIOUS,
  JournalError,
  parseEntry,
} from '../../journal/entry.ts';
import { Journal } from '../../journal/journal.ts';
import { type LoggedEntry, logged } from '../../journal/logged.ts';
import { generator, stream } from '../../random/index.ts';
import type { CancelTimer, Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';

/** How often a peer that is no keeper looks whether entries can be let go of. */
const IDLE_SECONDS = 5;
/** A peer that has just started first lets those elect that did not stop. */
const PATIENCE_TICKS = 20;

export interface KeepingParts {
  readonly self: PeerName;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly journal: Journal;
  readonly runId: string;
  readonly seed: number;
  /** A leader says every two ticks that it leads; ten to twenty ticks without one bring an election. */
  readonly tickSeconds: () => number;
  /** With the entries that the message carries. */
  readonly send: (to: PeerName, message: ConsensusMessage, entries: readonly Entry[]) => void;
  /** These are certain from here on, and this is the proof. */
  readonly certain: (entries: readonly Entry[], certificate: Certificate) => void;
  /** This peer leads that term: it has to say so in an entry. */
  readonly elected: (term: number) => void;
  /** It led and does not any more. */
  readonly deposed: () => void;
  /** A leader has dropped entries that this peer lacks: they are to be asked for. */
  readonly lacks: (leader: PeerName) => void;
  /** The disk does not write. */
  readonly failed: (error: Error) => void;
}

interface Waiting {
  readonly index: number;
  readonly hash: string;
  readonly resolve: (certain: boolean) => void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Keeping {
  readonly #parts: KeepingParts;
  #keeper: Keeper<LoggedEntry>;
  /** Outputs are carried out one after another. */
  #performing: Promise<void> = Promise.resolve();
  #waiting: Waiting[] = [];
  #cancelTick: CancelTimer = () => {};
  #stopped = false;
  #isReopening = false;
  #proved = '';

  constructor(parts: KeepingParts, patient: boolean) {
    this.#parts = parts;
    this.#keeper = this.#open(patient ? PATIENCE_TICKS : 0);
    this.#tick();
  }

  #open(patienceTicks: number, everKeepers: Iterable<PeerName> = []): Keeper<LoggedEntry> {
    const { self, journal, identity, seed } = this.#parts;
    const [a, b, c, d] = identity.digest(encoder.encode(self));
    const index = ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0;
    const iteration = (journal.base.index + 1 + journal.recent.length) % 2 ** 26;
    return new Keeper<LoggedEntry>({
      self,
      rules: consensusRules,
      chance: generator(stream({ runSeed: seed, purpose: 'election', iteration, index })),
      entryBytes: ({ entry }) => Journal.line(entry).length,
      ballot: journal.ballot,
      base: journal.base,
      entries: journal.recent.map(logged),
      certificate: journal.certificate,
      patienceTicks,
      everKeepers,
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTick();
    this.#release();
  }

  get term(): number {
    return this.#keeper.term;
  }

  get leads(): boolean {
    return this.#keeper.role === 'leader';
  }

  /** Who leads, as far as a keeper knows; empty when nobody does, or this peer is no keeper. */
  get leader(): PeerName {
    return this.#keeper.leader;
  }

  get keepers(): readonly PeerName[] {
    return this.#keeper.log.keepers;
  }

  /** Entries that are certain, applied here already or about to be. */
  get certainLength(): number {
    return this.#keeper.certainIndex + 1;
  }

  /** Whether this log has an entry, certain or not. */
  has({ index, hash }: { readonly index: number; readonly hash: string }): boolean {
    return this.#keeper.log.hashAt(index) === hash;
  }

  /** Begins a journal with its first entry, as its only keeper. */
  async found(genesis: EntryBody): Promise<void> {
    const { journal } = this.#parts;
    const entries = await journal.make([genesis], 0, { index: -1, hash: GENESIS_PREVIOUS });
    await journal.write(0, entries);
    this.#keeper = this.#open(0);
    this.#cancelTick();
    this.#tick();
    this.#step({ kind: 'campaign' });
  }

  /** Stands for election at once. */
  campaign(): void {
    this.#step({ kind: 'campaign' });
  }

  leaderLost(leader: PeerName): void {
    this.#step({ kind: 'leaderLost', leader });
  }

  /** What a keeper has ordered makes no sense: see the state machine's input. */
  distrust(keeper: PeerName): void {
    this.#step({ kind: 'distrust', keeper });
  }

  /** Has another keeper lead, if it has everything. */
  handOver(to: PeerName): void {
    this.#step({ kind: 'handOver', to });
  }

  /** Proposes entries as the leader; whether they became certain. */
  async propose(bodies: readonly EntryBody[]): Promise<boolean> {
    const { journal } = this.#parts;
    for (;;) {
      if (!this.leads || this.#stopped) return false;
      const { term, log } = this.#keeper;
      const after = { index: log.lastIndex, hash: log.hashAt(log.lastIndex)! };
      const entries = await journal.make(bodies, term, after);
      const { outcome } = this.#step({ kind: 'propose', term, entries: entries.map(logged) });
      if (outcome === 'not-next') continue; // something came in between
      if (outcome !== 'ok') return false;
      const { index, hash } = entries.at(-1)!;
      return new Promise((resolve) => this.#waiting.push({ index, hash, resolve }));
    }
  }

  /** Takes what a keeper says; throws a JournalError when it is nothing a keeper would say. */
  async hear(from: PeerName, wire: ConsensusMessage): Promise<void> {
    const message = decodeKeeperMessage(wire, (bytes) => logged(parseEntry(decoder.decode(bytes))));
    if (message.kind === 'install') {
      const knowsNobody = this.#keeper.certainIndex < 0;
      this.#message(from, signOfLife(message));
      // the leader's memory begins after this journal's end: what lies between is read from its disk
      if (message.base.index > this.#keeper.certainIndex && (this.leader === from || knowsNobody)) {
        this.#parts.lacks(from);
      }
      return;
    }
    await this.#check(from, message);
    this.#message(from, message);
  }

  #message(from: PeerName, message: KeeperMessage<LoggedEntry>): void {
    const { wrong } = this.#step({ kind: 'message', from, message });
    if (wrong !== undefined) throw new JournalError(`from ${from}: ${wrong}`);
  }

  async #check(from: PeerName, message: KeeperMessage<LoggedEntry>): Promise<void> {
    const { identity, runId } = this.#parts;
    switch (message.kind) {
      case 'append':
        for (const { index, hash, entry } of message.entries) {
          if (this.#keeper.log.hashAt(index) !== hash) await this.#parts.journal.checkAlone(entry);
        }
        if (message.certificate) await this.#checkProof(message.certificate);
        return;
      case 'appended': {
        if (message.signature === undefined) return;
        const said = acknowledgement(runId, message);
        if (await identity.verify(from, said, message.signature)) return;
        throw new JournalError(
          `${from} acknowledges entry ${message.index} with a signature that is not its own`,
        );
      }
      default:
        return;
    }
  }

  async #checkProof(certificate: Certificate): Promise<void> {
    const { identity, runId } = this.#parts;
    const { index, hash } = certificate;
    if (index <= this.#keeper.certainIndex || this.#proved === hash) return;
    await checkSignatures(certificate, runId, identity);
    this.#proved = hash;
  }

  /** Takes entries that anyone handed on, with their proof. Throws a JournalError when they prove nothing. */
  async take(entries: readonly Entry[], certificate: Certificate): Promise<KeeperOutcome> {
    await this.#checkProof(certificate);
    for (const entry of entries) {
      if (this.#keeper.log.hashAt(entry.index) !== entry.hash) await this.#parts.journal.checkAlone(entry);
    }
    const { outcome } = this.#step({ kind: 'certified', entries: entries.map(logged), certificate });
    if (outcome === 'not-certified') {
      const { index } = certificate;
      throw new JournalError(`entry ${index} comes with a certificate that does not prove it`, { index });
    }
    return outcome;
  }

  /**
   * Begins anew from what the journal holds after a change, as when another has taken its place. What is said meanwhile
   * is not heard, like a message that was lost: an answer would be about a journal that is here no more.
   */
  async reopen(change: () => Promise<void>): Promise<void> {
    const led = this.leads;
    this.#isReopening = true;
    this.#release();
    try {
      await this.#settled();
      await this.#keepSigned();
      await change();
      this.#keeper = this.#open(0, this.#keeper.everKeepers);
    } catch (error) {
      this.#parts.failed(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      this.#isReopening = false;
    }
    if (led) this.#parts.deposed();
    this.#cancelTick();
    if (!this.#stopped) this.#tick();
  }

  /** Entries of this term that are not certain may go now: this peer does not sign for others in their place. */
  async #keepSigned(): Promise<void> {
    const { journal } = this.#parts;
    const { term, log, certainIndex } = this.#keeper;
    if (journal.ballot.term !== term || log.lastTerm !== term || log.lastIndex <= certainIndex) return;
    const signedUpTo = Math.max(log.lastIndex, journal.ballot.signedUpTo ?? -1);
    await journal.keepBallot({ ...journal.ballot, signedUpTo });
  }

  /** Resolves when everything that came out so far is on the disk and sent. */
  async #settled(): Promise<void> {
    for (let last: unknown; last !== this.#performing; ) {
      last = this.#performing;
      await this.#performing;
    }
  }

  #tick(): void {
    // a peer that is no keeper has nothing to say by itself
    const seconds = this.#keeper.isKeeper ? this.#parts.tickSeconds() : IDLE_SECONDS;
    this.#cancelTick = this.#parts.clock.schedule(seconds, () => {
      if (this.#stopped) return;
      this.#step({ kind: 'tick' });
      const { index } = this.#parts.journal.base;
      if (index > this.#keeper.log.base.index) this.#step({ kind: 'compact', upTo: index });
      this.#tick();
    });
  }

  #step(input: KeeperInput<LoggedEntry>): KeeperOutputs<LoggedEntry> {
    if (this.#stopped || this.#isReopening) return { messages: [], committed: [], outcome: 'not-leader' };
    const { isKeeper } = this.#keeper;
    const outputs = this.#keeper.step(input);
    if (!isKeeper && this.#keeper.isKeeper) {
      this.#cancelTick(); // from here on it counts the leader's silence
      this.#tick();
    }
    const { messages, ballot, log, sign, committed, elected, deposed } = outputs;
    if (deposed) this.#deposed();
    if (messages.length + committed.length > 0 || ballot || log || sign || elected !== undefined) {
      const keeper = this.#keeper;
      this.#performing = this.#performing
        .then(() => (this.#stopped || keeper !== this.#keeper ? undefined : this.#perform(outputs)))
        .catch((error: Error) => this.#parts.failed(error));
    }
    return outputs;
  }

  async #perform(outputs: KeeperOutputs<LoggedEntry>): Promise<void> {
    const { journal, identity, runId, send, certain, elected } = this.#parts;
    if (outputs.ballot) await journal.keepBallot(outputs.ballot);
    if (outputs.log) {
      const { from, entries } = outputs.log;
      await journal.write(
        from,
        entries.map(({ entry }) => entry),
      );
    }
    for (const { to, message } of outputs.messages) {
      send(
        to,
        encodeKeeperMessage(message, ({ entry }) => encoder.encode(Journal.line(entry))),
        message.kind === 'append' ? message.entries.map(({ entry }) => entry) : [],
      );
    }
    if (outputs.committed.length > 0) {
      certain(
        outputs.committed.map(({ entry }) => entry),
        outputs.certificate!,
      );
      this.#release((waiting) => waiting.index <= outputs.certificate!.index);
    }
    if (outputs.elected !== undefined) elected(outputs.elected);
    if (outputs.sign) {
      const signature = await identity.sign(acknowledgement(runId, outputs.sign));
      this.#step({ kind: 'signed', ...outputs.sign, signature });
    }
  }

  #deposed(): void {
    this.#parts.deposed();
    this.#release();
  }

  /** Tells those who wait for entries of these what became of them; without a choice, all of them. */
  #release(which: (waiting: Waiting) => boolean = () => true): void {
    const told = this.#waiting.filter(which);
    this.#waiting = this.#waiting.filter((waiting) => !told.includes(waiting));
    for (const { index, hash, resolve } of told) {
      resolve(index <= this.#keeper.certainIndex && this.#keeper.log.hashAt(index) === hash);
    }
  }
}

/** A leader that would have its log begin elsewhere is heard; what it lacks before that is none of the message's. */
function signOfLife({
  term,
  base,
}: Extract<KeeperMessage<LoggedEntry>, { kind: 'install' }>): KeeperMessage<LoggedEntry> {
  const { index: previousIndex, hash: previousHash } = base;
  return { kind: 'append', term, previousIndex, previousHash, entries: [], certificate: undefined };
}
