// Real tensors, modelled durations: each call goes to a real engine at once, and its answer is delivered when the
// modelled time has passed on a virtual clock. So a simulated run computes real losses, and how fast this machine
// happened to be leaves no trace in it.

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

export interface TimedEngineHooks {
  /**
   * Called with the end of each real computation (it never rejects). The owner of the clock must not move on
   * before it, or events could overtake an answer that was due.
   */
  readonly pending: (computation: Promise<unknown>) => void;
}

/** An engine that computes on `engine` and takes `device`'s modelled time on `clock`. It owns `engine`. */
export function createTimedEngine(
  clock: Clock,
  engine: Engine,
  device: CostDevice,
  hooks: TimedEngineHooks,
): Engine {
  return new TimedEngine(clock, engine, device, hooks);
}

class TimedEngine implements Engine {
  readonly name: string;
  readonly capabilities: EngineCapabilities;
  readonly #engine: Engine;
  readonly #model: CostModel;
  readonly #device: VirtualDevice;
  readonly #hooks: TimedEngineHooks;
  #closed = false;

  constructor(clock: Clock, engine: Engine, device: CostDevice, hooks: TimedEngineHooks) {
    this.name = `${engine.name} in modelled time`;
    this.capabilities = engine.capabilities;
    this.#engine = engine;
    this.#model = new CostModel(device, engine.capabilities);
    this.#device = new VirtualDevice(clock);
    this.#hooks = hooks;
  }

  load(program: StageProgram, weights: Float32Array): Promise<void> {
    return this.#call(
      'load',
      () => this.#model.load(program, weights),
      () => this.#engine.load(program, weights),
    );
  }

  writeWeights(weights: Float32Array): Promise<void> {
    return this.#call(
      'writeWeights',
      () => this.#model.writeWeights(weights),
      () => this.#engine.writeWeights(weights),
    );
  }

  forward(request: ForwardRequest): Promise<Float32Array> {
    return this.#call(
      'forward',
      () => this.#model.forward(request),
      () => this.#engine.forward(request),
    );
  }

  head(request: HeadRequest): Promise<HeadResult> {
    return this.#call(
      'head',
      () => this.#model.head(request),
      () => this.#engine.head(request),
    );
  }

  backward(request: BackwardRequest): Promise<Float32Array | undefined> {
    return this.#call(
      'backward',
      () => this.#model.backward(request),
      () => this.#engine.backward(request),
    );
  }

  takeGradients(): Promise<Float32Array> {
    return this.#call(
      'takeGradients',
      () => this.#model.takeGradients(),
      () => this.#engine.takeGradients(),
    );
  }

  logits(input: Float32Array): Promise<Float32Array> {
    return this.#call(
      'logits',
      () => this.#model.logits(input),
      () => this.#engine.logits(input),
    );
  }

  release(key: ResidualKey): Promise<void> {
    return this.#call(
      'release',
      () => this.#model.release(key),
      () => this.#engine.release(key),
    );
  }

  memory(): Promise<EngineMemory> {
    return this.#call(
      'memory',
      () => 0,
      () => this.#engine.memory(),
    );
  }

  close(): Promise<void> {
    if (this.#closed) return this.#device.run(0, () => undefined);
    this.#closed = true;
    return this.#settle(0, this.#engine.close());
  }

  #call<Answer>(call: string, seconds: () => number, compute: () => Promise<Answer>): Promise<Answer> {
    if (this.#closed) return Promise.reject(new EngineError(`${call}: the engine was closed`));
    let modelled: number;
    try {
      modelled = seconds();
    } catch (error) {
      return this.#device.run<Answer>(0, () => {
        throw error;
      });
    }
    return this.#settle(modelled, compute());
  }

  #settle<Answer>(seconds: number, computation: Promise<Answer>): Promise<Answer> {
    const settled = computation.then(
      (answer) => () => answer,
      (error: unknown) => (): Answer => {
        throw error;
      },
    );
    this.#hooks.pending(settled);
    return this.#device.run(seconds, async () => (await settled)());
  }
}
