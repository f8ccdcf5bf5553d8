// What the leader knows of the iteration under way: who has finished, which exchange stands where, what was lost.
// Pure bookkeeping; it sends nothing.

import { toHex } from '../../journal/canonical.ts';
import type { CommitBody, WeightReport } from '../../journal/entry.ts';
import type { Plan } from '../../schedule/plan.ts';
import { type LinkMicroseconds, mostMicroseconds } from '../../schedule/skippipe/measured.ts';
import type { PeerName } from '../../seams/network.ts';
import type { LinkTime } from '../membership/link-times.ts';
import type { ContributionNorm } from './exchange-limits.ts';
import type { Manifest } from '../manifest.ts';
import { plansFromTimes } from '../planning/planning.ts';
import { unaccounted } from '../training/accounting.ts';
import { isFiniteProbe, type ProbeReport } from '../training/probing.ts';
import { mostCommon } from './weight-digests.ts';
import type { ExchangeOrder } from '../training/exchange.ts';

export interface PeerReport {
  readonly stage: number;
  readonly microbatches: readonly number[];
  readonly losses: readonly { readonly microbatch: number; readonly loss: number }[];
  readonly probes: readonly ProbeReport[];
  readonly visits: number;
  readonly computeSeconds: number;
  readonly forwardMicroseconds: number;
  readonly backwardMicroseconds: number;
  readonly headMicroseconds: number;
  readonly links: readonly LinkTime[];
  /** An answer to Close: it will not change any more. */
  readonly final: boolean;
}

export interface ExchangeAnswer {
  readonly digest: string;
  readonly norm: number;
  /** Per contributor, of its values in the pieces that the sender answers for. */
  readonly squares: readonly number[];
}

export interface StageExchange {
  readonly stage: number;
  round: number;
  contributors: PeerName[];
  receivers: PeerName[];
  microbatches: number[];
  readonly answers: Map<PeerName, ExchangeAnswer>;
  /** Who waited in vain for owners' sums in this round. */
  readonly waited: Set<PeerName>;
  /** Who keeps a copy of the stage and is not waited for any more. */
  readonly excused: Set<PeerName>;
  /** Rounds that ended late with nobody to leave out. */
  fruitless: number;
  orderedAt: number;
  readonly leftOut: { peer: PeerName; reason: string }[];
  done: boolean;
}

export class Collecting {
  readonly iteration: number;
  readonly attempt: number;
  readonly plan: Plan;
  readonly participants: readonly { readonly peer: PeerName; readonly stage: number }[];
  readonly reports = new Map<PeerName, PeerReport>();
  readonly exchanges = new Map<number, StageExchange>();
  readonly dropped = new Map<number, string>();
  /** Something went wrong: reports may change until everyone has answered Close. */
  disturbed = false;
  closing = false;
  /** Somebody who was to take part cannot: the iteration must be ordered anew. */
  impossible = false;
  /** It stood still for so long that it was closed: how long it took says nothing about the peers. */
  stuck = false;

  /** Each micro-batch of the plan and the anchor that it starts at. */
  readonly anchors: ReadonlyMap<number, PeerName>;
  /** Who takes part, by stage, in group order. */
  readonly #groups: readonly (readonly PeerName[])[];
  /** Whom the plan has compute a stage of a micro-batch. */
  readonly #planned: ReadonlyMap<string, PeerName>;

