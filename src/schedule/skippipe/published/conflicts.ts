// The upper level of SkipPipe's path search (arXiv 2502.19913): conflict-based search. Every micro-batch of a wave
// first takes the path that is the shortest for itself. Where paths together break a limit, the first conflict found
// (too many in a stage; too many at a peer; two at once at a peer) is forbidden to one of its micro-batches in each
// branch of a best-first tree, whose solutions are ranked by the slowest micro-batch. Like the original it breaks off
// by rule of thumb: among nodes whose slowest micro-batch is within a factor of the least possible, those with the
// fewest conflicts are opened first, and the factor grows (focal search: Barer, Sharon, Stern and Felner, "Suboptimal
// variants of the conflict-based search algorithm", 2014).

import { type Before, heapOf, popFrom, pushTo } from '../../heap.ts';
import { createRouter, type Forbidden, nothingForbidden, type Occupation, type Route } from './routes.ts';
import type { Instance } from '../instance.ts';

export interface Wave {
  /** Per micro-batch: its anchor, and when the anchor may start it (microseconds). */
  readonly starts: readonly { readonly anchor: number; readonly at: number }[];
  /** Most visits of each stage, of each peer. */
  readonly stageQuota: readonly number[];
  readonly peerQuota: readonly number[];
}

export interface TreeOptions {
  /** Whether two at once at a peer is a conflict (the paper's TC2). */
  readonly collisions: boolean;
  /** Most nodes opened. */
  readonly nodes: number;
}

interface TreeNode {
  readonly routes: readonly Route[];
  readonly forbidden: readonly Forbidden[];
  readonly slowest: number;
  /** Visits beyond quotas. */
  readonly excess: number;
  /** Pairs of tasks that meet. */
  readonly meetings: number;
  readonly sum: number;
}

/** How far above the least possible the slowest micro-batch may be, each for an equal part of the nodes. */
const focalWidths = [1, 1.02, 1.05, 1.1, 1.2, 1.4, 2, Number.POSITIVE_INFINITY];

type Conflict =
  | { readonly kind: 'stage'; readonly stage: number; readonly microbatches: readonly number[] }
  | { readonly kind: 'peer'; readonly peer: number; readonly microbatches: readonly number[] }
  | { readonly kind: 'time'; readonly first: Meeting; readonly second: Meeting };

interface Meeting extends Occupation {
  readonly microbatch: number;
}

