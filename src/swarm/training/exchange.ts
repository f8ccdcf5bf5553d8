// One exchange of gradients inside a group. Every piece of the gradient has an owner among the contributors; whether
// contributions go to all receivers, or to the owner which sends the sum on, is the same rule for everyone
// (gradient/sharing.ts). Nothing is decided here: the leader's order names contributors and receivers, and a new order
// replaces one that cannot end.

import {
  type Codec,
  type Contribution,
  ownersOf,
  piecesOf,
  type Sharing,
  type Slice,
  exchangeBytesOf,
  sharingOf,
  sumContributions,
} from '../../gradient/index.ts';
import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { PeerName } from '../../seams/network.ts';
import { bytesOf, floatsOf } from './visits.ts';

export interface ExchangeOrder {
  readonly iteration: number;
  readonly attempt: number;
  readonly stage: number;
  readonly round: number;
  readonly contributors: readonly PeerName[];
  /** Of each contributor in the group as planned: names its shared randomness, the same in every round. */
  readonly places: readonly number[];
  readonly receivers: readonly PeerName[];
  readonly microbatches: number;
  /** Who misses something for so long says so; 0 for never. */
  readonly deadlineSeconds: number;
}

export interface ExchangeParts {
  readonly self: PeerName;
  readonly runSeed: number;
  readonly codec: Codec;
  /** Values of the stage's flat gradient. */
  readonly parameters: number;
  /** See `sharingOf`. */
  readonly smallExchangeBytes?: number;
  readonly send: (to: PeerName, header: TensorHeaderMessage, payload: Uint8Array) => Promise<void>;
}

export type ExchangeResult =
  /** `squares`: per contributor, of its decoded values in the pieces that this peer answers for. */
  | { readonly kind: 'sum'; readonly sum: Float32Array; readonly squares: readonly number[] }
  /** These contributions cannot be counted; the round ends without a sum. */
  | { readonly kind: 'refused'; readonly senders: readonly PeerName[] };

/** What a round still waits for. */
export interface Missing {
  readonly contributors: readonly PeerName[];
  /** Owners whose sums have not come. */
  readonly owners: readonly PeerName[];
}

interface Piece {
  readonly slice: Slice;
  readonly owner: number;
  /** By contributor; only of pieces that are added up here. */
  readonly arrived: (Contribution | undefined)[];
  squares: readonly number[];
  summed: boolean;
}

export class Exchange {
  readonly order: ExchangeOrder;
  readonly result: Promise<ExchangeResult>;
  readonly sharing: Sharing;
  readonly #parts: ExchangeParts;
  readonly #pieces: readonly Piece[];
  readonly #own: number;
  readonly #receives: boolean;
  readonly #sum: Float32Array;
  #unsummed: number;
  /** What was sent in this round, as views of what was encoded and summed. */
  readonly #letters: { to: PeerName; header: TensorHeaderMessage; payload: Uint8Array }[] = [];
  #resolve: (result: ExchangeResult) => void = () => {};

