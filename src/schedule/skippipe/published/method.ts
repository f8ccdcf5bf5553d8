// SkipPipe's scheduler as it was published (arXiv 2502.19913): a genetic search for who holds which stage, then
// conflict-based search for paths, one wave after the other, then first come first served. It is here to be compared
// with: `skippipe-blind` is it without awareness of collisions, and the benchmark of plans runs it with.

import { generator, stream, streamIndices } from '../../../random/index.ts';
import { blindCandidate } from '../blind.ts';
import { type Candidate, firstCandidate, type Waves, wavesOf } from '../candidate.ts';
import { createEvaluator, type Evaluator } from '../evaluate.ts';
import { equalLoadsPossible, type Instance } from '../instance.ts';
import { type Wave, wavePaths } from './conflicts.ts';
import { geneticAssignment } from './genetic.ts';

export interface MethodOptions {
  readonly seed: number;
  /** Whether paths are planned around each other. */
  readonly collisions: boolean;
  /** Children of the genetic search, where the assignment is free. */
  readonly trials: number;
  /** Nodes of one wave's tree before it breaks off. */
  readonly nodes: number;
}

export interface Method {
  /** The given instance, with the assignment that was found where it is free. */
  readonly instance: Instance;
  readonly candidate: Candidate;
  readonly evaluator: Evaluator;
  /** Where the tree ends without paths, or the swarm is too large for one, shortest paths by exchange of visits. */
  readonly pathsBy: 'tree' | 'exchange';
}

/** The tree opens a branch per micro-batch in a conflict: its authors stop at 20 peers, and here it ends a little later. */
const mostPeers = 40;
const mostPerWave = 40;

export function publishedMethod(given: Instance, options: MethodOptions): Method {
  const { seed, trials } = options;
  const instance = given.free ? { ...given, assignment: geneticAssignment(given, { seed, trials }) } : given;
  const waves = wavesOf(instance);
  const draw = generator(
    stream({ runSeed: seed, purpose: 'schedule', index: streamIndices.schedule.publishedPaths }),
  );
  const candidate = firstCandidate(instance, { below: draw.integerBelow });
  const ascending = candidate.path.slice();
  if (!takeTreePaths(instance, waves, candidate, options)) {
    const exchanged = blindCandidate(instance, seed);
    return {
      instance,
      candidate: exchanged.candidate,
      evaluator: exchanged.evaluator,
      pathsBy: 'exchange',
    };
  }
  const evaluator = createEvaluator(instance, waves);
  evaluator.loadAll(candidate);
  if (evaluator.run(candidate, Number.POSITIVE_INFINITY).makespan === Number.POSITIVE_INFINITY) {
    // Exchanged stages and little memory made micro-batches wait for each other in a ring; ascending ones never do.
    candidate.path.set(ascending);
    evaluator.loadAll(candidate);
  }
  return { instance, candidate, evaluator, pathsBy: 'tree' };
}

/** Plans wave after wave within what the rules on equal loads leave to each; false where a tree gives none. */
function takeTreePaths(
  instance: Instance,
  waves: Waves,
  candidate: Candidate,
  options: MethodOptions,
): boolean {
  const { pathLength, peerCount, stages, assignment, forward } = instance;
  if (pathLength === 1) return true;
  if (peerCount > mostPeers || !equalLoadsPossible(instance)) return false;
  const visits = new Array<number>(peerCount).fill(0);
  let loadsBefore = new Array<number>(stages).fill(0);
  let before: { readonly key: string; readonly paths: readonly (readonly number[])[] } | undefined;
  let planned = 0;
  for (const members of waves.members) {
    if (members.length > mostPerWave) return false;
    planned += members.length;
    const loads = equalLoads(instance, planned * (pathLength - 1));
    const peerQuota = new Array<number>(peerCount).fill(0);
    assignment.forEach((group, stage) => {
      for (const peer of group) peerQuota[peer] = Math.ceil(loads[stage]! / group.length) - visits[peer]!;
    });
    const issued = new Int32Array(peerCount);
    const wave: Wave = {
      // Micro-batches that are planned around each other leave their anchor one after the other.
      starts: members.map((m) => {
        const anchor = candidate.path[m * pathLength]!;
        return { anchor, at: options.collisions ? issued[anchor]!++ * forward[anchor * stages]! : 0 };
      }),
      stageQuota: loads.map((load, stage) => load - loadsBefore[stage]!),
      peerQuota,
    };
    loadsBefore = loads;
    const key = JSON.stringify(wave);
    // A wave like the one before it takes the same paths, as the published plan does.
    const paths =
      before?.key === key ? before.paths : wavePaths(instance, wave, options)?.map(({ path }) => path);
    if (paths === undefined) return false;
    before = { key, paths };
    members.forEach((m, at) => {
      candidate.path.set(paths[at]!, m * pathLength);
      for (const peer of paths[at]!) visits[peer]!++;
    });
  }
  return true;
}

/** So many visits spread equally over the stages after stage 0: a stage with more room takes the odd one sooner. */
function equalLoads({ live, stages, assignment, memory }: Instance, visits: number): number[] {
  const roomOf = (stage: number) => assignment[stage]!.reduce((sum, peer) => sum + memory[peer]!, 0);
  const others = live.slice(1).sort((a, b) => roomOf(a) - roomOf(b) || b - a);
  const loads = new Array<number>(stages).fill(0);
  others.forEach((stage, at) => {
    loads[stage] = Math.floor((visits + at) / others.length);
  });
  return loads;
}
