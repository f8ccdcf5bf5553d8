// When a plan cannot go on: who waits for whom. A ring of peers is named in order, because that is what a person
// has to break.

import type { PlanColumns } from '../columns.ts';
import { StallError, type Wait } from '../errors.ts';

/** How tasks and peers are called in messages. */
export interface Names {
  readonly task: (task: number) => string;
  readonly peer: (peer: number) => string;
}

export const plainNames: Names = { task: (task) => `task ${task}`, peer: (peer) => `peer ${peer}` };

const mostWaitsInMessage = 6;

/**
 * The error for an execution that ran out of events. `next[peer]` is the task that each peer would run next (-1:
 * none, or none known), `ended(task)` says which tasks are done.
 */
export function stallError(
  columns: PlanColumns,
  next: (peer: number) => number,
  ended: (task: number) => boolean,
  held: Float64Array,
  tasksLeft: number,
  names: Names,
): StallError {
  const waits: Wait[] = [];
  for (let peer = 0; peer < columns.peerCount; peer++) {
    const task = next(peer);
    if (task >= 0) waits.push(waitOf(columns, peer, task, ended, held));
  }
  const ring = ringOf(waits, (task) => columns.peer[task]!);
  const told = ring.length > 0 ? ring : waits;
  const lines = told.slice(0, mostWaitsInMessage).map((wait) => tell(wait, names));
  const more = told.length > lines.length ? `; and ${told.length - lines.length} more peers` : '';
  const head = ring.length > 0 ? 'peers wait for each other in a ring' : 'the plan stalls';
  const text = lines.length > 0 ? lines.join('; ') + more : 'tasks are left that no peer would run';
  return new StallError(`${head}, ${tasksLeft} tasks left: ${text}`, waits, tasksLeft);
}

function waitOf(
  columns: PlanColumns,
  peer: number,
  task: number,
  ended: (task: number) => boolean,
  held: Float64Array,
): Wait {
  for (let edge = columns.dependencyStart[task]!; edge < columns.dependencyStart[task + 1]!; edge++) {
    const of = columns.dependencyTask[edge]!;
    if (!ended(of)) return { peer, task, for: 'task', of, at: columns.peer[of]! };
  }
  const limit = columns.memoryLimits[peer]!;
  const reserve = columns.reserve.length > 0 ? columns.reserve[task]! : 0;
  if (columns.takes[task]! > 0 && held[peer]! + columns.takes[task]! + reserve > limit) {
    return { peer, task, for: 'memory', held: held[peer]!, limit };
  }
  for (let edge = columns.dependencyStart[task]!; edge < columns.dependencyStart[task + 1]!; edge++) {
    const of = columns.dependencyTask[edge]!;
    if (columns.peer[of] !== peer) return { peer, task, for: 'transfer', of, at: columns.peer[of]! };
  }
  return { peer, task, for: 'order' };
}

/** The waits that form a ring of peers, in order, or none. */
function ringOf(waits: readonly Wait[], peerOf: (task: number) => number): Wait[] {
  const byPeer = new Map(waits.map((wait) => [wait.peer, wait]));
  const settled = new Set<number>();
  for (const first of waits) {
    const trail: Wait[] = [];
    let wait: Wait | undefined = first;
    while (wait !== undefined && !settled.has(wait.peer)) {
      settled.add(wait.peer);
      trail.push(wait);
      wait = wait.for === 'task' ? byPeer.get(peerOf(wait.of)) : undefined;
    }
    if (wait !== undefined) {
      const from = trail.findIndex((entry) => entry.peer === wait!.peer);
      if (from >= 0) return trail.slice(from);
    }
  }
  return [];
}

function tell(wait: Wait, names: Names): string {
  const who = `${names.peer(wait.peer)} (${names.task(wait.task)})`;
  switch (wait.for) {
    case 'task':
      return `${who} waits for ${names.task(wait.of)} at ${names.peer(wait.at)}`;
    case 'transfer':
      return `${who} waits for bytes from ${names.peer(wait.at)} (${names.task(wait.of)}) that never arrive`;
    case 'memory':
      return `${who} waits for memory (${wait.held} of ${wait.limit} held)`;
    case 'order':
      return `${who} waits for its turn`;
  }
}
