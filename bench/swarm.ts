// The price of not being one machine: one run trained in one process with two threads, and as a swarm of eight
// processes, on the same cores and in turns. The run is the demo's, or with `--model wide` one of four blocks of width
// 512; `--codec` and `--activations` say how it travels. Where the swarm's CPU seconds go comes from a further run under
// V8's sampling profiler (`--profile 0` leaves it out).

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoModel, demoTraining } from '../src/cli/demo/model.ts';
import { DemoRecord } from '../src/cli/demo/record.ts';
import { DemoSwarm } from '../src/cli/demo/swarm.ts';
import { loadManifest } from '../src/cli/files.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { loadText } from '../src/cli/text.ts';
import { DEFAULT_CODEC } from '../src/gradient/index.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { createKeyIdentity, generateKey } from '../src/network/libp2p/identity.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { trainSingle } from '../src/replay/single.ts';
import type { Manifest } from '../src/swarm/manifest.ts';
import { cpuByPart, WAITING_COMPUTE, WAITING_NETWORK } from './cpu-profile.ts';
import { median } from '../src/swarm/membership/medians.ts';

export const flags = {
  rounds: 'number',
  iterations: 'number',
  model: 'text',
  codec: 'text',
  activations: 'text',
  profile: 'number',
} as const;

interface Options {
  readonly rounds?: number;
  readonly iterations?: number;
  readonly model?: string;
  readonly codec?: string;
  readonly activations?: string;
  readonly profile?: number;
}

const STAGES = 4;

/** One block a stage; 4 × 128 tokens a micro-batch. */
const MODELS: Readonly<Record<string, RunModel>> = {
  demo: {
    says: 'demo: 4 blocks of width 128, 857,216 parameters, 2,048 tokens an iteration',
    fields: demoModel(STAGES),
    microbatchesPerAnchor: 2,
    warmUp: 40,
  },
  wide: {
    says: '4 blocks of width 512, 4,096 tokens an iteration',
    fields: { ...demoModel(STAGES), width: 512, heads: 8, kvHeads: 8, hidden: 1376 },
    microbatchesPerAnchor: 4,
    warmUp: 4,
  },
};

interface RunModel {
  readonly says: string;
  readonly fields: ReturnType<typeof demoModel>;
  readonly microbatchesPerAnchor: number;
  /** Iterations before the clock starts, on both sides: V8 compiles the peers' code while it runs. */
  readonly warmUp: number;
}

interface Settings {
  readonly out: string;
  readonly model: RunModel;
  readonly codec: string;
  readonly activations: string;
  readonly iterations: number;
}

const PROCESSES = 8;

