// A process that runs the seeds it is sent, one after another, and sends back what came of them.

import { runSeed } from './run-seed.ts';
import { scenarioOf } from './scenario.ts';

process.on('message', async (seed: number) => {
  const result = await runSeed(scenarioOf(seed));
  process.send!(result);
});
process.on('disconnect', () => process.exit());
