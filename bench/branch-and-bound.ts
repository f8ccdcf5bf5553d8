// The least makespan of a small instance, by branch and bound over all sets of paths that keep the rules and, for each,
// over all orders of work: the judge of what the path search finds. Exponential: for four peers and four micro-batches.
//
// Orders. Every schedule whose tasks cannot be moved forward starts each task when something ends or arrives. So time
// goes from event to event, and at each an idle peer starts one of the tasks that wait there, or stays idle. Staying
// idle is given up when a task that was passed over, and that nobody waits for memory of, would have been through by
// then (the argument of Giffler and Thompson, "Algorithms for solving production-scheduling problems", 1960).

import type { SwarmDescription } from '../src/schedule/description.ts';
import type { Path, Plan } from '../src/schedule/plan.ts';
import { type Instance, instanceOf } from '../src/schedule/skippipe/instance.ts';
import { pathCheckers, rulesOf, type SkipPipeRules, setCheckers } from '../src/schedule/skippipe/rules.ts';

export interface Optimum {
  /** Microseconds; the given limit where nothing shorter was found. */
  readonly makespan: number;
  /** Whether the search came to its end. */
  readonly proven: boolean;
  readonly pathSets: number;
  readonly nodes: number;
}

/** One task of a chain. */
interface Step {
  readonly peer: number;
  readonly duration: number;
  /** Transfer to the next step's peer. */
  readonly travel: number;
  readonly takes: boolean;
  readonly gives: boolean;
  /** From its start to the end of the chain. */
  readonly tail: number;
}

/** The least makespan below `limit` microseconds, over all plans that keep the published rules. Backwards are whole. */
export function leastMakespan(description: SwarmDescription, limit: number, mostNodes: number): Optimum {
  const instance = instanceOf(description);
  const rules = rulesOf(instance);
  const sets = pathSets(instance, description, rules).map((paths) => {
    const chains = paths.map((path) => chainOf(instance, path));
    return { chains, bound: setBound(instance, chains) };
  });
  sets.sort((a, b) => a.bound - b.bound);
  let makespan = limit;
  let nodes = 0;
  for (const { chains, bound } of sets) {
    if (bound >= makespan) break;
    const found = leastOrder(instance, chains, makespan, mostNodes - nodes);
    nodes += found.nodes;
    makespan = found.makespan;
    if (nodes >= mostNodes) return { makespan, proven: false, pathSets: sets.length, nodes };
  }
  return { makespan, proven: true, pathSets: sets.length, nodes };
}

/** Every way to give each micro-batch a path such that all rules hold; those that only rename micro-batches once. */
function pathSets(instance: Instance, description: SwarmDescription, rules: SkipPipeRules): number[][][] {
  const { assignment, microbatches, anchorCount, memory, pathLength } = instance;
  const stageOf = new Map(assignment.flatMap((group, stage) => group.map((peer) => [peer, stage] as const)));
  const stagesOf = (path: readonly number[]) => path.map((peer) => stageOf.get(peer)!);
  const others = assignment.slice(1).flat();
  const walks = (path: readonly number[]): number[][] =>
    path.length === pathLength ? [[...path]] : others.flatMap((peer) => walks([...path, peer]));
  const lawful = assignment[0]!.map((anchor) =>
    walks([anchor]).filter((path) =>
      Object.values(pathCheckers).every((check) => check(stagesOf(path), rules) === undefined),
    ),
  );
  const perWave = Math.min(...assignment[0]!.map((anchor) => memory[anchor]!));
  const found: number[][][] = [];
  const extend = (chosen: readonly { readonly which: number; readonly path: number[] }[]): void => {
    const m = chosen.length;
    if (m === microbatches) {
      const paths = chosen.map(({ path }) => path);
      if (keepsSetRules(paths)) found.push(paths);
      return;
    }
    const k = Math.floor(m / anchorCount);
    const sameWave = k > 0 && Math.floor(k / perWave) === Math.floor((k - 1) / perWave);
    const from = sameWave ? chosen[m - anchorCount]!.which : 0;
    const choices = lawful[m % anchorCount]!;
    for (let which = from; which < choices.length; which++)
      extend([...chosen, { which, path: choices[which]! }]);
  };
  extend([]);
  return found;

  function keepsSetRules(chosen: readonly number[][]): boolean {
    const paths: Path[] = chosen.map((path, microbatch) => ({
      microbatch,
      nodes: path.map((peer) => ({ stage: stageOf.get(peer)!, chunk: 0, peer })),
    }));
    const plan = {
      paths,
      assignment,
      peers: description.peers.map(({ name }) => name),
      memoryLimits: Array.from(memory),
      order: { kind: 'priority', values: [] },
      tasks: [],
    } as unknown as Plan;
    return Object.values(setCheckers).every((check) => check(plan, rules) === undefined);
  }
}

