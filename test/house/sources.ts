// The repository's own files, as the tests of the house read them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '..', '..');

/** TypeScript and JavaScript below these folders, by path from the repository's root, with slashes. */
export function readSources(...folders: readonly string[]): Map<string, string> {
  const sources = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })) {
      const file = `${folder}/${name.replaceAll('\\', '/')}`;
      if (/\.[jt]s$/.test(file)) sources.set(file, readText(file));
    }
  }
  return sources;
}

export function readText(file: string): string {
  return readFileSync(join(repository, file), 'utf8');
}
