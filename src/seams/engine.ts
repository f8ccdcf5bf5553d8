// What computes: a device that holds the weights of one stage and runs forward, head and backward on it.
// The peer never sees the arithmetic library behind it. All arrays are float32, row-major; a micro-batch of
// B samples of T tokens has N = B·T rows.

import type { ModelShape, StageShape } from './shapes.ts';

/** What an engine can do beyond the minimum; a plan that needs more is refused before it starts. */
export interface EngineCapabilities {
  /** backward in an input part and a weight part, run apart (zero-bubble schedules). */
  readonly splitBackward: boolean;
  /** forward under a regenerated perturbation of the weights (forward-only training). */
  readonly perturbation: boolean;
}

/** Everything an engine needs to compile a stage: shapes never change afterwards. */
export interface StageProgram {
  readonly model: ModelShape;
  readonly stage: StageShape;
  /** Samples per micro-batch (B). */
  readonly samples: number;
}

/** Names one micro-batch's residuals on this engine; any non-negative integer that is not in use. */
export type ResidualKey = number;

export interface ForwardRequest {
  readonly key: ResidualKey;
  /** Stage 0: token ids, N int32 values. Other stages: activation [N, width]. Ownership passes to the engine. */
  readonly input: Float32Array | Int32Array;
  /** Keep residuals for a later backward under `key`; without it nothing is kept. */
  readonly keep: boolean;
  /** Run under perturbed weights; `keep` must be false then (capability `perturbation`). */
  readonly perturbation?: Perturbation;
}

/**
 * Weights for one call: θ + scale·z, with z of ±1 regenerated from random bits. Value i of z is +1 where bit i mod 32
 * of bit word ⌊i / 32⌋ of its stream (`fillBits`) is 0, and −1 where it is 1; i counts in the order of `stageLayout`.
 */
export interface Perturbation {
  /** The key of a stream (two words) for all samples, or one key a sample, in their order: each has its own z then. */
  readonly seed: Uint32Array;
  readonly scale: number;
}

export interface HeadRequest {
  /** Final activation [N, width]. Ownership passes to the engine. */
  readonly input: Float32Array;
  /** Token ids to predict, N int32 values; a negative one does not count. */
  readonly targets: Int32Array;
  /** Also compute gradients: head and norm gradients are added to the stage's, the input's is returned. */
  readonly gradient: boolean;
  /** Run under perturbed weights; `gradient` must be false then (capability `perturbation`). */
  readonly perturbation?: Perturbation;
}

export interface HeadResult {
  /** Mean cross-entropy over the targets that count, nats; 0 when none does. */
  readonly loss: number;
  /** The same of each sample, B values. */
  readonly sampleLosses: Float32Array;
  /** Gradient of the mean loss with respect to the input, [N, width]; undefined without `gradient`. */
  readonly inputGradient: Float32Array | undefined;
}

export interface BackwardRequest {
  readonly key: ResidualKey;
  /** Gradient with respect to the stage's output, [N, width]; needed for 'all' and 'input'. */
  readonly outputGradient?: Float32Array;
  /**
   * 'all' releases the residuals; 'input' keeps what the weight part needs; 'weight' releases it
   * (the parts apart need the capability `splitBackward`).
   */
  readonly part: 'all' | 'input' | 'weight';
}

export interface EngineMemory {
  readonly weightBytes: number;
  readonly gradientBytes: number;
  /** Bytes of residuals one kept micro-batch takes. */
  readonly residualBytesPerMicrobatch: number;
  /** Micro-batches whose residuals are alive now. */
  readonly residualsAlive: number;
}

/**
 * Calls run one after another in the order they were made. Every call rejects with an `EngineError` after a
 * failure of the device; the engine is then closed.
 */
export interface Engine {
  readonly name: string;
  readonly capabilities: EngineCapabilities;
  /** Compiles the stage (replacing one that was loaded; residuals and gradients are released) and takes its weights. */
  load(program: StageProgram, weights: Float32Array): Promise<void>;
  /** Replaces the weights, a flat array in the order of `stageLayout`; the array is copied or transferred, not kept. */
  writeWeights(weights: Float32Array): Promise<void>;
  /** Output activation [N, width]; the caller owns it. */
  forward(request: ForwardRequest): Promise<Float32Array>;
  /** Loss of a stage that owns the head. */
  head(request: HeadRequest): Promise<HeadResult>;
  /** Adds the weights' gradient of this micro-batch to the stage's; returns the input's gradient ([N, width]; undefined at stage 0 and for 'weight'). */
  backward(request: BackwardRequest): Promise<Float32Array | undefined>;
  /** The gradients added since the last call, flat as the weights (a sum over micro-batches), and starts again at zero. */
  takeGradients(): Promise<Float32Array>;
  /** Next-token logits [N, vocabulary] of a stage that owns the head, for generation. */
  logits(input: Float32Array): Promise<Float32Array>;
  /** Lets go of a micro-batch's residuals; unknown keys are ignored. */
  release(key: ResidualKey): Promise<void>;
  memory(): Promise<EngineMemory>;
  close(): Promise<void>;
}

export class EngineError extends Error {
  override readonly name = 'EngineError';
}
