// The one error a bad scenario file gives: where, what, and what to do.

/** A scenario file that cannot be used. `message` is complete: file, line, field, what was wrong, what to do. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  readonly file: string;
  /** Line in the file, from 1; undefined when the file could not be read at all. */
  readonly line: number | undefined;
  /** The field as a path, such as `peers[2].download`; empty when the whole file is meant. */
  readonly field: string;
  /** The message without file, line and field. */
  readonly what: string;

  constructor(where: { file: string; line: number | undefined; field: string }, what: string) {
    const place = where.line === undefined ? where.file : `${where.file}:${where.line}`;
    super(where.field === '' ? `${place}: ${what}` : `${place}: ${where.field}: ${what}`);
    this.file = where.file;
    this.line = where.line;
    this.field = where.field;
    this.what = what;
  }
}
