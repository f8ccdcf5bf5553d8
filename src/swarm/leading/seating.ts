// Who should sit where, for policies whose plans come from measured times: the stage at which a newcomer shortens the
// iteration most, and whether a member that is more use at another stage should move there, its weights counted.
// The judge is the planned makespan and the slowest group's exchange after it (schedule/skippipe/seats.ts).

import type { SwarmDescription } from '../../schedule/description.ts';
import { transferSeconds } from '../../schedule/execute/execution.ts';
import {
  plannedSecondsInSlices,
  seatsInSlices,
  slowestExchange,
  stableAssignment,
} from '../../schedule/skippipe/seats.ts';
import type { Sliced } from '../../schedule/slices.ts';
import type { PeerName } from '../../seams/network.ts';
import { describeSwarm } from '../planning/describing.ts';
import { parametersOf } from '../weights/holder.ts';
import type { Manifest } from '../manifest.ts';
import { groupsOf, measurementsFor, memoryOf } from '../planning/planning.ts';
import type { RunState } from '../run-state.ts';

/** Steps of the search for each move that is tried; there are many, and all are judged alike. */
const MOVE_STEPS = 100;
/** A move must pay for itself within this many iterations, or by the end of the run. */
const PAYS_WITHIN_ITERATIONS = 100;
/** Least part of an iteration that a move must gain: times are measured, and measured times waver. */
const LEAST_GAIN = 0.05;
/** A snapshot holds the weights and two moments of each. */
const SNAPSHOT_VALUES_PER_WEIGHT = 3;

export interface Move {
  readonly peer: PeerName;
  readonly from: number;
  readonly to: number;
}

/** The best of the stages that a newcomer may take, by the planned time of an iteration. */
export function* seatInSlices(
  state: RunState,
  manifest: Manifest,
  newcomer: PeerName,
  possible: readonly number[],
): Sliced<number | undefined> {
  const groups = groupsOf(state, manifest).map((group) => group.filter((peer) => peer !== newcomer));
  const last = groups.length - 1;
  const seated = groups.map((group, stage) => (stage === last ? [...group, newcomer] : group));
  const swarm = describeSwarm(
    manifest,
    seated,
    measurementsFor(state, manifest, state.iteration),
    memoryOf(state),
  );
  const index = swarm.peers.findIndex(({ name }) => name === newcomer);
  const assignment = swarm.assignment!.map((group) => group.filter((peer) => peer !== index));
  const options = { seed: manifest.seed + state.iteration, stages: possible };
  const seats = yield* seatsInSlices(swarm, assignment, index, options);
  return seats[0]?.stage;
}

/** A move between two stages other than the anchors' that is worth its cost; undefined where all should stay. */
export function* moveInSlices(state: RunState, manifest: Manifest): Sliced<Move | undefined> {
  const groups = groupsOf(state, manifest);
  const swarm = describeSwarm(
    manifest,
    groups,
    measurementsFor(state, manifest, state.iteration),
    memoryOf(state),
  );
  const held = swarm.assignment!;
  const options = { seed: manifest.seed + state.iteration, steps: MOVE_STEPS };
  const heldSeconds = (yield* plannedSecondsInSlices(swarm, options)) + slowestExchange(swarm, held);
  let best: { assignment: readonly (readonly number[])[]; seconds: number; move: Move } | undefined;
  for (let from = 1; from < held.length; from++) {
    if (held[from]!.length < 2) continue;
    for (const peer of held[from]!) {
      for (let to = 1; to < held.length; to++) {
        if (to === from || held[to]!.length === 0) continue;
        const assignment = held.map((group, stage) =>
          stage === from ? group.filter((other) => other !== peer) : stage === to ? [...group, peer] : group,
        );
        const planned = yield* plannedSecondsInSlices(withAssignment(swarm, assignment), options);
        const seconds = planned + slowestExchange(swarm, assignment);
        if (best === undefined || seconds < best.seconds) {
          best = { assignment, seconds, move: { peer: swarm.peers[peer]!.name, from, to } };
        }
      }
    }
  }
  if (best === undefined) return undefined;
  const iterations = Math.min(PAYS_WITHIN_ITERATIONS, manifest.training.iterations - state.iteration);
  const costs = {
    seconds: (peer: number, _: number, to: number) => fetchSeconds(swarm, manifest, held[to]!, peer, to),
    iterations,
    leastGain: LEAST_GAIN,
  };
  const seconds = { held: heldSeconds, better: best.seconds };
  return stableAssignment(held, best.assignment, seconds, costs) === held ? undefined : best.move;
}

function withAssignment(
  swarm: SwarmDescription,
  assignment: readonly (readonly number[])[],
): SwarmDescription {
  return { ...swarm, assignment, stageSizes: assignment.map((group) => group.length) };
}

/** To fetch a stage from its last replica. */
function fetchSeconds(
  swarm: SwarmDescription,
  manifest: Manifest,
  donors: readonly number[],
  peer: number,
  stage: number,
): number {
  const bytes = 4 * SNAPSHOT_VALUES_PER_WEIGHT * parametersOf(manifest, stage);
  return transferSeconds(swarm.links, donors.at(-1)!, peer, bytes);
}
