// What every member of the Engine seam refuses, and the words it refuses with. Each check names the call, what was
// given and what was expected.

import type { LayoutEntry } from '../model/layout.ts';
import { stageLayout } from '../model/layout.ts';
import { ShapeError } from '../model/shapes.ts';
import {
  type BackwardRequest,
  type EngineCapabilities,
  EngineError,
  type ForwardRequest,
  type HeadRequest,
  type Perturbation,
  type ResidualKey,
  type StageProgram,
} from '../seams/engine.ts';

/** A stage that was loaded, and the sizes that follow from it. */
export interface LoadedStage {
  readonly program: StageProgram;
  readonly entries: readonly LayoutEntry[];
  /** Values in the flat weights. */
  readonly weightCount: number;
  /** B·T. */
  readonly rows: number;
  /** Values in an activation, rows × width. */
  readonly activationCount: number;
}

/** `complete` after a forward, `weight-part` once the input part of the backward has run. */
export type ResidualState = 'complete' | 'weight-part';

/** The state of a key's residuals, or undefined when there are none. */
export type ResidualLookup = (key: ResidualKey) => ResidualState | undefined;

/** Checks a program and its weights; throws an `EngineError`. */
export function checkLoad(program: StageProgram, weights: Float32Array): LoadedStage {
  const { model, stage, samples } = program;
  if (!Number.isSafeInteger(samples) || samples < 1) {
    throw new EngineError(`load: program.samples must be a positive integer, not ${samples}`);
  }
  try {
    const { entries, length } = stageLayout(model, stage);
    const rows = samples * model.context;
    const loaded = { program, entries, weightCount: length, rows, activationCount: rows * model.width };
    checkWeights('load', loaded, weights);
    return loaded;
  } catch (error) {
    if (error instanceof ShapeError) throw new EngineError(`load: ${error.message}`, { cause: error });
    throw error;
  }
}

export function checkWeights(call: string, loaded: LoadedStage, weights: Float32Array): void {
  expectFloats(call, 'weights', weights, loaded.weightCount, 'the length of the stage’s layout');
}

/** The stage, or an error when none is loaded. */
export function expectLoaded<Stage>(call: string, loaded: Stage | undefined): Stage {
  if (loaded === undefined) throw new EngineError(`${call}: no stage is loaded; call load first`);
  return loaded;
}

export function checkForward(
  loaded: LoadedStage,
  request: ForwardRequest,
  residuals: ResidualLookup,
  capabilities: EngineCapabilities,
): void {
  if (loaded.program.stage.anchor) checkTokens('forward', 'input', request.input, loaded);
  else expectFloats('forward', 'input', request.input, loaded.activationCount, activation(loaded));
  checkPerturbation('forward', loaded, request.perturbation, capabilities);
  if (request.keep && request.perturbation !== undefined) {
    throw new EngineError(
      'forward: a perturbed forward keeps nothing, there is no backward under its weights',
    );
  }
  if (!request.keep) return;
  if (!Number.isSafeInteger(request.key) || request.key < 0) {
    throw new EngineError(`forward: key must be an integer of 0 or more, not ${request.key}`);
  }
  if (residuals(request.key) !== undefined) {
    throw new EngineError(`forward: key ${request.key} already holds residuals; release it or use another`);
  }
}

export function checkHead(loaded: LoadedStage, request: HeadRequest, capabilities: EngineCapabilities): void {
  expectHead('head', loaded);
  checkPerturbation('head', loaded, request.perturbation, capabilities);
  if (request.gradient && request.perturbation !== undefined) {
    throw new EngineError('head: a perturbed head gives a loss and no gradient');
  }
  expectFloats('head', 'input', request.input, loaded.activationCount, activation(loaded));
  checkTokens('head', 'targets', request.targets, loaded, -1);
}

