// What an optimizer remembers between steps, as plain typed arrays, and how it is written into a snapshot.
//
// Bytes, all little-endian: the scalars as float64, then each moment as float32. Their numbers follow from the
// optimizer and the parameter count, so nothing else is stored.

export interface OptimizerState {
  /** Numbers that change once a step, such as powers of the decay rates. */
  readonly scalars: Float64Array;
  /** One value per parameter each, in the order of the weights. */
  readonly moments: readonly Float32Array[];
}

export class OptimizerStateError extends Error {
  override readonly name = 'OptimizerStateError';
}

/** A copy that later steps do not change. */
export function copyState(state: OptimizerState): OptimizerState {
  return { scalars: state.scalars.slice(), moments: state.moments.map((moment) => moment.slice()) };
}

/** Bytes that `encodeState` gives for such a state. */
export function stateBytes(state: OptimizerState): number {
  return state.scalars.byteLength + state.moments.reduce((sum, moment) => sum + moment.byteLength, 0);
}

/** The state as bytes (see the top of this file), in a new array or at the beginning of one that has room for it. */
export function encodeState(state: OptimizerState, bytes = new Uint8Array(stateBytes(state))): Uint8Array {
  let at = 0;
  for (const part of [state.scalars, ...state.moments]) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return bytes;
}

/**
 * Fills `state` (fresh from `start` of the same optimizer and parameter count) from bytes of `encodeState`.
 * Throws an `OptimizerStateError` when the length is not the one that such a state has.
 */
export function decodeState(state: OptimizerState, bytes: Uint8Array): void {
  const expected = stateBytes(state);
  if (bytes.length !== expected) {
    throw new OptimizerStateError(
      `an optimizer state of ${bytes.length} bytes where ${expected} are needed: ` +
        'it belongs to another optimizer or another stage, or was cut off',
    );
  }
  let at = 0;
  for (const part of [state.scalars, ...state.moments]) {
    new Uint8Array(part.buffer, part.byteOffset, part.byteLength).set(
      bytes.subarray(at, at + part.byteLength),
    );
    at += part.byteLength;
  }
}
