// Small plans and networks built by hand, for tests of single behaviours.

import type { LinkDescription } from '../../src/schedule/description.ts';
import type { Order, Plan, Task } from '../../src/schedule/plan.ts';
import type { TimelineNetwork } from '../../src/schedule/timeline.ts';

export interface SmallTask {
  readonly peer: number;
  readonly seconds: number;
  /** Tasks waited for, with bytes. */
  readonly after?: readonly (readonly [task: number, bytes: number])[];
  readonly takes?: number;
  readonly gives?: number;
}

/** A plan of bare tasks: no paths, one stage. For the timeline, which looks at tasks only. */
export function smallPlan(tasks: readonly SmallTask[], order: Order, memoryLimits: readonly number[]): Plan {
  return {
    policy: 'by hand',
    peers: memoryLimits.map((_, peer) => `p${peer}`),
    stages: 1,
    assignment: [memoryLimits.map((_, peer) => peer)],
    headAt: 'last',
    splitBackward: false,
    chunks: 1,
    activationBytes: 0,
    gradientBytes: 0,
    paths: [],
    tasks: tasks.map(
      (task, index): Task => ({
        peer: task.peer,
        kind: 'forward',
        stage: 0,
        chunk: 0,
        microbatch: index,
        seconds: task.seconds,
        waitsFor: (task.after ?? []).map(([needed, bytes]) => ({ task: needed, bytes })),
        takes: task.takes ?? 0,
        gives: task.gives ?? 0,
      }),
    ),
    order,
    memoryLimits,
  };
}

export function linksOf(
  peers: number,
  options: {
    latency?: number;
    pair?: number;
    upload?: readonly number[];
    download?: readonly number[];
    shared?: boolean;
  } = {},
): LinkDescription {
  const endless = new Array<number>(peers).fill(Number.POSITIVE_INFINITY);
  const all = (value: number) => Array.from({ length: peers }, () => new Array<number>(peers).fill(value));
  return {
    latencySeconds: all(options.latency ?? 0),
    bytesPerSecond: all(options.pair ?? Number.POSITIVE_INFINITY),
    uploadBytesPerSecond: options.upload ?? endless,
    downloadBytesPerSecond: options.download ?? endless,
    shared: options.shared ?? false,
  };
}

export function networkWith(links: LinkDescription, gap = 0): TimelineNetwork {
  return { links, gapSeconds: links.uploadBytesPerSecond.map(() => gap) };
}
