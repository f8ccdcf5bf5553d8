// An exact copy of a stage that this peer does not compute: it hears the sums that the stage's group exchanges and takes
// the same steps, so that the stage comes back to the bit when its whole group is lost. Costs a receiver's share of each
// exchange, a step of the optimizer, and the memory of weights and optimizer state.

import type { CommitBody } from '../../journal/entry.ts';
import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { Taken } from '../training/arrivals.ts';
import type { ExchangeOrder } from '../training/exchange.ts';
import { Exchanging, type ExchangingParts } from '../training/exchanging.ts';
import { Following, type FollowingParts } from './following.ts';
import { sourcesOf } from './obtaining.ts';
import type { Shadow } from '../run-state.ts';
import type { StageSnapshot } from './snapshot.ts';

export type ShadowingParts = Omit<FollowingParts, 'engine' | 'sum' | 'place' | 'needs'> &
  Pick<ExchangingParts, 'changed' | 'sizes'>;

export class Shadowing {
  readonly #parts: ShadowingParts;
  readonly #following: Following;
  readonly #exchanging: Exchanging;

  constructor(parts: ShadowingParts) {
    this.#parts = parts;
    const stage = () => this.#shadow?.stage;
    this.#exchanging = new Exchanging({ ...parts, stage, gradient: async () => undefined });
    this.#following = new Following({
      ...parts,
      place: () => this.#shadow,
      engine: undefined,
      needs: async () => {},
      sum: (iteration, attempt, round) => this.#exchanging.sum(iteration, attempt, round),
    });
  }

  /** What the journal has this peer keep. */
  get #shadow(): Shadow | undefined {
    const { self, state } = this.#parts;
    return state().member(self)?.shadow;
  }

  /** Whether sums of this stage are for the copy. */
  isOf(stage: number): boolean {
    return this.#shadow?.stage === stage;
  }

  /** The copy that is in place and the iteration that it stands at; undefined while there is none. */
  get holding(): { readonly stage: number; readonly iteration: number } | undefined {
    const { installed, holder } = this.#following;
    return installed && holder.stage !== undefined
      ? { stage: holder.stage, iteration: holder.iteration }
      : undefined;
  }

  /** SHA-256 of the copy's weights. */
  digest(): string {
    return this.#following.holder.digest();
  }

  /** The copy as bytes, for whoever fetches it; undefined where it is of another stage or not in place. */
  take(stage: number): { iteration: number; bytes: Uint8Array } | undefined {
    return this.#following.take(stage);
  }

  /** Bytes of sums for the copy. */
  get keptBytes(): number {
    return this.#exchanging.keptBytes;
  }

  /** Resolves when the copy is that of one iteration. */
  settled(): Promise<void> {
    return this.#following.holder.settled();
  }

  /** The journal says anew whether this peer keeps a copy, and of what. */
  changed(): void {
    this.#exchanging.forget();
    const shadow = this.#shadow;
    if (shadow?.status === 'entering') {
      const { self, state } = this.#parts;
      const sources = sourcesOf(state(), self, shadow.stage, shadow.origin);
      this.#following.enter({ ...shadow, sources });
    } else if (shadow === undefined) this.#following.letGo();
  }

  /** The copy, to compute with from here on; it is kept here no more. undefined where it is not of that iteration. */
  handOver(stage: number, iteration: number): StageSnapshot | undefined {
    const own = this.#following.snapshotAt(stage, iteration);
    if (this.#following.holder.stage === stage) this.letGo();
    return own;
  }

  /** What it followed is not the run's history any more, or wanted no more. */
  letGo(): void {
    this.#exchanging.forget();
    this.#following.letGo();
  }

  /** Takes part in a round of the stage's exchange, as a receiver. */
  receive(order: ExchangeOrder): Promise<void> {
    return this.#exchanging.take(order);
  }

  tensor(from: string, header: TensorHeaderMessage, payload: Uint8Array): Taken {
    return this.#exchanging.tensor(from, header, payload);
  }

  reconnected(to: string): void {
    this.#exchanging.resend(to);
  }

  /** The leader may not know whether the copy is in place. */
  tellAgain(): void {
    this.#following.tellAgain();
  }

  /** Another iteration is planned: sums of those before are needed no more. */
  planned(iteration: number): void {
    // what came while the copy is on its way is needed once it is there
    if (this.#following.installed) this.#exchanging.forgetBefore(iteration);
  }

  async commit(body: CommitBody): Promise<void> {
    await this.#following.commit(body);
  }

  stop(): void {
    this.#following.stop();
    this.#exchanging.stop();
  }

  /** Writes the copy to disk, after `stop`. */
  save(): Promise<void> {
    return this.#following.save();
  }
}
