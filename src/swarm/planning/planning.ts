// The plan of one iteration: what it is computed from, how it stands in the journal, and what everyone checks before
// running it. A plan is a function of the members, the committed measurements, the seed and the steps of the search,
// all of which are in the journal: whoever reads that can compute it again (plan-audit.ts).

import type { Planner } from '../../journal/entry.ts';
import { DescriptionError, PlanError, StallError } from '../../schedule/errors.ts';
import { planFromJson, planToJson } from '../../schedule/json.ts';
import { type Policy, type PolicyName, policies } from '../../schedule/policies/index.ts';
import type { SwarmDescription } from '../../schedule/description.ts';
import { forwardOnlyPlan, pathsOfOnePass } from '../../schedule/forward-only.ts';
import { plannerVersion } from '../../schedule/policies/skippipe.ts';
import type { Plan } from '../../schedule/plan.ts';
import { instanceOf } from '../../schedule/skippipe/instance.ts';
import { type Measurements, noMeasurements } from '../../schedule/skippipe/measured.ts';
import { pathLengthOf, rulesKept } from '../../schedule/skippipe/rules.ts';
import { finish, type Sliced } from '../../schedule/slices.ts';
import { type PlanProblem, ruleProblems, validatePlan } from '../../schedule/validate.ts';
import { directionsOfPass, isForwardOnly, passesOf } from '../training/probing.ts';
import type { PeerName } from '../../seams/network.ts';
import { describeSwarm, type Memory } from './describing.ts';
import { type Manifest, microbatchesPerIteration } from '../manifest.ts';
import type { OrderedPlan, RunState } from '../run-state.ts';

export class PlanningError extends Error {
  override readonly name = 'PlanningError';
}

/** Peers of each stage, stage 0 first. */
export type Groups = readonly (readonly PeerName[])[];

/** Everything that a plan is a function of, beside the manifest. */
export interface PlanBasis {
  readonly iteration: number;
  readonly groups: Groups;
  readonly measurements: Measurements;
  readonly memory: Memory;
  readonly planner: Planner;
}

/** Steps of a search whose result an iteration waits for. */
export const QUICK_STEPS = 200;
/** A plan that claims more is refused: whoever computes it again must come to an end. */
const MOST_STEPS = 1_000_000;

function policyOf({ training }: Manifest): Policy {
  return policies[training.policy as PolicyName];
}

/** The paths of a plan, each gone along by every pass of its micro-batch. */
function withoutBackwards(manifest: Manifest, description: SwarmDescription, plan: Plan): Plan {
  const ofOnePass = { ...description, gradientBytes: directionsOfPass(manifest) / 2 };
  const count = { passes: passesOf(manifest), microbatches: microbatchesPerIteration(manifest) };
  return forwardOnlyPlan(ofOnePass, plan, count);
}

/** Whether the run's plans are made from what its peers measure. */
export function plansFromTimes(manifest: Manifest): boolean {
  return policyOf(manifest).plansFromTimes === true;
}

/** Whether the run's policy searches, so that more steps may give a better plan. */
export function searches(manifest: Manifest): boolean {
  return policyOf(manifest).searching !== undefined;
}

/** The share of the stages other than 0 that the run's paths visit; undefined where it is all of them. */
export function visitedShareOf(manifest: Manifest): number | undefined {
  const { stages, skipRatio } = manifest.training;
  const visited = pathLengthOf(stages, skipRatio) - 1;
  const isAll = policyOf(manifest).keepsRules === undefined || visited >= stages - 1 || visited === 0;
  return isAll ? undefined : visited / (stages - 1);
}

/** The seed moves with the iteration, so that policies that draw do not leave out the same stages every time. */
function seedOf({ seed }: Manifest, iteration: number): number {
  const sum = seed + iteration;
  return sum <= Number.MAX_SAFE_INTEGER ? sum : sum - Number.MAX_SAFE_INTEGER;
}

/** Active peers of each stage as the journal has them, in group order. */
export function groupsOf(state: RunState, { training }: Manifest): PeerName[][] {
  return Array.from({ length: training.stages }, (_, stage) => state.group(stage).map(({ peer }) => peer));
}