function chainOf(instance: Instance, path: readonly number[]): Step[] {
  const { stages, assignment, forward, backward, head, transfer, peerCount, headAtAnchor } = instance;
  const at = (peer: number) => peer * stages + assignment.findIndex((group) => group.includes(peer));
  const top = headAtAnchor ? path[0]! : path[path.length - 1]!;
  const visits = [
    ...path.map((peer) => ({ peer, duration: forward[at(peer)]!, takes: true, gives: false })),
    { peer: top, duration: head[top]!, takes: false, gives: false },
    ...path.toReversed().map((peer) => ({ peer, duration: backward[at(peer)]!, takes: false, gives: true })),
  ];
  let tail = 0;
  return visits
    .map((visit, index) => ({ visit, next: visits[index + 1] }))
    .toReversed()
    .map(({ visit, next }): Step => {
      const travel =
        next === undefined || next.peer === visit.peer ? 0 : transfer[visit.peer * peerCount + next.peer]!;
      tail += visit.duration + travel;
      return { ...visit, travel, tail };
    })
    .toReversed();
}

/** What no order can be below: each peer's work between its first arrival and the shortest way home. */
function setBound({ peerCount }: Instance, chains: readonly (readonly Step[])[]): number {
  let bound = 0;
  const heads = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  const tails = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  const work = new Float64Array(peerCount);
  for (const chain of chains) {
    const whole = chain[0]!.tail;
    bound = Math.max(bound, whole);
    for (const { peer, duration, tail } of chain) {
      heads[peer] = Math.min(heads[peer]!, whole - tail);
      tails[peer] = Math.min(tails[peer]!, tail - duration);
      work[peer]! += duration;
    }
  }
  for (let peer = 0; peer < peerCount; peer++) {
    if (work[peer]! > 0) bound = Math.max(bound, heads[peer]! + work[peer]! + tails[peer]!);
  }
  return bound;
}

