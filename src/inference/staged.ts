// A whole model computed stage by stage through the Engine seam, as a micro-batch travels through a swarm: stage 0's
// own blocks, the stages in order, the head of stage 0. Leaving stages out is what the micro-batches of a run with a
// skip ratio do (SkipPipe, 2025), and shows how much the model depends on each of them.
//
// Where more stages are visited than in training, each adds less to what it passes on, so that together they add as much
// as there: the rule by which networks trained with stochastic depth are used (G. Huang et al., arXiv 1603.09382, §3).

import type { StagedModel } from '../model/export.ts';
import { BYTE_VOCABULARY } from '../model/tokenizer.ts';
import type { Engine } from '../seams/engine.ts';
import type { ModelShape } from '../seams/shapes.ts';

/** What a model was asked to do and cannot; the message is fit to show a person. */
export class InferenceError extends Error {
  override readonly name = 'InferenceError';
}

export interface LoadOptions {
  readonly stagedModel: StagedModel;
  /** Gives the engine that a stage is computed on; called once a stage. The engines are closed with the model. */
  readonly engineFor: (stage: number) => Promise<Engine>;
  /** Samples in the batches that the engines are compiled for (B). */
  readonly samples: number;
  /** Tokens of a sample (T), at most and by default the model's context. */
  readonly context?: number;
}

export interface PathOptions {
  /** Numbers of the stages to leave out; none by default. */
  readonly skip?: ReadonlySet<number>;
}

/** A model on its engines. Calls must not overlap with `close`; they may overlap with each other. */
export interface LoadedModel {
  /** With the context that was loaded. */
  readonly shape: ModelShape;
  readonly stages: number;
  readonly samples: number;
  /** The most tokens that a call takes, B·T. */
  readonly batchTokens: number;
  /**
   * Mean cross-entropy of the targets, nats. `tokens` and `targets` are samples of T tokens, row after row, B·T at
   * most. Throws an `InferenceError` when `skip` names what cannot be skipped.
   */
  loss(tokens: Int32Array, targets: Int32Array, options?: PathOptions): Promise<number>;
  /**
   * Next-token logits [tokens, vocabulary]. The last sample may be shorter than T. Throws an `InferenceError` when
   * `skip` names what cannot be skipped.
   */
  logits(tokens: Int32Array, options?: PathOptions): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Loads every stage on an engine of its own. Throws an `InferenceError` when there is nothing to load or the context
 * does not fit, and what the engines throw; then no engine stays open.
 */
export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  const { stagedModel, engineFor, samples } = options;
  const { stages, weights, visitedShare = 1 } = stagedModel;
  if (stages[0]?.anchor !== true) {
    throw new InferenceError('the model has no stage 0, which holds the embedding and the head');
  }
  const context = options.context ?? stagedModel.model.context;
  if (!Number.isSafeInteger(context) || context < 1 || context > stagedModel.model.context) {
    throw new InferenceError(
      `a context of ${context} tokens was asked for; the model has 1 to ${stagedModel.model.context}`,
    );
  }
  const model = { ...stagedModel.model, context };
  const loading = stages.map(async (stage, index) => {
    const engine = await engineFor(index);
    try {
      await engine.load({ model, stage, samples }, weights[index]!);
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  });
  const settled = await Promise.allSettled(loading);
  const engines = settled.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await closeAll(engines);
    throw failed.reason;
  }
  return new EngineModel(model, samples, engines, visitedShare);
}

/** Stages that can be left out of a model of so many stages: all but stage 0. */
export function skippableStages(stages: number): number[] {
  return Array.from({ length: Math.max(0, stages - 1) }, (_, index) => index + 1);
}

/** The stages a batch visits, in order. Throws an `InferenceError` that names the stages that can be skipped. */
export function pathWithout(stages: number, skip: ReadonlySet<number> = new Set()): number[] {
  const skippable = skippableStages(stages);
  const wrong = [...skip].find((stage) => !skippable.includes(stage));
  if (wrong !== undefined) {
    const reason =
      wrong === 0
        ? 'stage 0 holds the embedding and the head and cannot be skipped'
        : `there is no stage ${wrong} to skip`;
    const choice =
      skippable.length === 0
        ? 'this model has no other stage'
        : `these can be skipped: ${skippable.join(', ')}`;
    throw new InferenceError(`${reason}; ${choice}`);
  }
  return [0, ...skippable.filter((stage) => !skip.has(stage))];
}

