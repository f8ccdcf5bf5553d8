// What the leader decides at the boundary between two iterations: who counts from now on, who is let in and where,
// who may go, which lost stage is rebuilt by whom. It reads the journal and what peers have asked for, and gives the
// entries; the leader orders them and asks again until nothing is left to change.

import type { EntryBody, MemberChange, Origin } from '../../journal/entry.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Clock } from '../../seams/clock.ts';
import { DEFAULT_KEEPERS, nextKeepers } from './keepers.ts';
import type { Loss } from '../membership/living.ts';
import type { Manifest } from '../manifest.ts';
import {
  type Applicant,
  entering,
  holders,
  lostStages,
  originFor,
  possibleStages,
  lostOrigin,
  stageFor,
  takerOf,
} from './placement.ts';
import type { Member, RunState } from '../run-state.ts';
import type { Move } from './seating.ts';
import { nextShadow, SHADOWED_STAGE, shadowOrigin } from './shadows.ts';

export interface BoundaryParts {
  readonly self: PeerName;
  readonly state: RunState;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly alive: (peer: PeerName) => boolean;
  /** How a peer was found to be lost. */
  readonly loss: (peer: PeerName) => Loss | undefined;
  /** Whether a peer was heard in the last seconds. */
  readonly hears: (peer: PeerName) => boolean;
}

/** What a member says of the weights that an entry gave it; none of what it said of an earlier one. */
export interface Readiness {
  readonly stage: number;
  readonly digest: string;
  /** Empty when the weights are in place. */
  readonly failure: string;
  /** By which it entered the stage, as `Member.enteredBy`. */
  readonly entry: number;
}

/** Whether that is about the entry by which the member is where it is now. */
export function isOf({ stage, entry }: Readiness, member: Member | undefined): member is Member {
  return member?.stage === stage && member.enteredBy === entry;
}

/** A peer that has not got its weights in place by then makes room for another. */
const ENTERING_SECONDS = 600;
/** Whom one entry lets in at most: with all that they may say of themselves it stays far below what a message holds. */
const MOST_ENTERING = 128;
/** A peer that fails this often to get its weights in place is let go. */
const MOST_FAILURES = 3;
/** A stage is taken from an older snapshot once it was missed for so long: who held it last may come back. */
const MISSED_SECONDS = 10;

export class Boundary {
  readonly #parts: BoundaryParts;
  readonly #applicants = new Map<PeerName, Applicant>();
  readonly #leaving = new Set<PeerName>();
  /** What the disks of those that were let in have, in case nobody else does. */
  readonly #stored = new Map<PeerName, Applicant['stored']>();
  /** Since when stages have been missed that nobody can give back. */
  readonly #missedSince = new Map<number, number>();
  /** What members say of the weights that they were to get, by peer and stage. */
  readonly #ready = new Map<string, { readonly peer: PeerName; readonly said: Readiness }>();
  readonly #divergent = new Map<string, { readonly peer: PeerName; readonly stage: number }>();
  /** Where newcomers would shorten the iteration most, as far as that was looked for. */
  readonly #seats = new Map<PeerName, number>();
  #move: Move | undefined;
  readonly #failures = new Map<string, number>();
  /** When each entry of a member that is still entering was first seen here. */
  readonly #entered = new WeakMap<Member, number>();

  constructor(parts: BoundaryParts) {
    this.#parts = parts;
  }

  /** A peer asks to be let in. */
  apply(applicant: Applicant): void {
    this.#failures.delete(`${applicant.peer} ${SHADOWED_STAGE}`);
    this.#applicants.set(applicant.peer, applicant);
    this.#leaving.delete(applicant.peer);
  }

