// A stage on ONNX Runtime: its weights, sessions, gradients and the residuals that are alive. One call at a time, of
// requests that were checked; engine.ts sees to both.

import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Shape } from '../../model/operations.ts';
import type {
  BackwardRequest,
  ForwardRequest,
  HeadRequest,
  HeadResult,
  ResidualKey,
} from '../../seams/engine.ts';
import type { LoadedStage, ResidualState } from '../checks.ts';
import { type GraphKind, kept, type StageGraph, StagePrograms, sumOf } from './programs.ts';
import { createSession, type OnnxRuntime } from './runtime.ts';
import { TensorPool } from './tensor-pool.ts';

/** The graphs that training uses; the others are compiled at first use. */
const TRAINING: readonly GraphKind[] = ['forward-keep', 'backward'];

interface Compiled {
  readonly graph: StageGraph;
  /** Undefined where the graph computes nothing. */
  readonly session: InferenceSession | undefined;
}

interface Residuals {
  readonly state: ResidualState;
  readonly tensors: Tensors;
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
  readonly #runtime: OnnxRuntime;
  readonly #threads: number;
  readonly #programs: StagePrograms;
  readonly #compiled = new Map<GraphKind, Compiled>();
  readonly #weights: Float32Array<ArrayBuffer>;
  /** Views of `#weights`, read by every run. */
  readonly #weightTensors: Tensors;
  readonly #residuals = new Map<ResidualKey, Residuals>();
  readonly #pool: TensorPool;
  /** The sums so far and their views; undefined when nothing was added since the last `takeGradients`. */
  #gradients: { readonly flat: Float32Array<ArrayBuffer>; readonly tensors: Tensors } | undefined;

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
    this.#weightTensors = this.#viewsOf(this.#weights);
    this.#pool = new TensorPool(runtime);
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

  get residualsAlive(): number {
    return this.#residuals.size;
  }

  residualState(key: ResidualKey): ResidualState | undefined {
    return this.#residuals.get(key)?.state;
  }

  release(key: ResidualKey): void {
    this.#replaceResiduals(key, undefined);
  }

  writeWeights(weights: Float32Array): void {
    this.#weights.set(weights);
  }

  async forward(request: ForwardRequest): Promise<Float32Array> {
    const { anchor } = this.loaded.program.stage;
    const input = this.#tensor(request.input, anchor ? [this.loaded.rows] : this.#activationShape());
    const run = await this.#run(request.keep ? 'forward-keep' : 'forward', new Map([['input', input]]));
    if (request.keep) this.#residuals.set(request.key, { state: 'complete', tensors: run.keeps });
    return floats(run.results.get('output')!);
  }

  async backward(request: BackwardRequest): Promise<Float32Array | undefined> {
    const { key, part, outputGradient } = request;
    const inputs = new Map<string, Tensor>();
    for (const [role, tensor] of this.#residuals.get(key)!.tensors) inputs.set(kept(role), tensor);
    if (part !== 'weight') {
      // The input part keeps it, and the caller may go on using its own array.
      const gradient = part === 'input' ? outputGradient!.slice() : outputGradient!;
      inputs.set('outputGradient', this.#tensor(gradient, this.#activationShape()));
    }
    const run = await this.#run(part === 'all' ? 'backward' : `backward-${part}`, inputs);
    this.#replaceResiduals(key, part === 'input' ? { state: 'weight-part', tensors: run.keeps } : undefined);
    const inputGradient = run.results.get('inputGradient');
    return inputGradient === undefined ? undefined : floats(inputGradient);
  }

  async head(request: HeadRequest): Promise<HeadResult> {
    const inputs = new Map([
      ['input', this.#tensor(request.input, this.#activationShape())],
      ['targets', this.#tensor(request.targets, [this.loaded.rows])],
    ]);
    const run = await this.#run(request.gradient ? 'head-gradient' : 'head-loss', inputs);
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
    const gradients = this.#gradients?.flat ?? new Float32Array(this.loaded.weightCount);
    this.#gradients = undefined;
    return gradients;
  }

  async dispose(): Promise<void> {
    this.#residuals.clear();
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

  /** Runs a graph; what it adds to the gradients is in their sums afterwards. */
  async #run(
    kind: GraphKind,
    inputs: Tensors,
  ): Promise<{ readonly results: Tensors; readonly keeps: Tensors }> {
    const { graph, session } = await this.#compile(kind);
    const feeds: Record<string, Tensor> = {};
    const fetches: Record<string, Tensor | null> = {};
    for (const [role, name] of graph.inputs) {
      const tensor = inputs.get(role) ?? this.#weightTensors.get(role);
      if (tensor !== undefined) feeds[name] = tensor;
    }
    for (const name of graph.results.values()) if (!(name in feeds)) fetches[name] = null;
    for (const [name, shape] of graph.keptShapes) fetches[name] = this.#pool.take(shape);
    for (const [weight, name] of graph.gradients) {
      // The sum is input and output of one operator (product, addition or scatter), which reads each value before it
      // writes it: the addition happens in place.
      const sum = this.#gradientSums().get(weight)!;
      feeds[graph.inputs.get(sumOf(weight))!] = sum;
      fetches[name] = sum;
    }
    const outputs = (await session?.run(feeds, fetches)) ?? {};
    const pick = (roles: ReadonlyMap<string, string>): Tensors =>
      new Map(
        [...roles].map(([role, name]) => [role, (feeds[name] ?? fetches[name] ?? outputs[name]) as Tensor]),
      );
    return { results: pick(graph.results), keeps: pick(graph.keeps) };
  }

  /** Changes what a key holds; tensors that it no longer holds can be used again. */
  #replaceResiduals(key: ResidualKey, residuals: Residuals | undefined): void {
    const still = new Set(residuals?.tensors.values());
    for (const tensor of new Set(this.#residuals.get(key)?.tensors.values())) {
      if (!still.has(tensor)) this.#pool.giveBack(tensor);
    }
    if (residuals === undefined) this.#residuals.delete(key);
    else this.#residuals.set(key, residuals);
  }

  #gradientSums(): Tensors {
    if (this.#gradients === undefined) {
      const flat = new Float32Array(this.loaded.weightCount);
      this.#gradients = { flat, tensors: this.#viewsOf(flat) };
    }
    return this.#gradients.tensors;
  }

  /** A tensor per weight on a flat array, without a copy. */
  #viewsOf(flat: Float32Array<ArrayBuffer>): Tensors {
    return new Map(
      this.loaded.entries.map(({ name, shape, offset, length }) => {
        const values = flat.subarray(offset, offset + length);
        return [name, new this.#runtime.Tensor('float32', values, shape)];
      }),
    );
  }

  #tensor(values: Float32Array | Int32Array, shape: Shape): Tensor {
    return values instanceof Int32Array
      ? new this.#runtime.Tensor('int32', values, shape)
      : new this.#runtime.Tensor('float32', values, shape);
  }

  #activationShape(): Shape {
    return [this.loaded.rows, this.loaded.program.model.width];
  }
}

const floats = (tensor: Tensor) => tensor.data as Float32Array<ArrayBuffer>;
