// Weights on the move: a donor freezes a snapshot, a fetcher reads it in chunks whose digests it checks before it
// believes them, and a transfer that broke goes on from the first chunk that is missing.

import { pipe } from 'it-pipe';
import { toHex } from '../journal/canonical.ts';
import {
  decodeChunkHeader,
  decodeWeightsOffer,
  decodeWeightsRequest,
  encodeChunkHeader,
  encodeWeightsOffer,
  encodeWeightsRequest,
  type WeightsOfferMessage,
} from '../network/wire/codec.ts';
import type { CancelTimer, Clock } from '../seams/clock.ts';
import type { Identity } from '../seams/identity.ts';
import type { Frame, FrameStream, Network, PeerName } from '../seams/network.ts';
import { WEIGHT_CHUNK_BYTES, WEIGHTS } from './protocols.ts';

/** A donor keeps a frozen snapshot this long after it was last asked for. */
const FROZEN_SECONDS = 120;
/** A donor that sends nothing for this long is given up. */
const STALL_SECONDS = 15;
/** More snapshots than this are not kept; the oldest goes first. */
const MOST_FROZEN = 4;
const NOTHING = new Uint8Array(0);

export class TransferError extends Error {
  override readonly name = 'TransferError';
}

interface Frozen {
  readonly iteration: number;
  readonly bytes: Uint8Array;
  readonly offer: WeightsOfferMessage;
  cancel: CancelTimer;
}

export interface DonorParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  /** Resolves when the stage is that of one iteration, not in the middle of a step. */
  readonly settled: () => Promise<void>;
  /** A copy of the stage held now, or undefined when it is another or none. */
  readonly take: (stage: number) => { iteration: number; bytes: Uint8Array } | undefined;
  /** The stage as the run begins, where this peer has it to give. */
  readonly initial: (stage: number) => Uint8Array | undefined;
  readonly mayAsk: (peer: PeerName) => boolean;
  /** Payload bytes that went out. */
  readonly sent: (bytes: number) => void;
}

/** Serves snapshots of this peer's stage. */
export class Donor {
  readonly #parts: DonorParts;
  readonly #frozen = new Map<string, Frozen>();

  constructor(parts: DonorParts) {
    this.#parts = parts;
    parts.network.handle(WEIGHTS, (stream) => {
      this.#serve(stream).catch((error: Error) => stream.abort(error));
    });
  }

  /** Keeps the stage as it is now, so that it can be fetched while training goes on. */
  freeze(stage: number): void {
    const taken = this.#parts.take(stage);
    if (taken !== undefined) this.#keep(stage, taken.iteration, taken.bytes);
  }

  /** A snapshot that was frozen here and is still kept. */
  frozen(stage: number, iteration: number): Uint8Array | undefined {
    return this.#frozen.get(`${stage}@${iteration}`)?.bytes;
  }

  close(): void {
    for (const frozen of this.#frozen.values()) frozen.cancel();
    this.#frozen.clear();
  }

  #keep(stage: number, iteration: number, bytes: Uint8Array): Frozen {
    const key = `${stage}@${iteration}`;
    this.#frozen.get(key)?.cancel();
    const { digest } = this.#parts.identity;
    const chunkDigests: string[] = [];
    for (let at = 0; at < bytes.length; at += WEIGHT_CHUNK_BYTES) {
      chunkDigests.push(toHex(digest(bytes.subarray(at, at + WEIGHT_CHUNK_BYTES))));
    }
    const offer = {
      available: true,
      reason: '',
      stage,
      iteration,
      bytes: bytes.length,
      chunkBytes: WEIGHT_CHUNK_BYTES,
      digest: toHex(digest(bytes)),
      chunkDigests,
    };
    const frozen: Frozen = { iteration, bytes, offer, cancel: () => {} };
    this.#frozen.set(key, frozen);
    for (const [old, { cancel }] of this.#frozen) {
      if (this.#frozen.size <= MOST_FROZEN) break;
      cancel();
      this.#frozen.delete(old);
    }
    this.#keepLonger(key, frozen);
    return frozen;
  }

  #keepLonger(key: string, frozen: Frozen): void {
    frozen.cancel();
    frozen.cancel = this.#parts.clock.schedule(FROZEN_SECONDS, () => this.#frozen.delete(key));
  }

