// Groups of peers become peers, and stages get their holders: by each peer's `stage`, by `assignment`, by
// `stageSizes`; two that contradict each other are an error.

import type { PeerInput } from './fields.ts';
import { residualBytes, stageShapes, stateBytes } from './model.ts';
import { suggest } from './nearest.ts';
import { DEVICE_NAMES, devicePreset } from './presets.ts';
import type { DeviceSettings, ModelSettings, ScenarioPeer, TrainingSettings } from './settings.ts';
import type { FieldPath, Source } from './source.ts';

/** Peers in file order, and for each the index of its group. */
export interface ExpandedPeers {
  readonly peers: readonly ScenarioPeer[];
  readonly groups: readonly number[];
}

/** Expands the groups; names are `p` and the peer's number, or the group's name, `-` and the number in the group. */
export function expandPeers(
  inputs: readonly PeerInput[],
  training: TrainingSettings,
  source: Source,
): ExpandedPeers {
  const peers: ScenarioPeer[] = [];
  const groups: number[] = [];
  const names = new Set<string>();
  inputs.forEach((input, group) => {
    if (input.stage !== 'auto' && input.stage >= training.stages) {
      const last = training.stages - 1;
      throw source.error(
        ['peers', group, 'stage'],
        `there is no stage ${input.stage}; the stages are 0 to ${last}`,
      );
    }
    const device = resolveDevice(input, group, source);
    for (let i = 0; i < input.count; i++) {
      const name = input.name === undefined ? `p${peers.length}` : `${input.name}-${i}`;
      if (names.has(name)) {
        throw source.error(
          ['peers', group, 'name'],
          `a second peer would be called '${name}'; give this group another name`,
        );
      }
      names.add(name);
      groups.push(group);
      peers.push({
        name,
        region: input.region,
        device,
        stage: input.stage === 'auto' ? undefined : input.stage,
        memoryMicrobatches: input.memoryMicrobatches ?? Number.POSITIVE_INFINITY,
        memoryBytes: input.memoryBytes ?? Number.POSITIVE_INFINITY,
        uploadBytesPerSecond: input.upload ?? Number.POSITIVE_INFINITY,
        downloadBytesPerSecond: input.download ?? Number.POSITIVE_INFINITY,
      });
    }
  });
  return { peers, groups };
}

function resolveDevice({ device }: PeerInput, group: number, source: Source): DeviceSettings | undefined {
  if (device === undefined) return undefined;
  if (typeof device !== 'string') {
    return {
      name: `${device.teraflops} Tflop/s`,
      flopsPerSecond: device.teraflops * 1e12 * device.efficiency,
    };
  }
  const preset = devicePreset(device);
  if (preset !== undefined) return preset;
  throw source.error(
    ['peers', group, 'device'],
    `there is no device '${device}'${suggest(device, DEVICE_NAMES)}`,
  );
}

/**
 * Folds `memoryBytes` into `memoryMicrobatches`: what is left beside weights, gradients and optimizer state, over the
 * residuals of one micro-batch, for the largest stage the peer may hold.
 */
export function limitMemory(
  { peers, groups }: ExpandedPeers,
  model: ModelSettings | undefined,
  training: TrainingSettings,
  source: Source,
): ScenarioPeer[] {
  return peers.map((peer, index) => {
    if (peer.memoryBytes === Number.POSITIVE_INFINITY) return peer;
    const path: FieldPath = ['peers', groups[index]!, 'memoryBytes'];
    if (model === undefined) {
      throw source.error(path, "needs a 'model' to be counted in; give one, or memoryMicrobatches instead");
    }
    const shapes = stageShapes(model, training.stages);
    const rows = training.samplesPerMicrobatch * model.shape.context;
    const fits = (peer.stage === undefined ? shapes : [shapes[peer.stage]!]).map((stage) => {
      const residuals = residualBytes(model.shape, stage, rows);
      const left = peer.memoryBytes - stateBytes(model.shape, stage, training.optimizer);
      return residuals === 0 ? (left >= 0 ? Number.POSITIVE_INFINITY : 0) : Math.floor(left / residuals);
    });
    const memoryMicrobatches = Math.min(peer.memoryMicrobatches, ...fits);
    if (memoryMicrobatches >= 1) return { ...peer, memoryMicrobatches };
    throw source.error(
      path,
      'holds a stage and its optimizer but not one micro-batch, or not even those; ' +
        'give more memory, more stages, or fewer samplesPerMicrobatch',
    );
  });
}

export interface Assignment {
  /** Undefined when nothing in the file says who holds what. */
  readonly assignment: readonly (readonly number[])[] | undefined;
  readonly stageSizes: readonly number[];
}