  /** Whether there is a stage for the applicant at all. */
  hasRoomFor(applicant: Applicant): boolean {
    return stageFor(this.#parts.state, this.#parts.manifest, applicant) !== undefined;
  }

  /** Whether nobody is on the way into a stage. */
  get isSettled(): boolean {
    return isSettled(this.#parts.state);
  }

  /** A member wants to leave. */
  leave(peer: PeerName): void {
    this.#applicants.delete(peer);
    this.#leaving.add(peer);
  }

  /**
   * An entering member, or one that is to keep a copy, has the weights in place, or says why it has not; what it says of
   * a later entry counts.
   */
  ready(peer: PeerName, said: Readiness): void {
    const key = `${peer} ${said.stage}`;
    if ((this.#ready.get(key)?.said.entry ?? 0) <= said.entry) this.#ready.set(key, { peer, said });
  }

  /** The weights of these differ from those of their group: they are sent a fresh copy. */
  diverged(stage: number, peers: readonly PeerName[]): void {
    for (const peer of peers) this.#divergent.set(`${peer} ${stage}`, { peer, stage });
  }

  /** A member is gone: what it asked for is void. */
  forget(peer: PeerName): void {
    this.#leaving.delete(peer);
    this.#applicants.delete(peer);
    this.#stored.delete(peer);
    this.#seats.delete(peer);
  }

  /**
   * A newcomer for whom several stages are open, none of them empty or wished for: where it sits is a matter of speed.
   * undefined when there is none that has not been given a seat yet.
   */
  unseated(): { readonly peer: PeerName; readonly stages: readonly number[] } | undefined {
    const { state, manifest } = this.#parts;
    for (const [peer, applicant] of this.#applicants) {
      if (this.#seats.has(peer)) continue;
      const stages = possibleStages(state, manifest, applicant);
      const chosen = stageFor(state, manifest, applicant);
      const isOpen = stages.length > 1 && chosen !== applicant.wantedStage;
      if (isOpen && stages.every((stage) => holders(state, stage).length > 0)) return { peer, stages };
    }
    return undefined;
  }

  /** The stage that a newcomer should take. */
  seat(peer: PeerName, stage: number): void {
    this.#seats.set(peer, stage);
  }

  /** A member is of more use at another stage: it goes there if it still can. */
  suggest(move: Move): void {
    this.#move = move;
  }

  /**
   * What is to be ordered first; empty when everything is as it should be.
   * @param isGathered whether those that the run waits for are there, so that copies find the right places
   */
  changes(isGathered = false): EntryBody[] {
    const lost = this.#lostMembers();
    if (lost.length > 0) return [{ kind: 'members', changes: lost }];
    const { repairs, changes } = this.#answers();
    changes.push(...this.#freshCopies());
    if (changes.length > 0) return [...repairs, { kind: 'members', changes }];
    const keepers = this.keepers();
    if (keepers) return [keepers];
    const goes = this.#nextToGo();
    const enter = goes ? [] : this.#nextToEnter();
    if (enter.length > 0) return [{ kind: 'members', changes: enter }];
    const shadow = isGathered ? () => this.#nextShadow() : () => undefined;
    const next = goes ?? this.#nextToMove(isGathered) ?? shadow() ?? this.#suggested();
    return next ? [{ kind: 'members', changes: [next] }] : [];
  }

  /** Whether there is nothing to change. */
  get isIdle(): boolean {
    const asked = this.#applicants.size + this.#leaving.size + this.#ready.size + this.#divergent.size;
    if (asked > 0 || this.#lostMembers().length > 0 || this.keepers() !== undefined) return false;
    return this.#nextToMove(true) === undefined && this.#nextShadow() === undefined;
  }

  /** The next change of who keeps the journal, where one is needed. */
  keepers(): EntryBody | undefined {
    const { state, manifest, alive, hears, self } = this.#parts;
    const keepers = nextKeepers(state, {
      self,
      wanted: manifest.keepers ?? DEFAULT_KEEPERS,
      alive,
      hears,
      isLeaving: (peer) => this.#leaving.has(peer),
    });
    return keepers && { kind: 'keepers', keepers };
  }

  /** Who is to lead when this peer, which leads, wants to leave; undefined when it does not, or there is nobody. */
  get heir(): PeerName | undefined {
    const { self, state } = this.#parts;
    return this.#leaving.has(self) ? state.keepers.find((keeper) => this.#canLead(keeper)) : undefined;
  }

  #canLead(peer: PeerName): boolean {
    const { self, state, alive } = this.#parts;
    return (
      peer !== self && alive(peer) && state.member(peer)?.status === 'active' && !this.#leaving.has(peer)
    );
  }

  #lostMembers(): MemberChange[] {
    const { state, alive, loss } = this.#parts;
    return state.present().flatMap((member): MemberChange[] => {
      const { peer } = member;
      if (!alive(peer)) {
        return [{ kind: 'gone', peer, ...(loss(peer) ?? { how: 'broken', reason: 'lost' }) }];
      }
      if (member.status !== 'entering' || this.#secondsEntering(member) < ENTERING_SECONDS) return [];
      const reason = `its weights were not in place after ${ENTERING_SECONDS} s`;
      return [{ kind: 'gone', peer, how: 'failed', reason }];
    });
  }

  #secondsEntering(member: Member): number {
    const now = this.#parts.clock.now();
    const since = this.#entered.get(member) ?? now;
    this.#entered.set(member, since);
    return now - since;
  }

  /** Those whose weights are in place count from now on; those that failed try again, a few times. */
  #answers(): { repairs: EntryBody[]; changes: MemberChange[] } {
    const { state, manifest } = this.#parts;
    const changes: MemberChange[] = [];
    const repairs: EntryBody[] = [];
    for (const [key, { peer, said }] of this.#ready) {
      const { stage, digest, failure } = said;
      const member = state.member(peer);
      const known = Math.max(member?.enteredBy ?? 0, member?.shadow?.enteredBy ?? 0);
      if (said.entry > known) continue; // this peer is about to read that entry itself
      this.#ready.delete(key);
      if (member === undefined || member.status === 'gone') continue;
      if (member.stage !== stage) {
        const change = this.#copied(member, said);
        if (change) changes.push(change);
      } else if (!isOf(said, member)) {
        // it has entered anew since
      } else if (failure !== '') {
        const stored = this.#stored.get(peer) ?? [];
        const origin = originFor(state, manifest, { peer, stored }, stage, true);
        changes.push(
          origin && this.#failed(peer, stage) < MOST_FAILURES
            ? entering(member, stage, origin)
            : { kind: 'gone', peer, how: 'failed', reason: failure.slice(0, 900) },
        );
      } else if (member.status === 'entering') {
        this.#failures.delete(`${peer} ${stage}`);
        this.#forgetStored(peer, stage); // from here on its disk is older than its memory
        changes.push({ kind: 'active', peer });
        const { origin } = member;
        const repaired =
          origin.kind === 'rebuild' ||
          origin.kind === 'replay' ||
          origin.kind === 'shadow' ||
          (origin.kind === 'stored' && state.iteration > origin.iteration);
        if (repaired) repairs.push(repairEntry(state, peer, digest));
      }
    }
    return { repairs, changes };
  }

  /** Whether a member that is on its way into a stage has failed to get in before: training went on too fast for it. */
  triesAgain({ peer, stage }: Pick<Member, 'peer' | 'stage'>): boolean {
    return this.#failures.has(`${peer} ${stage}`);
  }

  /** Counts a failure of a member to get a stage's weights; gives how often it has failed. */
  #failed(peer: PeerName, stage: number): number {
    const failures = (this.#failures.get(`${peer} ${stage}`) ?? 0) + 1;
    this.#failures.set(`${peer} ${stage}`, failures);
    return failures;
  }

  /** A copy outside the stage is in place, or it fetches another, or keeps none after a few failures. */
  #copied({ peer, shadow }: Member, { stage, failure, entry }: Readiness): MemberChange | undefined {
    if (shadow?.stage !== stage || shadow.enteredBy !== entry) return undefined;
    if (failure === '') {
      this.#forgetStored(peer, stage);
      return shadow.status === 'entering' ? { kind: 'shadowing', peer } : undefined;
    }
    const origin = this.#failed(peer, stage) < MOST_FAILURES ? this.#copyOrigin(peer, stage) : undefined;
    if (origin) return { kind: 'shadow', peer, stage, origin };
    return { kind: 'unshadowed', peer, reason: failure.slice(0, 900) };
  }

  /** Where a copy comes from: a replica, or another copy. */
  #copyOrigin(peer: PeerName, stage: number): Origin | undefined {
    const { state } = this.#parts;
    const donor = state.group(stage).at(-1);
    if (donor) return { kind: 'donor', donor: donor.peer };
    const others = state.shadows(stage).filter((other) => other.peer !== peer);
    return others.length > 0 ? { kind: 'shadow', sources: others.map((other) => other.peer) } : undefined;
  }

  /** A member that is to keep a copy of stage 0 from here on. */
  #nextShadow(): MemberChange | undefined {
    const { state, alive } = this.#parts;
    const failures = (peer: PeerName) => this.#failures.get(`${peer} ${SHADOWED_STAGE}`) ?? 0;
    return nextShadow(
      state,
      (peer) => alive(peer) && !this.#leaving.has(peer) && failures(peer) < MOST_FAILURES,
    );
  }

  #freshCopies(): MemberChange[] {
    const { state, manifest } = this.#parts;
    const changes: MemberChange[] = [];
    for (const { peer, stage } of this.#divergent.values()) {
      const member = state.member(peer);
      if (member?.status !== 'active') continue;
      if (member.stage === stage) {
        const origin = originFor(state, manifest, { peer, stored: [] }, stage);
        if (origin) changes.push(entering(member, stage, origin));
      } else if (member.shadow?.stage === stage) {
        const origin = this.#copyOrigin(peer, stage);
        if (origin) changes.push({ kind: 'shadow', peer, stage, origin });
      }
    }
    this.#divergent.clear();
    return changes;
  }

