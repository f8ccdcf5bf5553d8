// From paths to tasks: which tasks one iteration has, and which waits for which. Every policy's plan has these
// tasks; policies differ in assignment, paths and order. Peers that read a plan as JSON rebuild its tasks here.

import type { SwarmDescription } from './description.ts';
import { type ExchangeCosts, groupSharing } from './exchange.ts';
import type { Dependency, Path, PathNode, Task, TaskKind } from './plan.ts';

/** What the tasks of a plan cost. */
export interface TaskCosts extends ExchangeCosts {
  /** Seconds of one task, of a chunk where stages are split. */
  readonly seconds: (peer: number, kind: TaskKind, stage: number, chunk: number) => number;
  readonly activationBytes: number;
}

/** The parts of a plan that decide its tasks. */
export interface TaskShape {
  readonly assignment: readonly (readonly number[])[];
  readonly headAt: 'anchor' | 'last';
  readonly splitBackward: boolean;
  readonly forwardOnly?: true;
  readonly chunks: number;
  readonly paths: readonly Path[];
}

/** Costs as a description states them: per full stage, a chunk of 1/v of a stage costs 1/v. */
export function costsOf(description: SwarmDescription, chunks: number): TaskCosts {
  return {
    activationBytes: description.activationBytes,
    gradientBytes: description.gradientBytes,
    ...(description.sumBytes !== undefined && { sumBytes: description.sumBytes }),
    seconds(peer, kind, stage) {
      const its = description.peers[peer]!;
      switch (kind) {
        case 'forward':
        case 'recompute':
          return its.forwardSeconds[stage]! / chunks;
        case 'backward-input':
          return its.backwardInputSeconds[stage]! / chunks;
        case 'backward-weight':
          return its.backwardWeightSeconds[stage]! / chunks;
        case 'backward':
          return (its.backwardInputSeconds[stage]! + its.backwardWeightSeconds[stage]!) / chunks;
        case 'head':
          return its.headSeconds;
        case 'exchange':
        case 'update':
          return 0;
      }
    },
  };
}

/**
 * The tasks of one iteration. Per path: forwards along it; a head (at the anchor, or at the last peer, where it is
 * left out when it takes no time); backwards back along it. Then, per group: an exchange where it has more than one
 * replica, of whole contributions or by reduce-scatter, and the update, which waits for every weight gradient of its
 * stage.
 *
 * A plan without backwards ends at the heads: their few bytes go from every anchor to everyone, and each peer's update
 * waits for all of them.
 */
export function tasksFromPaths(shape: TaskShape, costs: TaskCosts): Task[] {
  const tasks: Task[] = [];
  /** Per stage and peer: the tasks after which a weight gradient of a micro-batch is complete. */
  const gradients: Map<number, number[]>[] = shape.assignment.map(() => new Map());
  for (const path of shape.paths) addPath(tasks, path, shape, costs, gradients);
  if (shape.forwardOnly) {
    addForwardOnlyUpdates(tasks, shape, costs);
    return tasks;
  }
  shape.assignment.forEach((group, stage) => {
    addUpdate(tasks, group, stage, costs, gradients[stage]!);
  });
  return tasks;
}

