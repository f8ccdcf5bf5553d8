// A peer's part in the exchanges that the leader orders: one round after another for its stage, and the sums that
// came of them, kept until a commit names the one that counts.

import { type Codec, codecs, ONE_BYTE } from '../../gradient/index.ts';
import { toHex } from '../../journal/canonical.ts';
import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import { type Clock, sleep } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';
import { compareOrder, type Taken } from './arrivals.ts';
import { Contributing } from './contributing.ts';
import type { PeerEventBody } from '../events.ts';
import { Exchange, type ExchangeOrder } from './exchange.ts';
import { normOf, parametersOf } from '../weights/holder.ts';
import type { Manifest } from '../manifest.ts';
import type { Messenger } from '../messenger.ts';
import type { PartSizes } from '../protocols.ts';
import type { RunState } from '../run-state.ts';
import { bytesOf } from './visits.ts';

export interface ExchangingParts {
  readonly self: PeerName;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly messenger: Messenger;
  readonly state: () => RunState;
  /** The stage whose sums are wanted here; undefined for none. */
  readonly stage: () => number | undefined;
  readonly event: (event: PeerEventBody) => void;
  /** This peer's own gradient for an order; undefined when the order does not hold any more. */
  readonly gradient: (order: ExchangeOrder) => Promise<Float32Array | undefined>;
  readonly sizes: Pick<PartSizes, 'smallExchangeBytes'>;
  /** Tensors that wait for an order may go on. */
  readonly changed: () => void;
}

/** What a round gave. */
export interface Summed {
  readonly sum: Float32Array;
  readonly norm: number;
  /** SHA-256 of the sum's bytes, hexadecimal. */
  readonly digest: string;
}

/** What the leader is told of a round. */
interface RoundResult {
  readonly digest: string;
  readonly norm: number;
  readonly squares: readonly number[];
  readonly notFinite: readonly PeerName[];
  readonly missing: readonly PeerName[];
  readonly unsummed: readonly PeerName[];
}

const NOTHING: RoundResult = { digest: '', norm: 0, squares: [], notFinite: [], missing: [], unsummed: [] };
/** Values that are encoded or sent between two rests. */
const VALUES_A_TURN = 1 << 18;
const BEHIND_ITERATIONS = 2;

export class Exchanging {
  readonly contributing: Contributing;
  readonly #codec: Codec;
  readonly #parts: ExchangingParts;
  readonly #sums = new Map<string, Summed>();
  #ordered: ExchangeOrder | undefined;
  #exchange: Exchange | undefined;
  #told: { readonly order: ExchangeOrder; readonly result: RoundResult } | undefined;
  /** What is not on its way yet. */
  readonly #unsent = new Map<PeerName, Set<TensorHeaderMessage>>();
  #stopped = false;

  constructor(parts: ExchangingParts) {
    this.#parts = parts;
    const { self, manifest } = parts;
    // without backwards nothing is exchanged: bytes stand in the commits
    const { codec } = manifest.training;
    this.#codec = codecs[codec === ONE_BYTE ? 'dense-f32' : codec];
    this.contributing = new Contributing({
      self,
      runSeed: manifest.seed,
      codec: this.#codec,
      rest: this.#rests(),
    });
  }

  /** Takes part no more, and lets go of what it kept. */
  stop(): void {
    this.#stopped = true;
    this.#ordered = undefined;
    this.#exchange = undefined;
    this.forget();
  }

