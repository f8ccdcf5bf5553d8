// The repository is for everybody: no file of it knows the machine that it was written on.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repository } from './sources.ts';

/** In two parts each, so that this file does not find itself. */
const STRANGERS = [
  ['/wo', 'rk/'],
  ['/ro', 'ot/'],
  ['.lib', 'rary'],
  ['../sha', 'red'],
  ['registry.npm', 'js.org'],
].map((parts) => parts.join(''));

function strangersIn(name: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      STRANGERS.filter((stranger) => line.includes(stranger)).map(
        (stranger) => `${name}:${index + 1} has ${stranger}`,
      ),
    );
}

it('no tracked file names a path of the machine it was written on', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: repository, encoding: 'utf8' })
    .split('\0')
    .filter((file) => file !== '');
  expect(files).toContain('package.json');
  const found = files.flatMap((file) => {
    const bytes = readIfThere(join(repository, file));
    return bytes === undefined ? [] : strangersIn(file, bytes.toString('latin1'));
  });
  expect(found).toEqual([]);
});

it.each(STRANGERS)('a file with %s in it is found', (stranger) => {
  expect(strangersIn('notes.md', `# Notes\nsee ${stranger}x`)).toEqual([`notes.md:2 has ${stranger}`]);
});

/** Undefined when it was just deleted, or is a submodule. */
function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR') return undefined;
    throw error;
  }
}
