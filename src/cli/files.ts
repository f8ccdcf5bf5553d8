// Files that commands read and write, with errors that say which file and what to do.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parseManifest, parseScenario } from '../scenario/schema.ts';
import type { Manifest, Scenario } from '../scenario/settings.ts';
import { RunError, UsageError } from './errors.ts';
import { knownNames } from './names.ts';

/** Reads a scenario file and what it refers to. Throws `UsageError` or `ScenarioError`. */
export function loadScenario(file: string): Scenario {
  const folder = dirname(file);
  return parseScenario(readTextFile(file), {
    file,
    names: knownNames,
    readFile: (path) => readFileSync(isAbsolute(path) ? path : join(folder, path), 'utf8'),
  });
}

/** Reads the manifest part of a scenario file. Throws `UsageError` or `ScenarioError`. */
export function loadManifest(file: string): Manifest {
  return parseManifest(readTextFile(file), { file, names: knownNames });
}

/** A text file that the person named. Throws `UsageError` when it cannot be read. */
export function readTextFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Creates the folder if needed and writes into it; gives the file's path. Throws `RunError` when it cannot. */
export function writeInto(folder: string, name: string, contents: string | Uint8Array): string {
  const file = join(folder, name);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, contents);
  } catch (error) {
    throw new RunError(`cannot write ${file}: ${reasonOf(error)}`, { cause: error });
  }
  return file;
}

/** Why a file could not be used, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EISDIR':
      return 'is a folder, and a file is needed';
    case 'EACCES':
    case 'EPERM':
      return 'permission is denied';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'a file stands where a folder is needed';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
