// Executes any plan event by event: priority orders, where a peer decides at every moment, and links whose flows
// share capacity, where one transfer changes the others. Events within a billionth of a second of each other are
// handled together before any peer decides what to start, so that rounding does not pick the winner of a tie.

import type { PlanColumns } from '../columns.ts';
import { maxLanes } from '../columns.ts';
import { type Execution, memoryTolerance, type TimelineNetwork, transferSeconds } from './execution.ts';
import { createFlows } from './flows.ts';
import { EventQueue, ReadyLine } from './queues.ts';
import { type Names, plainNames, stallError } from './stall.ts';

/** Events this close in time are one moment. */
export const sameMomentSeconds = 1e-9;

/** What an event's code says: code % 4 is one of these, Math.floor(code / 4) the task, edge or peer. */
const taskEnds = 0;
const taskReady = 1;
const peerFree = 2;
const flowEnds = 3;

/** Throws a `StallError` when no event is left and tasks are. */
export function executeEvents(
  columns: PlanColumns,
  network: TimelineNetwork,
  names: Names = plainNames,
): Execution {
  const { order, peerCount, taskCount, peer: peerOf, seconds, takes, gives, lane, reserve } = columns;
  const { dependencyStart, dependencyTask, dependencyBytes, memoryLimits } = columns;
  const { links, gapSeconds } = network;
  const dependents = dependentsOf(columns);
  const flows = links.shared ? createFlows(links) : undefined;

  const start = new Float64Array(taskCount).fill(-1);
  const end = new Float64Array(taskCount).fill(-1);
  const arrival = new Float64Array(dependencyTask.length);
  const previous = new Int32Array(taskCount);
  const last = new Int32Array(peerCount).fill(-1);
  const peakActivations = new Float64Array(peerCount);
  const held = new Float64Array(peerCount);
  const idle = new Uint8Array(peerCount).fill(1);
  const inputsMissing = new Int32Array(taskCount);
  const inputsAt = new Float64Array(taskCount);
  /** The number of the moment at which a task became ready, 0 while it is not. */
  const readyAt = new Int32Array(taskCount);
  const position = order.kind === 'fixed' ? order.start.slice(0, peerCount) : new Int32Array(0);
  const queue = new EventQueue();
  const ready: (ReadyLine | undefined)[][] = Array.from({ length: peerCount }, () => []);
  let now = 0;
  let moment = 1;
  let left = taskCount;
  let touched: number[] = [];
  const isTouched = new Uint8Array(peerCount);

  const values = order.kind === 'priority' ? order.values : new Float64Array(0);
  // Equal values: first come, first served; then the plan's own numbering, which knows nothing of peers' names.
  const before = (a: number, b: number): boolean => {
    if (values[a]! !== values[b]!) return values[a]! < values[b]!;
    if (readyAt[a]! !== readyAt[b]!) return readyAt[a]! < readyAt[b]!;
    return a < b;
  };

  function touch(peer: number): void {
    if (isTouched[peer] === 1) return;
    isTouched[peer] = 1;
    touched.push(peer);
  }

  function makeReady(task: number): void {
    const peer = peerOf[task]!;
    readyAt[task] = moment;
    if (order.kind === 'priority') {
      const lines = ready[peer]!;
      const which = lane[task]!;
      let line = lines[which];
      if (line === undefined) {
        line = new ReadyLine(before);
        lines[which] = line;
      }
      line.push(task);
    }
    touch(peer);
  }

  /** The bytes of an edge will have arrived at `time`. */
  function settle(edge: number, time: number): void {
    const task = dependents.taskOf[edge]!;
    arrival[edge] = time;
    if (time > inputsAt[task]!) inputsAt[task] = time;
    if (--inputsMissing[task]! > 0) return;
    if (inputsAt[task]! <= now) makeReady(task);
    else if (inputsAt[task]! !== Number.POSITIVE_INFINITY) queue.push(inputsAt[task]!, task * 4 + taskReady);
  }

  function endTask(task: number): void {
    const peer = peerOf[task]!;
    held[peer]! -= gives[task]!;
    end[task] = now;
    if (gapSeconds[peer]! > 0) {
      queue.push(now + gapSeconds[peer]!, peer * 4 + peerFree);
    } else {
      idle[peer] = 1;
      touch(peer);
    }
    for (let at = dependents.start[task]!; at < dependents.start[task + 1]!; at++) {
      const edge = dependents.edge[at]!;
      const to = peerOf[dependents.taskOf[edge]!]!;
      const bytes = dependencyBytes[edge]!;
      if (flows !== undefined && to !== peer && bytes > 0 && flows.start(edge, peer, to, bytes, now))
        continue;
      settle(edge, now + transferSeconds(links, peer, to, bytes));
    }
  }

  function endFlow(edge: number, time: number): void {
    if (!flows!.finish(edge, time)) return;
    const from = peerOf[dependencyTask[edge]!]!;
    settle(edge, now + links.latencySeconds[from]![peerOf[dependents.taskOf[edge]!]!]!);
  }

  function fits(task: number, peer: number): boolean {
    if (takes[task]! <= 0) return true;
    const spare = reserve.length > 0 ? reserve[task]! : 0;
    return held[peer]! + takes[task]! + spare <= memoryLimits[peer]! + memoryTolerance;
  }

  function choose(peer: number): number {
    if (order.kind === 'fixed') {
      const at = position[peer]!;
      if (at === order.start[peer + 1]!) return -1;
      const task = order.tasks[at]!;
      if (readyAt[task] === 0 || !fits(task, peer)) return -1;
      position[peer] = at + 1;
      return task;
    }
    let best = -1;
    let from: ReadyLine | undefined;
    for (const line of ready[peer]!) {
      const task = line === undefined ? -1 : line.first;
      if (task >= 0 && (best < 0 || before(task, best)) && fits(task, peer)) {
        best = task;
        from = line;
      }
    }
    from?.shift();
    return best;
  }

  function startNext(peer: number): void {
    if (idle[peer] === 0) return;
    const task = choose(peer);
    if (task < 0) return;
    idle[peer] = 0;
    held[peer]! += takes[task]!;
    if (held[peer]! > peakActivations[peer]!) peakActivations[peer] = held[peer]!;
    start[task] = now;
    previous[task] = last[peer]!;
    last[peer] = task;
    left--;
    queue.push(now + seconds[task]!, task * 4 + taskEnds);
  }

  for (let task = 0; task < taskCount; task++) {
    inputsMissing[task] = dependencyStart[task + 1]! - dependencyStart[task]!;
    if (inputsMissing[task] === 0) makeReady(task);
  }
  for (;;) {
    for (const peer of touched) isTouched[peer] = 0;
    const peers = touched;
    touched = [];
    for (const peer of peers) startNext(peer);
    if (queue.empty) break;
    moment++;
    const until = queue.nextTime + sameMomentSeconds;
    while (queue.nextTime <= until) {
      const time = queue.nextTime;
      now = Math.max(now, time);
      const code = queue.pop();
      const which = Math.floor(code / 4);
      switch (code % 4) {
        case taskEnds:
          endTask(which);
          break;
        case taskReady:
          makeReady(which);
          break;
        case peerFree:
          idle[which] = 1;
          touch(which);
          break;
        case flowEnds:
          endFlow(which, time);
          break;
      }
      if (flows?.changed && queue.nextTime > until) {
        flows.share(now, (edge, time) => queue.push(time, edge * 4 + flowEnds));
      }
    }
  }

  if (left > 0) {
    const next = (peer: number) => nextOf(columns, position, ready[peer]!, start, peer);
    throw stallError(columns, next, (task) => end[task]! >= 0, held, left, names);
  }
  return { start, end, arrival, previous, last, peakActivations };
}

