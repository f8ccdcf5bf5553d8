// The recovery rules that a manifest can name, and which of them a lost stage really gets.

import { checkfree } from './checkfree.ts';
import { copy } from './copy.ts';
import { random } from './random.ts';
import type { RecoveryRule } from './rule.ts';

export const recoveryRules = { checkfree, copy, random } as const satisfies Record<string, RecoveryRule>;

export type RecoveryRuleName = keyof typeof recoveryRules;

/** What a rule falls back on where it has too few sources: an end stage under checkfree is copied. */
const fallbacks = {
  checkfree: ['checkfree', 'copy', 'random'],
  copy: ['copy', 'random'],
  random: ['random'],
} as const satisfies Record<RecoveryRuleName, readonly RecoveryRuleName[]>;

export interface RecoveryPlan {
  /** The rule really used. */
  readonly rule: RecoveryRuleName;
  /** Stages whose weights and last gradient norm it needs, in ascending order. */
  readonly sources: readonly number[];
}

/**
 * How `stage` is to be rebuilt under the named rule; `alive[s]` says whether stage s still has a replica.
 * Throws a RangeError for stage 0 (restored from exact copies, never rebuilt), an unknown stage, or one that is alive.
 */
export function planRecovery(name: RecoveryRuleName, stage: number, alive: readonly boolean[]): RecoveryPlan {
  if (!Number.isInteger(stage) || stage < 1 || stage >= alive.length) {
    throw new RangeError(`stage ${stage} cannot be rebuilt: only stages 1 to ${alive.length - 1} can`);
  }
  if (alive[stage]) throw new RangeError(`stage ${stage} still has a replica: there is nothing to rebuild`);
  for (const rule of fallbacks[name]) {
    const sources = recoveryRules[rule].sources(stage, alive);
    if (sources !== undefined) return { rule, sources };
  }
  throw new Error('the random rule needs no source and is the last fallback of every rule');
}
