// `npm test`: every test under vitest, then the time by part, so that a slow part is seen before the whole is too
// slow, and one closing line for machines: `N passed, N failed`. Arguments go to vitest: `npm test -- schedule`.

import { relative } from 'node:path';
import { parseCLI, type Reporter, startVitest, type TestModule } from 'vitest/node';
import { addUp, partOf, type Part, type RunTotals, summarize } from './house/summary.ts';

const started = performance.now();
const totals: RunTotals = { passed: 0, failed: 0, skipped: 0 };
const parts = new Map<string, Part>();
let ended = false;

/** Counts what the readable reporter beside it shows. */
const counter: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    ended = true;
    for (const module of modules) {
      const outcome = outcomeOf(module);
      addUp(totals, outcome);
      const name = partOf(relative(import.meta.dirname, module.moduleId));
      const part = parts.get(name) ?? { seconds: 0, files: 0, tests: 0 };
      parts.set(name, {
        seconds: part.seconds + secondsOf(module),
        files: part.files + 1,
        tests: part.tests + [...module.children.allTests()].length,
      });
    }
    addUp(totals, { passed: 0, failed: unhandledErrors.length, skipped: 0 });
  },
};

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const vitest = await startVitest(
  'test',
  filter,
  { ...options, run: true, watch: false },
  { test: { reporters: ['default', counter] } },
);
await vitest.close();

// A run that ended without a word, or that executed nothing, has not passed.
const nothingRan = !ended || totals.passed + totals.failed === 0;
if (nothingRan) totals.failed++;
process.stdout.write(summarize(parts, (performance.now() - started) / 1000, totals));
process.exit(totals.failed > 0 ? 1 : (process.exitCode ?? 0));

/** A file that cannot be loaded, or a hook that fails, fails once beside the tests that it keeps from running. */
function outcomeOf(module: TestModule): RunTotals {
  const outcome = { passed: 0, failed: module.errors().length, skipped: 0 };
  for (const suite of module.children.allSuites()) outcome.failed += suite.errors().length;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    outcome[state === 'pending' ? 'failed' : state]++;
  }
  return outcome;
}

function secondsOf(module: TestModule): number {
  const { environmentSetupDuration, prepareDuration, setupDuration, collectDuration, duration } =
    module.diagnostic();
  return (environmentSetupDuration + prepareDuration + setupDuration + collectDuration + duration) / 1000;
}
