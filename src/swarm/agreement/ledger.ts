// The journal as a running peer uses it. What this peer leads with is proposed here and is there when the keepers have
// agreed on it; what is certain, from whomever it comes, is applied to the run's state and acted on, one entry after
// another, each once.

import type { Certificate } from '../../journal/consensus/messages.ts';
import type { ConsensusMessage } from '../../journal/consensus/wire.ts';
import { type Entry, type EntryBody, JournalError, parseEntry } from '../../journal/entry.ts';
import { Journal, type JournalOptions } from '../../journal/journal.ts';
import type { RefoundingProposal } from '../../journal/refounding.ts';
import { checkStretch, type JournalStart, keepersBy, type Skeleton } from '../../journal/skeleton.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Store } from '../../seams/store.ts';
import { Keeping } from './keeping.ts';
import { RunState } from '../run-state.ts';
import { decodeSummary, encodeSummary, SUMMARY_EVERY } from '../summary.ts';

export interface LedgerParts {
  readonly journal: Journal;
  /** What the journal says as far as it is certain. */
  readonly state: RunState;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly self: PeerName;
  /** Commits of multiples of so many iterations certify a summary of the journal before them. */
  readonly summaryEvery?: number | undefined;
  /** How long a tick of agreement is now. */
  readonly tickSeconds: () => number;
  /** Runs for each entry, in order, after the state has changed; the next entry waits for it. */
  readonly react: (entry: Entry) => Promise<void>;
  /** Sends what this peer has ordered to those that are no keepers. */
  readonly broadcast: (
    entries: readonly Entry[],
    certificate: Certificate,
    keepers: readonly PeerName[],
  ) => void;
  readonly send: (to: PeerName, message: ConsensusMessage, entries: readonly Entry[]) => void;
  /** This peer leads from here on: the entry that says so is certain and applied. */
  readonly leads: () => void;
  /** It led and does not any more. */
  readonly deposed: () => void;
  /** A leader has dropped entries that this peer lacks: they are to be asked for. */
  readonly lacks: (leader: PeerName) => void;
  /** An entry that the keepers agreed on makes no sense; it is passed over, by everyone alike. */
  readonly senseless: (problem: Error) => void;
  readonly failed: (error: Error) => void;
}

/** A store's journal, and what it says; throws a JournalError when it is not sound. */
export async function openJournal(
  identity: Identity,
  store: Store,
  senseless: (problem: JournalError) => void,
  options: Omit<JournalOptions, 'begin' | 'replay'> = {},
): Promise<{ journal: Journal; state: RunState }> {
  let state = new RunState(identity.digest);
  const begin = ({ summary }: JournalStart) => {
    state = RunState.from(decodeSummary(new TextEncoder().encode(summary)), identity.digest);
  };
  const replay = (entry: Entry) => {
    applyTo(state, entry, senseless);
  };
  const journal = await Journal.open(identity, store, { ...options, begin, replay });
  return { journal, state };
}

/** Whether the entry made sense; the state is as it was when it did not. */
function applyTo(state: RunState, entry: Entry, senseless: (problem: JournalError) => void): boolean {
  try {
    state.apply(entry);
    return true;
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    senseless(error);
    return false;
  }
}

/** What to order, or what gives it in its turn. */
export type Orders = readonly EntryBody[] | (() => readonly EntryBody[]);

/** Which run's journal this is; entries of any other are refused. */
export interface RunName {
  readonly runId: string;
  readonly founder: PeerName;
  readonly seed: number;
}

/** What stands in place of the entries before a commit, for somebody who lacks them. */
export interface SummaryOffer {
  /** Where the commit stands that certifies it. */
  readonly index: number;
  /** As canonical JSON. */
  readonly state: Uint8Array;
  readonly skeleton: Skeleton;
}

/** A summary, and who kept the journal until then, are no more than this each: they go in one message. */
const MOST_SUMMARY_BYTES = 1024 * 1024;
const MOST_SKELETON_ENTRIES = 2048;

const NOBODY: readonly PeerName[] = [];

export class Ledger {
  readonly journal: Journal;
  readonly #parts: LedgerParts;
  #state: RunState;
  #run: RunName | undefined;
  #keeping: Keeping | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #orders: Promise<unknown> = Promise.resolve();

