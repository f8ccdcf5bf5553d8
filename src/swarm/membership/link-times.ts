// How long an activation takes to each peer that this one sends to. Clocks of two machines cannot be compared, so the
// sender measures alone: once an iteration and peer, the first tensor that finds its stream open and empty asks for a
// receipt, and a heartbeat asked for at the same moment gives the round trip. The receipt came back over the control
// connection, so the transfer is the time to the receipt less half of the round trip. The other half is its latency, what
// is left was for its bytes: as good as nothing on a fast and near link, where noise decides about it. On a link whose two
// directions differ in latency both times are off by half of the difference, the rest is not; a tensor that waits behind
// others is not measured.

import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { Clock } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Messenger } from '../messenger.ts';
import { noStamp } from './timing.ts';

export interface LinkTime {
  readonly to: PeerName;
  /** One activation; at least 1. */
  readonly microseconds: number;
  /** Its part that an empty message would take: no more than all of it. */
  readonly latencyMicroseconds: number;
}

/** A round trip that takes longer than this is not waited for. */
const ROUND_TRIP_SECONDS = 20;
const MICROSECONDS = 1e6;

export class LinkTimes {
  readonly #clock: Clock;
  readonly #messenger: Pick<Messenger, 'isIdle' | 'request' | 'tensor'>;
  #asked = new Set<PeerName>();
  #times = new Map<PeerName, { readonly transfer: number; readonly oneWay: number }>();

  constructor(clock: Clock, messenger: Pick<Messenger, 'isIdle' | 'request' | 'tensor'>) {
    this.#clock = clock;
    this.#messenger = messenger;
  }

  /** A new iteration: what was measured before has been reported. */
  begin(): void {
    this.#asked = new Set();
    this.#times = new Map();
  }

  /** What was measured in this iteration. */
  get times(): LinkTime[] {
    return [...this.#times].map(([to, { transfer, oneWay }]) => {
      const microseconds = Math.max(1, Math.round(transfer * MICROSECONDS));
      const latencyMicroseconds = Math.min(microseconds, Math.round(oneWay * MICROSECONDS));
      return { to, microseconds, latencyMicroseconds };
    });
  }

  /** Sends a tensor as the messenger does, and measures the transfer where it can be. */
  send(to: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Promise<void> {
    if (this.#asked.has(to) || !this.#messenger.isIdle(to))
      return this.#messenger.tensor(to, header, payload);
    this.#asked.add(to);
    const times = this.#times; // of this iteration, also when the answers come in the next
    const started = this.#clock.now();
    let roundTrip: number | undefined;
    let receipt: number | undefined;
    const measured = () => {
      if (roundTrip === undefined || receipt === undefined) return;
      const oneWay = roundTrip / 2;
      times.set(to, { transfer: Math.max(0, receipt - oneWay), oneWay });
    };
    const value = { ...noStamp, iteration: header.iteration, journalIndex: 0 };
    this.#messenger.request(to, { kind: 'heartbeat', value }, ROUND_TRIP_SECONDS).then(
      () => {
        roundTrip = this.#clock.now() - started;
        measured();
      },
      () => {},
    );
    const arrived = () => {
      receipt = this.#clock.now() - started;
      measured();
    };
    return this.#messenger.tensor(to, header, payload, { arrived });
  }
}
