// A stage on ONNX Runtime: its weights, sessions, gradients and the residuals that are alive. One call at a time, of
// requests that were checked; engine.ts sees to both.

import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Shape } from '../../model/operations.ts';
import type { Stream } from '../../random/index.ts';
import type {
  BackwardRequest,
  ForwardRequest,
  HeadRequest,
  HeadResult,
  Perturbation,
  ResidualKey,
} from '../../seams/engine.ts';
import type { LoadedStage, ResidualState } from '../checks.ts';
import { directionsOf, perturb } from '../perturb.ts';
import { maskTargets, means } from './losses.ts';
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

/** One value per weight, and views of it by the weights' names. */
interface FlatTensors {
  readonly flat: Float32Array<ArrayBuffer>;
  readonly tensors: Tensors;
}

export interface OnnxStageOptions {
  /** Threads that a run computes with. */
  readonly threads: number;
  /** Only operators of the ONNX standard, none of ONNX Runtime's fused ones. */
  readonly standardOperators: boolean;
}

/** What a graph runs on, where it is not the stage's own weights and whole micro-batches. */
interface Setting {
  readonly kind: GraphKind;
  readonly samples: number;
  readonly weights: Tensors;
}

export class OnnxStage {
  readonly loaded: LoadedStage;
  readonly #runtime: OnnxRuntime;
  readonly #programs: StagePrograms;
  /** Graphs of a single sample, for perturbations that differ between samples. */
  #singlePrograms: StagePrograms | undefined;
  readonly #options: OnnxStageOptions;
  readonly #compiled = new Map<string, Compiled>();
  readonly #weights: Float32Array<ArrayBuffer>;
  /** Views of `#weights`, read by every run. */
  readonly #weightTensors: Tensors;
  readonly #residuals = new Map<ResidualKey, Residuals>();
  readonly #pool: TensorPool;
  /** The sums so far and their views; undefined when nothing was added since the last `takeGradients`. */
  #gradients: FlatTensors | undefined;
  /** Room for the weights under a perturbation; undefined until the first one. */
  #perturbed: FlatTensors | undefined;

