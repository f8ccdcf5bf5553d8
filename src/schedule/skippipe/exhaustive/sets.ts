// All sets of paths that keep the rules, for instances so small that there are few.

import { pathCheckers } from '../../rules.ts';
import { type Candidate, type Waves, wavesOf } from '../candidate.ts';
import type { Instance } from '../instance.ts';
import { createLoads } from '../loads.ts';
import { rulesOf } from '../rules.ts';

/** Every lawful path of each anchor, in the order of anchors, with the given stages of peers. */
function lawfulPaths(instance: Instance, stageOf: Int32Array, anchors: readonly number[]): number[][][] {
  const rules = rulesOf(instance);
  const others = Array.from(stageOf.keys()).filter((peer) => stageOf[peer]! > 0);
  const checkers = Object.values(pathCheckers);
  const walks = (path: readonly number[]): number[][] =>
    path.length === instance.pathLength
      ? [[...path]]
      : others
          .filter((peer) => path.every((visited) => stageOf[visited] !== stageOf[peer]))
          .flatMap((peer) => walks([...path, peer]));
  return anchors.map((anchor) =>
    walks([anchor]).filter((path) => {
      const stages = path.map((peer) => stageOf[peer]!);
      return checkers.every((check) => check(stages, rules) === undefined);
    }),
  );
}

/**
 * Every way to give each micro-batch a path such that all rules hold, as `path` of a candidate; those that only rename
 * micro-batches of one anchor and wave once. Undefined when more than `most` ways would have to be looked at.
 */
export function pathSets(
  instance: Instance,
  { stageOf, path }: Candidate,
  most: number,
): Int32Array[] | undefined {
  const { microbatches, anchorCount, pathLength, live, peerCount } = instance;
  // No instance with more is small, and its lawful paths alone would take long to list.
  let routes = 1;
  for (let hop = 1; hop < pathLength && routes <= most; hop++) routes *= peerCount;
  if (microbatches > most || routes > most) return undefined;
  const anchors = Array.from(
    { length: Math.min(anchorCount, microbatches) },
    (_, a) => path[a * pathLength]!,
  );
  const lawful = lawfulPaths(instance, stageOf, anchors);
  let ways = 1;
  for (let m = 0; m < microbatches; m++) ways *= lawful[m % anchorCount]!.length;
  if (ways > most) return undefined;

  const waves = wavesOf(instance);
  const chosen = new Int32Array(microbatches);
  const trial = { stageOf, path: path.slice() };
  const found: Int32Array[] = [];
  choose(0);
  return found;

  function choose(m: number): void {
    if (m === microbatches) {
      if (keepsRules(instance, waves, trial, live)) found.push(trial.path.slice());
      return;
    }
    const before = m - anchorCount;
    const from = before >= 0 && waves.of[before] === waves.of[m] ? chosen[before]! : 0;
    const choices = lawful[m % anchorCount]!;
    for (let which = from; which < choices.length; which++) {
      chosen[m] = which;
      trial.path.set(choices[which]!, m * pathLength);
      choose(m + 1);
    }
  }
}

function keepsRules(
  instance: Instance,
  waves: Waves,
  candidate: Pick<Candidate, 'path' | 'stageOf'>,
  live: readonly number[],
): boolean {
  const loads = createLoads(instance, waves, candidate);
  return live.slice(1).every((stage) => loads.stageLawful(stage));
}
