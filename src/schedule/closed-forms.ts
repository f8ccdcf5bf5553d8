// The table of what the papers prove and what the timeline computes, for docs/schedules.md and the test that holds
// the two equal: one peer a stage, one anchor, tF = tBx = tBw = 1, transfers that take no time, the head at the last
// stage and free, stages in two chunks where a policy cuts them.

import type { SwarmDescription } from './description.ts';
import type { ClosedForm, Policy } from './policies/policy.ts';
import { networkOf } from './record.ts';
import { timeline } from './timeline.ts';
import { instantNetwork } from './validate.ts';

/** The uniform pipeline of the papers: p stages of one peer, m micro-batches, one second each for F, Bx and Bw. */
export function uniformDescription(p: number, m: number): SwarmDescription {
  const second = new Array<number>(p).fill(1);
  return {
    peers: Array.from({ length: p }, (_, peer) => ({
      name: `p${peer}`,
      forwardSeconds: second,
      backwardInputSeconds: second,
      backwardWeightSeconds: second,
      headSeconds: 0,
      gapSeconds: 0,
      memoryMicrobatches: Number.POSITIVE_INFINITY,
    })),
    stages: p,
    assignment: undefined,
    stageSizes: second,
    microbatchesPerAnchor: m,
    pathLength: p,
    swapBudget: 0,
    largestJump: p,
    headAt: 'last',
    splitBackward: false,
    chunks: 2,
    activationBytes: 0,
    gradientBytes: 0,
    links: instantNetwork(p).links,
  };
}

export interface ClosedFormRow {
  readonly policy: string;
  readonly p: number;
  readonly m: number;
  readonly form: ClosedForm;
  /** One number, or one per stage where the quantity is each peer's own. */
  readonly expected: readonly number[];
  readonly computed: readonly number[];
}

export const tableStages = [2, 4, 8] as const;
/** m as multiples of p. */
export const tableMultiples = [1, 2, 4] as const;

/** Every closed form of every given policy, wherever it holds. */
export function closedFormRows(policies: readonly Policy[]): ClosedFormRow[] {
  const rows: ClosedFormRow[] = [];
  for (const policy of policies) {
    for (const p of tableStages) {
      for (const multiple of tableMultiples) {
        const m = p * multiple;
        const forms = policy.closedForms.filter((form) => form.holds(p, m));
        if (forms.length === 0) continue;
        const description = uniformDescription(p, m);
        const result = timeline(policy.plan(description, { seed: 0 }), networkOf(description));
        for (const form of forms) {
          const measured = result[form.quantity];
          const computed = typeof measured === 'number' ? [measured] : Array.from(measured);
          const expected = computed.map((_, stage) => form.value(p, m, stage));
          rows.push({ policy: policy.name, p, m, form, expected, computed });
        }
      }
    }
  }
  return rows;
}

/** The rows as a table in Markdown. */
export function closedFormTable(rows: readonly ClosedFormRow[]): string {
  const lines = [
    '| policy | quantity | formula | holds for | p | m | expected | computed |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const { policy, p, m, form, expected, computed } of rows) {
    const cells = [policy, form.quantity, form.formula, form.range, p, m, shown(expected), shown(computed)];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

/** All policies in one table in Markdown, measured on the uniform pipeline of four stages and eight micro-batches. */
export function policyTable(policies: readonly Policy[]): string {
  const lines = [
    '| policy | idea | closed forms | measured at p = 4, m = 8 | when to choose it | source |',
    '|---|---|---|---|---|---|',
  ];
  const description = uniformDescription(4, 8);
  for (const policy of policies) {
    const result = timeline(policy.plan(description, { seed: 0 }), networkOf(description));
    const forms = policy.closedForms.map((form) => `${form.quantity} ${form.formula}`).join('; ');
    const measured = [
      `makespan ${shown([result.makespanSeconds])}`,
      `bubble ${shown([result.bubbleRatio])}`,
      `peak activations ${shown(Array.from(result.peakActivations))}`,
    ].join('; ');
    const cells = [
      `\`${policy.name}\``,
      policy.idea,
      forms === '' ? 'none' : forms,
      measured,
      policy.choose,
      policy.source,
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

/** Equal values once, others listed; four decimals. */
function shown(values: readonly number[]): string {
  const texts = values.map((value) => String(Math.round(value * 1e4) / 1e4));
  return new Set(texts).size === 1 ? texts[0]! : texts.join(', ');
}
