// When most keepers are gone for good: nobody can lead any more, and after a while the survivors found the run again
// from the longest journal that any of them has proof of. Whoever does it needs the word of half of the members, and
// each member gives it to one peer at a time and only while it hears no leader itself. Each signs for what it agrees to,
// the entry holds the signatures, and everyone checks them. It is another run from there on: an entry says so, and the
// run's name.

import { toHex } from '../../journal/canonical.ts';
import { MAX_TERM_LEAD } from '../../journal/consensus/messages.ts';
import { type ConsensusMessage, nothingSaid } from '../../journal/consensus/wire.ts';
import { refoundingAgreement } from '../../journal/refounding.ts';
import type { ControlBody } from '../../network/wire/codec.ts';
import type { CancelTimer, Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';
import type { PeerEventBody } from '../events.ts';
import type { History } from './history.ts';
import type { Ledger } from './ledger.ts';
import type { Messenger } from '../messenger.ts';
import type { RunState } from '../run-state.ts';
import type { Timing } from '../membership/timing.ts';

export interface RefoundingParts {
  readonly self: PeerName;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly messenger: Messenger;
  readonly timing: Pick<Timing, 'timeouts'>;
  readonly ledger: Ledger;
  readonly history: History;
  readonly state: () => RunState;
  readonly alive: (peer: PeerName) => boolean;
  readonly isOver: () => boolean;
  /**
   * Nobody answers at all, or nobody leads who could let this peer in: it asks the members so long, unless it is `enough`,
   * and ends where it finds none.
   */
  readonly alone: (patienceSeconds?: number, enough?: () => boolean) => Promise<void>;
  /** Whether this peer holds its stage, or is about to: it did not just start. */
  readonly isInPlace: () => boolean;
  /** Too few are left, and have been for long. */
  readonly givenUp: (problem: string) => Promise<void>;
  readonly event: (event: PeerEventBody) => void;
}

const LOOK_SECONDS = 1;
/** Too few to go on wait this long for others to come back: most likely the run has ended elsewhere. */
const WAIT_SECONDS = 600;
/** Those that live ask one after another, so far apart. */
const PLACE_SECONDS = 3;

export class Refounding {
  readonly #parts: RefoundingParts;
  #since: number | undefined;
  #given: { to: PeerName; until: number } | undefined;
  #cancel: CancelTimer = () => {};
  #stopped = false;
  #said = false;

  constructor(parts: RefoundingParts) {
    this.#parts = parts;
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Another member wants to found the run again: the answer carries this one's signature where it agrees. */
  async asked(from: PeerName, { length, term, hash }: ConsensusMessage): Promise<ControlBody> {
    const { clock, identity, ledger, state } = this.#parts;
    const given = this.#given;
    const free = given === undefined || given.to === from || given.until <= clock.now();
    // who is no keeper takes the last leader to lead until that one says itself that it cannot
    const nobodyLeads =
      this.#leaderless >= this.#parts.timing.timeouts.refounding / 2 ||
      (!ledger.isKeeper && from === state().leader);
    const { index, previous, term: next } = ledger.refoundingProposal;
    // terms that others may need are not used up by one word
    if (term > next + MAX_TERM_LEAD) return word('VOTED', { length: ledger.certainLength });
    const sameHistory = length >= ledger.certainLength && (length !== index || hash === previous);
    if (!free || !nobodyLeads || !sameHistory) return word('VOTED', { length: ledger.certainLength });
    this.#given = { to: from, until: clock.now() + this.#wordSeconds };
    const agreed = { run: state().runId, term, index: length, previous: hash, peer: from };
    const signature = await identity.sign(refoundingAgreement(agreed));
    return word('VOTED', { length: ledger.certainLength, granted: true, signature });
  }

  /** A word that was given holds so long: nobody else gets it meanwhile. */
  get #wordSeconds(): number {
    return this.#parts.timing.timeouts.work;
  }

  /** Seconds since anybody led. */
  get #leaderless(): number {
    return this.#since === undefined ? 0 : this.#parts.clock.now() - this.#since;
  }

  #hearsLeader(): boolean {
    const { self, ledger, state, alive, messenger, timing } = this.#parts;
    if (ledger.isKeeper) return ledger.leader !== '';
    const { leader } = state();
    if (leader === self || leader === '' || !alive(leader)) return false;
    // who has just started takes everyone to be alive, and may never hear of the one that its disk tells of
    return messenger.silentSeconds(leader) < timing.timeouts.loss;
  }

  #look(): void {
    const { clock, state, self, event, isOver } = this.#parts;
    if (this.#stopped || isOver()) return;
    const status = state().member(self)?.status ?? 'gone';
    if (status === 'gone' || this.#hearsLeader()) {
      this.#since = undefined;
      this.#said = false;
    } else this.#since ??= clock.now();
    const patience = this.#parts.timing.timeouts.refounding;
    const leaderless = this.#leaderless;
    if (leaderless < patience || leaderless < patience + PLACE_SECONDS * this.#place()) {
      this.#cancel = clock.schedule(LOOK_SECONDS, () => this.#look());
      return;
    }
    // the word of one that is entering counts too: it stays there to give it
    const going =
      status === 'active'
        ? this.#refound()
        : this.#parts.alone(WAIT_SECONDS, () => this.#stopped || this.#hearsLeader());
    going
      .catch((error: Error) => event({ kind: 'failed', problem: error.message }))
      .finally(() => {
        if (!this.#stopped) this.#cancel = clock.schedule(this.#wordSeconds, () => this.#look());
      });
  }

  /** The first of those that live asks first. */
  #place(): number {
    const { self, state, alive } = this.#parts;
    return state()
      .active()
      .filter(({ peer }) => peer === self || alive(peer))
      .findIndex(({ peer }) => peer === self);
  }

  async #refound(): Promise<void> {
    const { self, clock, identity, ledger, history, state, messenger, timing, event } = this.#parts;
    const given = this.#given;
    if (given !== undefined && given.to !== self && given.until > clock.now()) return;
    this.#given = { to: self, until: clock.now() + this.#wordSeconds };
    const members = state().present();
    const { keepers } = ledger;
    const others = [...new Set([...members.map(({ peer }) => peer), ...keepers])].filter(
      (peer) => peer !== self,
    );
    const proposal = ledger.refoundingProposal;
    const { index: length, term, previous: hash } = proposal;
    if (length !== ledger.certainLength) return; // what is certain is being applied
    const said = refoundingAgreement(proposal);
    const answers = await Promise.all(
      others.map(async (peer) => {
        try {
          const answer = await messenger.request(
            peer,
            word('REFOUND', { length, term, hash }),
            2 * timing.timeouts.answer,
          );
          return answer.kind === 'consensus' ? { peer, ...answer.value } : undefined;
        } catch {
          return undefined;
        }
      }),
    );
    const heard = answers.filter((answer) => answer !== undefined);
    if (heard.length === 0 && members.length > 2) {
      await this.#parts.alone();
      return;
    }
    const longer = heard.find((answer) => answer.length > length);
    if (longer) {
      await history.readOn(longer.peer); // and ask again from there
      return;
    }
    const reached = [self, ...heard.map(({ peer }) => peer)];
    const lost = keepers.filter((keeper) => !reached.includes(keeper));
    if (2 * lost.length < keepers.length) return; // they can still elect one
    const agreed = [{ peer: self, signature: toHex(await identity.sign(said)) }];
    for (const { peer, granted, signature } of heard) {
      if (!granted) continue;
      if (await identity.verify(peer, said, signature)) agreed.push({ peer, signature: toHex(signature) });
      else event({ kind: 'misbehaved', peer, problem: 'it agrees with a signature that is not its own' });
    }
    const agreedMembers = members.filter(({ peer }) => agreed.some((one) => one.peer === peer));
    if (this.#stopped || this.#hearsLeader() || ledger.certainLength !== length) return;
    if (2 * agreedMembers.length < members.length) {
      const few = `${lost.length} of ${keepers.length} keepers of the journal are gone, and only ${agreedMembers.length} of ${members.length} members would go on without them`;
      if (this.#parts.isInPlace() && this.#leaderless >= WAIT_SECONDS) {
        const ends = 'the run has ended elsewhere, or has to be started again';
        await this.#parts.givenUp(`${few}; after ${WAIT_SECONDS / 60} minutes nobody came back: ${ends}`);
        return;
      }
      if (!this.#said) {
        event({ kind: 'trying', contact: state().leader, problem: `${few}; it waits for more` });
      }
      this.#said = true;
      return;
    }
    const { run } = proposal;
    await ledger.refound({ kind: 'refound', run, peer: self, keepers: [self], lost, agreed }, proposal);
  }
}

function word(kind: 'REFOUND' | 'VOTED', said: Partial<ConsensusMessage>): ControlBody {
  return { kind: 'consensus', value: { ...nothingSaid(), ...said, kind } };
}