  constructor(parts: LedgerParts) {
    this.journal = parts.journal;
    this.#parts = parts;
    this.#state = parts.state;
  }

  get state(): RunState {
    return this.#state;
  }

  /** Entries that are certain, applied here already or about to be. */
  get certainLength(): number {
    return this.#keeping?.certainLength ?? this.journal.length;
  }

  /** Who leads, as far as the keepers know; empty when nobody does or this peer is none. */
  get leader(): PeerName {
    return this.#keeping?.leader ?? '';
  }

  /** Who keeps the journal as far as this peer's goes, also by an entry that is not certain. */
  get keepers(): readonly PeerName[] {
    return this.#keeping?.keepers ?? NOBODY;
  }

  get isKeeper(): boolean {
    return this.#keeping?.keepers.includes(this.#parts.self) ?? false;
  }

  /**
   * From here on only this run's entries are taken, and this peer does its part in keeping them. Throws a JournalError
   * when the journal is another run's already.
   */
  bind(run: RunName): void {
    this.#run = run;
    const { journal } = this;
    const { genesis } = journal;
    if (genesis !== undefined) this.#checkRun(genesis);
    const { self, clock, identity, tickSeconds, send, deposed, lacks, failed } = this.#parts;
    this.#keeping = new Keeping(
      {
        self,
        clock,
        identity,
        journal,
        ...run,
        tickSeconds,
        send,
        certain: (entries, certificate) => this.#certain(entries, certificate),
        elected: () => void this.#takeOver().catch(failed),
        deposed,
        lacks,
        failed,
      },
      genesis !== undefined,
    );
  }

  stop(): void {
    this.#keeping?.stop();
  }

  #checkRun({ body, author, index }: Entry): void {
    if (body.kind !== 'genesis' || this.#run === undefined) return;
    if (body.runId !== this.#run.runId || author !== this.#run.founder) {
      throw new JournalError(`entry ${index} begins the journal of another run`, { index, author });
    }
  }

  /** Runs work between entries, never beside them. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  // ---- leading

  /** Begins the run's journal, with this peer as its only keeper. */
  async found(): Promise<void> {
    const { runId, founder } = this.#run!;
    await this.#keeping!.found({ kind: 'genesis', runId, founder });
  }

  /**
   * Orders entries of this peer's as the leader; resolves when they are certain and applied here. Does nothing when
   * another peer has come to lead. What depends on the state as it is then is given as a function.
   */
  order(wanted: Orders): Promise<void> {
    const turn = this.#orders.then(async () => {
      await this.inTurn(async () => {}); // what is certain already is applied
      const keeping = this.#keeping;
      if (keeping === undefined || this.#state.leader !== this.#parts.self) return;
      const bodies = this.#summedUp(typeof wanted === 'function' ? wanted() : wanted);
      const [body] = bodies;
      if (body === undefined) return;
      const { length: index } = this.journal;
      this.#state.check({ index, term: this.#state.term, author: this.#parts.self, body }); // before anyone hears of it
      if (await keeping.propose(bodies)) await this.inTurn(async () => {});
    });
    this.#orders = turn.catch(() => {});
    return turn;
  }

  /** Now and then a commit that comes first says what the entries before it have led to. */
  #summedUp(bodies: readonly EntryBody[]): readonly EntryBody[] {
    const { identity, summaryEvery = SUMMARY_EVERY } = this.#parts;
    const [commit, ...rest] = bodies;
    if (commit?.kind !== 'commit' || commit.iteration % summaryEvery !== 0) return bodies;
    const summary = this.#state.summaryDigest(identity.digest);
    return summary === undefined ? bodies : [{ ...commit, summary }, ...rest];
  }

  /** The first entry of a term says who leads it. */
  async #takeOver(): Promise<void> {
    const { self, leads } = this.#parts;
    const reason = this.journal.length === 0 ? 'it founded the run' : 'the keepers elected it';
    if (!(await this.#keeping!.propose([{ kind: 'leader', peer: self, reason }]))) return;
    await this.inTurn(async () => {
      if (this.#keeping!.leads && this.#state.leader === self) leads();
    });
  }

  /** What founding the run again from what is certain here would be. */
  get refoundingProposal(): RefoundingProposal {
    const { journal } = this;
    return {
      run: this.#run?.runId ?? '',
      term: Math.max(journal.ballot.term, journal.lastTerm, this.#keeping?.term ?? 0) + 1,
      index: journal.length,
      previous: journal.lastHash,
      peer: this.#parts.self,
    };
  }

  /**
   * Founds the run again from what is certain here, because most keepers are gone: what was not certain is lost, and
   * this peer is the only keeper at first. Does nothing when the journal is not any more as it was when others agreed.
   */
  async refound(body: Extract<EntryBody, { kind: 'refound' }>, agreed: RefoundingProposal): Promise<void> {
    const { journal } = this;
    let holds = false;
    await this.inTurn(async () => {
      const now = this.refoundingProposal;
      holds = now.index === agreed.index && now.previous === agreed.previous && now.term === agreed.term;
      if (!holds) return;
      await this.#keeping!.reopen(async () => {
        const after = { index: journal.length - 1, hash: journal.lastHash };
        await journal.write(journal.length, await journal.make([body], agreed.term, after));
        await journal.keepBallot({ term: agreed.term, votedFor: this.#parts.self });
      });
    });
    if (holds) this.#keeping!.campaign();
  }

  /** The leader is lost: the keepers need not wait for it to say nothing. */
  leaderLost(peer: PeerName): void {
    this.#keeping?.leaderLost(peer);
  }

  /** What a leader has ordered makes no sense: another is to lead. */
  distrust(leader: PeerName): void {
    this.#keeping?.distrust(leader);
  }

  /** Has another keeper lead in place of this peer. */
  handOver(to: PeerName): void {
    this.#keeping?.handOver(to);
  }

  // ---- hearing

  /** Takes what another keeper says. */
  async hear(from: PeerName, message: ConsensusMessage): Promise<void> {
    await this.#keeping?.hear(from, message);
  }

  /**
   * Takes entries that another peer handed on. Throws a JournalError when they prove nothing.
   * @returns 'ok'; 'gap' when entries before them are missing; 'fork' when they contradict what is certain here
   */
  async take(lines: readonly string[], certificate: Certificate | undefined): Promise<'ok' | 'gap' | 'fork'> {
    const entries = lines.map(parseEntry);
    for (const entry of entries) this.#checkRun(entry);
    const [first] = entries;
    if (certificate === undefined || this.#keeping === undefined) {
      throw new JournalError('entries without a certificate', first);
    }
    const outcome = await this.#keeping.take(entries, certificate);
    return outcome === 'gap' || outcome === 'fork' ? outcome : 'ok';
  }

  /** Applies what is certain, in turn. */
  #certain(entries: readonly Entry[], certificate: Certificate): void {
    const { react, broadcast, self, failed } = this.#parts;
    this.inTurn(async () => {
      if (entries.some(({ author }) => author === self) && this.#keeping!.leads) {
        broadcast(entries, certificate, this.#keeping!.keepers);
      }
      for (const entry of entries) {
        if (entry.index !== this.journal.length) continue; // another journal has taken this one's place meanwhile
        this.journal.settle();
        if (this.#apply(entry)) await react(entry);
      }
      await this.journal.prove(certificate);
    }).catch(failed);
  }

  #apply(entry: Entry): boolean {
    return applyTo(this.#state, entry, this.#parts.senseless);
  }

  /**
   * Takes a whole journal in place of this one, and calls `adopted` in the same turn: whoever is let into a run takes
   * the journal of who leads it. Throws a JournalError, and changes nothing, when it is not sound or another run's.
   */
  async adopt(lines: readonly string[], certificate: Certificate, adopted: () => void): Promise<void> {
    const entries = lines.map(parseEntry).slice(0, certificate.index + 1);
    for (const entry of entries) this.#checkRun(entry);
    await this.journal.check(entries, undefined);
    if (entries.at(-1)?.hash !== certificate.hash) {
      throw new JournalError('a journal that does not end where its certificate says');
    }
    await this.inTurn(async () => {
      await this.#keeping!.reopen(() => this.journal.adopt(entries, certificate));
      this.#state = new RunState(this.#parts.identity.digest);
      for (const entry of entries) this.#apply(entry);
      adopted();
    });
  }

  // ---- beginning in the middle

  /**
   * What a peer may read in place of the entries before the newest summary: where they are not here, and for one that
   * has none at all where it is fewer bytes. Undefined when it is to read entries. After the run was founded again, it
   * is the last summary of before: half of the members have agreed, and who they were, the entries since then show.
   */
  async summaryFor(fromIndex: number): Promise<SummaryOffer | undefined> {
    const { journal, state } = this;
    const { summarised } = state;
    if (summarised === undefined || fromIndex >= summarised.index) return undefined;
    const { index, summary } = summarised;
    const isNeeded = fromIndex < journal.first;
    if (!isNeeded && fromIndex > 0) return undefined;
    const encoded = encodeSummary(summary);
    const skeleton = await journal.skeleton(index - 1, MOST_SKELETON_ENTRIES);
    if (skeleton === undefined) return undefined;
    const skeletonBytes = skeleton.entries.reduce((sum, entry) => sum + Journal.line(entry).length, 0);
    if (Math.max(encoded.length, skeletonBytes) > MOST_SUMMARY_BYTES) return undefined;
    const entriesBytes = (journal.bytes * index) / journal.length;
    if (!isNeeded && encoded.length + skeletonBytes >= entriesBytes) return undefined;
    const certificate = journal.summaryCertificate(index);
    if (certificate === undefined) return undefined;
    try {
      const stretch = await journal.entries(index, certificate.index + 1);
      await checkOffer(skeleton, stretch, certificate, this.#run!, unsigned(this.#parts.identity));
    } catch (error) {
      if (error instanceof JournalError) return undefined; // keepers changed faster than there are certificates here
      throw error;
    }
    return { index, state: encoded, skeleton };
  }

  /**
   * Begins this journal anew with a summary and the commit that certifies it; those entries are still to be taken. Calls
   * `begun` in the same turn. Throws a JournalError, and changes nothing, when it is not proved.
   * @param lines from that commit on
   * @param certificates of some of them, in order
   */
  async begin(
    { state: encoded, skeleton }: Pick<SummaryOffer, 'state' | 'skeleton'>,
    lines: readonly string[],
    certificates: readonly Certificate[],
    begun: () => void,
  ): Promise<void> {
    const { identity } = this.#parts;
    const run = this.#run!;
    const entries = lines.map(parseEntry);
    const [first] = entries;
    if (first?.body.kind !== 'commit' || first.body.summary === undefined) {
      throw new JournalError('a summary without the commit that certifies it', first);
    }
    const [index, term] = [first.index - 1, first.term];
    await this.journal.check(entries, { index, term, hash: first.previous });
    const certificate = certificates.find((one) => one.index > index);
    if (certificate === undefined) throw new JournalError('a summary without a certificate', first);
    const stretch = entries.filter((entry) => entry.index <= certificate.index);
    const keepers = await checkOffer(skeleton, stretch, certificate, run, identity);
    const base = { index, term, hash: first.previous, keepers, certificate: undefined };
    const summary = decodeSummary(encoded);
    const state = RunState.from(summary, identity.digest);
    state.check(first);
    const isRuns = state.runId === run.runId && state.founder === run.founder && state.refounded.length === 0;
    if (!isRuns || !isSame(state.keepers, keepers)) {
      throw new JournalError(`the summary at entry ${first.index} is of another run`, first);
    }
    const start = { ...base, summary: new TextDecoder().decode(encodeSummary(summary)), skeleton };
    await this.inTurn(async () => {
      if (this.journal.length > index || this.certainLength > index) return; // it has come to know more meanwhile
      await this.#keeping!.reopen(() => this.journal.begin(start));
      this.#state = state;
      begun();
    });
  }
}

/** Who kept the journal before a summary's commit. Throws a JournalError unless they have certified it. */
async function checkOffer(
  skeleton: Skeleton,
  stretch: readonly Entry[],
  certificate: Certificate,
  run: RunName,
  identity: Pick<Identity, 'digest' | 'verify'>,
): Promise<readonly PeerName[]> {
  const keepers = await keepersBy(skeleton, run, stretch[0]!.index - 1, identity);
  await checkStretch(stretch, certificate, keepers, run.runId, identity);
  return keepers;
}

/** Signatures on one's own disk have been checked. */
function unsigned({ digest }: Identity): Pick<Identity, 'digest' | 'verify'> {
  return { digest, verify: async () => true };
}

function isSame(one: readonly PeerName[], other: readonly PeerName[]): boolean {
  return one.length === other.length && one.every((peer, place) => peer === other[place]);
}
