// How fast a plan's work could be done at best, whatever the order: the one-machine bound of job-shop scheduling
// (Carlier, "The one-machine sequencing problem", EJOR 1982), taken for every peer. It holds for the plan's own paths,
// peers and times; other paths or another assignment may have a lower one.

import { isCompute } from '../schedule/kinds.ts';
import type { LinkDescription } from '../schedule/description.ts';
import { transferSeconds } from '../schedule/execute/execution.ts';
import { popFrom, pushTo } from '../schedule/heap.ts';
import type { Plan } from '../schedule/plan.ts';

export interface BoundNetwork {
  readonly links: LinkDescription;
  readonly gapSeconds: readonly number[];
}

interface Job {
  /** No earlier start: everything before it, were every peer and link free. */
  readonly head: number;
  readonly seconds: number;
  /** What must still follow its end. */
  readonly tail: number;
}

/**
 * Seconds below which no order of the plan's tasks can bring its makespan: at least the longest chain of tasks and
 * transfers, and at least, for every peer, what remains when it works through its tasks without pause (preempting
 * as it likes), the one with the longest tail first. Memory limits and contention on links are left out, which only
 * makes it smaller.
 */
export function lowerBoundSeconds(plan: Plan, { links, gapSeconds }: BoundNetwork): number {
  const { tasks } = plan;
  const order = topologicalOrder(plan);
  const head = new Float64Array(tasks.length);
  const tail = new Float64Array(tasks.length);
  let bound = 0;
  for (const index of order) {
    const task = tasks[index]!;
    for (const { task: from, bytes } of task.waitsFor) {
      const before = tasks[from]!;
      const arrival = head[from]! + before.seconds + transferSeconds(links, before.peer, task.peer, bytes);
      if (arrival > head[index]!) head[index] = arrival;
    }
    if (isCompute(task.kind)) bound = Math.max(bound, head[index]! + task.seconds);
  }
  for (const index of order.reverse()) {
    const task = tasks[index]!;
    if (!isCompute(task.kind)) continue;
    for (const { task: from, bytes } of task.waitsFor) {
      const before = tasks[from]!;
      const after = transferSeconds(links, before.peer, task.peer, bytes) + task.seconds + tail[index]!;
      if (after > tail[from]!) tail[from] = after;
    }
  }
  const jobs: Job[][] = plan.peers.map(() => []);
  tasks.forEach((task, index) => {
    if (isCompute(task.kind)) {
      jobs[task.peer]!.push({ head: head[index]!, seconds: task.seconds, tail: tail[index]! });
    }
  });
  jobs.forEach((list, peer) => {
    bound = Math.max(bound, oneMachineBound(list, gapSeconds[peer]!));
  });
  return bound;
}

/** Jackson's preemptive schedule: always the released job with the longest tail. `gap` follows every job. */
function oneMachineBound(jobs: readonly Job[], gap: number): number {
  const byHead = [...jobs].sort((a, b) => a.head - b.head);
  const waiting: Waiting[] = [];
  let bound = 0;
  let now = 0;
  for (let next = 0; next < byHead.length || waiting.length > 0; ) {
    if (waiting.length === 0) now = Math.max(now, byHead[next]!.head);
    for (; next < byHead.length && byHead[next]!.head <= now; next++) {
      const { seconds, tail } = byHead[next]!;
      pushTo(waiting, { left: seconds + gap, tail }, longestTailFirst);
    }
    const job = popFrom(waiting, longestTailFirst)!;
    const until = Math.min(now + job.left, byHead[next]?.head ?? Number.POSITIVE_INFINITY);
    const left = job.left - (until - now);
    // Rounding may leave a sliver that no clock can pass.
    if (left > 1e-12 && until > now) pushTo(waiting, { left, tail: job.tail }, longestTailFirst);
    else bound = Math.max(bound, until - gap + job.tail);
    now = until;
  }
  return bound;
}

interface Waiting {
  readonly left: number;
  readonly tail: number;
}

const longestTailFirst = (a: Waiting, b: Waiting): boolean => a.tail > b.tail;

/** Every task after those it waits for. The plan has no cycle: its validator says so. */
function topologicalOrder({ tasks }: Plan): number[] {
  const missing = tasks.map((task) => task.waitsFor.length);
  const dependents: number[][] = tasks.map(() => []);
  tasks.forEach((task, index) => {
    for (const { task: from } of task.waitsFor) dependents[from]!.push(index);
  });
  const order = missing.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let at = 0; at < order.length; at++) {
    for (const dependent of dependents[order[at]!]!) {
      if (--missing[dependent]! === 0) order.push(dependent);
    }
  }
  return order;
}
