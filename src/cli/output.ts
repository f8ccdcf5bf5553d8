// Where a command writes: the JSON document, and nothing else, on standard output; everything for people on
// standard error.

import type { Writable } from 'node:stream';

export interface Output {
  /** A line for the person, on standard error. */
  say(line?: string): void;
  /** The raw standard error, for live views; `isTTY` and `columns` when it is a terminal. */
  readonly human: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** The command's one JSON document, on standard output. */
  json(document: unknown): void;
  /** One event of a long-running command: a JSON object on a line of its own. */
  jsonLine(event: unknown): void;
  /** Resolves when everything written has left the process. */
  flush(): Promise<void>;
}

/** Writes to the two streams given, normally the process's own. */
export function createOutput(machine: Writable, human: Output['human']): Output {
  return {
    human,
    say(line = '') {
      human.write(`${line}\n`);
    },
    json(document) {
      machine.write(`${JSON.stringify(document, null, 2)}\n`);
    },
    jsonLine(event) {
      machine.write(`${JSON.stringify(event)}\n`);
    },
    async flush() {
      await Promise.all([drain(machine), drain(human)]);
    },
  };
}

function drain(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded) resolve();
    else stream.write('', () => resolve());
  });
}

/** A copy of the document without any `timing` object, at whatever depth: what `--no-timing` prints. */
export function withoutTiming(document: unknown): unknown {
  if (Array.isArray(document)) return document.map(withoutTiming);
  if (document === null || typeof document !== 'object') return document;
  return Object.fromEntries(
    Object.entries(document)
      .filter(([key]) => key !== 'timing')
      .map(([key, value]) => [key, withoutTiming(value)]),
  );
}
