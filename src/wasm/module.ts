// Small WebAssembly modules, put together here when they are first wanted: no build step, nothing to fetch, and what
// runs can be read. A module has functions, all exported, and one memory.
// Binary format: WebAssembly Core Specification 2.0, §5.5.

import { type Code, type Local, unsigned, type ValueType } from './code.ts';

export interface FunctionDefinition {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  /** Given the parameters and a way to make variables, the body; it returns nothing. */
  readonly body: (parameters: readonly Local[], variable: (type: ValueType) => Local) => Code;
}

export interface Instance<Name extends string> {
  readonly memory: ArrayBuffer;
  readonly functions: Readonly<Record<Name, (...values: number[]) => void>>;
}

const TYPES: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const PAGE_BYTES = 65536;
const MEMORY = 'memory';

/** Compiles and starts a module with that much memory; undefined where WebAssembly or its vectors are missing. */
export function instantiate<Name extends string>(
  definitions: readonly (FunctionDefinition & { readonly name: Name })[],
  memoryBytes: number,
): Instance<Name> | undefined {
  const bytes = moduleBytes(definitions, memoryBytes);
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(bytes)) return undefined;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const { buffer } = exports[MEMORY] as WebAssembly.Memory;
  return { memory: buffer, functions: exports as Instance<Name>['functions'] };
}

/** The module's bytes. */
export function moduleBytes(
  definitions: readonly FunctionDefinition[],
  memoryBytes: number,
): Uint8Array<ArrayBuffer> {
  const exported = definitions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]);
  return Uint8Array.from([
    ...HEADER,
    ...section(
      1,
      definitions.map(({ parameters }) => [0x60, ...list(parameters.map((type) => [TYPES[type]])), 0]),
    ),
    ...section(
      3,
      definitions.map((_, index) => unsigned(index)),
    ),
    ...section(5, [[0x00, ...unsigned(Math.ceil(memoryBytes / PAGE_BYTES))]]),
    ...section(7, [[...text(MEMORY), 0x02, 0], ...exported]),
    ...section(
      10,
      definitions.map((definition) => sized(functionBytes(definition))),
    ),
  ]);
}

function functionBytes({ parameters, body }: FunctionDefinition): Code {
  const variables: ValueType[] = [];
  const variable = (type: ValueType): Local => ({ index: parameters.length + variables.push(type) - 1 });
  const code = body(
    parameters.map((_, index) => ({ index })),
    variable,
  );
  return [...list(variables.map((type) => [1, TYPES[type]])), ...code, 0x0b];
}

function section(number: number, items: readonly Code[]): Code {
  return [number, ...sized(list(items))];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(code: Code): Code {
  return [...unsigned(code.length), ...code];
}

function text(value: string): Code {
  return sized([...new TextEncoder().encode(value)]);
}
