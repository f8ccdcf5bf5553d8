// A stream of frames over a libp2p stream: a writer, a reader, and the ends that the stream can come to. Why they are
// written as they are stands at the places concerned; each reason is also a test (test/network/libp2p.test.ts).

import type { Stream, StreamCloseEvent } from '@libp2p/interface';
import type { Frame, FrameStream, NetworkError, PeerName, Protocol } from '../../seams/network.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { StreamState } from './stream-state.ts';
import { updateWindowByHalves } from './window-updates.ts';

export interface FrameStreamOptions {
  readonly stream: Stream;
  readonly remote: PeerName;
  readonly protocol: Protocol;
  /** Whether this side is leaving the network: then a stream that ends was closed by us. */
  readonly isLeaving: () => boolean;
  /** Called with the header and payload bytes of each frame that is handed to the stream. */
  readonly onSent: (bytes: number) => void;
  /** Called once, when both sides are closed or the stream broke. */
  readonly onClosed: () => void;
}

export class Libp2pFrameStream implements FrameStream {
  readonly remote: PeerName;
  readonly #stream: Stream;
  readonly #state: StreamState;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #onClosed: () => void;

  constructor(options: FrameStreamOptions) {
    const { stream, protocol, remote } = options;
    this.remote = remote;
    this.#stream = stream;
    this.#onClosed = options.onClosed;
    this.#state = new StreamState(protocol, remote, options.isLeaving);
    // The stream may have ended or broken between its negotiation and now; only an end that came while the stream
    // was alive is a clean one. Iterating a stream that was reset would end silently.
    const isAlive = stream.status === 'open' || stream.status === 'closing';
    this.#state.remoteEnded = isAlive && stream.remoteWriteStatus === 'closed';
    stream.addEventListener('remoteCloseWrite', this.#onRemoteCloseWrite);
    stream.addEventListener('close', this.#onClose);
    updateWindowByHalves(stream);
    this.#writer = new FrameWriter(stream, this.#state, options.onSent);
    this.#reader = new FrameReader(stream, this.#state, (failure) => this.#fail(failure));
    if (!isAlive) queueMicrotask(() => this.#finish(undefined));
  }

  send(frame: Frame, signal?: AbortSignal): Promise<void> {
    return this.#writer.send(frame, signal);
  }

  frames(): AsyncIterableIterator<Frame> {
    return this.#reader.frames();
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  abort(reason: Error): void {
    if (this.#state.closed) return;
    this.#fail(this.#state.error('closed', `this side aborted the stream: ${reason.message}`, reason));
  }

  readonly #onRemoteCloseWrite = (): void => {
    this.#state.remoteEnded = true;
    this.#reader.serve();
  };

  // A connection that breaks closes its streams without an error: only `remoteCloseWrite` tells a clean end.
  readonly #onClose = (event: StreamCloseEvent): void => {
    this.#finish(event.error);
  };

  /** Gives up the stream for a reason of ours; what is held is dropped. */
  #fail(failure: NetworkError): void {
    this.#state.failure = failure;
    this.#reader.drop();
    this.#stream.abort(failure);
    this.#finish(failure);
  }

  #finish(cause: unknown): void {
    if (this.#state.closed) return;
    this.#state.closed = true;
    this.#state.closeCause = cause;
    this.#writer.look();
    this.#reader.serve();
    // What had arrived before the stream broke is still handed over.
    this.#reader.resume();
    this.#onClosed();
  }
}
