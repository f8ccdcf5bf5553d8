// Plans as compact JSON: paths, and per peer the order as short strings. Tasks are not written, they are rebuilt
// from the paths, so a plan that was read can only contain work that its paths explain.
//
// A peer reads plans that other peers wrote: everything is bounded and checked before anything is built from it.

import { z } from 'zod';
import { PlanError } from './errors.ts';
import { kindLetter } from './kinds.ts';
import type { Path, Plan, Task } from './plan.ts';
import { type TaskCosts, type TaskShape, tasksFromPaths } from './tasks.ts';

/** Bounds on a plan that is read; a plan beyond them is refused. */
export const planLimits = {
  peers: 16_384,
  stages: 1_024,
  chunks: 62,
  paths: 1_000_000,
  /** Visits of all paths together. */
  nodes: 2_000_000,
  nameCharacters: 256,
  /** Exchange edges grow with the square of a group. */
  replicas: 1_024,
} as const;

const index = (bound: number) => z.number().int().min(0).lt(bound);
const amount = z.number().min(0);
const peerIndex = index(planLimits.peers);
const name = z.string().max(planLimits.nameCharacters);

const schema = z.strictObject({
  version: z.literal(1),
  policy: name,
  peers: z.array(name).max(planLimits.peers),
  stages: z.number().int().min(1).max(planLimits.stages),
  assignment: z.array(z.array(peerIndex).max(planLimits.replicas)).max(planLimits.stages),
  headAt: z.enum(['anchor', 'last']),
  splitBackward: z.boolean(),
  forwardOnly: z.literal(true).optional(),
  chunks: z.number().int().min(1).max(planLimits.chunks),
  activationBytes: amount,
  gradientBytes: amount,
  /** Missing in plans whose exchange is a reduce-scatter of equally long contributions and sums. */
  sumBytes: amount.optional(),
  /** Per peer, in stage units; null where unlimited. */
  memoryLimits: z.array(amount.nullable()).max(planLimits.peers),
  /** Per peer: seconds of a task by its kind's letter and stage, as `{"F2": 0.4, "B2": 0.8}` (with chunks `F2.1`). */
  seconds: z.array(z.record(z.string().max(16), amount)).max(planLimits.peers),
  /** Micro-batch, then its visits as stage, peer pairs (with chunks stage, chunk, peer triples). */
  paths: z.array(z.array(z.number().int().min(0)).max(3 * planLimits.stages * 4)).max(planLimits.paths),
  /** Per peer: tasks as `F2/17`, with chunks `F2.1/17`; exchange and update without a micro-batch. Or priorities. */
  order: z.union([
    z.strictObject({ fixed: z.array(z.array(z.string().max(32))).max(planLimits.peers) }),
    z.strictObject({ priority: z.array(z.number()) }),
  ]),
});

export type PlanJson = z.infer<typeof schema>;

/**
 * Writes a plan. Throws a `PlanError` when its tasks are not those that its paths give (such a plan has no compact
 * form).
 */
export function planToJson(plan: Plan): PlanJson {
  const seconds: Record<string, number>[] = plan.peers.map(() => ({}));
  for (const task of plan.tasks) {
    const row = seconds[task.peer];
    if (row === undefined)
      throw new PlanError('tasks', `a task names peer ${task.peer}, which is not in the plan`);
    row[costKey(task.kind, task.stage, task.chunk, plan.chunks)] = task.seconds;
  }
  const { policy, peers, stages, assignment, headAt, splitBackward, forwardOnly, chunks } = plan;
  const json: PlanJson = {
    version: 1,
    policy,
    peers: [...peers],
    stages,
    assignment: assignment.map((group) => [...group]),
    headAt,
    splitBackward,
    ...(forwardOnly && { forwardOnly }),
    chunks,
    activationBytes: plan.activationBytes,
    gradientBytes: plan.gradientBytes,
    ...(plan.sumBytes !== undefined && { sumBytes: plan.sumBytes }),
    memoryLimits: plan.memoryLimits.map((limit) => (limit === Number.POSITIVE_INFINITY ? null : limit)),
    seconds,
    paths: plan.paths.map((path) => [
      path.microbatch,
      ...path.nodes.flatMap((node) =>
        chunks > 1 ? [node.stage, node.chunk, node.peer] : [node.stage, node.peer],
      ),
    ]),
    order:
      plan.order.kind === 'priority'
        ? { priority: [...plan.order.values] }
        : { fixed: plan.order.tasks.map((list) => list.map((task) => taskName(plan.tasks[task]!, chunks))) },
  };
  const rebuilt = tasksFromPaths(plan, costsFrom(json));
  const different = firstDifference(rebuilt, plan.tasks);
  if (different >= 0) {
    throw new PlanError(
      `tasks[${different}]`,
      'differs from what the paths give, and only such plans can be written',
    );
  }
  return json;
}

