// What the leader decides at the boundary between two iterations: who counts from now on, who is let in and where,
// who may go, which lost stage is rebuilt by whom. It reads the journal and what peers have asked for, and gives the
// entries; the leader orders them and asks again until nothing is left to change.

import type { EntryBody, MemberChange } from '../journal/entry.ts';
import type { PeerName } from '../seams/network.ts';
import type { Clock } from '../seams/clock.ts';
import { DEFAULT_KEEPERS, nextKeepers } from './keepers.ts';
import type { Manifest } from './manifest.ts';
import {
  type Applicant,
  entering,
  holders,
  lostStages,
  originFor,
  possibleStages,
  rebuildOrigin,
  stageFor,
  takerOf,
} from './placement.ts';
import type { Member, RunState } from './run-state.ts';
import type { Move } from './seating.ts';

export interface BoundaryParts {
  readonly self: PeerName;
  readonly state: RunState;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly alive: (peer: PeerName) => boolean;
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
/** A peer that fails this often to get its weights in place is let go. */
const MOST_FAILURES = 3;

export class Boundary {
  readonly #parts: BoundaryParts;
  readonly #applicants = new Map<PeerName, Applicant>();
  readonly #leaving = new Set<PeerName>();
  readonly #ready = new Map<PeerName, Readiness>();
  readonly #divergent = new Set<PeerName>();
  /** Where newcomers would shorten the iteration most, as far as that was looked for. */
  readonly #seats = new Map<PeerName, number>();
  #move: Move | undefined;
  readonly #failures = new Map<PeerName, number>();
  /** When each entry of a member that is still entering was first seen here. */
  readonly #entered = new WeakMap<Member, number>();

  constructor(parts: BoundaryParts) {
    this.#parts = parts;
  }

  /** A peer asks to be let in. */
  apply(applicant: Applicant): void {
    this.#applicants.set(applicant.peer, applicant);
    this.#leaving.delete(applicant.peer);
  }

