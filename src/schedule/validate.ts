// Says what is wrong with a plan, and proves that a sound one completes.
//
// The proof. Under fixed lists the only things that can stop a peer are an input that never comes and memory that
// never becomes free, and neither depends on how long anything takes: it is enough to run the lists once, with
// transfers that take no time. On a real network tasks only move in time. Under a priority rule timing decides who
// holds what when, so the proof needs more: either every peer could hold at once all it is given, or the peers can
// be sorted such that a micro-batch that holds memory at one of them waits for memory only at later ones.

import { columnsOfPlan } from './columns.ts';
import { checkTasks } from './completeness.ts';
import { StallError } from './errors.ts';
import { type TimelineNetwork, memoryTolerance } from './execute/execution.ts';
import { executeFixed } from './execute/fixed.ts';
import { namesOf } from './names.ts';
import type { Plan } from './plan.ts';
import { type BrokenPath, brokenRules, type PathRuleName, type PathRules } from './rules.ts';
import { isSkipPipeRules, type SetRuleName, setCheckers } from './skippipe/rules.ts';

/** What can be wrong with a plan. `message` is for people. */
export type PlanProblem = { readonly message: string } & (
  | { readonly problem: 'bad-index' | 'bad-number'; readonly where: string }
  /** `rule` where the path makes sense and breaks a rule that has a name. */
  | { readonly problem: 'path'; readonly microbatch: number; readonly rule?: PathRuleName }
  | { readonly problem: 'missing-task'; readonly microbatch: number }
  | { readonly problem: 'missing-dependency'; readonly task: number; readonly needs: number }
  | { readonly problem: 'twice-in-order' | 'not-in-order' | 'wrong-peer'; readonly task: number }
  | { readonly problem: 'rule'; readonly rule: SetRuleName }
  | { readonly problem: 'memory'; readonly peer: number; readonly task: number }
  | { readonly problem: 'cycle'; readonly tasks: readonly number[] }
  | { readonly problem: 'stall' | 'unproven'; readonly peers: readonly number[] }
);

/** Why a plan completes whatever the network does. */
export type CompletionProof =
  /** Its lists were run once without time. */
  | { readonly by: 'lists' }
  /** Every peer has room for all it is given. */
  | { readonly by: 'room' }
  /** Memory is only ever awaited at later peers of this order. */
  | { readonly by: 'sorted-peers'; readonly peers: readonly number[] };

/**
 * Everything that is wrong with the plan; empty when it is sound and proven to complete. `rules` are those of
 * partial pipelines, of paths alone or also of all paths together, for plans that must keep them. Time and memory are linear in tasks and dependencies.
 */
export function validatePlan(plan: Plan, rules?: PathRules): PlanProblem[] {
  const bad = [...badNumbers(plan)];
  if (bad.length > 0) return bad; // nothing else can be looked up safely
  const problems = ruleProblems(plan, rules);
  problems.push(...checkTasks(plan));
  const cycle = dependencyCycle(plan);
  if (cycle !== undefined) {
    const names = namesOf(plan);
    const message = `tasks wait for each other: ${cycle.map(names.task).join(' → ')}`;
    problems.push({ problem: 'cycle', tasks: cycle, message });
  }
  const order = [...orderProblems(plan)];
  const memory = [...memoryProblems(plan)];
  problems.push(...order, ...memory);
  if (cycle === undefined && order.length === 0 && memory.length === 0) {
    const proof = proveCompletion(plan);
    if ('problem' in proof) problems.push(proof);
  }
  return problems;
}

/** What its paths break, each alone or, where `rules` are about that too and none is broken so, all together. */
export function ruleProblems(plan: Plan, rules: PathRules | undefined): PlanProblem[] {
  const problems: PlanProblem[] = [];
  const seen = new Set<number>();
  for (const path of plan.paths) {
    const { microbatch } = path;
    const twice: BrokenPath[] | undefined = seen.has(microbatch)
      ? [{ message: 'its number is used twice' }]
      : undefined;
    for (const broken of twice ?? brokenRules(path, plan, rules)) {
      const message = `micro-batch ${microbatch}${inBrackets(broken.rule)}: ${broken.message}`;
      problems.push({ problem: 'path', microbatch, ...broken, message });
    }
    seen.add(microbatch);
  }
  if (rules !== undefined && isSkipPipeRules(rules) && problems.length === 0) {
    for (const rule of Object.keys(setCheckers) as SetRuleName[]) {
      const broken = setCheckers[rule](plan, rules);
      if (broken !== undefined)
        problems.push({ problem: 'rule', rule, message: `all paths together${inBrackets(rule)}: ${broken}` });
    }
  }
  return problems;
}

