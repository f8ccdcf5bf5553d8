// Writes the computed tables into docs/schedules.md, between their markers: `node test/schedule/write-docs.ts`.
// A test fails while they differ from what is computed.

import { readFileSync, writeFileSync } from 'node:fs';
import { closedFormRows, closedFormTable, policyTable } from '../../src/schedule/closed-forms.ts';
import { policies } from '../../src/schedule/policies/index.ts';

const file = new URL('../../docs/schedules.md', import.meta.url);
const all = Object.values(policies);
let text = readFileSync(file, 'utf8');
for (const [name, table] of [
  ['policies', policyTable(all)],
  ['closed forms', closedFormTable(closedFormRows(all))],
] as const) {
  const open = `<!-- ${name} -->`;
  const close = `<!-- end of ${name} -->`;
  const from = text.indexOf(open);
  const to = text.indexOf(close);
  if (from < 0 || to < from)
    throw new Error(`docs/schedules.md has no place for "${name}" (${open} … ${close})`);
  text = `${text.slice(0, from)}${open}\n${table}\n${text.slice(to)}`;
}
writeFileSync(file, text);
