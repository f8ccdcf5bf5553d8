// The run's text at a peer: its own, or fetched from those who have it, piece by piece as the manifest names them by
// their digests. A peer that keeps a copy of stage 0 fetches it in good time: who takes the anchors' place needs it.

import type { TextDescription } from '../../data/index.ts';
import { toHex } from '../../journal/canonical.ts';
import { type Clock, sleep } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { Store } from '../../seams/store.ts';
import { type Chunk, fetchChunks, type Received, type Source, TransferError } from './chunks.ts';
import { WEIGHTS } from '../protocols.ts';

/** Those who may have the text are asked again so often, with a pause in between. */
const TRIES = 20;
const PAUSE_SECONDS = 0.5;

const blobName = (piece: number): string => `text-${piece}`;

export interface RunTextParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Pick<Identity, 'digest'>;
  readonly store: Store;
  readonly description: TextDescription;
  readonly given: Uint8Array | undefined;
  /** Members who may have it. */
  readonly sources: () => readonly PeerName[];
  /** It has come, from whom. */
  readonly fetched: (received: Received) => void;
  readonly wrong: (peer: PeerName, problem: string) => void;
}

/** A text that was fetched in an earlier life of this peer; undefined when it is not there whole. */
export async function storedText(
  store: Store,
  description: TextDescription,
  digest: Identity['digest'],
): Promise<Uint8Array | undefined> {
  const text = new Uint8Array(description.bytes);
  for (const [piece, expected] of description.pieces.entries()) {
    const bytes = await store.readBlob(blobName(piece));
    if (bytes === undefined || toHex(digest(bytes)) !== expected) return undefined;
    text.set(bytes, piece * description.pieceBytes);
  }
  return text;
}

export class RunText {
  readonly #parts: RunTextParts;
  #bytes: Uint8Array | undefined;
  #fetching: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(parts: RunTextParts) {
    this.#parts = parts;
    this.#bytes = parts.given;
  }

  /** The text; undefined while it is not here. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes;
  }

  /** A piece of it, for whoever fetches it. */
  piece(digest: string): Uint8Array | undefined {
    const { pieces, pieceBytes } = this.#parts.description;
    const piece = this.#bytes === undefined ? -1 : pieces.indexOf(digest);
    return piece < 0 ? undefined : this.#bytes!.subarray(piece * pieceBytes, (piece + 1) * pieceBytes);
  }

  stop(): void {
    this.#stopping.abort(new TransferError('this peer is stopping'));
  }

  /** Fetches what is missing, where anything is. Rejects with a TransferError when nobody has it. */
  async fetch(): Promise<void> {
    if (this.#bytes !== undefined) return;
    this.#fetching ??= this.#fetchAll().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetchAll(): Promise<void> {
    const { store, clock, identity, description, fetched } = this.#parts;
    const { signal } = this.#stopping;
    const text = new Uint8Array(description.bytes);
    const received: Received = { bySource: new Map(), againBytes: 0 };
    const missing = new Map<string, number[]>();
    for (const [piece, digest] of description.pieces.entries()) {
      const bytes = await store.readBlob(blobName(piece));
      if (bytes !== undefined && toHex(identity.digest(bytes)) === digest) {
        text.set(bytes, piece * description.pieceBytes);
      } else {
        missing.set(digest, [...(missing.get(digest) ?? []), piece]);
      }
    }
    const keep = async ({ digest }: Chunk, bytes: Uint8Array) => {
      for (const piece of missing.get(digest) ?? []) {
        text.set(bytes, piece * description.pieceBytes);
        await store.writeBlob(blobName(piece), bytes);
      }
      missing.delete(digest);
    };
    for (let attempt = 1; missing.size > 0; attempt++) {
      try {
        await this.#fetchOnce(missing, received, keep);
      } catch (error) {
        signal.throwIfAborted();
        const why = error instanceof Error ? error.message : String(error);
        if (attempt >= TRIES) throw new TransferError(`the run's text could not be fetched: ${why}`);
        await sleep(clock, PAUSE_SECONDS, signal);
      }
    }
    this.#bytes = text;
    fetched(received);
  }

  async #fetchOnce(
    missing: ReadonlyMap<string, readonly number[]>,
    received: Received,
    keep: (chunk: Chunk, bytes: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const { network, clock, identity, description, wrong } = this.#parts;
    const { signal } = this.#stopping;
    const { bytes, pieceBytes } = description;
    const sources: Source[] = [];
    for (const peer of this.#parts.sources()) {
      const stream = await network.open(peer, WEIGHTS, signal).catch(() => undefined);
      if (stream) sources.push({ peer, stream, frames: stream.frames() });
    }
    const chunks = [...missing].map(([digest, [piece]]) => ({
      digest,
      bytes: Math.min(pieceBytes, bytes - piece! * pieceBytes),
    }));
    await fetchChunks({ clock, identity, signal, sources, chunks, received, keep, wrong });
  }
}
