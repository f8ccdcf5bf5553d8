// From a candidate to a plan: its paths, and what every peer did in the simulation as its fixed list.

import type { SwarmDescription } from '../description.ts';
import { PlanError } from '../errors.ts';
import type { Path, Plan } from '../plan.ts';
import { planOf, tasksOf } from '../record.ts';
import type { Candidate } from './candidate.ts';
import type { Evaluator, Started } from './evaluate.ts';
import type { Instance } from './instance.ts';

/** assignment[stage] = peers; groups keep the order of the description's, with free assignment that of indices. */
function assignmentOfCandidate(instance: Instance, { stageOf }: Candidate): number[][] {
  if (!instance.free)
    return instance.assignment.map((group) => group.map((number) => instance.holder[number]!));
  const groups: number[][] = Array.from({ length: instance.stages }, () => []);
  stageOf.forEach((stage, peer) => {
    if (stage >= 0) groups[stage]!.push(instance.holder[peer]!);
  });
  return groups.map((group) => group.sort((a, b) => a - b));
}

function pathsOfCandidate(instance: Instance, { path, stageOf }: Candidate): Path[] {
  const { pathLength, microbatches, holder } = instance;
  return Array.from({ length: microbatches }, (_, microbatch) => ({
    microbatch,
    nodes: Array.from({ length: pathLength }, (_, at) => {
      const number = path[microbatch * pathLength + at]!;
      return { stage: stageOf[number]!, chunk: 0, peer: holder[number]! };
    }),
  }));
}

/** The plan in which every peer works through its tasks as they were started: as given, or when the candidate is simulated. */
export function planOfCandidate(
  policy: string,
  description: SwarmDescription,
  instance: Instance,
  evaluator: Evaluator,
  candidate: Candidate,
  order?: readonly Started[],
): Plan {
  const { pathLength, splitBackward } = instance;
  const shape = {
    policy,
    assignment: assignmentOfCandidate(instance, candidate),
    paths: pathsOfCandidate(instance, candidate),
    splitBackward,
    chunks: 1,
  };
  const tasks = tasksOf(description, shape);
  // Tasks stand path by path: forwards, the head where there is one, backwards (each with its weight half) back.
  const first: number[] = [];
  const heads: number[] = [];
  tasks.forEach(({ kind, microbatch }, index) => {
    if (microbatch < 0) return;
    first[microbatch] ??= index;
    if (kind === 'head') heads[microbatch] = 1;
  });
  const indexOf = ({ microbatch, step }: Started): number => {
    const start = first[microbatch]!;
    if (step <= pathLength) return start + step;
    const backwards = start + pathLength + (heads[microbatch] ?? 0);
    const isWeight = step > 2 * pathLength;
    const at = (isWeight ? step - pathLength : step) - pathLength - 1;
    return backwards + (splitBackward ? 2 * at + (isWeight ? 1 : 0) : at);
  };
  const lists: number[][] = description.peers.map(() => []);
  let listed = 0;
  for (const started of order ?? evaluator.record(candidate)) {
    lists[started.peer]!.push(indexOf(started));
    listed++;
  }
  tasks.forEach((task, index) => {
    if (task.microbatch >= 0) return;
    lists[task.peer]!.push(index);
    listed++;
  });
  if (listed < tasks.length) {
    throw new PlanError(
      'order',
      `${tasks.length - listed} tasks were never started: micro-batches wait for each other`,
    );
  }
  return planOf(description, shape, tasks, { kind: 'fixed', tasks: lists });
}
