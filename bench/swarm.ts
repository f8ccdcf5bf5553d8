// The price of not being one machine: the demo's model, data and batch trained in one process with two threads, and as
// a swarm of eight processes, on the same cores and in turns. Where the swarm's CPU seconds go comes from a further run
// under V8's sampling profiler.

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadManifest } from '../src/cli/files.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { loadText } from '../src/cli/text.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { createKeyIdentity, generateKey } from '../src/network/libp2p/identity.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { trainSingle } from '../src/replay/single.ts';
import type { Manifest } from '../src/swarm/manifest.ts';
import { cpuByPart, WAITING_COMPUTE, WAITING_NETWORK } from './cpu-profile.ts';

export const flags = { rounds: 'number', iterations: 'number' } as const;

interface Options {
  readonly rounds?: number;
  readonly iterations?: number;
}

const LAUNCHER = fileURLToPath(new URL('../bin/skein.js', import.meta.url));
const PROCESSES = 8;
const STAGES = 4;
const WARM_UP = 5;

/** Rows: the comparison, then one row a part of the swarm's CPU seconds per iteration. */
export async function run({ rounds = 3, iterations = 60 }: Options = {}) {
  const out = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  try {
    const swarm: number[] = [];
    const single: number[] = [];
    let largestLossDifference = 0;
    for (let round = 0; round < rounds; round++) {
      const document = await runDemo(out, iterations, {});
      swarm.push(document.tokensPerSecond);
      const alone = await runSingle(join(out, 'manifest.json'), iterations);
      single.push(alone.tokensPerSecond);
      document.losses.forEach((loss, i) => {
        largestLossDifference = Math.max(largestLossDifference, Math.abs(loss - alone.losses[i]!));
      });
    }
    const swarmTokensPerSecond = Math.round(median(swarm));
    const singleTokensPerSecond = Math.round(median(single));
    const comparison = {
      model: 'demo: 4 blocks of width 128, 857,216 parameters, 2,048 tokens an iteration',
      processes: PROCESSES,
      swarmTokensPerSecond,
      singleTokensPerSecond,
      ratio: round3(swarmTokensPerSecond / singleTokensPerSecond),
      largestLossDifference,
      swarmRange: `${Math.min(...swarm)}-${Math.max(...swarm)}`,
      singleRange: `${Math.round(Math.min(...single))}-${Math.round(Math.max(...single))}`,
    };
    const profiles = join(out, 'profiles');
    const profiled = await runDemo(out, iterations, {
      NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}`,
    });
    const parts = cpuByPart(readdirSync(profiles).map((file) => readFileSync(join(profiles, file), 'utf8')));
    const isWaiting = (part: string) => part === WAITING_COMPUTE || part === WAITING_NETWORK;
    const busy = parts.filter(({ part }) => !isWaiting(part));
    const total = busy.reduce((sum, part) => sum + part.seconds, 0);
    return {
      bench: 'swarm',
      rows: [
        comparison,
        ...parts.map(({ part, seconds }) => ({
          part,
          ...(!isWaiting(part) && { share: round3(seconds / total) }),
          secondsPerIteration: round3(seconds / iterations),
        })),
      ],
      notes: [
        'tokens a second are medians over the rounds; swarm and single take turns on the same cores',
        `parts: self time of all ${PROCESSES} processes after the first plan, sampled in a run that reached ` +
          `${profiled.tokensPerSecond} tokens/s; on contended cores sampled seconds exceed CPU seconds, shares hold`,
      ],
    };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function runDemo(out: string, iterations: number, env: Record<string, string>) {
  const args = ['demo', '--peers', `${PROCESSES}`, '--stages', `${STAGES}`, '--iterations', `${iterations}`];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [LAUNCHER, ...args, '--crash', 'none', '--json', '--out', out],
    { env: { ...process.env, ...env }, maxBuffer: 1e8 },
  );
  return JSON.parse(stdout) as { tokensPerSecond: number; losses: number[] };
}

/** One process that holds all stages, each on an engine of two threads. */
async function runSingle(
  manifestFile: string,
  iterations: number,
): Promise<{ tokensPerSecond: number; losses: number[] }> {
  const text = await loadText(undefined);
  const identity = createKeyIdentity(await generateKey());
  const manifest: Manifest = manifestOf(loadManifest(manifestFile), text, identity);
  const engines = await Promise.all(
    Array.from({ length: STAGES }, () => createOnnxEngine({ threads: 2, inProcess: true })),
  );
  const losses: number[] = [];
  let startedAt = 0;
  let endedAt = 0;
  await trainSingle({
    manifest: { ...manifest, training: { ...manifest.training, iterations: iterations + WARM_UP } },
    text: text.bytes,
    engines,
    clock: createRealClock(),
    identity,
    committed: (iteration, loss) => {
      losses.push(loss);
      if (iteration === WARM_UP) startedAt = performance.now();
      endedAt = performance.now();
    },
  });
  for (const engine of engines) await engine.close();
  const { stageSizes, microbatchesPerAnchor, samplesPerMicrobatch } = manifest.training;
  const tokens = stageSizes[0]! * microbatchesPerAnchor * samplesPerMicrobatch * manifest.model.context;
  return { tokensPerSecond: (1000 * iterations * tokens) / (endedAt - startedAt), losses };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function round3(value: number): number {
  return Math.round(1000 * value) / 1000;
}