  constructor(iteration: number, attempt: number, plan: Plan) {
    this.anchors = new Map(
      plan.paths.map(({ microbatch, nodes }) => [microbatch, plan.peers[nodes[0]!.peer]!]),
    );
    this.#planned = new Map(
      plan.paths.flatMap(({ microbatch, nodes }) =>
        nodes.map(({ stage, peer }) => [`${stage} ${microbatch}`, plan.peers[peer]!] as const),
      ),
    );
    this.iteration = iteration;
    this.attempt = attempt;
    this.plan = plan;
    this.#groups = plan.assignment.map((group) => group.map((peer) => plan.peers[peer]!));
    this.participants = this.#groups.flatMap((group, stage) => group.map((peer) => ({ peer, stage })));
  }

  /** Live participants of a stage, in group order. */
  group(stage: number, alive: (peer: PeerName) => boolean): PeerName[] {
    return (this.#groups[stage] ?? []).filter(alive);
  }

  /** Whether a participant of a stage lives. */
  isHeld(stage: number, alive: (peer: PeerName) => boolean): boolean {
    return this.#groups[stage]?.some(alive) === true;
  }

  /** Whether the plan has a peer hold a stage. */
  takesPart(peer: PeerName, stage: number): boolean {
    return this.#groups[stage]?.includes(peer) === true;
  }

  /** Whether everyone of the stage who lives has reported, for good where that is in doubt. */
  reported(stage: number, alive: (peer: PeerName) => boolean): boolean {
    return (this.#groups[stage] ?? []).every((peer) => {
      const report = this.reports.get(peer);
      return (report !== undefined && (!this.disturbed || report.final)) || !alive(peer);
    });
  }

  /** A report without what its sender cannot know: other micro-batches than the plan's, one twice, losses of other anchors. */
  believable(peer: PeerName, report: PeerReport): PeerReport {
    const microbatches = [...new Set(report.microbatches)].filter((microbatch) =>
      this.anchors.has(microbatch),
    );
    const losses = report.losses.filter(({ microbatch }) => this.anchors.get(microbatch) === peer);
    const probes = new Map(
      report.probes.filter(({ probe }) => this.anchors.get(probe) === peer).map((one) => [one.probe, one]),
    );
    return { ...report, microbatches, losses, probes: [...probes.values()] };
  }

  /**
   * Without backwards there is nothing to exchange: when everyone has reported, the bytes of the anchors that live are
   * what counts, at the stages that their passes went through.
   */
  endProbing(alive: (peer: PeerName) => boolean): void {
    if (!this.plan.assignment.every((_, stage) => this.reported(stage, alive))) return;
    const probes = this.probes();
    const anchors = [...new Set(probes.map(({ probe }) => this.anchors.get(probe)!))];
    const reports = [...this.reports].filter(([, report]) => !report.probes.every(isFiniteProbe));
    const leftOut = reports.map(([peer]) => ({ peer, reason: 'the loss of a pass was not finite' }));
    for (const stage of this.plan.assignment.keys()) {
      const through = this.plan.paths.filter(({ nodes }) => nodes.some((node) => node.stage === stage));
      const passed = new Set(through.map(({ microbatch }) => microbatch));
      const exchange = this.startExchange(stage);
      exchange.round = 0;
      exchange.microbatches = probes.map(({ probe }) => probe).filter((probe) => passed.has(probe));
      exchange.contributors = exchange.microbatches.length > 0 ? anchors : [];
      exchange.leftOut.push(...leftOut);
      exchange.done = true;
    }
  }

  /** The bytes of all reports that count, in the order of the plan's numbers. */
  probes(): ProbeReport[] {
    const reported = [...this.reports.values()].flatMap(({ probes }) => probes);
    return reported.filter(isFiniteProbe).sort((a, b) => a.probe - b.probe);
  }

  /** A stage's exchange, before its first round. */
  startExchange(stage: number): StageExchange {
    const exchange: StageExchange = {
      stage,
      round: -1,
      contributors: [],
      receivers: [],
      microbatches: [],
      answers: new Map(),
      waited: new Set(),
      excused: new Set(),
      fruitless: 0,
      orderedAt: 0,
      leftOut: [],
      done: false,
    };
    this.exchanges.set(stage, exchange);
    return exchange;
  }

  /**
   * The next round of a stage's exchange: whoever lives, has something to add and was not refused contributes, no
   * micro-batch twice, and they and those who `listen` receive. undefined, and the exchange is done, when nobody has anything to add.
   */
  nextRound(
    exchange: StageExchange,
    listening: readonly PeerName[],
    alive: (peer: PeerName) => boolean,
    deadlineSeconds: number,
  ): ExchangeOrder | undefined {
    const group = this.group(exchange.stage, alive);
    const refused = new Set(exchange.leftOut.map((left) => left.peer));
    const added = (peer: PeerName) => this.reports.get(peer)?.microbatches ?? [];
    exchange.round++;
    exchange.answers.clear();
    exchange.waited.clear();
    const willing = group.filter((peer) => !refused.has(peer) && added(peer).length > 0);
    const owners = this.#owners(exchange.stage, willing);
    exchange.contributors = willing.filter((peer) => {
      const twice = added(peer).find((microbatch) => owners.get(microbatch) !== peer);
      if (twice === undefined) return true;
      exchange.leftOut.push({ peer, reason: `another has added micro-batch ${twice} too` });
      return false;
    });
    exchange.microbatches = exchange.contributors.flatMap(added);
    exchange.receivers = [...new Set([...group, ...listening])].filter((peer) => alive(peer));
    if (exchange.contributors.length === 0) {
      exchange.done = true;
      return undefined;
    }
    const planned = this.group(exchange.stage, () => true);
    return {
      iteration: this.iteration,
      attempt: this.attempt,
      stage: exchange.stage,
      round: exchange.round,
      contributors: exchange.contributors,
      places: exchange.contributors.map((peer) => planned.indexOf(peer)),
      deadlineSeconds,
      receivers: exchange.receivers,
      microbatches: exchange.microbatches.length,
    };
  }

  /**
   * Who counts for each micro-batch that was added in a stage: whom the plan names, else the first. Somebody who was
   * taken for lost, and lives, may have added what another was asked for in its place.
   */
  #owners(stage: number, group: readonly PeerName[]): Map<number, PeerName> {
    const owners = new Map<number, PeerName>();
    for (const peer of group) {
      for (const microbatch of this.reports.get(peer)?.microbatches ?? []) {
        const isPlanned = this.#planned.get(`${stage} ${microbatch}`) === peer;
        if (isPlanned || !owners.has(microbatch)) owners.set(microbatch, peer);
      }
    }
    return owners;
  }

  /** The norm of each contribution of a round that all have answered, per micro-batch in it. */
  norms(exchange: StageExchange): ContributionNorm[] {
    return exchange.contributors.map((peer, i) => {
      let squares = 0;
      for (const owner of exchange.contributors) squares += exchange.answers.get(owner)?.squares[i] ?? 0;
      return { peer, norm: Math.sqrt(squares) / (this.reports.get(peer)?.microbatches.length ?? 1) };
    });
  }

  /**
   * Whose contributions a late round goes on without: those that somebody misses, else, once somebody has waited for
   * sums a second time, their owners. Nobody where that would be everyone.
   */
  late(
    exchange: StageExchange,
    from: PeerName,
    missing: readonly PeerName[],
    owners: readonly PeerName[],
  ): PeerName[] {
    const again = exchange.waited.has(from);
    exchange.waited.add(from);
    const named = missing.length > 0 ? missing : again ? owners : [];
    const blamed = exchange.contributors.filter((peer) => named.includes(peer));
    return blamed.length < exchange.contributors.length ? blamed : [];
  }

  /** Whether every stage that somebody alive holds has its sum. */
  complete(alive: (peer: PeerName) => boolean): boolean {
    return this.plan.assignment.every(
      (_, stage) => this.exchanges.get(stage)?.done === true || !this.isHeld(stage, alive),
    );
  }

  /** Nobody waits for copies outside the groups any more. */
  excuseCopies(): void {
    for (const { stage, receivers, excused } of this.exchanges.values()) {
      const group = new Set(this.group(stage, () => true));
      for (const peer of receivers) if (!group.has(peer)) excused.add(peer);
    }
  }

  /** Whose word the iteration waits for. */
  missing(alive: (peer: PeerName) => boolean): PeerName[] {
    return this.participants
      .filter(({ peer, stage }) => {
        if (!alive(peer)) return false;
        const exchange = this.exchanges.get(stage);
        if (exchange)
          return !exchange.done && exchange.receivers.includes(peer) && !exchange.answers.has(peer);
        const report = this.reports.get(peer);
        return report === undefined || (this.closing && !report.final);
      })
      .map(({ peer }) => peer);
  }

  /** Mean loss over the micro-batches that reached their head. */
  meanLoss(): number | null {
    const losses = new Map<number, number>();
    for (const report of this.reports.values()) {
      for (const { microbatch, loss } of report.losses) losses.set(microbatch, loss);
    }
    if (losses.size === 0) return null;
    let sum = 0;
    for (const microbatch of [...losses.keys()].sort((a, b) => a - b)) sum += losses.get(microbatch)!;
    return sum / losses.size;
  }

  /**
   * What participants measured, as it goes into the commit: in the order of the plan, links among participants only,
   * nothing above the most that a journal holds.
   */
  measurements(): NonNullable<CommitBody['measurements']> {
    const names = new Set(this.participants.map(({ peer }) => peer));
    const measured = new Set<PeerName>();
    return this.participants.flatMap(({ peer }) => {
      const report = this.reports.get(peer);
      if (report === undefined || measured.has(peer)) return [];
      measured.add(peer);
      const links = new Map(report.links.map((link) => [link.to, linkMicroseconds(link)]));
      return [
        {
          peer,
          forward: bounded(report.forwardMicroseconds),
          backward: bounded(report.backwardMicroseconds),
          head: bounded(report.headMicroseconds),
          links: [...links.values()].filter(({ to }) => to !== peer && names.has(to)),
        },
      ];
    });
  }

  visitsComputed(): number {
    let visits = 0;
    for (const report of this.reports.values()) visits += report.visits;
    return visits;
  }

  /** Visits, forward and backward, of the micro-batches that the commit counts. */
  visitsCounted(): number {
    let visits = 0;
    for (const exchange of this.exchanges.values()) visits += 2 * exchange.microbatches.length;
    return visits;
  }

  #named(): { microbatch: number; reason: string }[] {
    return [...this.dropped].map(([microbatch, reason]) => ({ microbatch, reason }));
  }

  /** Why a micro-batch counts nowhere that nobody has given up. */
  #whyUncounted(number: number): string {
    for (const { microbatches, probes } of this.reports.values()) {
      if (microbatches.includes(number)) return 'whoever had added its gradient is in no sum that counts';
      if (probes.some(({ probe }) => probe === number)) return 'the loss of a pass was not finite';
    }
    return 'it was not done when the iteration ended';
  }

  /**
   * The commit that ends the iteration.
   * @param weights what the replicas' weights were before it
   */
  commit(manifest: Manifest, weights: readonly WeightReport[]): CommitBody {
    const { forwardOnly = false } = this.plan;
    const { clip } = manifest.training.optimizer;
    const stages = [...this.exchanges.values()]
      .sort((a, b) => a.stage - b.stage)
      .map((exchange) => {
        const digest = mostCommon([...exchange.answers.values()].map((one) => one.digest));
        const answer = [...exchange.answers.values()].find((one) => one.digest === digest);
        const mean =
          answer && exchange.microbatches.length > 0 ? answer.norm / exchange.microbatches.length : 0;
        return {
          stage: exchange.stage,
          round: exchange.round,
          // whoever had the sum may be gone
          microbatches: answer || forwardOnly ? exchange.microbatches : [],
          contributors: answer || forwardOnly ? exchange.contributors : [],
          ...(answer && { sumDigest: answer.digest }),
          // nobody knows the norm of an estimate before it is made, and stages of one size have like ones
          gradientNorm: forwardOnly ? 1 : clip > 0 ? Math.min(mean, clip) : mean,
          leftOut: exchange.leftOut,
        };
      });
    for (const number of unaccounted(manifest, this.anchors.keys(), { stages, dropped: this.#named() })) {
      this.dropped.set(number, this.#whyUncounted(number));
    }
    return {
      kind: 'commit',
      iteration: this.iteration,
      attempt: this.attempt,
      loss: this.meanLoss(),
      stages,
      dropped: this.#named(),
      visitsComputed: this.visitsComputed(),
      visitsCounted: this.visitsCounted(),
      weights: [...weights],
      ...(forwardOnly && {
        probes: this.probes().map(({ probe, differences }) => ({ probe, differences: toHex(differences) })),
      }),
      ...(plansFromTimes(manifest) && { measurements: this.measurements() }),
    };
  }
}

/** Latency is a part of the time, whatever the peer says. */
function linkMicroseconds({ to, microseconds, latencyMicroseconds }: LinkTime): LinkMicroseconds {
  const whole = bounded(microseconds);
  return { to, microseconds: whole, latency: Math.min(whole, latencyMicroseconds) };
}

/** What a peer says is believed up to the most that a measurement counts for. */
function bounded(microseconds: number): number {
  return Math.min(mostMicroseconds, microseconds);
}
