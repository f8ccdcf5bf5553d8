// What happens, second by second, when a plan meets a network: start and end of every task and transfer, and the
// figures by which schedules are compared. Pure and deterministic: additions, comparisons and divisions of IEEE
// numbers only, so the same plan gives the same bits on every machine.
//
// The model. A peer runs one task at a time and pauses for its gap between two. A task starts when its peer is free,
// all bytes it waits for have arrived and its activation memory fits. Bytes leave at the end of the task that made
// them; a transfer takes latency + bytes / bandwidth, where bandwidth is the narrowest of uplink, downlink and pair;
// on shared links concurrent flows divide each of the three fairly, and latency follows the last byte.

import { columnsOfPlan, type PlanColumns } from './columns.ts';
import { executeEvents } from './execute/events.ts';
import type { Execution, TimelineNetwork } from './execute/execution.ts';
import { executeFixed } from './execute/fixed.ts';
import { type Names, plainNames } from './execute/stall.ts';
import { firstCodeAfterCompute } from './kinds.ts';
import { namesOf } from './names.ts';
import type { Plan } from './plan.ts';

export type { TimelineNetwork } from './execute/execution.ts';
export { networkOf } from './record.ts';

/** What happened and the figures that need one pass over it. Arrays are per task, peer or dependency edge. */
export interface ColumnTimeline extends Execution {
  /** End of the last forward, head or backward task; exchange and update are not in it, nor in spans. */
  readonly makespanSeconds: number;
  /** Per peer: end of its last such task minus start of its first; 0 for a peer that has none. */
  readonly spanSeconds: Float64Array;
  readonly busySeconds: Float64Array;
  /** 1 - busy time / (peers × makespan); 0 when nothing is done. */
  readonly bubbleRatio: number;
  readonly bytesSent: Float64Array;
  readonly bytesReceived: Float64Array;
  /** Bytes over all links, exchange included. */
  readonly bytesMoved: number;
  /** The part of `bytesMoved` that the exchange of gradients takes. */
  readonly exchangeBytes: number;
}

/** One message on its way: bytes of `from`'s result to `to`, both tasks. */
export interface Transfer {
  readonly from: number;
  readonly to: number;
  readonly fromPeer: number;
  readonly toPeer: number;
  readonly bytes: number;
  readonly start: number;
  readonly end: number;
}

/** A task on the critical path and what it could not start without. */
export interface CriticalStep {
  readonly task: number;
  /** `input`: bytes that a transfer brought; `peer`: the task before it on its peer; `nothing`: it starts the path. */
  readonly boundBy: 'input' | 'peer' | 'nothing';
}

export interface LinkLoad {
  readonly fromPeer: number;
  readonly toPeer: number;
  readonly bytes: number;
}

export interface Timeline extends ColumnTimeline {
  /** Every transfer between different peers, in the order of the tasks that wait for them. */
  readonly transfers: readonly Transfer[];
  /** Bytes per link that carried any. */
  readonly links: readonly LinkLoad[];
  /** The chain of tasks that makes the makespan, first to last. */
  readonly criticalPath: readonly CriticalStep[];
}

/** Executes a plan. Throws a `StallError` that names who waits for whom when the plan cannot complete. */
export function timeline(plan: Plan, network: TimelineNetwork): Timeline {
  const columns = columnsOfPlan(plan);
  const result = timelineOfColumns(columns, network, namesOf(plan));
  return {
    ...result,
    transfers: transfersOf(columns, result),
    links: linkLoads(columns),
    criticalPath: criticalPath(columns, network, result),
  };
}

/**
 * The same for a plan in columns, without a JavaScript object per task: for millions of tasks. Fixed lists over
 * unshared links take time linear in tasks and dependencies, everything else n log n at most (and, on shared links,
 * what the recomputation of rates takes).
 */
export function timelineOfColumns(
  columns: PlanColumns,
  network: TimelineNetwork,
  names: Names = plainNames,
): ColumnTimeline {
  const simple = columns.order.kind === 'fixed' && !network.links.shared;
  const execution = simple ? executeFixed(columns, network, names) : executeEvents(columns, network, names);
  const { peerCount, taskCount, peer: peerOf, kind, seconds } = columns;
  const { start, end } = execution;
  const first = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  const spanSeconds = new Float64Array(peerCount); // until the end: the end of the peer's last task
  const busySeconds = new Float64Array(peerCount);
  let makespanSeconds = 0;
  for (let task = 0; task < taskCount; task++) {
    if (kind[task]! >= firstCodeAfterCompute) continue;
    const peer = peerOf[task]!;
    if (start[task]! < first[peer]!) first[peer] = start[task]!;
    if (end[task]! > spanSeconds[peer]!) spanSeconds[peer] = end[task]!;
    busySeconds[peer]! += seconds[task]!;
  }
  let busy = 0;
  for (let peer = 0; peer < peerCount; peer++) {
    if (spanSeconds[peer]! > makespanSeconds) makespanSeconds = spanSeconds[peer]!;
    busy += busySeconds[peer]!;
    if (first[peer]! !== Number.POSITIVE_INFINITY) spanSeconds[peer]! -= first[peer]!;
  }
  const bubbleRatio = makespanSeconds > 0 ? 1 - busy / (peerCount * makespanSeconds) : 0;
  return { ...execution, makespanSeconds, spanSeconds, busySeconds, bubbleRatio, ...bytesOf(columns) };
}

