// The order of the floors and what each room may not touch, checked on the sources' syntax trees.

import { dirname, join, normalize } from 'node:path/posix';
import { parseAst } from 'vitest/node';

/** From the ground up; a folder imports from its own floor and those below. */
const FLOORS: readonly (readonly string[])[] = [
  ['wasm'],
  ['seams', 'random'],
  ['model', 'optimizer', 'gradient', 'schedule', 'recovery', 'data'],
  ['engine', 'network', 'journal'],
  ['inference', 'swarm'],
  ['scenario', 'replay', 'report'],
  ['cli', 'peers', 'index.ts'],
];

/** Members of a seam, and where they are joined to the rest: only here do libraries and the machine come in. */
const MAY_TOUCH_THE_MACHINE = [
  'src/network/',
  'src/engine/',
  'src/journal/disk-store.ts',
  'src/journal/files.ts',
  'src/replay/',
  'src/cli/',
  'src/index.ts',
  'peers/',
];
/** Of those, the ones that may know the real time and real randomness; a replay never does. */
const MAY_KNOW_THE_TIME = MAY_TOUCH_THE_MACHINE.filter((place) => place !== 'src/replay/');

const MACHINE_PACKAGE =
  /^(node:|libp2p$|@libp2p\/|@chainsafe\/|@multiformats\/multiaddr|onnxruntime|@jax-js\/|webgpu$)/;

const TIME_AND_CHANCE: ReadonlySet<string> = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'crypto.getRandomValues',
  'crypto.randomUUID',
  'AbortSignal.timeout',
  'setTimeout',
  'setInterval',
  'setImmediate',
]);
/** Rooms whose results are replicated: every machine and every JavaScript engine must come to the same bits. */
const SAME_BITS_EVERYWHERE = [
  'src/random/',
  'src/gradient/',
  'src/optimizer/',
  'src/recovery/',
  'src/journal/',
  'src/schedule/',
];
/** Functions whose last bits engines may choose; sqrt, fround and what works on integers are not among them. */
const INEXACT =
  /^Math\.(exp|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot)$/;

/** Objects through which a global can also be had. */
const GLOBAL_OBJECTS: ReadonlySet<string> = new Set(['globalThis', 'window', 'self', 'global']);

export interface Breach {
  readonly file: string;
  readonly line: number;
  readonly problem: string;
}

interface Import {
  /** The specifier, or undefined where it is computed and nothing can be said about it. */
  readonly from: string | undefined;
  readonly line: number;
}

/** Everything in these sources that the floors forbid. Keys are paths from the repository's root, with slashes. */
export function findBreaches(sources: ReadonlyMap<string, string>): readonly Breach[] {
  const breaches: Breach[] = [];
  const importsOf = new Map<string, readonly Import[]>();
  for (const [file, source] of sources) {
    const { imports, forbidden, inexact } = inspect(file, source);
    importsOf.set(file, imports);
    if (isIn(file, SAME_BITS_EVERYWHERE)) {
      for (const { name, line } of inexact) {
        breaches.push({ file, line, problem: `uses ${name}, whose last bits differ between engines` });
      }
    }
    if (!isIn(file, MAY_KNOW_THE_TIME)) {
      for (const { name, line } of forbidden) {
        breaches.push({ file, line, problem: `uses ${name}; time and randomness come from a seam` });
      }
    }
  }
  for (const [file, imports] of importsOf) {
    for (const { from, line } of imports) {
      const problem = problemOf(file, from, importsOf);
      if (problem !== undefined) breaches.push({ file, line, problem });
    }
  }
  return breaches;
}

/** What a source imports that is not a file of its own, such as `zod` or `node:fs`. */
export function outsideImports(file: string, source: string): readonly string[] {
  return inspect(file, source)
    .imports.map(({ from }) => from)
    .filter((from) => from !== undefined && !from.startsWith('.')) as string[];
}

function problemOf(
  file: string,
  from: string | undefined,
  importsOf: ReadonlyMap<string, readonly Import[]>,
): string | undefined {
  const pure = !isIn(file, MAY_TOUCH_THE_MACHINE);
  if (from === undefined) return pure ? 'imports a computed name' : undefined;
  if (!from.startsWith('.')) {
    return pure && MACHINE_PACKAGE.test(from)
      ? `imports ${from}, which only members of a seam may`
      : undefined;
  }
  const target = normalize(join(dirname(file), from));
  const below = floorOf(target);
  const own = floorOf(file);
  if (own === undefined) return `${file} is on no floor; give its folder one in test/house/floors.ts`;
  if (below === undefined) return `imports ${target}, which is on no floor`;
  if (below > own) return `imports ${target}, which is on a higher floor`;
  if (!pure) return undefined;
  const way = wayToTheMachine(target, importsOf, new Set());
  return way === undefined ? undefined : `imports ${way.join(', which imports ')}`;
}

