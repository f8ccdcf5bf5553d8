// Turns a rule of thumb ("backwards first, then forwards in order, never more than k in flight") into a plan with a
// fixed list per peer: runs the rule once against the described network and writes down what each peer did. The
// recorded run is itself the proof that the lists complete: followed on any network, they only move in time.

import { columnsOf } from './columns.ts';
import type { SwarmDescription } from './description.ts';
import { PlanError, StallError } from './errors.ts';
import { executeEvents } from './execute/events.ts';
import type { Execution, TimelineNetwork } from './execute/execution.ts';
import type { Path, Plan, Task } from './plan.ts';
import { costsOf, type TaskShape, tasksFromPaths } from './tasks.ts';
import type { Assignment } from './wiring.ts';

export interface Rule {
  readonly policy: string;
  readonly assignment: Assignment;
  readonly paths: readonly Path[];
  readonly splitBackward: boolean;
  readonly forwardOnly?: true;
  readonly chunks: number;
  /** The smaller goes first among what is ready at a peer. */
  readonly priority: (task: Task) => number;
  /** Most activation memory the policy lets a peer hold, in stage units; the peer's own limit holds besides. */
  readonly inFlight?: (peer: number) => number;
  /** Most forwards that a peer may be ahead of its backwards (with split backwards: of their input halves). */
  readonly ahead?: (peer: number) => number;
}

/** The network a description describes. */
export function networkOf(description: SwarmDescription): TimelineNetwork {
  return { links: description.links, gapSeconds: description.peers.map((peer) => peer.gapSeconds) };
}

/** The tasks of a rule's paths, with the description's costs. */
export function tasksOf(description: SwarmDescription, shape: Omit<TaskShape, 'headAt'>): Task[] {
  return tasksFromPaths({ ...shape, headAt: description.headAt }, costsOf(description, shape.chunks));
}

/** A plan whose order is still a priority rule; useful to compare with what is recorded from it. */
export function rulePlan(description: SwarmDescription, rule: Rule): Plan {
  const tasks = tasksOf(description, rule);
  return planOf(description, rule, tasks, { kind: 'priority', values: tasks.map(rule.priority) });
}

/** A plan that keeps explicit lists: `lists[peer]` are task indices of `tasksFromPaths` for this rule. */
export function planOf(
  description: SwarmDescription,
  shape: Omit<Rule, 'priority' | 'inFlight'>,
  tasks: readonly Task[],
  order: Plan['order'],
): Plan {
  return {
    policy: shape.policy,
    peers: description.peers.map((peer) => peer.name),
    stages: description.stages,
    assignment: shape.assignment,
    headAt: description.headAt,
    splitBackward: shape.splitBackward,
    ...(shape.forwardOnly && { forwardOnly: shape.forwardOnly }),
    chunks: shape.chunks,
    activationBytes: description.activationBytes,
    gradientBytes: description.gradientBytes,
    ...(description.sumBytes !== undefined && { sumBytes: description.sumBytes }),
    paths: shape.paths,
    tasks,
    order,
    memoryLimits: description.peers.map((peer) => peer.memoryMicrobatches),
  };
}

/**
 * Records the rule. When peers' memory makes micro-batches wait for each other in a ring, fewer are let in at a
 * time, in the end one by one, which completes whenever a single micro-batch fits; if not even that, throws a
 * `PlanError` naming the peer.
 */
export function recordPlan(description: SwarmDescription, rule: Rule): Plan {
  const tasks = tasksOf(description, rule);
  const own = description.peers.map((peer) => peer.memoryMicrobatches);
  checkOneFits(rule, own, description);
  const need = largestNeed(rule, own.length);
  const limits = own.map((limit, peer) => {
    const wanted = rule.inFlight?.(peer) ?? Number.POSITIVE_INFINITY;
    return Math.min(limit, Math.max(wanted, need[peer]!));
  });
  const order = { kind: 'priority', values: tasks.map(rule.priority) } as const;
  const reserve = reserves(rule, tasks);
  const network = networkOf(description);
  let stalled: unknown;
  for (const limited of everTighter(rule, tasks, order.values)) {
    try {
      const execution = executeEvents(columnsOf(limited, order, limits, reserve), network);
      return planOf(description, rule, tasks, { kind: 'fixed', tasks: listsOf(execution) });
    } catch (error) {
      if (!(error instanceof StallError)) throw error;
      stalled = error;
    }
  }
  throw stalled; // only a link without capacity is left as a reason, and the error names it
}

