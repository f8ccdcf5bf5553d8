// The cost model of one engine: it checks the calls, remembers whose residuals are alive, and says how long each call
// takes. The engines of this folder add a virtual clock and arrays to it.

import {
  type BackwardRequest,
  type EngineCapabilities,
  EngineError,
  type EngineMemory,
  type ForwardRequest,
  type HeadRequest,
  type Perturbation,
  type ResidualKey,
  type StageProgram,
} from '../../seams/engine.ts';
import { stageWork } from '../../model/work.ts';
import {
  checkBackward,
  checkForward,
  checkHead,
  checkLoad,
  checkLogits,
  checkWeights,
  expectLoaded,
  type LoadedStage,
  type ResidualState,
} from '../checks.ts';
import { type CostDevice, durations, type StageDurations } from './durations.ts';

interface CostStage {
  readonly loaded: LoadedStage;
  readonly seconds: StageDurations;
  readonly weightBytes: number;
  readonly residualBytes: number;
}

/** The weights are made once for each direction of a call. */
function perturbingSeconds({ seconds }: CostStage, perturbation: Perturbation | undefined): number {
  return perturbation === undefined ? 0 : (perturbation.seed.length / 2) * seconds.perturbSeconds;
}

/** Every method changes the state at once, throws an `EngineError` for a wrong call, and returns its seconds. */
export class CostModel {
  readonly #device: CostDevice;
  readonly #capabilities: EngineCapabilities;
  readonly #residuals = new Map<ResidualKey, ResidualState>();
  #stage: CostStage | undefined;

  constructor(device: CostDevice, capabilities: EngineCapabilities) {
    this.#device = device;
    this.#capabilities = capabilities;
  }

  load(program: StageProgram, weights: Float32Array): number {
    const loaded = checkLoad(program, weights);
    const { weightBytes, residualBytes } = stageWork(program.model, program.stage, program.samples);
    const stage = { loaded, seconds: durations(program, this.#device), weightBytes, residualBytes };
    this.#expectRoom('load', 2 * weightBytes, 'weights and gradients');
    this.#residuals.clear();
    this.#stage = stage;
    return stage.seconds.transferSeconds;
  }

  writeWeights(weights: Float32Array): number {
    const { loaded, seconds } = this.stage('writeWeights');
    checkWeights('writeWeights', loaded, weights);
    return seconds.transferSeconds;
  }

  forward(request: ForwardRequest): number {
    const stage = this.stage('forward');
    checkForward(stage.loaded, request, this.#lookup, this.#capabilities);
    if (request.keep) {
      const residuals = (this.#residuals.size + 1) * stage.residualBytes;
      this.#expectRoom(
        'forward',
        2 * stage.weightBytes + residuals,
        `weights, gradients and the residuals of ${this.#residuals.size + 1} micro-batches`,
      );
      this.#residuals.set(request.key, 'complete');
    }
    return stage.seconds.forwardSeconds + perturbingSeconds(stage, request.perturbation);
  }

  head(request: HeadRequest): number {
    const stage = this.stage('head');
    checkHead(stage.loaded, request, this.#capabilities);
    const { headSeconds, headForwardSeconds } = stage.seconds;
    if (request.gradient) return headSeconds;
    return headForwardSeconds + perturbingSeconds(stage, request.perturbation);
  }

  backward(request: BackwardRequest): number {
    const { loaded, seconds } = this.stage('backward');
    checkBackward(loaded, request, this.#lookup, this.#capabilities);
    switch (request.part) {
      case 'all':
        this.#residuals.delete(request.key);
        return seconds.backwardSeconds;
      case 'input':
        this.#residuals.set(request.key, 'weight-part');
        return seconds.backwardInputSeconds;
      case 'weight':
        this.#residuals.delete(request.key);
        return seconds.backwardWeightSeconds;
    }
  }

  takeGradients(): number {
    return this.stage('takeGradients').seconds.transferSeconds;
  }

  logits(input: Float32Array): number {
    const { loaded, seconds } = this.stage('logits');
    checkLogits(loaded, input);
    return seconds.headForwardSeconds;
  }

  release(key: ResidualKey): number {
    this.#residuals.delete(key);
    return 0;
  }

  memory(): EngineMemory {
    const { weightBytes, residualBytes } = this.stage('memory');
    return {
      weightBytes,
      gradientBytes: weightBytes,
      residualBytesPerMicrobatch: residualBytes,
      residualsAlive: this.#residuals.size,
    };
  }

  /** The loaded stage; throws an `EngineError` that names the call when there is none. */
  stage(call: string): CostStage {
    return expectLoaded(call, this.#stage);
  }

  readonly #lookup = (key: ResidualKey) => this.#residuals.get(key);

  #expectRoom(call: string, bytes: number, what: string): void {
    if (bytes > this.#device.memoryBytes) {
      throw new EngineError(
        `${call}: ${what} take ${bytes} bytes, more than the device's ${this.#device.memoryBytes}`,
      );
    }
  }
}
