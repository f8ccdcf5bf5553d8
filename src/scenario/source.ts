// A scenario's text as a value, and where in the text each part of it stands. YAML; JSON is read as the YAML it is.

import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { ScenarioError } from './error.ts';

export type FieldPath = readonly (string | number)[];

export interface Source {
  readonly file: string;
  readonly value: unknown;
  /** An error at a field: its line (or its parent's, when it is missing), its path, what is wrong. */
  error(path: FieldPath, what: string): ScenarioError;
  /** The line of a field, or of its nearest parent that exists. */
  lineOf(path: FieldPath): number;
}

/** Reads YAML or JSON. Throws `ScenarioError` where it is malformed, empty or refers to itself. */
export function parseSource(text: string, file: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const line = lines.linePos(problem.pos[0]).line;
    throw new ScenarioError({ file, line, field: '' }, `not valid YAML or JSON: ${problem.message}`);
  }
  const source: Source = {
    file,
    value: toValue(document, lines, file),
    error: (path, what) =>
      new ScenarioError({ file, line: source.lineOf(path), field: formatPath(path) }, what),
    lineOf: (path) => lineOfPath(document, lines, path),
  };
  if (source.value === null || source.value === undefined) {
    throw new ScenarioError({ file, line: 1, field: '' }, 'the file is empty');
  }
  return source;
}

/** `peers[2].download`. */
export function formatPath(path: FieldPath): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('');
}

function toValue(document: Document, lines: LineCounter, file: string): unknown {
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // yaml refuses files whose aliases multiply beyond all use.
    throw new ScenarioError({ file, line: 1, field: '' }, `too many aliases: ${String(error)}`);
  }
  const cycle = findCycle(value, [], []);
  if (cycle === undefined) return value;
  throw new ScenarioError(
    { file, line: lineOfPath(document, lines, cycle), field: formatPath(cycle) },
    'refers back to a part of the file that contains it (a cycle); write the value out instead',
  );
}

/** The path at which a value contains itself; YAML aliases make that possible. */
function findCycle(value: unknown, path: FieldPath, parents: readonly unknown[]): FieldPath | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  if (parents.includes(value)) return path;
  for (const [key, child] of Object.entries(value)) {
    const cycle = findCycle(child, [...path, Array.isArray(value) ? Number(key) : key], [...parents, value]);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function lineOfPath(document: Document, lines: LineCounter, path: FieldPath): number {
  for (let length = path.length; length >= 0; length--) {
    const offset = offsetOf(document, path.slice(0, length));
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

/** Where a field begins: at its key in a map, else at its value. */
function offsetOf(document: Document, path: FieldPath): number | undefined {
  const last = path.at(-1);
  const parent: unknown = path.length === 0 ? undefined : nodeAt(document, path.slice(0, -1));
  if (typeof last === 'string' && isMap(parent)) {
    const key = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === last)?.key;
    return isNode(key) ? key.range?.[0] : undefined;
  }
  return nodeAt(document, path)?.range?.[0];
}

function nodeAt(document: Document, path: FieldPath): Node | undefined {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? node : undefined;
}
