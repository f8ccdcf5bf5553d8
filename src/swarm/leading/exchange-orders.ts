// The exchanges of the iteration under way, as the leader orders them: one a stage, as soon as its group has reported,
// and in another round without whoever is lost, late or sends what cannot be counted.

import type { ControlBody } from '../../network/wire/codec.ts';
import type { Clock } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Timing } from '../membership/timing.ts';
import type { Member, RunState } from '../run-state.ts';
import type { Collecting, ExchangeAnswer, StageExchange } from './collecting.ts';
import { ExchangeLimits } from './exchange-limits.ts';
import { holders } from './placement.ts';

export interface ExchangeOrdersParts {
  readonly self: PeerName;
  readonly clock: Clock;
  readonly state: RunState;
  readonly timing: Timing;
  readonly alive: (peer: PeerName) => boolean;
  readonly send: (to: PeerName, body: ControlBody) => void;
  /** Whether a newcomer could not keep up once, and gets another chance. */
  readonly triesAgain: (member: Member) => boolean;
  /** Something has come that others may wait for. */
  readonly progress: () => void;
  /** What can be ordered now is to be looked at again, though it is no progress. */
  readonly changed: () => void;
  /** A member is in the way of its group. */
  readonly giveUp: (peer: PeerName, reason: string) => void;
}

/** What a peer says of a round of its group's exchange. */
export interface RoundAnswer extends ExchangeAnswer {
  readonly stage: number;
  readonly round: number;
  /** Contributors whose gradients are not finite. */
  readonly notFinite: readonly PeerName[];
  /** Contributors, and owners of sums, of whom nothing came in time. */
  readonly missing: readonly PeerName[];
  readonly unsummed: readonly PeerName[];
}

/** So often a round in which everyone is missed by somebody is tried again before the newest of them is given up. */
const FRUITLESS_ROUNDS = 2;
/** A copy that has not answered after so many deadlines of an exchange fetches anew: it may not know of its order. */
const LATE_COPY_DEADLINES = 2;

export class ExchangeOrders {
  readonly #parts: ExchangeOrdersParts;
  readonly #limits = new ExchangeLimits();

  constructor(parts: ExchangeOrdersParts) {
    this.#parts = parts;
  }

  /** Orders, or ends, what can be of a stage's exchange now. */
  advance(collecting: Collecting, stage: number): void {
    const { alive } = this.#parts;
    const exchange = collecting.exchanges.get(stage);
    if (exchange === undefined) {
      if (!collecting.isHeld(stage, alive) || !collecting.reported(stage, alive)) return;
      this.#order(collecting, collecting.startExchange(stage));
    } else if (!exchange.done) {
      if (exchange.contributors.some((peer) => !alive(peer))) this.#order(collecting, exchange);
      if (exchange.contributors.length === 0) return; // nobody has anything to add any more
      const isWaitedFor = (peer: PeerName): boolean =>
        !exchange.answers.has(peer) && alive(peer) && this.#mustHave(peer, exchange);
      if (!exchange.receivers.some(isWaitedFor)) this.#finish(collecting, exchange);
    }
  }

  /** A member of the stage has added other micro-batches than it had reported. */
  again(collecting: Collecting, stage: number): void {
    const exchange = collecting.exchanges.get(stage);
    if (exchange && !exchange.done) this.#order(collecting, exchange);
  }

  /** The connection to a member was cut: what it may not have heard is ordered again. */
  reconnected(collecting: Collecting, peer: PeerName): void {
    for (const exchange of collecting.exchanges.values()) {
      if (!exchange.done && exchange.receivers.includes(peer)) this.#order(collecting, exchange);
    }
  }

  answered(collecting: Collecting, peer: PeerName, answer: RoundAnswer): void {
    const exchange = collecting.exchanges.get(answer.stage);
    if (!exchange || exchange.done || exchange.round !== answer.round) return;
    if (!exchange.receivers.includes(peer)) return;
    const refused = answer.notFinite.filter((name) => exchange.contributors.includes(name));
    if (refused.length > 0) {
      this.#goOnWithout(collecting, exchange, refused, 'its gradient is not finite');
    } else if (answer.missing.length > 0 || answer.unsummed.length > 0) {
      this.#late(collecting, exchange, peer, answer);
      return; // by itself this is no progress: who stands still must not keep the others waiting for ever
    } else {
      const { digest, norm, squares } = answer;
      exchange.answers.set(peer, { digest, norm, squares });
    }
    this.#parts.progress();
  }