/** Reads a plan that anyone may have written. Throws a `PlanError` that names what is wrong; does not prove that the plan completes (`validatePlan` does). */
export function planFromJson(json: unknown): Plan {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new PlanError(issue.path.length > 0 ? issue.path.join('.') : 'plan', issue.message);
  }
  const read = parsed.data;
  checkSizes(read);
  const { policy, peers, stages, assignment, headAt, splitBackward, chunks, activationBytes, gradientBytes } =
    read;
  const paths = read.paths.map((row, at) => pathOf(row, at, read));
  checkPaths(paths, read);
  const forwardOnly = read.forwardOnly && { forwardOnly: read.forwardOnly };
  const sumBytes = read.sumBytes !== undefined && { sumBytes: read.sumBytes };
  const shape: TaskShape = { assignment, headAt, splitBackward, ...forwardOnly, chunks, paths };
  const tasks = tasksFromPaths(shape, costsFrom(read));
  const order: Plan['order'] =
    'priority' in read.order
      ? { kind: 'priority', values: checkedPriorities(read.order.priority, tasks.length) }
      : { kind: 'fixed', tasks: listsOf(read.order.fixed, tasks, chunks) };
  return {
    policy,
    peers,
    stages,
    assignment,
    headAt,
    splitBackward,
    ...forwardOnly,
    chunks,
    activationBytes,
    gradientBytes,
    ...sumBytes,
    paths,
    tasks,
    order,
    memoryLimits: read.memoryLimits.map((limit) => limit ?? Number.POSITIVE_INFINITY),
  };
}

function checkSizes(read: PlanJson): void {
  const count = read.peers.length;
  const sized = (where: string, length: number, wanted: number) => {
    if (length !== wanted) throw new PlanError(where, `${length} entries, ${wanted} are needed`);
  };
  sized('assignment', read.assignment.length, read.stages);
  sized('memoryLimits', read.memoryLimits.length, count);
  sized('seconds', read.seconds.length, count);
  if ('fixed' in read.order) sized('order.fixed', read.order.fixed.length, count);
  read.assignment.forEach((group, stage) => {
    for (const [at, peer] of group.entries()) {
      if (peer >= count) throw new PlanError(`assignment.${stage}`, `there is no peer ${peer}`);
      if (group.indexOf(peer) < at)
        throw new PlanError(`assignment.${stage}`, `peer ${peer} stands there twice`);
    }
  });
  let nodes = 0;
  for (const row of read.paths) nodes += row.length;
  if (nodes > 3 * planLimits.nodes) throw new PlanError('paths', `more than ${planLimits.nodes} visits`);
}

function pathOf(row: readonly number[], at: number, read: PlanJson): Path {
  const width = read.chunks > 1 ? 3 : 2;
  if (row.length < 1 + width || (row.length - 1) % width !== 0) {
    throw new PlanError(`paths.${at}`, `a micro-batch and its visits of ${width} numbers each are needed`);
  }
  const nodes = [];
  for (let entry = 1; entry < row.length; entry += width) {
    nodes.push({
      stage: row[entry]!,
      chunk: width === 3 ? row[entry + 1]! : 0,
      peer: row[entry + width - 1]!,
    });
  }
  return { microbatch: row[0]!, nodes };
}

