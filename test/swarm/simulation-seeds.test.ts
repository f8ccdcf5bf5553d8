// Hundreds of small swarms with everything going wrong, each from one seed, each with every invariant checked after
// every event. What a failing seed did is shown again by the command that is printed with it.

import { availableParallelism } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../../src/replay/faults.ts';
import { type MutantName, mutants } from '../mutants/mutants.ts';
import { runSeeds } from './seeds/pool.ts';
import type { SeedResult } from './seeds/run-seed.ts';
import { describeFailure, summarizeSeeds } from './seeds/summary.ts';

const SEEDS = 300;
/** Seeds whose swarms are run twice. */
const TWICE = 6;
const WITHIN = 100;
const workers = Math.min(2, availableParallelism());

function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

describe('a swarm in which everything goes wrong', () => {
  let results: SeedResult[] = [];
  beforeAll(async () => {
    const started = performance.now();
    results = await runSeeds(seedsFrom(0, SEEDS), { workers });
    process.stdout.write(`${summarizeSeeds(results, (performance.now() - started) / 1000)}\n`);
  }, 900_000);

  it(`keeps every invariant, with ${SEEDS} seeds`, () => {
    const failed = results.filter(({ failure }) => failure !== undefined);
    expect(failed.map(describeFailure)).toEqual([]);
    expect(results).toHaveLength(SEEDS);
    const happened = new Set(results.flatMap(({ faults }) => Object.keys(faults)));
    expect(happened).toEqual(new Set(FAULT_KINDS));
  });

  it('happens the same way twice, to the byte, in another process and after other swarms', async () => {
    const again = await runSeeds(seedsFrom(0, TWICE).reverse(), { workers: 1 });
    expect(again).toEqual(results.slice(0, TWICE));
    expect(new Set(again.map(({ digest }) => digest)).size).toBe(TWICE);
  }, 120_000);
});

describe('a mistake of one line in the peer code is found by the seeds', () => {
  for (const [name, { breaks, seed: last }] of Object.entries(mutants)) {
    it(name, { timeout: 300_000 }, async () => {
      const found = (invariant: string) => (breaks as readonly string[]).includes(invariant);
      const seeds = seedsFrom(0, WITHIN);
      expect(seeds).toContain(last);
      const results = await runSeeds(new Set([last, ...seeds]), {
        workers,
        mutant: name as MutantName,
        result: ({ failure }) => failure !== undefined && found(failure.invariant),
      });
      const failures = results.flatMap(({ failure }) => (failure ? [failure.invariant] : []));
      expect(failures.some(found)).toBe(true);
    });
  }
});
