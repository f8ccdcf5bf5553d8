// A stream of frames over a libp2p stream, with the two things libp2p leaves to its user: a sender that waits until
// its bytes are really taken, and a reader that holds the sender while nobody reads. Why it is written like this
// stands at the places concerned; each reason is also a test (test/network/libp2p.test.ts).

import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import type { Frame, FrameStream, PeerName, Protocol } from '../../seams/network.ts';
import { NetworkError } from '../../seams/network.ts';
import { checkFrameLimits, FrameLimitError, FrameParser, framePieces } from './frames.ts';

/**
 * A frame goes down in pieces of at most this size, each taken before the next: small enough that two streams on one
 * connection take turns, large enough for a 1 MB activation in one piece. Each piece costs the stack a round of its
 * own (4 KB pieces cost ten times the CPU).
 */
export const MAX_PIECE_BYTES = 1280 * 1024;

/** While nobody asks for a frame, reading pauses once this much is held; the stream's window comes on top. */
export const READ_AHEAD_BYTES = 1024 * 1024;

/**
 * A consumer that takes frames as they come needs a few turns of the microtask queue to ask for the next one; only
 * one that has not asked by then is slow. Pausing for the others costs a tenth of the throughput.
 */
const TURNS_TO_ASK = 8;

/** What a held frame counts beyond its bytes, so that many empty ones are bounded too. */
const FRAME_OVERHEAD_BYTES = 256;

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

