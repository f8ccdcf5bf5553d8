// The giving side of weights on the move: a snapshot is frozen as it is at one entry of the journal, cut into chunks that
// are known by their digests, and handed out chunk by chunk to members that ask. Pieces of the run's text go the same way.

import { toHex } from '../../journal/canonical.ts';
import {
  decodeWeightsRequest,
  encodeChunkHeader,
  encodeWeightsOffer,
  type WeightsOfferMessage,
  type WeightsRequestMessage,
} from '../../network/wire/codec.ts';
import { type CancelTimer, type Clock, sleep } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { FrameStream, Network, PeerName } from '../../seams/network.ts';
import { isMisbehaviour } from '../messenger.ts';
import { WEIGHT_CHUNK_BYTES, WEIGHTS } from '../protocols.ts';

/** A donor keeps a frozen snapshot this long after it was last asked for. */
const FROZEN_SECONDS = 120;
/** More snapshots than this are not kept; the oldest goes first. */
const MOST_FROZEN = 4;
const NOTHING = new Uint8Array(0);

interface Frozen {
  readonly iteration: number;
  readonly bytes: Uint8Array;
  /** Once every chunk has its digest: hashing gives way to other work. */
  readonly offer: Promise<WeightsOfferMessage>;
  readonly chunks: Map<string, Uint8Array>;
  cancel: CancelTimer;
}

export interface DonorParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  /** Resolves when the stage is that of one iteration, not in the middle of a step. */
  readonly settled: () => Promise<void>;
  /** A copy of a stage held now, or undefined when it is another or none. */
  readonly take: (stage: number) => { iteration: number; bytes: Uint8Array } | undefined;
  /** The stage as the run begins, where this peer has it to give. */
  readonly initial: (stage: number) => Uint8Array | undefined;
  /** A piece of the run's text, where this peer has it. */
  readonly piece: (digest: string) => Uint8Array | undefined;
  /** Of the chunks of a snapshot, at most `WEIGHT_CHUNK_BYTES`; by default as many. */
  readonly chunkBytes?: number;
  readonly mayAsk: (peer: PeerName) => boolean;
  /** A peer sent what no sound peer asks with. */
  readonly wrong: (peer: PeerName, problem: string) => void;
  /** Payload bytes that went out. */
  readonly sent: (bytes: number) => void;
}

/** Serves snapshots of what this peer holds, and the text. */
export class Donor {
  readonly #parts: DonorParts;
  readonly #frozen = new Map<string, Frozen>();

