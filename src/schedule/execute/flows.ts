// Transfers that share links: every flow gets its max-min fair share of its sender's uplink, its receiver's
// downlink and the link between the two, by progressive filling (Bertsekas and Gallager, Data Networks, 2nd ed.,
// 6.5.2): all rates rise together until some link is full, its flows are frozen, the others rise on. Rates are
// recomputed when a flow starts or ends, for the flows that are joined to it by full-capacity links only.

import type { LinkDescription } from '../description.ts';

interface Flow {
  readonly edge: number;
  readonly links: readonly Link[];
  bytesLeft: number;
  bytesPerSecond: number;
  updatedAt: number;
  /** When its last byte leaves at the present rate. */
  endsAt: number;
}

interface Link {
  readonly bytesPerSecond: number;
  readonly flows: Set<Flow>;
  // While rates are computed:
  bytesPerSecondLeft: number;
  rising: number;
}

export interface Flows {
  /** Starts to send `bytes` (> 0) for an edge. False when no link limits it: it then takes no time to send. */
  start(edge: number, from: number, to: number, bytes: number, now: number): boolean;
  /** Ends a flow if its last byte leaves at `now`; false when the event is out of date. */
  finish(edge: number, now: number): boolean;
  /** Whether flows started or ended since the last `share`. */
  readonly changed: boolean;
  /** Recomputes the rates and reports every flow's new end. */
  share(now: number, endsAt: (edge: number, time: number) => void): void;
}

export function createFlows(links: LinkDescription): Flows {
  const uplinks = links.uploadBytesPerSecond.map(linkOf);
  const downlinks = links.downloadBytesPerSecond.map(linkOf);
  const pairs = new Map<number, Link>();
  const flows = new Map<number, Flow>();
  let touched = new Set<Link>();

  function pairLink(from: number, to: number): Link {
    const key = from * uplinks.length + to;
    let link = pairs.get(key);
    if (link === undefined) {
      link = linkOf(links.bytesPerSecond[from]![to]!);
      pairs.set(key, link);
    }
    return link;
  }

  return {
    get changed() {
      return touched.size > 0;
    },

    start(edge, from, to, bytes, now) {
      const used = [uplinks[from]!, downlinks[to]!, pairLink(from, to)].filter(
        (link) => link.bytesPerSecond !== Number.POSITIVE_INFINITY,
      );
      if (used.length === 0) return false;
      const flow = {
        edge,
        links: used,
        bytesLeft: bytes,
        bytesPerSecond: 0,
        updatedAt: now,
        endsAt: Number.POSITIVE_INFINITY,
      };
      flows.set(edge, flow);
      for (const link of used) {
        link.flows.add(flow);
        touched.add(link);
      }
      return true;
    },

    finish(edge, now) {
      const flow = flows.get(edge);
      if (flow === undefined || flow.endsAt !== now) return false;
      flows.delete(edge);
      for (const link of flow.links) {
        link.flows.delete(flow);
        touched.add(link);
      }
      return true;
    },

    share(now, endsAt) {
      const joined = joinedFlows(touched);
      touched = new Set();
      for (const flow of joined) {
        flow.bytesLeft = Math.max(0, flow.bytesLeft - flow.bytesPerSecond * (now - flow.updatedAt));
        flow.updatedAt = now;
      }
      fillProgressively(joined);
      for (const flow of joined) {
        flow.endsAt =
          flow.bytesPerSecond > 0 ? now + flow.bytesLeft / flow.bytesPerSecond : Number.POSITIVE_INFINITY;
        if (flow.endsAt !== Number.POSITIVE_INFINITY) endsAt(flow.edge, flow.endsAt);
      }
    },
  };
}

function linkOf(bytesPerSecond: number): Link {
  return { bytesPerSecond, flows: new Set(), bytesPerSecondLeft: 0, rising: 0 };
}

/** The flows that share a link with one of these, directly or by way of others; by edge, so that names of peers do not matter. */
function joinedFlows(from: Set<Link>): Flow[] {
  const seen = new Set<Flow>();
  const links = new Set(from);
  for (const link of links) {
    for (const flow of link.flows) {
      if (seen.has(flow)) continue;
      seen.add(flow);
      for (const other of flow.links) links.add(other);
    }
  }
  return [...seen].sort((a, b) => a.edge - b.edge);
}

/** Gives each flow its max-min fair rate. Every flow passes at least one link of finite capacity. */
export function fillProgressively(flows: readonly Flow[]): void {
  const links = new Set<Link>();
  for (const flow of flows) {
    flow.bytesPerSecond = -1; // still rising
    for (const link of flow.links) {
      links.add(link);
      link.bytesPerSecondLeft = link.bytesPerSecond;
      link.rising = link.flows.size;
    }
  }
  while (links.size > 0) {
    let fullest: Link | undefined;
    let share = Number.POSITIVE_INFINITY;
    for (const link of links) {
      if (link.rising === 0) {
        links.delete(link);
      } else if (link.bytesPerSecondLeft / link.rising < share) {
        share = link.bytesPerSecondLeft / link.rising;
        fullest = link;
      }
    }
    if (fullest === undefined) return;
    for (const flow of fullest.flows) {
      if (flow.bytesPerSecond >= 0) continue;
      flow.bytesPerSecond = share;
      for (const link of flow.links) {
        link.bytesPerSecondLeft = Math.max(0, link.bytesPerSecondLeft - share);
        link.rising--;
      }
    }
    links.delete(fullest);
  }
}