  /** Somebody misses something beyond the deadline: the round is ordered again without it. */
  #late(
    collecting: Collecting,
    exchange: StageExchange,
    from: PeerName,
    { missing, unsummed }: { missing: readonly PeerName[]; unsummed: readonly PeerName[] },
  ): void {
    const member = this.#parts.state.member(from);
    if (member?.status !== 'active') return; // a newcomer that falls behind fetches anew
    if (member.stage !== exchange.stage) {
      exchange.excused.add(from); // as does who only keeps a copy: the group goes on without it
      this.#parts.changed();
      return;
    }
    const blamed = collecting.late(exchange, from, missing, unsummed);
    if (blamed.length > 0) {
      this.#goOnWithout(collecting, exchange, blamed, 'its gradient did not come in time');
    } else if (missing.length > 0 && exchange.fruitless < FRUITLESS_ROUNDS) {
      exchange.fruitless++;
      this.#order(collecting, exchange); // each misses the others: perhaps a connection was cut
    } else if (missing.length > 0) {
      const { contributors } = exchange;
      const newest = contributors.findLast((peer) => peer !== this.#parts.self);
      const stuck = contributors.includes(from) ? newest : from; // who adds nothing is easier to spare
      if (stuck !== undefined) this.#parts.giveUp(stuck, 'its group and it miss each other’s gradients');
    }
  }

  #goOnWithout(
    collecting: Collecting,
    exchange: StageExchange,
    peers: readonly PeerName[],
    reason: string,
  ): void {
    for (const peer of peers) exchange.leftOut.push({ peer, reason });
    this.#order(collecting, exchange);
    this.#parts.progress();
  }

  /**
   * Whether a commit waits for a receiver to have the sum: replicas that count; copies outside the group, also those on
   * their way, since a sum that comes after its commit is of no use; and a newcomer that could not keep up the first
   * time, because its link is slower than the group is without it. Of the latter two one that is late is not waited for.
   */
  #mustHave(peer: PeerName, { stage, excused, orderedAt }: StageExchange): boolean {
    const { state, clock, timing, triesAgain } = this.#parts;
    const member = state.member(peer);
    if (member?.stage === stage) {
      if (member.status === 'active') return true;
      if (!triesAgain(member)) return false;
    } else if (member?.shadow?.stage !== stage || excused.has(peer)) {
      return false;
    }
    return clock.now() - orderedAt < LATE_COPY_DEADLINES * timing.exchangeSeconds;
  }

  /** Everyone has its sum: unless one contribution is far larger than the others, that is the stage's. */
  #finish(collecting: Collecting, exchange: StageExchange): void {
    const { stage } = exchange;
    const norms = collecting.norms(exchange);
    const tooLarge = this.#limits.tooLarge(stage, norms);
    if (tooLarge.length > 0) {
      this.#goOnWithout(collecting, exchange, tooLarge, 'its gradient is far larger than the others');
      return;
    }
    this.#limits.counted(stage, norms);
    this.#parts.timing.exchangeTook(this.#parts.clock.now() - exchange.orderedAt);
    exchange.done = true;
  }

  #order(collecting: Collecting, exchange: StageExchange): void {
    const { alive, send, state, timing } = this.#parts;
    const copying = state.present().filter(({ shadow }) => shadow?.stage === exchange.stage);
    const listening = [...holders(state, exchange.stage), ...copying].map((member) => member.peer);
    const order = collecting.nextRound(exchange, listening, alive, timing.exchangeSeconds);
    if (order === undefined) return;
    exchange.orderedAt = this.#parts.clock.now();
    const said = { kind: 'exchangeOrder', value: order } as const;
    for (const peer of new Set([...order.contributors, ...order.receivers])) send(peer, said);
  }
}