  /** Takes a copy of the weights. */
  private constructor(
    runtime: OnnxRuntime,
    options: OnnxStageOptions,
    loaded: LoadedStage,
    weights: Float32Array,
  ) {
    this.loaded = loaded;
    this.#runtime = runtime;
    this.#options = options;
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
    if (request.perturbation !== undefined) return this.#perturbedForward(request, request.perturbation);
    const input = this.#inputTensor(request.input, this.loaded.program.samples);
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

  async #perturbedForward(request: ForwardRequest, perturbation: Perturbation): Promise<Float32Array> {
    const output = new Float32Array(this.loaded.activationCount);
    await this.#underPerturbation('forward', perturbation, async (setting, sample) => {
      const { samples } = setting;
      const input = this.#inputTensor(part(request.input, sample, samples, this.loaded), samples);
      const run = await this.#runIn(setting, new Map([['input', input]]));
      part(output, sample, samples, this.loaded).set(floats(run.results.get('output')!));
    });
    return output;
  }

  async head(request: HeadRequest): Promise<HeadResult> {
    const { perturbation, gradient, input } = request;
    const { samples } = this.loaded.program;
    const { targets, counted } = maskTargets(request.targets, this.loaded.program.model.vocabulary);
    const losses = new Float32Array(this.loaded.rows);
    if (perturbation !== undefined) {
      await this.#underPerturbation('head-loss', perturbation, async (setting, sample) => {
        const inputs = this.#headInputs(
          part(input, sample, setting.samples, this.loaded),
          part(targets, sample, setting.samples, this.loaded),
          setting.samples,
        );
        const run = await this.#runIn(setting, inputs);
        part(losses, sample, setting.samples, this.loaded).set(floats(run.results.get('losses')!));
      });
      return { ...means(losses, targets, this.loaded), inputGradient: undefined };
    }
    const inputs = this.#headInputs(input, targets, samples);
    const all = counted === targets.length;
    if (gradient && !all) {
      const weight = targets.length / Math.max(1, counted);
      const { vocabulary } = this.loaded.program.model;
      const weights = Float32Array.from(targets, (id) => (id === vocabulary ? 0 : weight));
      inputs.set('tokenWeights', this.#tensor(weights, [this.loaded.rows, 1]));
    }
    const kind = !gradient ? 'head-loss' : all ? 'head-gradient' : 'head-gradient-weighted';
    const run = await this.#run(kind, inputs);
    losses.set(floats(run.results.get('losses')!));
    const inputGradient = run.results.get('inputGradient');
    return {
      ...means(losses, targets, this.loaded),
      inputGradient: inputGradient === undefined ? undefined : floats(inputGradient),
    };
  }

  #headInputs(input: Float32Array, targets: Int32Array, samples: number): Map<string, Tensor> {
    const rows = samples * this.loaded.program.model.context;
    return new Map([
      ['input', this.#tensor(input, [rows, this.loaded.program.model.width])],
      ['targets', this.#tensor(targets, [rows])],
    ]);
  }

  /**
   * Calls `run` under the perturbed weights: once, or for each sample (its number is given) where each has a direction
   * of its own. Only the weights that the graph reads are made.
   */
  async #underPerturbation(
    kind: GraphKind,
    perturbation: Perturbation,
    run: (setting: Setting, sample: number) => Promise<void>,
  ): Promise<void> {
    const directions = directionsOf(perturbation);
    const samples = directions.length === 1 ? this.loaded.program.samples : 1;
    const { graph } = await this.#compile(kind, samples);
    this.#perturbed ??= this.#flatTensors();
    const { flat, tensors: weights } = this.#perturbed;
    for (const [sample, direction] of directions.entries()) {
      this.#perturb(flat, graph, direction, perturbation.scale);
      await run({ kind, samples, weights }, sample);
    }
  }

  #perturb(into: Float32Array, graph: StageGraph, direction: Stream, scale: number): void {
    for (const { name, offset, length } of this.loaded.entries) {
      if (graph.inputs.has(name)) perturb(this.#weights, into, direction, scale, offset, offset + length);
    }
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

  async #compile(kind: GraphKind, samples = this.loaded.program.samples): Promise<Compiled> {
    const key = `${kind} ${samples}`;
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const graph = this.#programsOf(samples).build(kind);
    const session = graph.computes
      ? await createSession(this.#runtime, graph.file, this.#options.threads)
      : undefined;
    const compiled = { graph, session };
    this.#compiled.set(key, compiled);
    return compiled;
  }

  #programsOf(samples: number): StagePrograms {
    const { program } = this.loaded;
    if (samples === program.samples) return this.#programs;
    const portable = this.#options.standardOperators;
    this.#singlePrograms ??= new StagePrograms({ ...program, samples }, { portable });
    return this.#singlePrograms;
  }

  #run(kind: GraphKind, inputs: Tensors) {
    const { samples } = this.loaded.program;
    return this.#runIn({ kind, samples, weights: this.#weightTensors }, inputs);
  }

  /** Runs a graph; what it adds to the gradients is in their sums afterwards. */
  async #runIn(
    { kind, samples, weights }: Setting,
    inputs: Tensors,
  ): Promise<{ readonly results: Tensors; readonly keeps: Tensors }> {
    const { graph, session } = await this.#compile(kind, samples);
    const feeds: Record<string, Tensor> = {};
    const fetches: Record<string, Tensor | null> = {};
    for (const [role, name] of graph.inputs) {
      const tensor = inputs.get(role) ?? weights.get(role);
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
    this.#gradients ??= this.#flatTensors();
    return this.#gradients.tensors;
  }

  #flatTensors(): FlatTensors {
    const flat = new Float32Array(this.loaded.weightCount);
    return { flat, tensors: this.#viewsOf(flat) };
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

  #inputTensor(values: Float32Array | Int32Array, samples: number): Tensor {
    const { stage, model } = this.loaded.program;
    const rows = samples * model.context;
    return this.#tensor(values, stage.anchor ? [rows] : [rows, model.width]);
  }

  #activationShape(): Shape {
    return [this.loaded.rows, this.loaded.program.model.width];
  }
}

const floats = (tensor: Tensor) => tensor.data as Float32Array<ArrayBuffer>;

/** The part of a micro-batch's values that belongs to the `samples` samples from number `sample` on, as a view. */
function part<Values extends Float32Array | Int32Array>(
  values: Values,
  sample: number,
  samples: number,
  { program }: LoadedStage,
): Values {
  const perSample = values.length / program.samples;
  return values.subarray(sample * perSample, (sample + samples) * perSample) as Values;
}
