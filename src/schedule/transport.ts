// The transportation problem: who sends how many micro-batches to whom so that everyone gets a share and the sum of
// costs is least. Successive shortest paths with potentials (Ahuja, Magnanti, Orlin, Network Flows, 9.7), on dense
// matrices: the groups of a stage have tens of members, not thousands.

/**
 * flow[i][j]: how many of the `supply[i]` items of sender i go to receiver j, which takes at most
 * `demand[j]`; whole numbers, the sum of demands no less than that of supplies. `cost[i][j]` ≥ 0 per item. Ties fall to smaller indices, so the result is deterministic.
 */
export function transport(
  supply: readonly number[],
  demand: readonly number[],
  cost: readonly (readonly number[])[],
): number[][] {
  const senders = supply.length;
  const receivers = demand.length;
  const flow = supply.map(() => new Array<number>(receivers).fill(0));
  const left = [...supply];
  const open = [...demand];
  const count = senders + receivers; // nodes: senders, then receivers
  const potential = new Float64Array(count);
  const distance = new Float64Array(count);
  const parent = new Int32Array(count);
  const done = new Uint8Array(count);

  for (let source = 0; source < senders; source++) {
    while (left[source]! > 0) {
      distance.fill(Number.POSITIVE_INFINITY);
      done.fill(0);
      distance[source] = 0;
      parent[source] = -1;
      let reached = -1;
      for (;;) {
        let node = -1;
        for (let other = 0; other < count; other++) {
          if (done[other] === 0 && (node < 0 || distance[other]! < distance[node]!)) node = other;
        }
        if (node < 0 || distance[node] === Number.POSITIVE_INFINITY) break;
        done[node] = 1;
        if (node >= senders && open[node - senders]! > 0) {
          reached = node;
          break;
        }
        const relax = (to: number, edgeCost: number) => {
          // Rounding may leave reduced costs a hair below zero; they are zero.
          const reduced = Math.max(0, edgeCost + potential[node]! - potential[to]!);
          if (done[to] === 0 && distance[node]! + reduced < distance[to]!) {
            distance[to] = distance[node]! + reduced;
            parent[to] = node;
          }
        };
        if (node < senders) {
          for (let to = 0; to < receivers; to++) relax(senders + to, cost[node]![to]!);
        } else {
          for (let to = 0; to < senders; to++)
            if (flow[to]![node - senders]! > 0) relax(to, -cost[to]![node - senders]!);
        }
      }
      if (reached < 0) throw new RangeError('more is supplied than all receivers take');
      for (let node = 0; node < count; node++)
        potential[node]! += Math.min(distance[node]!, distance[reached]!);
      let amount = Math.min(left[source]!, open[reached - senders]!);
      for (let node = reached; parent[node]! >= 0; node = parent[node]!) {
        const from = parent[node]!;
        if (from >= senders) amount = Math.min(amount, flow[node]![from - senders]!);
      }
      for (let node = reached; parent[node]! >= 0; node = parent[node]!) {
        const from = parent[node]!;
        if (from < senders) flow[from]![node - senders]! += amount;
        else flow[node]![from - senders]! -= amount;
      }
      left[source]! -= amount;
      open[reached - senders]! -= amount;
    }
  }
  return flow;
}
