// How fast timelines are computed: tasks a second from 10^3 to 10^7 tasks, for fixed lists (walked along), for a
// priority rule (event queue) and for shared links (event queue and fair rates), against a named baseline: the
// textbook simulator with one object per task and one binary heap of event objects. All executors run the same
// 1F1B pipeline and must find the same makespan.

import type { PlanColumns } from '../src/schedule/columns.ts';
import { type TimelineNetwork, timelineOfColumns } from '../src/schedule/timeline.ts';

export interface TimelineRow {
  readonly executor: 'fixed' | 'priority' | 'shared' | 'baseline: objects and one heap';
  readonly tasks: number;
  readonly dependencies: number;
  readonly peers: number;
  readonly seconds: number;
  readonly tasksPerSecond: number;
  /** Nanoseconds per task and per binary logarithm of the number of tasks: flat or falling if growth is n log n. */
  readonly nanosecondsPerTaskLog: number;
  /** Tasks a second over the baseline's at the same size, where it was run. */
  readonly ratio: number | undefined;
}

export interface TimelineBenchOptions {
  /** Most tasks; 10^7 by default. */
  readonly largest?: number;
}

const peers = 64;
const largestBaseline = 1_100_000;
const largestShared = 100_000;
const transferBytes = 100;

export async function run(
  options: TimelineBenchOptions = {},
): Promise<{ bench: 'timeline'; rows: readonly TimelineRow[] }> {
  const largest = options.largest ?? 10_000_000;
  const rows: TimelineRow[] = [];
  // One round over every executor first, so that the smallest size does not pay for compilation.
  for (let size = 0; size <= Math.log10(largest); size++) {
    const tasks = size === 0 ? 10_000 : 10 ** (size + 2);
    if (tasks > largest) break;
    const measured = measureSize(tasks);
    if (size > 0) rows.push(...measured);
  }
  return { bench: 'timeline', rows };
}

function measureSize(tasks: number): TimelineRow[] {
  const microbatches = Math.max(1, Math.round(tasks / (2 * peers)));
  const columns = pipelineColumns(peers, microbatches);
  const rows: TimelineRow[] = [];
  const plain = network(peers, false);
  let baseline: number | undefined;
  let makespan: number | undefined;
  const add = (executor: TimelineRow['executor'], execute: () => number) => {
    const { seconds, result } = fastest(execute);
    const tasksPerSecond = columns.taskCount / seconds;
    if (executor.startsWith('baseline')) baseline = tasksPerSecond;
    makespan ??= result;
    if (executor !== 'shared' && Math.abs(result - makespan) > 1e-6 * makespan) {
      throw new Error(`${executor} finds a makespan of ${result} s and not ${makespan} s`);
    }
    rows.push({
      executor,
      tasks: columns.taskCount,
      dependencies: columns.dependencyTask.length,
      peers,
      seconds,
      tasksPerSecond,
      nanosecondsPerTaskLog: (1e9 * seconds) / columns.taskCount / Math.log2(columns.taskCount),
      ratio: baseline === undefined ? undefined : tasksPerSecond / baseline,
    });
  };
  if (columns.taskCount <= largestBaseline) {
    add('baseline: objects and one heap', () => objectSimulator(columns, plain));
  }
  add('fixed', () => timelineOfColumns(columns, plain).makespanSeconds);
  add('priority', () => timelineOfColumns(asPriority(columns), plain).makespanSeconds);
  if (columns.taskCount <= largestShared) {
    add('shared', () => timelineOfColumns(columns, network(peers, true)).makespanSeconds);
  }
  return rows;
}

/** The fastest of up to five runs, stopping after about a second. */
function fastest(execute: () => number): { seconds: number; result: number } {
  let seconds = Number.POSITIVE_INFINITY;
  let result = 0;
  let spent = 0;
  for (let attempt = 0; attempt < 5 && spent < 1; attempt++) {
    const start = performance.now();
    result = execute();
    const took = (performance.now() - start) / 1000;
    seconds = Math.min(seconds, took);
    spent += took;
  }
  return { seconds, result };
}

function network(count: number, shared: boolean): TimelineNetwork {
  const all = (value: number) => new Array<number>(count).fill(value);
  const latency = all(0.01);
  const pair = all(1000);
  return {
    links: {
      latencySeconds: new Array<number[]>(count).fill(latency),
      bytesPerSecond: new Array<number[]>(count).fill(pair),
      uploadBytesPerSecond: all(1000),
      downloadBytesPerSecond: all(1000),
      shared,
    },
    gapSeconds: all(0),
  };
}