export function checkLogits(loaded: LoadedStage, input: Float32Array): void {
  expectHead('logits', loaded);
  expectFloats('logits', 'input', input, loaded.activationCount, activation(loaded));
}

export function checkBackward(
  loaded: LoadedStage,
  request: BackwardRequest,
  residuals: ResidualLookup,
  capabilities: EngineCapabilities,
): void {
  const { key, part, outputGradient } = request;
  if (part !== 'all' && !capabilities.splitBackward) {
    throw new EngineError(
      `backward: this engine runs no '${part}' part alone (capabilities.splitBackward is false)`,
    );
  }
  const state = residuals(key);
  if (state === undefined) {
    throw new EngineError(
      `backward: key ${key} holds no residuals; run forward with keep, once for each backward`,
    );
  }
  if (part === 'weight') {
    if (state !== 'weight-part') {
      throw new EngineError(
        `backward: the 'weight' part of key ${key} was asked for before its 'input' part`,
      );
    }
    return;
  }
  if (state !== 'complete') {
    throw new EngineError(
      `backward: the 'input' part of key ${key} has already run; only 'weight' is left, not '${part}'`,
    );
  }
  if (outputGradient === undefined) {
    throw new EngineError(`backward: outputGradient is missing; '${part}' needs it`);
  }
  expectFloats('backward', 'outputGradient', outputGradient, loaded.activationCount, activation(loaded));
}

function activation({ program, rows }: LoadedStage): string {
  const { samples, model } = program;
  return `${samples} samples × ${model.context} tokens × width ${model.width}, ${rows} rows`;
}

function expectHead(call: string, loaded: LoadedStage): void {
  if (!loaded.program.stage.anchor) {
    throw new EngineError(`${call}: this stage owns no head (stage.anchor is false)`);
  }
}

function expectFloats(call: string, name: string, array: unknown, length: number, why: string): void {
  if (!(array instanceof Float32Array)) {
    throw new EngineError(`${call}: ${name} must be a Float32Array, not ${kindOf(array)}`);
  }
  if (array.length !== length) {
    throw new EngineError(`${call}: ${name} has ${array.length} values, expected ${length} (${why})`);
  }
}

function checkPerturbation(
  call: string,
  { program }: LoadedStage,
  perturbation: Perturbation | undefined,
  capabilities: EngineCapabilities,
): void {
  if (perturbation === undefined) return;
  if (!capabilities.perturbation) {
    throw new EngineError(`${call}: this engine cannot perturb weights (capabilities.perturbation is false)`);
  }
  const { seed, scale } = perturbation;
  if (seed.length !== 2 && seed.length !== 2 * program.samples) {
    throw new EngineError(
      `${call}: perturbation.seed has ${seed.length} words, expected 2, or 2 for each of ${program.samples} samples`,
    );
  }
  if (!Number.isFinite(scale))
    throw new EngineError(`${call}: perturbation.scale must be a finite number, not ${scale}`);
}

/** `least`: the smallest number that passes for a token; -1 where a negative one means none. */
function checkTokens(
  call: string,
  name: string,
  array: unknown,
  loaded: LoadedStage,
  least: 0 | -1 = 0,
): void {
  const { model, samples } = loaded.program;
  if (!(array instanceof Int32Array)) {
    throw new EngineError(`${call}: ${name} must be an Int32Array of token ids, not ${kindOf(array)}`);
  }
  if (array.length !== loaded.rows) {
    throw new EngineError(
      `${call}: ${name} has ${array.length} token ids, expected ${loaded.rows} (${samples} samples × ${model.context} tokens)`,
    );
  }
  const wrong = array.findIndex((id) => id >= model.vocabulary || (id < 0 && least === 0));
  if (wrong >= 0) {
    throw new EngineError(
      `${call}: ${name}[${wrong}] is ${array[wrong]}, outside the vocabulary 0 … ${model.vocabulary - 1}`,
    );
  }
}

function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? value.constructor.name : typeof value;
}
