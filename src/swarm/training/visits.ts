// What a peer remembers of one micro-batch that passes through it, from the activation's arrival until the gradient
// has gone by, and the tensors that say so on the wire.

import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { PeerName } from '../../seams/network.ts';

export interface Hop {
  readonly stage: number;
  readonly peer: PeerName;
}

/** One micro-batch at one peer. */
export interface Visit {
  readonly microbatch: number;
  /** Came here because its path broke elsewhere; it is in nobody's plan here. */
  readonly extra: boolean;
  /** Names its residuals on the engine. */
  readonly key: number;
  /** As known here; a hop may have been replaced or removed on the way. */
  path: readonly Hop[];
  /** This peer's place on the path; 0 at the anchor. */
  hop: number;
  /**
   * What is to be computed next. `weights`, where a backward is split: its gradient has gone on, and what this stage's
   * weights add is left. `given-up`: no task of it will run here any more.
   */
  phase: 'forward' | 'backward' | 'weights' | 'done' | 'given-up';
  /** The activation that arrived and was not used yet. */
  input: Float32Array | undefined;
  /** What forward gave, packed, kept until the gradient comes back, in case the next peer is lost. */
  output: Uint8Array | undefined;
  /** The output's gradient, arrived and not used yet. */
  gradient: Float32Array | undefined;
  /** The input's gradient, packed, kept in case the peer before is lost. */
  sentGradient: Uint8Array | undefined;
  /** At the anchor: the last stage's output, and what became of it. */
  headInput: Float32Array | undefined;
  headGradient: Uint8Array | undefined;
  /** Whom the head's gradient was sent to last. */
  headGradientTo: PeerName | undefined;
  loss: number | undefined;
  /** What the engine does with it now: a new path must not change what a result is taken for. */
  computing: 'forward' | 'head' | 'backward' | 'weights' | undefined;
  /** A new way is being looked for. */
  rerouting: boolean;
}

export function newVisit(
  microbatch: number,
  key: number,
  path: readonly Hop[],
  hop: number,
  extra: boolean,
): Visit {
  return {
    microbatch,
    extra,
    key,
    path,
    hop,
    phase: 'forward',
    input: undefined,
    output: undefined,
    gradient: undefined,
    sentGradient: undefined,
    headInput: undefined,
    headGradient: undefined,
    headGradientTo: undefined,
    loss: undefined,
    computing: undefined,
    rerouting: false,
  };
}

/** Lets go of every tensor of a visit. */
export function forgetTensors(visit: Visit): void {
  visit.input = undefined;
  visit.output = undefined;
  visit.gradient = undefined;
  visit.sentGradient = undefined;
  visit.headInput = undefined;
  visit.headGradient = undefined;
}

/** Bytes of the tensors that a visit keeps. */
export function keptBytesOf(visit: Visit): number {
  const { input, output, gradient, sentGradient, headInput, headGradient } = visit;
  let bytes = 0;
  for (const kept of [input, output, gradient, sentGradient, headInput, headGradient]) {
    bytes += kept?.byteLength ?? 0;
  }
  return bytes;
}

/** Whether what happens on its path still changes anything here: it has neither gone by nor been given up. */
export function isUnderWay({ phase }: Visit): boolean {
  return phase === 'forward' || phase === 'backward';
}

/** Asked after an await, when another message may have changed it. */
export function isGivenUp(visit: Visit): boolean {
  return visit.phase === 'given-up';
}

/** Where a visit's output goes: the next peer of the path, or back to the anchor. */
export function nextPeer(visit: Visit): PeerName {
  return (visit.path[visit.hop + 1] ?? visit.path[0]!).peer;
}

export function microbatchHeader(
  kind: 'ACTIVATION' | 'GRADIENT',
  at: { iteration: number; attempt: number },
  visit: { microbatch: number; path: readonly Hop[] },
  hop: number,
  { type, elements }: Pick<TensorHeaderMessage, 'type' | 'elements'>,
): TensorHeaderMessage {
  return {
    kind,
    type,
    iteration: at.iteration,
    attempt: at.attempt,
    microbatch: visit.microbatch,
    hop,
    path: visit.path,
    stage: 0,
    round: 0,
    firstElement: 0,
    elements,
  };
}

/** The same memory, as bytes. */
export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The same memory, as numbers; a payload of a frame starts at a multiple of four. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 === 0)
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  return new Float32Array(bytes.slice().buffer);
}
