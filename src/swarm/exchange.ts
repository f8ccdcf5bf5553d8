// One exchange of gradients inside a group: reduce-scatter in the group's order. Each contributor sends every other
// one the slice that it sums, sums its own slice, and sends the sum to all who apply it. Nothing is decided here:
// the leader's order names contributors and receivers, and a new order replaces one that cannot end.

import { type Codec, type Contribution, type Slice, shards, sumContributions } from '../gradient/index.ts';
import type { TensorHeaderMessage } from '../network/wire/codec.ts';
import type { PeerName } from '../seams/network.ts';

export interface ExchangeOrder {
  readonly iteration: number;
  readonly attempt: number;
  readonly stage: number;
  readonly round: number;
  readonly contributors: readonly PeerName[];
  readonly receivers: readonly PeerName[];
  readonly microbatches: number;
}

export interface ExchangeParts {
  readonly self: PeerName;
  readonly runSeed: number;
  readonly codec: Codec;
  /** Values of the stage's flat gradient. */
  readonly parameters: number;
  readonly send: (to: PeerName, header: TensorHeaderMessage, payload: Uint8Array) => Promise<void>;
}

export type ExchangeResult =
  | { readonly kind: 'sum'; readonly sum: Float32Array }
  /** These contributions cannot be counted; the round ends without a sum. */
  | { readonly kind: 'refused'; readonly senders: readonly PeerName[] };

export class Exchange {
  readonly order: ExchangeOrder;
  readonly result: Promise<ExchangeResult>;
  readonly #parts: ExchangeParts;
  readonly #shards: readonly Slice[];
  readonly #own: number;
  readonly #contributions = new Map<PeerName, Contribution>();
  readonly #sum: Float32Array;
  readonly #summed = new Set<number>();
  /** What was sent in this round, as views of the gradient and the sum. */
  readonly #letters: { to: PeerName; header: TensorHeaderMessage; payload: Uint8Array }[] = [];
  #resolve: (result: ExchangeResult) => void = () => {};

  constructor(order: ExchangeOrder, parts: ExchangeParts) {
    this.order = order;
    this.#parts = parts;
    this.#shards = shards(parts.parameters, order.contributors.length, parts.codec.sliceMultiple);
    this.#own = order.contributors.indexOf(parts.self);
    this.#sum = new Float32Array(parts.parameters);
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#shards.forEach((shard, owner) => {
      if (shard.from === shard.to) this.#summed.add(owner);
    });
  }

  /** Whether this peer's gradient is wanted. */
  get contributes(): boolean {
    return this.#own >= 0;
  }

  /** Sends this peer's slices; call it once when `contributes`. Sending errors are the receivers' matter: the leader notices. */
  contribute(gradient: Float32Array): void {
    const { codec, self, parameters } = this.#parts;
    const state = codec.start(parameters);
    this.order.contributors.forEach((owner, place) => {
      const slice = this.#shards[place]!;
      if (slice.from === slice.to) return;
      const bytes = codec.encode({ gradient, slice, key: { ...this.#key(), place: this.#own }, state });
      if (owner === self) {
        this.#contributions.set(self, { sender: self, place: this.#own, bytes });
        this.#sumWhenComplete();
      } else {
        this.#send(owner, this.#header('CONTRIBUTION', slice), bytes);
      }
    });
  }

  /** Takes a tensor of this round; says whether it was one that belongs here. */
  take(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): boolean {
    const place = this.order.contributors.indexOf(from);
    if (place < 0) return false;
    const shard = this.#shards[header.kind === 'SUM' ? place : this.#own];
    if (shard?.from !== header.firstElement || shard.to - shard.from !== header.elements) return false;
    if (header.kind === 'CONTRIBUTION') {
      if (this.#own < 0) return false;
      if (!this.#contributions.has(from)) {
        this.#contributions.set(from, { sender: from, place, bytes: payload });
        this.#sumWhenComplete();
      }
      return true;
    }
    if (payload.byteLength !== 4 * header.elements || !this.order.receivers.includes(this.#parts.self))
      return false;
    this.#takeSum(place, new Float32Array(payload.buffer, payload.byteOffset, header.elements));
    return true;
  }

  /** Sends again what this round sent to a peer whose connection was cut; who has it already ignores it. */
  resend(to: PeerName): void {
    for (const letter of this.#letters) {
      if (letter.to === to) this.#parts.send(to, letter.header, letter.payload).catch(() => {});
    }
  }

  #send(to: PeerName, header: TensorHeaderMessage, payload: Uint8Array): void {
    this.#letters.push({ to, header, payload });
    this.#parts.send(to, header, payload).catch(() => {});
  }

  #sumWhenComplete(): void {
    if (this.#contributions.size < this.order.contributors.length) return;
    const slice = this.#shards[this.#own]!;
    const { codec, self } = this.#parts;
    const { sum, leftOut } = sumContributions({
      codec,
      contributions: [...this.#contributions.values()],
      slice,
      key: this.#key(),
    });
    if (leftOut.length > 0) {
      this.#resolve({ kind: 'refused', senders: leftOut.map((left) => left.sender) });
      return;
    }
    const bytes = new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength);
    for (const receiver of this.order.receivers) {
      if (receiver !== self) this.#send(receiver, this.#header('SUM', slice), bytes);
    }
    this.#takeSum(this.#own, sum);
  }

  #takeSum(owner: number, values: Float32Array): void {
    if (this.#summed.has(owner)) return;
    this.#summed.add(owner);
    this.#sum.set(values, this.#shards[owner]!.from);
    if (this.#summed.size === this.#shards.length) this.#resolve({ kind: 'sum', sum: this.#sum });
  }

  #key() {
    const { runSeed } = this.#parts;
    return { runSeed, iteration: this.order.iteration, stage: this.order.stage };
  }

  #header(kind: 'CONTRIBUTION' | 'SUM', slice: Slice): TensorHeaderMessage {
    const { iteration, attempt, stage, round } = this.order;
    return {
      kind,
      type: 'F32',
      iteration,
      attempt,
      stage,
      round,
      microbatch: 0,
      hop: 0,
      path: [],
      firstElement: slice.from,
      elements: slice.to - slice.from,
    };
  }
}
