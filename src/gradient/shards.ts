// Reduce-scatter: each replica of a group sums one shard of the gradient and sends the sum to the others
// (R. Thakur, R. Rabenseifner, W. Gropp: Optimization of Collective Communication Operations in MPICH, 2005, §4.5).

import type { Slice } from './codec.ts';

/**
 * Cuts `parameters` values into one shard per replica, in the group's order: starts are multiples of `multiple`, sizes
 * differ by at most one multiple. With more replicas than multiples the last shards are empty.
 */
export function shards(parameters: number, replicas: number, multiple = 1): Slice[] {
  const units = Math.ceil(parameters / multiple);
  return Array.from({ length: replicas }, (_, i) => ({
    from: bound(units, replicas, i, multiple, parameters),
    to: bound(units, replicas, i + 1, multiple, parameters),
  }));
}

/** Where shard `i` begins: the first units mod replicas shards have one unit more. */
function bound(units: number, replicas: number, i: number, multiple: number, parameters: number): number {
  const each = Math.floor(units / replicas);
  return Math.min(parameters, multiple * (i * each + Math.min(i, units % replicas)));
}
