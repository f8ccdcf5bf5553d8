// A peer's weights from entering a stage to leaving it: they are put in place while training goes on, follow every
// commit, are frozen when another peer will fetch them, and are asked for anew when this peer has fallen out of step.

import type { CommitBody, Origin } from '../journal/entry.ts';
import type { Clock } from '../seams/clock.ts';
import { type Engine, EngineError } from '../seams/engine.ts';
import type { Identity } from '../seams/identity.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { Store } from '../seams/store.ts';
import { type JournalRead, replayStage } from './catching-up.ts';
import type { PeerEventBody } from './events.ts';
import type { Summed } from './exchanging.ts';
import { initialStage, normOf, StageHolder } from './holder.ts';
import type { Manifest } from './manifest.ts';
import type { Messenger } from './messenger.ts';
import { type GivenWeights, obtainStage } from './obtaining.ts';
import type { Member, RunState } from './run-state.ts';
import { estimateOf, isForwardOnly } from './probing.ts';
import { Saving } from './saving.ts';
import { encodeSnapshot } from './snapshot.ts';
import { Donor, TransferError } from './transfer.ts';

export interface FollowingParts {
  readonly self: PeerName;
  readonly manifest: Manifest;
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly store: Store;
  readonly engine: Engine;
  readonly messenger: Messenger;
  readonly state: () => RunState;
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
  readonly donor: Donor;
  readonly holder: StageHolder;
  readonly #parts: FollowingParts;
  readonly #saving: Saving;
  /** Commits that came while the weights were on their way. */
  readonly #backlog: CommitBody[] = [];
  #preparing: AbortController | undefined;
  #installed = false;

  constructor(parts: FollowingParts) {
    const { manifest, network, clock, identity, store, engine, messenger, state, event } = parts;
    this.#parts = parts;
    const holder = new StageHolder(manifest, engine, clock, identity);
    this.holder = holder;
    this.#saving = new Saving({
      clock,
      store,
      holder,
      failed: (problem) => event({ kind: 'out-of-step', iteration: holder.iteration, problem }),
    });
    this.donor = new Donor({
      network,
      clock,
      identity,
      settled: () => holder.settled(),
      take: (stage) =>
        this.#installed && holder.stage === stage
          ? { iteration: holder.iteration, bytes: holder.snapshot() }
          : undefined,
      initial: (stage) =>
        parts.given?.[stage] && encodeSnapshot(initialStage(manifest, stage, parts.given[stage])),
      mayAsk: (peer) => state().member(peer) !== undefined,
      sent: (bytes) => {
        messenger.sent.weights += bytes;
      },
    });
  }

  /** Whether the weights are in place and follow the commits. */
  get installed(): boolean {
    return this.#installed;
  }

  /** Gives up what is under way, and serves no weights any more. */
  stop(): void {
    this.#preparing?.abort(new Error('the peer is stopping'));
    this.donor.close();
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
    this.#backlog.length = 0;
  }

  /** This peer entered a stage: fetches, reads or makes its weights while training goes on. */
  enter(member: Member): void {
    this.letGo();
    const preparing = new AbortController();
    this.#preparing = preparing;
    const { messenger, state } = this.#parts;
    const tell = (iteration: number, digest: string, failure: string) => {
      const value = { stage: member.stage, iteration, digest, failure, entry: member.enteredBy };
      messenger.send(state().leader, { kind: 'ready', value });
    };
    this.#prepare(member, preparing.signal, (iteration, digest) => tell(iteration, digest, '')).catch(
      (error: Error) => {
        if (preparing.signal.aborted) return;
        this.#preparing = undefined;
        if (error instanceof EngineError) {
          this.#parts.broken(error); // no other copy of the weights would help
          return;
        }
        this.#parts.event({ kind: 'out-of-step', iteration: state().iteration, problem: error.message });
        tell(0, '', error.message || 'unknown');
      },
    );
  }

  async #prepare(
    member: Member,
    signal: AbortSignal,
    ready: (iteration: number, digest: string) => void,
  ): Promise<void> {
    const { holder, donor } = this;
    const replay = (to: Member, until: AbortSignal) => replayStage({ ...this.#parts, holder }, to, until);
    const snapshot = await obtainStage({ ...this.#parts, holder, donor, replay }, member, signal);
    await this.#parts.inTurn(async () => {
      if (signal.aborted) return;
      await holder.install(snapshot);
      this.#preparing = undefined;
      this.#installed = true;
      for (const commit of this.#backlog.splice(0)) {
        const problem = await this.#apply(commit, member.stage);
        if (problem !== undefined) throw new TransferError(problem);
      }
      ready(holder.iteration, holder.digest());
    });
  }

  /** Another peer will fetch this one's stage as it is now. */
  freezeIfAsked(origin: Origin): void {
    const { self } = this.#parts;
    const asked =
      (origin.kind === 'donor' && origin.donor === self) ||
      (origin.kind === 'rebuild' && origin.sources.some((source) => source.peer === self));
    if (asked && this.#installed) this.donor.freeze(this.holder.stage!);
  }

  /** Applies a commit to the stage held here; a peer that misses what it needs says so and asks for a fresh copy. */
  async commit(body: CommitBody): Promise<void> {
    const { self, messenger, state, event } = this.#parts;
    const member = state().member(self);
    if (member === undefined || member.status === 'gone') return;
    if (!this.#installed) {
      // it may count already: what it said of an earlier entry can reach the leader after the next
      if (this.#preparing) this.#backlog.push(body);
      return;
    }
    const failure = await this.#apply(body, member.stage);
    if (failure === undefined) return;
    event({ kind: 'out-of-step', iteration: body.iteration, problem: failure });
    const { stage, enteredBy: entry } = member;
    const value = { stage, iteration: body.iteration, digest: '', failure, entry };
    messenger.send(state().leader, { kind: 'ready', value });
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
