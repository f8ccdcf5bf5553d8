// The table of docs/faults.md, out of the cells that the tests run.

import { type Fate, MEANINGS, MOMENTS, ROWS } from './cells.ts';

export function faultsTable(): string {
  const lines = [
    `| who is lost | doing | ${MOMENTS.join(' | ')} |`,
    `| --- | --- |${MOMENTS.map(() => ' --- |').join('')}`,
    ...ROWS.map(
      ({ who, doing, fates }) =>
        `| ${who} | ${doing} | ${MOMENTS.map((moment) => inWords(fates[moment])).join(' | ')} |`,
    ),
  ];
  return lines.join('\n');
}

export function fatesList(): string {
  return (Object.keys(MEANINGS) as Fate[])
    .map((fate) => `- **${inWords(fate)}.** ${MEANINGS[fate]}`)
    .join('\n');
}

function inWords(fate: Fate | undefined): string {
  return fate?.replaceAll('-', ' ') ?? '';
}
