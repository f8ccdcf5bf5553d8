// The journal as a running peer uses it. What this peer leads with is proposed here and is there when the keepers have
// agreed on it; what is certain, from whomever it comes, is applied to the run's state and acted on, one entry after
// another, each once.

import type { Certificate } from '../../journal/consensus/messages.ts';
import type { ConsensusMessage } from '../../journal/consensus/wire.ts';
import { type Entry, type EntryBody, JournalError, parseEntry } from '../../journal/entry.ts';
import type { Journal } from '../../journal/journal.ts';
import type { RefoundingProposal } from '../../journal/refounding.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';
import { type Asked, checkEnd, checkOffer, offerFor, type SummaryOffer } from './beginning.ts';
import { checkFoundings } from './founding.ts';
import { Keeping } from './keeping.ts';
import { applyTo } from './opening.ts';
import { RunState } from '../run-state.ts';
import { SUMMARY_EVERY } from '../summary.ts';

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

/** What to order, or what gives it in its turn. */
export type Orders = readonly EntryBody[] | (() => readonly EntryBody[]);

/** Which run's journal this is; entries of any other are refused. */
export interface RunName {
  readonly runId: string;
  readonly founder: PeerName;
  readonly seed: number;
}

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
    if (entries.some(({ body }) => body.kind === 'refound')) {
      await this.inTurn(async () => checkFoundings(entries, this.#state, this.journal.length));
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
      if (this.journal.at(certificate.index)?.hash === certificate.hash)
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
    await checkEnd(entries, certificate, this.#run!.runId, this.#parts.identity);
    await this.inTurn(async () => {
      await this.#keeping!.reopen(() => this.journal.adopt(entries, certificate));
      this.#state = new RunState(this.#parts.identity.digest);
      for (const entry of entries) this.#apply(entry);
      adopted();
    });
  }

  // ---- beginning in the middle

  /** What a peer may read in place of the entries before the newest summary; undefined when it is to read entries. */
  async summaryFor(asked: Asked): Promise<SummaryOffer | undefined> {
    return offerFor(asked, this.journal, this.#state, this.#parts.identity);
  }

  /**
   * Goes on from a summary and the commit that certifies it, up to the first certificate; the entries are still to be
   * taken. Calls `begun` in the same turn. Nothing is done where this journal has what is certified there, unless it is
   * to be replaced whatever it has. Throws a JournalError, and changes nothing, when the summary is not proved.
   *
   * What a keeper has signed for is not lost by it. An entry of its that is not certain goes only where another is
   * certified in its place or before it, which no majority can then have on its disks; what is certified is written in
   * the same moment, so that no crash leaves a shorter log than others count with; and its ballot stays. (Raft's
   * InstallSnapshot, figure 13, keeps what follows a snapshot under the same condition.)
   * @param lines from that commit on
   * @param certificates of some of them, in order
   */
  async begin(
    offer: Pick<SummaryOffer, 'state' | 'skeleton'>,
    lines: readonly string[],
    certificates: readonly Certificate[],
    begun: () => void,
    replacing = false,
  ): Promise<void> {
    const run = this.#run!;
    const { start, state, stretch, certificate } = await checkOffer(
      offer,
      lines,
      certificates,
      run,
      this.#parts.identity,
    );
    await this.inTurn(async () => {
      const keeping = this.#keeping!;
      const hasIt = this.certainLength > start.index || keeping.has(certificate);
      if (hasIt && !replacing) return; // it has come to know more meanwhile
      await keeping.reopen(() => this.journal.begin(start, stretch));
      this.#state = state;
      begun();
    });
  }
}