function inBrackets(rule: string | undefined): string {
  return rule === undefined ? '' : ` (rule ${rule})`;
}

/** The proof that the plan completes, or what stands against it. Expects sound indices and no cycle. */
export function proveCompletion(plan: Plan): CompletionProof | PlanProblem {
  if (plan.order.kind === 'fixed') {
    try {
      executeFixed(columnsOfPlan(plan), instantNetwork(plan.peers.length), namesOf(plan));
      return { by: 'lists' };
    } catch (error) {
      if (!(error instanceof StallError)) throw error;
      return { problem: 'stall', peers: error.waits.map((wait) => wait.peer), message: error.message };
    }
  }
  const given = new Float64Array(plan.peers.length);
  for (const task of plan.tasks) given[task.peer]! += task.takes;
  if (plan.memoryLimits.every((limit, peer) => given[peer]! <= limit + memoryTolerance))
    return { by: 'room' };
  const sorted = sortPeers(plan);
  if (sorted.ring.length === 0) return { by: 'sorted-peers', peers: sorted.peers };
  const names = sorted.ring.map((peer) => plan.peers[peer]).join(', ');
  const message = `under a priority rule micro-batches may wait for each other's memory among ${names}; record the rule as fixed lists`;
  return { problem: 'unproven', peers: sorted.ring, message };
}

/** A network on which nothing takes time; rows are shared, so it is small for any number of peers. */
export function instantNetwork(peerCount: number): TimelineNetwork {
  const zero = new Array<number>(peerCount).fill(0);
  const endless = new Array<number>(peerCount).fill(Number.POSITIVE_INFINITY);
  return {
    links: {
      latencySeconds: new Array<number[]>(peerCount).fill(zero),
      bytesPerSecond: new Array<number[]>(peerCount).fill(endless),
      uploadBytesPerSecond: endless,
      downloadBytesPerSecond: endless,
      shared: false,
    },
    gapSeconds: zero,
  };
}

function* badNumbers(plan: Plan): Generator<PlanProblem> {
  const inside = (value: number, bound: number) => Number.isInteger(value) && value >= 0 && value < bound;
  const bad = (problem: 'bad-index' | 'bad-number', where: string, message: string): PlanProblem => ({
    problem,
    where,
    message: `${where}: ${message}`,
  });
  const peerCount = plan.peers.length;
  if (plan.memoryLimits.length !== peerCount) {
    yield bad('bad-index', 'memoryLimits', `${plan.memoryLimits.length} entries for ${peerCount} peers`);
  }
  if (plan.assignment.length !== plan.stages) {
    yield bad('bad-index', 'assignment', `${plan.assignment.length} groups for ${plan.stages} stages`);
  }
  for (const [stage, group] of plan.assignment.entries()) {
    for (const peer of group) {
      if (!inside(peer, peerCount))
        yield bad('bad-index', `assignment[${stage}]`, `there is no peer ${peer}`);
    }
  }
  for (const [peer, limit] of plan.memoryLimits.entries()) {
    if (!(limit >= 0)) yield bad('bad-number', `memoryLimits[${peer}]`, `${limit} is no amount`);
  }
  const isAmount = (value: number) => value >= 0 && value < Number.POSITIVE_INFINITY;
  const taskCount = plan.tasks.length;
  for (let index = 0; index < taskCount; index++) {
    const { peer, stage, seconds, takes, gives, waitsFor } = plan.tasks[index]!;
    // every plan comes through here at every peer, and nearly all are sound: words only for what is not
    const inOrder = isAmount(seconds) && isAmount(takes) && isAmount(gives);
    const edges = waitsFor.every(({ task, bytes }) => inside(task, taskCount) && isAmount(bytes));
    if (inOrder && edges && inside(peer, peerCount) && inside(stage, plan.stages)) continue;
    const where = `tasks[${index}]`;
    if (!inside(peer, peerCount)) yield bad('bad-index', where, `there is no peer ${peer}`);
    if (!inside(stage, plan.stages)) yield bad('bad-index', where, `there is no stage ${stage}`);
    for (const amount of [seconds, takes, gives]) {
      if (!isAmount(amount)) yield bad('bad-number', where, `${amount} is no amount`);
    }
    for (const { task, bytes } of waitsFor) {
      if (!inside(task, taskCount)) yield bad('bad-index', where, `waits for task ${task}, which is none`);
      if (!isAmount(bytes)) yield bad('bad-number', where, `${bytes} bytes`);
    }
  }
  const { order } = plan;
  if (order.kind === 'priority') {
    if (order.values.length !== plan.tasks.length) {
      yield bad('bad-index', 'order.values', `${order.values.length} values for ${plan.tasks.length} tasks`);
    }
    if (order.values.some(Number.isNaN))
      yield bad('bad-number', 'order.values', 'a priority is not a number');
    return;
  }
  if (order.tasks.length !== peerCount) {
    yield bad('bad-index', 'order.tasks', `${order.tasks.length} lists for ${peerCount} peers`);
  }
  for (const [peer, list] of order.tasks.entries()) {
    for (const task of list) {
      if (!inside(task, plan.tasks.length))
        yield bad('bad-index', `order.tasks[${peer}]`, `there is no task ${task}`);
    }
  }
}

