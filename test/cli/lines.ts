// What a command says when something was wrong.

import { expect } from 'vitest';

/** What a person reads when something was wrong: the last line says it, and no stack follows. */
export function expectOneLine(stderr: string, reason: RegExp): void {
  const lines = stderr.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('skein: '))).toHaveLength(1);
  expect(lines.at(-1)).toMatch(/^skein: /);
  expect(lines.at(-1)).toMatch(reason);
  expect(stderr).not.toMatch(/^\s+at |unexpected failure/m);
}