  async #serve(stream: FrameStream): Promise<void> {
    const incoming = stream.frames();
    const first = await incoming.next();
    if (first.done) return;
    const request = decodeWeightsRequest(first.value.header);
    if (request.newest) await this.#parts.settled();
    const found = this.#find(stream.remote, request);
    if (typeof found === 'string') {
      const refusal = { ...emptyOffer(request.stage, request.iteration), reason: found };
      await stream.send({ header: encodeWeightsOffer(refusal), payload: NOTHING });
      await stream.close();
      return;
    }
    await pipe(this.#answer(found, request.firstChunk), async (frames) => {
      for await (const frame of frames) {
        await stream.send(frame);
        this.#parts.sent(frame.payload.byteLength);
      }
    });
    await stream.close();
    await incoming.next(); // the fetcher closes when it has everything
  }

  #find(peer: PeerName, request: { stage: number; iteration: number; newest: boolean }): Frozen | string {
    if (!this.#parts.mayAsk(peer)) return 'only members of the run may fetch weights';
    if (request.newest) {
      const taken = this.#parts.take(request.stage);
      if (taken === undefined) return `this peer does not hold stage ${request.stage}`;
      const kept = this.#frozen.get(`${request.stage}@${taken.iteration}`);
      return kept ?? this.#keep(request.stage, taken.iteration, taken.bytes);
    }
    const key = `${request.stage}@${request.iteration}`;
    const frozen = this.#frozen.get(key);
    if (frozen) this.#keepLonger(key, frozen);
    const initial = frozen || request.iteration > 0 ? undefined : this.#parts.initial(request.stage);
    if (initial) return this.#keep(request.stage, 0, initial);
    return frozen ?? `no snapshot of stage ${request.stage} at iteration ${request.iteration} is kept here`;
  }

  *#answer(frozen: Frozen, firstChunk: number): Generator<Frame> {
    yield { header: encodeWeightsOffer(frozen.offer), payload: NOTHING };
    for (let chunk = firstChunk; chunk * WEIGHT_CHUNK_BYTES < frozen.bytes.length; chunk++) {
      const from = chunk * WEIGHT_CHUNK_BYTES;
      const payload = frozen.bytes.subarray(from, Math.min(frozen.bytes.length, from + WEIGHT_CHUNK_BYTES));
      yield { header: encodeChunkHeader({ chunk }), payload };
    }
  }
}

export interface FetchRequest {
  readonly network: Network;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly from: PeerName;
  readonly stage: number;
  /** undefined: whatever the donor has now. */
  readonly iteration: number | undefined;
  /** A snapshot cannot be larger; more is refused before anything is allocated. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

/** Fetches a snapshot; tries again from where it broke, `attempts` times in all. Throws a TransferError. */
export async function fetchSnapshot(
  request: FetchRequest,
  attempts = 3,
): Promise<{ iteration: number; bytes: Uint8Array }> {
  const partial: Partial = { bytes: undefined, offer: undefined, nextChunk: 0 };
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(request, partial);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof TransferError || attempt >= attempts) {
        if (error instanceof TransferError) throw error;
        const why = error instanceof Error ? error.message : String(error);
        throw new TransferError(`stage ${request.stage} could not be fetched from ${request.from}: ${why}`, {
          cause: error,
        });
      }
    }
  }
}

interface Partial {
  bytes: Uint8Array | undefined;
  offer: WeightsOfferMessage | undefined;
  nextChunk: number;
}

