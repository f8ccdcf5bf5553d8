// One direction each way between two simulated peers, on one of their connections. Frames are copied when they are
// sent (the reader owns what it gets) and arrive in order; a sender waits while too many bytes stand unread on the
// other side.

import {
  type Frame,
  type FrameStream,
  NetworkError,
  type PeerName,
  type Protocol,
} from '../../seams/network.ts';
import type { SimulatedNetworks } from './network.ts';
import type { Order, WireEnd } from './wire.ts';

/** Bytes that may be under way or unread before `send` waits. */
const CREDIT_BYTES = 4 * 1024 * 1024;
/** Of each frame, beside its header and payload. */
const FRAME_BYTES = 8;
const NOTHING = new Uint8Array(0);
const SENT = Promise.resolve();

const END: IteratorResult<Frame> = { done: true, value: undefined };

interface Reader {
  readonly resolve: (result: IteratorResult<Frame>) => void;
  readonly reject: (failure: NetworkError) => void;
}

export class SimulatedStream implements FrameStream {
  readonly protocol: Protocol;
  readonly inbound: boolean;
  readonly #networks: SimulatedNetworks;
  readonly #wire: WireEnd;
  readonly #closedHere: () => void;
  readonly #order: Order = { lastAt: 0 };
  readonly #credit: Order = { lastAt: 0 };
  #other: SimulatedStream | undefined;
  readonly #inbox: Frame[] = [];
  #ended = false;
  #closed = false;
  #retired = false;
  #failure: NetworkError | undefined;
  #outstandingBytes = 0;
  /** Whoever waits for the next frame, or for the end. */
  #reader: Reader | undefined;
  readonly #waitingForCredit: (() => void)[] = [];
  #turn: Promise<void> | undefined;

  private constructor(
    networks: SimulatedNetworks,
    wire: WireEnd,
    protocol: Protocol,
    inbound: boolean,
    closedHere: () => void,
  ) {
    this.#networks = networks;
    this.#wire = wire;
    this.protocol = protocol;
    this.inbound = inbound;
    this.#closedHere = closedHere;
    wire.streams.add(this);
  }

  /**
   * Two ends of one stream on a connection of the peer that opens it.
   * @param accepted the limits of the side that answers
   * @param farClosed called when the answering side is done with it
   */
  static pair(
    networks: SimulatedNetworks,
    wire: WireEnd,
    protocol: Protocol,
    accepted: Protocol,
    farClosed: () => void,
  ): [SimulatedStream, SimulatedStream] {
    const near = new SimulatedStream(networks, wire, protocol, false, () => {});
    const far = new SimulatedStream(networks, wire.other, accepted, true, farClosed);
    near.#other = far;
    far.#other = near;
    return [near, far];
  }

  get remote(): PeerName {
    return this.#wire.peer;
  }

  send(frame: Frame, signal?: AbortSignal): Promise<void> {
    try {
      signal?.throwIfAborted();
      this.#checkOpen();
      checkLimits(frame, this.protocol, this.remote);
    } catch (error) {
      return Promise.reject(error);
    }
    const copy = {
      header: frame.header.slice(),
      payload: frame.payload.byteLength === 0 ? NOTHING : frame.payload.slice(),
    };
    // frames leave in the order of the calls, each once the ones before have room
    const mayLeave = this.#turn === undefined && this.#outstandingBytes <= CREDIT_BYTES;
    if (!mayLeave) return this.#sendInTurn(copy, signal);
    this.#leave(copy);
    return this.#outstandingBytes > CREDIT_BYTES ? this.#waitForCredit(signal) : SENT;
  }

