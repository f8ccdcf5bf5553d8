// What the leader does: lets peers in and out at the boundaries between iterations, orders the plan, waits for the
// work, orders the exchanges, commits. It decides from the journal and from what peers report; whoever takes over
// starts the iteration under way anew.

import type { EntryBody, WeightReport } from '../../journal/entry.ts';
import type { ControlBody } from '../../network/wire/codec.ts';
import { mostMicroseconds } from '../../schedule/skippipe/measured.ts';
import { finish } from '../../schedule/slices.ts';
import { sleep } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import { Boundary, isOf, type Readiness } from './boundary.ts';
import { Collecting, type PeerReport } from './collecting.ts';
import { ExchangeOrders, type RoundAnswer } from './exchange-orders.ts';
import { Gathering, type GatheringParts, type Waiting } from './gathering.ts';
import type { Orders } from '../agreement/ledger.ts';
import type { Loss } from '../membership/living.ts';
import type { Applicant } from './placement.ts';
import { Planning } from './planner.ts';
import {
  planBasis,
  planEntry,
  planInSlices,
  plansFromTimes,
  QUICK_STEPS,
  searches,
} from '../planning/planning.ts';
import { isProbe } from '../training/probing.ts';
import { SeatsSearch } from './seats-search.ts';
import type { Timing } from '../membership/timing.ts';
import { Changes } from '../waiting.ts';
import { WeightDigests } from './weight-digests.ts';

export interface LeaderParts extends GatheringParts {
  /** See `PlannerParts`. */
  readonly firstSearchSteps?: number | undefined;
  readonly self: PeerName;
  /** Signs entries, applies them here, sends them to everyone. */
  readonly order: (bodies: Orders) => Promise<void>;
  readonly send: (to: PeerName, body: ControlBody) => void;
  readonly alive: (peer: PeerName) => boolean;
  /** How a peer was found to be lost. */
  readonly loss: (peer: PeerName) => Loss | undefined;
  readonly timing: Timing;
  /** Whether a peer was heard in the last seconds. */
  readonly hears: (peer: PeerName) => boolean;
  /** Has another keeper lead. */
  readonly handOver: (to: PeerName) => void;
  /** Runs after the last commit, before the run is declared ended. */
  readonly beforeEnd: () => Promise<void>;
  readonly note: (note: LeaderNote) => void;
}

export type LeaderNote =
  | ({ readonly kind: 'waiting' } & Waiting)
  | {
      readonly kind: 'diverged';
      readonly iteration: number;
      readonly stage: number;
      readonly peers: readonly PeerName[];
    }
  /** The next plan is there. */
  | {
      readonly kind: 'planned';
      readonly iteration: number;
      readonly steps: number;
      /** Whether it was made while the iteration before ran. */
      readonly ahead: boolean;
      readonly planSeconds: number;
      /** From the plan to the end of the last backward, by what was measured; null where nothing was. */
      readonly predictedSeconds: number | null;
    }
  /** Every peer has done its tasks of an undisturbed plan. */
  | { readonly kind: 'computed'; readonly iteration: number; readonly seconds: number }
  | { readonly kind: 'stuck'; readonly iteration: number; readonly missing: readonly PeerName[] };

/** The journal holds no longer reasons. */
const MAX_REASON = 900;
/**
 * While a run gathers, so long passes after each entry for every member there: all of them get all entries, and those
 * who come meanwhile are let in by one.
 */
const GATHERING_SECONDS_A_MEMBER = 0.002;
/** What a boundary waits for is looked at again after this, also when nothing was heard. */
const LOOK_SECONDS = 5;

export class Leader {
  readonly #parts: LeaderParts;
  readonly #boundary: Boundary;
  readonly #digests = new WeightDigests();
  readonly #planning: Planning;
  readonly #seats: SeatsSearch;
  readonly #orders: ExchangeOrders;
  readonly #changes: Changes;
  #collecting: Collecting | undefined;
  /** The iteration that was planned together with the commit before it. */
  #ordered: Collecting | undefined;
  #started = false;
  #stopped = false;
  #since = 0;
  #progressAt = 0;
  #startedAt = 0;

  constructor(parts: LeaderParts) {
    this.#parts = parts;
    this.#boundary = new Boundary(parts);
    this.#planning = new Planning(parts);
    this.#seats = new SeatsSearch(parts, this.#boundary);
    this.#changes = new Changes(parts.clock);
    this.#orders = new ExchangeOrders({
      ...parts,
      triesAgain: (member) => this.#boundary.triesAgain(member),
      progress: () => this.#progress(),
      changed: () => this.#changes.happened(),
      giveUp: (peer, reason) => void this.lost(peer, 'failed', reason),
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#planning.stop();
    this.#seats.stop();
    this.#changes.happened();
  }

