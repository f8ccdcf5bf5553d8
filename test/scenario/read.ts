// Reads scenarios given as text, and those of the repository.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScenarioError } from '../../src/scenario/error.ts';
import { parseScenario } from '../../src/scenario/schema.ts';
import type { KnownNames, Scenario } from '../../src/scenario/settings.ts';

export const names: KnownNames = {
  policies: ['gpipe', '1f1b', 'dtfm'],
  codecs: ['dense-f32', 'eden', 'one-byte'],
  activations: ['f32', 'f16', 'int8'],
  recovery: ['checkfree', 'copy', 'random'],
};

/** Parses a text; `files` are those that it may refer to. */
export function read(text: string, files: Readonly<Record<string, string>> = {}): Scenario {
  return parseScenario(text, {
    file: 'test.yaml',
    names,
    readFile(path) {
      const contents = files[path];
      if (contents === undefined) throw new Error('no such file');
      return contents;
    },
  });
}

/** The error that a text gives. */
export function errorOf(text: string, files: Readonly<Record<string, string>> = {}): ScenarioError {
  try {
    read(text, files);
  } catch (error) {
    if (error instanceof ScenarioError) return error;
    throw error;
  }
  throw new Error('the scenario was accepted');
}

export const scenariosFolder = join(import.meta.dirname, '..', '..', 'scenarios');

export function readRepositoryScenario(name: string): Scenario {
  return parseScenario(readFileSync(join(scenariosFolder, name), 'utf8'), {
    file: name,
    names,
    readFile: (path) => readFileSync(join(scenariosFolder, path), 'utf8'),
  });
}
