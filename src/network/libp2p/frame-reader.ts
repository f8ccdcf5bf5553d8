// The receiving half of a frame stream: it reads a little ahead and holds the sender while nobody takes frames.
// Neither `for await` over a libp2p stream does that (the window is widened before the bytes are consumed) nor a
// stream without a listener (it is lost once its buffer is full); only pause and resume do.

import type { Stream, StreamMessageEvent } from '@libp2p/interface';
import type { Frame, NetworkError } from '../../seams/network.ts';
import { FrameLimitError, FrameParser } from './frames.ts';
import type { StreamState } from './stream-state.ts';

/** While nobody asks for a frame, reading pauses once this much is held; the stream's window comes on top. */
export const READ_AHEAD_BYTES = 1024 * 1024;

/** What a held frame counts beyond its bytes, so that many empty ones are bounded too. */
const FRAME_OVERHEAD_BYTES = 256;

/**
 * A consumer that takes frames as they come needs a few turns of the microtask queue to ask for the next one; only
 * one that has not asked by then is slow. Pausing for the others costs a tenth of the throughput.
 */
const TURNS_TO_ASK = 8;

interface Waiting {
  readonly resolve: (result: IteratorResult<Frame, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export class FrameReader {
  readonly #stream: Stream;
  readonly #state: StreamState;
  readonly #fail: (failure: NetworkError) => void;
  readonly #parser: FrameParser;
  readonly #ready: Frame[] = [];
  #readyBytes = 0;
  #waiting: Waiting | undefined;
  /** Frames taken so far, to see whether the consumer keeps up. */
  #takenFrames = 0;
  #watchingConsumer = false;

  /** Listens from now on; `fail` is called when the remote breaks a limit. */
  constructor(stream: Stream, state: StreamState, fail: (failure: NetworkError) => void) {
    this.#stream = stream;
    this.#state = state;
    this.#fail = fail;
    this.#parser = new FrameParser(state.protocol, (frame) => {
      this.#ready.push(frame);
      this.#readyBytes += heldBytes(frame);
    });
    stream.addEventListener('message', this.#onMessage);
  }

  /** Leaving a loop over it keeps what was read ahead: the next iterator goes on from there. */
  frames(): AsyncIterableIterator<Frame, undefined> {
    let left = false;
    const iterator: AsyncIterableIterator<Frame, undefined> = {
      next: () => (left ? Promise.resolve({ done: true, value: undefined }) : this.#next()),
      return: () => {
        left = true;
        this.#waiting?.resolve({ done: true, value: undefined });
        this.#waiting = undefined;
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Gives the waiting consumer a frame, the end, or the reason why there is none. */
  serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const frame = this.#ready.shift();
    if (frame !== undefined) {
      this.#readyBytes -= heldBytes(frame);
      this.#takenFrames++;
      this.#waiting = undefined;
      waiting.resolve({ done: false, value: frame });
      return;
    }
    const { failure, remoteEnded, closed } = this.#state;
    const isDrained = this.#stream.readBufferLength === 0 || this.#stream.readStatus === 'closed';
    const isOver = failure !== undefined || (isDrained && (remoteEnded || closed));
    if (!isOver) return;
    this.#waiting = undefined;
    if (failure !== undefined) waiting.reject(failure);
    else if (!remoteEnded) waiting.reject(this.#state.brokenError());
    else if (this.#parser.insideFrame) {
      waiting.reject(this.#state.error('truncated', 'the stream ended inside a frame'));
    } else waiting.resolve({ done: true, value: undefined });
  }

  /** Resumes the stream when there is room again. */
  resume(): void {
    if (this.#stream.readStatus !== 'paused' || this.#holdsEnough()) return;
    try {
      this.#stream.resume();
    } catch {
      // The connection is gone: resume() hands over what had arrived and then cannot tell the remote.
    }
    this.serve();
  }

  /** Lets go of the frames that nobody will be given any more. */
  drop(): void {
    this.#ready.length = 0;
    this.#readyBytes = 0;
  }

  #next(): Promise<IteratorResult<Frame, undefined>> {
    if (this.#waiting !== undefined) {
      const { id } = this.#state.protocol;
      return Promise.reject(new Error(`frames of one stream (${id}) have one consumer at a time`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.serve();
      this.resume();
    });
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    if (this.#state.failure !== undefined) return;
    try {
      const data = event.data;
      if (data instanceof Uint8Array) this.#parser.push(data);
      else for (const chunk of data) this.#parser.push(chunk);
    } catch (error) {
      const problem = error instanceof FrameLimitError ? error.message : String(error);
      this.#fail(this.#state.error('limit', `the remote sent ${problem}`, error));
      return;
    }
    this.serve();
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
      if (!this.#holdsEnough() || this.#state.closed) this.#watchingConsumer = false;
      else if (this.#takenFrames !== takenBefore) this.#watchConsumer(this.#takenFrames, TURNS_TO_ASK);
      else if (turnsLeft > 0) this.#watchConsumer(takenBefore, turnsLeft - 1);
      else {
        this.#watchingConsumer = false;
        if (this.#stream.readStatus === 'readable') this.#stream.pause();
      }
    });
  }

  /** Whether more is held than may be read ahead, and nobody waits for it. */
  #holdsEnough(): boolean {
    return this.#waiting === undefined && this.#readyBytes + this.#parser.partialBytes > READ_AHEAD_BYTES;
  }
}

function heldBytes(frame: Frame): number {
  return frame.header.byteLength + frame.payload.byteLength + FRAME_OVERHEAD_BYTES;
}
