// Loaded before a program with `node --import`: changes one line of one source file as it is read, as the environment
// variable SKEIN_MUTANT names it in mutants.ts. Throws where that line does not stand exactly once.

import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Mutant, mutants } from './mutants.ts';

const name = process.env.SKEIN_MUTANT ?? '';
const mutant = (mutants as Readonly<Record<string, Mutant>>)[name];
if (mutant === undefined) throw new Error(`there is no mutant "${name}"; there are ${Object.keys(mutants)}`);
const url = pathToFileURL(join(import.meta.dirname, '../..', mutant.file)).href;

registerHooks({
  load(from, context, nextLoad) {
    const loaded = nextLoad(from, context);
    if (from !== url) return loaded;
    const source = String(loaded.source ?? '');
    const pieces = source.split(mutant.line);
    if (pieces.length !== 2) {
      throw new Error(`mutant "${name}": its line stands ${pieces.length - 1} times in ${mutant.file}`);
    }
    return { ...loaded, source: pieces.join(mutant.instead) };
  },
});
