// What the leader knows of the iteration under way: who has finished, which exchange stands where, what was lost.
// Pure bookkeeping; it decides nothing and sends nothing.

import type { Plan } from '../schedule/plan.ts';
import type { PeerName } from '../seams/network.ts';

export interface PeerReport {
  readonly stage: number;
  readonly microbatches: readonly number[];
  readonly losses: readonly { readonly microbatch: number; readonly loss: number }[];
  readonly visits: number;
  readonly computeSeconds: number;
  /** An answer to Close: it will not change any more. */
  readonly final: boolean;
}

export interface StageExchange {
  readonly stage: number;
  round: number;
  contributors: PeerName[];
  receivers: PeerName[];
  microbatches: number[];
  readonly answers: Map<PeerName, { digest: string; norm: number }>;
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

  constructor(iteration: number, attempt: number, plan: Plan) {
    this.iteration = iteration;
    this.attempt = attempt;
    this.plan = plan;
    this.participants = plan.assignment.flatMap((group, stage) =>
      group.map((peer) => ({ peer: plan.peers[peer]!, stage })),
    );
  }

  /** Live participants of a stage, in group order. */
  group(stage: number, alive: (peer: PeerName) => boolean): PeerName[] {
    return this.participants.filter((p) => p.stage === stage && alive(p.peer)).map((p) => p.peer);
  }

  /** Whether everyone of the stage who lives has reported, for good where that is in doubt. */
  reported(stage: number, alive: (peer: PeerName) => boolean): boolean {
    return this.group(stage, alive).every((peer) => {
      const report = this.reports.get(peer);
      return report !== undefined && (!this.disturbed || report.final);
    });
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
}