  async #sendInTurn(frame: Frame, signal: AbortSignal | undefined): Promise<void> {
    const turn = (this.#turn ?? Promise.resolve()).then(() => this.#waitForCredit(signal));
    const settled = turn.catch(() => {});
    this.#turn = settled;
    await turn.finally(() => {
      if (this.#turn === settled) this.#turn = undefined;
    });
    this.#checkOpen();
    this.#leave(frame);
    if (this.#outstandingBytes > CREDIT_BYTES) await this.#waitForCredit(signal);
  }

  #leave(frame: Frame): void {
    const bytes = frame.header.byteLength + frame.payload.byteLength;
    this.#wire.node.countSent(frame);
    this.#networks.leaves(this.#wire.self, this.remote, this.protocol, frame);
    this.#outstandingBytes += bytes;
    const other = this.#other!;
    this.#wire.send(bytes + FRAME_BYTES, this.#order, () => other.#arrive(frame));
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

  /** Written out instead of as a generator: every frame of every peer comes through here. */
  frames(): AsyncIterableIterator<Frame> {
    let over = false;
    const next = (): Promise<IteratorResult<Frame>> => {
      if (over) return Promise.resolve(END);
      const frame = this.#inbox.shift();
      if (frame !== undefined) {
        this.#giveCredit(frame);
        return Promise.resolve({ done: false, value: frame });
      }
      if (this.#failure === undefined && !this.#ended) {
        return new Promise((resolve, reject) => {
          this.#reader = { resolve, reject };
        });
      }
      over = true;
      return this.#failure === undefined ? Promise.resolve(END) : Promise.reject(this.#failure);
    };
    const frames: AsyncIterableIterator<Frame> = {
      next,
      return: () => {
        over = true;
        this.#reader = undefined;
        return Promise.resolve(END);
      },
      [Symbol.asyncIterator]: () => frames,
    };
    return frames;
  }

  async close(): Promise<void> {
    if (this.#closed || this.#failure) return;
    this.#closed = true;
    const other = this.#other!;
    this.#wire.send(0, this.#order, () => {
      other.#ended = true;
      other.#tellReader();
      other.#retireWhenDone();
    });
    this.#retireWhenDone();
  }

  abort(reason: Error): void {
    const other = this.#other!;
    this.#networks.carry(this.#wire.self, this.remote, 0, { lastAt: 0 }, () => other.break());
    this.break(
      new NetworkError('closed', `the stream was ended here: ${reason.message}`, { peer: this.remote }),
    );
  }

  /** The stream is broken on this side: readers and waiting senders learn it. */
  break(failure?: NetworkError): void {
    if (this.#failure) return;
    this.#failure =
      failure ?? new NetworkError('reset', `the stream to ${this.remote} broke`, { peer: this.remote });
    this.#retire();
    this.#tellReader();
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
    const reader = this.#reader;
    if (reader === undefined) {
      this.#inbox.push(frame);
      return;
    }
    this.#reader = undefined;
    this.#giveCredit(frame);
    reader.resolve({ done: false, value: frame });
  }

  /** Tells the sender that a frame was read; only one that may be waiting needs to hear it in its own time. */
  #giveCredit(frame: Frame): void {
    const sender = this.#other!;
    const bytes = frame.header.byteLength + frame.payload.byteLength;
    if (sender.#outstandingBytes <= CREDIT_BYTES / 2) {
      sender.#outstandingBytes -= bytes;
      return;
    }
    this.#networks.carry(this.#wire.self, this.remote, 0, this.#credit, () => {
      sender.#outstandingBytes -= bytes;
      for (const resume of sender.#waitingForCredit.splice(0)) resume();
    });
  }

  #retireWhenDone(): void {
    if (this.#closed && this.#ended) this.#retire();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#wire.streams.delete(this);
    this.#closedHere();
  }

  /** Nothing more comes: whoever waits for a frame learns it. */
  #tellReader(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (this.#failure !== undefined) reader?.reject(this.#failure);
    else reader?.resolve(END);
  }
}

function checkLimits(frame: Frame, protocol: Protocol, peer: PeerName): void {
  const { header, payload } = frame;
  if (header.byteLength <= protocol.maxHeaderBytes && payload.byteLength <= protocol.maxPayloadBytes) return;
  const sizes = `${header.byteLength} + ${payload.byteLength} bytes`;
  throw new NetworkError('limit', `a frame of ${sizes} is over the limits of ${protocol.id}`, { peer });
}
