// Room for tensors. What lies outside V8's heap, as tensors do, has a limit of its own: every 64 MB that came and went
// start a collection of everything, once in eight iterations of the demo's model, a tenth of a peer's CPU. Counted with
// the heap instead, it is collected when the heap is.

import { setFlagsFromString } from 'node:v8';

/** The first V8 (Node 24) that can count them together, major and minor. */
const SINCE = [13, 6] as const;

/** Counts tensors with the heap, in this process and in the workers that it starts from now on. */
export function countTensorsWithHeap(): void {
  const [major = 0, minor = 0] = process.versions.v8.split('.').map(Number);
  if (major < SINCE[0] || (major === SINCE[0] && minor < SINCE[1])) return;
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
