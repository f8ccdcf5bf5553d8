// An ONNX graph under construction, and its file form (onnx.proto, IR version 8, operator set 17).

import type { Shape } from '../../model/operations.ts';
import { MessageWriter } from './protobuf.ts';

/** TensorProto.DataType of the element types in use. */
const ELEMENT_TYPES = { float32: 1, int32: 6, int64: 7 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** AttributeProto.AttributeType. */
const FLOAT_ATTRIBUTE = 1;
const INTEGER_ATTRIBUTE = 2;
const TEXT_ATTRIBUTE = 3;
const INTEGERS_ATTRIBUTE = 7;

const IR_VERSION = 8;
const OPERATOR_SET = 17;
/** Domain of ONNX Runtime's own fused operators. */
export const MICROSOFT = 'com.microsoft';

/** A value in the graph: an input, a constant or the result of an operator. */
export interface GraphValue {
  readonly name: string;
  readonly shape: Shape;
  readonly type: ElementType;
}

export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'integers'; readonly value: readonly number[] };

interface GraphNode {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

interface Initializer extends GraphValue {
  readonly bytes: Uint8Array;
}

export class Graph {
  readonly #inputs: GraphValue[] = [];
  readonly #outputs = new Map<string, GraphValue>();
  readonly #nodes: GraphNode[] = [];
  readonly #initializers: Initializer[] = [];
  /** Small constants are shared. */
  readonly #constants = new Map<string, GraphValue>();
  #values = 0;

  input(name: string, shape: Shape, type: ElementType = 'float32'): GraphValue {
    const value = { name, shape, type };
    this.#inputs.push(value);
    return value;
  }

  /** Makes a value a result of the graph, under its own name; once is enough. */
  output(value: GraphValue): void {
    this.#outputs.set(value.name, value);
  }

  constant(values: ArrayLike<number>, shape: Shape): GraphValue {
    return this.#initializer('float32', shape, Float32Array.from(values));
  }

  integers(values: readonly number[], shape: Shape = [values.length]): GraphValue {
    return this.#initializer('int64', shape, BigInt64Array.from(values, BigInt));
  }

  /** Adds an operator; one value per shape in `results`. */
  node(
    operator: string,
    inputs: readonly GraphValue[],
    results: readonly Shape[],
    options: {
      readonly domain?: string;
      readonly type?: ElementType;
      readonly attributes?: Readonly<Record<string, Attribute>>;
    } = {},
  ): GraphValue[] {
    const { domain = '', type = 'float32', attributes = {} } = options;
    const outputs = results.map((shape) => ({ name: `v${this.#values++}`, shape, type }));
    this.#nodes.push({ operator, domain, inputs, outputs, attributes });
    return outputs;
  }

  get outputNames(): readonly string[] {
    return [...this.#outputs.keys()];
  }

  /** The graph as an ONNX file. */
  encode(): Uint8Array {
    const graph = new MessageWriter();
    for (const [index, node] of this.#nodes.entries()) graph.message(1, encodeNode(node, index));
    graph.text(2, 'stage');
    for (const initializer of this.#initializers) graph.message(5, encodeInitializer(initializer));
    for (const value of this.#inputs) graph.message(11, encodeValueInfo(value));
    for (const value of this.#outputs.values()) graph.message(12, encodeValueInfo(value));
    const standard = new MessageWriter().text(1, '').integer(2, OPERATOR_SET);
    const microsoft = new MessageWriter().text(1, MICROSOFT).integer(2, 1);
    return new MessageWriter()
      .integer(1, IR_VERSION)
      .text(2, 'skein')
      .message(7, graph)
      .message(8, standard)
      .message(8, microsoft)
      .finish();
  }

  #initializer(type: ElementType, shape: Shape, data: Float32Array | BigInt64Array): GraphValue {
    const key = data.length <= 16 ? `${type}[${shape}]:${data}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const value = { name: `c${this.#initializers.length}`, shape, type, bytes };
    this.#initializers.push(value);
    if (key !== undefined) this.#constants.set(key, value);
    return value;
  }
}

/** NodeProto */
function encodeNode(node: GraphNode, index: number): MessageWriter {
  const message = new MessageWriter();
  for (const input of node.inputs) message.text(1, input.name);
  for (const output of node.outputs) message.text(2, output.name);
  message.text(3, `${node.operator}_${index}`).text(4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    message.message(5, encodeAttribute(name, attribute));
  }
  return node.domain === '' ? message : message.text(7, node.domain);
}

/** AttributeProto */
function encodeAttribute(name: string, attribute: Attribute): MessageWriter {
  const message = new MessageWriter().text(1, name);
  switch (attribute.kind) {
    case 'float':
      return message.float(2, attribute.value).integer(20, FLOAT_ATTRIBUTE);
    case 'integer':
      return message.integer(3, attribute.value).integer(20, INTEGER_ATTRIBUTE);
    case 'text':
      return message.text(4, attribute.value).integer(20, TEXT_ATTRIBUTE);
    case 'integers':
      for (const value of attribute.value) message.integer(8, value);
      return message.integer(20, INTEGERS_ATTRIBUTE);
  }
}

/** TensorProto; its bytes are little-endian, as every machine that ONNX Runtime is built for. */
function encodeInitializer(initializer: Initializer): MessageWriter {
  const message = new MessageWriter();
  for (const size of initializer.shape) message.integer(1, size);
  return message
    .integer(2, ELEMENT_TYPES[initializer.type])
    .text(8, initializer.name)
    .bytes(9, initializer.bytes);
}

/** ValueInfoProto */
function encodeValueInfo(value: GraphValue): MessageWriter {
  const shape = new MessageWriter();
  for (const size of value.shape) shape.message(1, new MessageWriter().integer(1, size));
  const tensor = new MessageWriter().integer(1, ELEMENT_TYPES[value.type]).message(2, shape);
  return new MessageWriter().text(1, value.name).message(2, new MessageWriter().message(1, tensor));
}