  #nextToGo(): MemberChange | undefined {
    for (const peer of this.#leaving) {
      const change = this.#letGo(peer);
      if (change) return change;
    }
    return undefined;
  }

  /** Those that are let in next, by one entry: each finds its place as if the ones before it were in theirs. */
  #nextToEnter(): MemberChange[] {
    const { manifest } = this.#parts;
    const changes: MemberChange[] = [];
    let { state } = this.#parts;
    for (const [peer, applicant] of this.#applicants) {
      if (changes.length === MOST_ENTERING) break;
      // when those that enter are in place, it may
      if (!isSettled(state) && stageFor(state, manifest, applicant) === undefined) continue;
      this.#applicants.delete(peer);
      this.#stored.set(peer, applicant.stored);
      const seat = this.#seats.get(peer);
      this.#seats.delete(peer);
      const isStillOpen = seat !== undefined && possibleStages(state, manifest, applicant).includes(seat);
      const stage = isStillOpen ? seat : stageFor(state, manifest, applicant);
      const origin = stage === undefined ? undefined : originFor(state, manifest, applicant, stage);
      if (stage === undefined || origin === undefined) continue;
      const change = entering(applicant, stage, origin);
      changes.push(change);
      state = state.with([change]);
    }
    return changes;
  }

  /** A stage that nobody holds is taken by a member that can be spared elsewhere. */
  #nextToMove(isGathered: boolean): MemberChange | undefined {
    const { state, manifest } = this.#parts;
    if (state.iteration === 0 && !isGathered) return undefined;
    const lost = lostStages(state, manifest.training.stages);
    for (const stage of this.#missedSince.keys()) if (!lost.includes(stage)) this.#missedSince.delete(stage);
    for (const stage of lost) {
      const taker = takerOf(state, manifest.training.stages, stage);
      const origin = taker && (shadowOrigin(state, stage, taker.peer) ?? this.#madeAnew(stage, taker.peer));
      if (taker && origin) return entering(taker, stage, origin);
      const change = isGathered ? this.#takenFromDisk(stage) : undefined;
      if (change) return change;
    }
    return undefined;
  }

  /**
   * Nobody is left who holds the stage or a copy of it, and it cannot be rebuilt: the member takes it whose disk has the
   * newest snapshot, of those one that can be spared where it is.
   */
  #takenFromDisk(stage: number): MemberChange | undefined {
    const { state, clock } = this.#parts;
    const since = this.#missedSince.get(stage) ?? clock.now();
    this.#missedSince.set(stage, since);
    if (clock.now() - since < MISSED_SECONDS) return undefined;
    const hasText = stage !== 0 || state.present().some((member) => member.hasText);
    const spare = (member: Member) => (state.group(member.stage).length > 1 ? 1 : 0);
    const found = [...this.#stored].flatMap(([peer, stored]) => {
      const member = state.member(peer);
      if (member?.status !== 'active' || !hasText) return [];
      return stored
        .filter((one) => one.stage === stage && one.iteration > 0)
        .map((one) => ({ ...one, member }));
    });
    const [best] = found.toSorted((a, b) => b.iteration - a.iteration || spare(b.member) - spare(a.member));
    return best && entering(best.member, stage, { kind: 'stored', iteration: best.iteration });
  }

  /** What a disk has of a stage is no longer what was said of it. */
  #forgetStored(peer: PeerName, stage: number): void {
    const left = this.#stored.get(peer)?.filter((one) => one.stage !== stage) ?? [];
    if (left.length > 0) this.#stored.set(peer, left);
    else this.#stored.delete(peer);
  }

  #madeAnew(stage: number, taker: PeerName): Origin | undefined {
    const { state, manifest } = this.#parts;
    return state.iteration === 0 ? { kind: 'initial' } : lostOrigin(state, manifest, stage, taker);
  }

  /** The move that was suggested, when the stage that it leaves keeps a replica and the other has one to copy. */
  #suggested(): MemberChange | undefined {
    const { state, manifest } = this.#parts;
    const move = this.#move;
    this.#move = undefined;
    const member = move && state.member(move.peer);
    if (move === undefined || member?.status !== 'active' || member.stage !== move.from) return undefined;
    if (!isSettled(state) || state.group(move.from).length < 2) return undefined;
    const origin = originFor(state, manifest, { peer: move.peer, stored: [] }, move.to);
    return origin?.kind === 'donor' ? entering(member, move.to, origin) : undefined;
  }

  /** A member that wants to leave goes at once, unless it holds the last copy of a stage that another can take. */
  #letGo(peer: PeerName): MemberChange | undefined {
    const { state, manifest, self } = this.#parts;
    const member = state.member(peer);
    if (member === undefined || member.status === 'gone') {
      this.#leaving.delete(peer);
      return undefined;
    }
    // whoever leads lets all others go first, and goes itself once another leads
    if (peer === self && state.present().some((other) => other.peer !== self)) return undefined;
    const others = holders(state, member.stage).filter((other) => other.peer !== peer);
    const isHeir = ({ status, origin }: Member) =>
      status === 'entering' && (origin.kind === 'donor' || origin.kind === 'shadow');
    if (others.some(isHeir)) {
      if (!others.some((other) => other.status === 'active')) return undefined; // its heir is still fetching
    }
    if (others.length === 0 && member.status === 'active') {
      const heir = takerOf(state, manifest.training.stages, member.stage);
      if (heir) return entering(heir, member.stage, this.#originFromHeir(heir, member));
    }
    this.#leaving.delete(peer);
    return { kind: 'gone', peer, how: 'left', reason: 'it said goodbye' };
  }

  /** From the member that leaves, unless the heir has a copy of its own. */
  #originFromHeir({ peer, shadow }: Member, leaving: Member): Origin {
    const { state } = this.#parts;
    const own = shadow?.stage === leaving.stage ? shadowOrigin(state, leaving.stage, peer) : undefined;
    return own ?? { kind: 'donor', donor: leaving.peer };
  }
}

function isSettled(state: RunState): boolean {
  return state.present().every(({ status }) => status === 'active');
}

function repairEntry(state: RunState, peer: PeerName, digest: string): EntryBody {
  const { stage, origin, enteredAfter } = state.member(peer)!;
  return {
    kind: 'repair',
    stage,
    rule: ruleOf(origin),
    peer,
    iteration: state.iteration,
    lostAfter: enteredAfter,
    sources: sourcesOf(stage, origin),
    digest,
  };
}

function ruleOf(origin: Origin): string {
  switch (origin.kind) {
    case 'rebuild':
      return origin.rule;
    case 'replay':
    case 'shadow':
      return origin.kind;
    default:
      return 'checkpoint';
  }
}

function sourcesOf(stage: number, origin: Origin): { stage: number; peer: PeerName }[] {
  switch (origin.kind) {
    case 'rebuild':
      return origin.sources.map(({ stage: from, peer }) => ({ stage: from, peer }));
    case 'shadow':
      return origin.sources.map((peer) => ({ stage, peer }));
    default:
      return [];
  }
}
