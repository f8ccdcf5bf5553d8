// What an executor of plans hands back, and what it needs to know of the network.

import type { LinkDescription } from '../description.ts';

/** The network that a plan meets. Speeds of peers are already in the tasks' seconds. */
export interface TimelineNetwork {
  readonly links: LinkDescription;
  /** Per peer: pause between two of its tasks. */
  readonly gapSeconds: readonly number[];
}

/** When everything happened, in seconds from the start of the iteration. */
export interface Execution {
  /** Per task. */
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** Per dependency edge: when its bytes had arrived (they leave at the end of the task waited for). */
  readonly arrival: Float64Array;
  /** Per task: the task that its peer ran before it, -1 for the first. */
  readonly previous: Int32Array;
  /** Per peer: the last task it ran, -1 when it ran none. */
  readonly last: Int32Array;
  /** Per peer: most activation memory held at once, in stage units. */
  readonly peakActivations: Float64Array;
}

/** Memory is counted in fractions of a stage; sums of them may be off by rounding. */
export const memoryTolerance = 1e-9;

/** Seconds a message of `bytes` takes from one peer to another when nothing else is on the way. */
export function transferSeconds(links: LinkDescription, from: number, to: number, bytes: number): number {
  if (from === to) return 0;
  const latency = links.latencySeconds[from]![to]!;
  return bytes === 0 ? latency : latency + bytes / narrowestBytesPerSecond(links, from, to);
}

/** Of the link between two peers, the upload of one and the download of the other. */
export function narrowestBytesPerSecond(links: LinkDescription, from: number, to: number): number {
  const pair = links.bytesPerSecond[from]![to]!;
  const up = links.uploadBytesPerSecond[from]!;
  const down = links.downloadBytesPerSecond[to]!;
  let narrowest = pair;
  if (up < narrowest) narrowest = up;
  if (down < narrowest) narrowest = down;
  return narrowest;
}
