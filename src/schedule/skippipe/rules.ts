// The rules of partial, reordered pipelines about all paths together, with a checker each (SkipPipe, arXiv 2502.19913):
// how work is spread over stages, peers and waves. Those about one path, how far it may leave the order of stages and
// how many it visits, are in ../rules.ts. `validatePlan(plan, rules)` takes them and names every rule that a plan breaks.

import type { Path, Plan } from '../plan.ts';
import type { PathRules } from '../rules.ts';
import type { Instance } from './instance.ts';
import { equalLoadsPossible, waveMicrobatches, waveOf } from './instance.ts';

/** Rules of paths and of the set of all paths. */
export interface SkipPipeRules extends PathRules {
  /** Visits of any two stages other than 0 differ by at most this many. */
  readonly loadSpread: number;
  /** A peer has at most its equal share of its stage's visits, rounded up, and this many more. */
  readonly shareExcess: number;
  /** Micro-batches per anchor in a wave: as many as the anchors' memory holds. */
  readonly waveMicrobatches: number;
  /**
   * In a wave a stage is visited at most as often as
   * its peers have room together; where even an equal spread needs more, at most this many more than an equal spread.
   */
  readonly waveExcess: number;
}

/** The paper's: at most two steps back, no step further than four beyond the highest stage, everything spread equally. */
export const paperRules = {
  swapBudget: 2,
  largestJump: 4,
  loadSpread: 1,
  shareExcess: 0,
  waveExcess: 1,
} as const satisfies Omit<SkipPipeRules, 'pathLength' | 'waveMicrobatches'>;

/** Stages that a path visits when it leaves out `skipRatio` of them; at least stage 0. */
export function pathLengthOf(stages: number, skipRatio: number): number {
  return Math.max(1, Math.round(stages * (1 - skipRatio)));
}

export type SetRuleName = 'equal-load' | 'equal-share' | 'wave-load' | 'memory';

type SetChecker = (plan: Plan, rules: SkipPipeRules) => string | undefined;

/** Per rule: what is wrong with a plan's paths together, or undefined. */
export const setCheckers: Readonly<Record<SetRuleName, SetChecker>> = {
  'equal-load': (plan, { loadSpread }) => {
    const loads = stageLoads(plan, plan.paths);
    const live = [...loads.keys()];
    if (live.length === 0) return undefined;
    const most = live.reduce((a, b) => (loads.get(b)! > loads.get(a)! ? b : a));
    const least = live.reduce((a, b) => (loads.get(b)! < loads.get(a)! ? b : a));
    return loads.get(most)! - loads.get(least)! <= loadSpread
      ? undefined
      : `stage ${most} is visited ${loads.get(most)} times and stage ${least} ${loads.get(least)} times`;
  },
  'equal-share': (plan, { shareExcess }) => {
    const loads = stageLoads(plan, plan.paths);
    const visits = plan.assignment.map(() => new Map<number, number>());
    for (const { nodes } of plan.paths) {
      for (const { stage, peer } of nodes.slice(1)) {
        visits[stage]!.set(peer, (visits[stage]!.get(peer) ?? 0) + 1);
      }
    }
    for (const [stage, load] of loads) {
      const share = Math.ceil(load / plan.assignment[stage]!.length);
      for (const peer of plan.assignment[stage]!) {
        const own = visits[stage]!.get(peer) ?? 0;
        if (own > share + shareExcess)
          return `${plan.peers[peer]} is visited ${own} times, its equal share of stage ${stage} is ${share}`;
      }
    }
    return undefined;
  },
  'wave-load': (plan, { waveExcess, waveMicrobatches: perAnchor }) => {
    const waves = pathsByWave(plan, perAnchor);
    for (const [wave, paths] of waves.entries()) {
      const loads = stageLoads(plan, paths);
      let visits = 0;
      for (const { nodes } of paths) visits += nodes.length - 1;
      for (const [stage, load] of loads) {
        const room = plan.assignment[stage]!.reduce((sum, peer) => sum + plan.memoryLimits[peer]!, 0);
        const most = Math.max(room, Math.ceil(visits / loads.size) + waveExcess);
        if (load > most)
          return `in wave ${wave} stage ${stage} is visited ${load} times, at most ${most} are allowed`;
      }
    }
    return undefined;
  },
  memory: (plan) => {
    if (plan.order.kind !== 'fixed') return undefined;
    for (const [peer, list] of plan.order.tasks.entries()) {
      let held = 0;
      for (const task of list) {
        held += plan.tasks[task]!.takes;
        if (held > plan.memoryLimits[peer]! + 1e-9)
          return `${plan.peers[peer]} would hold ${held} micro-batches and has room for ${plan.memoryLimits[peer]}`;
        held -= plan.tasks[task]!.gives;
      }
    }
    return undefined;
  },
};

/** Whether these are rules of the set too, and not only of paths. */
export function isSkipPipeRules(rules: PathRules): rules is SkipPipeRules {
  return 'loadSpread' in rules;
}

/** Visits per stage other than 0 that has a replica. */
function stageLoads(plan: Plan, paths: readonly Path[]): Map<number, number> {
  const loads = new Map<number, number>();
  plan.assignment.forEach((group, stage) => {
    if (stage > 0 && group.length > 0) loads.set(stage, 0);
  });
  for (const { nodes } of paths) {
    for (const { stage } of nodes) if (loads.has(stage)) loads.set(stage, loads.get(stage)! + 1);
  }
  return loads;
}

/** Paths by wave: the k-th micro-batch of an anchor, in order of numbers, is in wave k div `perAnchor`. */
function pathsByWave(plan: Plan, perAnchor: number): Path[][] {
  const count = new Map<number, number>();
  const waves: Path[][] = [];
  for (const path of [...plan.paths].sort((a, b) => a.microbatch - b.microbatch)) {
    const anchor = path.nodes[0]!.peer;
    const k = count.get(anchor) ?? 0;
    count.set(anchor, k + 1);
    const wave = waveOf(k, perAnchor);
    waves[wave] ??= [];
    waves[wave].push(path);
  }
  return waves;
}

/** The rules about each path. */
function pathRulesOf({ pathLength, swapBudget, largestJump }: Instance): PathRules {
  return { pathLength, swapBudget, largestJump };
}

/**
 * The paper's rules for an instance, with the path length and budgets asked for. Where jumps too short for the path
 * length make an equal spread over stages impossible, it is not asked for.
 */
export function rulesOf(instance: Instance): SkipPipeRules {
  return {
    ...paperRules,
    ...pathRulesOf(instance),
    waveMicrobatches: waveMicrobatches(instance),
    ...(equalLoadsPossible(instance)
      ? {}
      : { loadSpread: Number.POSITIVE_INFINITY, waveExcess: Number.POSITIVE_INFINITY }),
  };
}

/** The rules that a policy promises to keep. */
export function rulesKept(which: 'of paths' | 'all', instance: Instance): PathRules {
  return which === 'all' ? rulesOf(instance) : pathRulesOf(instance);
}
