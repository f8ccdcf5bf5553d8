// An engine that computes nothing and takes the modelled time: for simulations of schedules and of thousands of peers.
//
// Its arrays have the lengths of real ones, so that bytes on a simulated wire come out right, and hold zeros: all
// engines of the process hand out views of one buffer of zeros, which the operating system backs with memory only
// where somebody writes. Nobody may: they are shared. The loss is that of the uniform guess.

import type { Clock } from '../../seams/clock.ts';
import {
  type BackwardRequest,
  type Engine,
  type EngineCapabilities,
  EngineError,
  type EngineMemory,
  type ForwardRequest,
  type HeadRequest,
  type HeadResult,
  type ResidualKey,
  type StageProgram,
} from '../../seams/engine.ts';
import type { CostDevice } from './durations.ts';
import { CostModel } from './model.ts';
import { VirtualDevice } from './virtual-device.ts';

const capabilities: EngineCapabilities = { splitBackward: true, perturbation: true };

/**
 * An engine without tensors on the given clock. Outputs and gradients are shared, read-only zeros of the right
 * length; the loss is always ln(vocabulary). Calls that do not fit `device.memoryBytes` reject.
 */
export function createCostEngine(clock: Clock, device: CostDevice): Engine {
  return new CostEngine(clock, device);
}

class CostEngine implements Engine {
  readonly name = 'cost';
  readonly capabilities = capabilities;
  readonly #model: CostModel;
  readonly #device: VirtualDevice;
  #closed = false;

  constructor(clock: Clock, device: CostDevice) {
    this.#model = new CostModel(device, capabilities);
    this.#device = new VirtualDevice(clock);
  }

  load(program: StageProgram, weights: Float32Array): Promise<void> {
    return this.#call('load', () => ({ seconds: this.#model.load(program, weights), answer: undefined }));
  }

  writeWeights(weights: Float32Array): Promise<void> {
    return this.#call('writeWeights', () => ({
      seconds: this.#model.writeWeights(weights),
      answer: undefined,
    }));
  }

  forward(request: ForwardRequest): Promise<Float32Array> {
    return this.#call('forward', () => ({
      seconds: this.#model.forward(request),
      answer: zeros(this.#sizes('forward').activationCount),
    }));
  }

  head(request: HeadRequest): Promise<HeadResult> {
    return this.#call('head', () => {
      const seconds = this.#model.head(request);
      const { activationCount, program } = this.#sizes('head');
      const inputGradient = request.gradient ? zeros(activationCount) : undefined;
      const loss = Math.log(program.model.vocabulary);
      const sampleLosses = new Float32Array(program.samples).fill(loss);
      return { seconds, answer: { loss, sampleLosses, inputGradient } };
    });
  }

  backward(request: BackwardRequest): Promise<Float32Array | undefined> {
    return this.#call('backward', () => {
      const seconds = this.#model.backward(request);
      const { activationCount, program } = this.#sizes('backward');
      const none = program.stage.anchor || request.part === 'weight';
      return { seconds, answer: none ? undefined : zeros(activationCount) };
    });
  }

  takeGradients(): Promise<Float32Array> {
    return this.#call('takeGradients', () => ({
      seconds: this.#model.takeGradients(),
      answer: zeros(this.#sizes('takeGradients').weightCount),
    }));
  }

  logits(input: Float32Array): Promise<Float32Array> {
    return this.#call('logits', () => {
      const seconds = this.#model.logits(input);
      const { rows, program } = this.#sizes('logits');
      return { seconds, answer: zeros(rows * program.model.vocabulary) };
    });
  }

  release(key: ResidualKey): Promise<void> {
    return this.#call('release', () => ({ seconds: this.#model.release(key), answer: undefined }));
  }

  memory(): Promise<EngineMemory> {
    return this.#call('memory', () => ({ seconds: 0, answer: this.#model.memory() }));
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#device.run(0, () => undefined);
  }

  #sizes(call: string) {
    return this.#model.stage(call).loaded;
  }

  #call<Answer>(call: string, work: () => { seconds: number; answer: Answer }): Promise<Answer> {
    if (this.#closed) return Promise.reject(new EngineError(`${call}: the engine was closed`));
    try {
      const { seconds, answer } = work();
      return this.#device.run(seconds, () => answer);
    } catch (error) {
      return this.#device.run<Answer>(0, () => {
        throw error;
      });
    }
  }
}

let sharedZeros = new Float32Array(0);

function zeros(length: number): Float32Array {
  if (length > sharedZeros.length) sharedZeros = new Float32Array(Math.max(length, 2 * sharedZeros.length));
  return sharedZeros.subarray(0, length);
}
