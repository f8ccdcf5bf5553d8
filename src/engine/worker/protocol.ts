// What travels between an engine's client and its worker thread.

import type {
  BackwardRequest,
  EngineMemory,
  ForwardRequest,
  HeadRequest,
  HeadResult,
  ResidualKey,
  StageProgram,
} from '../../seams/engine.ts';

/** One call of the Engine seam. */
export type EngineCall =
  | { readonly kind: 'load'; readonly program: StageProgram; readonly weights: Float32Array }
  | { readonly kind: 'writeWeights'; readonly weights: Float32Array }
  | { readonly kind: 'forward'; readonly request: ForwardRequest }
  | { readonly kind: 'head'; readonly request: HeadRequest }
  | { readonly kind: 'backward'; readonly request: BackwardRequest }
  | { readonly kind: 'takeGradients' }
  | { readonly kind: 'logits'; readonly input: Float32Array }
  | { readonly kind: 'release'; readonly key: ResidualKey }
  | { readonly kind: 'memory' }
  | { readonly kind: 'close' };

/** What each call answers with. */
export interface EngineAnswers {
  readonly load: undefined;
  readonly writeWeights: undefined;
  readonly forward: Float32Array;
  readonly head: HeadResult;
  readonly backward: Float32Array | undefined;
  readonly takeGradients: Float32Array;
  readonly logits: Float32Array;
  readonly release: undefined;
  readonly memory: EngineMemory;
  readonly close: undefined;
}

export interface CallMessage {
  readonly id: number;
  readonly call: EngineCall;
}

export type WorkerMessage =
  /** The library is loaded; calls are taken. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: EngineAnswers[EngineCall['kind']] }
  | { readonly kind: 'error'; readonly id: number; readonly message: string };

/** The buffers of a message that the receiver may take over, so that they are moved and not copied. */
export function transferable(value: unknown): ArrayBuffer[] {
  if (value instanceof Float32Array || value instanceof Int32Array) {
    return value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(transferable);
}
