// What the leader does: lets peers in and out at the boundaries between iterations, orders the plan, waits for the
// work, orders the exchanges, commits. It decides from the journal and from what peers report; whoever takes over
// starts the iteration under way anew.

import type { EntryBody, MemberChange, WeightReport } from '../journal/entry.ts';
import type { ControlBody } from '../network/wire/codec.ts';
import type { Clock } from '../seams/clock.ts';
import type { PeerName } from '../seams/network.ts';
import { Collecting, type PeerReport, type StageExchange } from './collecting.ts';
import type { Manifest } from './manifest.ts';
import {
  type Applicant,
  entering,
  holders,
  lostStages,
  originFor,
  rebuildOrigin,
  stageFor,
  takerOf,
} from './placement.ts';
import { makePlan, planEntry } from './planning.ts';
import type { RunState } from './run-state.ts';

export interface LeaderParts {
  readonly self: PeerName;
  readonly clock: Clock;
  readonly state: RunState;
  readonly manifest: Manifest;
  /** Signs entries, applies them here, sends them to everyone. */
  readonly order: (bodies: readonly EntryBody[]) => Promise<void>;
  readonly send: (to: PeerName, body: ControlBody) => void;
  readonly alive: (peer: PeerName) => boolean;
  /** Before the first plan, this many peers must be ready (and every stage held). */
  readonly waitForPeers: number;
  /** Runs after the last commit, before the run is declared ended. */
  readonly beforeEnd: () => Promise<void>;
  readonly note: (note: LeaderNote) => void;
}

export type LeaderNote =
  | {
      readonly kind: 'waiting';
      readonly ready: number;
      readonly wanted: number;
      readonly missingStages: readonly number[];
    }
  | {
      readonly kind: 'diverged';
      readonly iteration: number;
      readonly stage: number;
      readonly peers: readonly PeerName[];
    }
  | { readonly kind: 'stuck'; readonly iteration: number; readonly missing: readonly PeerName[] };

/** Nothing reported for this long: the iteration is closed with what there is. */
const STUCK_SECONDS = 30;
/** Whoever does not answer the closing within this is given up. */
const CLOSE_SECONDS = 10;
/** A peer that fails this often to get its weights in place is let go. */
const MOST_FAILURES = 3;
/** After a restart, members of before are waited for this long. */
const GATHER_SECONDS = 60;

export class Leader {
  readonly #parts: LeaderParts;
  readonly #applicants = new Map<PeerName, Applicant>();
  readonly #leaving = new Set<PeerName>();
  readonly #ready = new Map<PeerName, { stage: number; digest: string; failure: string }>();
  readonly #digests = new Map<string, Map<PeerName, string>>();
  readonly #divergent = new Set<PeerName>();
  readonly #failures = new Map<PeerName, number>();
  #collecting: Collecting | undefined;
  #started = false;
  #stopped = false;
  #since = 0;
  #progressAt = 0;
  #changed: (() => void) | undefined;
  #pending = false;