/** Bounds what tasks are built from; rules of a sound path are `validatePlan`'s. */
function checkPaths(paths: readonly Path[], read: PlanJson): void {
  const microbatches = new Set<number>();
  paths.forEach((path, at) => {
    const where = `paths.${at}`;
    if (microbatches.has(path.microbatch))
      throw new PlanError(where, `micro-batch ${path.microbatch} has a path already`);
    microbatches.add(path.microbatch);
    const seen = new Set<number>();
    for (const { stage, chunk, peer } of path.nodes) {
      if (stage >= read.stages) throw new PlanError(where, `there is no stage ${stage}`);
      if (chunk >= read.chunks) throw new PlanError(where, `there is no chunk ${chunk}`);
      if (peer >= read.peers.length) throw new PlanError(where, `there is no peer ${peer}`);
      const key = stage * read.chunks + chunk;
      if (seen.has(key)) throw new PlanError(where, `stage ${stage} is visited twice`);
      seen.add(key);
    }
  });
}

function checkedPriorities(values: readonly number[], count: number): readonly number[] {
  if (values.length !== count)
    throw new PlanError('order.priority', `${values.length} values for ${count} tasks`);
  return values;
}

function listsOf(lists: readonly (readonly string[])[], tasks: readonly Task[], chunks: number): number[][] {
  const byName = lists.map(() => new Map<string, number>());
  tasks.forEach((task, at) => {
    byName[task.peer]!.set(taskName(task, chunks), at);
  });
  return lists.map((list, peer) =>
    list.map((entry) => {
      const task = byName[peer]!.get(entry);
      if (task === undefined)
        throw new PlanError(`order.fixed.${peer}`, `"${entry}" is no task of this peer`);
      return task;
    }),
  );
}

function costsFrom(json: PlanJson): TaskCosts {
  return {
    activationBytes: json.activationBytes,
    gradientBytes: json.gradientBytes,
    ...(json.sumBytes !== undefined && { sumBytes: json.sumBytes }),
    seconds(peer, kind, stage, chunk) {
      const row = json.seconds[peer]!;
      const key = costKey(kind, stage, chunk, json.chunks);
      return Object.hasOwn(row, key) ? row[key]! : 0;
    },
  };
}

function costKey(kind: Task['kind'], stage: number, chunk: number, chunks: number): string {
  return `${kindLetter(kind)}${stage}${chunks > 1 ? `.${chunk}` : ''}`;
}

/** A task's short name within its peer and plan: `F2/17`, `F2.1/17` where stages have chunks, `U2`, `X2.0`. */
export function taskName(task: Task, chunks: number): string {
  const letter = kindLetter(task.kind);
  if (task.kind === 'exchange') return `${letter}${task.stage}.${task.chunk}`;
  if (task.kind === 'update') return `${letter}${task.stage}`;
  return `${letter}${task.stage}${chunks > 1 ? `.${task.chunk}` : ''}/${task.microbatch}`;
}

/** The first index at which two lists of tasks differ, -1 when they are equal. */
function firstDifference(a: readonly Task[], b: readonly Task[]): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return a.findIndex((task, at) => {
    const other = b[at]!;
    return (
      task.peer !== other.peer ||
      task.kind !== other.kind ||
      task.stage !== other.stage ||
      task.chunk !== other.chunk ||
      task.microbatch !== other.microbatch ||
      task.seconds !== other.seconds ||
      task.takes !== other.takes ||
      task.gives !== other.gives ||
      task.waitsFor.length !== other.waitsFor.length ||
      task.waitsFor.some(
        (edge, e) => edge.task !== other.waitsFor[e]!.task || edge.bytes !== other.waitsFor[e]!.bytes,
      )
    );
  });
}
