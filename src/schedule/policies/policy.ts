// What a policy is: a swarm description in, a plan out. One file a policy; each says where it comes from and what
// the paper proves of it, and a test holds every one of those formulas against the timeline.

import type { SwarmDescription } from '../description.ts';
import type { Plan } from '../plan.ts';
import type { Sliced } from '../slices.ts';

export interface PolicyOptions {
  /** For policies that draw: the same seed gives the same plan on every machine. */
  readonly seed: number;
  /**
   * For policies that search: how many candidates they may try. A multiple counts in the policy's own default, which
   * depends on the swarm. Time is no budget: it would make plans depend on the machine.
   */
  readonly budget?: Budget;
}

export type Budget = { readonly steps: number } | { readonly times: number };

/** A quantity that a paper gives in closed form, for p stages of one peer each and m micro-batches of one anchor. */
export interface ClosedForm {
  readonly quantity: 'makespanSeconds' | 'spanSeconds' | 'bubbleRatio' | 'peakActivations';
  /** As the table in docs/schedules.md prints it. */
  readonly formula: string;
  /** Where it holds, in words, and as a test. */
  readonly range: string;
  readonly holds: (p: number, m: number) => boolean;
  /** With tF = tBx = tBw = 1 and no transfer time; quantities that each peer has its own of are per stage. */
  readonly value: (p: number, m: number, stage: number) => number;
}

export interface Policy {
  readonly name: string;
  /** One line for tables. */
  readonly idea: string;
  /** When to choose it, one line. */
  readonly choose: string;
  /** Paper and section. */
  readonly source: string;
  readonly closedForms: readonly ClosedForm[];
  /**
   * A plan with a fixed list per peer that completes on any network, a function of its arguments only.
   * Throws a `DescriptionError` or `PlanError` when there can be none.
   */
  readonly plan: (description: SwarmDescription, options: PolicyOptions) => Plan;
  /** For policies that search: the same plan, computed in slices, and how many steps a budget comes to. */
  readonly searching?: {
    readonly planInSlices: (description: SwarmDescription, options: PolicyOptions) => Sliced<Plan>;
    readonly steps: (description: SwarmDescription, budget: Budget | undefined) => number;
  };
  /**
   * Whether how long peers and links take decides paths or who holds what: then a swarm plans from what it measured.
   * Where times decide the order of work alone it does not, so that such runs give the same losses twice.
   */
  readonly plansFromTimes?: true;
  /** Whether its plans have a backward in two tasks, whatever the description says of that. */
  readonly splitsBackward?: true;
  /**
   * Which rules of partial pipelines its plans keep, with their path length and budgets: those about each path (rules.ts)
   * or also those about all paths together (skippipe/rules.ts).
   */
  readonly keepsRules?: 'of paths' | 'all';
}
