// When the leader is gone: the next member in order takes over, if it still reaches enough of the others; those who
// are not next tell it, and look further when it does not show itself.

import type { Clock } from '../seams/clock.ts';
import type { PeerName } from '../seams/network.ts';
import type { PeerEventBody } from './events.ts';
import type { History } from './history.ts';
import type { Ledger } from './ledger.ts';
import type { Messenger } from './messenger.ts';
import type { RunState } from './run-state.ts';

export interface SuccessionParts {
  readonly self: PeerName;
  readonly clock: Clock;
  readonly messenger: Messenger;
  readonly ledger: Ledger;
  readonly history: History;
  readonly state: () => RunState;
  readonly isOver: () => boolean;
  readonly isLeaving: () => boolean;
  /** This peer's part is over. */
  readonly left: () => void;
  /** Whether this peer leads already. */
  readonly leading: () => boolean;
  readonly alive: (peer: PeerName) => boolean;
  /** Members that are believed to be dead, whatever the journal says yet. */
  readonly lost: ReadonlySet<PeerName>;
  /** Finds out whether a peer lives; resolves when that is known. */
  readonly lookInto: (peer: PeerName) => Promise<void>;
  /** This peer is the leader from here on. */
  readonly lead: () => void;
  /** This peer was cut off from the others: it asks to be let in again. */
  readonly rejoin: () => Promise<void>;
  readonly event: (event: PeerEventBody) => void;
}

/** A new leader is looked for again when none has shown itself after this long. */
const SUCCESSION_SECONDS = 3;
/** A peer that does not answer within this is not counted as reached. */
const REACH_SECONDS = 1;

export class Succession {
  readonly #parts: SuccessionParts;
  /** Leaders from whom this peer is taking over right now. */
  readonly #takingOverFrom = new Set<PeerName>();

  constructor(parts: SuccessionParts) {
    this.#parts = parts;
  }

  /** Tells a peer that another one is not heard any more. */
  tellSuspicion(to: PeerName, peer: PeerName, broken: boolean): void {
    const { messenger } = this.#parts;
    const silentSeconds = Math.min(messenger.silentSeconds(peer), 1e6);
    messenger.send(to, { kind: 'suspicion', value: { peer, broken, silentSeconds } });
  }

  /** The leader is gone: the next member in order takes over; whoever it is, someone will. */
  succeed(): void {
    const { self, clock, lost, alive, isOver, isLeaving, left, lookInto, event } = this.#parts;
    const state = this.#parts.state();
    const gone = state.leader;
    const next = state.successor(lost);
    if (isLeaving()) {
      left(); // there is nobody to say goodbye to
      return;
    }
    if (isOver() || next === undefined) return;
    if (next === self) {
      if (this.#takingOverFrom.has(gone)) return; // once is enough: twice would make two leaders in one peer
      this.#takingOverFrom.add(gone);
      this.#takeOver(gone)
        .catch((error: Error) => event({ kind: 'failed', problem: error.message }))
        .finally(() => this.#takingOverFrom.delete(gone));
      return;
    }
    this.tellSuspicion(next, gone, true);
    clock.schedule(SUCCESSION_SECONDS, () => {
      if (
        isOver() ||
        this.#parts.state().leader !== gone ||
        (this.#parts.state().member(gone)?.status === 'active' && alive(gone))
      )
        return;
      void lookInto(next).then(() => this.succeed());
    });
  }

  /**
   * Leads from here on, if enough of the others can be reached: a peer that was cut off, or stood still while the
   * rest went on, must not start a history of its own.
   */
  async #takeOver(gone: PeerName): Promise<void> {
    const { self, ledger, history, state, isOver, isLeaving, leading, alive, lead, rejoin } = this.#parts;
    const others = state()
      .present()
      .filter(({ peer }) => peer !== self && peer !== gone);
    const reached = await Promise.all(
      others.map(async ({ peer }) => {
        try {
          const lines = await history.ask(peer, ledger.journal.length, REACH_SECONDS);
          await ledger.take(lines).catch(() => {});
          return 1;
        } catch {
          return 0;
        }
      }),
    );
    if (isOver() || isLeaving() || state().leader !== gone || leading()) return;
    if (state().member(self)?.status !== 'active') return;
    if (reached.reduce<number>((sum, one) => sum + one, 0) < others.length / 2) {
      await rejoin();
      return;
    }
    const lost = state()
      .present()
      .filter(({ peer }) => peer === gone || !alive(peer));
    const changes = lost
      .filter(({ peer }) => peer !== self)
      .map(({ peer }) => ({
        kind: 'gone' as const,
        peer,
        how: 'broken' as const,
        reason: 'lost with the leader',
      }));
    await ledger.order([
      { kind: 'leader', peer: self, reason: `${gone} is gone` },
      ...(changes.length > 0 ? [{ kind: 'members' as const, changes }] : []),
    ]);
    lead();
  }
}