  /** Whether there is a stage for the applicant at all. */
  hasRoomFor(applicant: Applicant): boolean {
    return stageFor(this.#parts.state, this.#parts.manifest, applicant) !== undefined;
  }

  /** A member wants to leave. */
  leave(peer: PeerName): void {
    this.#applicants.delete(peer);
    this.#leaving.add(peer);
  }

  /** An entering member has its weights in place, or says why it has not; what it says of a later entry counts. */
  ready(peer: PeerName, said: Readiness): void {
    if ((this.#ready.get(peer)?.entry ?? 0) <= said.entry) this.#ready.set(peer, said);
  }

  /** The weights of these differ from those of their group: they are sent a fresh copy. */
  diverged(peers: readonly PeerName[]): void {
    for (const peer of peers) this.#divergent.add(peer);
  }

  /** A member is gone: what it asked for is void. */
  forget(peer: PeerName): void {
    this.#leaving.delete(peer);
    this.#applicants.delete(peer);
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

  /** What is to be ordered first; empty when everything is as it should be. */
  changes(): EntryBody[] {
    const lost = this.#lostMembers();
    if (lost.length > 0) return [{ kind: 'members', changes: lost }];
    const { repairs, changes } = this.#answers();
    changes.push(...this.#freshCopies());
    if (changes.length > 0) return [...repairs, { kind: 'members', changes }];
    const keepers = this.keepers();
    if (keepers) return [keepers];
    const next = this.#nextToGo() ?? this.#nextToEnter() ?? this.#nextToMove() ?? this.#suggested();
    return next ? [{ kind: 'members', changes: [next] }] : [];
  }

  /** Whether there is nothing to change. */
  get isIdle(): boolean {
    const asked = this.#applicants.size + this.#leaving.size + this.#ready.size + this.#divergent.size;
    if (asked > 0 || this.#lostMembers().length > 0 || this.keepers() !== undefined) return false;
    return this.#nextToMove() === undefined;
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
    const { state, alive } = this.#parts;
    return state.present().flatMap((member): MemberChange[] => {
      const { peer } = member;
      if (!alive(peer)) return [{ kind: 'gone', peer, how: 'broken', reason: 'lost' }];
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
    for (const [peer, said] of this.#ready) {
      const { stage, digest, failure } = said;
      const member = state.member(peer);
      if (said.entry > (member?.enteredBy ?? 0)) continue; // this peer is about to read that entry itself
      this.#ready.delete(peer);
      if (!isOf(said, member) || member.status === 'gone') continue;
      if (failure !== '') {
        const failures = (this.#failures.get(peer) ?? 0) + 1;
        this.#failures.set(peer, failures);
        const origin = originFor(state, manifest, { peer, stored: [] }, stage);
        changes.push(
          origin && failures < MOST_FAILURES
            ? entering(member, stage, origin)
            : { kind: 'gone', peer, how: 'failed', reason: failure.slice(0, 900) },
        );
      } else if (member.status === 'entering') {
        this.#failures.delete(peer);
        changes.push({ kind: 'active', peer });
        const { origin } = member;
        const repaired =
          origin.kind === 'rebuild' || (origin.kind === 'stored' && state.iteration > origin.iteration);
        if (repaired) repairs.push(repairEntry(state, peer, digest));
      }
    }
    return { repairs, changes };
  }

  #freshCopies(): MemberChange[] {
    const { state, manifest } = this.#parts;
    const changes: MemberChange[] = [];
    for (const peer of this.#divergent) {
      const member = state.member(peer);
      const origin = member && originFor(state, manifest, { peer, stored: [] }, member.stage);
      if (member?.status === 'active' && origin) changes.push(entering(member, member.stage, origin));
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

  #nextToEnter(): MemberChange | undefined {
    const { state, manifest } = this.#parts;
    for (const [peer, applicant] of this.#applicants) {
      this.#applicants.delete(peer);
      const seat = this.#seats.get(peer);
      this.#seats.delete(peer);
      const isStillOpen = seat !== undefined && possibleStages(state, manifest, applicant).includes(seat);
      const stage = isStillOpen ? seat : stageFor(state, manifest, applicant);
      const origin = stage === undefined ? undefined : originFor(state, manifest, applicant, stage);
      if (stage !== undefined && origin !== undefined) return entering(applicant, stage, origin);
    }
    return undefined;
  }

  /** A stage that nobody holds is taken by a member that can be spared elsewhere. */
  #nextToMove(): MemberChange | undefined {
    const { state, manifest } = this.#parts;
    for (const stage of lostStages(state, manifest.training.stages)) {
      const origin = rebuildOrigin(state, manifest, stage);
      const taker = origin && takerOf(state, manifest.training.stages);
      if (taker && origin) return entering(taker, stage, origin);
    }
    return undefined;
  }

  /** The move that was suggested, when the stage that it leaves keeps a replica and the other has one to copy. */
  #suggested(): MemberChange | undefined {
    const { state, manifest } = this.#parts;
    const move = this.#move;
    this.#move = undefined;
    const member = move && state.member(move.peer);
    if (move === undefined || member?.status !== 'active' || member.stage !== move.from) return undefined;
    const isSettled = state.present().every(({ status }) => status === 'active');
    if (!isSettled || state.group(move.from).length < 2) return undefined;
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
    if (others.some((other) => other.status === 'entering' && other.origin.kind === 'donor')) {
      if (!others.some((other) => other.status === 'active')) return undefined; // its heir is still fetching
    }
    if (others.length === 0 && member.status === 'active') {
      const heir = takerOf(state, manifest.training.stages);
      if (heir) return entering(heir, member.stage, { kind: 'donor', donor: peer });
    }
    this.#leaving.delete(peer);
    return { kind: 'gone', peer, how: 'left', reason: 'it said goodbye' };
  }
}

function repairEntry(state: RunState, peer: PeerName, digest: string): EntryBody {
  const { stage, origin, enteredAfter } = state.member(peer)!;
  return {
    kind: 'repair',
    stage,
    rule: origin.kind === 'rebuild' ? origin.rule : 'checkpoint',
    peer,
    iteration: state.iteration,
    lostAfter: enteredAfter,
    sources:
      origin.kind === 'rebuild'
        ? origin.sources.map(({ stage: from, peer: donor }) => ({ stage: from, peer: donor }))
        : [],
    digest,
  };
}
