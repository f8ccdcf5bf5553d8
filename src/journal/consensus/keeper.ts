// A keeper of the journal as a pure state machine: an input goes in, what to write, send, sign and apply comes out. It
// reads no clock, touches nothing, and draws chance only from the stream it was given, so that thousands of schedules
// can be tried by seed. Every peer has one; those that are no keepers only take what is certain. For the algorithm and
// its sources see messages.ts.

import type { Generator } from '../../random/index.ts';
import type { PeerName } from '../../seams/network.ts';
import { wrongAuthor } from './authors.ts';
import { Leading } from './leading.ts';
import { KeeperLog } from './log.ts';
import {
  type Ballot,
  type Certificate,
  DISTRUST_TICKS,
  ELECTION_TICKS,
  HEARTBEAT_TICKS,
  type KeeperInput,
  type KeeperMessage,
  type KeeperOutcome,
  type KeeperOutputs,
  type LogBase,
  type LogEntry,
  MAX_KEEPERS,
  MAX_TERM_LEAD,
  MAX_UNCERTAIN,
  SOON_TICKS,
} from './messages.ts';
import { Outbox } from './outbox.ts';
import { proves, weighCertified } from './proof.ts';
import type { ConsensusRules } from './rules.ts';

export type KeeperRole = 'follower' | 'preCandidate' | 'candidate' | 'leader';

export interface KeeperParts<E extends LogEntry> {
  readonly self: PeerName;
  readonly rules: ConsensusRules;
  readonly chance: Generator;
  readonly entryBytes: (entry: E) => number;
  /** What the disk holds. */
  readonly ballot: Ballot;
  readonly base: LogBase;
  readonly entries: readonly E[];
  /** The newest proof on the disk; entries after it may still be taken back. */
  readonly certificate: Certificate | undefined;
  /** Ticks that a peer which has just started waits for others to lead, beyond the usual. */
  readonly patienceTicks?: number;
  /** Who has been a keeper by a log that this one takes the place of. */
  readonly everKeepers?: Iterable<PeerName>;
}

export class Keeper<E extends LogEntry> {
  readonly #parts: KeeperParts<E>;
  readonly #log: KeeperLog<E>;
  #term: number;
  #votedFor: PeerName;
  #role: KeeperRole = 'follower';
  #leader: PeerName = '';
  #certificate: Certificate | undefined;
  /** Ticks since a leader was heard, or since this peer stood or voted. */
  #elapsed = 0;
  #timeout: number;
  #votes = new Set<PeerName>();
  #leading: Leading<E> | undefined;
  /** What this peer signed last, or was asked to sign; as follower. */
  #acknowledged: { term: number; index: number; hash: string; signature?: Uint8Array } | undefined;
  /**
   * Keepers whose orders made no sense, up to which term, and for how many more ticks. Whoever is silent towards them
   * breaks no promise of Raft's: a vote and an acknowledgement may always be withheld. When a majority is, check-quorum
   * ends their leading. One that was elected all the same, in a later term, is followed; and nobody is distrusted for
   * ever, because it may be the only one left that has everything.
   */
  readonly #distrusted = new Map<PeerName, { readonly term: number; ticks: number }>();
  /** See Ballot.signedUpTo. */
  #signedUpTo: number;
  /** Everyone who was a keeper by this log at any time: only they were ever asked anything, or led. */
  readonly #everKeepers: Set<PeerName>;
  /** When this began; of whom it asked before that, and does not know of any more, nothing can be said. */
  readonly #firstTerm: number;
  readonly #out = new Outbox<E>();