/** How much fits at the members that said so. */
export function memoryOf(state: RunState): Memory {
  const said = state.present().filter(({ memoryMicrobatches }) => memoryMicrobatches !== undefined);
  return new Map(said.map(({ peer, memoryMicrobatches }) => [peer, memoryMicrobatches!]));
}

/** What was measured up to an iteration that was committed last or before that; nothing where the run does not plan from it. */
export function measurementsFor(state: RunState, manifest: Manifest, upToIteration: number): Measurements {
  return (plansFromTimes(manifest) ? state.measurements(upToIteration) : undefined) ?? noMeasurements;
}

/**
 * What the plan of an iteration, the next or the one after, is computed from as the journal stands now: the members
 * that are active and what was measured up to the last commit.
 * @param steps most steps of the search; where the policy's own number is smaller, that counts
 */
export function planBasis(state: RunState, manifest: Manifest, iteration: number, steps: number): PlanBasis {
  const groups = groupsOf(state, manifest);
  const measuredUpTo = plansFromTimes(manifest) ? state.iteration : 0;
  const measurements = measurementsFor(state, manifest, measuredUpTo);
  const memory = memoryOf(state);
  const { searching } = policyOf(manifest);
  const own =
    searching && groups[0]!.length > 0
      ? searching.steps(describeSwarm(manifest, groups, measurements, memory), undefined)
      : 0;
  const { policy } = manifest.training;
  const seed = seedOf(manifest, iteration);
  const planner = { version: plannerVersion, policy, seed, steps: Math.min(steps, own), measuredUpTo };
  return { iteration, groups, measurements, memory, planner };
}

/** The plan of a basis, in slices. Throws a PlanningError when nobody can begin a path. */
export function* planInSlices(manifest: Manifest, basis: PlanBasis): Sliced<Plan> {
  const { groups, measurements, memory, planner } = basis;
  if (groups[0]!.length === 0) {
    throw new PlanningError('no anchor is alive: nobody holds the embedding and the data');
  }
  const description = describeSwarm(manifest, groups, measurements, memory);
  const policy = policyOf(manifest);
  const options = { seed: planner.seed, budget: { steps: planner.steps } };
  const plan = policy.searching
    ? yield* policy.searching.planInSlices(description, options)
    : policy.plan(description, options);
  return isForwardOnly(manifest) ? withoutBackwards(manifest, description, plan) : plan;
}

/** The run's policy applied to the members that are active now. Stages that nobody holds are left out of every path. */
export function makePlan(state: RunState, manifest: Manifest): Plan {
  return finish(planInSlices(manifest, planBasis(state, manifest, state.iteration + 1, QUICK_STEPS)));
}

/** The run's policy applied to groups of peers of which nothing was measured. */
export function planOfGroups(manifest: Manifest, groups: Groups, iteration: number): Plan {
  const planner = { version: plannerVersion, policy: manifest.training.policy, steps: QUICK_STEPS };
  const seed = seedOf(manifest, iteration);
  const basis = { iteration, groups, measurements: noMeasurements, memory: new Map() };
  return finish(planInSlices(manifest, { ...basis, planner: { ...planner, seed, measuredUpTo: 0 } }));
}

/** A plan as it stands in the journal. */
export function planEntry(plan: Plan): unknown {
  return planToJson(plan);
}

/**
 * Reads a plan out of the journal and checks that it is sound, keeps the run's rules, gives work to active holders of
 * those stages only and says how it was computed. Throws a PlanningError.
 */
export function readPlan(ordered: OrderedPlan, manifest: Manifest, state: RunState): Plan {
  try {
    const plan = planIn(ordered.plan);
    const problem =
      fitProblem(plan, manifest) ??
      memberProblem(plan, state) ??
      plannerProblem(ordered, manifest) ??
      problemOf(plan, manifest);
    if (problem !== undefined) throw new PlanningError(problem);
    return plan;
  } catch (error) {
    if (error instanceof PlanError || error instanceof DescriptionError || error instanceof StallError) {
      throw new PlanningError(error.message, { cause: error });
    }
    throw error;
  }
}

const plansRead = new WeakMap<object, Plan>();
const problems = new WeakMap<Plan, WeakMap<Manifest, { readonly message: string | undefined }>>();

/**
 * The plan in an entry, unchecked; of one that cannot change, the same for everybody who reads it in this process.
 * Throws a PlanError.
 */