/** Who holds what, and how many hold each stage. Throws `ScenarioError` at the field that contradicts another. */
export function resolveAssignment(
  given: 'auto' | readonly (readonly (number | string)[])[],
  { peers, groups }: ExpandedPeers,
  training: TrainingSettings,
  source: Source,
): Assignment {
  if (given !== 'auto') return fromList(given, { peers, groups }, training, source);
  const shared = holdSeveral(training, peers);
  if (peers.length < training.stages && !shared) {
    throw source.error(
      ['training', 'stages'],
      `${peers.length} peers cannot hold ${training.stages} stages; add peers, take fewer stages, or let a peer hold several in assignment`,
    );
  }
  if (!shared) checkStageSizes(training, peers.length, source);
  const pinned = peers.map((peer) => peer.stage);
  const stageSizes = training.stageSizes ?? sizesAround(pinned, training.stages);
  const holders = stageSizes.map((_, stage) => peers.flatMap((peer, i) => (peer.stage === stage ? [i] : [])));
  holders.forEach((indices, stage) => {
    const size = stageSizes[stage]!;
    if (indices.length <= size) return;
    throw source.error(
      ['peers', groups[indices[size]!]!, 'stage'],
      `${indices.length} peers are to hold stage ${stage}, but training.stageSizes gives it ${size}`,
    );
  });
  if (pinned.every((stage) => stage === undefined)) return { assignment: undefined, stageSizes };
  const free = peers.flatMap((peer, i) => (peer.stage === undefined ? [i] : []));
  const assignment = holders.map((indices, stage) =>
    [...indices, ...free.splice(0, stageSizes[stage]! - indices.length)].sort((a, b) => a - b),
  );
  const empty = assignment.findIndex((indices) => indices.length === 0);
  if (empty >= 0) {
    throw source.error(['peers'], `no peer is left to hold stage ${empty}; give a group 'stage: ${empty}'`);
  }
  return { assignment, stageSizes };
}

/** Whether more replicas are asked for than there are peers, none is fixed to a stage, and memory is said to be there. */
function holdSeveral({ stageSizes, stages }: TrainingSettings, peers: readonly ScenarioPeer[]): boolean {
  if (stageSizes?.length !== stages || peers.some(({ stage }) => stage !== undefined)) return false;
  const wanted = stageSizes.reduce((total, size) => total + size, 0);
  const seats = peers.map(({ memoryMicrobatches, memoryBytes }) =>
    Number.isFinite(memoryMicrobatches) && memoryBytes === Number.POSITIVE_INFINITY
      ? Math.min(memoryMicrobatches, stages)
      : 1,
  );
  return wanted > peers.length && wanted <= seats.reduce((total, count) => total + count, 0);
}

function checkStageSizes({ stageSizes, stages }: TrainingSettings, peers: number, source: Source): void {
  if (stageSizes === undefined) return;
  const path: FieldPath = ['training', 'stageSizes'];
  if (stageSizes.length !== stages) {
    throw source.error(path, `has ${stageSizes.length} numbers for ${stages} stages`);
  }
  const sum = stageSizes.reduce((total, size) => total + size, 0);
  if (sum !== peers) throw source.error(path, `adds up to ${sum}, but there are ${peers} peers`);
}

/** As equal as possible, stage 0 first; where more peers are fixed to a stage, the others share what is left. */
function sizesAround(pinned: readonly (number | undefined)[], stages: number): number[] {
  const sizes = Array.from(
    { length: stages },
    (_, stage) => pinned.filter((value) => value === stage).length,
  );
  for (let left = pinned.filter((value) => value === undefined).length; left > 0; left--) {
    sizes[sizes.indexOf(Math.min(...sizes))]! += 1;
  }
  return sizes;
}

function fromList(
  given: readonly (readonly (number | string)[])[],
  { peers, groups }: ExpandedPeers,
  training: TrainingSettings,
  source: Source,
): Assignment {
  if (given.length !== training.stages) {
    throw source.error(
      ['assignment'],
      `lists ${given.length} stages, but training.stages is ${training.stages}`,
    );
  }
  const names = peers.map(({ name }) => name);
  const placed = new Set<number>();
  const assignment = given.map((entries, stage) => {
    const path: FieldPath = ['assignment', stage];
    if (entries.length === 0) throw source.error(path, `stage ${stage} has no peer`);
    const size = training.stageSizes?.[stage];
    if (size !== undefined && size !== entries.length) {
      throw source.error(
        path,
        `lists ${entries.length} peers, but training.stageSizes gives stage ${stage} ${size}`,
      );
    }
    const here = new Set<number>();
    return entries.map((entry, position) => {
      const at = [...path, position];
      const index = typeof entry === 'number' ? entry : names.indexOf(entry);
      const peer = peers[index];
      if (peer === undefined) {
        const known =
          typeof entry === 'number' ? `; they count from 0 to ${peers.length - 1}` : suggest(entry, names);
        throw source.error(at, `there is no peer ${entry}${known}`);
      }
      if (here.has(index)) throw source.error(at, `${peer.name} already holds stage ${stage}; list it once`);
      if (placed.has(index) && peer.memoryBytes !== Number.POSITIVE_INFINITY) {
        throw source.error(
          at,
          `${peer.name} holds a stage already, and memoryBytes is counted for one; give it memoryMicrobatches instead`,
        );
      }
      if (peer.stage !== undefined && peer.stage !== stage) {
        throw source.error(
          at,
          `puts ${peer.name} in stage ${stage}, but peers[${groups[index]}].stage is ${peer.stage}; ` +
            `move it to assignment[${peer.stage}], or give that group 'stage: auto'`,
        );
      }
      here.add(index);
      placed.add(index);
      return index;
    });
  });
  const missing = peers.find((_, index) => !placed.has(index));
  if (missing !== undefined)
    throw source.error(['assignment'], `leaves out ${missing.name}; give it a stage`);
  return { assignment, stageSizes: assignment.map((indices) => indices.length) };
}
