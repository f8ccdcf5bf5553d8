// The rules a path must keep, each with a checker that says what breaks it: those that hold in every plan, and those of
// partial, reordered pipelines (SkipPipe, arXiv 2502.19913: stages roughly in order, so that skipping and swapping do
// not hurt convergence). Plans are checked with these, and whoever looks for a path asks them step by step.

import type { Path, PathNode, Plan } from './plan.ts';

/** Rules of partial pipelines, as a description states them; without them only the structure is checked. */
export interface PathRules {
  /** Stages every path visits, stage 0 included. */
  readonly pathLength: number;
  /**
   * Most steps back on a path. A step back is a visit below the highest stage seen; as it must go to the one just below
   * that, as many stages are gone back as there are such steps.
   */
  readonly swapBudget: number;
  /** A visit goes at most this far beyond the highest stage seen. */
  readonly largestJump: number;
}

/** Rules of one more visit. */
export type StepRuleName = 'backward-step' | 'swap-budget' | 'largest-jump';
export type PathRuleName = 'path-length' | 'no-stage-twice' | StepRuleName;

/** What decides which stages a path may visit next, beside those it has visited. */
export interface Standing {
  readonly highest: number;
  readonly stepsBack: number;
}

interface StepRule {
  readonly breaks: (standing: Standing, stage: number, rules: PathRules) => boolean;
  readonly words: (standing: Standing, stage: number, rules: PathRules) => string;
}

const stepRules: Readonly<Record<StepRuleName, StepRule>> = {
  'backward-step': {
    breaks: ({ highest }, stage) => stage < highest - 1,
    words: ({ highest }, stage) => `stage ${stage} comes after stage ${highest}, which is not its neighbour`,
  },
  'swap-budget': {
    breaks: ({ highest, stepsBack }, stage, { swapBudget }) => stage < highest && stepsBack >= swapBudget,
    words: (_, stage, { swapBudget }) =>
      `the visit of stage ${stage} is a step back more than the ${swapBudget} that are allowed`,
  },
  'largest-jump': {
    breaks: ({ highest }, stage, { largestJump }) => stage > highest + largestJump,
    words: ({ highest }, stage, { largestJump }) =>
      `the step to stage ${stage} goes ${stage - highest} beyond stage ${highest}, at most ${largestJump} are allowed`,
  },
};

const {
  'backward-step': backwardStep,
  'swap-budget': swapBudgetRule,
  'largest-jump': largestJumpRule,
} = stepRules;

/** Whether a path that stands there may visit the stage next, by the rules of steps. */
export function mayVisit(standing: Standing, stage: number, rules: PathRules): boolean {
  return !(
    backwardStep.breaks(standing, stage, rules) ||
    swapBudgetRule.breaks(standing, stage, rules) ||
    largestJumpRule.breaks(standing, stage, rules)
  );
}

/** Where a path stands after one more visit. */
export function visited({ highest, stepsBack }: Standing, stage: number): Standing {
  return stage < highest ? { highest, stepsBack: stepsBack + 1 } : { highest: stage, stepsBack };
}

type PathChecker = (stages: readonly number[], rules: PathRules) => string | undefined;

/** Per rule: what is wrong with a path's stages in the order visited (stage 0 first), or undefined. */
export const pathCheckers: Readonly<Record<PathRuleName, PathChecker>> = {
  'path-length': (stages, { pathLength }) =>
    stages.length === pathLength
      ? undefined
      : `the path visits ${stages.length} stages and ${pathLength} are asked for`,
  'no-stage-twice': (stages) =>
    visitedTwice(
      stages.map((stage) => ({ stage, chunk: 0 })),
      1,
    ),
  'backward-step': (stages, rules) => firstBroken(backwardStep, stages, rules),
  'swap-budget': (stages, rules) => firstBroken(swapBudgetRule, stages, rules),
  'largest-jump': (stages, rules) => firstBroken(largestJumpRule, stages, rules),
};

function firstBroken(rule: StepRule, stages: readonly number[], rules: PathRules): string | undefined {
  let standing: Standing = { highest: stages[0] ?? 0, stepsBack: 0 };
  for (const stage of stages.slice(1)) {
    if (rule.breaks(standing, stage, rules)) return rule.words(standing, stage, rules);
    standing = visited(standing, stage);
  }
  return undefined;
}

function visitedTwice(
  nodes: readonly Pick<PathNode, 'stage' | 'chunk'>[],
  chunks: number,
): string | undefined {
  const seen = new Set<number>();
  const twice = nodes.find(({ stage, chunk }) => seen.size === seen.add(stage * chunks + chunk).size);
  return twice === undefined ? undefined : `stage ${twice.stage} is visited twice`;
}

/** What is wrong with a path; `rule` where it is one that has a name. */
export interface BrokenPath {
  readonly rule?: PathRuleName;
  readonly message: string;
}

/** Everything that the path breaks; of one that makes no sense in this plan, the first thing. Chunks are beyond `rules`. */
export function brokenRules(path: Path, plan: Plan, rules: PathRules | undefined): BrokenPath[] {
  const senseless = structureProblem(path, plan);
  if (senseless !== undefined) return [{ message: senseless }];
  const twice = visitedTwice(path.nodes, plan.chunks);
  if (twice !== undefined) return [{ rule: 'no-stage-twice', message: twice }];
  if (rules === undefined || plan.chunks > 1) return [];
  const stages = path.nodes.map((node) => node.stage);
  return (Object.keys(pathCheckers) as PathRuleName[]).flatMap((rule) => {
    const message = pathCheckers[rule](stages, rules);
    return message === undefined ? [] : [{ rule, message }];
  });
}

function structureProblem({ nodes }: Path, plan: Plan): string | undefined {
  const first = nodes[0];
  if (first === undefined) return 'the path is empty';
  if (first.stage !== 0 || first.chunk !== 0)
    return `the path starts at stage ${first.stage}, not at an anchor`;
  for (const { stage, chunk, peer } of nodes) {
    if (!(chunk >= 0 && chunk < plan.chunks)) return `there is no chunk ${chunk} of ${plan.chunks}`;
    const group = plan.assignment[stage];
    if (group === undefined) return `there is no stage ${stage}`;
    if (!group.includes(peer)) return `${plan.peers[peer] ?? `peer ${peer}`} does not hold stage ${stage}`;
  }
  return undefined;
}
