// The Engine seam on ONNX Runtime, in the thread that calls it. `session.run` holds its thread for as long as it
// computes, so peers take the member in a worker thread (../worker); this one serves tests, tools and that worker.

import {
  type BackwardRequest,
  type Engine,
  EngineError,
  type EngineCapabilities,
  type EngineMemory,
  type ForwardRequest,
  type HeadRequest,
  type HeadResult,
  type ResidualKey,
  type StageProgram,
} from '../../seams/engine.ts';
import {
  checkBackward,
  checkForward,
  checkHead,
  checkLoad,
  checkLogits,
  checkWeights,
  expectLoaded,
} from '../checks.ts';
import { SerialQueue } from '../serial.ts';
import { loadRuntime, type OnnxRuntime } from './runtime.ts';
import { OnnxStage, type OnnxStageOptions } from './stage.ts';

const BYTES_PER_VALUE = 4;

export const onnxCapabilities: EngineCapabilities = { splitBackward: true, perturbation: true };

/** Rejects with an `EngineError` when ONNX Runtime cannot be loaded. */
export async function createInProcessOnnxEngine(
  options: OnnxStageOptions,
  load: () => Promise<OnnxRuntime> = loadRuntime,
): Promise<Engine> {
  return new InProcessOnnxEngine(await load(), options);
}

class InProcessOnnxEngine implements Engine {
  readonly name = 'onnx-cpu';
  readonly capabilities = onnxCapabilities;
  readonly #runtime: OnnxRuntime;
  readonly #options: OnnxStageOptions;
  readonly #queue = new SerialQueue();
  #stage: OnnxStage | undefined;
  /** Why no call is taken any more. */
  #ended: EngineError | undefined;

  constructor(runtime: OnnxRuntime, options: OnnxStageOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  load(program: StageProgram, weights: Float32Array): Promise<void> {
    return this.#call('load', async () => {
      const loaded = checkLoad(program, weights);
      await this.#stage?.dispose();
      this.#stage = undefined;
      this.#stage = await this.#onDevice('load', () =>
        OnnxStage.compile(this.#runtime, this.#options, loaded, weights),
      );
    });
  }

  writeWeights(weights: Float32Array): Promise<void> {
    return this.#call('writeWeights', () => {
      const stage = expectLoaded('writeWeights', this.#stage);
      checkWeights('writeWeights', stage.loaded, weights);
      stage.writeWeights(weights);
    });
  }

  forward(request: ForwardRequest): Promise<Float32Array> {
    return this.#call('forward', () => {
      const stage = expectLoaded('forward', this.#stage);
      checkForward(stage.loaded, request, (key) => stage.residualState(key), onnxCapabilities);
      return this.#onDevice('forward', () => stage.forward(request));
    });
  }

  head(request: HeadRequest): Promise<HeadResult> {
    return this.#call('head', () => {
      const stage = expectLoaded('head', this.#stage);
      checkHead(stage.loaded, request, onnxCapabilities);
      return this.#onDevice('head', () => stage.head(request));
    });
  }

  backward(request: BackwardRequest): Promise<Float32Array | undefined> {
    return this.#call('backward', () => {
      const stage = expectLoaded('backward', this.#stage);
      checkBackward(stage.loaded, request, (key) => stage.residualState(key), onnxCapabilities);
      return this.#onDevice('backward', () => stage.backward(request));
    });
  }

  takeGradients(): Promise<Float32Array> {
    return this.#call('takeGradients', () => expectLoaded('takeGradients', this.#stage).takeGradients());
  }

  logits(input: Float32Array): Promise<Float32Array> {
    return this.#call('logits', () => {
      const stage = expectLoaded('logits', this.#stage);
      checkLogits(stage.loaded, input);
      return this.#onDevice('logits', () => stage.logits(input));
    });
  }

  release(key: ResidualKey): Promise<void> {
    return this.#call('release', () => {
      this.#stage?.release(key);
    });
  }

  memory(): Promise<EngineMemory> {
    return this.#call('memory', () => {
      const stage = expectLoaded('memory', this.#stage);
      const bytes = BYTES_PER_VALUE * stage.loaded.weightCount;
      return {
        weightBytes: bytes,
        gradientBytes: bytes,
        residualBytesPerMicrobatch: stage.residualBytes,
        residualsAlive: stage.residualsAlive,
      };
    });
  }

  close(): Promise<void> {
    return this.#queue.run(async () => {
      this.#ended ??= new EngineError('the engine was closed');
      await this.#stage?.dispose();
      this.#stage = undefined;
    });
  }

  #call<Result>(call: string, task: () => Promise<Result> | Result): Promise<Result> {
    return this.#queue.run(() => {
      if (this.#ended !== undefined) {
        throw new EngineError(`${call}: ${this.#ended.message}`, { cause: this.#ended });
      }
      return task();
    });
  }

  /** A failure in here is the device's, not the caller's: nothing after it can be trusted. */
  async #onDevice<Result>(call: string, task: () => Promise<Result>): Promise<Result> {
    try {
      return await task();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#ended = new EngineError(`the device failed in ${call}: ${reason}`, { cause });
      throw this.#ended;
    }
  }
}
