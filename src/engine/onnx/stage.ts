// A stage on ONNX Runtime: its weights, sessions, gradients and the residuals that are alive. Synchronous state, one
// call at a time; engine.ts puts the calls in order.

import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type {
  BackwardRequest,
  ForwardRequest,
  HeadRequest,
  HeadResult,
  ResidualKey,
} from '../../seams/engine.ts';
import type { LoadedStage, ResidualState } from '../checks.ts';
import { type GraphKind, StagePrograms, type StageGraph, kept } from './programs.ts';
import { createSession, type OnnxRuntime } from './runtime.ts';

/** The graphs that training uses; the others are compiled at first use. */
const TRAINING: readonly GraphKind[] = ['forward-keep', 'backward'];

interface Compiled {
  readonly graph: StageGraph;
  /** Undefined where the graph computes nothing. */
  readonly session: InferenceSession | undefined;
}

interface Residuals {
  readonly state: ResidualState;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

type Tensors = ReadonlyMap<string, Tensor>;

export interface OnnxStageOptions {
  /** Threads that a run computes with. */
  readonly threads: number;
  /** Only operators of the ONNX standard, none of ONNX Runtime's fused ones. */
  readonly standardOperators: boolean;
}

export class OnnxStage {
  readonly loaded: LoadedStage;
  readonly residuals = new Map<ResidualKey, Residuals>();
  readonly #runtime: OnnxRuntime;
  readonly #threads: number;
  readonly #programs: StagePrograms;
  readonly #compiled = new Map<GraphKind, Compiled>();
  readonly #weights: Float32Array<ArrayBuffer>;
  /** Views of `#weights`, read by every run. */
  readonly #weightTensors: Tensors;
  /** Undefined: nothing was added since the last `takeGradients`. */
  #gradients: Float32Array<ArrayBuffer> | undefined;

  /** Takes a copy of the weights. */
  private constructor(
    runtime: OnnxRuntime,
    options: OnnxStageOptions,
    loaded: LoadedStage,
    weights: Float32Array,
  ) {
    this.loaded = loaded;
    this.#runtime = runtime;
    this.#threads = options.threads;
    this.#programs = new StagePrograms(loaded.program, { portable: options.standardOperators });
    this.#weights = new Float32Array(weights);
    this.#weightTensors = new Map(
      loaded.entries.map(({ name, shape, offset, length }) => {
        const values = this.#weights.subarray(offset, offset + length);
        return [name, new runtime.Tensor('float32', values, shape)];
      }),
    );
  }

  static async compile(
    runtime: OnnxRuntime,
    options: OnnxStageOptions,
    loaded: LoadedStage,
    weights: Float32Array,
  ): Promise<OnnxStage> {
    const stage = new OnnxStage(runtime, options, loaded, weights);
    for (const kind of TRAINING) await stage.#compile(kind);
    if (loaded.program.stage.anchor) await stage.#compile('head-gradient');
    return stage;
  }

  get residualBytes(): number {
    return this.#programs.residualBytes();
  }

  writeWeights(weights: Float32Array): void {
    this.#weights.set(weights);
  }

  async forward(request: ForwardRequest): Promise<Float32Array> {
    const input = this.#tensor(request.input, this.#inputShape());
    const run = await this.#run(request.keep ? 'forward-keep' : 'forward', new Map([['input', input]]));
    if (request.keep) this.residuals.set(request.key, { state: 'complete', tensors: run.keeps });
    return floats(run.results.get('output')!);
  }