/** The least makespan below `limit` for given paths. */
function leastOrder(
  { peerCount, memory }: Instance,
  chains: readonly (readonly Step[])[],
  limit: number,
  mostNodes: number,
): { readonly makespan: number; readonly nodes: number } {
  const count = chains.length;
  const keys = chains.map((chain) => chain.map(({ peer }) => peer).join(' '));
  const visitors = new Int32Array(peerCount);
  for (const chain of chains) for (const { peer, takes } of chain) if (takes) visitors[peer]!++;
  let best = limit;
  let nodes = 0;

  const next = new Int32Array(count); // the chain's next step
  const readyAt = new Float64Array(count); // when its input is there
  const freeAt = new Float64Array(peerCount);
  // A peer that runs a backward starts nothing before its end, so its memory may count as given back at its start.
  const held = new Int32Array(peerCount);
  const work = new Float64Array(peerCount);
  /** A peer that stayed idle must start before this. */
  const patience = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  for (const chain of chains) for (const { peer, duration } of chain) work[peer]! += duration;
  /** By what is done: moments from which all was tried. What comes later with no less time left is no better. */
  const tried = new Map<string, Float64Array[]>();

  decide(0, 0);
  return { makespan: best, nodes };

  /** Decides for the peers from `peer` on at this moment, then goes on to the next event. */
  function decide(now: number, peer: number): void {
    if (nodes >= mostNodes) return;
    if (peer === peerCount) {
      advance(now);
      return;
    }
    if (freeAt[peer]! > now || work[peer] === 0) {
      decide(now, peer + 1);
      return;
    }
    const waiting: number[] = [];
    for (let m = 0; m < count; m++) {
      const step = chains[m]![next[m]!];
      if (step === undefined || step.peer !== peer || readyAt[m]! > now) continue;
      if (step.takes && held[peer]! >= memory[peer]!) continue;
      // Of micro-batches with one and the same path the first goes first.
      if (next[m] === 0 && keys.some((key, other) => other < m && key === keys[m] && next[other] === 0))
        continue;
      waiting.push(m);
    }
    const before = patience[peer]!;
    for (const m of waiting) {
      nodes++;
      const step = chains[m]![next[m]!]!;
      const readyBefore = readyAt[m]!;
      const freeBefore = freeAt[peer]!;
      const change = (step.takes ? 1 : 0) - (step.gives ? 1 : 0);
      patience[peer] = Number.POSITIVE_INFINITY;
      next[m]!++;
      readyAt[m] = now + step.duration + step.travel;
      freeAt[peer] = now + step.duration;
      work[peer]! -= step.duration;
      held[peer]! += change;
      decide(now, peer + 1);
      held[peer]! -= change;
      work[peer]! += step.duration;
      freeAt[peer] = freeBefore;
      readyAt[m] = readyBefore;
      next[m]!--;
      patience[peer] = before;
    }
    // Stay idle, if something else may come in time.
    for (const m of waiting) {
      const step = chains[m]![next[m]!]!;
      if (step.takes && visitors[peer]! > memory[peer]!) continue;
      patience[peer] = Math.min(patience[peer]!, now + step.duration);
    }
    decide(now, peer + 1);
    patience[peer] = before;
  }

  function advance(now: number): void {
    let last = 0;
    let moment = Number.POSITIVE_INFINITY;
    let done = true;
    for (let m = 0; m < count; m++) {
      const step = chains[m]![next[m]!];
      if (step === undefined) {
        last = Math.max(last, readyAt[m]!);
        continue;
      }
      done = false;
      last = Math.max(last, Math.max(now, readyAt[m]!, freeAt[step.peer]!) + step.tail);
      if (readyAt[m]! > now) moment = Math.min(moment, readyAt[m]!);
    }
    if (last >= best) return;
    if (done) {
      best = last;
      return;
    }
    for (let peer = 0; peer < peerCount; peer++) {
      if (workBound(peer, now) >= best) return;
      if (freeAt[peer]! > now) moment = Math.min(moment, freeAt[peer]!);
    }
    if (moment === Number.POSITIVE_INFINITY) return;
    for (let peer = 0; peer < peerCount; peer++) {
      if (freeAt[peer]! <= now && moment >= patience[peer]!) return;
    }
    const times = timesAt(now);
    const key = next.join(' ');
    if (tried.get(key)?.some((earlier) => earlier.every((time, at) => time <= times[at]!)) === true) return;
    decide(moment, 0);
    // Only now: while it was being tried, its own continuations were not to be measured by it.
    const others = tried.get(key)?.filter((old) => !times.every((time, at) => time <= old[at]!)) ?? [];
    tried.set(key, [...others, times]);
  }

  /** What a peer still has to do, after the first of it can arrive and before the shortest way home. */
  function workBound(peer: number, now: number): number {
    if (work[peer] === 0) return 0;
    let tail = Number.POSITIVE_INFINITY;
    let head = Number.POSITIVE_INFINITY;
    for (let m = 0; m < count; m++) {
      let at = readyAt[m]!;
      for (let s = next[m]!; s < chains[m]!.length; s++) {
        const step = chains[m]![s]!;
        if (step.peer === peer) {
          head = Math.min(head, at);
          tail = Math.min(tail, step.tail - step.duration);
        }
        at += step.duration + step.travel;
      }
    }
    return Math.max(head, freeAt[peer]!, now) + work[peer]! + tail;
  }

  function timesAt(now: number): Float64Array {
    const times = new Float64Array(1 + count + 2 * peerCount);
    times[0] = now;
    for (let m = 0; m < count; m++) times[1 + m] = Math.max(now, readyAt[m]!);
    for (let peer = 0; peer < peerCount; peer++) {
      times[1 + count + peer] = Math.max(now, freeAt[peer]!);
      times[1 + count + peerCount + peer] = -patience[peer]!;
    }
    return times;
  }
}
