// Random instances of the path scheduler's problem, from the published links between twelve regions: peers at random
// places, as many per stage as fit, the anchors the rest. For benchmarks and tests.

import { readFileSync } from 'node:fs';
import { generator, stream } from '../src/random/index.ts';
import type { SwarmDescription } from '../src/schedule/description.ts';

interface Table {
  readonly regions: readonly string[];
  readonly latency: (from: number, to: number) => number;
  readonly bandwidth: (from: number, to: number) => number;
}

/** Bytes of one micro-batch's activation and the constant of the published transfer matrix. */
const activationBytes = 33_554_648;
const copySeconds = 0.35;

export interface InstanceOptions {
  readonly peers: number;
  readonly stages: number;
  readonly pathLength: number;
  readonly microbatchesPerAnchor: number;
  readonly forwardSeconds: number;
  /** Peers' speeds differ by up to this factor; 1 where all are alike. */
  readonly speedSpread: number;
  readonly free: boolean;
}

export function randomInstance(seed: number, options: InstanceOptions): SwarmDescription {
  const { peers: count, stages, pathLength, free } = options;
  const draw = generator(stream({ runSeed: seed, purpose: 'schedule', index: 100 }));
  const table = regionTable();
  const places = Array.from({ length: count }, () => draw.integerBelow(table.regions.length));
  const order = draw.shuffle(Array.from({ length: count }, (_, peer) => peer));
  // As many anchors as the others have room for: each micro-batch of a wave takes a place at pathLength - 1 peers.
  const anchors = Math.floor(count / pathLength);
  const others = count - anchors;
  const stageSizes = Array.from({ length: stages }, (_, stage) =>
    stage === 0 ? anchors : Math.floor((others + stages - 1 - stage) / (stages - 1)),
  );
  const assignment: number[][] = [];
  for (const size of stageSizes) assignment.push(order.splice(0, size).sort((a, b) => a - b));
  const endless = new Array<number>(count).fill(Number.POSITIVE_INFINITY);
  const all = (seconds: number) => new Array<number>(stages).fill(seconds);
  return {
    peers: places.map((_, peer) => {
      const forward = options.forwardSeconds * (1 + (options.speedSpread - 1) * draw.uniform());
      return {
        name: `p${peer}`,
        forwardSeconds: all(forward),
        backwardInputSeconds: all(0.75 * forward),
        backwardWeightSeconds: all(0.75 * forward),
        headSeconds: forward / 4,
        gapSeconds: 0,
        memoryMicrobatches: 3,
      };
    }),
    stages,
    assignment: free ? undefined : assignment,
    stageSizes,
    microbatchesPerAnchor: options.microbatchesPerAnchor,
    pathLength: options.pathLength,
    swapBudget: 2,
    largestJump: 4,
    headAt: 'anchor',
    splitBackward: false,
    chunks: 1,
    activationBytes,
    gradientBytes: 0,
    links: {
      latencySeconds: rowsByPlace(places, (a, b) => table.latency(a, b) + copySeconds),
      bytesPerSecond: rowsByPlace(places, table.bandwidth),
      uploadBytesPerSecond: endless,
      downloadBytesPerSecond: endless,
      shared: false,
    },
  };
}

/** A matrix over peers in which those of one place share a row: a hundred million entries would be a gigabyte. */
function rowsByPlace(
  places: readonly number[],
  value: (from: number, to: number) => number,
): (readonly number[])[] {
  const rows = new Map<number, readonly number[]>();
  return places.map((from) => {
    const row = rows.get(from) ?? places.map((to) => value(from, to));
    rows.set(from, row);
    return row;
  });
}

/** The s-th small instance: 12 to 24 peers, four or six stages, forwards of 0.44 or 1.76 s. */
export function smallInstance(seed: number, free: boolean): SwarmDescription {
  const draw = generator(stream({ runSeed: seed, purpose: 'schedule', index: 101 }));
  const peers = 12 + draw.integerBelow(13);
  const stages = peers < 15 ? 4 : 6;
  return randomInstance(seed, {
    peers,
    stages,
    pathLength: stages === 4 ? 3 : 4,
    microbatchesPerAnchor: 6,
    forwardSeconds: draw.integerBelow(2) === 0 ? 0.44 : 1.76,
    speedSpread: 1,
    free,
  });
}

/**
 * The s-th instance of four peers and four micro-batches: one anchor or two, paths of two or three stages, speeds
 * that differ up to twofold, memory for two micro-batches or three. Its times are whole microseconds.
 */
export function tinyInstance(seed: number): SwarmDescription {
  const draw = generator(stream({ runSeed: seed, purpose: 'schedule', index: 102 }));
  const anchors = 1 + draw.integerBelow(2);
  const stages = anchors === 2 ? 3 : 3 + draw.integerBelow(2);
  const memoryMicrobatches = 2 + draw.integerBelow(2);
  const swarm = randomInstance(seed, {
    peers: 4,
    stages,
    pathLength: 2 + draw.integerBelow(2),
    microbatchesPerAnchor: 4 / anchors,
    forwardSeconds: draw.integerBelow(2) === 0 ? 0.44 : 1.76,
    speedSpread: 2,
    free: false,
  });
  const order = draw.shuffle([0, 1, 2, 3]);
  const assignment = Array.from({ length: stages }, (_, stage) =>
    order.splice(0, stage === 0 ? anchors : Math.floor((4 - anchors + stages - 1 - stage) / (stages - 1))),
  );
  const whole = (seconds: number) => Math.max(1, Math.round(seconds * 1e6)) / 1e6;
  const { latencySeconds, bytesPerSecond } = swarm.links;
  return {
    ...swarm,
    assignment,
    stageSizes: assignment.map((group) => group.length),
    peers: swarm.peers.map((peer) => ({
      ...peer,
      memoryMicrobatches,
      forwardSeconds: peer.forwardSeconds.map(whole),
      backwardInputSeconds: peer.backwardInputSeconds.map(whole),
      backwardWeightSeconds: peer.backwardWeightSeconds.map(whole),
      headSeconds: whole(peer.headSeconds),
    })),
    links: {
      ...swarm.links,
      latencySeconds: latencySeconds.map((row, from) =>
        row.map((latency, to) => whole(latency + swarm.activationBytes / bytesPerSecond[from]![to]!)),
      ),
      bytesPerSecond: bytesPerSecond.map((row) => row.map(() => Number.POSITIVE_INFINITY)),
    },
  };
}

function regionTable(): Table {
  const file = new URL('../scenarios/data/gcp-links.json', import.meta.url);
  return tableOf(JSON.parse(readFileSync(file, 'utf8')));
}

interface LinkFile {
  readonly sameRegion: { readonly latency: string; readonly bandwidth: string };
  readonly pairs: readonly {
    readonly a: string;
    readonly b: string;
    readonly latency: string;
    readonly bandwidth: string;
  }[];
}

function tableOf({ sameRegion, pairs }: LinkFile): Table {
  const regions = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))].sort();
  const known = new Map(
    pairs.flatMap((pair) => [[`${pair.a} ${pair.b}`, pair] as const, [`${pair.b} ${pair.a}`, pair] as const]),
  );
  const pairOf = (from: number, to: number) =>
    from === to ? sameRegion : known.get(`${regions[from]} ${regions[to]}`)!;
  return {
    regions,
    latency: (from, to) => Number.parseFloat(pairOf(from, to).latency) / 1000,
    bandwidth: (from, to) => Number.parseFloat(pairOf(from, to).bandwidth) * 2 ** 30,
  };
}