  constructor(order: ExchangeOrder, parts: ExchangeParts) {
    this.order = order;
    this.#parts = parts;
    const { self, codec, parameters, smallExchangeBytes } = parts;
    const { contributors, receivers } = order;
    const slices = piecesOf(parameters, codec);
    const owners = ownersOf(slices.length, contributors.length);
    this.#pieces = slices.map((slice, i) => ({
      slice,
      owner: owners[i]!,
      arrived: contributors.map(() => undefined),
      squares: [],
      summed: false,
    }));
    this.sharing = sharingOf(
      exchangeBytesOf(codec, parameters),
      contributors.length,
      receivers.length,
      smallExchangeBytes,
    );
    this.#own = contributors.indexOf(self);
    this.#receives = receivers.includes(self);
    this.#sum = new Float32Array(parameters);
    this.#unsummed = slices.length;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Whether this peer's gradient is wanted. */
  get contributes(): boolean {
    return this.#own >= 0;
  }

  /**
   * Sends this peer's pieces, encoded; call it once when `contributes`. `rest` is awaited after each piece, with its values. Sending
   * errors are the receivers' matter: the leader notices.
   */
  async contribute(encoded: readonly Uint8Array[], rest: (values: number) => Promise<void>): Promise<void> {
    const { self } = this.#parts;
    const { contributors, receivers } = this.order;
    for (const [index, piece] of this.#pieces.entries()) {
      const bytes = encoded[index]!;
      const to = this.sharing === 'gather' ? receivers : [contributors[piece.owner]!];
      for (const peer of to) {
        if (peer !== self) this.#send(peer, this.#header('CONTRIBUTION', piece.slice), bytes);
      }
      if (this.#addsUp(piece)) this.#takeContribution(piece, this.#own, bytes);
      await rest(piece.slice.to - piece.slice.from);
    }
  }

  /** Takes a tensor of this round; says whether it was one that belongs here. */
  take(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): boolean {
    const contributor = this.order.contributors.indexOf(from);
    const piece = this.#pieces.find(({ slice }) => slice.from === header.firstElement);
    if (contributor < 0 || piece === undefined) return false;
    if (piece.slice.to - piece.slice.from !== header.elements) return false;
    if (header.kind === 'CONTRIBUTION') {
      if (!this.#addsUp(piece)) return false;
      this.#takeContribution(piece, contributor, payload);
      return true;
    }
    if (this.sharing === 'gather' || piece.owner !== contributor || !this.#receives) return false;
    if (payload.byteLength !== 4 * header.elements) return false;
    this.#takeSum(piece, floatsOf(payload));
    return true;
  }

  /** Sends again what this round sent to a peer whose connection was cut; who has it already ignores it. */
  resend(to: PeerName): void {
    for (const letter of this.#letters) {
      if (letter.to === to) this.#parts.send(to, letter.header, letter.payload).catch(() => {});
    }
  }

  /** Bytes of the sum and of the contributions that have come and are not added up. */
  get keptBytes(): number {
    let bytes = this.#sum.byteLength;
    for (const { arrived } of this.#pieces) for (const one of arrived) bytes += one?.bytes.byteLength ?? 0;
    return bytes;
  }

  /** Whom this peer waits for. */
  missing(): Missing {
    const { contributors } = this.order;
    const waiting = this.#pieces.filter((piece) => !piece.summed);
    const here = waiting.filter((piece) => this.#addsUp(piece));
    const away = waiting.filter((piece) => !this.#addsUp(piece));
    return {
      contributors: contributors.filter((_, i) => here.some(({ arrived }) => arrived[i] === undefined)),
      owners: contributors.filter((_, i) => away.some(({ owner }) => owner === i)),
    };
  }

  /** Whether this peer adds up a piece's contributions itself. */
  #addsUp({ owner }: Piece): boolean {
    return this.sharing === 'gather' ? this.#receives : owner === this.#own;
  }

  #send(to: PeerName, header: TensorHeaderMessage, payload: Uint8Array): void {
    this.#letters.push({ to, header, payload });
    this.#parts.send(to, header, payload).catch(() => {});
  }

  #takeContribution(piece: Piece, contributor: number, bytes: Uint8Array): void {
    if (piece.summed || piece.arrived[contributor] !== undefined) return;
    const { contributors, places, iteration, stage } = this.order;
    piece.arrived[contributor] = { sender: contributors[contributor]!, place: places[contributor]!, bytes };
    const contributions = piece.arrived.flatMap((one) => (one === undefined ? [] : [one]));
    if (contributions.length < contributors.length) return;
    const { codec, runSeed, self } = this.#parts;
    const { slice } = piece;
    const key = { runSeed, iteration, stage };
    const into = this.#sum.subarray(slice.from, slice.to);
    const { sum, squares, leftOut } = sumContributions({ codec, contributions, slice, key, into });
    if (leftOut.length > 0) {
      this.#resolve({ kind: 'refused', senders: leftOut.map((left) => left.sender) });
      return;
    }
    piece.arrived.fill(undefined); // the bytes are not needed any more
    piece.squares = squares;
    if (this.sharing === 'scatter') {
      for (const receiver of this.order.receivers) {
        if (receiver !== self) this.#send(receiver, this.#header('SUM', slice), bytesOf(sum));
      }
    }
    this.#summed(piece);
  }

  #takeSum(piece: Piece, values: Float32Array): void {
    if (piece.summed) return;
    this.#sum.set(values, piece.slice.from);
    this.#summed(piece);
  }

  /** A piece of the sum is in place. */
  #summed(piece: Piece): void {
    piece.summed = true;
    this.#unsummed--;
    if (this.#unsummed > 0) return;
    const owned = this.#pieces.filter(({ owner }) => owner === this.#own);
    const squares = this.order.contributors.map((_, i) =>
      owned.reduce((sum, piece) => sum + (piece.squares[i] ?? 0), 0),
    );
    this.#resolve({ kind: 'sum', sum: this.#sum, squares });
  }

  #header(kind: 'CONTRIBUTION' | 'SUM', slice: Slice): TensorHeaderMessage {
    const { iteration, attempt, stage, round } = this.order;
    return {
      kind,
      type: 'F32',
      iteration,
      attempt,
      stage,
      round,
      microbatch: 0,
      hop: 0,
      path: [],
      firstElement: slice.from,
      elements: slice.to - slice.from,
    };
  }
}