  constructor(parts: KeeperParts<E>) {
    this.#parts = parts;
    this.#log = new KeeperLog(parts.base, parts.entries);
    this.#term = Math.max(parts.ballot.term, this.#log.lastTerm);
    this.#votedFor = parts.ballot.term === this.#term ? parts.ballot.votedFor : '';
    this.#signedUpTo = (parts.ballot.term === this.#term ? parts.ballot.signedUpTo : undefined) ?? -1;
    this.#firstTerm = this.#term;
    this.#everKeepers = new Set([
      ...this.#log.base.keepers,
      ...this.#log.keepersSince(this.#log.base.index),
      ...(parts.everKeepers ?? []),
    ]);
    this.#certificate = parts.certificate ?? parts.base.certificate;
    this.#timeout = this.#drawTimeout() + (parts.patienceTicks ?? 0);
  }

  get term(): number {
    return this.#term;
  }
  get role(): KeeperRole {
    return this.#role;
  }
  /** Who leads the term, as far as this peer knows; empty when it does not. */
  get leader(): PeerName {
    return this.#leader;
  }
  get log(): Omit<KeeperLog<E>, 'write' | 'dropUpTo' | 'restart'> {
    return this.#log;
  }
  /** The last entry that is certain; -1 before the first. */
  get certainIndex(): number {
    return Math.max(this.#certificate?.index ?? -1, this.#log.base.index);
  }
  get certificate(): Certificate | undefined {
    return this.#certificate;
  }
  get everKeepers(): ReadonlySet<PeerName> {
    return this.#everKeepers;
  }
  /** Ticks since a leader was heard; 0 while this peer leads. */
  get ticksAlone(): number {
    return this.#role === 'leader' ? 0 : this.#elapsed;
  }

  step(input: KeeperInput<E>): KeeperOutputs<E> {
    switch (input.kind) {
      case 'tick':
        this.#tick();
        break;
      case 'message':
        this.#message(input.from, input.message);
        break;
      case 'propose':
        this.#out.outcome = this.#propose(input.term, input.entries);
        break;
      case 'signed':
        this.#signed(input);
        break;
      case 'certified':
        this.#out.outcome = this.#certified(input.entries, input.certificate);
        break;
      case 'campaign':
        if (this.isKeeper && this.#role !== 'leader') this.#campaign(false);
        break;
      case 'leaderLost':
        this.#leaderLost(input.leader);
        break;
      case 'distrust':
        if (input.keeper === this.#parts.self) break;
        this.#distrusted.set(input.keeper, { term: this.#term, ticks: DISTRUST_TICKS });
        this.#leaderLost(input.keeper);
        break;
      case 'handOver':
        if (this.#leading?.isUpToDate(input.to)) this.#send(input.to, { kind: 'lead', term: this.#term });
        break;
      case 'compact':
        this.#compact(input.upTo ?? this.certainIndex);
        break;
    }
    const signedUpTo = this.#signedUpTo;
    const ballot = this.#parts.rules.remember({
      term: this.#term,
      votedFor: this.#votedFor,
      ...(signedUpTo >= 0 && { signedUpTo }),
    });
    return this.#out.taken(ballot, this.#log);
  }

  // ---- time

  #tick(): void {
    for (const [keeper, distrusted] of this.#distrusted) {
      if (--distrusted.ticks <= 0) this.#distrusted.delete(keeper);
    }
    if (this.#leading) {
      const { isMajority } = this.#parts.rules;
      this.#leading.ticks++;
      if (this.#leading.ticks % ELECTION_TICKS === 0) {
        if (!isMajority(this.#leading.heard(), this.#log.keepers)) {
          this.#follow(this.#term, ''); // cut off: others may lead by now
          return;
        }
      }
      if (this.#leading.ticks % HEARTBEAT_TICKS === 0) this.#leading.beat();
      return;
    }
    this.#elapsed++;
    if (this.#elapsed >= this.#timeout && this.isKeeper) this.#askAround();
  }

  /** No leader is waited for any more: this peer stands soon, if no other does. */
  #leaderLost(leader: PeerName): void {
    if (this.#role !== 'follower' || this.#leader !== leader) return;
    this.#leader = '';
    const soon = this.#elapsed + 1 + this.#parts.chance.integerBelow(SOON_TICKS);
    this.#timeout = Math.min(this.#timeout, soon);
  }

  #drawTimeout(): number {
    return ELECTION_TICKS + this.#parts.chance.integerBelow(ELECTION_TICKS);
  }

  #rest(): void {
    this.#elapsed = 0;
    this.#timeout = this.#drawTimeout();
  }

  /** Whether a leader was heard so lately that no other is needed. */
  get #hearsLeader(): boolean {
    return this.#role === 'leader' || (this.#leader !== '' && this.#elapsed < ELECTION_TICKS);
  }

  // ---- elections

  /** One that an entry takes out stays needed until that entry is certain (Ongaro's thesis, 4.2.2). */
  get isKeeper(): boolean {
    const { self } = this.#parts;
    return this.#log.keepers.includes(self) || this.#log.keepersAt(this.certainIndex).includes(self);
  }

  #wins(): boolean {
    return this.#parts.rules.isMajority(this.#votes, this.#log.keepers);
  }

  #askAround(): void {
    this.#rest();
    this.#role = 'preCandidate';
    this.#leader = '';
    this.#votes = new Set([this.#parts.self]);
    if (this.#wins()) this.#campaign(false);
    else this.#ask({ kind: 'preVote', term: this.#term + 1, ...this.#end });
  }

  #campaign(handedOver: boolean): void {
    this.#rest();
    this.#role = 'candidate';
    this.#leader = '';
    this.#ballot(this.#term + 1, this.#parts.self);
    this.#votes = new Set([this.#parts.self]);
    if (this.#wins()) this.#lead();
    else this.#ask({ kind: 'vote', term: this.#term, handedOver, ...this.#end });
  }

  get #end(): { lastIndex: number; lastTerm: number } {
    return { lastIndex: this.#log.lastIndex, lastTerm: this.#log.lastTerm };
  }

  #ask(message: KeeperMessage<E>): void {
    for (const keeper of this.#log.keepers) if (keeper !== this.#parts.self) this.#send(keeper, message);
  }

  #ballot(term: number, votedFor: PeerName): void {
    if (term === this.#term && votedFor === this.#votedFor) return;
    if (term !== this.#term) this.#signedUpTo = -1;
    this.#term = term;
    this.#votedFor = votedFor;
    this.#out.ballotChanged = true;
  }

  #lead(): void {
    const { self, entryBytes } = this.#parts;
    this.#role = 'leader';
    this.#leader = self;
    this.#leading = new Leading<E>({
      self,
      term: this.#term,
      log: this.#log,
      entryBytes,
      send: (to, message) => this.#send(to, message),
      certificate: () => this.#certificate,
    });
    this.#out.elected = this.#term;
    this.#leading.beat();
  }

  /** Follows from here on, in a term that is this one's or later. */
  #follow(term: number, leader: PeerName): void {
    if (this.#role === 'leader') this.#out.deposed = true;
    if (this.#role !== 'follower') this.#rest();
    this.#role = 'follower';
    this.#leading = undefined;
    if (term > this.#term) this.#ballot(term, '');
    this.#leader = leader;
  }

  // ---- messages

  /**
   * Only who keeps the journal by this log is heard, by an entry that is certain or by one that is not: nobody else may
   * end a term, ask for a vote or order anything. A keeper that this peer does not know of yet is heard when the entry
   * has come that makes it one, which every member hands on with its proof. (Ongaro's thesis, 4.1, has servers hear
   * everyone; there nobody means harm.)
   */
  #message(from: PeerName, message: KeeperMessage<E>): void {
    const { kind, term } = message;
    if (this.#isAheadOfQuestion(message)) {
      this.#out.wrong = `it answers what was not asked by term ${term} (${kind})`;
      return;
    }
    if (!this.#log.keepersSince(this.certainIndex).includes(from)) {
      this.#out.wrong = this.#wrongOfStranger(from, message);
      return;
    }
    if (term > (this.#log.termAt(this.certainIndex) ?? 0) + MAX_TERM_LEAD) return;
    const leads = kind === 'append' || kind === 'install';
    if (leads && term === this.#term) {
      const leader = this.#leaderOf(term);
      if (leader !== undefined && leader !== from) {
        this.#out.wrong = `it leads term ${term}, which ${leader} leads`;
        return;
      }
    }
    const distrusted = this.#distrusted.get(from);
    if (distrusted !== undefined) {
      if (kind === 'preVote' || kind === 'vote') return;
      const orders = kind === 'append' || kind === 'install' || kind === 'lead';
      if (orders && term <= distrusted.term) return;
    }
    if (kind === 'preVote') {
      const granted = term > this.#term && this.#isAsLong(message) && !this.#hearsLeader;
      this.#send(from, { kind: 'preVoted', term: granted ? term : this.#term, granted });
      return;
    }
    // a peer that was cut off must not end the term of a leader that is heard
    if (kind === 'vote' && term > this.#term && !message.handedOver && this.#hearsLeader) return;
    if (term > this.#term && !(kind === 'preVoted' && message.granted)) {
      this.#follow(term, leads ? from : '');
    }
    if (term < this.#term) {
      if (kind === 'append' || kind === 'install') {
        this.#send(from, { kind: 'refused', term: this.#term, index: this.certainIndex });
      } else if (kind === 'vote') this.#send(from, { kind: 'voted', term: this.#term, granted: false });
      return;
    }
    this.#leading?.hears(from);
    switch (kind) {
      case 'preVoted':
        if (this.#role !== 'preCandidate' || !message.granted || term !== this.#term + 1) return;
        this.#votes.add(from);
        if (this.#wins()) this.#campaign(false);
        return;
      case 'vote': {
        const free = this.#votedFor === '' || this.#votedFor === from;
        const granted = free && this.#role === 'follower' && this.#isAsLong(message);
        if (granted) {
          this.#ballot(term, from);
          this.#rest();
        }
        this.#send(from, { kind: 'voted', term, granted });
        return;
      }
      case 'voted':
        if (this.#role !== 'candidate' || !message.granted) return;
        this.#votes.add(from);
        if (this.#wins()) this.#lead();
        return;
      case 'append':
        this.#heardLeader(from);
        this.#append(from, message);
        return;
      case 'install':
        this.#heardLeader(from);
        this.#install(from, message.base);
        return;
      case 'appended':
        this.#appended(from, message);
        return;
      case 'refused':
        this.#leading?.refused(from, message.index);
        return;
      case 'lead':
        if (from === this.#leader && this.isKeeper) this.#campaign(true);
        return;
    }
  }

  /** Whether it is an answer to a question that this peer, whose term is on its disk before it asks, did not get to. */
  #isAheadOfQuestion(message: KeeperMessage<E>): boolean {
    switch (message.kind) {
      case 'preVoted':
        return message.granted && message.term > this.#term + 1;
      case 'voted':
        return message.granted && message.term > this.#term;
      case 'appended':
        return message.term > this.#term;
      default:
        return false;
    }
  }

  /**
   * What is wrong about a message of one that is no keeper here, where it is wrong however far this log lags behind: who
   * never was one was never asked, and did not lead a term that another led.
   */
  #wrongOfStranger(from: PeerName, message: KeeperMessage<E>): string | undefined {
    if (this.#everKeepers.has(from)) return undefined;
    const { kind, term } = message;
    const unasked = `it answers a keeper that did not ask it (${kind})`;
    switch (kind) {
      case 'preVoted':
        return message.granted && term - 1 > this.#firstTerm ? unasked : undefined;
      case 'voted':
        return message.granted && term > this.#firstTerm ? unasked : undefined;
      case 'appended':
        return term > this.#firstTerm ? unasked : undefined;
      case 'append':
      case 'install':
      case 'lead': {
        const leader = this.#leaderOf(term);
        return leader === undefined || leader === from
          ? undefined
          : `it leads term ${term}, which ${leader} leads`;
      }
      default:
        return undefined;
    }
  }

  /** Who leads or led a term, where this peer knows. */
  #leaderOf(term: number): PeerName | undefined {
    if (term === this.#term && this.#leader !== '') return this.#leader;
    return this.#log.slice(this.#log.base.index + 1).findLast((entry) => entry.term === term)?.author;
  }

  #isAsLong({ lastIndex, lastTerm }: { lastIndex: number; lastTerm: number }): boolean {
    const mine = this.#log.lastTerm;
    return lastTerm > mine || (lastTerm === mine && lastIndex >= this.#log.lastIndex);
  }

  #heardLeader(from: PeerName): void {
    if (this.#role !== 'follower' || this.#leader !== from) this.#follow(this.#term, from);
    this.#rest();
  }

  // ---- following

  #append(from: PeerName, message: Extract<KeeperMessage<E>, { kind: 'append' }>): void {
    const { previousIndex, previousHash, entries, certificate, term } = message;
    const refuse = (): void =>
      this.#send(from, { kind: 'refused', term: this.#term, index: this.certainIndex });
    const [first] = entries;
    const follows =
      first === undefined || (first.index === previousIndex + 1 && first.previous === previousHash);
    if (!follows || (entries.at(-1)?.term ?? 0) > term) {
      this.#out.wrong = 'its entries do not follow what it says that they follow';
      return;
    }
    const foreign = entries.find((entry) => entry.term === term && entry.author !== from);
    if (foreign !== undefined) {
      this.#out.wrong = `it leads term ${term} with entry ${foreign.index} by ${foreign.author}`;
      return;
    }
    if (previousIndex > this.#log.base.index && this.#log.hashAt(previousIndex) !== previousHash) {
      refuse();
      return;
    }
    const joint = this.#log.join(entries);
    if (joint.kind !== 'joined') {
      refuse();
      return;
    }
    const fresh = entries.slice(joint.from);
    const [next] = fresh;
    if (next !== undefined && next.index <= this.certainIndex) {
      this.#out.wrong = `its entry ${next.index} contradicts what is certain`;
      return;
    }
    if (next !== undefined && next.index <= this.#log.lastIndex && this.#log.lastTerm === term) {
      this.#out.wrong = `its entry ${next.index} of term ${term} is another than before`; // a leader only adds
      return;
    }
    if (wrongAuthor(this.#log, fresh) !== undefined) return;
    this.#write(fresh);
    this.#takeProof(certificate);
    this.#acknowledge(from, previousIndex + entries.length);
  }

  /** Takes a certificate that is about an entry of this log. */
  #takeProof(certificate: Certificate | undefined): void {
    if (certificate === undefined || certificate.index <= this.certainIndex) return;
    if (this.#log.hashAt(certificate.index) !== certificate.hash) return;
    const keepers = this.#log.keepersAt(certificate.index);
    if (
      this.#log.termAt(certificate.index) === certificate.term &&
      proves(certificate, keepers, this.#parts.rules)
    ) {
      this.#commit(certificate);
    }
  }

  /** An entry of this term is signed for; of one from before only its place is told (it proves nothing). */
  #acknowledge(leader: PeerName, upTo: number): void {
    const term = this.#term;
    const index = Math.max(upTo, this.certainIndex);
    const hash = this.#log.hashAt(index);
    if (hash === undefined) return;
    const before = this.#acknowledged;
    const known = before?.term === term && before.index === index && before.hash === hash;
    const signature = known ? before.signature : undefined;
    const mayBeSigned = index > this.certainIndex && index > this.#signedUpTo;
    if (!known && this.#log.termAt(index) === term && mayBeSigned) {
      this.#acknowledged = { term, index, hash };
      this.#out.sign = { term, index, hash };
      return;
    }
    this.#send(leader, { kind: 'appended', term, index, hash, signature });
  }

  #signed({ term, index, hash, signature }: Extract<KeeperInput<E>, { kind: 'signed' }>): void {
    if (term !== this.#term || this.#log.hashAt(index) !== hash) return;
    if (this.#leading) {
      this.#count(this.#parts.self, index, signature);
      return;
    }
    const asked = this.#acknowledged;
    if (asked?.index === index && asked.hash === hash) asked.signature = signature;
    if (this.#leader !== '') this.#send(this.#leader, { kind: 'appended', term, index, hash, signature });
  }

  #install(from: PeerName, base: LogBase): void {
    const { certificate } = base;
    const proved =
      certificate?.index === base.index &&
      certificate.hash === base.hash &&
      proves(certificate, base.keepers, this.#parts.rules);
    if (proved && base.index > this.certainIndex) {
      if (this.#log.hashAt(base.index) === base.hash) this.#commit(certificate);
      else {
        this.#log.restart(base);
        this.#certificate = certificate;
        this.#out.installed = base;
        this.#out.changedFrom = Number.POSITIVE_INFINITY;
      }
    }
    this.#acknowledge(from, this.certainIndex);
  }

  #certified(entries: readonly E[], certificate: Certificate): KeeperOutcome {
    const weighed = weighCertified(this.#log, this.certainIndex, entries, certificate, this.#parts.rules);
    if (weighed.outcome !== 'ok' || certificate.index <= this.certainIndex) return weighed.outcome;
    if (certificate.term > this.#term) this.#follow(certificate.term, '');
    this.#write(weighed.fresh);
    this.#commit(certificate);
    return 'ok';
  }

  #compact(upTo: number): void {
    const index = Math.min(upTo, this.certainIndex);
    if (index <= this.#log.base.index) return;
    this.#log.dropUpTo(index, this.#certificate?.index === index ? this.#certificate : undefined);
  }

  // ---- leading

  #propose(term: number, entries: readonly E[]): KeeperOutcome {
    const leading = this.#leading;
    if (leading === undefined || term !== this.#term) return 'not-leader';
    const { lastIndex } = this.#log;
    if (lastIndex + entries.length - this.certainIndex > MAX_UNCERTAIN) return 'full';
    const joint = this.#log.join(entries);
    const next = entries[0]?.index === lastIndex + 1 && entries.every((entry) => entry.term === term);
    if (!next || joint.kind !== 'joined') return 'not-next';
    if (!this.#mayChangeKeepers(entries)) return 'keepers-refused';
    this.#write(entries);
    if (entries.some((entry) => entry.keepers)) leading.follow(this.#log.lastIndex);
    leading.stream();
    this.#out.sign = { term, index: this.#log.lastIndex, hash: this.#log.hashAt(this.#log.lastIndex)! };
    return 'ok';
  }

  /** One change at a time, each after the one before is certain and after an entry of this term is (Ongaro, 2015). */
  #mayChangeKeepers(entries: readonly E[]): boolean {
    const changes = entries.filter((entry) => entry.keepers);
    if (changes.length === 0) return true;
    const { mayFollow } = this.#parts.rules;
    const certain = this.certainIndex;
    const settled = this.#log.lastChange <= certain && this.#log.termAt(certain) === this.#term;
    return (
      settled &&
      changes.length === 1 &&
      changes[0]!.keepers!.length <= MAX_KEEPERS &&
      mayFollow(this.#log.keepers, changes[0]!.keepers!)
    );
  }

  #appended(
    from: PeerName,
    { index, hash, signature }: Extract<KeeperMessage<E>, { kind: 'appended' }>,
  ): void {
    const hashHere = this.#log.hashAt(index);
    if (this.#leading === undefined || (hashHere !== hash && index > this.#log.base.index)) return;
    this.#leading.appended(from, index);
    if (signature) this.#count(from, index, signature);
  }

  #count(keeper: PeerName, index: number, signature: Uint8Array): void {
    if (index <= this.certainIndex || this.#log.termAt(index) !== this.#term) return;
    const certificate = this.#leading?.signed(keeper, index, signature, this.#parts.rules.isMajority);
    if (certificate === undefined) return;
    this.#commit(certificate);
    this.#leading?.tellCertain();
    if (!this.#log.keepersAt(certificate.index).includes(this.#parts.self)) this.#follow(this.#term, '');
  }

  // ---- what comes out

  #write(entries: readonly E[]): void {
    if (entries.length === 0) return;
    const { lastIndex, lastTerm } = this.#log;
    if (entries[0]!.index <= lastIndex && lastTerm === this.#term) {
      this.#signedUpTo = Math.max(this.#signedUpTo, lastIndex);
      this.#out.ballotChanged = true;
    }
    this.#log.write(entries);
    for (const { keepers = [] } of entries) for (const keeper of keepers) this.#everKeepers.add(keeper);
    this.#out.changedFrom = Math.min(this.#out.changedFrom, entries[0]!.index);
  }

  #commit(certificate: Certificate): void {
    const from = this.certainIndex + 1;
    this.#certificate = certificate;
    this.#out.certificate = certificate;
    this.#out.committed.push(...this.#log.slice(from, certificate.index + 1));
  }

  #send(to: PeerName, message: KeeperMessage<E>): void {
    this.#out.messages.push({ to, message });
  }
}