  /** Leads until the run has ended or `stop` is called. */
  async run(): Promise<void> {
    const { state, manifest, clock, order, alive, timing, beforeEnd } = this.#parts;
    this.#since = clock.now();
    while (!this.#stopped && !state.ended) {
      if (state.iteration >= manifest.training.iterations) {
        await this.#until(() => this.#digests.complete(state.iteration, state, alive), timing.timeouts.close);
        const weights = this.#weightReports(state.iteration);
        await beforeEnd();
        if (this.#stopped) return;
        await order([{ kind: 'end', iteration: state.iteration, weights }]);
        return;
      }
      if (this.#ordered === undefined) await this.#gather();
      if (this.#stopped) return;
      await this.#iterate();
    }
  }

  // ---- what peers say

  apply(applicant: Applicant): void {
    this.#boundary.apply(applicant);
    void this.#seats.seatNewcomers();
    this.#changes.happened();
  }

  /** Whether there is a stage for the applicant, or may be one when those that are on their way in have come. */
  mayTake(applicant: Applicant): boolean {
    return this.#boundary.hasRoomFor(applicant) || !this.#boundary.isSettled;
  }

  leave(peer: PeerName): void {
    this.#boundary.leave(peer);
    this.#changes.happened();
  }

  ready(peer: PeerName, said: Readiness): void {
    this.#boundary.ready(peer, said);
    const collecting = this.#collecting;
    const isLost = said.failure !== '' && isOf(said, this.#parts.state.member(peer));
    if (isLost && collecting?.takesPart(peer, said.stage)) {
      collecting.impossible = true; // it takes no part, and others wait for it
    }
    this.#changes.happened();
  }

  finished(peer: PeerName, iteration: number, attempt: number, report: PeerReport): void {
    const collecting = this.#current(iteration, attempt);
    if (!collecting?.takesPart(peer, report.stage)) return;
    const { forwardMicroseconds, backwardMicroseconds, headMicroseconds } = report;
    const longest = Math.max(forwardMicroseconds, backwardMicroseconds, headMicroseconds);
    this.#parts.timing.callTook(Math.min(longest, mostMicroseconds) / 1e6);
    const before = collecting.reports.get(peer);
    const last = collecting.reports.size === collecting.participants.length - 1;
    const probes = report.probes.filter((probe) => isProbe(this.#parts.manifest, probe));
    collecting.reports.set(peer, collecting.believable(peer, { ...report, probes }));
    if (before === undefined && last && !collecting.disturbed) {
      const seconds = this.#parts.clock.now() - this.#startedAt;
      this.#parts.note({ kind: 'computed', iteration, seconds });
    }
    const changed = before && before.microbatches.length !== report.microbatches.length;
    if (changed) this.#orders.again(collecting, report.stage);
    this.#progress();
  }

  exchanged(peer: PeerName, answer: RoundAnswer & { iteration: number; attempt: number }): void {
    const collecting = this.#current(answer.iteration, answer.attempt);
    if (collecting) this.#orders.answered(collecting, peer, answer);
  }

  dropped(iteration: number, attempt: number, microbatch: number, reason: string): void {
    const collecting = this.#current(iteration, attempt);
    if (!collecting?.anchors.has(microbatch)) return;
    collecting.disturbed = true;
    if (!collecting.dropped.has(microbatch)) {
      collecting.dropped.set(microbatch, reason.slice(0, MAX_REASON));
      // who gave it up may be cut off from one that waits for it
      const value = { iteration, attempt, microbatch, reason, peer: '' };
      for (const { peer } of collecting.participants) this.#parts.send(peer, { kind: 'dropped', value });
    }
    this.#progress();
  }

  /** A path was led around a lost peer. */
  disturbed(iteration: number, attempt: number): void {
    const collecting = this.#current(iteration, attempt);
    if (collecting) collecting.disturbed = true;
  }

  applied(peer: PeerName, iteration: number, stage: number, digest: string): void {
    this.#digests.applied(peer, iteration, stage, digest);
    this.#changes.happened();
  }

  /** The connection to a member was cut: what it may not have heard is ordered again. */
  reconnected(peer: PeerName): void {
    const collecting = this.#collecting;
    if (collecting === undefined) return;
    this.#orders.reconnected(collecting, peer);
    const stage = collecting.participants.find((p) => p.peer === peer)?.stage;
    if (stage === undefined) return;
    if (!collecting.exchanges.has(stage) && collecting.closing) this.#sendClose(collecting, peer);
    this.#progress();
  }

  /** A member is gone; `barred` where it is never to come back. */
  async lost(
    peer: PeerName,
    how: 'left' | 'broken' | 'silent' | 'failed',
    reason: string,
    barred?: true,
  ): Promise<void> {
    const { state, order } = this.#parts;
    this.#boundary.forget(peer);
    const isGone = () => (state.member(peer)?.status ?? 'gone') === 'gone';
    if (isGone()) return;
    if (this.#collecting?.participants.some((p) => p.peer === peer)) this.#collecting.disturbed = true;
    const change = { kind: 'gone', peer, how, reason, ...(barred && { barred }) } as const;
    await order(() => (isGone() ? [] : [{ kind: 'members', changes: [change] }]));
    await this.#mindKeepers();
    this.#progress();
  }

  /** A keeper that is gone is replaced at once: the next one lost may cost the majority. */
  async #mindKeepers(): Promise<void> {
    for (let changes = 0; changes < 2 && !this.#stopped; changes++) {
      let body: EntryBody | undefined;
      await this.#parts.order(() => {
        body = this.#boundary.keepers();
        return body === undefined ? [] : [body];
      });
      if (body === undefined) return;
    }
  }

  // ---- boundaries

  async #gather(): Promise<void> {
    const { state, clock, order, note, handOver } = this.#parts;
    const gathering = new Gathering(this.#parts, this.#since);
    for (;;) {
      await this.#seats.seatNewcomers();
      if (this.#stopped) return;
      let bodies: EntryBody[] = [];
      let keepers = 0;
      await order(() => {
        // decided in its turn: who was to give somebody its weights may have gone by an entry before this one
        bodies = this.#stopped ? [] : this.#boundary.changes(this.#started || gathering.enoughAreWaiting);
        keepers = state.keepers.length;
        return bodies;
      });
      if (bodies.length > 0) {
        // keepers that may not change just now may a moment later
        if (bodies[0]!.kind === 'keepers' && state.keepers.length === keepers) await this.#changes.next(0.5);
        if (!this.#started) await sleep(clock, GATHERING_SECONDS_A_MEMBER * state.present().length);
        continue;
      }
      if (this.#stopped) return;
      const { heir } = this.#boundary;
      if (heir !== undefined) {
        handOver(heir);
        await this.#changes.next(1);
        continue;
      }
      if (this.#started) {
        if (state.group(0).length > 0) return;
      } else if (gathering.mayBegin()) {
        this.#started = true;
        continue; // everyone is there: now it can be said who keeps copies
      }
      const news = gathering.news();
      if (news) note({ kind: 'waiting', ...news });
      await this.#changes.next(this.#started ? LOOK_SECONDS : gathering.lookSeconds);
    }
  }

  /** Whether it still waits for the members before the first plan. */
  get gathering(): boolean {
    return !this.#started && !this.#stopped;
  }

  /** A leader that took over goes on at once: the swarm was gathered before. */
  assumeStarted(): void {
    this.#started = true;
  }

  // ---- one iteration

  async #iterate(): Promise<void> {
    let collecting = this.#ordered;
    this.#ordered = undefined;
    collecting ??= await this.#plan();
    if (collecting === undefined) return;
    while (!this.#stopped) {
      this.#advance(collecting);
      if (!collecting.isHeld(0, this.#parts.alive)) return; // no anchor: the next boundary decides
      if (collecting.impossible) return; // it is ordered anew, when whoever fell out of step has its weights again
      if (collecting.complete(this.#parts.alive)) break;
      await this.#changes.next(1);
      await this.#watch(collecting);
    }
    if (this.#stopped) return;
    await this.#commit(collecting);
  }

  /** Orders the plan of the next iteration; undefined when it could not be ordered. */
  async #plan(): Promise<Collecting | undefined> {
    const { state, order, clock, note } = this.#parts;
    const planned = await this.#planning.take();
    if (planned === undefined || this.#stopped) return undefined;
    const { plan, basis, seconds: planSeconds, ahead, predictedSeconds = null } = planned;
    const { iteration, planner } = basis;
    const attempt = state.plan?.iteration === iteration ? state.plan.attempt + 1 : 0;
    const collecting = new Collecting(iteration, attempt, plan);
    note({ kind: 'planned', iteration, steps: planner.steps, ahead, planSeconds, predictedSeconds });
    let ordered = false;
    await order(() => {
      // members may have come or gone while this waited for its turn
      ordered = !this.#stopped && this.#planning.fits(basis);
      if (!ordered) return [];
      this.#begin(collecting);
      return [{ kind: 'plan', iteration, attempt, plan: planEntry(plan), planner }];
    });
    if (!ordered) {
      await sleep(clock, 0);
      return undefined;
    }
    this.#planning.begin();
    this.#seats.lookForMoves();
    return collecting;
  }

  #begin(collecting: Collecting): void {
    this.#collecting = collecting;
    this.#startedAt = this.#parts.clock.now();
    this.#progressAt = this.#startedAt;
  }

  /** Orders whatever can be ordered now. */
  #advance(collecting: Collecting): void {
    const { alive, manifest } = this.#parts;
    if (collecting.disturbed && !collecting.closing) {
      const quiet = collecting.participants.every((p) => !alive(p.peer) || collecting.reports.has(p.peer));
      const anchorsDone = collecting.group(0, alive).every((peer) => collecting.reports.has(peer));
      if (quiet && anchorsDone) this.#close(collecting);
    }
    if (collecting.plan.forwardOnly) {
      if (!collecting.complete(alive)) collecting.endProbing(alive);
      return;
    }
    for (let stage = 0; stage < manifest.training.stages; stage++) this.#orders.advance(collecting, stage);
  }

  #close(collecting: Collecting): void {
    const { alive } = this.#parts;
    collecting.closing = true;
    this.#progressAt = this.#parts.clock.now();
    for (const { peer, stage } of collecting.participants) {
      if (!alive(peer) || collecting.exchanges.has(stage)) continue;
      this.#sendClose(collecting, peer);
    }
  }

  #sendClose({ iteration, attempt }: Collecting, peer: PeerName): void {
    this.#parts.send(peer, { kind: 'close', value: { iteration, attempt } });
  }

  /** Nobody waits for ever: an iteration that stands still is closed, and who does not answer then is given up. */
  async #watch(collecting: Collecting): Promise<void> {
    const { clock, alive, timing, note } = this.#parts;
    const quiet = clock.now() - this.#progressAt;
    const { close } = timing.timeouts;
    if (!collecting.closing && quiet > timing.stuckSeconds) {
      collecting.disturbed = true;
      collecting.stuck = true;
      note({ kind: 'stuck', iteration: collecting.iteration, missing: collecting.missing(alive) });
      this.#close(collecting);
    } else if (collecting.closing && quiet > close) {
      this.#progressAt = clock.now();
      collecting.excuseCopies();
      for (const peer of collecting.missing(alive)) {
        if (alive(peer))
          await this.lost(
            peer,
            'failed',
            `it did not answer for ${close.toFixed(0)} s in iteration ${collecting.iteration}`,
          );
      }
    }
  }

  async #commit(collecting: Collecting): Promise<void> {
    const { order, manifest, clock, state, note } = this.#parts;
    const weights = this.#weightReports(collecting.iteration - 1);
    if (!collecting.stuck) {
      this.#parts.timing.iterationTook(clock.now() - this.#startedAt);
    }
    this.#collecting = undefined;
    const commit = collecting.commit(manifest, weights);
    if (!this.#goesOn(collecting.iteration)) {
      await order([commit]);
      return;
    }
    // the keepers agree on both at once: half as many round trips
    const basis = planBasis(state, manifest, collecting.iteration + 1, QUICK_STEPS);
    const { iteration, planner } = basis;
    const plan = finish(planInSlices(manifest, basis));
    const next = new Collecting(iteration, 0, plan);
    const { steps } = planner;
    note({ kind: 'planned', iteration, steps, ahead: true, planSeconds: 0, predictedSeconds: null });
    let both = false;
    await order(() => {
      both = this.#goesOn(collecting.iteration) && this.#planning.fits(basis, collecting.iteration);
      if (!both) return [commit];
      this.#begin(next);
      return [commit, { kind: 'plan', iteration, attempt: 0, plan: planEntry(plan), planner }];
    });
    if (both) this.#ordered = next;
  }

  /** Whether the next plan can be ordered with this commit: it does not depend on it, and nothing else is to be decided. */
  #goesOn(iteration: number): boolean {
    const { manifest, state } = this.#parts;
    if (iteration >= manifest.training.iterations || plansFromTimes(manifest) || searches(manifest))
      return false;
    return !this.#stopped && state.group(0).length > 0 && this.#boundary.isIdle;
  }

  /** Compares the weights of each stage's replicas; those that differ from the most common are sent a fresh copy. */
  #weightReports(iteration: number): WeightReport[] {
    const reports = this.#digests.reports(iteration, this.#parts.state);
    for (const { stage, divergent } of reports) {
      if (divergent.length === 0) continue;
      this.#parts.note({ kind: 'diverged', iteration, stage, peers: divergent });
      this.#boundary.diverged(stage, divergent);
    }
    return reports;
  }

  // ---- waiting

  #current(iteration: number, attempt: number): Collecting | undefined {
    const collecting = this.#collecting;
    return collecting?.iteration === iteration && collecting.attempt === attempt ? collecting : undefined;
  }

  #progress(): void {
    this.#progressAt = this.#parts.clock.now();
    this.#changes.happened();
  }

  async #until(condition: () => boolean, limitSeconds: number): Promise<void> {
    const end = this.#parts.clock.now() + limitSeconds;
    while (!condition() && !this.#stopped && this.#parts.clock.now() < end) await this.#changes.next(0.5);
  }
}