  async backward(request: BackwardRequest): Promise<Float32Array | undefined> {
    const { key, part, outputGradient } = request;
    const inputs = new Map<string, Tensor>();
    for (const [role, tensor] of this.residuals.get(key)!.tensors) inputs.set(kept(role), tensor);
    if (part !== 'weight') {
      // The input part keeps it, and the caller may go on using its own array.
      const gradient = part === 'input' ? outputGradient!.slice() : outputGradient!;
      inputs.set('outputGradient', this.#tensor(gradient, this.#activationShape()));
    }
    const run = await this.#run(part === 'all' ? 'backward' : `backward-${part}`, inputs);
    if (part === 'input') this.residuals.set(key, { state: 'weight-part', tensors: run.keeps });
    else this.residuals.delete(key);
    this.#accumulate(run.gradients);
    const inputGradient = run.results.get('inputGradient');
    return inputGradient === undefined ? undefined : floats(inputGradient);
  }

  async head(request: HeadRequest): Promise<HeadResult> {
    const inputs = new Map([
      ['input', this.#tensor(request.input, this.#activationShape())],
      ['targets', this.#tensor(request.targets, [this.loaded.rows])],
    ]);
    const run = await this.#run(request.gradient ? 'head-gradient' : 'head-loss', inputs);
    this.#accumulate(run.gradients);
    const inputGradient = run.results.get('inputGradient');
    return {
      loss: floats(run.results.get('loss')!)[0]!,
      inputGradient: inputGradient === undefined ? undefined : floats(inputGradient),
    };
  }

  async logits(input: Float32Array): Promise<Float32Array> {
    const inputs = new Map([['input', this.#tensor(input, this.#activationShape())]]);
    const run = await this.#run('logits', inputs);
    return floats(run.results.get('logits')!);
  }

  takeGradients(): Float32Array<ArrayBuffer> {
    const gradients = this.#gradients ?? new Float32Array(this.loaded.weightCount);
    this.#gradients = undefined;
    return gradients;
  }

  async dispose(): Promise<void> {
    this.residuals.clear();
    for (const { session } of this.#compiled.values()) await session?.release();
    this.#compiled.clear();
  }

  async #compile(kind: GraphKind): Promise<Compiled> {
    const known = this.#compiled.get(kind);
    if (known !== undefined) return known;
    const graph = this.#programs.build(kind);
    const session = graph.computes
      ? await createSession(this.#runtime, graph.file, this.#threads)
      : undefined;
    const compiled = { graph, session };
    this.#compiled.set(kind, compiled);
    return compiled;
  }

  async #run(
    kind: GraphKind,
    inputs: Tensors,
  ): Promise<{ readonly results: Tensors; readonly keeps: Tensors; readonly gradients: Tensors }> {
    const { graph, session } = await this.#compile(kind);
    const feeds: Record<string, Tensor> = {};
    for (const [role, name] of graph.inputs) {
      feeds[name] = (inputs.get(role) ?? this.#weightTensors.get(role))!;
    }
    const outputs = (await session?.run(feeds)) ?? {};
    const pick = (roles: ReadonlyMap<string, string>): Tensors =>
      new Map([...roles].map(([role, name]) => [role, (outputs[name] ?? feeds[name]) as Tensor]));
    return { results: pick(graph.results), keeps: pick(graph.keeps), gradients: pick(graph.gradients) };
  }

  #accumulate(gradients: Tensors): void {
    if (gradients.size === 0) return;
    this.#gradients ??= new Float32Array(this.loaded.weightCount);
    for (const { name, offset } of this.loaded.entries) {
      const gradient = gradients.get(name);
      if (gradient !== undefined) addInto(this.#gradients, offset, floats(gradient));
    }
  }

  #tensor(values: Float32Array | Int32Array, shape: readonly number[]): Tensor {
    return values instanceof Int32Array
      ? new this.#runtime.Tensor('int32', values, shape)
      : new this.#runtime.Tensor('float32', values, shape);
  }

  #inputShape(): readonly number[] {
    return this.loaded.program.stage.anchor ? [this.loaded.rows] : this.#activationShape();
  }

  #activationShape(): readonly number[] {
    return [this.loaded.rows, this.loaded.program.model.width];
  }
}

const floats = (tensor: Tensor) => tensor.data as Float32Array<ArrayBuffer>;

function addInto(target: Float32Array, offset: number, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) target[offset + i]! += values[i]!;
}
