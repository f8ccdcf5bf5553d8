// Swarms in virtual time with everything going wrong: each turn runs a hundred seeds on all cores and rejects with
// the first one in which an invariant does not hold. `npm run soak -- --seed N` runs one of them with its whole log.

import { availableParallelism } from 'node:os';
import { runSeeds } from '../swarm/seeds/pool.ts';
import { runSeed } from '../swarm/seeds/run-seed.ts';
import { scenarioOf } from '../swarm/seeds/scenario.ts';
import { describeFailure, summarizeSeeds } from '../swarm/seeds/summary.ts';
import type { SoakMember } from './member.ts';

const SEEDS_PER_TURN = 100;

export const soak: SoakMember = {
  name: 'simulation',
  async run(turn) {
    const started = performance.now();
    const seeds = Array.from({ length: SEEDS_PER_TURN }, (_, index) => turn * SEEDS_PER_TURN + index);
    const results = await runSeeds(seeds, { workers: availableParallelism() });
    const failed = results.filter(({ failure }) => failure !== undefined);
    if (failed.length > 0) throw new Error(failed.map(describeFailure).join('\n'));
    return `\n${summarizeSeeds(results, (performance.now() - started) / 1000)}`;
  },
  async again(seed) {
    const scenario = scenarioOf(seed);
    const result = await runSeed(scenario, { log: (line) => process.stdout.write(`${line}\n`) });
    const { training } = scenario.manifest;
    process.stdout.write(
      `${JSON.stringify({ peers: scenario.peers, training })}\n${scenario.faults.faults.map((fault) => JSON.stringify(fault)).join('\n')}\n`,
    );
    if (result.failure) throw new Error(result.failure.problem);
    return `${result.events} events, digest ${result.digest}`;
  },
};