/** 1F1B over `count` stages of one peer each, written straight into columns. */
export function pipelineColumns(count: number, microbatches: number): PlanColumns {
  const taskCount = 2 * count * microbatches;
  const edges = microbatches * (count - 1 + (2 * count - 1)); // forwards: one but the first; backwards: two but the last
  const peer = new Int32Array(taskCount);
  const kind = new Uint8Array(taskCount);
  const seconds = new Float64Array(taskCount);
  const takes = new Float64Array(taskCount);
  const gives = new Float64Array(taskCount);
  const lane = new Uint8Array(taskCount);
  const dependencyStart = new Int32Array(taskCount + 1);
  const dependencyTask = new Int32Array(edges);
  const dependencyBytes = new Float64Array(edges);
  const forward = (microbatch: number, stage: number) => (2 * microbatch * count + stage) | 0;
  const backward = (microbatch: number, stage: number) =>
    (2 * microbatch * count + 2 * count - 1 - stage) | 0;
  let edge = 0;
  for (let microbatch = 0; microbatch < microbatches; microbatch++) {
    for (let at = 0; at < 2 * count; at++) {
      const task = 2 * microbatch * count + at;
      const isForward = at < count;
      const stage = isForward ? at : 2 * count - 1 - at;
      peer[task] = stage;
      kind[task] = isForward ? 0 : 2;
      seconds[task] = isForward ? 1 : 2;
      takes[task] = isForward ? 1 : 0;
      gives[task] = isForward ? 0 : 1;
      lane[task] = isForward ? 1 : 0;
      if (at > 0) {
        dependencyTask[edge] = task - 1;
        dependencyBytes[edge++] = at === count ? 0 : transferBytes;
      }
      if (at > count) dependencyTask[edge++] = forward(microbatch, stage);
      dependencyStart[task + 1] = edge;
    }
  }
  const start = new Int32Array(count + 1);
  const tasks = new Int32Array(taskCount);
  let position = 0;
  for (let stage = 0; stage < count; stage++) {
    const ahead = Math.min(microbatches, count - stage - 1);
    for (let microbatch = 0; microbatch < microbatches + ahead; microbatch++) {
      if (microbatch < microbatches) tasks[position++] = forward(microbatch, stage);
      if (microbatch >= ahead) tasks[position++] = backward(microbatch - ahead, stage);
    }
    start[stage + 1] = position;
  }
  return {
    peerCount: count,
    taskCount,
    peer,
    kind,
    seconds,
    takes,
    gives,
    dependencyStart,
    dependencyTask,
    dependencyBytes,
    order: { kind: 'fixed', start, tasks },
    memoryLimits: Float64Array.from({ length: count }, (_, stage) => count - stage),
    lane,
    reserve: new Float64Array(0),
  };
}

/** The same plan as a priority rule that leads to the same order: a task's place in its peer's list. */
function asPriority(columns: PlanColumns): PlanColumns {
  if (columns.order.kind !== 'fixed') return columns;
  const values = new Float64Array(columns.taskCount);
  columns.order.tasks.forEach((task, at) => {
    values[task] = at;
  });
  return { ...columns, order: { kind: 'priority', values } };
}

interface PlainTask {
  readonly peer: number;
  readonly seconds: number;
  readonly dependents: { readonly task: PlainTask; readonly bytes: number }[];
  missing: number;
}

interface PlainEvent {
  readonly time: number;
  readonly task: PlainTask;
  readonly ends: boolean;
}

/** The baseline: one object a task, one heap of event objects, one event for every transfer. Returns the makespan. */
function objectSimulator(columns: PlanColumns, world: TimelineNetwork): number {
  const { order } = columns;
  if (order.kind !== 'fixed') return 0;
  const tasks: PlainTask[] = Array.from({ length: columns.taskCount }, (_, task) => ({
    peer: columns.peer[task]!,
    seconds: columns.seconds[task]!,
    dependents: [],
    missing: columns.dependencyStart[task + 1]! - columns.dependencyStart[task]!,
  }));
  tasks.forEach((task, index) => {
    for (let edge = columns.dependencyStart[index]!; edge < columns.dependencyStart[index + 1]!; edge++) {
      tasks[columns.dependencyTask[edge]!]!.dependents.push({ task, bytes: columns.dependencyBytes[edge]! });
    }
  });
  const lists = Array.from({ length: columns.peerCount }, (_, peer) =>
    Array.from(order.tasks.subarray(order.start[peer]!, order.start[peer + 1]!), (task) => tasks[task]!),
  );
  const place = lists.map(() => 0);
  const busy = lists.map(() => false);
  const heap: PlainEvent[] = [];
  const push = (event: PlainEvent) => {
    heap.push(event);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.time <= heap[at]!.time) break;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  };
  const pop = (): PlainEvent => {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1]!.time < heap[child]!.time) child++;
        if (heap[child]!.time >= heap[at]!.time) break;
        [heap[child], heap[at]] = [heap[at]!, heap[child]!];
        at = child;
      }
    }
    return first;
  };
  let now = 0;
  const startNext = (peer: number) => {
    const task = lists[peer]![place[peer]!];
    if (busy[peer] || task === undefined || task.missing > 0) return;
    busy[peer] = true;
    place[peer]!++;
    push({ time: now + task.seconds, task, ends: true });
  };
  for (let peer = 0; peer < lists.length; peer++) startNext(peer);
  while (heap.length > 0) {
    const { time, task, ends } = pop();
    now = time;
    if (!ends) {
      task.missing--;
    } else {
      busy[task.peer] = false;
      for (const { task: dependent, bytes } of task.dependents) {
        if (dependent.peer === task.peer) {
          dependent.missing--;
        } else {
          const { latencySeconds, bytesPerSecond } = world.links;
          const seconds =
            latencySeconds[task.peer]![dependent.peer]! + bytes / bytesPerSecond[task.peer]![dependent.peer]!;
          push({ time: now + seconds, task: dependent, ends: false });
        }
      }
    }
    startNext(task.peer);
  }
  return now;
}
