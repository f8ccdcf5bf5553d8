// The sending half of a frame stream: one frame after the other, each waited for until its bytes are really taken.
// libp2p's own `onDrain()` resolves at once from its second call on, and would accept 300 MB.

import type { Stream } from '@libp2p/interface';
import type { Frame } from '../../seams/network.ts';
import { NetworkError } from '../../seams/network.ts';
import { checkFrameLimits, framePieces } from './frames.ts';
import type { StreamState } from './stream-state.ts';

/**
 * A frame goes down in pieces of at most this size, each taken before the next: small enough that two streams on one
 * connection take turns, large enough for a 1 MB activation in one piece. Each piece costs the stack a round of its
 * own (4 KB pieces cost ten times the CPU).
 */
export const MAX_PIECE_BYTES = 1280 * 1024;

interface QueuedFrame {
  readonly frame: Frame;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class FrameWriter {
  readonly #stream: Stream;
  readonly #state: StreamState;
  readonly #onSent: (bytes: number) => void;
  readonly #queue: QueuedFrame[] = [];
  #pump: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** `onSent` is called with the header and payload bytes of each frame that is handed to the stream. */
  constructor(stream: Stream, state: StreamState, onSent: (bytes: number) => void) {
    this.#stream = stream;
    this.#state = state;
    this.#onSent = onSent;
    stream.addEventListener('drain', this.look);
    stream.addEventListener('idle', this.look);
  }

  send(frame: Frame, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const state = this.#state;
      if (this.#closing !== undefined) throw state.error('closed', 'this side has closed the stream');
      if (state.closed) throw state.brokenError();
      try {
        checkFrameLimits(frame.header.byteLength, frame.payload.byteLength, state.protocol);
      } catch (error) {
        throw state.error('limit', `cannot send ${(error as Error).message}`, error);
      }
      const onAbort = (): void => {
        // The first in the queue is on its way already: leaving it out would cut it off for the reader.
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

  /** Never rejects: whoever had a frame queued when the stream broke was told. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#pump;
      if (this.#state.closed) return;
      try {
        await this.#stream.close();
      } catch {
        // It broke while closing; libp2p rejects with an Event then.
      }
    })();
    return this.#closing;
  }

  /** Looks whether what was sent has been taken, or the stream has closed. */
  readonly look = (): void => {
    this.#wake?.();
  };

  async #sendQueued(): Promise<void> {
    let next = this.#queue[0];
    while (next !== undefined) {
      try {
        this.#onSent(next.frame.header.byteLength + next.frame.payload.byteLength);
        for (const piece of framePieces(next.frame, MAX_PIECE_BYTES)) {
          if (this.#state.closed) throw this.#state.brokenError();
          this.#stream.send(piece);
          await this.#taken();
        }
        next.resolve();
      } catch (error) {
        const isTold = error instanceof NetworkError;
        next.reject(isTold ? error : this.#state.error('reset', 'the stream broke', error));
      }
      this.#queue.shift();
      next = this.#queue[0];
    }
    this.#pump = undefined;
  }

  /**
   * Waits until what was sent has been encrypted, and so copied: then the caller may reuse the payload. An empty
   * buffer is not enough, because the connection below may hold the plain bytes while it cannot take more.
   */
  async #taken(): Promise<void> {
    const stream = this.#stream;
    while (stream.writeBufferLength > 0 || stream.writableNeedsDrain) {
      if (this.#state.closed) throw this.#state.brokenError();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#state.closed) throw this.#state.brokenError();
  }
}