/** The chain of imports from `file` to something that touches the machine. */
function wayToTheMachine(
  file: string,
  importsOf: ReadonlyMap<string, readonly Import[]>,
  seen: Set<string>,
): readonly string[] | undefined {
  // A pure file on the way is reported where it is, not once more by everyone above it.
  if (seen.has(file) || !isIn(file, MAY_TOUCH_THE_MACHINE)) return undefined;
  seen.add(file);
  for (const { from } of importsOf.get(file) ?? []) {
    if (from === undefined) return [file, 'a computed name'];
    if (!from.startsWith('.')) {
      if (MACHINE_PACKAGE.test(from)) return [file, from];
      continue;
    }
    const rest = wayToTheMachine(normalize(join(dirname(file), from)), importsOf, seen);
    if (rest !== undefined) return [file, ...rest];
  }
  return undefined;
}

function floorOf(path: string): number | undefined {
  const [top, folder] = path.split('/');
  const name = top === 'src' ? folder : top;
  const floor = FLOORS.findIndex((names) => names.includes(name!));
  return floor === -1 ? undefined : floor;
}

function isIn(file: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith('/') ? file.startsWith(place) : file === place));
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [property: string]: unknown;
}

function inspect(file: string, source: string) {
  const imports: Import[] = [];
  const forbidden: { readonly name: string; readonly line: number }[] = [];
  const inexact: { readonly name: string; readonly line: number }[] = [];
  const lineOf = (node: Node) => source.slice(0, node.start).split('\n').length;
  const addImport = (node: Node, specifier: unknown) =>
    imports.push({ from: text(specifier), line: lineOf(node) });

  const visit = (node: Node, parent: Node | undefined): void => {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'ImportExpression':
      case 'TSImportType':
        addImport(node, node.source);
        break;
      case 'ExportNamedDeclaration':
        if (isNode(node.source)) addImport(node, node.source);
        break;
      case 'CallExpression':
        if (nameOf(node.callee) === 'require') addImport(node, (node.arguments as unknown[])[0]);
        break;
      case 'NewExpression': {
        const name = nameOf(node.callee);
        const given = node.arguments as readonly unknown[];
        if (name === 'Date' && given.length === 0) forbidden.push({ name: 'new Date()', line: lineOf(node) });
        // A worker's entry is an import as well.
        if (name === 'URL' && given.length === 2 && text(given[0])?.startsWith('.'))
          addImport(node, given[0]);
        break;
      }
      case 'MemberExpression':
      case 'Identifier': {
        const isOnlyAName = node.type === 'Identifier' && parent !== undefined && isLabel(node, parent);
        const name = nameOf(node);
        if (!isOnlyAName && name !== undefined && TIME_AND_CHANCE.has(name)) {
          forbidden.push({ name, line: lineOf(node) });
        }
        if (!isOnlyAName && name !== undefined && INEXACT.test(name)) {
          inexact.push({ name, line: lineOf(node) });
        }
        break;
      }
      case 'BinaryExpression':
      case 'AssignmentExpression': {
        const isPower = node.operator === '**' || node.operator === '**=';
        if (isPower && !isNumber(node.left)) inexact.push({ name: '** of a variable', line: lineOf(node) });
        break;
      }
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, node);
    }
  };
  // A declaration file or generated JavaScript beside it is read as what its name says.
  visit(parseAst(source, { lang: file.endsWith('.js') ? 'js' : 'ts' }) as unknown as Node, undefined);
  return { imports, forbidden, inexact };
}

/** `x.setTimeout`, `{ setTimeout: 1 }` and the like: not the global, only something else of its name. */
function isLabel(node: Node, parent: Node): boolean {
  switch (parent.type) {
    case 'MemberExpression':
      return parent.property === node && parent.computed === false;
    case 'Property':
      return parent.key === node && parent.computed === false;
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
      return false;
    default:
      return parent.type.startsWith('TS') || parent.type.endsWith('Definition');
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** A number as it is written: powers of two are exact, and nobody writes others. */
function isNumber(node: unknown): boolean {
  return isNode(node) && node.type === 'Literal' && typeof node.value === 'number';
}

/** `a` or `a.b`, without the global object in front; undefined for anything longer. */
function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return node.name as string;
  if (node.type !== 'MemberExpression') return undefined;
  const object = nameOf(node.object);
  const property = node.computed === true ? text(node.property) : nameOf(node.property);
  if (object === undefined || property === undefined) return undefined;
  return GLOBAL_OBJECTS.has(object) ? property : `${object}.${property}`;
}

/** The value of a literal string, also one in backticks without parts. */
function text(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined;
  if (node.type !== 'TemplateLiteral') return undefined;
  const quasis = node.quasis as readonly { readonly value: { readonly cooked: string } }[];
  return quasis.length === 1 ? quasis[0]!.value.cooked : undefined;
}
