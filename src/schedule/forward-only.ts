// Plans without backwards, for training by forward passes alone (Just One Byte, arXiv 2306.10015): a policy chooses
// the paths as ever, then each micro-batch goes along its path several times, under weights moved this way and that,
// and its head at the anchor gives losses to compare. Every pass is a micro-batch of its own in the plan.
//
// Only the paths are the policy's: without backwards there is nothing that a peer should rather do than the oldest
// pass it has the input for.

import type { SwarmDescription } from './description.ts';
import { PlanError } from './errors.ts';
import type { Path, Plan } from './plan.ts';
import { recordPlan } from './record.ts';

/** Which pass of which micro-batch a number of a plan without backwards stands for. */
export interface Pass {
  readonly microbatch: number;
  /** From 0; the even ones move the weights forth, the odd ones after them back along the same directions. */
  readonly pass: number;
}

export interface PassCount {
  /** Passes of each micro-batch: two a direction. */
  readonly passes: number;
  /** Numbers of one pass: above every micro-batch of the policy's plan. */
  readonly microbatches: number;
}

/** The plan's number of a pass. */
export function passNumber({ microbatch, pass }: Pass, microbatches: number): number {
  return pass * microbatches + microbatch;
}

/** The pass that a number of the plan stands for. */
export function passOf(number: number, microbatches: number): Pass {
  return { microbatch: number % microbatches, pass: Math.floor(number / microbatches) };
}

/**
 * The paths of a plan without backwards as the policy gave them: a micro-batch's passes all take the same. Throws a
 * `PlanError` where they do not.
 */
export function pathsOfOnePass({ paths }: Plan, microbatches: number): Path[] {
  const first = new Map<number, Path>();
  for (const path of paths) if (path.microbatch < microbatches) first.set(path.microbatch, path);
  for (const { microbatch: number, nodes } of paths) {
    const { microbatch, pass } = passOf(number, microbatches);
    const of = first.get(microbatch)?.nodes;
    const same = (at: number) =>
      of?.[at]?.peer === nodes[at]?.peer &&
      of?.[at]?.stage === nodes[at]?.stage &&
      of?.[at]?.chunk === nodes[at]?.chunk;
    if (of?.length === nodes.length && nodes.every((_, at) => same(at))) continue;
    throw new PlanError(
      'paths',
      `pass ${pass} of micro-batch ${microbatch} does not take the path of its first one`,
    );
  }
  return [...first.values()];
}

/**
 * A plan of forwards and heads alone, along the paths of `plan`; `gradientBytes` of the description are what one pass
 * gives to everyone. Throws a RangeError when the plan has micro-batches beyond `microbatches`.
 */
export function forwardOnlyPlan(description: SwarmDescription, plan: Plan, count: PassCount): Plan {
  const { passes, microbatches } = count;
  if (plan.paths.some(({ microbatch }) => microbatch >= microbatches)) {
    throw new RangeError(`the plan numbers a micro-batch beyond ${microbatches - 1}`);
  }
  // the two passes of one direction follow each other, so that a direction is complete soon after it began
  const paths = Array.from({ length: passes / 2 }, (_, direction) =>
    plan.paths.flatMap(({ microbatch, nodes }) =>
      [2 * direction, 2 * direction + 1].map((pass) => ({
        microbatch: passNumber({ microbatch, pass }, microbatches),
        nodes,
      })),
    ),
  ).flat();
  const turn = new Map(paths.map((path, at) => [path.microbatch, at]));
  return recordPlan(description, {
    policy: plan.policy,
    assignment: plan.assignment,
    paths,
    splitBackward: false,
    forwardOnly: true,
    chunks: plan.chunks,
    priority: ({ kind, microbatch }) =>
      (kind === 'head' ? 0 : kind === 'forward' ? paths.length : 2 * paths.length) +
      (turn.get(microbatch) ?? 0),
  });
}
