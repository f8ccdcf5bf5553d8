// Many seeds on all cores: worker processes that take one seed after another, so that a seed that breaks its process
// takes nothing with it but itself, and what it breaks on is known.

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { SeedResult } from './run-seed.ts';

export interface PoolOptions {
  readonly workers: number;
  /** Run against peer code with this mistake in it; see test/mutants. */
  readonly mutant?: string;
  /** Called with every result as it comes; true: that is enough. */
  readonly result?: (result: SeedResult) => boolean | undefined;
  /** Nothing new is begun after so many seconds. */
  readonly limitSeconds?: number;
}

const WORKER = join(import.meta.dirname, 'worker.ts');
const MUTANTS = join(import.meta.dirname, '../../mutants/register.ts');

/** Runs the seeds and resolves to their results, in the seeds' order. */
export async function runSeeds(seeds: Iterable<number>, options: PoolOptions): Promise<SeedResult[]> {
  const { workers, mutant, result, limitSeconds = Number.POSITIVE_INFINITY } = options;
  const waiting = seeds[Symbol.iterator]();
  const results: SeedResult[] = [];
  const started = performance.now();
  let enough = false;
  const next = (): number | undefined => {
    if (enough || performance.now() - started > 1000 * limitSeconds) return undefined;
    const { value, done } = waiting.next();
    return done ? undefined : value;
  };
  const take = (one: SeedResult): void => {
    results.push(one);
    if (result?.(one)) enough = true;
  };
  await Promise.all(Array.from({ length: workers }, () => work(next, take, mutant)));
  return results.sort((a, b) => a.seed - b.seed);
}

/** One worker, and another in its place when a seed ends it. */
async function work(
  next: () => number | undefined,
  take: (result: SeedResult) => void,
  mutant: string | undefined,
): Promise<void> {
  let worker: ChildProcess | undefined;
  try {
    for (let seed = next(); seed !== undefined; seed = next()) {
      worker ??= fork(WORKER, {
        execArgv: mutant === undefined ? [] : ['--import', MUTANTS],
        env: { ...process.env, ...(mutant !== undefined && { SKEIN_MUTANT: mutant }) },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      const outcome = await ask(worker, seed);
      if (typeof outcome !== 'string') {
        take(outcome);
        continue;
      }
      worker = undefined;
      take(brokenOff(seed, outcome));
    }
  } finally {
    worker?.disconnect();
  }
}

/** The seed's result, or what the process said before it ended. */
function ask(worker: ChildProcess, seed: number): Promise<SeedResult | string> {
  return new Promise((resolve) => {
    let said = '';
    const listen = (text: Buffer): void => {
      said = (said + text.toString()).slice(-4000);
    };
    const settle = (outcome: SeedResult | string): void => {
      worker.stderr?.off('data', listen);
      worker.off('message', settle);
      worker.off('exit', ended);
      resolve(outcome);
    };
    const ended = (code: number | null): void => settle(`the process ended with code ${code}. ${said}`);
    worker.stderr?.on('data', listen);
    worker.on('message', settle);
    worker.on('exit', ended);
    worker.send(seed);
  });
}

function brokenOff(seed: number, problem: string): SeedResult {
  return {
    seed,
    failure: { invariant: 'a peer never breaks on what another says', problem },
    events: 0,
    checks: 0,
    simulatedSeconds: 0,
    iterations: 0,
    peers: 0,
    faults: {},
    digest: '',
  };
}