/** For the message of a stall: what a peer would run next. */
function nextOf(
  columns: PlanColumns,
  position: Int32Array,
  lines: readonly (ReadyLine | undefined)[],
  start: Float64Array,
  peer: number,
): number {
  const { order } = columns;
  if (order.kind === 'fixed') {
    return position[peer]! < order.start[peer + 1]! ? order.tasks[position[peer]!]! : -1;
  }
  for (let which = 0; which < maxLanes; which++) {
    const task = lines[which]?.first ?? -1;
    if (task >= 0) return task;
  }
  for (let task = 0; task < columns.taskCount; task++) {
    if (columns.peer[task] === peer && start[task]! < 0) return task;
  }
  return -1;
}

/** Who waits for each task: the edges that leave it, and the task that each edge leads to. */
function dependentsOf(columns: PlanColumns): { start: Int32Array; edge: Int32Array; taskOf: Int32Array } {
  const { taskCount, dependencyStart, dependencyTask } = columns;
  const start = new Int32Array(taskCount + 1);
  const edge = new Int32Array(dependencyTask.length);
  const taskOf = new Int32Array(dependencyTask.length);
  for (let at = 0; at < dependencyTask.length; at++) start[dependencyTask[at]! + 1]!++;
  for (let task = 0; task < taskCount; task++) start[task + 1]! += start[task]!;
  const cursor = start.slice(0, taskCount);
  for (let task = 0; task < taskCount; task++) {
    for (let at = dependencyStart[task]!; at < dependencyStart[task + 1]!; at++) {
      const needed = dependencyTask[at]!;
      edge[cursor[needed]!++] = at;
      taskOf[at] = task;
    }
  }
  return { start, edge, taskOf };
}
