// GPipe: all forwards of the iteration, then all backwards in reverse order.
// Huang et al., "GPipe: Efficient Training of Giant Neural Networks using Pipeline Parallelism" (NeurIPS 2019),
// section 2.3 and figure 2(c): a bubble of (p - 1) / (m + p - 1), m activations at every peer.

import type { SwarmDescription } from '../description.ts';
import { PlanError } from '../errors.ts';
import type { Path, Plan } from '../plan.ts';
import { planOf, tasksOf } from '../record.ts';
import { type Assignment, assignmentOf, roundRobinPaths } from '../wiring.ts';
import type { Policy } from './policy.ts';

const always = () => true;

export const gpipe: Policy = {
  name: 'gpipe',
  idea: 'all forwards, then all backwards',
  choose: 'as the baseline; it needs room for every micro-batch of a wave',
  source: 'Huang et al., GPipe (NeurIPS 2019), 2.3, figure 2(c)',
  closedForms: [
    {
      quantity: 'makespanSeconds',
      formula: '(m + p − 1)(tF + tB)',
      range: 'm ≥ 1',
      holds: always,
      value: (p, m) => 3 * (m + p - 1),
    },
    {
      quantity: 'bubbleRatio',
      formula: '(p − 1) / (m + p − 1)',
      range: 'm ≥ 1',
      holds: always,
      value: (p, m) => (p - 1) / (m + p - 1),
    },
    { quantity: 'peakActivations', formula: 'm', range: 'm ≥ 1', holds: always, value: (_p, m) => m },
  ],
  plan(description) {
    const assignment = assignmentOf(description);
    return flushedPlan('gpipe', description, assignment, roundRobinPaths(description, assignment));
  },
};

/**
 * Forwards, heads, then backwards in reverse, in waves as large as every peer's memory allows. All peers follow one
 * common order of all tasks, in which no task stands before one it waits for, so the lists complete on any network.
 */
export function flushedPlan(
  policy: string,
  description: SwarmDescription,
  assignment: Assignment,
  paths: readonly Path[],
): Plan {
  const shape = { policy, assignment, paths, splitBackward: description.splitBackward, chunks: 1 };
  const tasks = tasksOf(description, shape);
  const waves = wavesOf(description, paths);
  const place = new Map(paths.map((path, at) => [path.microbatch, { at, wave: waves[at]! }]));
  const order = tasks.map((task, index) => {
    const { at, wave } = place.get(task.microbatch) ?? { at: 0, wave: Number.POSITIVE_INFINITY };
    const phase = task.kind === 'forward' ? 0 : task.kind === 'head' ? 1 : 2;
    return { index, wave, phase, at: phase === 2 ? -at : at };
  });
  order.sort(
    (a, b) =>
      (a.wave === b.wave ? 0 : a.wave - b.wave) || a.phase - b.phase || a.at - b.at || a.index - b.index,
  );
  const lists: number[][] = description.peers.map(() => []);
  for (const { index } of order) lists[tasks[index]!.peer]!.push(index);
  return planOf(description, shape, tasks, { kind: 'fixed', tasks: lists });
}

/** Per path, the wave it belongs to: a wave ends where the next micro-batch would not fit at some peer. */
function wavesOf(description: SwarmDescription, paths: readonly Path[]): number[] {
  let wave = 0;
  let held = new Map<number, number>();
  const room = (peer: number) => description.peers[peer]!.memoryMicrobatches;
  return paths.map((path) => {
    const need = new Map<number, number>();
    for (const { peer } of path.nodes) need.set(peer, (need.get(peer) ?? 0) + 1);
    for (const [peer, places] of need) {
      if (places <= room(peer)) continue;
      const { name } = description.peers[peer]!;
      throw new PlanError(
        `peers[${peer}].memoryMicrobatches`,
        places === 1
          ? `${name} has no room for a single micro-batch`
          : `${name} holds ${places} stages of a path and has room for ${room(peer)}`,
      );
    }
    if ([...need].some(([peer, places]) => (held.get(peer) ?? 0) + places > room(peer))) {
      wave++;
      held = new Map();
    }
    for (const [peer, places] of need) held.set(peer, (held.get(peer) ?? 0) + places);
    return wave;
  });
}
