// What many seeds came to, in a few lines.

import { FAULT_KINDS } from '../../../src/replay/faults.ts';
import type { SeedResult } from './run-seed.ts';

/** Seeds, events, faults of each kind, and every failure with the command that shows it again. */
export function summarizeSeeds(results: readonly SeedResult[], seconds: number): string {
  const sum = (of: (result: SeedResult) => number) => results.reduce((total, one) => total + of(one), 0);
  const faults = FAULT_KINDS.map((kind) => `${kind} ${sum(({ faults: happened }) => happened[kind] ?? 0)}`);
  const failed = results.filter(({ failure }) => failure !== undefined);
  return [
    `${results.length} seeds, ${failed.length} failed; ${sum(({ events }) => events)} events, ${sum(({ checks }) => checks)} changes checked, ` +
      `${sum(({ simulatedSeconds }) => simulatedSeconds).toFixed(0)} simulated seconds in ${seconds.toFixed(0)} s`,
    `faults: ${faults.join(', ')}`,
    ...failed.map(describeFailure),
  ].join('\n');
}

/** What did not hold, and how to see it again. */
export function describeFailure({ seed, failure }: SeedResult): string {
  return `seed ${seed} FAILED: ${failure?.problem}\nagain: npm run soak -- --seed ${seed}`;
}