/** The paths of one wave, or undefined where the tree ended or broke off with quotas still exceeded. */
export function wavePaths(
  instance: Instance,
  wave: Wave,
  options: TreeOptions,
): readonly Route[] | undefined {
  const router = createRouter(instance);
  const stageOf = new Int32Array(instance.peerCount).fill(-1);
  instance.assignment.forEach((group, stage) => {
    for (const peer of group) stageOf[peer] = stage;
  });
  const known = new Map<string, Route | undefined>();
  const forbidden = wave.starts.map(() => nothingForbidden);
  const routes = wave.starts.map((_, m) => routeOf(m, nothingForbidden));
  if (!routes.every((route) => route !== undefined)) return undefined;
  const seen = new Set<string>();
  const root = nodeOf(routes, forbidden);
  let open: TreeNode[] = [root];
  let nearest = root;
  for (const width of focalWidths) {
    const before = withinWidth(width * root.slowest);
    open = heapOf(open, before);
    for (let opened = 0; open.length > 0 && opened * focalWidths.length < options.nodes; opened++) {
      const node = popFrom(open, before)!;
      if (byConflicts(node, nearest)) nearest = node;
      const conflict = firstConflict(node);
      if (conflict === undefined) return node.routes;
      for (const child of children(node, conflict)) pushTo(open, child, before);
    }
  }
  return nearest.excess === 0 ? nearest.routes : undefined;

  function routeOf(m: number, limits: Forbidden): Route | undefined {
    const { anchor, at } = wave.starts[m]!;
    const key = `${anchor} ${at} ${keyOf(limits)}`;
    if (!known.has(key)) known.set(key, router.route(anchor, at, limits));
    return known.get(key);
  }

  function nodeOf(all: readonly Route[], limits: readonly Forbidden[]): TreeNode {
    let excess = 0;
    visitsBy(all, (peer) => stageOf[peer]!).forEach((visitors, stage) => {
      excess += Math.max(0, visitors.length - wave.stageQuota[stage]!);
    });
    visitsBy(all, (peer) => peer).forEach((visitors, peer) => {
      excess += Math.max(0, visitors.length - wave.peerQuota[peer]!);
    });
    return {
      routes: all,
      forbidden: limits,
      slowest: all.reduce((most, route) => Math.max(most, route.end), 0),
      excess,
      meetings: options.collisions ? meetingsOf(all).length : 0,
      sum: all.reduce((total, route) => total + route.end, 0),
    };
  }

  function firstConflict({ routes: all }: TreeNode): Conflict | undefined {
    for (const [stage, microbatches] of visitsBy(all, (peer) => stageOf[peer]!)) {
      if (microbatches.length > wave.stageQuota[stage]!) return { kind: 'stage', stage, microbatches };
    }
    for (const [peer, microbatches] of visitsBy(all, (at) => at)) {
      if (microbatches.length > wave.peerQuota[peer]!) return { kind: 'peer', peer, microbatches };
    }
    if (!options.collisions) return undefined;
    const [meeting] = meetingsOf(all);
    return meeting === undefined ? undefined : { kind: 'time', first: meeting[0], second: meeting[1] };
  }

  function* children(node: TreeNode, conflict: Conflict): Generator<TreeNode> {
    const branches: [number, Forbidden][] =
      conflict.kind === 'time'
        ? [
            [conflict.first.microbatch, withTime(node, conflict.first.microbatch, conflict.second)],
            [conflict.second.microbatch, withTime(node, conflict.second.microbatch, conflict.first)],
          ]
        : conflict.microbatches.map((m) => {
            const own = node.forbidden[m]!;
            const more =
              conflict.kind === 'stage'
                ? { ...own, stages: [...own.stages, conflict.stage].sort((a, b) => a - b) }
                : { ...own, peers: [...own.peers, conflict.peer].sort((a, b) => a - b) };
            return [m, more];
          });
    for (const [m, limits] of branches) {
      const nextForbidden = node.forbidden.with(m, limits);
      // The same limits are reached in any order, and micro-batches that start alike may change places.
      const key = nextForbidden
        .map((own, at) => `${wave.starts[at]!.anchor} ${wave.starts[at]!.at} ${keyOf(own)}`)
        .sort()
        .join(';');
      if (seen.has(key)) continue;
      seen.add(key);
      const route = routeOf(m, limits);
      if (route !== undefined) yield nodeOf(node.routes.with(m, route), nextForbidden);
    }
  }
}

function withTime(node: TreeNode, m: number, taken: Occupation): Forbidden {
  const own = node.forbidden[m]!;
  const { peer, from, until } = taken;
  return { ...own, times: [...own.times, { peer, from, until }] };
}

function keyOf({ stages, peers, times }: Forbidden): string {
  const taken = times.map(({ peer, from, until }) => `${peer}:${from}-${until}`).sort();
  return `${stages.join(',')}/${peers.join(',')}/${taken.join(',')}`;
}

/** Micro-batches by what `groupOf` says of the peers they visit, anchors not counted; in ascending order of groups. */
function visitsBy(routes: readonly Route[], groupOf: (peer: number) => number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  routes.forEach(({ path }, m) => {
    for (const peer of path.slice(1)) {
      const group = groupOf(peer);
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group)!.push(m);
    }
  });
  return new Map([...groups].sort(([a], [b]) => a - b));
}

/** Pairs of tasks of two micro-batches that a peer would run at the same time, the earliest first. */
function meetingsOf(routes: readonly Route[]): [Meeting, Meeting][] {
  const tasks: Meeting[] = [];
  routes.forEach(({ occupied }, microbatch) => {
    for (const { peer, from, until } of occupied) tasks.push({ peer, from, until, microbatch });
  });
  tasks.sort((a, b) => a.peer - b.peer || a.from - b.from || a.microbatch - b.microbatch);
  const met: [Meeting, Meeting][] = [];
  tasks.forEach((task, at) => {
    for (let other = at + 1; other < tasks.length; other++) {
      const later = tasks[other]!;
      if (later.peer !== task.peer || later.from >= task.until) break;
      met.push([task, later]);
    }
  });
  return met.sort((a, b) => a[1].from - b[1].from);
}

/** Those whose slowest micro-batch is within `limit` first, and of these the ones with the fewest conflicts. */
function withinWidth(limit: number): Before<TreeNode> {
  return (a, b) => {
    const inside = a.slowest <= limit;
    if (inside !== b.slowest <= limit) return inside;
    return inside ? byConflicts(a, b) : a.slowest < b.slowest;
  };
}

function byConflicts(a: TreeNode, b: TreeNode): boolean {
  if (a.excess !== b.excess) return a.excess < b.excess;
  if (a.meetings !== b.meetings) return a.meetings < b.meetings;
  return a.sum < b.sum;
}
