// What this peer contributes: its gradient of an iteration, encoded once, whatever becomes of the rounds of its
// exchange; and what error feedback keeps for the next one. The commit decides: when it counts the contribution, what
// was not sent is kept; when it does not, the contribution never was, and what was kept before it is kept still.

import { type Codec, type EncoderState, piecesOf } from '../../gradient/index.ts';
import type { PeerName } from '../../seams/network.ts';
import type { ExchangeOrder } from './exchange.ts';

export interface ContributingParts {
  readonly self: PeerName;
  readonly runSeed: number;
  readonly codec: Codec;
  /** After each piece, with the number of its values: lets other work in. */
  readonly rest: (values: number) => Promise<void>;
}

export class Contributing {
  /** Bytes that the codec made, each contribution once. */
  encodedBytes = 0;
  readonly #parts: ContributingParts;
  /** After the last commit that counted this peer; undefined before the first. */
  #kept: EncoderState | undefined;
  #latest:
    | {
        readonly iteration: number;
        readonly attempt: number;
        readonly state: EncoderState;
        readonly pieces: Promise<readonly Uint8Array[]>;
      }
    | undefined;

  constructor(parts: ContributingParts) {
    this.#parts = parts;
  }

  /** Bytes that error feedback keeps. */
  get feedbackBytes(): number {
    const states = [this.#kept, this.#latest?.state].flatMap((state) => state?.residuals ?? []);
    return states.reduce((sum, residual) => sum + residual.byteLength, 0);
  }

  /** The pieces of this peer's gradient; those of an earlier round of the same exchange are given again. */
  encode(order: ExchangeOrder, gradient: Float32Array): Promise<readonly Uint8Array[]> {
    const { iteration, attempt } = order;
    const latest = this.#latest;
    if (latest?.iteration === iteration && latest.attempt === attempt) return latest.pieces;
    const state = this.#copyOfKept(gradient.length);
    const pieces = this.#encode(order, gradient, state);
    this.#latest = { iteration, attempt, state, pieces };
    return pieces;
  }

  async #encode(order: ExchangeOrder, gradient: Float32Array, state: EncoderState): Promise<Uint8Array[]> {
    const { self, runSeed, codec, rest } = this.#parts;
    const { iteration, stage, contributors, places } = order;
    const key = { runSeed, iteration, stage, place: places[contributors.indexOf(self)]! };
    const encoded: Uint8Array[] = [];
    for (const slice of piecesOf(gradient.length, codec)) {
      const bytes = codec.encode({ gradient, slice, key, state });
      this.encodedBytes += bytes.byteLength;
      encoded.push(bytes);
      await rest(slice.to - slice.from);
    }
    return encoded;
  }

  #copyOfKept(parameters: number): EncoderState {
    const kept = this.#kept;
    if (kept === undefined) return this.#parts.codec.start(parameters);
    return { residuals: kept.residuals.map((residual) => residual.slice()) };
  }

  /** An iteration was committed, with this peer's contribution or without it. */
  settle(iteration: number, attempt: number, counted: boolean): void {
    const latest = this.#latest;
    if (counted && latest?.iteration === iteration && latest.attempt === attempt) this.#kept = latest.state;
    this.#latest = undefined;
  }

  /** Forgets everything: this peer is at another stage now. */
  forget(): void {
    this.#kept = undefined;
    this.#latest = undefined;
  }
}
