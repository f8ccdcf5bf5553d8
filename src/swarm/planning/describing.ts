// The swarm as a policy is told of it: who holds what by the journal, how long things take by what was measured and
// committed. Nothing else goes in, so that everyone who has the journal describes the same swarm.

import { exchangeBytesWith } from '../../gradient/index.ts';
import type { PeerDescription, SwarmDescription } from '../../schedule/description.ts';
import {
  type ComputeTimes,
  linkOf,
  type Measurements,
  measuredDescription,
  type TransferTimes,
} from '../../schedule/skippipe/measured.ts';
import { pathLengthOf } from '../../schedule/skippipe/rules.ts';
import type { PeerName } from '../../seams/network.ts';
import { activationFormat } from '../training/activations.ts';
import { parametersOf } from '../weights/holder.ts';
import { type Manifest, microbatchesPerIteration } from '../manifest.ts';
import { lowerMedian } from '../membership/medians.ts';

/** Seconds of a forward where nobody has measured one; only their ratios matter to the order of tasks. */
const FORWARD_SECONDS = 1;
const MICROSECONDS = 1e6;

/** Micro-batches whose activations fit, of peers that said so. */
export type Memory = ReadonlyMap<PeerName, number>;

/**
 * Groups of peers, stage 0 first, as a swarm. Times that a peer did not measure are assumed as the middle one that
 * anchors measured for stage 0, and that all others did, by blocks, for other stages: whoever comes is not taken to be
 * as slow as those who hold a slow stage. Links that nobody used count as the middle one of those used.
 */
export function describeSwarm(
  manifest: Manifest,
  groups: readonly (readonly PeerName[])[],
  measurements: Measurements,
  memory: Memory = new Map(),
): SwarmDescription {
  const { training } = manifest;
  const anchors = groups[0]!.slice(0, microbatchesPerIteration(manifest));
  const holding = [anchors, ...groups.slice(1)];
  const peers = holding.flat();
  const indexOf = new Map(peers.map((peer, index) => [peer, index]));
  const assumed = assumedPeer(manifest, holding, measurements);
  const { bytes: activationBytes } = activationFormat(manifest);
  const used = linksAmong(peers, measurements);
  const middle = (part: keyof TransferTimes) => lowerMedian(used.map((times) => times[part]));
  const link = linkOf({ activation: middle('activation'), bytes: middle('bytes') }, activationBytes);
  const unlimited = peers.map(() => Number.POSITIVE_INFINITY);
  const description: SwarmDescription = {
    peers: peers.map((name) => ({
      ...assumed,
      name,
      memoryMicrobatches: memory.get(name) ?? Number.POSITIVE_INFINITY,
    })),
    stages: training.stages,
    assignment: holding.map((group) => group.map((peer) => indexOf.get(peer)!)),
    stageSizes: holding.map((group) => group.length),
    microbatchesPerAnchor: Math.max(
      1,
      Math.floor(microbatchesPerIteration(manifest) / Math.max(1, anchors.length)),
    ),
    pathLength: pathLengthOf(training.stages, training.skipRatio),
    swapBudget: training.swapBudget,
    largestJump: training.largestJump,
    headAt: 'anchor',
    splitBackward: training.splitBackward,
    chunks: 1,
    activationBytes,
    ...exchangeBytesWith(training.codec, parametersOf(manifest, training.stages - 1)),
    links: {
      latencySeconds: peers.map((_, from) => peers.map((__, to) => (from === to ? 0 : link.latencySeconds))),
      bytesPerSecond: peers.map(() => peers.map(() => link.bytesPerSecond)),
      uploadBytesPerSecond: unlimited,
      downloadBytesPerSecond: unlimited,
      shared: false,
    },
  };
  return measuredDescription(description, measurements);
}

function assumedPeer(
  { training, model }: Manifest,
  holding: readonly (readonly PeerName[])[],
  { compute }: Measurements,
): Omit<PeerDescription, 'name' | 'memoryMicrobatches'> {
  const blocks = (stage: number) => Math.max(1, model.blocks[stage] ?? 1);
  const measured = (holders: readonly (readonly PeerName[])[], part: keyof ComputeTimes, stage: number) =>
    holders.flatMap((group, held) =>
      group.flatMap((peer) => {
        const value = Object.hasOwn(compute, peer) ? compute[peer]![part] : 0;
        return value > 0 ? [(value * blocks(stage)) / blocks(held)] : [];
      }),
    );
  const [anchors, others] = [[holding[0]!], [[], ...holding.slice(1)]];
  const perStage = (part: keyof ComputeTimes) =>
    Array.from({ length: training.stages }, (_, stage) => {
      const own = lowerMedian(measured(stage === 0 ? anchors : others, part, stage));
      return (own || lowerMedian(measured(holding, part, stage))) / MICROSECONDS || FORWARD_SECONDS;
    });
  const forwardSeconds = perStage('forward');
  return {
    forwardSeconds,
    backwardInputSeconds: perStage('backwardInput'),
    backwardWeightSeconds: perStage('backwardWeight'),
    headSeconds: lowerMedian(measured(anchors, 'head', 0)) / MICROSECONDS || forwardSeconds[0]! / 4,
    gapSeconds: 0,
  };
}

function linksAmong(peers: readonly PeerName[], { transfer }: Measurements): TransferTimes[] {
  const known = new Set(peers);
  return peers.flatMap((from) => {
    const row = Object.hasOwn(transfer, from) ? transfer[from]! : {};
    return Object.entries(row).flatMap(([to, value]) => (known.has(to) ? [value] : []));
  });
}
