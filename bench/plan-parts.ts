// Parts of the benchmark of plans that are not about how short plans are: how long planning takes as swarms grow, how
// soon a first plan and a new way for a broken path are there, and how good the seat is that a newcomer is given.

import { performance } from 'node:perf_hooks';
import type { SwarmDescription } from '../src/schedule/description.ts';
import { type Budget, policies } from '../src/schedule/policies/index.ts';
import { stepsOf } from '../src/schedule/skippipe/budget.ts';
import { instanceOf } from '../src/schedule/skippipe/instance.ts';
import { boundsOf } from '../src/schedule/skippipe/plan-bounds.ts';
import { replanPath } from '../src/schedule/skippipe/replan.ts';
import { rulesOf } from '../src/schedule/skippipe/rules.ts';
import { seatsFor } from '../src/schedule/skippipe/seats.ts';
import { networkOf, timeline } from '../src/schedule/timeline.ts';
import { validatePlan } from '../src/schedule/validate.ts';
import { median } from '../src/swarm/membership/medians.ts';
import { geo20 } from '../test/schedule/skippipe/geo20.ts';
import { randomInstance, smallInstance } from './plan-instances.ts';

export interface ScaleRow {
  readonly assignment: 'fixed' | 'free';
  readonly peers: number;
  readonly stages: number;
  readonly microbatches: number;
  readonly steps: number;
  /** Milliseconds of processor time until the first valid plan, and until the answer after so many steps. */
  readonly firstMs: number;
  readonly planMs: number;
  readonly seconds: number;
  /** Over the makespan of the first plan. */
  readonly overFirst: number;
  /** The two quick bounds, milliseconds of processor time for both, and the makespan over the larger. */
  readonly twoTrips: number;
  readonly busiestPeer: number;
  readonly boundsMs: number;
  readonly overBound: number;
}

/** Swarms over the twelve regions, four micro-batches an anchor, speeds that differ twofold. */
export function scaleSwarm(peers: number, free = false): SwarmDescription {
  return randomInstance(peers, {
    peers,
    stages: peers < 200 ? 6 : 12,
    pathLength: peers < 200 ? 4 : 8,
    microbatchesPerAnchor: 4,
    forwardSeconds: 0.44,
    speedSpread: 2,
    free,
  });
}

export function* scaleRows(sizes: readonly number[], budget: Budget): Generator<ScaleRow> {
  for (const peers of sizes) {
    for (const free of [false, true]) yield scaleRow(scaleSwarm(peers, free), budget);
  }
}

function scaleRow(swarm: SwarmDescription, budget: Budget): ScaleRow {
  const instance = instanceOf(swarm);
  const first = planned(swarm, { steps: 0 });
  const best = planned(swarm, budget);
  const [problem] = validatePlan(best.plan, rulesOf(instance));
  if (problem !== undefined) throw new Error(problem.message);
  const seconds = timeline(best.plan, networkOf(swarm)).makespanSeconds;
  const bounds = timedInProcessor(() => boundsOf(swarm, false));
  if (seconds < bounds.result.seconds) throw new Error('a plan is below its bound');
  return {
    assignment: instance.free ? 'free' : 'fixed',
    peers: instance.peerCount,
    stages: swarm.stages,
    microbatches: instance.microbatches,
    steps: stepsOf(instance, budget),
    firstMs: first.milliseconds,
    planMs: best.milliseconds,
    seconds,
    overFirst: seconds / timeline(first.plan, networkOf(swarm)).makespanSeconds,
    twoTrips: bounds.result.twoTrips,
    busiestPeer: bounds.result.busiestPeer,
    boundsMs: bounds.milliseconds,
    overBound: seconds / bounds.result.seconds,
  };
}

function planned(swarm: SwarmDescription, budget: Budget) {
  const { result, milliseconds } = timedInProcessor(() => policies.skippipe.plan(swarm, { seed: 1, budget }));
  return { plan: result, milliseconds };
}

/** Planning is one thread's work, so what else the machine does counts less in processor time than on the clock. */
function timedInProcessor<Result>(work: () => Result): { result: Result; milliseconds: number } {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, milliseconds: (user + system) / 1000 };
}

export interface QuickRow {
  readonly what: string;
  readonly peers: number;
  readonly times: number;
  /** The least shows what the work takes where nothing else is going on. */
  readonly leastMs: number;
  readonly medianMs: number;
}

/** The first valid plan, and a new way for each of thirty micro-batches whose path breaks after one visit or two. */
export function quickRows(): QuickRow[] {
  const rows: QuickRow[] = [];
  for (const free of [false, true]) {
    const swarm = geo20({ free });
    const first = () => policies.skippipe.plan(swarm, { seed: 1, budget: { steps: 0 } });
    rows.push(quick(`first plan, ${free ? 'free' : 'fixed'} assignment`, swarm, repeated(50, first)));
  }
  for (const swarm of [geo20(), scaleSwarm(200)]) {
    const plan = policies.skippipe.plan(swarm, { seed: 1, budget: { steps: 200 } });
    const room = plan.peers.map(() => 3);
    const backlogSeconds = plan.peers.map(() => 0);
    const breaks = plan.paths.slice(0, 30).flatMap(({ microbatch, nodes }) =>
      [1, 2].map((done) => () => {
        const gone = new Set([nodes[done]!.peer]);
        const broken = { microbatch, done, gone, room, backlogSeconds, skips: 1 };
        if (replanPath(plan, swarm, swarm, broken) === undefined) throw new Error('no way is left');
      }),
    );
    rows.push(quick('new way for a broken path', swarm, breaks));
  }
  return rows;
}

function repeated(times: number, run: () => void): (() => void)[] {
  return new Array<() => void>(times).fill(run);
}

/** Everything is run once before it is timed. */
function quick(what: string, { peers }: SwarmDescription, runs: readonly (() => void)[]): QuickRow {
  for (const run of runs) run();
  const milliseconds = runs.map((run) => {
    const started = performance.now();
    run();
    return performance.now() - started;
  });
  return {
    what,
    peers: peers.length,
    times: runs.length,
    leastMs: Math.min(...milliseconds),
    medianMs: median(milliseconds),
  };
}

export interface SeatRow {
  readonly instance: number;
  readonly peers: number;
  /** The stage chosen, and the best one by a longer search of every seat with another seed. */
  readonly chosen: number;
  readonly best: number;
  /** Planned seconds on the chosen seat over those on the best one, both by the longer search. */
  readonly overBest: number;
}

/** Steps of the search that judges a seat: five times those that choose it. */
const judgeSteps = 2_000;

/** A newcomer at the s-th small instance, which lacks the first peer of one of its stages. */
export function seatRow(seed: number): SeatRow {
  const swarm = smallInstance(seed, false);
  const held = swarm.assignment!;
  // The stage that lost a peer changes with the instance, so that it is not always the same seat that is open.
  const lacking = 1 + (seed % (held.length - 1));
  const newcomer = held[lacking]![0]!;
  const assignment = held.map((group) => group.filter((peer) => peer !== newcomer));
  const [chosen] = seatsFor(swarm, assignment, newcomer, { seed });
  const judged = seatsFor(swarm, assignment, newcomer, { seed: seed + 1_000, steps: judgeSteps });
  const own = judged.find(({ stage }) => stage === chosen!.stage)!;
  return {
    instance: seed,
    peers: swarm.peers.length,
    chosen: chosen!.stage,
    best: judged[0]!.stage,
    overBest: own.seconds / judged[0]!.seconds,
  };
}
