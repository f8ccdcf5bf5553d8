// What most policies share: who holds which stage when the description leaves it open, and paths through every
// stage with equal load.

import type { SwarmDescription } from './description.ts';
import { DescriptionError } from './errors.ts';
import type { Path, PathNode } from './plan.ts';

export type Assignment = readonly (readonly number[])[];

/**
 * The description's assignment, or, when it leaves the choice, groups of `stageSizes` consecutive peers, stage 0
 * first. A stage may have no replica (paths then leave it out), except stage 0 when there are micro-batches. A peer may
 * hold several stages: its memory is then shared by the activations of all of them.
 * Throws a `DescriptionError` when a peer is unknown, stands twice in a stage, or peers do not suffice.
 */
export function assignmentOf(description: SwarmDescription): Assignment {
  checkDescription(description);
  const assignment = description.assignment ?? consecutive(description);
  assignment.forEach((group, stage) => {
    for (const [at, peer] of group.entries()) {
      if (!(Number.isInteger(peer) && peer >= 0 && peer < description.peers.length)) {
        throw new DescriptionError(`assignment[${stage}]`, `there is no peer ${peer}`);
      }
      if (group.indexOf(peer) < at) {
        const name = description.peers[peer]!.name;
        throw new DescriptionError(
          `assignment[${stage}]`,
          `${name} already holds stage ${stage}; list it once`,
        );
      }
    }
  });
  if (assignment[0]!.length === 0 && description.microbatchesPerAnchor > 0) {
    throw new DescriptionError('assignment[0]', 'stage 0 has no replica, and every path starts at one');
  }
  return assignment;
}

function consecutive(description: SwarmDescription): Assignment {
  const { stageSizes, peers, stages } = description;
  if (stageSizes.length !== stages) {
    throw new DescriptionError('stageSizes', `${stageSizes.length} sizes for ${stages} stages`);
  }
  let next = 0;
  const groups = stageSizes.map((size) => Array.from({ length: size }, () => next++));
  if (next > peers.length) {
    throw new DescriptionError(
      'stageSizes',
      `${next} replicas are asked for and there are ${peers.length} peers`,
    );
  }
  return groups;
}

/** Throws a `DescriptionError` naming the first field that is out of range. */
export function checkDescription(description: SwarmDescription): void {
  const { peers, stages, assignment, links } = description;
  const whole = (field: string, value: number, least: number) => {
    if (!Number.isInteger(value) || value < least) {
      throw new DescriptionError(field, `${value} is not a whole number of at least ${least}`);
    }
  };
  const amounts = (field: string, values: readonly number[], length: number, infinite = false) => {
    if (values.length !== length)
      throw new DescriptionError(field, `${values.length} values, ${length} are needed`);
    values.forEach((value, index) => {
      if (!(value >= 0 && (infinite || value !== Number.POSITIVE_INFINITY))) {
        throw new DescriptionError(
          `${field}[${index}]`,
          `${value} is not ${infinite ? 'an' : 'a finite'} amount ≥ 0`,
        );
      }
    });
  };
  whole('stages', stages, 1);
  whole('microbatchesPerAnchor', description.microbatchesPerAnchor, 0);
  whole('chunks', description.chunks, 1);
  if (assignment !== undefined && assignment.length !== stages) {
    throw new DescriptionError('assignment', `${assignment.length} groups for ${stages} stages`);
  }
  amounts('activationBytes', [description.activationBytes], 1);
  amounts('gradientBytes', [description.gradientBytes], 1);
  amounts('sumBytes', [description.sumBytes ?? 0], 1);
  peers.forEach((peer, index) => {
    const field = `peers[${index}]`;
    amounts(`${field}.forwardSeconds`, peer.forwardSeconds, stages);
    amounts(`${field}.backwardInputSeconds`, peer.backwardInputSeconds, stages);
    amounts(`${field}.backwardWeightSeconds`, peer.backwardWeightSeconds, stages);
    amounts(`${field}.headSeconds`, [peer.headSeconds], 1);
    amounts(`${field}.gapSeconds`, [peer.gapSeconds], 1);
    amounts(`${field}.memoryMicrobatches`, [peer.memoryMicrobatches], 1, true);
  });
  const count = peers.length;
  amounts('links.uploadBytesPerSecond', links.uploadBytesPerSecond, count, true);
  amounts('links.downloadBytesPerSecond', links.downloadBytesPerSecond, count, true);
  // Peers of one place may share a row, which is looked at once.
  const seen = new Set<readonly number[]>();
  const row = (field: string, values: readonly number[], infinite: boolean) => {
    if (seen.has(values)) return;
    amounts(field, values, count, infinite);
    seen.add(values);
  };
  for (let from = 0; from < count; from++) {
    row(`links.latencySeconds[${from}]`, links.latencySeconds[from] ?? [], false);
  }
  seen.clear(); // what may be endless here may not be there
  for (let from = 0; from < count; from++) {
    row(`links.bytesPerSecond[${from}]`, links.bytesPerSecond[from] ?? [], true);
  }
}

/** The stages that have a replica, in order. */
export function liveStages(assignment: Assignment): number[] {
  return assignment.flatMap((group, stage) => (group.length > 0 ? [stage] : []));
}

/**
 * Paths through every stage that has a replica. Micro-batch m belongs to anchor m mod A and, at a stage with r
 * replicas, goes to replica m mod r: anchors take turns, and loads of replicas differ by one at most.
 */
export function roundRobinPaths(description: SwarmDescription, assignment: Assignment): Path[] {
  const stages = liveStages(assignment);
  const count = description.microbatchesPerAnchor * assignment[0]!.length;
  return Array.from({ length: count }, (_, microbatch) => ({
    microbatch,
    nodes: stages.map((stage) => {
      const group = assignment[stage]!;
      return { stage, chunk: 0, peer: group[microbatch % group.length]! };
    }),
  }));
}

/**
 * The same paths through stages cut in `chunks` parts, each part passed in one sweep over the stages: `loop`
 * sweeps always from stage 0 up (interleaved), `vee` up and down in turns (V-shaped).
 */
export function chunkedPaths(paths: readonly Path[], chunks: number, placement: 'loop' | 'vee'): Path[] {
  return paths.map((path) => {
    const nodes: PathNode[] = [];
    for (let chunk = 0; chunk < chunks; chunk++) {
      const sweep = placement === 'vee' && chunk % 2 === 1 ? path.nodes.toReversed() : path.nodes;
      for (const node of sweep) nodes.push({ ...node, chunk });
    }
    return { microbatch: path.microbatch, nodes };
  });
}