export function planIn(json: unknown): Plan {
  if (typeof json !== 'object' || json === null || !Object.isFrozen(json)) return planFromJson(json);
  const known = plansRead.get(json) ?? planFromJson(json);
  plansRead.set(json, known);
  return known;
}

/** What is wrong with a plan by itself, found out once for all that read it. */
function problemOf(plan: Plan, manifest: Manifest): string | undefined {
  const found = problems.get(plan) ?? new WeakMap<Manifest, { readonly message: string | undefined }>();
  problems.set(plan, found);
  const known = found.get(manifest) ?? {
    message: (validatePlan(plan)[0] ?? brokenRule(plan, manifest))?.message,
  };
  found.set(manifest, known);
  return known.message;
}

function fitProblem(plan: Plan, manifest: Manifest): string | undefined {
  const { stages, policy, splitBackward } = manifest.training;
  const microbatches = microbatchesPerIteration(manifest) * passesOf(manifest);
  if (plan.stages !== stages || plan.headAt !== 'anchor' || plan.order.kind !== 'fixed') {
    return `the plan is for ${plan.stages} stages with its head at the ${plan.headAt}`;
  }
  if (plan.policy !== policy) return `the plan is of ${plan.policy}, the run of ${policy}`;
  if (plan.paths.length > microbatches || plan.paths.some((path) => path.microbatch >= microbatches)) {
    return `the plan has other micro-batches than the ${microbatches} of the run`;
  }
  if ((plan.forwardOnly ?? false) !== isForwardOnly(manifest)) {
    return `the plan has ${plan.forwardOnly ? 'no ' : ''}backwards, unlike the run`;
  }
  const splits = !isForwardOnly(manifest) && (splitBackward || policyOf(manifest).splitsBackward === true);
  if (plan.splitBackward !== splits) {
    return `the plan has its backwards ${plan.splitBackward ? 'in two tasks' : 'whole'}, unlike the run`;
  }
  return undefined;
}

function memberProblem({ assignment, peers, memoryLimits }: Plan, state: RunState): string | undefined {
  for (const [stage, group] of assignment.entries()) {
    for (const index of group) {
      const member = state.member(peers[index]!);
      if (member?.status !== 'active' || member.stage !== stage) {
        return `${peers[index]} is no active holder of stage ${stage}`;
      }
      if (memoryLimits[index]! > (member.memoryMicrobatches ?? Number.POSITIVE_INFINITY)) {
        return `${peers[index]} has room for ${member.memoryMicrobatches} micro-batches, not ${memoryLimits[index]}`;
      }
    }
  }
  return undefined;
}

function plannerProblem({ planner, iteration }: OrderedPlan, manifest: Manifest): string | undefined {
  if (planner === undefined) return 'the plan does not say how it was computed';
  const { policy, seed, steps, measuredUpTo } = planner;
  if (policy !== manifest.training.policy || seed !== seedOf(manifest, iteration)) {
    return `the plan was computed by ${policy} with seed ${seed}, the run says otherwise`;
  }
  if (steps > MOST_STEPS) return `the plan claims ${steps} steps, at most ${MOST_STEPS} are taken`;
  const committed = plansFromTimes(manifest)
    ? measuredUpTo === iteration - 1 || measuredUpTo === iteration - 2
    : measuredUpTo === 0;
  return committed ? undefined : `the plan uses measurements up to iteration ${measuredUpTo}`;
}

/** What the paths of a plan break of the rules that the run's policy promises to keep; where passes repeat them, of one. */
function brokenRule(plan: Plan, manifest: Manifest): PlanProblem | undefined {
  const { keepsRules } = policyOf(manifest);
  const paths = isForwardOnly(manifest)
    ? pathsOfOnePass(plan, microbatchesPerIteration(manifest))
    : plan.paths;
  if (keepsRules === undefined) return undefined;
  const { assignment, peers, memoryLimits } = plan;
  const groups = assignment.map((group) => group.map((index) => peers[index]!));
  const memory = new Map(peers.map((peer, index) => [peer, memoryLimits[index]!]));
  const instance = instanceOf(describeSwarm(manifest, groups, noMeasurements, memory));
  return ruleProblems({ ...plan, paths }, rulesKept(keepsRules, instance))[0];
}
