// The leader's planning: the next iteration's plan is searched for while this one runs, a slice of some milliseconds
// at a time, so that nothing else that the leader does waits for it. When the members have changed meanwhile, or the
// search has not come to its end, a plan is made anew with few steps.

import { networkOf } from '../../schedule/record.ts';
import type { Plan } from '../../schedule/plan.ts';
import { timeline } from '../../schedule/timeline.ts';
import type { Clock } from '../../seams/clock.ts';
import { describeSwarm } from '../planning/describing.ts';
import type { Manifest } from '../manifest.ts';
import {
  groupsOf,
  type PlanBasis,
  planBasis,
  planInSlices,
  QUICK_STEPS,
  searches,
} from '../planning/planning.ts';
import type { RunState } from '../run-state.ts';
import { inSlices, type Progress } from './slicing.ts';

export interface PlannerParts {
  readonly state: RunState;
  readonly manifest: Manifest;
  readonly clock: Clock;
  /** Of the first search in the background; how fast that was tells how many the next may have. */
  readonly firstSearchSteps?: number | undefined;
}

export interface Planned {
  readonly plan: Plan;
  readonly basis: PlanBasis;
  /** Of this peer's time, without what it did in between. */
  readonly seconds: number;
  /** Whether it was made while the iteration before ran. */
  readonly ahead: boolean;
  /** When the last backward should end, by what was measured; undefined where nothing was. */
  readonly predictedSeconds: number | undefined;
}

interface Search extends Progress {
  readonly basis: PlanBasis;
  readonly begunAt: number;
  result: Plan | undefined;
}

const FIRST_STEPS = 1_000;
/** Part of an iteration that its successor's search may take of the leader's time. */
const SHARE = 0.25;
/** Above every policy's own number. */
const MOST_STEPS = 1_000_000;

export class Planning {
  readonly #parts: PlannerParts;
  #search: Search | undefined;
  #allowedSteps: number;

  constructor(parts: PlannerParts) {
    this.#parts = parts;
    this.#allowedSteps = parts.firstSearchSteps ?? FIRST_STEPS;
  }

  /** Begins with the plan of the iteration after the one that runs, from what is committed by now. */
  begin(): void {
    const { state, manifest, clock } = this.#parts;
    this.stop();
    if (!searches(manifest) || state.group(0).length === 0) return;
    const basis = planBasis(state, manifest, state.iteration + 2, this.#allowedSteps);
    const search = { basis, begunAt: clock.now(), seconds: 0, result: undefined, cancelled: false };
    this.#search = search;
    void this.#run(search).catch(() => {}); // whatever is wrong is said when the plan is made anew
  }

  /** Gives up what is searched for in the background. */
  stop(): void {
    if (this.#search) this.#search.cancelled = true;
    this.#search = undefined;
  }

  /** The next plan: the one searched for ahead if it still fits, else a quick one. undefined while there is no anchor. */
  async take(): Promise<Planned | undefined> {
    const { state, manifest, clock } = this.#parts;
    const ahead = this.#search;
    this.stop();
    if (ahead) this.#learn(ahead);
    if (ahead?.result && this.fits(ahead.basis)) return this.#planned(ahead, ahead.result, true);
    while (state.group(0).length > 0) {
      const basis = planBasis(state, manifest, state.iteration + 1, QUICK_STEPS);
      const search: Search = {
        basis,
        begunAt: clock.now(),
        seconds: 0,
        result: undefined,
        cancelled: false,
      };
      await this.#run(search);
      if (search.result && this.fits(basis)) return this.#planned(search, search.result, false);
    }
    return undefined;
  }

  /**
   * Whether the journal, as it stands now, still says what a plan was computed from.
   * @param after the iteration that it follows, where that is not committed yet
   */
  fits(basis: PlanBasis, after = this.#parts.state.iteration): boolean {
    const { iteration, groups, measurements, memory, planner } = basis;
    const { state, manifest } = this.#parts;
    if (iteration !== after + 1) return false;
    // averages are never changed, only replaced
    if (planner.measuredUpTo > 0 && state.measurements(planner.measuredUpTo) !== measurements) return false;
    const now = groupsOf(state, manifest);
    return now.every(
      (group, stage) =>
        group.length === groups[stage]!.length &&
        group.every(
          (peer, at) =>
            peer === groups[stage]![at] && state.member(peer)!.memoryMicrobatches === memory.get(peer),
        ),
    );
  }

  async #run(search: Search): Promise<void> {
    const { manifest, clock } = this.#parts;
    search.result = await inSlices(planInSlices(manifest, search.basis), clock, search);
  }

  /** As many steps next time as fit in their share of an iteration; as many as now where computing takes no time. */
  #learn({ begunAt, seconds, result, basis }: Search): void {
    if (result === undefined) {
      this.#allowedSteps = Math.max(QUICK_STEPS, Math.floor(this.#allowedSteps / 2));
      return;
    }
    const iterationSeconds = this.#parts.clock.now() - begunAt;
    if (seconds === 0) return; // in virtual time
    const fitting = (SHARE * iterationSeconds * basis.planner.steps) / seconds;
    this.#allowedSteps = Math.max(QUICK_STEPS, Math.min(MOST_STEPS, Math.floor(fitting)));
  }

  #planned({ basis, seconds }: Search, plan: Plan, ahead: boolean): Planned {
    const measured = Object.keys(basis.measurements.compute).length > 0;
    const predictedSeconds = measured
      ? timeline(
          plan,
          networkOf(describeSwarm(this.#parts.manifest, basis.groups, basis.measurements, basis.memory)),
        ).makespanSeconds
      : undefined;
    return { plan, basis, seconds, ahead, predictedSeconds };
  }
}
