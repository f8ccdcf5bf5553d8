// Chunks known by their digests, fetched from several peers at once: each peer is asked for the next chunk that nobody
// was asked for, a chunk counts when its digest is right, and what a peer owes when it is lost goes back to be asked of
// the others. After BitTorrent's pieces (Cohen, Incentives build robustness in BitTorrent, 2003, §2), in order.

import { toHex } from '../../journal/canonical.ts';
import { decodeChunkHeader, encodeWeightsRequest } from '../../network/wire/codec.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Frame, FrameStream, PeerName } from '../../seams/network.ts';

/** Requests that one peer has before it at a time: the next is there when it has answered the first. */
const IN_FLIGHT = 2;
/** A peer that sends nothing for this long is given up: more than three of the longest round trips that count. */
const STALL_SECONDS = 15;
const NOTHING = new Uint8Array(0);

export class TransferError extends Error {
  override readonly name = 'TransferError';
}

/** A peer sent something else than what was asked for by its digest. */
export class WrongChunkError extends TransferError {}

export interface Chunk {
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  readonly bytes: number;
}

/** A stream to a peer that has the chunks, and what comes on it. */
export interface Source {
  readonly peer: PeerName;
  readonly stream: FrameStream;
  readonly frames: AsyncIterator<Frame>;
}

/** Payload bytes of a transfer. */
export interface Received {
  /** Of chunks that were kept, by who sent them. */
  readonly bySource: Map<PeerName, number>;
  /** Of chunks that were wrong or broke off: these come again from somebody else. */
  againBytes: number;
}

export interface ChunksRequest {
  readonly clock: Clock;
  readonly identity: Pick<Identity, 'digest'>;
  readonly signal?: AbortSignal | undefined;
  readonly sources: readonly Source[];
  /** Each digest once. */
  readonly chunks: readonly Chunk[];
  readonly keep: (chunk: Chunk, bytes: Uint8Array) => Promise<void>;
  readonly received: Received;
  /** A peer sent a chunk that is not what its digest says; it is asked for nothing more. */
  readonly wrong: (peer: PeerName, problem: string) => void;
}

/**
 * Fetches the chunks; ends the sources' streams. Throws the last source's error when none is left and chunks are
 * missing; those that were kept need not be asked for again.
 */
export async function fetchChunks(request: ChunksRequest): Promise<void> {
  const { sources, chunks, wrong, signal } = request;
  const queue = new Queue(chunks);
  let problem: unknown = new TransferError('nobody was there to send a chunk');
  await Promise.all(
    sources.map(async (source) => {
      try {
        await drain(source, queue, request);
      } catch (error) {
        problem = error;
        if (error instanceof WrongChunkError) wrong(source.peer, error.message);
      } finally {
        source.stream.abort(new Error('the transfer is over'));
      }
    }),
  );
  signal?.throwIfAborted();
  if (!queue.isDone) throw problem;
}

/** Asks one source for chunks until there are none left to ask for. */
async function drain(source: Source, queue: Queue, request: ChunksRequest): Promise<void> {
  const { stream } = source;
  const { signal, keep, received } = request;
  const asked: Chunk[] = [];
  try {
    for (;;) {
      signal?.throwIfAborted();
      while (asked.length < IN_FLIGHT) {
        const next = queue.take();
        if (next === undefined) break;
        asked.push(next);
        const header = encodeWeightsRequest({ stage: 0, iteration: 0, newest: false, chunk: next.digest });
        await stream.send({ header, payload: NOTHING }, signal);
      }
      const [chunk] = asked;
      if (chunk !== undefined) {
        const bytes = await receive(source, chunk, request);
        asked.shift();
        await keep(chunk, bytes);
        received.bySource.set(source.peer, (received.bySource.get(source.peer) ?? 0) + bytes.length);
        queue.done();
      } else if (queue.isDone) {
        await stream.close();
        return;
      } else {
        await queue.changed(); // others may give back what they were asked for
      }
    }
  } finally {
    queue.giveBack(asked);
  }
}

/** One chunk, whose digest is right. Throws a WrongChunkError when it is not, a TransferError when the peer has it not. */
async function receive(source: Source, chunk: Chunk, request: ChunksRequest): Promise<Uint8Array> {
  const { identity, received } = request;
  const { digest } = chunk;
  const short = digest.slice(0, 12);
  const bytes = new Uint8Array(chunk.bytes);
  let at = 0;
  try {
    while (at < bytes.length) {
      const { header, payload } = await nextFrame(source, request);
      const said = decodeChunkHeader(header);
      if (said.chunk === digest && !said.available) {
        throw new TransferError(`${source.peer} has no chunk ${short}`);
      }
      if (said.chunk !== digest || said.from !== at || payload.length === 0) {
        throw new WrongChunkError(`it sends chunk ${said.chunk.slice(0, 12)} where ${short} was asked for`);
      }
      if (at + payload.length > bytes.length) {
        throw new WrongChunkError(`its chunk ${short} is longer than ${bytes.length} bytes`);
      }
      bytes.set(payload, at);
      at += payload.length;
    }
    if (toHex(identity.digest(bytes)) !== digest) {
      throw new WrongChunkError(`its chunk ${short} does not match its digest`);
    }
    return bytes;
  } catch (error) {
    received.againBytes += at;
    throw error;
  }
}

/** The next frame from a source; its stream is ended when none comes in time or the fetch is given up. */
export async function nextFrame(
  { peer, stream, frames }: Source,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<Frame> {
  const giveUp = () => stream.abort(new Error('the fetch was given up'));
  signal?.addEventListener('abort', giveUp, { once: true });
  const cancel = clock.schedule(STALL_SECONDS, () => {
    stream.abort(new Error(`${peer} sent nothing for ${STALL_SECONDS} s`));
  });
  try {
    const next = await frames.next();
    if (next.done) throw new Error(`${peer} closed the stream early`);
    return next.value;
  } finally {
    cancel();
    signal?.removeEventListener('abort', giveUp);
  }
}

/** Chunks that nobody was asked for yet, and how many are under way. */
class Queue {
  readonly #waiting: Chunk[];
  #left: number;
  readonly #listeners: (() => void)[] = [];

  constructor(chunks: readonly Chunk[]) {
    this.#waiting = [...chunks];
    this.#left = chunks.length;
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  take(): Chunk | undefined {
    return this.#waiting.shift();
  }

  giveBack(chunks: readonly Chunk[]): void {
    this.#waiting.unshift(...chunks);
    this.#wake();
  }

  done(): void {
    this.#left--;
    if (this.isDone) this.#wake();
  }

  changed(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  #wake(): void {
    for (const resume of this.#listeners.splice(0)) resume();
  }
}
