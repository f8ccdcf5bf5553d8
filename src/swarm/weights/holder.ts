// The stage that a peer holds: its weights and optimizer state, stepped in plain IEEE arithmetic so that every
// replica has the same bits, and written to the engine that computes with them.

import { toHex } from '../../journal/canonical.ts';
import { initialWeights } from '../../model/initial.ts';
import { stageLayout } from '../../model/layout.ts';
import {
  addSquares,
  clipFactor,
  createOptimizer,
  type LearningRateSchedule,
  learningRateAt,
  type Optimizer,
} from '../../optimizer/index.ts';
import { type Clock, sleep } from '../../seams/clock.ts';
import type { Engine } from '../../seams/engine.ts';
import type { Identity } from '../../seams/identity.ts';
import { type Manifest, modelOf, stagesOf } from '../manifest.ts';
import { decodeSnapshot, encodeSnapshot, type StageSnapshot } from './snapshot.ts';

/** Long loops over weights give way to the network after this many values (about a millisecond). */
const SLICE = 1 << 18;

/** Values of a stage's flat weights. */
export function parametersOf(manifest: Manifest, stage: number): number {
  const shape = stagesOf(manifest)[stage];
  if (shape === undefined) throw new RangeError(`there is no stage ${stage}`);
  return stageLayout(modelOf(manifest), shape).length;
}

/** The run's optimizer. */
export function optimizerOf(manifest: Manifest): Optimizer {
  const { name, betas, epsilon, weightDecay, momentum } = manifest.training.optimizer;
  return name === 'sgd'
    ? createOptimizer({ name: 'sgd', momentum, weightDecay })
    : createOptimizer({ name: 'adamw', beta1: betas[0]!, beta2: betas[1]!, epsilon, weightDecay });
}

/** A stage before the first iteration: as the run's seed makes it, or with the weights given. */
export function initialStage(
  manifest: Manifest,
  stage: number,
  given?: Float32Array<ArrayBuffer>,
): StageSnapshot {
  const weights =
    given?.slice() ?? initialWeights(modelOf(manifest), stagesOf(manifest), stage, manifest.seed);
  const state = optimizerOf(manifest).start(weights.length);
  return { stage, iteration: 0, weights, state, rateFactor: 1 };
}

function rateSchedule({ training }: Manifest): LearningRateSchedule {
  const { learningRate, warmupIterations, decay, endShare } = training.optimizer;
  return { peak: learningRate, warmupIterations, decay, endIteration: training.iterations, endShare };
}

/** Euclidean norm of a flat gradient; not finite when one of its values is not. */
export async function normOf(values: Float32Array, clock: Clock): Promise<number> {
  let squares = 0;
  for (let from = 0; from < values.length; from += SLICE) {
    if (from > 0) await sleep(clock, 0);
    squares = addSquares(values, squares, from, Math.min(values.length, from + SLICE));
  }
  return Math.sqrt(squares);
}

/** What one commit gives to a stage. */
export interface StageUpdate {
  readonly iteration: number;
  /** The group's summed gradient, flat as the weights, and its norm. */
  readonly sum: Float32Array;
  readonly norm: number;
  /** Micro-batches in the sum. */
  readonly count: number;
}

/**
 * Applies one commit: the mean of `count` micro-batch gradients, clipped, through the run's optimizer. Weights and
 * optimizer state are changed in place; in its middle they are those of no iteration.
 */
export async function stepStage(
  held: StageSnapshot,
  { iteration, sum, norm, count }: StageUpdate,
  manifest: Manifest,
  clock: Clock,
): Promise<StageSnapshot> {
  const { clip } = manifest.training.optimizer;
  const clipped = clip > 0 ? clipFactor(norm / count, clip) : 1;
  const rate = learningRateAt(rateSchedule(manifest), iteration - 1);
  const optimizer = optimizerOf(manifest);
  optimizer.begin(held.state);
  for (let from = 0; from < sum.length; from += SLICE) {
    if (from > 0) await sleep(clock, 0);
    optimizer.apply({
      weights: held.weights,
      gradient: sum,
      state: held.state,
      learningRate: rate * held.rateFactor,
      gradientScale: clipped / count,
      from,
      to: Math.min(sum.length, from + SLICE),
    });
  }
  return { ...held, iteration };
}

export class StageHolder {
  readonly manifest: Manifest;
  readonly #engine: Engine | undefined;
  readonly #clock: Clock;
  readonly #identity: Identity;
  readonly #optimizer: Optimizer;
  #held: StageSnapshot | undefined;
  #stepping: Promise<void> = Promise.resolve();

  /** @param engine computes with the weights; without one they are only kept */
  constructor(manifest: Manifest, engine: Engine | undefined, clock: Clock, identity: Identity) {
    this.manifest = manifest;
    this.#engine = engine;
    this.#clock = clock;
    this.#identity = identity;
    this.#optimizer = optimizerOf(manifest);
  }

  get stage(): number | undefined {
    return this.#held?.stage;
  }

  /** The iteration that these weights stand at; -1 when no stage is held. */
  get iteration(): number {
    return this.#held?.iteration ?? -1;
  }

  /** Takes a stage: compiles it on the engine and writes its weights. */
  async install(snapshot: StageSnapshot): Promise<void> {
    const stage = stagesOf(this.manifest)[snapshot.stage];
    if (stage === undefined) throw new RangeError(`there is no stage ${snapshot.stage}`);
    const samples = this.manifest.training.samplesPerMicrobatch;
    await this.#engine?.load({ model: modelOf(this.manifest), stage, samples }, snapshot.weights);
    this.#held = snapshot;
  }

  /** Lets go of the stage; the engine keeps it compiled until the next one comes. */
  drop(): void {
    this.#held = undefined;
  }

  /**
   * Applies one commit: the mean of `count` micro-batch gradients, clipped, through the optimizer.
   * @param sum the group's summed gradient, flat as the weights
   */
  async step(iteration: number, sum: Float32Array, norm: number, count: number): Promise<void> {
    this.#stepping = this.#step(iteration, sum, norm, count);
    await this.#stepping;
  }

  /** Resolves when no step is under way: in its middle the weights are those of no iteration. */
  async settled(): Promise<void> {
    await this.#stepping.catch(() => {});
  }

  async #step(iteration: number, sum: Float32Array, norm: number, count: number): Promise<void> {
    const held = this.#require();
    this.#held = await stepStage(held, { iteration, sum, norm, count }, this.manifest, this.#clock);
    await this.#engine?.writeWeights(held.weights);
  }

  /** A commit that left this stage as it was. */
  pass(iteration: number): void {
    this.#held = { ...this.#require(), iteration };
  }

  /** SHA-256 of the weights, hexadecimal. */
  digest(): string {
    const { weights } = this.#require();
    return toHex(
      this.#identity.digest(new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength)),
    );
  }

  /** The stage as bytes, a copy that later steps do not change. Not while a step is under way: see `settled`. */
  snapshot(): Uint8Array {
    return encodeSnapshot(this.#require());
  }

  /** The weights themselves, not a copy. */
  weights(): Float32Array {
    return this.#require().weights;
  }

  /** The stage itself, not a copy; undefined when none is held. */
  held(): StageSnapshot | undefined {
    return this.#held;
  }

  /** Reads a snapshot of `stage` for this run. */
  decode(stage: number, bytes: Uint8Array): StageSnapshot {
    const parameters = parametersOf(this.manifest, stage);
    return decodeSnapshot(bytes, parameters, this.#optimizer.start(parameters));
  }

  #require(): StageSnapshot {
    if (this.#held === undefined) throw new Error('this peer holds no stage');
    return this.#held;
  }
}
