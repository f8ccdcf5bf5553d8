// Reading parts of a scenario: a schema applied at a place in a file, and files that a scenario refers to.

import type { z } from 'zod';
import { describeIssue, withKeys } from './issues.ts';
import { type FieldPath, parseSource, type Source } from './source.ts';

/** Gives the text of a file that a scenario names, by the path written there; throws when it cannot be read. */
export type ReadFile = (path: string) => string;

/** Applies a schema to the value at `path`. Throws a `ScenarioError` for the problem that stands first in the file. */
export function parseFields<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  source: Source,
  path: FieldPath,
): z.output<Schema> {
  const parsed = schema.safeParse(value, { error: describeIssue });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(withKeys).map((issue) => {
    const issuePath = [
      ...path,
      ...issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
      ...issue.keys,
    ];
    return {
      path: issuePath,
      message: issue.message,
      line: source.lineOf(issuePath),
      unknown: issue.keys.length > 0,
    };
  });
  // On one line the misspelt name comes first: a field that is missing is often the one misspelt.
  const [first, ...rest] = problems.sort((a, b) => a.line - b.line || Number(b.unknown) - Number(a.unknown));
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more problem${rest.length === 1 ? '' : 's'})`;
  throw source.error(first!.path, first!.message + more);
}

/** Reads and parses the file named at `path` of `source`. */
export function readSource(file: string, readFile: ReadFile, source: Source, path: FieldPath): Source {
  return parseSource(readText(file, readFile, source, path), file);
}

/** The text of the file named at `path` of `source`. */
export function readText(file: string, readFile: ReadFile, source: Source, path: FieldPath): string {
  try {
    return readFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw source.error(path, `cannot read '${file}', which is looked for beside this file: ${reason}`);
  }
}