/** The tasks with waits added that make the rule complete: its own first, then ever fewer micro-batches at a time. */
function* everTighter(
  rule: Rule,
  tasks: readonly Task[],
  values: readonly number[],
): Generator<readonly Task[]> {
  const { ahead, chunks, paths } = rule;
  // A peer must at least be able to take all chunks of one micro-batch.
  if (ahead !== undefined) yield notTooFarAhead(tasks, values, (peer) => Math.max(chunks, ahead(peer)));
  yield tasks;
  for (let together = Math.floor(paths.length / 2); together >= 1; together = Math.floor(together / 2)) {
    yield admitted(tasks, paths, together);
  }
}

/** Per peer, its tasks in the order in which they were run. */
export function listsOf(execution: Execution): number[][] {
  return Array.from(execution.last, (last) => {
    const list: number[] = [];
    for (let task = last; task >= 0; task = execution.previous[task]!) list.push(task);
    return list.reverse();
  });
}

/** Adds waits so that no peer runs more than `ahead` forwards before their backwards, both in order of priority. */
function notTooFarAhead(
  tasks: readonly Task[],
  values: readonly number[],
  ahead: (peer: number) => number,
): Task[] {
  const rank = (kinds: readonly Task['kind'][]) => {
    const byPeer = new Map<number, number[]>();
    tasks.forEach((task, index) => {
      if (!kinds.includes(task.kind)) return;
      const list = byPeer.get(task.peer);
      if (list === undefined) byPeer.set(task.peer, [index]);
      else list.push(index);
    });
    for (const list of byPeer.values()) list.sort((a, b) => values[a]! - values[b]! || a - b);
    return byPeer;
  };
  const backwards = rank(['backward', 'backward-input']);
  const limited = [...tasks];
  for (const [peer, forwards] of rank(['forward'])) {
    forwards.forEach((forward, number) => {
      const earlier = backwards.get(peer)![number - ahead(peer)];
      if (earlier === undefined) return;
      const task = tasks[forward]!;
      limited[forward] = { ...task, waitsFor: [...task.waitsFor, { task: earlier, bytes: 0 }] };
    });
  }
  return limited;
}

/** Adds waits so that the k-th micro-batch starts only when the (k - together)-th has given back all its memory. */
function admitted(tasks: readonly Task[], paths: readonly Path[], together: number): Task[] {
  const rank = new Map(paths.map((path, index) => [path.microbatch, index]));
  const releases: number[][] = paths.map(() => []);
  tasks.forEach((task, index) => {
    if (task.gives > 0) releases[rank.get(task.microbatch)!]!.push(index);
  });
  return tasks.map((task) => {
    if (task.kind !== 'forward' || task.waitsFor.length > 0) return task; // not the first of its path
    const earlier = releases[rank.get(task.microbatch)! - together] ?? [];
    return { ...task, waitsFor: earlier.map((release) => ({ task: release, bytes: 0 })) };
  });
}

/** Per peer: the most memory that one micro-batch needs there, in stage units. */
function largestNeed(rule: Rule, peerCount: number): number[] {
  const need = new Array<number>(peerCount).fill(0);
  for (const path of rule.paths) {
    const visits = new Map<number, number>();
    for (const node of path.nodes) visits.set(node.peer, (visits.get(node.peer) ?? 0) + 1);
    for (const [peer, count] of visits) need[peer] = Math.max(need[peer]!, count / rule.chunks);
  }
  return need;
}

function checkOneFits(rule: Rule, limits: readonly number[], description: SwarmDescription): void {
  const need = largestNeed(rule, limits.length);
  limits.forEach((limit, peer) => {
    if (need[peer]! > limit) {
      const name = description.peers[peer]!.name;
      throw new PlanError(
        `peers[${peer}].memoryMicrobatches`,
        `${name} has memory for ${limit} micro-batches and one alone takes ${need[peer]} there`,
      );
    }
  });
}

/**
 * A micro-batch that comes to a peer more than once (one visit a chunk) leaves room for the visits to come: the last
 * visits then never wait for earlier ones of others, so chunks of one peer cannot block each other.
 */
function reserves(rule: Rule, tasks: readonly Task[]): Float64Array {
  const reserve = new Float64Array(rule.chunks > 1 ? tasks.length : 0);
  if (rule.chunks === 1) return reserve;
  tasks.forEach((task, index) => {
    if (task.takes > 0) reserve[index] = (rule.chunks - 1 - task.chunk) / rule.chunks;
  });
  return reserve;
}