  /** Bytes of sums, and of the round under way. */
  get keptBytes(): number {
    let bytes = this.#exchange?.keptBytes ?? 0;
    for (const { sum } of this.#sums.values()) bytes += sum.byteLength;
    return bytes;
  }

  /** The group's sum of one round, where this peer has it. */
  sum(iteration: number, attempt: number, round: number): Summed | undefined {
    return this.#sums.get(`${iteration} ${attempt} ${round}`);
  }

  /** Lets go of the sums of iterations before this one. */
  forgetBefore(iteration: number): void {
    for (const key of this.#sums.keys()) {
      if (Number.parseInt(key, 10) < iteration) this.#sums.delete(key);
    }
  }

  /** Takes part in a round, in place of the one before it; the leader hears what came of it. */
  async take(order: ExchangeOrder): Promise<void> {
    const { self, manifest, stage, clock, gradient, changed, sizes } = this.#parts;
    if (stage() !== order.stage) return;
    if (order.places.length !== order.contributors.length) return;
    this.#ordered = order;
    const exchange = new Exchange(order, {
      self,
      runSeed: manifest.seed,
      codec: this.#codec,
      parameters: parametersOf(manifest, order.stage),
      smallExchangeBytes: sizes.smallExchangeBytes,
      send: (to, header, payload) => this.#send(to, header, payload),
    });
    const own = exchange.contributes ? await gradient(order) : undefined;
    if (exchange.contributes && own === undefined) return;
    const encoded = own && (await this.contributing.encode(order, own));
    if (this.#ordered !== order) return; // another has come meanwhile
    this.#exchange = exchange;
    changed();
    if (encoded) void exchange.contribute(encoded, this.#rests());
    const cancel =
      order.deadlineSeconds > 0
        ? repeatedly(clock, order.deadlineSeconds, () => this.#late(exchange))
        : () => {};
    const result = await exchange.result;
    cancel();
    if (this.#exchange !== exchange || this.#stopped) return;
    if (result.kind === 'refused') this.#refuse(order, result.senders);
    else await this.#keep(order, result.sum, result.squares);
  }

  /**
   * Whoever still waits for what was sent two iterations ago is sent nothing more: a newcomer, or a copy that the leader
   * does not wait for, on a link slower than the group is. Its link would fill with sums that come too late, until not
   * even its heartbeats come through. It has to begin anew, and the leader then waits for it.
   */
  async #send(to: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Promise<void> {
    const unsent = this.#unsent.get(to) ?? new Set();
    this.#unsent.set(to, unsent);
    for (const { iteration } of unsent) if (iteration <= header.iteration - BEHIND_ITERATIONS) return;
    unsent.add(header);
    // What the keeper of a copy hears keeps weights exact; it is no part of what replicas tell each other.
    const replica = this.#parts.state().member(to)?.stage === header.stage;
    try {
      await this.#parts.messenger.tensor(to, header, payload, { counts: replica ? 'gradients' : 'weights' });
    } finally {
      unsent.delete(header);
    }
  }

  /** After so many values, the clock's next turn. */
  #rests(): (values: number) => Promise<void> {
    let since = 0;
    return async (values) => {
      since += values;
      if (since < VALUES_A_TURN) return;
      since = 0;
      await sleep(this.#parts.clock, 0);
    };
  }

  /** The deadline has passed, and this peer misses something. */
  #late(exchange: Exchange): boolean {
    if (this.#exchange !== exchange || this.#stopped) return false;
    const { contributors, owners } = exchange.missing();
    this.#answer(exchange.order, { ...NOTHING, missing: contributors, unsummed: owners });
    return true;
  }

  /** The connection to a peer was cut: what this round sent to it, and what the leader was told, is sent again. */
  resend(to: PeerName): void {
    const exchange = this.#exchange;
    exchange?.resend(to);
    if (exchange && this.#told?.order === exchange.order && to === this.#parts.state().leader) {
      this.#answer(exchange.order, this.#told.result);
    }
  }

  #refuse(order: ExchangeOrder, senders: readonly PeerName[]): void {
    const { iteration, stage } = order;
    for (const peer of senders) {
      this.#parts.event({ kind: 'left-out', iteration, stage, peer, reason: 'its gradient is not finite' });
    }
    this.#answer(order, { ...NOTHING, notFinite: senders });
  }

  async #keep(order: ExchangeOrder, sum: Float32Array, squares: readonly number[]): Promise<void> {
    const { clock, identity } = this.#parts;
    const norm = await normOf(sum, clock);
    if (!Number.isFinite(norm)) {
      // each contribution was finite and their sum is not: none of them can be told from the others
      this.#answer(order, { ...NOTHING, notFinite: order.contributors });
      return;
    }
    const digest = toHex(identity.digest(bytesOf(sum)));
    this.#sums.set(`${order.iteration} ${order.attempt} ${order.round}`, { sum, norm, digest });
    this.#answer(order, { ...NOTHING, digest, norm, squares });
  }

  #answer(order: ExchangeOrder, result: RoundResult): void {
    const { messenger, state } = this.#parts;
    const { iteration, attempt, stage, round } = order;
    this.#told = { order, result };
    const value = { iteration, attempt, stage, round, ...result };
    messenger.send(state().leader, { kind: 'exchanged', value });
  }

  /** Takes a slice or a sum of the round under way. */
  tensor(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Taken {
    const order = this.#exchange?.order;
    const { iteration, attempt, round } = header;
    const newer = order
      ? compareOrder([iteration, attempt, round], [order.iteration, order.attempt, order.round])
      : 1;
    if (newer < 0) return { kind: 'taken' };
    if (newer > 0 || order!.stage !== header.stage) return { kind: 'early' };
    return this.#exchange!.take(from, header, payload)
      ? { kind: 'taken' }
      : { kind: 'wrong', problem: `a ${header.kind} that was not ordered` };
  }

  /** Lets go of every sum, of another stage's round and of what error feedback kept: this peer is at another stage now. */
  forget(): void {
    this.#sums.clear();
    if (this.#exchange?.order.stage !== this.#parts.stage()) this.#exchange = undefined;
    this.contributing.forget();
  }
}

/** Calls `work` every so many seconds until it returns false or the returned function is called. */
function repeatedly(clock: Clock, seconds: number, work: () => boolean): () => void {
  const next = () => {
    if (work()) cancel = clock.schedule(seconds, next);
  };
  let cancel = clock.schedule(seconds, next);
  return () => cancel();
}
