// A timeline as Chrome's trace-event JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing open: a process a
// peer, its tasks as slices, transfers as asynchronous slices, and an arrow along every transfer. Format: "Trace Event
// Format", docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.

import type { Drawing, TaskSpan } from './drawing.ts';

/** One entry of `traceEvents`; times in microseconds. */
export type TraceEvent =
  | {
      readonly ph: 'M';
      readonly name: 'process_name' | 'thread_name' | 'process_sort_index';
      readonly pid: number;
      readonly tid: number;
      readonly args: Readonly<Record<string, string | number>>;
    }
  | {
      readonly ph: 'X';
      readonly name: string;
      readonly cat: string;
      readonly pid: number;
      readonly tid: number;
      readonly ts: number;
      readonly dur: number;
      readonly args: Readonly<Record<string, string | number>>;
    }
  | {
      readonly ph: 'b' | 'e' | 's' | 'f';
      readonly name: string;
      readonly cat: 'transfer' | 'flow';
      readonly id: number;
      readonly pid: number;
      readonly tid: number;
      readonly ts: number;
      readonly bp?: 'e';
      readonly args?: Readonly<Record<string, string | number>>;
    };

export interface ChromeTrace {
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string | number>>;
  readonly traceEvents: readonly TraceEvent[];
}

const COMPUTE_THREAD = 1;
const MICROSECONDS = 1e6;

/** The whole timeline, exchange and update included. */
export function chromeTrace(drawing: Drawing): ChromeTrace {
  const events: TraceEvent[] = [];
  drawing.peers.forEach((name, peer) => {
    const stages = drawing.assignment.flatMap((group, stage) => (group.includes(peer) ? [stage] : []));
    const label = stages.length === 0 ? name : `${name} (stage ${stages.join(', ')})`;
    const where = { pid: pidOf(peer), tid: COMPUTE_THREAD };
    events.push(
      { ph: 'M', name: 'process_name', ...where, args: { name: label } },
      { ph: 'M', name: 'process_sort_index', ...where, args: { sort_index: peer } },
      { ph: 'M', name: 'thread_name', ...where, args: { name: 'compute' } },
    );
  });
  for (const task of drawing.tasks) events.push(slice(task));
  drawing.transfers.forEach((transfer, index) => {
    const id = index + 1;
    const name = `to ${drawing.peers[transfer.to]}`;
    const sender = { pid: pidOf(transfer.from), tid: COMPUTE_THREAD };
    const producer = drawing.tasks[transfer.fromTask];
    const consumer = drawing.tasks[transfer.toTask];
    events.push(
      {
        ph: 'b',
        name,
        cat: 'transfer',
        id,
        ...sender,
        ts: micro(transfer.start),
        args: { bytes: transfer.bytes },
      },
      { ph: 'e', name, cat: 'transfer', id, ...sender, ts: micro(transfer.end) },
    );
    if (producer === undefined || consumer === undefined) return;
    // An arrow binds to the slice around its time, so its ends lie in the middle of theirs.
    events.push(
      { ph: 's', name: 'needs', cat: 'flow', id, ...sender, ts: middle(producer) },
      {
        ph: 'f',
        name: 'needs',
        cat: 'flow',
        id,
        pid: pidOf(consumer.peer),
        tid: COMPUTE_THREAD,
        ts: middle(consumer),
        bp: 'e',
      },
    );
  });
  return {
    displayTimeUnit: 'ms',
    otherData: {
      scenario: drawing.scenario,
      policy: drawing.policy,
      makespanSeconds: drawing.makespanSeconds,
    },
    traceEvents: events,
  };
}

function slice(task: TaskSpan): TraceEvent {
  return {
    ph: 'X',
    name: task.microbatch < 0 ? task.kind : `${task.kind} ${task.microbatch}`,
    cat: task.kind,
    pid: pidOf(task.peer),
    tid: COMPUTE_THREAD,
    ts: micro(task.start),
    dur: micro(task.end) - micro(task.start),
    args: { stage: task.stage, part: task.chunk, microbatch: task.microbatch },
  };
}

/** Process 0 is the system's idle process to some viewers. */
function pidOf(peer: number): number {
  return peer + 1;
}

/** To the nanosecond, so that sums of floats leave no slivers of overlap. */
function micro(seconds: number): number {
  return Math.round(seconds * MICROSECONDS * 1000) / 1000;
}

function middle(task: TaskSpan): number {
  return micro((task.start + task.end) / 2);
}