function addPath(
  tasks: Task[],
  path: Path,
  shape: TaskShape,
  costs: TaskCosts,
  gradients: readonly Map<number, number[]>[],
): void {
  const { nodes, microbatch } = path;
  const memory = shape.forwardOnly ? 0 : 1 / shape.chunks;
  const edge = (task: number, peer: number): Dependency => ({
    task,
    bytes: tasks[task]!.peer === peer ? 0 : costs.activationBytes,
  });
  const add = (
    node: PathNode,
    kind: TaskKind,
    waitsFor: readonly Dependency[],
    takes: number,
    gives: number,
  ) => {
    const { peer, stage, chunk } = node;
    tasks.push({
      peer,
      kind,
      stage,
      chunk,
      microbatch,
      seconds: costs.seconds(peer, kind, stage, chunk),
      waitsFor,
      takes,
      gives,
    });
    return tasks.length - 1;
  };

  const forwards: number[] = [];
  let before = -1;
  for (const node of nodes) {
    before = add(node, 'forward', before < 0 ? [] : [edge(before, node.peer)], memory, 0);
    forwards.push(before);
  }
  const headNode = shape.headAt === 'anchor' ? nodes[0]! : nodes[nodes.length - 1]!;
  if (shape.headAt === 'anchor' || costs.seconds(headNode.peer, 'head', headNode.stage, headNode.chunk) > 0) {
    before = add(headNode, 'head', [edge(before, headNode.peer)], 0, 0);
  }
  if (shape.forwardOnly) return;
  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at]!;
    const own = forwards[at]!;
    const waitsFor =
      before === own ? [edge(own, node.peer)] : [edge(before, node.peer), edge(own, node.peer)];
    let weight: number;
    if (shape.splitBackward) {
      before = add(node, 'backward-input', waitsFor, 0, 0);
      weight = add(node, 'backward-weight', [edge(before, node.peer)], 0, memory);
    } else {
      before = add(node, 'backward', waitsFor, 0, memory);
      weight = before;
    }
    const ofStage = gradients[node.stage]!;
    const sum = ofStage.get(node.peer);
    if (sum === undefined) ofStage.set(node.peer, [weight]);
    else sum.push(weight);
  }
}

/** The end of a micro-batch is its head, or its last forward where the head takes no time. */
function addForwardOnlyUpdates(tasks: Task[], { assignment, paths }: TaskShape, costs: TaskCosts): void {
  const ends = new Map<number, number>();
  for (const [index, { microbatch }] of tasks.entries()) ends.set(microbatch, index);
  const last = paths.map(({ microbatch }) => ends.get(microbatch)!);
  assignment.forEach((group, stage) => {
    for (const peer of group) {
      const waitsFor = last.map((task) => ({
        task,
        bytes: tasks[task]!.peer === peer ? 0 : costs.gradientBytes,
      }));
      const seconds = costs.seconds(peer, 'update', stage, 0);
      tasks.push({
        peer,
        kind: 'update',
        stage,
        chunk: 0,
        microbatch: -1,
        seconds,
        waitsFor,
        takes: 0,
        gives: 0,
      });
    }
  });
}

function addUpdate(
  tasks: Task[],
  group: readonly number[],
  stage: number,
  costs: TaskCosts,
  gradients: ReadonlyMap<number, readonly number[]>,
): void {
  const add = (peer: number, kind: TaskKind, phase: number, waitsFor: readonly Dependency[]) => {
    const seconds = costs.seconds(peer, kind, stage, phase);
    tasks.push({ peer, kind, stage, chunk: phase, microbatch: -1, seconds, waitsFor, takes: 0, gives: 0 });
    return tasks.length - 1;
  };
  const own = (peer: number) => (gradients.get(peer) ?? []).map((task) => ({ task, bytes: 0 }));
  if (group.length < 2) {
    for (const peer of group) add(peer, 'update', 0, own(peer));
    return;
  }
  const { gradientBytes, sumBytes = gradientBytes } = costs;
  // In a group of a thousand a million of these are waited for: each is one object for all who wait for it.
  const fromAll = (sources: readonly number[], bytes: number) => {
    const sent = sources.map((task) => ({ task, bytes }));
    return (peer: number) =>
      sent.map((edge) => (tasks[edge.task]!.peer === peer ? { task: edge.task, bytes: 0 } : edge));
  };
  const complete = group.map((peer) => add(peer, 'exchange', 0, own(peer)));
  if (groupSharing(costs, group.length) === 'gather') {
    const contributions = fromAll(complete, gradientBytes);
    for (const peer of group) add(peer, 'update', 0, contributions(peer));
    return;
  }
  const shards = fromAll(complete, gradientBytes / group.length);
  const summed = group.map((peer) => add(peer, 'exchange', 1, shards(peer)));
  const sums = fromAll(summed, sumBytes / group.length);
  for (const peer of group) add(peer, 'update', 0, sums(peer));
}
