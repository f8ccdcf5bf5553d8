// Weights on the move, the fetching side: peers that froze a snapshot at the same entry of the journal say which chunks
// it is made of; what most of them say is believed, and the chunks are fetched from all of these at once (chunks.ts).
// Whoever sends something else is named. What has come is kept when a source is lost, and over a restart.

import { toHex } from '../../journal/canonical.ts';
import {
  decodeWeightsOffer,
  encodeWeightsRequest,
  type WeightsOfferMessage,
} from '../../network/wire/codec.ts';
import type { CancelTimer, Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import { type Chunk, fetchChunks, nextFrame, type Received, type Source, TransferError } from './chunks.ts';
import { WEIGHT_CHUNK_BYTES, WEIGHTS } from '../protocols.ts';
import { mostCommon } from '../leading/weight-digests.ts';

/**
 * Once one peer has said what the snapshot is made of, others have as long again as that took to agree or not, and at
 * least so long.
 */
const AGREE_SECONDS = 0.5;
/** A snapshot of fewer chunks comes again in a moment: the disk need not work for it. */
const LEAST_SHELVED = 8;
const NOTHING = new Uint8Array(0);

export interface FetchRequest {
  readonly network: Network;
  readonly identity: Identity;
  readonly clock: Clock;
  /** Who may have it; of equally many opinions the first one's counts. */
  readonly from: readonly PeerName[];
  readonly stage: number;
  /** undefined: whatever the donor has now; from one peer only. */
  readonly iteration: number | undefined;
  /** A snapshot cannot be larger; more is refused before anything is allocated. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** What came of this snapshot in earlier attempts, and comes in this one. */
  readonly partial?: Partial;
  /** A peer sent or offered what cannot be right. */
  readonly wrong?: (peer: PeerName, problem: string) => void;
}

export interface Fetched extends Received {
  readonly iteration: number;
  readonly bytes: Uint8Array;
}

/** Keeps chunks of a transfer that is under way where a restart finds them; see shelf.ts. */
export interface ChunkShelf {
  /** The chunk at that place, if it is there; its digest is checked by whoever asks. */
  get(place: number): Promise<Uint8Array | undefined>;
  put(place: number, bytes: Uint8Array): Promise<void>;
  /** The transfer is over: so many places are empty from here on. */
  clear(places: number): Promise<void>;
}

/** What has come of one snapshot. */
export class Partial {
  readonly received: Received = { bySource: new Map(), againBytes: 0 };
  readonly #ownShelf: ChunkShelf | undefined;
  /** For this snapshot. */
  #shelf: ChunkShelf | undefined;
  #offer: WeightsOfferMessage | undefined;
  #bytes: Uint8Array = NOTHING;
  /** Places in the snapshot, by digest; those of chunks that are missing. */
  #missing = new Map<string, number[]>();

  constructor(shelf?: ChunkShelf) {
    this.#ownShelf = shelf;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Begins with a snapshot, or goes on with it where it is the one of before. */
  async begin(offer: WeightsOfferMessage, identity: Pick<Identity, 'digest'>): Promise<void> {
    if (this.#offer !== undefined && contentOf(this.#offer) === contentOf(offer)) return;
    this.#offer = offer;
    this.#bytes = new Uint8Array(offer.bytes);
    this.#missing = new Map();
    for (const [place, digest] of offer.chunkDigests.entries()) {
      const places = this.#missing.get(digest);
      if (places) places.push(place);
      else this.#missing.set(digest, [place]);
    }
    this.#shelf = offer.chunkDigests.length < LEAST_SHELVED ? undefined : this.#ownShelf;
    if (this.#shelf === undefined) return;
    for (const [digest, [place]] of [...this.#missing]) {
      const bytes = await this.#shelf.get(place!);
      if (bytes?.length === this.#lengthAt(place!) && toHex(identity.digest(bytes)) === digest) {
        this.#take(digest, bytes);
      }
    }
  }

  /** Chunks that have not come yet, each once. */
  missing(): Chunk[] {
    return [...this.#missing].map(([digest, [place]]) => ({ digest, bytes: this.#lengthAt(place!) }));
  }

  async keep({ digest }: Chunk, bytes: Uint8Array): Promise<void> {
    const [place] = this.#missing.get(digest) ?? [];
    this.#take(digest, bytes);
    if (place !== undefined) await this.#shelf?.put(place, bytes);
  }

  /** Everything has come. */
  async end(): Promise<void> {
    await this.#shelf?.clear(this.#offer?.chunkDigests.length ?? 0);
  }

  #take(digest: string, bytes: Uint8Array): void {
    for (const place of this.#missing.get(digest) ?? []) this.#bytes.set(bytes, place * this.#chunkBytes);
    this.#missing.delete(digest);
  }

  get #chunkBytes(): number {
    return this.#offer?.chunkBytes ?? WEIGHT_CHUNK_BYTES;
  }

  #lengthAt(place: number): number {
    return Math.min(this.#chunkBytes, this.#bytes.length - place * this.#chunkBytes);
  }
}

/** Fetches a snapshot from whoever of `from` has it. Throws a TransferError; `partial` then has what came. */
export async function fetchSnapshot(request: FetchRequest): Promise<Fetched> {
  const { stage, identity, clock, signal, partial = new Partial(), wrong = () => {} } = request;
  const opened = await openSources(request);
  const { offer, sources } = agreed(opened, wrong);
  if (offer === undefined) {
    const problems = opened.map(({ peer, problem }) => `${peer}: ${problem}`);
    throw new TransferError(`stage ${stage} could not be fetched. ${problems.join('; ')}`);
  }
  const { received } = partial;
  try {
    await partial.begin(offer, identity);
    const keep = (chunk: Chunk, bytes: Uint8Array) => partial.keep(chunk, bytes);
    await fetchChunks({
      clock,
      identity,
      signal,
      sources,
      chunks: partial.missing(),
      received,
      keep,
      wrong: (peer, problem) => wrong(peer, `stage ${stage} at iteration ${offer.iteration}: ${problem}`),
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TransferError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const from = sources.map(({ peer }) => peer).join(', ');
    throw new TransferError(`stage ${stage} could not be fetched from ${from}: ${why}`, { cause: error });
  }
  await partial.end();
  return { iteration: offer.iteration, bytes: partial.bytes, ...received };
}

/** What a peer answered: what the snapshot is made of, or why not. */
interface Opened {
  readonly peer: PeerName;
  offered: { readonly source: Source; readonly offer: WeightsOfferMessage } | undefined;
  problem: string;
}

/** Asks everyone for their offers; when one has answered, the others are not waited for much longer. */
async function openSources(request: FetchRequest): Promise<Opened[]> {
  const { from, clock, signal } = request;
  signal?.throwIfAborted();
  const closing = new AbortController();
  const began = clock.now();
  const giveUp = () => closing.abort(signal?.reason);
  signal?.addEventListener('abort', giveUp, { once: true });
  let cancel: CancelTimer | undefined;
  const opened: Opened[] = from.map((peer) => ({ peer, offered: undefined, problem: 'it did not answer' }));
  await Promise.all(
    opened.map(async (one) => {
      try {
        one.offered = await openSource(request, one.peer, closing.signal);
        const seconds = Math.max(AGREE_SECONDS, clock.now() - began);
        cancel ??= clock.schedule(seconds, () => closing.abort(new Error('others have answered')));
      } catch (error) {
        one.problem = error instanceof Error ? error.message : String(error);
      }
    }),
  );
  cancel?.();
  signal?.removeEventListener('abort', giveUp);
  if (signal?.aborted) {
    for (const { offered } of opened) offered?.source.stream.abort(new Error('the fetch was given up'));
    signal.throwIfAborted();
  }
  return opened;
}

async function openSource(
  request: FetchRequest,
  peer: PeerName,
  signal: AbortSignal,
): Promise<{ source: Source; offer: WeightsOfferMessage }> {
  const { network, clock, stage, iteration } = request;
  const stream = await network.open(peer, WEIGHTS, signal);
  try {
    const wanted = { stage, iteration: iteration ?? 0, newest: iteration === undefined, chunk: '' };
    await stream.send({ header: encodeWeightsRequest(wanted), payload: NOTHING }, signal);
    const source = { peer, stream, frames: stream.frames() };
    const { header } = await nextFrame(source, { clock, signal });
    const offer = decodeWeightsOffer(header);
    checkOffer(request, offer);
    return { source, offer };
  } catch (error) {
    stream.abort(new Error('its offer is not taken'));
    throw error;
  }
}

/** Throws a TransferError for an offer that is not what was asked for, or cannot be right. */
function checkOffer({ stage, iteration, maxBytes }: FetchRequest, offer: WeightsOfferMessage): void {
  if (!offer.available) throw new TransferError(offer.reason);
  if (offer.stage !== stage) throw new TransferError(`it offers stage ${offer.stage}`);
  if (iteration !== undefined && offer.iteration !== iteration) {
    throw new TransferError(`it offers iteration ${offer.iteration} instead of ${iteration}`);
  }
  if (offer.bytes > maxBytes) {
    throw new TransferError(`it offers ${offer.bytes} bytes, at most ${maxBytes} can be right`);
  }
  if (offer.chunkBytes < 1 || offer.chunkBytes > WEIGHT_CHUNK_BYTES) {
    throw new TransferError(`it sends chunks of ${offer.chunkBytes} bytes`);
  }
  if (offer.chunkDigests.length !== Math.ceil(offer.bytes / offer.chunkBytes)) {
    throw new TransferError(`it names ${offer.chunkDigests.length} chunks for ${offer.bytes} bytes`);
  }
}

/** The offer that most agree on and who does; the others are named and their streams ended. */
function agreed(
  opened: readonly Opened[],
  wrong: (peer: PeerName, problem: string) => void,
): { offer: WeightsOfferMessage | undefined; sources: Source[] } {
  const offers = opened.flatMap(({ peer, offered }) => (offered ? [{ peer, ...offered }] : []));
  const content = mostCommon(offers.map(({ offer }) => contentOf(offer)));
  const sources: Source[] = [];
  for (const { peer, offer, source } of offers) {
    if (contentOf(offer) === content) {
      sources.push(source);
      continue;
    }
    source.stream.abort(new Error('others offer something else'));
    wrong(peer, `its stage ${offer.stage} at iteration ${offer.iteration} is not the one that others offer`);
  }
  return { offer: offers.find(({ offer }) => contentOf(offer) === content)?.offer, sources };
}

/** Two offers with the same content are the same bytes. */
function contentOf({ iteration, bytes, chunkDigests }: WeightsOfferMessage): string {
  return `${iteration} ${bytes} ${chunkDigests.join(' ')}`;
}