/** Throws an `InferenceError` for a model whose tokens cannot be bytes. */
export function expectByteModel({ shape }: LoadedModel): void {
  if (shape.vocabulary >= BYTE_VOCABULARY) return;
  throw new InferenceError(
    `the model has a vocabulary of ${shape.vocabulary} tokens; text is read as bytes, which needs ${BYTE_VOCABULARY}`,
  );
}

class EngineModel implements LoadedModel {
  readonly shape: ModelShape;
  readonly stages: number;
  readonly samples: number;
  readonly batchTokens: number;
  readonly #engines: readonly Engine[];
  readonly #visitedShare: number;

  constructor(shape: ModelShape, samples: number, engines: readonly Engine[], visitedShare: number) {
    this.shape = shape;
    this.stages = engines.length;
    this.samples = samples;
    this.batchTokens = samples * shape.context;
    this.#engines = engines;
    this.#visitedShare = visitedShare;
  }

  async loss(tokens: Int32Array, targets: Int32Array, options: PathOptions = {}): Promise<number> {
    if (targets.length !== tokens.length) {
      throw new RangeError(`${tokens.length} tokens and ${targets.length} targets do not belong together`);
    }
    const input = await this.#forward(tokens, options);
    if (tokens.length === this.batchTokens) {
      return (await this.#engines[0]!.head({ input, targets, gradient: false })).loss;
    }
    // The engine's mean would count the padding.
    return meanCrossEntropy(await this.#engines[0]!.logits(input), targets, this.shape.vocabulary);
  }

  async logits(tokens: Int32Array, options: PathOptions = {}): Promise<Float32Array> {
    const logits = await this.#engines[0]!.logits(await this.#forward(tokens, options));
    return logits.subarray(0, tokens.length * this.shape.vocabulary);
  }

  close(): Promise<void> {
    return closeAll(this.#engines);
  }

  /** Engines take full batches only. What is short is padded behind: attention looks back, so nothing else changes. */
  async #forward(tokens: Int32Array, { skip }: PathOptions): Promise<Float32Array> {
    if (tokens.length === 0 || tokens.length > this.batchTokens) {
      throw new RangeError(`a call takes 1 to ${this.batchTokens} tokens, not ${tokens.length}`);
    }
    const [first, ...others] = pathWithout(this.stages, skip);
    const padded = new Int32Array(this.batchTokens);
    padded.set(tokens);
    let activation = await this.#engines[first!]!.forward({ key: 0, input: padded, keep: false });
    const scale = additionScale(this.stages, others.length, this.#visitedShare);
    for (const stage of others) {
      const input = scale < 1 ? activation.slice() : undefined; // the engine owns what it is given
      activation = await this.#engines[stage]!.forward({ key: 0, input: activation, keep: false });
      if (input !== undefined) scaleAddition(input, activation, scale);
    }
    return activation;
  }
}

/** By how much less each stage adds when `visited` of the stages other than 0 are; 1 where it was trained with no fewer. */
function additionScale(stages: number, visited: number, visitedShare: number): number {
  return visited === 0 ? 1 : Math.min(1, ((stages - 1) * visitedShare) / visited);
}

/** What a stage added to its input counts `scale` times; in place. */
function scaleAddition(input: Float32Array, output: Float32Array, scale: number): void {
  for (let i = 0; i < output.length; i++) output[i] = input[i]! + scale * (output[i]! - input[i]!);
}

async function closeAll(engines: readonly Engine[]): Promise<void> {
  await Promise.all(engines.map((engine) => engine.close()));
}

/** Mean of −log softmax(logits)[target] over the targets; logits [at least targets, vocabulary]. */
function meanCrossEntropy(logits: Float32Array, targets: Int32Array, vocabulary: number): number {
  let total = 0;
  for (let row = 0; row < targets.length; row++) {
    const start = row * vocabulary;
    let largest = Number.NEGATIVE_INFINITY;
    for (let id = 0; id < vocabulary; id++) largest = Math.max(largest, logits[start + id]!);
    let sum = 0;
    for (let id = 0; id < vocabulary; id++) sum += Math.exp(logits[start + id]! - largest);
    total += largest + Math.log(sum) - logits[start + targets[row]!]!;
  }
  return total / targets.length;
}