  constructor(parts: DonorParts) {
    this.#parts = parts;
    parts.network.handle(WEIGHTS, (stream) => {
      this.#serve(stream).catch((error: Error) => {
        if (isMisbehaviour(error)) parts.wrong(stream.remote, error.message);
        stream.abort(error);
      });
    });
  }

  /** Keeps a stage as it is now, so that it can be fetched while training goes on. */
  freeze(stage: number): void {
    const taken = this.#parts.take(stage);
    if (taken !== undefined) this.#keep(stage, taken.iteration, taken.bytes);
  }

  /** A snapshot that was frozen here and is still kept. */
  frozen(stage: number, iteration: number): Uint8Array | undefined {
    return this.#frozen.get(`${stage}@${iteration}`)?.bytes;
  }

  /** Bytes of the snapshots that are kept here. */
  get keptBytes(): number {
    let bytes = 0;
    for (const frozen of this.#frozen.values()) bytes += frozen.bytes.byteLength;
    return bytes;
  }

  close(): void {
    for (const frozen of this.#frozen.values()) frozen.cancel();
    this.#frozen.clear();
  }

  #keep(stage: number, iteration: number, bytes: Uint8Array): Frozen {
    const key = `${stage}@${iteration}`;
    this.#frozen.get(key)?.cancel();
    const chunks = new Map<string, Uint8Array>();
    const offer = this.#offerOf(stage, iteration, bytes, chunks);
    const frozen: Frozen = { iteration, bytes, offer, chunks, cancel: () => {} };
    this.#frozen.delete(key); // the oldest stands first
    this.#frozen.set(key, frozen);
    for (const [old, { cancel }] of this.#frozen) {
      if (this.#frozen.size <= MOST_FROZEN) break;
      cancel();
      this.#frozen.delete(old);
    }
    this.#keepLonger(key, frozen);
    return frozen;
  }

  async #offerOf(
    stage: number,
    iteration: number,
    bytes: Uint8Array,
    chunks: Map<string, Uint8Array>,
  ): Promise<WeightsOfferMessage> {
    const { clock, identity, chunkBytes = WEIGHT_CHUNK_BYTES } = this.#parts;
    const chunkDigests: string[] = [];
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      if (at > 0) await sleep(clock, 0);
      const chunk = bytes.subarray(at, at + chunkBytes);
      const digest = toHex(identity.digest(chunk));
      chunkDigests.push(digest);
      chunks.set(digest, chunk);
    }
    const known = { stage, iteration, bytes: bytes.length, chunkBytes };
    return { available: true, reason: '', ...known, chunkDigests };
  }

  #keepLonger(key: string, frozen: Frozen): void {
    frozen.cancel();
    frozen.cancel = this.#parts.clock.schedule(FROZEN_SECONDS, () => this.#frozen.delete(key));
  }

  /** Answers one request after the other, so that at most one chunk waits to be taken. */
  async #serve(stream: FrameStream): Promise<void> {
    for await (const { header } of stream.frames()) {
      const request = decodeWeightsRequest(header);
      if (request.chunk !== '') {
        await this.#sendChunk(stream, request.chunk);
        continue;
      }
      const offer = await this.#offer(stream.remote, request);
      await stream.send({ header: encodeWeightsOffer(offer), payload: NOTHING });
      if (!this.#parts.mayAsk(stream.remote)) break;
    }
    await stream.close();
  }

  async #offer(peer: PeerName, request: WeightsRequestMessage): Promise<WeightsOfferMessage> {
    if (request.newest) await this.#parts.settled();
    const found = this.#find(peer, request);
    if (typeof found !== 'string') return found.offer;
    const { stage, iteration } = request;
    const nothing = { bytes: 0, chunkBytes: 0, chunkDigests: [] };
    return { available: false, reason: found, stage, iteration, ...nothing };
  }

  async #sendChunk(stream: FrameStream, chunk: string): Promise<void> {
    const bytes = this.#parts.mayAsk(stream.remote) ? this.#chunk(chunk) : undefined;
    if (bytes === undefined) {
      const header = encodeChunkHeader({ chunk, available: false, from: 0 });
      await stream.send({ header, payload: NOTHING });
      return;
    }
    for (let from = 0; from < bytes.length; from += WEIGHT_CHUNK_BYTES) {
      const payload = bytes.subarray(from, from + WEIGHT_CHUNK_BYTES);
      await stream.send({ header: encodeChunkHeader({ chunk, available: true, from }), payload });
      this.#parts.sent(payload.byteLength);
    }
  }

  #chunk(digest: string): Uint8Array | undefined {
    for (const [key, frozen] of this.#frozen) {
      const bytes = frozen.chunks.get(digest);
      if (bytes === undefined) continue;
      this.#keepLonger(key, frozen);
      return bytes;
    }
    return this.#parts.piece(digest);
  }

  #find(peer: PeerName, { stage, iteration, newest }: WeightsRequestMessage): Frozen | string {
    if (!this.#parts.mayAsk(peer)) return 'only members of the run may fetch weights';
    if (newest) {
      const taken = this.#parts.take(stage);
      if (taken === undefined) return `this peer does not hold stage ${stage}`;
      return (
        this.#frozen.get(`${stage}@${taken.iteration}`) ?? this.#keep(stage, taken.iteration, taken.bytes)
      );
    }
    const key = `${stage}@${iteration}`;
    const frozen = this.#frozen.get(key);
    if (frozen) this.#keepLonger(key, frozen);
    const initial = frozen || iteration > 0 ? undefined : this.#parts.initial(stage);
    if (initial) return this.#keep(stage, 0, initial);
    return frozen ?? `no snapshot of stage ${stage} at iteration ${iteration} is kept here`;
  }
}
