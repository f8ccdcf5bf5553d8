// One direction each way between two simulated peers. Frames are copied when they are sent (the reader owns what
// it gets) and arrive in order; a sender waits while too many bytes stand unread on the other side.

import {
  type Frame,
  type FrameStream,
  NetworkError,
  type PeerName,
  type Protocol,
} from '../../seams/network.ts';
import type { SimulatedNetwork, SimulatedNetworks } from './network.ts';

/** Bytes that may be under way or unread before `send` waits. */
const CREDIT_BYTES = 4 * 1024 * 1024;

export class SimulatedStream implements FrameStream {
  readonly remote: PeerName;
  readonly protocol: Protocol;
  readonly inbound: boolean;
  owner: SimulatedNetwork | undefined;
  readonly #wires: SimulatedNetworks;
  readonly #self: PeerName;
  #other: SimulatedStream | undefined;
  readonly #inbox: Frame[] = [];
  #ended = false;
  #closed = false;
  #failure: NetworkError | undefined;
  #outstandingBytes = 0;
  #wake: (() => void) | undefined;
  readonly #waitingForCredit: (() => void)[] = [];
  #turn: Promise<void> = Promise.resolve();

  private constructor(
    wires: SimulatedNetworks,
    self: PeerName,
    remote: PeerName,
    protocol: Protocol,
    inbound: boolean,
  ) {
    this.#wires = wires;
    this.#self = self;
    this.remote = remote;
    this.protocol = protocol;
    this.inbound = inbound;
  }

  /** Two ends of one stream; `accepted` holds the limits of the side that answers. */
  static pair(
    wires: SimulatedNetworks,
    opener: PeerName,
    answerer: PeerName,
    protocol: Protocol,
    accepted: Protocol,
  ): [SimulatedStream, SimulatedStream] {
    const near = new SimulatedStream(wires, opener, answerer, protocol, false);
    const far = new SimulatedStream(wires, answerer, opener, accepted, true);
    near.#other = far;
    far.#other = near;
    return [near, far];
  }

  async send(frame: Frame, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#checkOpen();
    checkLimits(frame, this.protocol, this.remote);
    const bytes = frame.header.byteLength + frame.payload.byteLength;
    const copy = { header: frame.header.slice(), payload: frame.payload.slice() };
    // frames leave in the order of the calls, each once the ones before have room
    const turn = this.#turn.then(() => this.#waitForCredit(signal));
    this.#turn = turn.catch(() => {});
    await turn;
    this.#checkOpen();
    this.owner?.countSent(frame);
    this.#outstandingBytes += bytes;
    const { world } = this.#wires;
    const seconds = this.#wires.transferSeconds(this.#self, this.remote, this.protocol, bytes + 8);
    const other = this.#other!;
    world.after(seconds, this.remote, () => other.#arrive(copy));
    await this.#waitForCredit(signal);
  }

  /** Resolves when the reader has caught up; rejects when the signal aborts first, or at once when the stream broke. */
  async #waitForCredit(signal?: AbortSignal): Promise<void> {
    while (this.#outstandingBytes > CREDIT_BYTES && this.#failure === undefined) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waitingForCredit.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
      signal?.throwIfAborted();
    }
    if (this.#failure) throw this.#failure;
  }

  #checkOpen(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closed)
      throw new NetworkError('closed', 'the stream was closed on this side', { peer: this.remote });
  }

  async *frames(): AsyncIterableIterator<Frame> {
    try {
      for (;;) {
        const frame = this.#inbox.shift();
        if (frame) {
          this.#giveCredit(frame);
          yield frame;
        } else if (this.#failure) {
          throw this.#failure;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#wake = undefined;
    }
  }

  async close(): Promise<void> {
    if (this.#closed || this.#failure) return;
    this.#closed = true;
    const other = this.#other!;
    const seconds = this.#wires.transferSeconds(this.#self, this.remote, this.protocol, 0);
    this.#wires.world.after(seconds, this.remote, () => {
      other.#ended = true;
      other.#notify();
      other.#retireWhenDone();
    });
    this.#retireWhenDone();
  }

  abort(reason: Error): void {
    const other = this.#other!;
    const latency = this.#wires.links.latencySeconds(this.#self, this.remote);
    this.#wires.world.after(latency, this.remote, () => other.break());
    this.break(
      new NetworkError('closed', `the stream was ended here: ${reason.message}`, { peer: this.remote }),
    );
  }

  /** The stream is broken on this side: readers and waiting senders learn it. */
  break(failure?: NetworkError): void {
    if (this.#failure) return;
    this.#failure =
      failure ?? new NetworkError('reset', `the stream to ${this.remote} broke`, { peer: this.remote });
    this.owner?.detach(this);
    this.#notify();
    for (const resume of this.#waitingForCredit.splice(0)) resume();
  }

  #arrive(frame: Frame): void {
    if (this.#failure) return;
    try {
      checkLimits(frame, this.protocol, this.remote);
    } catch (error) {
      this.#other!.break();
      this.break(error instanceof NetworkError ? error : undefined);
      return;
    }
    this.#inbox.push(frame);
    this.#notify();
  }

  #giveCredit(frame: Frame): void {
    const sender = this.#other!;
    const bytes = frame.header.byteLength + frame.payload.byteLength;
    this.#wires.world.after(this.#wires.links.latencySeconds(this.#self, this.remote), this.remote, () => {
      sender.#outstandingBytes -= bytes;
      for (const resume of sender.#waitingForCredit.splice(0)) resume();
    });
  }

  #retireWhenDone(): void {
    if (this.#closed && this.#ended) this.owner?.detach(this);
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function checkLimits(frame: Frame, protocol: Protocol, peer: PeerName): void {
  const { header, payload } = frame;
  if (header.byteLength <= protocol.maxHeaderBytes && payload.byteLength <= protocol.maxPayloadBytes) return;
  const sizes = `${header.byteLength} + ${payload.byteLength} bytes`;
  throw new NetworkError('limit', `a frame of ${sizes} is over the limits of ${protocol.id}`, { peer });
}