async function fetchOnce(
  request: FetchRequest,
  partial: Partial,
): Promise<{ iteration: number; bytes: Uint8Array }> {
  const { network, identity, from, stage, iteration, signal } = request;
  const stream = await network.open(from, WEIGHTS, signal);
  try {
    const wanted = partial.offer?.iteration ?? iteration;
    const header = encodeWeightsRequest({
      stage,
      iteration: wanted ?? 0,
      firstChunk: partial.nextChunk,
      newest: wanted === undefined,
    });
    await stream.send({ header, payload: NOTHING }, signal);
    const frames = stream.frames();
    const first = await timely(request, stream, frames.next());
    if (first.done) throw new Error('the donor closed the stream');
    const offer = decodeWeightsOffer(first.value.header);
    accept(request, partial, offer);
    const bytes = partial.bytes!;
    const chunks = Math.ceil(offer.bytes / offer.chunkBytes);
    while (partial.nextChunk < chunks) {
      signal?.throwIfAborted();
      const next = await timely(request, stream, frames.next());
      if (next.done) throw new Error('the donor closed the stream early');
      takeChunk(request, partial, offer, next.value);
    }
    if (toHex(identity.digest(bytes)) !== offer.digest) {
      throw new TransferError(`stage ${stage} from ${from} does not match its digest`);
    }
    await stream.close();
    return { iteration: offer.iteration, bytes };
  } finally {
    stream.abort(new Error('the transfer is over'));
  }
}

/** A frame, or an error when it does not come in time or the fetch is given up; the stream is then ended. */
async function timely<T>(
  { clock, from, signal }: FetchRequest,
  stream: FrameStream,
  frame: Promise<T>,
): Promise<T> {
  const giveUp = () => stream.abort(new Error('the fetch was given up'));
  signal?.addEventListener('abort', giveUp, { once: true });
  const cancel = clock.schedule(STALL_SECONDS, () => {
    stream.abort(new Error(`${from} sent nothing for ${STALL_SECONDS} s`));
  });
  try {
    return await frame;
  } finally {
    cancel();
    signal?.removeEventListener('abort', giveUp);
  }
}

/** Checks an offer against what was asked for, and against the one before when a transfer goes on. */
function accept(request: FetchRequest, partial: Partial, offer: WeightsOfferMessage): void {
  const { from, stage, maxBytes } = request;
  const refuse = (why: string) => new TransferError(`stage ${stage} from ${from}: ${why}`);
  if (!offer.available) throw refuse(offer.reason);
  if (offer.stage !== stage) throw refuse(`it offers stage ${offer.stage}`);
  if (request.iteration !== undefined && offer.iteration !== request.iteration) {
    throw refuse(`it offers iteration ${offer.iteration} instead of ${request.iteration}`);
  }
  if (offer.bytes > maxBytes)
    throw refuse(`it offers ${offer.bytes} bytes, at most ${maxBytes} can be right`);
  if (offer.chunkBytes !== WEIGHT_CHUNK_BYTES) throw refuse(`it sends chunks of ${offer.chunkBytes} bytes`);
  if (offer.chunkDigests.length !== Math.ceil(offer.bytes / offer.chunkBytes)) {
    throw refuse(`it names ${offer.chunkDigests.length} chunks for ${offer.bytes} bytes`);
  }
  if (partial.offer?.digest !== offer.digest) {
    partial.offer = offer;
    partial.nextChunk = 0;
    partial.bytes = new Uint8Array(offer.bytes);
  }
}

function takeChunk(request: FetchRequest, partial: Partial, offer: WeightsOfferMessage, frame: Frame): void {
  const { from, stage, identity } = request;
  const { chunk } = decodeChunkHeader(frame.header);
  const at = chunk * offer.chunkBytes;
  const length = Math.min(offer.chunkBytes, offer.bytes - at);
  if (chunk !== partial.nextChunk || frame.payload.length !== length) {
    throw new TransferError(`stage ${stage} from ${from}: chunk ${chunk} came out of order or is cut off`);
  }
  if (toHex(identity.digest(frame.payload)) !== offer.chunkDigests[chunk]) {
    throw new TransferError(`stage ${stage} from ${from}: chunk ${chunk} does not match its digest`);
  }
  partial.bytes!.set(frame.payload, at);
  partial.nextChunk++;
}

function emptyOffer(stage: number, iteration: number): WeightsOfferMessage {
  return {
    available: false,
    reason: '',
    stage,
    iteration,
    bytes: 0,
    chunkBytes: 0,
    digest: '',
    chunkDigests: [],
  };
}
