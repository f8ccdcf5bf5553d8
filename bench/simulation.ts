// How fast swarms are simulated: the real peer code in virtual time without tensors, events a second of processor
// time, against a named baseline: the same world with as many events that do nothing, microtasks drained after each.
// The last row is a large swarm whose iterations take as long as a large swarm's do. `--largeSeconds 3600` is its hour.

import { describeText } from '../src/data/index.ts';
import { createCostEngine } from '../src/engine/cost/index.ts';
import { createSimulatedIdentity } from '../src/network/simulated/identity.ts';
import { SimulatedWorld } from '../src/network/simulated/world.ts';
import { type SimulatedPeerEvent, Simulation } from '../src/replay/simulation.ts';

export interface SimulationRow {
  readonly world: 'baseline: events that do nothing' | 'swarm, cost only';
  readonly peers: number;
  /** With those in which the peers came. */
  readonly simulatedSeconds: number;
  readonly iterations: number;
  readonly events: number;
  readonly cpuSeconds: number;
  readonly eventsPerSecond: number;
  /** Events a second over the baseline's. */
  readonly ratio: number;
  /** Simulated seconds in one second of processor time. */
  readonly timesRealTime: number;
}

export interface SimulationBenchOptions {
  /** Peers of each swarm. */
  readonly peers?: readonly number[];
  /** Seconds of each swarm's time after the last peer has come. */
  readonly seconds?: number;
  /** Peers of the large swarm; 0 for none. */
  readonly large?: number;
  readonly largeSeconds?: number;
}

export const flags = {
  peers: 'numbers',
  seconds: 'number',
  large: 'number',
  largeSeconds: 'number',
} as const;

const STAGES = 4;
const BASELINE_EVENTS = 300_000;
const PEERS = [8, 32, 100];
/** A forward takes tens of milliseconds, as on a volunteer's machine with a small model. */
const SMALL_MODEL_FLOPS_PER_SECOND = 1e6;
/** A thousand times as long: an iteration takes more than a minute. */
const LARGE_MODEL_FLOPS_PER_SECOND = 1e3;

export async function run(options: SimulationBenchOptions = {}): Promise<{
  bench: 'simulation';
  rows: readonly SimulationRow[];
}> {
  const { peers = PEERS, seconds = 30, large = 1000, largeSeconds = 120 } = options;
  const baseline = await bareWorld();
  const rows: SimulationRow[] = [baseline];
  const swarm = async (count: number, length: number, flopsPerSecond: number) => {
    rows.push(await measured(count, length, flopsPerSecond, baseline.eventsPerSecond));
  };
  for (const count of peers) await swarm(count, seconds, SMALL_MODEL_FLOPS_PER_SECOND);
  if (large > 0) await swarm(large, largeSeconds, LARGE_MODEL_FLOPS_PER_SECOND);
  return { bench: 'simulation', rows };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function bareWorld(): Promise<SimulationRow> {
  const world = new SimulatedWorld();
  let left = BASELINE_EVENTS;
  const tick = (peer: string): void => {
    left--;
    world.after(0.5, peer, () => tick(peer));
  };
  for (let peer = 0; peer < 100; peer++) world.after(peer / 100, `p${peer}`, () => tick(`p${peer}`));
  const started = cpuSeconds();
  await world.run(() => left <= 0, Number.POSITIVE_INFINITY);
  const took = cpuSeconds() - started;
  return {
    world: 'baseline: events that do nothing',
    peers: 100,
    simulatedSeconds: world.now(),
    iterations: 0,
    events: BASELINE_EVENTS,
    cpuSeconds: took,
    eventsPerSecond: BASELINE_EVENTS / took,
    ratio: 1,
    timesRealTime: world.now() / took,
  };
}

/** So far apart they come. */
const COMING_SECONDS = 0.05;

async function measured(
  peers: number,
  seconds: number,
  flopsPerSecond: number,
  baseline: number,
): Promise<SimulationRow> {
  let iterations = 0;
  const simulation = costSwarm(peers, flopsPerSecond, (event) => {
    if (event.kind === 'commit' && event.of === 'p0') iterations++;
  });
  const end = COMING_SECONDS * peers + seconds;
  const started = cpuSeconds();
  await simulation.begin();
  await simulation.world.run(() => simulation.world.now() >= end, Number.POSITIVE_INFINITY);
  const took = cpuSeconds() - started;
  const events = simulation.world.eventCount();
  return {
    world: 'swarm, cost only',
    peers,
    simulatedSeconds: end,
    iterations,
    events,
    cpuSeconds: took,
    eventsPerSecond: events / took,
    ratio: events / took / baseline,
    timesRealTime: end / took,
  };
}

/** A swarm of so many peers in four stages, with links of 20 ms and 80 Mbit/s, and durations instead of tensors. */
export function costSwarm(
  peers: number,
  flopsPerSecond: number,
  script: (event: SimulatedPeerEvent) => void,
): Simulation {
  const text = new Uint8Array(20_000).fill(97);
  const { digest } = createSimulatedIdentity('anyone');
  return new Simulation({
    manifest: {
      protocol: 'skein/1',
      name: 'bench',
      seed: 1,
      model: {
        width: 4,
        heads: 1,
        kvHeads: 1,
        hidden: 8,
        vocabulary: 256,
        context: 4,
        normEpsilon: 1e-5,
        ropeTheta: 10_000,
        tiedHead: false,
        blocks: Array.from({ length: STAGES }, () => 1),
      },
      training: {
        ...training,
        stageSizes: Array.from({ length: STAGES }, () => Math.ceil(peers / STAGES)),
      },
      data: describeText('bench', text, digest),
    },
    text,
    peers: Array.from({ length: peers }, (_, index) => ({
      name: `p${index}`,
      stage: index % STAGES,
      hasText: true,
    })),
    links: { latencySeconds: () => 0.02, bytesPerSecond: () => 1e7 },
    engine: async (_, processor) =>
      createCostEngine(processor, {
        flopsPerSecond,
        efficiency: 1,
        memoryBytesPerSecond: 1e9,
        memoryBytes: 1e9,
      }),
    script,
    keepEvents: false,
  });
}

const training = {
  stages: STAGES,
  microbatchesPerAnchor: 2,
  samplesPerMicrobatch: 1,
  skipRatio: 0,
  swapBudget: 0,
  largestJump: 4,
  splitBackward: false,
  policy: '1f1b',
  codec: 'dense-f32',
  activations: 'f32',
  recovery: 'checkfree',
  emergencySkips: 1,
  optimizer: {
    name: 'sgd',
    learningRate: 0.1,
    warmupIterations: 0,
    decay: 'none',
    endShare: 1,
    betas: [0.9, 0.95] as number[],
    epsilon: 1e-8,
    weightDecay: 0,
    momentum: 0,
    clip: 0,
  },
  iterations: 1_000_000,
} as const;