  constructor(parts: LeaderParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Leads until the run has ended or `stop` is called. */
  async run(): Promise<void> {
    const { state, manifest, clock, order, beforeEnd } = this.#parts;
    this.#since = clock.now();
    while (!this.#stopped && !state.ended) {
      if (state.iteration >= manifest.training.iterations) {
        await this.#until(() => this.#allApplied(state.iteration), CLOSE_SECONDS);
        const weights = this.#weightReports(state.iteration);
        await beforeEnd();
        if (this.#stopped) return;
        await order([{ kind: 'end', iteration: state.iteration, weights }]);
        return;
      }
      await this.#boundary();
      if (this.#stopped) return;
      await this.#iterate();
    }
  }

  // ---- what peers say

  apply(applicant: Applicant): void {
    this.#applicants.set(applicant.peer, applicant);
    this.#leaving.delete(applicant.peer);
    this.#wake();
  }

  /** Whether there is a stage for the applicant at all. */
  hasRoomFor(applicant: Applicant): boolean {
    return stageFor(this.#parts.state, this.#parts.manifest, applicant) !== undefined;
  }

  leave(peer: PeerName): void {
    this.#applicants.delete(peer);
    this.#leaving.add(peer);
    this.#wake();
  }

  ready(peer: PeerName, stage: number, digest: string, failure: string): void {
    this.#ready.set(peer, { stage, digest, failure });
    this.#wake();
  }

  finished(
    peer: PeerName,
    iteration: number,
    attempt: number,
    report: PeerReport,
    dropped: readonly number[],
  ): void {
    const collecting = this.#current(iteration, attempt);
    if (!collecting?.participants.some((p) => p.peer === peer && p.stage === report.stage)) return;
    const before = collecting.reports.get(peer);
    collecting.reports.set(peer, report);
    for (const microbatch of dropped) this.dropped(iteration, attempt, microbatch, 'given up');
    const exchange = collecting.exchanges.get(report.stage);
    const changed = before && before.microbatches.length !== report.microbatches.length;
    if (exchange && !exchange.done && changed) this.#orderExchange(collecting, exchange);
    this.#progress();
  }

  exchanged(
    peer: PeerName,
    answer: {
      iteration: number;
      attempt: number;
      stage: number;
      round: number;
      digest: string;
      norm: number;
      notFinite: readonly PeerName[];
    },
  ): void {
    const collecting = this.#current(answer.iteration, answer.attempt);
    const exchange = collecting?.exchanges.get(answer.stage);
    if (!collecting || !exchange || exchange.done || exchange.round !== answer.round) return;
    if (!exchange.receivers.includes(peer)) return;
    const refused = answer.notFinite.filter((name) => exchange.contributors.includes(name));
    if (refused.length > 0) {
      for (const name of refused) exchange.leftOut.push({ peer: name, reason: 'its gradient is not finite' });
      this.#orderExchange(collecting, exchange);
    } else {
      exchange.answers.set(peer, { digest: answer.digest, norm: answer.norm });
    }
    this.#progress();
  }

  dropped(iteration: number, attempt: number, microbatch: number, reason: string): void {
    const collecting = this.#current(iteration, attempt);
    if (!collecting) return;
    collecting.disturbed = true;
    if (!collecting.dropped.has(microbatch)) collecting.dropped.set(microbatch, reason);
    this.#progress();
  }

  /** A path was led around a lost peer. */
  disturbed(iteration: number, attempt: number): void {
    const collecting = this.#current(iteration, attempt);
    if (collecting) collecting.disturbed = true;
  }

  applied(peer: PeerName, iteration: number, stage: number, digest: string): void {
    const key = `${iteration} ${stage}`;
    const digests = this.#digests.get(key) ?? new Map<PeerName, string>();
    this.#digests.set(key, digests);
    digests.set(peer, digest);
    for (const old of this.#digests.keys()) {
      if (Number.parseInt(old, 10) < iteration - 2) this.#digests.delete(old);
    }
    this.#wake();
  }

  /** A member is gone for good. */
  async lost(peer: PeerName, how: 'left' | 'broken' | 'silent' | 'failed', reason: string): Promise<void> {
    const { state, order } = this.#parts;
    this.#leaving.delete(peer);
    this.#applicants.delete(peer);
    if (state.member(peer) === undefined || state.member(peer)?.status === 'gone') return;
    if (this.#collecting?.participants.some((p) => p.peer === peer)) this.#collecting.disturbed = true;
    await order([{ kind: 'members', changes: [{ kind: 'gone', peer, how, reason }] }]);
    this.#progress();
  }

  // ---- boundaries

  async #boundary(): Promise<void> {
    const { state, manifest, clock, order, note } = this.#parts;
    let said = '';
    for (;;) {
      if (this.#stopped) return;
      const bodies = this.#changes();
      if (bodies.length > 0) {
        await order(bodies);
        continue;
      }
      const { stages } = manifest.training;
      const missingStages = Array.from({ length: stages }, (_, s) => s).filter(
        (s) => state.group(s).length === 0,
      );
      const ready = state.active().length;
      if (this.#started) {
        if (state.group(0).length > 0) return;
      } else {
        const complete = missingStages.length === 0 && ready >= this.#parts.waitForPeers;
        const waitedEnough = state.iteration > 0 && clock.now() - this.#since > GATHER_SECONDS;
        if (complete || (waitedEnough && state.group(0).length > 0)) {
          this.#started = true;
          return;
        }
      }
      const waiting = `${ready} ${missingStages.join()}`;
      if (waiting !== said) {
        said = waiting;
        note({ kind: 'waiting', ready, wanted: Math.max(this.#parts.waitForPeers, stages), missingStages });
      }
      await this.#change(this.#started ? undefined : 5);
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

  /** What has changed since the last boundary, as entries. */
  #changes(): EntryBody[] {
    const { state, manifest } = this.#parts;
    const { alive } = this.#parts;
    const lost = state.present().filter(({ peer }) => !alive(peer));
    if (lost.length > 0) {
      const goneNow = lost.map(({ peer }) => ({
        kind: 'gone' as const,
        peer,
        how: 'broken' as const,
        reason: 'lost',
      }));
      return [{ kind: 'members', changes: goneNow }];
    }
    const changes: MemberChange[] = [];
    const repairs: EntryBody[] = [];
    for (const [peer, { stage, digest, failure }] of this.#ready) {
      const member = state.member(peer);
      if (member?.stage !== stage || member.status === 'gone') continue;
      if (failure !== '') {
        const failures = (this.#failures.get(peer) ?? 0) + 1;
        this.#failures.set(peer, failures);
        const origin = originFor(state, manifest, { peer, stored: [] }, stage);
        changes.push(
          origin && failures < MOST_FAILURES
            ? entering(member, stage, origin)
            : { kind: 'gone', peer, how: 'failed', reason: failure.slice(0, 900) },
        );
      } else if (member.status === 'entering') {
        this.#failures.delete(peer);
        changes.push({ kind: 'active', peer });
        const { origin } = member;
        const repaired =
          origin.kind === 'rebuild' || (origin.kind === 'stored' && state.iteration > origin.iteration);
        if (repaired) repairs.push(repairEntry(state, peer, digest));
      }
    }
    this.#ready.clear();
    for (const peer of this.#divergent) {
      const member = state.member(peer);
      const origin = member && originFor(state, manifest, { peer, stored: [] }, member.stage);
      if (member?.status === 'active' && origin) changes.push(entering(member, member.stage, origin));
    }
    this.#divergent.clear();
    if (changes.length > 0) return [...repairs, { kind: 'members', changes }];

    for (const peer of this.#leaving) {
      const change = this.#letGo(peer);
      if (change) return [{ kind: 'members', changes: [change] }];
    }
    for (const [peer, applicant] of this.#applicants) {
      this.#applicants.delete(peer);
      const stage = stageFor(state, manifest, applicant);
      const origin = stage === undefined ? undefined : originFor(state, manifest, applicant, stage);
      if (stage === undefined || origin === undefined) continue;
      return [{ kind: 'members', changes: [entering(applicant, stage, origin)] }];
    }
    for (const stage of lostStages(state, manifest.training.stages)) {
      const origin = rebuildOrigin(state, manifest, stage);
      const taker = origin && takerOf(state, manifest.training.stages);
      if (taker && origin) return [{ kind: 'members', changes: [entering(taker, stage, origin)] }];
    }
    return [];
  }

  /** A member that wants to leave goes at once, unless it holds the last copy of a stage that another can take. */
  #letGo(peer: PeerName): MemberChange | undefined {
    const { state, manifest } = this.#parts;
    const member = state.member(peer);
    if (member === undefined || member.status === 'gone') {
      this.#leaving.delete(peer);
      return undefined;
    }
    const others = holders(state, member.stage).filter((other) => other.peer !== peer);
    if (others.some((other) => other.status === 'entering' && other.origin.kind === 'donor')) {
      if (!others.some((other) => other.status === 'active')) return undefined; // its heir is still fetching
    }
    if (others.length === 0 && member.status === 'active') {
      const heir = takerOf(state, manifest.training.stages);
      if (heir) return entering(heir, member.stage, { kind: 'donor', donor: peer });
    }
    this.#leaving.delete(peer);
    return { kind: 'gone', peer, how: 'left', reason: 'it said goodbye' };
  }

  // ---- one iteration

  async #iterate(): Promise<void> {
    const { state, manifest, order, clock } = this.#parts;
    const iteration = state.iteration + 1;
    const attempt = state.plan?.iteration === iteration ? state.plan.attempt + 1 : 0;
    const plan = makePlan(state, manifest);
    const collecting = new Collecting(iteration, attempt, plan);
    this.#collecting = collecting;
    this.#progressAt = clock.now();
    await order([{ kind: 'plan', iteration, attempt, plan: planEntry(plan) }]);
    while (!this.#stopped) {
      this.#advance(collecting);
      if (collecting.group(0, this.#parts.alive).length === 0) return; // no anchor: the next boundary decides
      if (this.#complete(collecting)) break;
      await this.#change(1);
      await this.#watch(collecting);
    }
    if (this.#stopped) return;
    await this.#commit(collecting);
  }

  /** Orders whatever can be ordered now. */
  #advance(collecting: Collecting): void {
    const { alive, manifest } = this.#parts;
    if (collecting.disturbed && !collecting.closing) {
      const quiet = collecting.participants.every((p) => !alive(p.peer) || collecting.reports.has(p.peer));
      const anchorsDone = collecting.group(0, alive).every((peer) => collecting.reports.has(peer));
      if (quiet && anchorsDone) this.#close(collecting);
    }
    for (let stage = 0; stage < manifest.training.stages; stage++) {
      const group = collecting.group(stage, alive);
      const exchange = collecting.exchanges.get(stage);
      if (exchange === undefined) {
        if (group.length === 0 || !collecting.reported(stage, alive)) continue;
        const started: StageExchange = {
          stage,
          round: -1,
          contributors: [],
          receivers: [],
          microbatches: [],
          answers: new Map(),
          leftOut: [],
          done: false,
        };
        collecting.exchanges.set(stage, started);
        this.#orderExchange(collecting, started);
      } else if (!exchange.done) {
        if (exchange.contributors.some((peer) => !alive(peer))) this.#orderExchange(collecting, exchange);
        const needed = exchange.receivers.filter(
          (peer) => alive(peer) && this.#parts.state.member(peer)?.status === 'active',
        );
        exchange.done = needed.every((peer) => exchange.answers.has(peer));
      }
    }
  }

  #orderExchange(collecting: Collecting, exchange: StageExchange): void {
    const { alive, send, state } = this.#parts;
    const group = collecting.group(exchange.stage, alive);
    const refused = new Set(exchange.leftOut.map((left) => left.peer));
    exchange.round++;
    exchange.answers.clear();
    exchange.contributors = group.filter(
      (peer) => !refused.has(peer) && (collecting.reports.get(peer)?.microbatches.length ?? 0) > 0,
    );
    exchange.microbatches = exchange.contributors.flatMap(
      (peer) => collecting.reports.get(peer)!.microbatches,
    );
    const listening = holders(state, exchange.stage).map((member) => member.peer);
    exchange.receivers = [...new Set([...group, ...listening])].filter((peer) => alive(peer));
    if (exchange.contributors.length === 0) {
      exchange.done = true;
      return;
    }
    const value = {
      iteration: collecting.iteration,
      attempt: collecting.attempt,
      stage: exchange.stage,
      round: exchange.round,
      contributors: exchange.contributors,
      receivers: exchange.receivers,
      microbatches: exchange.microbatches.length,
    };
    for (const peer of new Set([...exchange.contributors, ...exchange.receivers])) {
      send(peer, { kind: 'exchangeOrder', value });
    }
  }

  #close(collecting: Collecting): void {
    const { alive, send } = this.#parts;
    collecting.closing = true;
    this.#progressAt = this.#parts.clock.now();
    for (const { peer, stage } of collecting.participants) {
      if (!alive(peer) || collecting.exchanges.has(stage)) continue;
      send(peer, { kind: 'close', value: { iteration: collecting.iteration, attempt: collecting.attempt } });
    }
  }

  #complete(collecting: Collecting): boolean {
    const { alive, manifest } = this.#parts;
    for (let stage = 0; stage < manifest.training.stages; stage++) {
      if (collecting.group(stage, alive).length === 0) continue;
      if (collecting.exchanges.get(stage)?.done !== true) return false;
    }
    return true;
  }

  /** Nobody waits for ever: an iteration that stands still is closed, and who does not answer then is given up. */
  async #watch(collecting: Collecting): Promise<void> {
    const { clock, alive, note } = this.#parts;
    const quiet = clock.now() - this.#progressAt;
    if (!collecting.closing && quiet > STUCK_SECONDS) {
      collecting.disturbed = true;
      note({ kind: 'stuck', iteration: collecting.iteration, missing: this.#missing(collecting) });
      this.#close(collecting);
    } else if (collecting.closing && quiet > CLOSE_SECONDS) {
      this.#progressAt = clock.now();
      for (const peer of this.#missing(collecting)) {
        if (alive(peer))
          await this.lost(
            peer,
            'failed',
            `it did not answer for ${CLOSE_SECONDS} s in iteration ${collecting.iteration}`,
          );
      }
    }
  }

  /** Whose word the iteration waits for. */
  #missing(collecting: Collecting): PeerName[] {
    const { alive } = this.#parts;
    return collecting.participants
      .filter(({ peer, stage }) => {
        if (!alive(peer)) return false;
        const exchange = collecting.exchanges.get(stage);
        if (exchange)
          return !exchange.done && exchange.receivers.includes(peer) && !exchange.answers.has(peer);
        const report = collecting.reports.get(peer);
        return report === undefined || (collecting.closing && !report.final);
      })
      .map(({ peer }) => peer);
  }

  async #commit(collecting: Collecting): Promise<void> {
    const { order, manifest } = this.#parts;
    const { clip } = manifest.training.optimizer;
    const stages = [...collecting.exchanges.values()]
      .sort((a, b) => a.stage - b.stage)
      .map((exchange) => {
        const answer = exchange.answers.values().next().value;
        const mean =
          answer && exchange.microbatches.length > 0 ? answer.norm / exchange.microbatches.length : 0;
        return {
          stage: exchange.stage,
          round: exchange.round,
          microbatches: exchange.microbatches,
          contributors: answer ? exchange.contributors : [],
          ...(answer && { sumDigest: answer.digest }),
          gradientNorm: clip > 0 ? Math.min(mean, clip) : mean,
          leftOut: exchange.leftOut,
        };
      });
    const weights = this.#weightReports(collecting.iteration - 1);
    this.#collecting = undefined;
    await order([
      {
        kind: 'commit',
        iteration: collecting.iteration,
        attempt: collecting.attempt,
        loss: collecting.meanLoss(),
        stages,
        dropped: [...collecting.dropped].map(([microbatch, reason]) => ({ microbatch, reason })),
        visitsComputed: collecting.visitsComputed(),
        visitsCounted: collecting.visitsCounted(),
        weights,
      },
    ]);
  }

  // ---- digests

  #allApplied(iteration: number): boolean {
    const { state, alive } = this.#parts;
    return state.active().every((member) => {
      if (!alive(member.peer)) return true;
      return this.#digests.get(`${iteration} ${member.stage}`)?.has(member.peer) === true;
    });
  }

  /** Compares the weights of each stage's replicas; those that differ from the most common are sent a fresh copy. */
  #weightReports(iteration: number): WeightReport[] {
    const { state, note } = this.#parts;
    const reports: WeightReport[] = [];
    for (const [key, byPeer] of this.#digests) {
      const [at, stage] = key.split(' ').map(Number);
      if (at !== iteration || stage === undefined) continue;
      const members = state.group(stage).filter((member) => byPeer.has(member.peer));
      if (members.length === 0) continue;
      const digests = members.map((member) => byPeer.get(member.peer)!);
      const digest = mostCommon(digests);
      const divergent = members.filter((_, i) => digests[i] !== digest).map((member) => member.peer);
      if (divergent.length > 0) note({ kind: 'diverged', iteration, stage, peers: divergent });
      for (const peer of divergent) this.#divergent.add(peer);
      reports.push({ stage, digest, replicas: members.length, divergent });
    }
    return reports.sort((a, b) => a.stage - b.stage);
  }

  // ---- waiting

  #current(iteration: number, attempt: number): Collecting | undefined {
    const collecting = this.#collecting;
    return collecting?.iteration === iteration && collecting.attempt === attempt ? collecting : undefined;
  }

  #progress(): void {
    this.#progressAt = this.#parts.clock.now();
    this.#wake();
  }

  #wake(): void {
    this.#pending = true;
    this.#changed?.();
    this.#changed = undefined;
  }

  /** Resolves at the next change (at once when there was one since the last call), or after `seconds`. */
  async #change(seconds?: number): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        const cancel = seconds === undefined ? () => {} : this.#parts.clock.schedule(seconds, resolve);
        this.#changed = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#pending = false;
  }

  async #until(condition: () => boolean, limitSeconds: number): Promise<void> {
    const end = this.#parts.clock.now() + limitSeconds;
    while (!condition() && !this.#stopped && this.#parts.clock.now() < end) await this.#change(0.5);
  }
}

function repairEntry(state: RunState, peer: PeerName, digest: string): EntryBody {
  const { stage, origin, enteredAfter } = state.member(peer)!;
  return {
    kind: 'repair',
    stage,
    rule: origin.kind === 'rebuild' ? origin.rule : 'checkpoint',
    peer,
    iteration: state.iteration,
    lostAfter: enteredAfter,
    sources:
      origin.kind === 'rebuild'
        ? origin.sources.map(({ stage: from, peer: donor }) => ({ stage: from, peer: donor }))
        : [],
    digest,
  };
}

/** The most frequent value; of equally frequent ones the first. */
function mostCommon(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best = values[0]!;
  for (const [value, count] of counts) if (count > counts.get(best)!) best = value;
  return best;
}
