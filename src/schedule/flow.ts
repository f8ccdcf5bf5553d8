// Minimum-cost flow through layers of peers with capacities, by successive shortest augmenting paths (Ahuja, Magnanti,
// Orlin, Network Flows, 9.7) with Bellman and Ford's search, which needs no potentials. Exact; ties fall to what
// comes first, so the result is deterministic.

export interface FlowProblem {
  /** The peers of each layer; a route takes one of each, in order. */
  readonly layers: readonly (readonly number[])[];
  /** How many routes. */
  readonly amount: number;
  /** How many routes may pass a peer of a layer. */
  readonly capacity: (peer: number, layer: number) => number;
  /**
   * Cost of the hop into `to` of layer `layer`; for layer 0 it comes from the source (`from` is -1), for layer
   * `layers.length` it goes to the sink (`to` is -1). At least 0.
   */
  readonly cost: (layer: number, from: number, to: number) => number;
}

interface Arc {
  readonly to: number;
  readonly cost: number;
  left: number;
  /** Its reverse arc, as a position in `arcs`. */
  readonly back: number;
}

/** The routes, each a peer per layer; throws a `RangeError` when capacities do not suffice. */
export function minimumCostFlow({ layers, amount, capacity, cost }: FlowProblem): number[][] {
  // Nodes: source, sink, and two for each peer of each layer, joined by an arc of its capacity.
  const source = 0;
  const sink = 1;
  const arcs: Arc[] = [];
  const leaving: number[][] = [[], []];
  const add = (from: number, to: number, room: number, price: number): void => {
    leaving[from]!.push(arcs.length);
    arcs.push({ to, cost: price, left: room, back: arcs.length + 1 });
    leaving[to]!.push(arcs.length);
    arcs.push({ to: from, cost: -price, left: 0, back: arcs.length - 1 });
  };
  const inOf: number[][] = layers.map((layer, at) =>
    layer.map((peer) => {
      const node = leaving.length;
      leaving.push([], []);
      add(node, node + 1, capacity(peer, at), 0);
      return node;
    }),
  );
  layers.forEach((layer, at) => {
    layer.forEach((peer, i) => {
      if (at === 0) add(source, inOf[0]![i]!, amount, cost(0, -1, peer));
      else {
        layers[at - 1]!.forEach((before, j) => {
          add(inOf[at - 1]![j]! + 1, inOf[at]![i]!, amount, cost(at, before, peer));
        });
      }
      if (at === layers.length - 1) add(inOf[at]![i]! + 1, sink, amount, cost(layers.length, peer, -1));
    });
  });
  if (layers.length === 0) add(source, sink, amount, 0);

  const distance = new Float64Array(leaving.length);
  const by = new Int32Array(leaving.length);
  for (let sent = 0; sent < amount; sent++) {
    distance.fill(Number.POSITIVE_INFINITY);
    distance[source] = 0;
    by.fill(-1);
    let open = [source];
    // A path visits no node twice, so as many rounds as nodes are enough.
    for (let round = 0; open.length > 0 && round <= leaving.length; round++) {
      const next = new Set<number>();
      for (const node of open) {
        for (const index of leaving[node]!) {
          const arc = arcs[index]!;
          // Less than this is rounding, and would let a round trip of cost zero look like a gain.
          if (arc.left > 0 && distance[node]! + arc.cost < distance[arc.to]! - 1e-12) {
            distance[arc.to] = distance[node]! + arc.cost;
            by[arc.to] = index;
            next.add(arc.to);
          }
        }
      }
      open = [...next];
    }
    if (by[sink]! < 0) throw new RangeError(`only ${sent} of ${amount} routes fit`);
    for (let node = sink; node !== source; ) {
      const arc = arcs[by[node]!]!;
      arc.left--;
      arcs[arc.back]!.left++;
      node = arcs[arc.back]!.to;
    }
  }
  // Flow on an arc is what its reverse has left: follow it from the source, one unit at a time.
  return Array.from({ length: amount }, () => {
    const route: number[] = [];
    for (let node = source; node !== sink; ) {
      const index = leaving[node]!.find((at) => at % 2 === 0 && arcs[at + 1]!.left > 0)!;
      arcs[index + 1]!.left--;
      node = arcs[index]!.to;
      for (let at = 0; at < inOf.length; at++) {
        const i = inOf[at]!.indexOf(node);
        if (i >= 0) route.push(layers[at]![i]!);
      }
    }
    return route;
  });
}
