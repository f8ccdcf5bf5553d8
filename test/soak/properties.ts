// Every test file with a property, with other examples than `npm test` draws: the turn's number is the seed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROPERTY_SEED } from '../property.ts';
import type { SoakMember } from './member.ts';

const tests = join(import.meta.dirname, '..');

export const soak: SoakMember = {
  name: 'properties',
  async run(turn) {
    const child = spawn(process.execPath, [join(tests, 'run.ts'), ...filesWithProperties()], {
      env: { ...process.env, [PROPERTY_SEED]: `${turn + 2}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`with ${PROPERTY_SEED}=${turn + 2}:\n${said}`);
    return `seed ${turn + 2}: ${said.trim().split('\n').at(-1)}`;
  },
};

/** Those that draw examples themselves or by what stands beside them in their folder. */
function filesWithProperties(): string[] {
  const sources = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const folders = new Map<string, boolean>();
  const draws = (file: string) => readFileSync(join(tests, file), 'utf8').includes("property.ts'");
  for (const file of sources.filter(draws)) {
    const folder = join(file, '..');
    const helper = !file.endsWith('.test.ts');
    folders.set(folder, helper || folders.get(folder) === true);
  }
  return sources
    .filter((file) => file.endsWith('.test.ts') && (draws(file) || folders.get(join(file, '..')) === true))
    .map((file) => join('test', file));
}