function bytesOf(columns: PlanColumns) {
  const {
    peerCount,
    taskCount,
    peer: peerOf,
    kind,
    dependencyStart,
    dependencyTask,
    dependencyBytes,
  } = columns;
  const bytesSent = new Float64Array(peerCount);
  const bytesReceived = new Float64Array(peerCount);
  let bytesMoved = 0;
  let exchangeBytes = 0;
  for (let task = 0; task < taskCount; task++) {
    const to = peerOf[task]!;
    for (let edge = dependencyStart[task]!; edge < dependencyStart[task + 1]!; edge++) {
      const from = peerOf[dependencyTask[edge]!]!;
      if (from === to) continue;
      const bytes = dependencyBytes[edge]!;
      bytesSent[from]! += bytes;
      bytesReceived[to]! += bytes;
      bytesMoved += bytes;
      if (kind[task]! >= firstCodeAfterCompute) exchangeBytes += bytes;
    }
  }
  return { bytesSent, bytesReceived, bytesMoved, exchangeBytes };
}

/** Every transfer between different peers. */
export function transfersOf(columns: PlanColumns, execution: Execution): Transfer[] {
  const { taskCount, peer: peerOf, dependencyStart, dependencyTask, dependencyBytes } = columns;
  const transfers: Transfer[] = [];
  for (let to = 0; to < taskCount; to++) {
    for (let edge = dependencyStart[to]!; edge < dependencyStart[to + 1]!; edge++) {
      const from = dependencyTask[edge]!;
      const fromPeer = peerOf[from]!;
      const toPeer = peerOf[to]!;
      if (fromPeer === toPeer) continue;
      const bytes = dependencyBytes[edge]!;
      transfers.push({
        from,
        to,
        fromPeer,
        toPeer,
        bytes,
        start: execution.end[from]!,
        end: execution.arrival[edge]!,
      });
    }
  }
  return transfers;
}

/** Bytes per link, by sender and receiver. */
export function linkLoads(columns: PlanColumns): LinkLoad[] {
  const { peerCount, taskCount, peer: peerOf, dependencyStart, dependencyTask, dependencyBytes } = columns;
  const loads = new Map<number, number>();
  for (let task = 0; task < taskCount; task++) {
    const to = peerOf[task]!;
    for (let edge = dependencyStart[task]!; edge < dependencyStart[task + 1]!; edge++) {
      const from = peerOf[dependencyTask[edge]!]!;
      if (from === to || dependencyBytes[edge] === 0) continue;
      const link = from * peerCount + to;
      loads.set(link, (loads.get(link) ?? 0) + dependencyBytes[edge]!);
    }
  }
  return [...loads]
    .sort(([a], [b]) => a - b)
    .map(([link, bytes]) => ({ fromPeer: Math.floor(link / peerCount), toPeer: link % peerCount, bytes }));
}

/**
 * Walks back from the task that ends last: each task started when the later of two things was there, its last input
 * or its peer. (Memory becomes free only when the task before on the same peer ends, so a wait for memory is a wait
 * for the peer's earlier task.)
 */
export function criticalPath(
  columns: PlanColumns,
  network: TimelineNetwork,
  execution: Execution,
): CriticalStep[] {
  const { taskCount, peer: peerOf, kind, dependencyStart, dependencyTask } = columns;
  const { end, arrival, previous } = execution;
  let task = -1;
  for (let at = 0; at < taskCount; at++) {
    if (kind[at]! < firstCodeAfterCompute && (task < 0 || end[at]! > end[task]!)) task = at;
  }
  const steps: CriticalStep[] = [];
  while (task >= 0) {
    let boundBy: CriticalStep['boundBy'] = 'nothing';
    let next = previous[task]!;
    let latest = Number.NEGATIVE_INFINITY;
    if (next >= 0) {
      latest = end[next]! + network.gapSeconds[peerOf[task]!]!;
      boundBy = 'peer';
    }
    for (let edge = dependencyStart[task]!; edge < dependencyStart[task + 1]!; edge++) {
      const from = dependencyTask[edge]!;
      if (peerOf[from] === peerOf[task] || arrival[edge]! < latest) continue;
      latest = arrival[edge]!;
      next = from;
      boundBy = 'input';
    }
    steps.push({ task, boundBy });
    task = next;
  }
  return steps.reverse();
}
