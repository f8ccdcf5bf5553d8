// Executes a plan whose peers follow fixed lists over links that do not share capacity. No event queue is needed:
// a task starts when its peer is through with the task before it and its inputs have arrived, so each peer runs
// ahead along its list until it meets an input that nobody has computed yet, and is woken by that one. Time and
// memory are linear in tasks and dependencies. The order of waking cannot change a result.

import type { PlanColumns } from '../columns.ts';
import { PlanError } from '../errors.ts';
import { type Execution, memoryTolerance, type TimelineNetwork } from './execution.ts';
import { type Names, plainNames, stallError } from './stall.ts';

/** Throws a `StallError` when the plan cannot complete, a `PlanError` when a list is not one of the peer's tasks. */
export function executeFixed(
  columns: PlanColumns,
  network: TimelineNetwork,
  names: Names = plainNames,
): Execution {
  const { order, peerCount, taskCount, peer: peerOf, seconds, takes, gives } = columns;
  const { dependencyStart, dependencyTask, dependencyBytes, memoryLimits } = columns;
  if (order.kind !== 'fixed') throw new PlanError('order', 'a fixed order is needed here');
  const { latencySeconds, bytesPerSecond, uploadBytesPerSecond, downloadBytesPerSecond } = network.links;

  const start = new Float64Array(taskCount);
  const end = new Float64Array(taskCount).fill(-1); // -1: not run yet
  const arrival = new Float64Array(dependencyTask.length);
  const previous = new Int32Array(taskCount);
  const last = new Int32Array(peerCount).fill(-1);
  const peakActivations = new Float64Array(peerCount);
  const held = new Float64Array(peerCount);
  const position = order.start.slice(0, peerCount);
  // Peers blocked on one and the same task form a linked list; a peer is blocked on one task at a time.
  const firstBlocked = new Int32Array(taskCount).fill(-1);
  const nextBlocked = new Int32Array(peerCount).fill(-1);
  const awake = new Int32Array(peerCount);
  let awakeCount = 0;
  for (let peer = peerCount - 1; peer >= 0; peer--) awake[awakeCount++] = peer;
  let left = taskCount;

  while (awakeCount > 0) {
    const peer = awake[--awakeCount]!;
    const stop = order.start[peer + 1]!;
    const gap = network.gapSeconds[peer]!;
    let before = last[peer]!;
    let free = before < 0 ? 0 : end[before]! + gap;
    let holds = held[peer]!;
    let at = position[peer]!;
    run: for (; at < stop; at++) {
      const task = order.tasks[at]!;
      if (peerOf[task] !== peer || end[task]! >= 0) {
        const wrong = peerOf[task] !== peer ? 'belongs to another peer' : 'stands in the order twice';
        throw new PlanError(`order of ${names.peer(peer)}`, `${names.task(task)} ${wrong}`);
      }
      let begin = free;
      for (let edge = dependencyStart[task]!; edge < dependencyStart[task + 1]!; edge++) {
        const needed = dependencyTask[edge]!;
        let arrives = end[needed]!;
        if (arrives < 0) {
          nextBlocked[peer] = firstBlocked[needed]!;
          firstBlocked[needed] = peer;
          break run;
        }
        const from = peerOf[needed]!;
        if (from !== peer) {
          arrives += latencySeconds[from]![peer]!;
          const bytes = dependencyBytes[edge]!;
          if (bytes > 0) {
            let narrowest = bytesPerSecond[from]![peer]!;
            const up = uploadBytesPerSecond[from]!;
            const down = downloadBytesPerSecond[peer]!;
            if (up < narrowest) narrowest = up;
            if (down < narrowest) narrowest = down;
            arrives += bytes / narrowest;
          }
        }
        arrival[edge] = arrives;
        if (arrives > begin) begin = arrives;
      }
      // In a fixed order what is held at a task does not depend on time: if it does not fit now, it never will.
      // A transfer over a link without capacity never ends.
      if (holds + takes[task]! > memoryLimits[peer]! + memoryTolerance || begin === Infinity) break;
      holds += takes[task]!;
      if (holds > peakActivations[peer]!) peakActivations[peer] = holds;
      holds -= gives[task]!;
      const finish = begin + seconds[task]!;
      start[task] = begin;
      end[task] = finish;
      previous[task] = before;
      before = task;
      free = finish + gap;
      left--;
      for (let blocked = firstBlocked[task]!; blocked >= 0; blocked = nextBlocked[blocked]!) {
        awake[awakeCount++] = blocked;
      }
      firstBlocked[task] = -1;
    }
    position[peer] = at;
    last[peer] = before;
    held[peer] = holds;
  }

  if (left > 0) {
    const next = (peer: number) =>
      position[peer]! < order.start[peer + 1]! ? order.tasks[position[peer]!]! : -1;
    throw stallError(columns, next, (task) => end[task]! >= 0, held, left, names);
  }
  return { start, end, arrival, previous, last, peakActivations };
}