/** Rows: the comparison, then one row a part of the swarm's CPU seconds per iteration. */
export async function run(options: Options = {}) {
  const { rounds = 3, iterations = 60, codec = DEFAULT_CODEC, activations = 'f32', profile = 1 } = options;
  const model = MODELS[options.model ?? 'demo'];
  if (model === undefined) throw new RangeError(`--model is one of ${Object.keys(MODELS).join(', ')}`);
  const out = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const settings: Settings = { out, model, codec, activations, iterations };
  try {
    const swarm: number[] = [];
    const single: number[] = [];
    let largestLossDifference = 0;
    for (let round = 0; round < rounds; round++) {
      const document = await runSwarm(settings);
      swarm.push(document.tokensPerSecond);
      const alone = await runSingle(join(out, 'manifest.json'), settings);
      single.push(alone.tokensPerSecond);
      document.losses.forEach((loss, i) => {
        largestLossDifference = Math.max(largestLossDifference, Math.abs(loss - alone.losses[i]!));
      });
    }
    const swarmTokensPerSecond = Math.round(median(swarm));
    const singleTokensPerSecond = Math.round(median(single));
    const comparison = {
      model: model.says,
      processes: PROCESSES,
      swarmTokensPerSecond,
      singleTokensPerSecond,
      ratio: round3(swarmTokensPerSecond / singleTokensPerSecond),
      codec,
      activations,
      largestLossDifference,
      swarmRange: `${Math.min(...swarm)}-${Math.max(...swarm)}`,
      singleRange: `${Math.round(Math.min(...single))}-${Math.round(Math.max(...single))}`,
    };
    if (profile === 0) return { bench: 'swarm', rows: [comparison] };
    const profiles = join(out, 'profiles');
    process.env.NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${profiles}`; // for the peers' processes
    const profiled = await runSwarm(settings);
    delete process.env.NODE_OPTIONS;
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
        `tokens a second are medians over the rounds, after ${model.warmUp} iterations of warm-up; swarm and single take turns on the same cores`,
        `parts: self time of all ${PROCESSES} processes after the first plan, sampled in a run that reached ` +
          `${profiled.tokensPerSecond} tokens/s; on contended cores sampled seconds exceed CPU seconds, shares hold`,
      ],
    };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** The run as it stands in a manifest file. */
function writeManifest({ out, model, codec, activations, iterations }: Settings): string {
  const file = join(out, 'manifest.json');
  const training = {
    ...demoTraining(Array.from({ length: STAGES }, () => PROCESSES / STAGES)),
    ...{ microbatchesPerAnchor: model.microbatchesPerAnchor, policy: '1f1b' },
    ...{ codec, activations, iterations: iterations + model.warmUp },
  };
  writeFileSync(file, JSON.stringify({ name: 'bench', seed: 7, model: model.fields, training }));
  return file;
}

/** The run as a swarm of processes; tokens a second from the commit that ends the warm-up to the last. */
async function runSwarm(settings: Settings): Promise<{ tokensPerSecond: number; losses: number[] }> {
  const { out, iterations, model } = settings;
  const manifestFile = writeManifest(settings);
  const textFile = join(out, 'text.txt');
  writeFileSync(textFile, (await loadText(undefined)).bytes);
  rmSync(join(out, 'peers'), { recursive: true, force: true });
  mkdirSync(join(out, 'peers'));
  const now = () => performance.now() / 1000;
  const record = new DemoRecord(() => {});
  const stopping = new AbortController();
  let startedAt: number | undefined;
  let failed: Error | undefined;
  const swarm = new DemoSwarm({
    ...{ out, manifestFile, textFile, modelFolder: join(out, 'model'), from: undefined },
    peers: Array.from({ length: PROCESSES }, (_, i) => ({
      name: `p${i}`,
      stage: Math.floor((i * STAGES) / PROCESSES),
    })),
    event: (of, event) => {
      record.take(of, event, now());
      if (record.commits.length >= model.warmUp) startedAt ??= record.lastCommitAt;
    },
    died: (peer, how) => {
      failed ??= new Error(`${peer.name} ended by itself (${how}): ${peer.said.join(' ')}`);
    },
  });
  try {
    await swarm.start(stopping.signal);
    while (!record.ended && failed === undefined) await new Promise((resume) => setTimeout(resume, 50));
    if (failed) throw failed;
    await swarm.ended(new Set());
  } finally {
    await swarm.stop();
  }
  const tokens = tokensOf(manifestOf(loadManifest(manifestFile), await loadText(undefined), await anyone()));
  const seconds = record.lastCommitAt - startedAt!;
  return { tokensPerSecond: (iterations * tokens) / seconds, losses: record.losses() };
}

async function anyone() {
  return createKeyIdentity(await generateKey());
}

/** Tokens of one iteration. */
function tokensOf({ training, model }: Manifest): number {
  const { stageSizes, microbatchesPerAnchor, samplesPerMicrobatch } = training;
  return stageSizes[0]! * microbatchesPerAnchor * samplesPerMicrobatch * model.context;
}

/** One process that holds all stages, each on an engine of two threads. */
async function runSingle(
  manifestFile: string,
  { iterations, model }: Settings,
): Promise<{ tokensPerSecond: number; losses: number[] }> {
  const text = await loadText(undefined);
  const identity = await anyone();
  const manifest: Manifest = manifestOf(loadManifest(manifestFile), text, identity);
  const engines = await Promise.all(
    Array.from({ length: STAGES }, () => createOnnxEngine({ threads: 2, inProcess: true })),
  );
  const losses: number[] = [];
  let startedAt = 0;
  let endedAt = 0;
  await trainSingle({
    manifest,
    text: text.bytes,
    engines,
    clock: createRealClock(),
    identity,
    committed: (iteration, loss) => {
      losses.push(loss);
      if (iteration === model.warmUp) startedAt = performance.now();
      endedAt = performance.now();
    },
  });
  for (const engine of engines) await engine.close();
  return { tokensPerSecond: (1000 * iterations * tokensOf(manifest)) / (endedAt - startedAt), losses };
}

function round3(value: number): number {
  return Math.round(1000 * value) / 1000;
}
