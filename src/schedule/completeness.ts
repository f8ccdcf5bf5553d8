// Whether a plan's tasks do all that its paths promise, in a legal order of dependencies: every visit forward once
// and backward once (where the plan has backwards), each after what it needs, and no update before all of its stage's
// weight gradients.

import { namesOf } from './names.ts';
import type { Path, Plan, TaskKind } from './plan.ts';
import type { PlanProblem } from './validate.ts';

/** Missing tasks and missing dependencies. Expects sound indices. */
export function checkTasks(plan: Plan): PlanProblem[] {
  const problems: PlanProblem[] = [];
  const names = namesOf(plan);
  const index = new Map<string, number>();
  plan.tasks.forEach((task, at) => {
    if (task.microbatch < 0) return;
    const key = keyOf(task.kind, task.stage, task.chunk, task.microbatch, task.peer);
    if (index.has(key)) {
      const message = `${names.task(at)} is in the plan twice`;
      problems.push({ problem: 'missing-task', microbatch: task.microbatch, message });
    }
    index.set(key, at);
  });
  let explained = 0;

  function find(kind: TaskKind, path: Path, at: number): number {
    const node = path.nodes[at]!;
    const task = index.get(keyOf(kind, node.stage, node.chunk, path.microbatch, node.peer));
    if (task === undefined) {
      const where = `${kind} of stage ${node.stage} at ${names.peer(node.peer)}`;
      problems.push({
        problem: 'missing-task',
        microbatch: path.microbatch,
        message: `micro-batch ${path.microbatch} has no ${where}`,
      });
      return -1;
    }
    explained++;
    return task;
  }

  function need(task: number, needs: number): void {
    if (task < 0 || needs < 0 || plan.tasks[task]!.waitsFor.some((edge) => edge.task === needs)) return;
    const message = `${names.task(task)} does not wait for ${names.task(needs)}`;
    problems.push({ problem: 'missing-dependency', task, needs, message });
  }

  for (const path of plan.paths) {
    if (path.nodes.length === 0) continue;
    const last = path.nodes.length - 1;
    const forwards = path.nodes.map((_, at) => find('forward', path, at));
    for (let at = 1; at <= last; at++) need(forwards[at]!, forwards[at - 1]!);
    let before = forwards[last]!;
    const headAt = plan.headAt === 'anchor' ? 0 : last;
    const headNode = path.nodes[headAt]!;
    const headKey = keyOf('head', headNode.stage, headNode.chunk, path.microbatch, headNode.peer);
    if (plan.headAt === 'anchor' || index.has(headKey)) {
      const head = find('head', path, headAt);
      need(head, before);
      before = head;
    }
    for (let at = plan.forwardOnly ? -1 : last; at >= 0; at--) {
      const backward = find(plan.splitBackward ? 'backward-input' : 'backward', path, at);
      need(backward, before);
      need(backward, forwards[at]!);
      if (plan.splitBackward) need(find('backward-weight', path, at), backward);
      before = backward;
    }
  }
  const recomputes = plan.tasks.filter((task) => task.kind === 'recompute').length;
  if (problems.length === 0 && explained + recomputes < index.size) {
    const message = `${index.size - explained - recomputes} tasks belong to no visit of a path`;
    problems.push({ problem: 'missing-task', microbatch: -1, message });
  }
  problems.push(...earlyUpdates(plan));
  return problems;
}

function keyOf(kind: TaskKind, stage: number, chunk: number, microbatch: number, peer: number): string {
  return `${kind} ${stage} ${chunk} ${microbatch} ${peer}`;
}

/** Updates that do not wait, by way of their peer's exchange or directly, for every gradient of their peer's stage. */
function* earlyUpdates(plan: Plan): Generator<PlanProblem> {
  const names = namesOf(plan);
  const last = plan.splitBackward ? 'backward-weight' : 'backward';
  const gradients = new Map<string, number[]>();
  plan.tasks.forEach((task, index) => {
    if (task.kind !== last) return;
    const key = `${task.peer} ${task.stage}`;
    const list = gradients.get(key);
    if (list === undefined) gradients.set(key, [index]);
    else list.push(index);
  });
  for (const [index, update] of plan.tasks.entries()) {
    if (update.kind !== 'update') continue;
    const awaited = new Set<number>();
    const open = [index];
    for (const task of open) {
      for (const edge of plan.tasks[task]!.waitsFor) {
        const { kind, peer } = plan.tasks[edge.task]!;
        if (peer !== update.peer || awaited.has(edge.task)) continue;
        awaited.add(edge.task);
        if (kind === 'exchange') open.push(edge.task);
      }
    }
    for (const gradient of gradients.get(`${update.peer} ${update.stage}`) ?? []) {
      if (awaited.has(gradient)) continue;
      const message = `${names.task(index)} at ${names.peer(update.peer)} does not wait for ${names.task(gradient)}`;
      yield { problem: 'missing-dependency', task: index, needs: gradient, message };
      break;
    }
  }
}
