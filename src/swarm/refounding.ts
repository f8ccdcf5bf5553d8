// When most keepers are gone for good: nobody can lead any more, and after a while the survivors found the run again
// from the longest journal that any of them has proof of. Whoever does it needs the word of half of the members, and
// each member gives it to one peer at a time and only while it hears no leader itself. It is another run from there on:
// an entry says so, and the run's name.

import type { ControlBody } from '../network/wire/codec.ts';
import type { CancelTimer, Clock } from '../seams/clock.ts';
import type { PeerName } from '../seams/network.ts';
import type { PeerEventBody } from './events.ts';
import type { History } from './history.ts';
import type { Ledger } from './ledger.ts';
import type { Messenger } from './messenger.ts';
import type { RunState } from './run-state.ts';

export interface RefoundingParts {
  readonly self: PeerName;
  readonly clock: Clock;
  readonly messenger: Messenger;
  readonly ledger: Ledger;
  readonly history: History;
  readonly state: () => RunState;
  readonly alive: (peer: PeerName) => boolean;
  readonly isOver: () => boolean;
  /** Nobody answers at all. */
  readonly alone: () => Promise<void>;
  readonly event: (event: PeerEventBody) => void;
}

/** Nobody has led for this long: most keepers are taken to be gone for good. */
export const REFOUND_SECONDS = 20;
const LOOK_SECONDS = 1;
const ASK_SECONDS = 2;
/** A word that was given holds so long: nobody else gets it meanwhile. */
const WORD_SECONDS = 10;

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

  /** Another member wants to found the run again. */
  asked(from: PeerName, length: number): ControlBody {
    const { clock, ledger } = this.#parts;
    const given = this.#given;
    const free = given === undefined || given.to === from || given.until <= clock.now();
    // who is no keeper takes the last leader to lead until that one says itself that it cannot
    const nobodyLeads =
      this.#leaderless >= REFOUND_SECONDS / 2 || (!ledger.isKeeper && from === this.#parts.state().leader);
    const granted = free && nobodyLeads && length >= ledger.certainLength;
    if (granted) this.#given = { to: from, until: clock.now() + WORD_SECONDS };
    return word('VOTED', ledger.certainLength, granted);
  }

  /** Seconds since anybody led. */
  get #leaderless(): number {
    return this.#since === undefined ? 0 : this.#parts.clock.now() - this.#since;
  }

  #hearsLeader(): boolean {
    const { self, ledger, state, alive } = this.#parts;
    if (ledger.isKeeper) return ledger.leader !== '';
    const { leader } = state();
    return leader !== self && leader !== '' && alive(leader);
  }

  #look(): void {
    const { clock, state, self, event, isOver } = this.#parts;
    if (this.#stopped || isOver()) return;
    const isMember = state().member(self)?.status === 'active';
    if (!isMember || this.#hearsLeader()) {
      this.#since = undefined;
      this.#said = false;
    } else this.#since ??= clock.now();
    const patience = REFOUND_SECONDS + 3 * this.#place();
    if (this.#leaderless < patience) {
      this.#cancel = clock.schedule(LOOK_SECONDS, () => this.#look());
      return;
    }
    this.#refound()
      .catch((error: Error) => event({ kind: 'failed', problem: error.message }))
      .finally(() => {
        if (!this.#stopped) this.#cancel = clock.schedule(WORD_SECONDS, () => this.#look());
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
    const { self, clock, ledger, history, state, messenger, event } = this.#parts;
    const given = this.#given;
    if (given !== undefined && given.to !== self && given.until > clock.now()) return;
    this.#given = { to: self, until: clock.now() + WORD_SECONDS };
    const members = state().present();
    const { keepers } = ledger;
    const others = [...new Set([...members.map(({ peer }) => peer), ...keepers])].filter(
      (peer) => peer !== self,
    );
    const length = ledger.certainLength;
    const answers = await Promise.all(
      others.map(async (peer) => {
        try {
          const answer = await messenger.request(peer, word('REFOUND', length, false), ASK_SECONDS);
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
    const agreed = [self, ...heard.filter(({ granted }) => granted).map(({ peer }) => peer)];
    const agreedMembers = members.filter(({ peer }) => agreed.includes(peer));
    if (this.#stopped || this.#hearsLeader() || ledger.certainLength !== length) return;
    if (2 * agreedMembers.length < members.length) {
      const problem = `${lost.length} of ${keepers.length} keepers of the journal are gone, and only ${agreedMembers.length} of ${members.length} members would go on without them; it waits for more`;
      if (!this.#said) event({ kind: 'trying', contact: state().leader, problem });
      this.#said = true;
      return;
    }
    await ledger.refound({ kind: 'refound', peer: self, keepers: [self], lost, agreed });
  }
}

function word(kind: 'REFOUND' | 'VOTED', length: number, granted: boolean): ControlBody {
  const nothing = new Uint8Array(0);
  const empty = { lastTerm: 0, hash: '', handedOver: false, entries: [], signature: nothing, keepers: [] };
  return { kind: 'consensus', value: { ...empty, kind, term: 0, length, granted } };
}
