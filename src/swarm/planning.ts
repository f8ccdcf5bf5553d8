// The plan of one iteration, made by the leader from the journal's members and the manifest, and read by everyone.

import { planFromJson, planToJson } from '../schedule/json.ts';
import { type Policy, type PolicyName, policies } from '../schedule/policies/index.ts';
import type { SwarmDescription } from '../schedule/description.ts';
import type { Plan } from '../schedule/plan.ts';
import { validatePlan } from '../schedule/validate.ts';
import { type Manifest, microbatchesPerIteration } from './manifest.ts';
import { activationFormat } from './activations.ts';
import { parametersOf } from './holder.ts';
import type { PeerName } from '../seams/network.ts';
import type { RunState } from './run-state.ts';

export class PlanningError extends Error {
  override readonly name = 'PlanningError';
}

/** Seconds of a forward that a plan reckons with; only their ratios matter to the order of tasks. */
const FORWARD_SECONDS = 1;

/** The run's policy applied to the members that are active now. Stages that nobody holds are left out of every path. */
export function makePlan(state: RunState, manifest: Manifest): Plan {
  const groups = Array.from({ length: manifest.training.stages }, (_, stage) =>
    state.group(stage).map((member) => member.peer),
  );
  return planOfGroups(manifest, groups, state.iteration + 1);
}

/**
 * The run's policy applied to groups of peers, stage 0 first.
 * The seed moves with the iteration, so that policies that draw do not leave out the same stages every time.
 */
export function planOfGroups(
  manifest: Manifest,
  groups: readonly (readonly PeerName[])[],
  iteration: number,
): Plan {
  const { training, seed } = manifest;
  const anchors = groups[0]!.slice(0, microbatchesPerIteration(manifest));
  if (anchors.length === 0) {
    throw new PlanningError('no anchor is alive: nobody holds the embedding and the data');
  }
  const holding = [anchors, ...groups.slice(1)];
  const peers = holding.flat();
  const indexOf = new Map(peers.map((peer, index) => [peer, index]));
  const description: SwarmDescription = {
    peers: peers.map((peer) => describe(peer, manifest)),
    stages: training.stages,
    assignment: holding.map((group) => group.map((peer) => indexOf.get(peer)!)),
    stageSizes: holding.map((group) => group.length),
    microbatchesPerAnchor: Math.max(1, Math.floor(microbatchesPerIteration(manifest) / anchors.length)),
    pathLength: Math.round(training.stages * (1 - training.skipRatio)),
    swapBudget: training.swapBudget,
    largestJump: training.largestJump,
    headAt: 'anchor',
    splitBackward: training.splitBackward,
    chunks: 1,
    activationBytes: activationFormat(manifest).bytes,
    gradientBytes: 4 * parametersOf(manifest, training.stages - 1),
    links: {
      latencySeconds: peers.map(() => peers.map(() => 0)),
      bytesPerSecond: peers.map(() => peers.map(() => Number.POSITIVE_INFINITY)),
      uploadBytesPerSecond: peers.map(() => Number.POSITIVE_INFINITY),
      downloadBytesPerSecond: peers.map(() => Number.POSITIVE_INFINITY),
      shared: false,
    },
  };
  return policies[training.policy as PolicyName].plan(description, { seed: seed + iteration });
}

function describe(peer: PeerName, { training }: Manifest) {
  const all = (seconds: number) => Array.from({ length: training.stages }, () => seconds);
  return {
    name: peer,
    forwardSeconds: all(FORWARD_SECONDS),
    backwardInputSeconds: all(FORWARD_SECONDS),
    backwardWeightSeconds: all(FORWARD_SECONDS),
    headSeconds: FORWARD_SECONDS / 4,
    gapSeconds: 0,
    memoryMicrobatches: Number.POSITIVE_INFINITY,
  };
}

/** Whether the run's plans are made from what its peers measure. */
export function plansFromTimes({ training }: Manifest): boolean {
  const policy: Policy = policies[training.policy as PolicyName];
  return policy.plansFromTimes === true;
}

/** A plan as it stands in the journal. */
export function planEntry(plan: Plan): unknown {
  return planToJson(plan);
}

/** Reads a plan out of the journal and checks that it is sound and fits the run. Throws a PlanningError. */
export function readPlan(json: unknown, manifest: Manifest): Plan {
  const { training } = manifest;
  let plan: Plan;
  try {
    plan = planFromJson(json);
  } catch (error) {
    throw new PlanningError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (plan.stages !== training.stages || plan.headAt !== 'anchor' || plan.order.kind !== 'fixed') {
    throw new PlanningError(`the plan is for ${plan.stages} stages with its head at the ${plan.headAt}`);
  }
  if (plan.paths.length > microbatchesPerIteration(manifest)) {
    throw new PlanningError(
      `the plan has ${plan.paths.length} micro-batches, the run ${microbatchesPerIteration(manifest)}`,
    );
  }
  if (plan.paths.some((path) => path.microbatch >= microbatchesPerIteration(manifest))) {
    throw new PlanningError('the plan numbers a micro-batch beyond those of the run');
  }
  const problem = validatePlan(plan)[0];
  if (problem) throw new PlanningError(JSON.stringify(problem));
  return plan;
}
