// From a scenario to what a policy is told: seconds per peer and stage, link matrices, bytes. Times come from the
// `costs` block, or from model, devices and links.

import { exchangeBytesWith } from '../gradient/index.ts';
import type { LinkDescription, PeerDescription, SwarmDescription } from '../schedule/description.ts';
import { activationBytes, stageFlops, stageParameters, stageShapes } from './model.ts';
import { pathLength } from './schema.ts';
import type { Cost, Costs, DeviceSettings, LinkTable, ModelSettings, Scenario } from './settings.ts';

/** Of a forward, when nothing says what head and loss cost: the share in SkipPipe's time model (arXiv 2502.19913). */
const HEAD_SHARE = 1 / 4;

/** Describes the swarm of one iteration. `scenario` was checked when it was read, so this cannot fail. */
export function describeSwarm(scenario: Scenario): SwarmDescription {
  const { training, model, stageSizes, assignment } = scenario;
  const rows = model === undefined ? 0 : training.samplesPerMicrobatch * model.shape.context;
  const shapes = model === undefined ? [] : stageShapes(model, training.stages);
  // Without a model, sizes count activations: one is one byte.
  const bytes = model === undefined ? 1 : activationBytes(model.shape, rows, training.activations);
  return {
    peers:
      scenario.costs === undefined
        ? peersFromModel(scenario, rows)
        : peersFromCosts(scenario, scenario.costs),
    stages: training.stages,
    assignment,
    stageSizes,
    microbatchesPerAnchor: training.microbatchesPerAnchor,
    pathLength: pathLength(training),
    swapBudget: training.swapBudget,
    largestJump: training.largestJump,
    headAt: training.headAt,
    splitBackward: training.splitBackward,
    chunks: training.chunks,
    activationBytes: bytes,
    ...(model === undefined
      ? { gradientBytes: 0 }
      : exchangeBytesWith(
          training.codec,
          Math.max(...shapes.map((stage) => stageParameters(model.shape, stage))),
        )),
    links:
      scenario.costs === undefined
        ? linksFromTable(scenario)
        : linksFromCosts(scenario, scenario.costs, bytes),
  };
}

function peersFromCosts({ peers, training }: Scenario, costs: Costs): PeerDescription[] {
  const stages = Array.from({ length: training.stages }, (_, stage) => stage);
  return peers.map((peer, index) => {
    const perStage = (cost: Cost) => stages.map((stage) => costAt(cost, stage, index));
    // The head runs where headAt says; a list per stage gives stage 0's or the last stage's number.
    const headStage = training.headAt === 'anchor' ? 0 : training.stages - 1;
    return {
      name: peer.name,
      forwardSeconds: perStage(costs.forwardSeconds),
      backwardInputSeconds: perStage(costs.backwardInputSeconds),
      backwardWeightSeconds: perStage(costs.backwardWeightSeconds),
      headSeconds: costAt(costs.headSeconds, headStage, index),
      gapSeconds: costAt(costs.gapSeconds, headStage, index),
      memoryMicrobatches: peer.memoryMicrobatches,
    };
  });
}

function costAt(cost: Cost, stage: number, peer: number): number {
  switch (cost.per) {
    case 'all':
      return cost.seconds;
    case 'stage':
      return cost.seconds[stage]!;
    case 'peer':
      return cost.seconds[peer]!;
  }
}

function peersFromModel(scenario: Scenario, rows: number): PeerDescription[] {
  const model = checked<ModelSettings>(scenario.model);
  const flops = stageShapes(model, scenario.training.stages).map((stage) =>
    stageFlops(model.shape, stage, rows),
  );
  return scenario.peers.map((peer) => {
    const { flopsPerSecond } = checked<DeviceSettings>(peer.device);
    const forwardSeconds = flops.map(({ dense, attention }) => (dense + attention) / flopsPerSecond);
    return {
      name: peer.name,
      forwardSeconds,
      backwardInputSeconds: flops.map(({ dense, attention }) => (dense + 2 * attention) / flopsPerSecond),
      backwardWeightSeconds: flops.map(({ dense }) => dense / flopsPerSecond),
      headSeconds: Math.max(...forwardSeconds) * HEAD_SHARE,
      gapSeconds: 0,
      memoryMicrobatches: peer.memoryMicrobatches,
    };
  });
}

function linksFromTable({ peers, links }: Scenario): LinkDescription {
  const table = checked<LinkTable>(links);
  const regions = peers.map(({ region }) => table.regions.indexOf(region!));
  const upload = peers.map((peer) => peer.uploadBytesPerSecond);
  const download = peers.map((peer) => peer.downloadBytesPerSecond);
  return {
    latencySeconds: matrix(peers.length, (i, j) => table.latencySeconds[regions[i]!]![regions[j]!]!),
    bytesPerSecond: matrix(
      peers.length,
      (i, j) => Math.min(table.bytesPerSecond[regions[i]!]![regions[j]!]!, upload[i]!, download[j]!),
      Number.POSITIVE_INFINITY,
    ),
    uploadBytesPerSecond: upload,
    downloadBytesPerSecond: download,
    shared: table.shared,
  };
}

/**
 * Transfers that take a given time whatever they carry. When they are to share links, each is a flow that would take
 * that time alone, and a peer's uplink (downlink) is as fast as given, else as its fastest pair.
 */
function linksFromCosts({ peers }: Scenario, costs: Costs, bytes: number): LinkDescription {
  const seconds = (i: number, j: number) =>
    typeof costs.transferSeconds === 'number' ? costs.transferSeconds : costs.transferSeconds[i]![j]!;
  const unlimited = peers.map(() => Number.POSITIVE_INFINITY);
  if (!costs.shareLinks) {
    return {
      latencySeconds: matrix(peers.length, seconds),
      bytesPerSecond: matrix(peers.length, () => Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
      uploadBytesPerSecond: unlimited,
      downloadBytesPerSecond: unlimited,
      shared: false,
    };
  }
  const rates = matrix(peers.length, (i, j) => bytes / seconds(i, j), Number.POSITIVE_INFINITY);
  const fastest = (given: number, others: readonly number[]) =>
    Number.isFinite(given) ? given : others.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...others);
  return {
    latencySeconds: matrix(peers.length, () => 0),
    bytesPerSecond: rates,
    uploadBytesPerSecond: peers.map((peer, i) =>
      fastest(
        peer.uploadBytesPerSecond,
        rates[i]!.filter((_, j) => j !== i),
      ),
    ),
    downloadBytesPerSecond: peers.map((peer, j) =>
      fastest(
        peer.downloadBytesPerSecond,
        rates.map((row) => row[j]!).filter((_, i) => i !== j),
      ),
    ),
    shared: true,
  };
}

/** An n × n matrix with `diagonal`, a peer's way to itself, where both indices are equal. */
function matrix(n: number, value: (from: number, to: number) => number, diagonal = 0): number[][] {
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (i === j ? diagonal : value(i, j))),
  );
}

/** For what the reader of the scenario made sure of. */
function checked<T>(value: T | undefined): T {
  if (value === undefined)
    throw new Error('this scenario was not read by parseScenario: it lacks model, device or links');
  return value;
}
