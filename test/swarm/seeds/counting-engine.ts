// An engine for simulations that computes almost nothing and yet tells whose gradients were added up: every
// micro-batch has a mark, a number made of its tokens, which travels in its activations and comes back in its
// gradients. A stage's gradient then says how many micro-batches are in it and what their marks add up to, exactly,
// whatever the peers' own books say. Under plain SGD with a rate of 1, so does each step of the weights.

import { type CostDevice, CostModel, VirtualDevice } from '../../../src/engine/cost/index.ts';
import type { Clock } from '../../../src/seams/clock.ts';
import {
  type BackwardRequest,
  type Engine,
  EngineError,
  type EngineMemory,
  type ForwardRequest,
  type HeadRequest,
  type HeadResult,
  type ResidualKey,
  type StageProgram,
} from '../../../src/seams/engine.ts';

const MARKS = 65_536;

/** The mark of a micro-batch with these tokens: a multiple of 2^-16 from 0 to 1, so that sums of hundreds are exact. */
export function markOf(tokens: Int32Array): number {
  let hash = 2_166_136_261;
  for (const token of tokens) hash = Math.imul(hash ^ token, 16_777_619) >>> 0;
  return (((hash ^ (hash >>> 16)) >>> 0) % MARKS) / MARKS;
}

/** What the weights went on by in the last step: the micro-batches of the mean gradient, and the mean of their marks. */
export interface CountedStep {
  readonly count: number;
  readonly marks: number;
}

const capabilities = { splitBackward: true, perturbation: true };

export class CountingEngine implements Engine {
  readonly name = 'counting';
  readonly capabilities = capabilities;
  lastStep: CountedStep | undefined;
  /** When each residual that is alive was made: how many times weights had been written by then. */
  readonly residuals = new Map<ResidualKey, number>();
  /** What the weights of a micro-batch whose input's gradient is computed are still to add, by its mark. */
  readonly #weightParts = new Map<ResidualKey, number>();
  /** Times that weights were written. */
  writes = 0;
  readonly #model: CostModel;
  readonly #device: VirtualDevice;
  #weights = new Float32Array(0);
  #gradient = new Float32Array(2);
  #closed = false;

  constructor(clock: Clock, device: CostDevice) {
    this.#model = new CostModel(device, capabilities);
    this.#device = new VirtualDevice(clock);
  }

  load(program: StageProgram, weights: Float32Array): Promise<void> {
    return this.#call('load', this.#model.load(program, weights), () => {
      this.residuals.clear();
      this.#weightParts.clear();
      this.#gradient = new Float32Array(2);
      this.#weights = weights.slice();
      this.lastStep = undefined;
    });
  }

  writeWeights(weights: Float32Array): Promise<void> {
    this.lastStep = { count: this.#meanStep(weights, 0), marks: this.#meanStep(weights, 1) };
    this.#weights = weights.slice();
    this.writes++;
    return this.#call('writeWeights', this.#model.writeWeights(weights), () => undefined);
  }

  forward({ key, input, keep }: ForwardRequest): Promise<Float32Array> {
    const seconds = this.#model.forward({ key, input, keep });
    if (keep) this.residuals.set(key, this.writes);
    const mark = input instanceof Int32Array ? markOf(input) : input[0]!;
    return this.#call('forward', seconds, () => this.#filled(mark));
  }

  head(request: HeadRequest): Promise<HeadResult> {
    const mark = request.input[0]!;
    return this.#call('head', this.#model.head(request), () => {
      if (request.gradient) this.#add(mark);
      const { perturbation } = request;
      // up or down along the direction, as the direction has it
      const moved = perturbation ? perturbation.scale * (((perturbation.seed[0] ?? 0) & 1) - 0.5) : 0;
      const loss = 5 + mark + moved;
      const inputGradient = request.gradient ? this.#filled(mark) : undefined;
      return { loss, sampleLosses: Float32Array.of(loss), inputGradient };
    });
  }

  /** An anchor's micro-batch counts from its head on, as in the real engines, whose head has weights as well. */
  backward(request: BackwardRequest): Promise<Float32Array | undefined> {
    const { key, part, outputGradient } = request;
    const mark = part === 'weight' ? (this.#weightParts.get(key) ?? 0) : outputGradient![0]!;
    const { anchor } = this.#model.stage('backward').loaded.program.stage;
    return this.#call('backward', this.#model.backward(request), () => {
      if (part === 'input') {
        this.#weightParts.set(key, mark);
        return anchor ? undefined : this.#filled(mark);
      }
      this.#weightParts.delete(key);
      this.residuals.delete(key);
      if (anchor) return undefined;
      this.#add(mark);
      return part === 'weight' ? undefined : this.#filled(mark);
    });
  }

  takeGradients(): Promise<Float32Array> {
    const seconds = this.#model.takeGradients();
    return this.#call('takeGradients', seconds, () => {
      const taken = new Float32Array(this.#model.stage('takeGradients').loaded.weightCount);
      // everywhere, so that a codec that rotates sees a gradient like any other
      for (let i = 0; i < taken.length; i++) taken[i] = this.#gradient[i % 2]!;
      this.#gradient.fill(0);
      return taken;
    });
  }

  logits(input: Float32Array): Promise<Float32Array> {
    const { rows, program } = this.#model.stage('logits').loaded;
    return this.#call(
      'logits',
      this.#model.logits(input),
      () => new Float32Array(rows * program.model.vocabulary),
    );
  }

  release(key: ResidualKey): Promise<void> {
    return this.#call('release', this.#model.release(key), () => {
      this.residuals.delete(key);
      this.#weightParts.delete(key);
    });
  }

  memory(): Promise<EngineMemory> {
    return this.#call('memory', 0, () => this.#model.memory());
  }

  close(): Promise<void> {
    this.#closed = true;
    this.residuals.clear();
    return this.#device.run(0, () => undefined);
  }

  /** How far every second weight goes down, in the mean. */
  #meanStep(weights: Float32Array, from: number): number {
    let sum = 0;
    let count = 0;
    for (let i = from; i < weights.length; i += 2, count++) sum += this.#weights[i]! - weights[i]!;
    return sum / count;
  }

  #add(mark: number): void {
    this.#gradient[0]! += 1;
    this.#gradient[1]! += mark;
  }

  #filled(mark: number): Float32Array {
    return new Float32Array(this.#model.stage('forward').loaded.activationCount).fill(mark);
  }

  #call<Answer>(call: string, seconds: number, answer: () => Answer): Promise<Answer> {
    if (this.#closed) return Promise.reject(new EngineError(`${call}: the engine was closed`));
    return this.#device.run(seconds, answer);
  }
}
