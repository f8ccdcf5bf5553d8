// A stage at one moment, as bytes: what a joiner fetches, what the disk keeps, what a rebuild starts from.
//
// Layout, little-endian: length of the JSON header (u32), the header, weights (float32), optimizer state.

import type { OptimizerState } from '../../optimizer/index.ts';
import { decodeState, encodeState, OptimizerStateError, stateBytes } from '../../optimizer/index.ts';

export interface StageSnapshot {
  readonly stage: number;
  /** The iteration whose commit was applied last. */
  readonly iteration: number;
  readonly weights: Float32Array;
  readonly state: OptimizerState;
  /** Multiplies the learning rate; above 1 for a stage that was rebuilt. */
  readonly rateFactor: number;
}

export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

const FORMAT = 'skein-stage-1';
const MAX_HEADER_BYTES = 4096;

export function encodeSnapshot(snapshot: StageSnapshot): Uint8Array {
  const { stage, iteration, weights, state, rateFactor } = snapshot;
  const header = new TextEncoder().encode(
    JSON.stringify({ format: FORMAT, stage, iteration, parameters: weights.length, rateFactor }),
  );
  const stateAt = 4 + header.length + weights.byteLength;
  const bytes = new Uint8Array(stateAt + stateBytes(state));
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, 4);
  bytes.set(new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength), 4 + header.length);
  encodeState(state, bytes.subarray(stateAt));
  return bytes;
}

/** The stage that a stored snapshot is of, or undefined when it is none. */
export function snapshotStage(bytes: Uint8Array): number | undefined {
  return countIn(bytes, 'stage');
}

/** The iteration that a stored snapshot stands at, or undefined when it is none. */
export function snapshotIteration(bytes: Uint8Array): number | undefined {
  return countIn(bytes, 'iteration');
}

function countIn(bytes: Uint8Array, field: 'stage' | 'iteration'): number | undefined {
  try {
    const { header } = readHeader(bytes);
    const value = header[field];
    return header.format === FORMAT && isCount(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; weightsAt: number } {
  if (bytes.length < 4) throw new SnapshotError(`a snapshot of ${bytes.length} bytes is cut off`);
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
  if (headerLength > MAX_HEADER_BYTES || 4 + headerLength > bytes.length) {
    throw new SnapshotError(`a snapshot header of ${headerLength} bytes cannot be right`);
  }
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headerLength)));
    if (typeof header === 'object' && header !== null) return { header, weightsAt: 4 + headerLength };
  } catch {
    // said below
  }
  throw new SnapshotError('the snapshot header is not a JSON object');
}

/**
 * Reads a snapshot of a stage with `parameters` weights; `fresh` is a new state of the run's optimizer.
 * Throws a SnapshotError that says what does not fit.
 */
export function decodeSnapshot(bytes: Uint8Array, parameters: number, fresh: OptimizerState): StageSnapshot {
  const { header, weightsAt } = readHeader(bytes);
  const { stage, iteration, rateFactor } = header;
  if (header.format !== FORMAT) throw new SnapshotError(`unknown snapshot format ${String(header.format)}`);
  if (!isCount(stage) || !isCount(iteration))
    throw new SnapshotError('the snapshot names no stage or iteration');
  if (typeof rateFactor !== 'number' || !(rateFactor > 0)) {
    throw new SnapshotError('the snapshot has no learning-rate factor');
  }
  if (header.parameters !== parameters) {
    throw new SnapshotError(
      `the snapshot has ${String(header.parameters)} weights, stage ${stage} has ${parameters}`,
    );
  }
  const stateAt = weightsAt + 4 * parameters;
  if (stateAt > bytes.length) throw new SnapshotError('the snapshot is cut off inside its weights');
  const weights = new Float32Array(parameters);
  new Uint8Array(weights.buffer).set(bytes.subarray(weightsAt, stateAt)); // a copy, also of a Node Buffer
  try {
    decodeState(fresh, bytes.subarray(stateAt));
  } catch (error) {
    if (error instanceof OptimizerStateError) throw new SnapshotError(error.message, { cause: error });
    throw error;
  }
  return { stage, iteration, weights, state: fresh, rateFactor };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
