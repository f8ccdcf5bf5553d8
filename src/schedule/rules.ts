// The rules a path must keep: those that hold in every plan, and those of partial, reordered pipelines
// (SkipPipe, arXiv 2502.19913: stages roughly in order, so that skipping and swapping do not hurt convergence).

import type { Path, Plan } from './plan.ts';

/** Rules of partial pipelines, as a description states them; without them only the structure is checked. */
export interface PathRules {
  /** Stages every path visits, stage 0 included. */
  readonly pathLength: number;
  /** A visit below the highest stage seen must be exactly one below it; at most this many such visits. */
  readonly swapBudget: number;
  /** A visit goes at most this far beyond the highest stage seen. */
  readonly largestJump: number;
}

/** The first rule that the path breaks, in words, or undefined. */
export function brokenRule(path: Path, plan: Plan, rules: PathRules | undefined): string | undefined {
  const { nodes } = path;
  const first = nodes[0];
  if (first === undefined) return 'the path is empty';
  if (first.stage !== 0 || first.chunk !== 0)
    return `the path starts at stage ${first.stage}, not at an anchor`;
  const seen = new Set<number>();
  for (const { stage, chunk, peer } of nodes) {
    if (!(chunk >= 0 && chunk < plan.chunks)) return `there is no chunk ${chunk} of ${plan.chunks}`;
    const group = plan.assignment[stage];
    if (group === undefined) return `there is no stage ${stage}`;
    if (!group.includes(peer)) return `${plan.peers[peer] ?? `peer ${peer}`} does not hold stage ${stage}`;
    const key = stage * plan.chunks + chunk;
    if (seen.has(key)) return `stage ${stage} is visited twice`;
    seen.add(key);
  }
  return rules === undefined || plan.chunks > 1 ? undefined : brokenSkipRule(path, rules);
}

function brokenSkipRule(path: Path, rules: PathRules): string | undefined {
  const stages = path.nodes.map((node) => node.stage);
  if (stages.length !== rules.pathLength) {
    return `the path visits ${stages.length} stages and ${rules.pathLength} are asked for`;
  }
  let highest = 0;
  let swaps = 0;
  for (const stage of stages.slice(1)) {
    if (stage > highest + rules.largestJump) {
      return `the step to stage ${stage} goes ${stage - highest} beyond stage ${highest}, at most ${rules.largestJump} are allowed`;
    }
    if (stage < highest) {
      if (stage !== highest - 1)
        return `stage ${stage} comes after stage ${highest}, which is not its neighbour`;
      swaps++;
    }
    highest = Math.max(highest, stage);
  }
  if (swaps > rules.swapBudget) return `${swaps} swaps, at most ${rules.swapBudget} are allowed`;
  return undefined;
}
