// The ONNX graphs of one stage. A pipeline computes a micro-batch's forward now and its backward much later, so the
// two are graphs of their own and the residuals travel between them as named tensors.

import { type StageWeights, mapWeights, namedWeights } from '../../model/layout.ts';
import { type BlockCotangents, type BlockResiduals, llama } from '../../model/llama.ts';
import type { Shape } from '../../model/operations.ts';
import type { StageProgram } from '../../seams/engine.ts';
import { type EmitterOptions, onnxOperations } from './emitter.ts';
import { Graph, type GraphValue } from './graph.ts';

/** Tensors of a graph by what they are: a role such as `0.query` → the value's name in the graph. */
export type Roles = ReadonlyMap<string, string>;

export interface StageGraph {
  /** The graph as an ONNX file. */
  readonly file: Uint8Array;
  /** Inputs by role: weights by name, `kept(role)`, `sumOf(name)`, else `input` and so on. */
  readonly inputs: Roles;
  /** `output`, `inputGradient`, `losses`: what the call answers with. */
  readonly results: Roles;
  /** What must be kept for the backward that follows; a value here may also be one of the inputs. */
  readonly keeps: Roles;
  /** Shapes of the kept values that the graph computes, by value name. */
  readonly keptShapes: ReadonlyMap<string, Shape>;
  /** Weight gradients, added to the sums that went in, under their layout's names. */
  readonly gradients: Roles;
  /** False when everything asked for is among the inputs (a stage without blocks): there is nothing to run. */
  readonly computes: boolean;
}

export const graphKinds = [
  'forward',
  'forward-keep',
  'backward',
  'backward-input',
  'backward-weight',
  'head-loss',
  'head-gradient',
  'head-gradient-weighted',
  'logits',
] as const;
export type GraphKind = (typeof graphKinds)[number];

/** Role of a tensor that an earlier call kept. */
export const kept = (role: string) => `kept ${role}`;

/** Role of a weight's gradient so far, which the graph adds to. */
export const sumOf = (name: string) => `sum ${name}`;

export class StagePrograms {
  readonly #program: StageProgram;
  readonly #options: EmitterOptions;
  /** Shapes of the residuals by role, known once the forward is built. */
  #residuals: ReadonlyMap<string, GraphValue> | undefined;
  #cotangents: ReadonlyMap<string, GraphValue> | undefined;

  constructor(program: StageProgram, options: EmitterOptions = {}) {
    this.#program = program;
    this.#options = options;
  }

  build(kind: GraphKind): StageGraph {
    switch (kind) {
      case 'forward':
        return this.#forward(false).finish();
      case 'forward-keep':
        return this.#forward(true).finish();
      case 'backward':
        return this.#backward().finish();
      case 'backward-input':
        return this.#backwardInput().finish();
      case 'backward-weight':
        return this.#backwardWeight().finish();
      case 'head-loss':
        return this.#head('loss').finish();
      case 'head-gradient':
        return this.#head('gradient').finish();
      case 'head-gradient-weighted':
        return this.#head('weighted').finish();
      case 'logits':
        return this.#head('logits').finish();
    }
  }

