// Writes the tested cells into docs/faults.md, between their markers: `node test/swarm/faults/write-docs.ts`.

import { readFileSync, writeFileSync } from 'node:fs';
import { DOCUMENTED } from './documented.ts';

const file = new URL('../../../docs/faults.md', import.meta.url);
let text = readFileSync(file, 'utf8');
for (const [name, table] of Object.entries(DOCUMENTED)) {
  const open = `<!-- ${name} -->`;
  const from = text.indexOf(open);
  const to = text.indexOf(`<!-- end of ${name} -->`);
  if (from < 0 || to < from) throw new Error(`docs/faults.md has no place for ${name} (${open} …)`);
  text = `${text.slice(0, from)}${open}\n${table()}\n${text.slice(to)}`;
}
writeFileSync(file, text);