interface QueuedFrame {
  readonly frame: Frame;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Reader {
  readonly resolve: (result: IteratorResult<Frame, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export class Libp2pFrameStream implements FrameStream {
  readonly remote: PeerName;
  readonly #stream: Stream;
  readonly #protocol: Protocol;
  readonly #isLeaving: () => boolean;
  readonly #onSent: (bytes: number) => void;
  readonly #onClosed: () => void;

  readonly #queue: QueuedFrame[] = [];
  #pump: Promise<void> | undefined;
  #wakeWriter: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  readonly #parser: FrameParser;
  readonly #ready: Frame[] = [];
  #readyBytes = 0;
  #reader: Reader | undefined;
  /** Frames taken so far, to see whether the consumer keeps up. */
  #takenFrames = 0;
  #watchingConsumer = false;

  /** The remote closed its writing side cleanly. */
  #remoteEnded: boolean;
  /** Nothing can be sent or received any more. */
  #closed = false;
  /** Why nothing more is delivered, even if frames are held: our own abort, or a broken limit. */
  #failure: NetworkError | undefined;
  /** What the libp2p stream said when it closed. */
  #closeCause: unknown;

  constructor(options: FrameStreamOptions) {
    this.remote = options.remote;
    this.#stream = options.stream;
    this.#protocol = options.protocol;
    this.#isLeaving = options.isLeaving;
    this.#onSent = options.onSent;
    this.#onClosed = options.onClosed;
    this.#parser = new FrameParser(options.protocol, (frame) => {
      this.#ready.push(frame);
      this.#readyBytes += frameBytes(frame);
    });
    const stream = options.stream;
    // The stream may have ended or broken between its negotiation and now; only an end that came while the stream
    // was alive is a clean one. Iterating a stream that was reset would end silently.
    const alive = stream.status === 'open' || stream.status === 'closing';
    this.#remoteEnded = alive && stream.remoteWriteStatus === 'closed';
    stream.addEventListener('drain', this.#onDrain);
    stream.addEventListener('idle', this.#onDrain);
    stream.addEventListener('remoteCloseWrite', this.#onRemoteCloseWrite);
    stream.addEventListener('close', this.#onClose);
    // Listening starts at once: a stream that is not listened to is lost once its buffer is full.
    stream.addEventListener('message', this.#onMessage);
    if (!alive) queueMicrotask(() => this.#finish(undefined));
  }

  send(frame: Frame, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#closing !== undefined) throw this.#error('closed', 'this side has closed the stream');
      if (this.#closed) throw this.#brokenError();
      try {
        checkFrameLimits(frame.header.byteLength, frame.payload.byteLength, this.#protocol);
      } catch (error) {
        throw this.#error('limit', `cannot send ${(error as Error).message}`, error);
      }
      const onAbort = () => {
        const waiting = this.#queue.indexOf(queued, 1);
        if (waiting > 0) this.#queue.splice(waiting, 1);
        reject(signal?.reason);
      };
      const queued: QueuedFrame = {
        frame,
        resolve: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(queued);
      this.#pump ??= this.#sendQueued();
    });
  }

  frames(): AsyncIterableIterator<Frame> {
    let left = false;
    const iterator: AsyncIterableIterator<Frame, undefined> = {
      next: () => (left ? Promise.resolve({ done: true, value: undefined }) : this.#next()),
      // Leaving a loop keeps what was read ahead: the next call of frames() goes on from there.
      return: () => {
        left = true;
        this.#reader?.resolve({ done: true, value: undefined });
        this.#reader = undefined;
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#pump;
      if (this.#closed) return;
      try {
        await this.#stream.close();
      } catch {
        // It broke while closing (libp2p rejects with an Event then); whoever had a frame queued was told.
      }
    })();
    return this.#closing;
  }

  abort(reason: Error): void {
    if (this.#closed) return;
    this.#fail(this.#error('closed', `this side aborted the stream: ${reason.message}`, reason));
  }

  // Sending ---------------------------------------------------------------------------------------------------

  async #sendQueued(): Promise<void> {
    let next = this.#queue[0];
    while (next !== undefined) {
      try {
        this.#onSent(next.frame.header.byteLength + next.frame.payload.byteLength);
        for (const piece of framePieces(next.frame, MAX_PIECE_BYTES)) {
          if (this.#closed) throw this.#brokenError();
          this.#stream.send(piece);
          await this.#taken();
        }
        next.resolve();
      } catch (error) {
        next.reject(error instanceof NetworkError ? error : this.#error('reset', 'the stream broke', error));
      }
      this.#queue.shift();
      next = this.#queue[0];
    }
    this.#pump = undefined;
  }

  /**
   * Waits until what was sent has been encrypted, and so copied: then the caller may reuse the payload. That is so
   * when the stream's buffer is empty and the connection below can take more; `onDrain()` alone resolves at once
   * from its second call on.
   */
  async #taken(): Promise<void> {
    const stream = this.#stream;
    while (stream.writeBufferLength > 0 || stream.writableNeedsDrain) {
      if (this.#closed) throw this.#brokenError();
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
    if (this.#closed) throw this.#brokenError();
  }

  readonly #onDrain = (): void => {
    this.#wakeWriter?.();
  };

  // Receiving -------------------------------------------------------------------------------------------------

  #next(): Promise<IteratorResult<Frame, undefined>> {
    if (this.#reader !== undefined) {
      return Promise.reject(
        new Error(`frames of one stream (${this.#protocol.id}) have one consumer at a time`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#serveReader();
      this.#resumeReading();
    });
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    if (this.#failure !== undefined) return;
    try {
      const data = event.data;
      if (data instanceof Uint8Array) this.#parser.push(data);
      else for (const chunk of data) this.#parser.push(chunk);
    } catch (error) {
      const problem = error instanceof FrameLimitError ? error.message : String(error);
      this.#fail(this.#error('limit', `the remote sent ${problem}`, error));
      return;
    }
    this.#serveReader();
    if (this.#holdsEnough() && !this.#watchingConsumer) {
      this.#watchingConsumer = true;
      this.#watchConsumer(this.#takenFrames, TURNS_TO_ASK);
    }
  };

  /**
   * Pauses the stream when the consumer takes nothing for some turns. Never at once: this may run inside resume(),
   * which would undo the pause when it goes on.
   */
  #watchConsumer(takenBefore: number, turnsLeft: number): void {
    queueMicrotask(() => {
      const stream = this.#stream;
      if (!this.#holdsEnough() || this.#closed) this.#watchingConsumer = false;
      else if (this.#takenFrames !== takenBefore) this.#watchConsumer(this.#takenFrames, TURNS_TO_ASK);
      else if (turnsLeft > 0) this.#watchConsumer(takenBefore, turnsLeft - 1);
      else {
        this.#watchingConsumer = false;
        if (stream.readStatus === 'readable') stream.pause();
      }
    });
  }

  /** Whether more is held than may be read ahead, and nobody waits for it. */
  #holdsEnough(): boolean {
    return this.#reader === undefined && this.#readyBytes + this.#parser.partialBytes > READ_AHEAD_BYTES;
  }

  /** Gives the waiting consumer a frame, the end, or the reason why there is none. */
  #serveReader(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const frame = this.#ready.shift();
    if (frame !== undefined) {
      this.#readyBytes -= frameBytes(frame);
      this.#takenFrames++;
      this.#reader = undefined;
      reader.resolve({ done: false, value: frame });
      return;
    }
    if (this.#failure !== undefined) {
      this.#reader = undefined;
      reader.reject(this.#failure);
      return;
    }
    const noMoreBytes = this.#stream.readBufferLength === 0 || this.#stream.readStatus === 'closed';
    if (!noMoreBytes || !(this.#remoteEnded || this.#closed)) return;
    this.#reader = undefined;
    if (!this.#remoteEnded) reader.reject(this.#brokenError());
    else if (this.#parser.insideFrame)
      reader.reject(this.#error('truncated', 'the stream ended inside a frame'));
    else reader.resolve({ done: true, value: undefined });
  }

  /** Resumes the stream when there is room again. */
  #resumeReading(): void {
    const stream = this.#stream;
    if (stream.readStatus !== 'paused' || this.#holdsEnough()) return;
    try {
      stream.resume();
    } catch {
      // The connection is gone: resume() hands over what had arrived and then cannot tell the remote.
    }
    this.#serveReader();
  }

  // Ends ------------------------------------------------------------------------------------------------------

  readonly #onRemoteCloseWrite = (): void => {
    this.#remoteEnded = true;
    this.#serveReader();
  };

  // A connection that breaks closes its streams without an error: only `remoteCloseWrite` tells a clean end.
  readonly #onClose = (event: StreamCloseEvent): void => {
    this.#finish(event.error);
  };

  /** Gives up the stream for a reason of ours; what is held is dropped. */
  #fail(failure: NetworkError): void {
    this.#failure = failure;
    this.#ready.length = 0;
    this.#readyBytes = 0;
    this.#stream.abort(failure);
    this.#finish(failure);
  }

  #finish(cause: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeCause = cause;
    const stream = this.#stream;
    stream.removeEventListener('drain', this.#onDrain);
    stream.removeEventListener('idle', this.#onDrain);
    stream.removeEventListener('remoteCloseWrite', this.#onRemoteCloseWrite);
    stream.removeEventListener('close', this.#onClose);
    this.#wakeWriter?.();
    this.#serveReader();
    this.#resumeReading();
    this.#onClosed();
  }

  #brokenError(): NetworkError {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#isLeaving()) return this.#error('closed', 'this side has left the network');
    const cause = this.#closeCause;
    const detail = cause instanceof Error ? ` (${cause.message})` : '';
    return this.#error('reset', `the stream broke${detail}`, cause);
  }

  #error(code: NetworkError['code'], problem: string, cause?: unknown): NetworkError {
    const message = `${this.#protocol.id} with ${this.remote}: ${problem}`;
    return new NetworkError(code, message, { peer: this.remote, cause });
  }
}

function frameBytes(frame: Frame): number {
  return frame.header.byteLength + frame.payload.byteLength + FRAME_OVERHEAD_BYTES;
}
