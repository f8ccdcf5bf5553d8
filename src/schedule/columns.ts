// A plan as columns of numbers: what the timeline executes. Ten million tasks fit here that would not fit as
// objects; dependencies are stored as in a compressed sparse row matrix.

import { PlanError } from './errors.ts';
import { kindCode } from './kinds.ts';
import type { Plan, Task } from './plan.ts';

export type ColumnOrder =
  | {
      readonly kind: 'fixed';
      /** Peer p runs `tasks[start[p]] … tasks[start[p + 1] - 1]`, in this order; length peers + 1. */
      readonly start: Int32Array;
      readonly tasks: Int32Array;
    }
  | { readonly kind: 'priority'; readonly values: Float64Array };

export interface PlanColumns {
  readonly peerCount: number;
  readonly taskCount: number;
  readonly peer: Int32Array;
  /** Positions in `taskKinds`. */
  readonly kind: Uint8Array;
  readonly seconds: Float64Array;
  readonly takes: Float64Array;
  readonly gives: Float64Array;
  /** Task t waits for edges `dependencyStart[t] … dependencyStart[t + 1] - 1`; length tasks + 1. */
  readonly dependencyStart: Int32Array;
  readonly dependencyTask: Int32Array;
  readonly dependencyBytes: Float64Array;
  readonly order: ColumnOrder;
  readonly memoryLimits: Float64Array;
  /**
   * Under a priority order, ready tasks of one peer that take memory stand in line, one line per lane (1, 2, …):
   * when the first of a lane does not fit, those behind it wait, other lanes do not. Lane 0 takes none.
   */
  readonly lane: Uint8Array;
  /** Memory that must stay free beyond what the task takes when it starts (empty: none for any task). */
  readonly reserve: Float64Array;
}

/** Lanes that a priority order tells apart: one for tasks that take no memory and one per chunk. */
export const maxLanes = 64;

/**
 * The columns of a list of tasks in the given order. `memoryLimits` is in stage units per peer.
 * Throws a `PlanError` when an index points outside the plan.
 */
export function columnsOf(
  tasks: readonly Task[],
  order: Plan['order'],
  memoryLimits: readonly number[],
  reserve: Float64Array = new Float64Array(0),
): PlanColumns {
  const peerCount = memoryLimits.length;
  const taskCount = tasks.length;
  let edgeCount = 0;
  for (const task of tasks) edgeCount += task.waitsFor.length;
  const columns = {
    peerCount,
    taskCount,
    peer: new Int32Array(taskCount),
    kind: new Uint8Array(taskCount),
    seconds: new Float64Array(taskCount),
    takes: new Float64Array(taskCount),
    gives: new Float64Array(taskCount),
    dependencyStart: new Int32Array(taskCount + 1),
    dependencyTask: new Int32Array(edgeCount),
    dependencyBytes: new Float64Array(edgeCount),
    order: columnOrder(order, taskCount, peerCount),
    memoryLimits: Float64Array.from(memoryLimits),
    lane: new Uint8Array(taskCount),
    reserve,
  };
  let edge = 0;
  for (let index = 0; index < taskCount; index++) {
    const task = tasks[index]!;
    if (!(task.peer >= 0 && task.peer < peerCount)) {
      throw new PlanError(`tasks[${index}].peer`, `${task.peer} is not one of the ${peerCount} peers`);
    }
    columns.peer[index] = task.peer;
    columns.kind[index] = kindCode(task.kind);
    columns.seconds[index] = task.seconds;
    columns.takes[index] = task.takes;
    columns.gives[index] = task.gives;
    columns.lane[index] = task.takes > 0 ? 1 + Math.min(task.chunk, maxLanes - 2) : 0;
    for (const dependency of task.waitsFor) {
      if (!(dependency.task >= 0 && dependency.task < taskCount)) {
        throw new PlanError(`tasks[${index}].waitsFor`, `there is no task ${dependency.task}`);
      }
      columns.dependencyTask[edge] = dependency.task;
      columns.dependencyBytes[edge] = dependency.bytes;
      edge++;
    }
    columns.dependencyStart[index + 1] = edge;
  }
  return columns;
}

/** The columns of a whole plan. */
export function columnsOfPlan(plan: Plan): PlanColumns {
  return columnsOf(plan.tasks, plan.order, plan.memoryLimits);
}

function columnOrder(order: Plan['order'], taskCount: number, peerCount: number): ColumnOrder {
  if (order.kind === 'priority') {
    if (order.values.length !== taskCount) {
      throw new PlanError('order.values', `${order.values.length} values for ${taskCount} tasks`);
    }
    return { kind: 'priority', values: Float64Array.from(order.values) };
  }
  if (order.tasks.length !== peerCount) {
    throw new PlanError('order.tasks', `${order.tasks.length} lists for ${peerCount} peers`);
  }
  const start = new Int32Array(peerCount + 1);
  order.tasks.forEach((list, peer) => {
    start[peer + 1] = start[peer]! + list.length;
  });
  const tasks = new Int32Array(start[peerCount]!);
  order.tasks.forEach((list, peer) => {
    for (const task of list) {
      if (!(task >= 0 && task < taskCount))
        throw new PlanError(`order.tasks[${peer}]`, `there is no task ${task}`);
    }
    tasks.set(list, start[peer]!);
  });
  return { kind: 'fixed', start, tasks };
}