function* orderProblems(plan: Plan): Generator<PlanProblem> {
  if (plan.order.kind !== 'fixed') return;
  const names = namesOf(plan);
  const listed = new Uint8Array(plan.tasks.length);
  for (const [peer, list] of plan.order.tasks.entries()) {
    for (const task of list) {
      if (plan.tasks[task]!.peer !== peer) {
        const message = `${names.task(task)} stands in the list of ${names.peer(peer)} and is ${names.peer(plan.tasks[task]!.peer)}'s`;
        yield { problem: 'wrong-peer', task, message };
      }
      if (listed[task] === 1) {
        yield { problem: 'twice-in-order', task, message: `${names.task(task)} stands in the order twice` };
      }
      listed[task] = 1;
    }
  }
  for (let task = 0; task < listed.length; task++) {
    if (listed[task] === 0) {
      const message = `${names.task(task)} at ${names.peer(plan.tasks[task]!.peer)} stands in no list`;
      yield { problem: 'not-in-order', task, message };
    }
  }
}

/** Memory that cannot fit whatever the timing: one task alone, or what a fixed list holds at some task. */
function* memoryProblems(plan: Plan): Generator<PlanProblem> {
  const names = namesOf(plan);
  const tooMuch = (peer: number, task: number, holds: number): PlanProblem => ({
    problem: 'memory',
    peer,
    task,
    message: `${names.peer(peer)} would hold ${holds} micro-batches' activations at ${names.task(task)} and has room for ${plan.memoryLimits[peer]}`,
  });
  if (plan.order.kind === 'priority') {
    for (const [index, { peer, takes }] of plan.tasks.entries()) {
      if (takes > plan.memoryLimits[peer]! + memoryTolerance) yield tooMuch(peer, index, takes);
    }
    return;
  }
  for (const [peer, list] of plan.order.tasks.entries()) {
    let holds = 0;
    for (const task of list) {
      holds += plan.tasks[task]!.takes;
      if (holds > plan.memoryLimits[peer]! + memoryTolerance) {
        yield tooMuch(peer, task, holds);
        break;
      }
      holds -= plan.tasks[task]!.gives;
    }
  }
}

/** Tasks that wait for each other, in order, or undefined (Kahn, "Topological sorting of large networks", 1962). */
function dependencyCycle(plan: Plan): number[] | undefined {
  const { tasks } = plan;
  const waiters: number[][] = tasks.map(() => []);
  const missing = tasks.map((task) => task.waitsFor.length);
  tasks.forEach((task, index) => {
    for (const edge of task.waitsFor) waiters[edge.task]!.push(index);
  });
  const free = missing.flatMap((count, index) => (count === 0 ? [index] : []));
  for (const task of free) {
    for (const waiter of waiters[task]!) if (--missing[waiter]! === 0) free.push(waiter);
  }
  if (free.length === tasks.length) return undefined;
  // Every task left waits for one that is left: following those waits must come round.
  const trail: number[] = [];
  const at = new Map<number, number>();
  let task = missing.findIndex((count) => count > 0);
  while (!at.has(task)) {
    at.set(task, trail.length);
    trail.push(task);
    task = tasks[task]!.waitsFor.find((edge) => missing[edge.task]! > 0)!.task;
  }
  return trail.slice(at.get(task)!);
}

/** Peers sorted such that every path visits them in this order, or the peers that no such order can hold. */
function sortPeers(plan: Plan): { readonly peers: number[]; readonly ring: number[] } {
  const after: Set<number>[] = plan.peers.map(() => new Set());
  for (const { nodes } of plan.paths) {
    for (let at = 1; at < nodes.length; at++) after[nodes[at - 1]!.peer]!.add(nodes[at]!.peer);
    // Consecutive visits of one peer add an edge to itself, visits further apart a ring: both mean "not sortable".
  }
  const missing = plan.peers.map(() => 0);
  for (const next of after) for (const peer of next) missing[peer]!++;
  const peers = missing.flatMap((count, peer) => (count === 0 ? [peer] : []));
  for (const peer of peers) for (const next of after[peer]!) if (--missing[next]! === 0) peers.push(next);
  return { peers, ring: missing.flatMap((count, peer) => (count > 0 ? [peer] : [])) };
}
