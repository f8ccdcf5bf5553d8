// A stage's weights at a peer from entering it to leaving it: they are put in place while training goes on, follow
// every commit, and are asked for anew when this peer has fallen out of step. A peer that computes with them has an
// engine; one that only keeps an exact copy beside its own stage (shadowing.ts) has none.

import type { CommitBody } from '../../journal/entry.ts';
import type { Clock } from '../../seams/clock.ts';
import { type Engine, EngineError } from '../../seams/engine.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { Store } from '../../seams/store.ts';
import { type JournalRead, replayStage } from './catching-up.ts';
import type { PeerEventBody } from '../events.ts';
import type { Summed } from '../training/exchanging.ts';
import { normOf, StageHolder } from './holder.ts';
import type { Manifest } from '../manifest.ts';
import type { Messenger } from '../messenger.ts';
import { type Entered, type GivenWeights, obtainStage } from './obtaining.ts';
import type { RunState } from '../run-state.ts';
import { estimateOf, isForwardOnly } from '../training/probing.ts';
import { Saving } from './saving.ts';
import type { StageSnapshot } from './snapshot.ts';
import { TransferError } from './chunks.ts';
import type { Donor } from './donor.ts';

export interface FollowingParts {
  readonly self: PeerName;
  readonly manifest: Manifest;
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly store: Store;
  /** undefined: the weights are only kept. */
  readonly engine: Engine | undefined;
  readonly messenger: Messenger;
  readonly state: () => RunState;
  /** The stage whose weights are to be held here, and the entry that says so, by index; undefined for none. */
  readonly place: () => Pick<Entered, 'stage' | 'enteredBy'> | undefined;
  /** What this peer itself has frozen. */
  readonly donor: Donor;
  /** Resolves when what the stage needs beside its weights is here. */
  readonly needs: (stage: number) => Promise<void>;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly alive: (peer: PeerName) => boolean;
  readonly event: (event: PeerEventBody) => void;
  /** The weights that the run begins with, where this peer has them. */
  readonly given: GivenWeights | undefined;
  /** The journal as this peer has read it. */
  readonly journal: JournalRead;
  /** This peer cannot compute any more. */
  readonly broken: (error: Error) => void;
  /** The group's sum of one round, where this peer has it. */
  readonly sum: (iteration: number, attempt: number, round: number) => Summed | undefined;
}

export class Following {
  readonly holder: StageHolder;
  readonly #parts: FollowingParts;
  readonly #saving: Saving;
  /** Commits that came while the weights were on their way. */
  readonly #backlog: CommitBody[] = [];
  #preparing: AbortController | undefined;
  #installed = false;
  /** What the leader was told last of the weights that an entry gave. */
  #told: (Pick<Entered, 'stage' | 'enteredBy'> & { readonly failure: string }) | undefined;