  /** Bytes of the residuals of one micro-batch, input included. */
  residualBytes(): number {
    // Two roles can share a value: a block's output is the next one's input.
    const values = new Map([...this.#residualValues().values()].map((value) => [value.name, value]));
    return [...values.values()].reduce((sum, value) => sum + 4 * count(value.shape), 0);
  }

  #start(): Building {
    return new Building(this.#program, this.#options);
  }

  #forward(keep: boolean): Building {
    const { stage } = this.#program;
    const building = this.#start();
    const { model, rows, activationShape } = building;
    const input = stage.anchor
      ? building.input('input', [rows], 'int32')
      : building.input('input', activationShape);
    const weights = building.weights((name) => name.startsWith('blocks.') || name === 'embedding');
    const embedded = stage.anchor ? model.embedForward(weights.embedding!, input) : input;
    const { output, residuals } = model.stageForward(weights, embedded);
    building.result('output', output);
    const values = byRole(residuals);
    if (stage.anchor) values.set('ids', input);
    this.#residuals = values;
    if (keep) building.keepAll(values);
    return building;
  }

  #residualValues(): ReadonlyMap<string, GraphValue> {
    if (this.#residuals === undefined) this.#forward(true);
    return this.#residuals!;
  }

  #cotangentValues(): ReadonlyMap<string, GraphValue> {
    if (this.#cotangents === undefined) this.#backwardInput();
    return this.#cotangents!;
  }

  #backward(): Building {
    const building = this.#start();
    const { model } = building;
    const residuals = building.keptInputs(this.#residualValues());
    const outputGradient = building.input('outputGradient', building.activationShape);
    const weights = building.weights((name) => name.startsWith('blocks.'));
    const blocks = byBlock<BlockResiduals<GraphValue>>(residuals, this.#program.stage.blocks);
    const sums = building.sums((name) => name.startsWith('blocks.') || name === 'embedding');
    const backward = model.stageBackward(weights, blocks, outputGradient, sums.blocks);
    building.gradients({ blocks: backward.blocks });
    if (this.#program.stage.anchor) {
      const ids = residuals.get('ids')!;
      building.gradients({ embedding: model.embedBackward(backward.inputGradient, ids, sums.embedding!) });
    } else {
      building.result('inputGradient', backward.inputGradient);
    }
    return building;
  }

  #backwardInput(): Building {
    const building = this.#start();
    const residuals = building.keptInputs(this.#residualValues());
    const outputGradient = building.input('outputGradient', building.activationShape);
    const weights = building.weights((name) => name.startsWith('blocks.'));
    const blocks = byBlock<BlockResiduals<GraphValue>>(residuals, this.#program.stage.blocks);
    const { inputGradient, cotangents } = building.model.stageBackwardInput(weights, blocks, outputGradient);
    const values = byRole(cotangents);
    if (this.#program.stage.anchor) {
      values.set('ids', residuals.get('ids')!);
      values.set('embedded', inputGradient);
    } else {
      building.result('inputGradient', inputGradient);
    }
    this.#cotangents = values;
    building.keepAll(values);
    return building;
  }

  #backwardWeight(): Building {
    const building = this.#start();
    const cotangents = building.keptInputs(this.#cotangentValues());
    const blocks = byBlock<BlockCotangents<GraphValue>>(cotangents, this.#program.stage.blocks);
    const sums = building.sums((name) => name.startsWith('blocks.') || name === 'embedding');
    const { model } = building;
    building.gradients({ blocks: model.stageBackwardWeights(blocks, sums.blocks) });
    if (this.#program.stage.anchor) {
      const [gradient, ids] = [cotangents.get('embedded')!, cotangents.get('ids')!];
      building.gradients({ embedding: model.embedBackward(gradient, ids, sums.embedding!) });
    }
    return building;
  }

  #head(wanted: 'loss' | 'gradient' | 'weighted' | 'logits'): Building {
    const { tiedHead } = this.#program.model;
    const building = this.#start();
    const { model, rows } = building;
    const input = building.input('input', building.activationShape);
    const projection = tiedHead ? 'embedding' : 'head';
    const weights = building.weights((name) => name === 'norm' || name === projection);
    if (wanted === 'logits') {
      building.result('logits', model.headLogits(weights, input));
      return building;
    }
    const targets = building.input('targets', [rows], 'int32');
    if (wanted === 'loss') {
      building.result('losses', model.headLosses(weights, input, targets));
      return building;
    }
    const sums = building.sums((name) => name === 'norm' || name === projection);
    const tokenWeights = wanted === 'weighted' ? building.input('tokenWeights', [rows, 1]) : undefined;
    const backward = model.headLossGradient(weights, input, targets, sums, tokenWeights);
    building.result('losses', backward.losses);
    building.result('inputGradient', backward.inputGradient);
    building.gradients(backward.gradients);
    return building;
  }
}

/** One graph while it is written. */
class Building {
  readonly model: ReturnType<typeof llama<GraphValue>>;
  readonly rows: number;
  readonly activationShape: Shape;
  readonly #program: StageProgram;
  readonly #graph = new Graph();
  readonly #inputs = new Map<string, string>();
  readonly #results = new Map<string, string>();
  readonly #keeps = new Map<string, string>();
  readonly #keptShapes = new Map<string, Shape>();
  readonly #gradients = new Map<string, string>();

  constructor(program: StageProgram, options: EmitterOptions) {
    this.#program = program;
    this.rows = program.samples * program.model.context;
    this.activationShape = [this.rows, program.model.width];
    this.model = llama(onnxOperations(this.#graph, options), program.model, program.samples);
  }

  input(role: string, shape: Shape, type: 'float32' | 'int32' = 'float32'): GraphValue {
    const value = this.#graph.input(role, shape, type);
    this.#inputs.set(role, value.name);
    return value;
  }

  /** The weights whose names are wanted, as inputs; the tree holds nothing for the others. */
  weights(wanted: (name: string) => boolean): StageWeights<GraphValue> {
    const { model, stage } = this.#program;
    return mapWeights(model, stage, ({ name, shape }) => (wanted(name) ? this.input(name, shape) : UNUSED));
  }

  /** The gradients so far of the weights whose names are wanted, as inputs. */
  sums(wanted: (name: string) => boolean): StageWeights<GraphValue> {
    const { model, stage } = this.#program;
    return mapWeights(model, stage, ({ name, shape }) =>
      wanted(name) ? this.input(sumOf(name), shape) : UNUSED,
    );
  }

  keptInputs(values: ReadonlyMap<string, GraphValue>): Map<string, GraphValue> {
    const inputs = new Map<string, GraphValue>();
    for (const [role, { shape, type }] of values) {
      inputs.set(role, this.input(kept(role), shape, type === 'int32' ? 'int32' : 'float32'));
    }
    return inputs;
  }

  result(role: string, value: GraphValue): void {
    this.#add(this.#results, role, value);
  }

  keepAll(values: ReadonlyMap<string, GraphValue>): void {
    for (const [role, value] of values) {
      if (this.#add(this.#keeps, role, value)) this.#keptShapes.set(value.name, value.shape);
    }
  }

  gradients(gradients: Partial<StageWeights<GraphValue>>): void {
    for (const [name, value] of namedWeights(gradients)) this.#add(this.#gradients, name, value);
  }

  finish(): StageGraph {
    return {
      file: this.#graph.encode(),
      inputs: this.#inputs,
      results: this.#results,
      keeps: this.#keeps,
      keptShapes: this.#keptShapes,
      gradients: this.#gradients,
      computes: this.#graph.outputNames.length > 0,
    };
  }

  /** Whether it is computed; an input that is also asked for is not, the caller has it. */
  #add(roles: Map<string, string>, role: string, value: GraphValue): boolean {
    roles.set(role, value.name);
    const computed = ![...this.#inputs.values()].includes(value.name);
    if (computed) this.#graph.output(value);
    return computed;
  }
}

/** Stands where a graph does not use a weight; its shape fits nothing. */
const UNUSED: GraphValue = { name: '', shape: [-1], type: 'float32' };

/** [{query, …}, …] → {`0.query`, …}. */
function byRole(blocks: readonly object[]): Map<string, GraphValue> {
  const values = new Map<string, GraphValue>();
  blocks.forEach((block, index) => {
    for (const [name, value] of Object.entries(block)) values.set(`${index}.${name}`, value as GraphValue);
  });
  return values;
}

/** The way back; roles without a block number are left out. */
function byBlock<Block extends object>(values: ReadonlyMap<string, GraphValue>, blocks: number): Block[] {
  return Array.from({ length: blocks }, (_, index) => {
    const prefix = `${index}.`;
    const own = [...values].filter(([role]) => role.startsWith(prefix));
    return Object.fromEntries(own.map(([role, value]) => [role.slice(prefix.length), value])) as Block;
  });
}

function count(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}
