// What a peer sends to one other with one protocol: a stream that is opened when there is something to send, and
// another one after it broke. Nothing comes back on it but its end.

import {
  type Frame,
  type FrameStream,
  type Network,
  NetworkError,
  type PeerName,
  type Protocol,
} from '../seams/network.ts';

/** One stream to one peer; frames wait for it to open and leave in the order in which they were given. */
export class Line {
  queued = 0;
  queuedBytes = 0;
  readonly #network: Network;
  readonly #peer: PeerName;
  readonly #protocol: Protocol;
  readonly #broke: () => void;
  #stream: Promise<FrameStream> | undefined;
  /** The same, once something was sent on it. */
  #opened: FrameStream | undefined;

  /** @param broke called when the stream breaks under this peer; not when this peer drops it */
  constructor(network: Network, peer: PeerName, protocol: Protocol, broke: () => void) {
    this.#network = network;
    this.#peer = peer;
    this.#protocol = protocol;
    this.#broke = broke;
  }

  /** Sends without waiting; `failed` is told when the frame could not be sent. */
  post(frame: Frame, signal: AbortSignal, failed: ((error: Error) => void) | undefined): void {
    const open = this.queued === 0 ? this.#opened : undefined;
    if (open === undefined) {
      this.send(frame, signal).catch((error: Error) => failed?.(error));
      return;
    }
    // what follows is what `send` does, for the most frequent case, in which there is nothing to wait for
    const opening = this.#stream;
    const bytes = frame.header.byteLength + frame.payload.byteLength;
    this.queued++;
    this.queuedBytes += bytes;
    const taken = (): void => {
      this.queued--;
      this.queuedBytes -= bytes;
    };
    open.send(frame, signal).then(taken, (error: Error) => {
      if (this.#stream === opening) this.#forget();
      taken();
      failed?.(error);
    });
  }

  async send(frame: Frame, signal: AbortSignal): Promise<void> {
    const bytes = frame.header.byteLength + frame.payload.byteLength;
    const open = this.queued === 0 ? this.#opened : undefined; // nobody to overtake
    this.queued++;
    this.queuedBytes += bytes;
    const opening = this.#stream ?? this.#open(signal);
    try {
      const stream = open ?? (await opening);
      if (this.#stream === opening) this.#opened = stream;
      await stream.send(frame, signal);
    } catch (error) {
      if (this.#stream === opening) this.#forget();
      throw error;
    } finally {
      this.queued--;
      this.queuedBytes -= bytes;
    }
  }

  /** Whether the stream is there; false while it is being opened. */
  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  #open(signal: AbortSignal): Promise<FrameStream> {
    const opening = this.#network.open(this.#peer, this.#protocol, signal);
    this.#stream = opening;
    opening.then((stream) => this.#watch(opening, stream)).catch(() => {}); // whoever sends hears of it
    return opening;
  }

  /** Nothing is ever sent back on it, but its end is heard: frames that were sent may not have arrived. */
  async #watch(opening: Promise<FrameStream>, stream: FrameStream): Promise<void> {
    try {
      for await (const _ of stream.frames()) break;
    } catch (error) {
      if (this.#stream !== opening) return;
      this.#forget();
      if (isReset(error)) this.#broke();
    }
  }

  drop(): void {
    this.#stream?.then(
      (stream) => stream.abort(new Error('the peer is gone')),
      () => {},
    );
    this.#forget();
  }

  #forget(): void {
    this.#stream = undefined;
    this.#opened = undefined;
  }
}

/** Whether the stream broke, not ended. */
export function isReset(error: unknown): boolean {
  return error instanceof NetworkError && error.code === 'reset';
}