  constructor(parts: FollowingParts) {
    const { manifest, clock, identity, store, engine, event } = parts;
    this.#parts = parts;
    const holder = new StageHolder(manifest, engine, clock, identity);
    this.holder = holder;
    this.#saving = new Saving({
      clock,
      store,
      holder,
      copy: engine === undefined,
      failed: (problem) => event({ kind: 'out-of-step', iteration: holder.iteration, problem }),
    });
  }

  /** Whether the weights are in place and follow the commits. */
  get installed(): boolean {
    return this.#installed;
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#preparing?.abort(new Error('the peer is stopping'));
  }

  /** Writes the weights to disk, after `stop`. */
  async save(): Promise<void> {
    await this.#saving.settled();
    await this.holder.settled();
    if (this.#installed) await this.#saving.save();
  }

  /** What the weights followed is not the run's history any more: they do not count until it enters anew. */
  letGo(): void {
    this.#preparing?.abort(new Error('its weights are wanted no more'));
    this.#preparing = undefined;
    this.#installed = false;
    this.#told = undefined;
    this.#backlog.length = 0;
  }

  /** The stage as bytes, for whoever fetches it; undefined where it is another one or not in place. */
  take(stage: number): { iteration: number; bytes: Uint8Array } | undefined {
    const { holder } = this;
    if (!this.#installed || holder.stage !== stage) return undefined;
    return { iteration: holder.iteration, bytes: holder.snapshot() };
  }

  /** The weights as they are now, not a copy; undefined where they are of another stage or iteration, or not in place. */
  snapshotAt(stage: number, iteration: number): StageSnapshot | undefined {
    const { holder } = this;
    const is = this.#installed && holder.stage === stage && holder.iteration === iteration;
    return is ? holder.held() : undefined;
  }

  /**
   * This peer is to hold a stage: fetches, reads or makes its weights while training goes on.
   * @param own the very weights, where this peer has them; they are its own from here on
   */
  enter(entered: Entered, own?: StageSnapshot): void {
    this.letGo();
    const preparing = new AbortController();
    this.#preparing = preparing;
    const { state, broken } = this.#parts;
    const ready = () => this.#tell(entered, '');
    this.#prepare(entered, own, preparing.signal, ready).catch((error: Error) => {
      if (preparing.signal.aborted) return;
      this.#preparing = undefined;
      if (error instanceof EngineError) {
        broken(error); // no other copy of the weights would help
        return;
      }
      this.#parts.event({ kind: 'out-of-step', iteration: state().iteration, problem: error.message });
      this.#tell(entered, error.message || 'unknown');
    });
  }

  /** Tells the leader that the weights of an entry are in place, or why they are not. */
  #tell({ stage, enteredBy: entry }: Pick<Entered, 'stage' | 'enteredBy'>, failure: string): void {
    const { messenger, state } = this.#parts;
    const { holder } = this;
    this.#told = { stage, enteredBy: entry, failure };
    const standing =
      failure === ''
        ? { iteration: holder.iteration, digest: holder.digest() }
        : { iteration: state().iteration, digest: '' };
    messenger.send(state().leader, { kind: 'ready', value: { stage, ...standing, failure, entry } });
  }

  /** Another peer leads, or the leader may not have heard what it was told last: it is told again. */
  tellAgain(): void {
    const told = this.#told;
    if (told === undefined || this.#parts.place()?.enteredBy !== told.enteredBy) return;
    if (told.failure !== '' || this.#installed) this.#tell(told, told.failure);
  }

  async #prepare(
    entered: Entered,
    own: StageSnapshot | undefined,
    signal: AbortSignal,
    ready: () => void,
  ): Promise<void> {
    const { holder } = this;
    const replay = (until: AbortSignal, first?: Float32Array<ArrayBuffer>) =>
      replayStage({ ...this.#parts, holder }, entered, until, first);
    const snapshot = own ?? (await obtainStage({ ...this.#parts, holder, replay }, entered, signal));
    await this.#parts.needs(entered.stage);
    await this.#parts.inTurn(async () => {
      if (signal.aborted) return;
      await holder.install(snapshot);
      this.#preparing = undefined;
      this.#installed = true;
      for (const commit of this.#backlog.splice(0)) {
        const problem = await this.#apply(commit, entered.stage);
        if (problem !== undefined) throw new TransferError(problem);
      }
      ready();
    });
  }

  /** Applies a commit to the stage held here; a peer that misses what it needs says so and asks for a fresh copy. */
  async commit(body: CommitBody): Promise<void> {
    const { event } = this.#parts;
    const place = this.#parts.place();
    if (place === undefined) return;
    if (!this.#installed) {
      // it may count already: what it said of an earlier entry can reach the leader after the next
      if (this.#preparing) this.#backlog.push(body);
      return;
    }
    const failure = await this.#apply(body, place.stage);
    if (failure === undefined) return;
    event({ kind: 'out-of-step', iteration: body.iteration, problem: failure });
    this.#tell(place, failure);
  }

  /** Takes the weights one commit further; or says why it cannot, and holds no weights from here on. */
  async #apply(body: CommitBody, stage: number): Promise<string | undefined> {
    const { manifest, clock, messenger, state, sum } = this.#parts;
    const { holder } = this;
    if (holder.iteration !== body.iteration - 1) {
      this.#installed = false;
      return `its weights stand at iteration ${holder.iteration}, the commit is of ${body.iteration}`;
    }
    const counted = body.stages.find(
      (candidate) => candidate.stage === stage && candidate.contributors.length > 0,
    );
    if (counted === undefined) {
      holder.pass(body.iteration);
    } else if (isForwardOnly(manifest)) {
      // the commit itself has all that a step needs
      const estimate = await estimateOf(manifest, body, stage, holder.weights().length, clock);
      if (estimate) await holder.step(body.iteration, estimate, await normOf(estimate, clock), 1);
      else holder.pass(body.iteration);
    } else {
      const summed = sum(body.iteration, body.attempt, counted.round);
      if (summed === undefined || summed.digest !== counted.sumDigest) {
        this.#installed = false;
        return summed ? 'its sum differs from the committed one' : 'it has not got the committed sum';
      }
      await holder.step(body.iteration, summed.sum, summed.norm, counted.microbatches.length);
    }
    const value = { iteration: body.iteration, stage, digest: holder.digest() };
    messenger.send(state().leader, { kind: 'applied', value });
    this.#saving.saveWhenDue();
    return undefined;
  }
}
