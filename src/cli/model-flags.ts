// What the commands that use a trained model share: how their flags are read and how its text is shown.

import { InvalidArgumentError } from 'commander';
import { parseCount } from './program.ts';

/** For `--skip`: stage numbers separated by commas; repeated flags add to them. */
export function parseStages(text: string, previous: ReadonlySet<number> | undefined): ReadonlySet<number> {
  const stages = text.split(',').map((name) => name.trim());
  if (!stages.every((name) => /^\d{1,9}$/.test(name))) {
    throw new InvalidArgumentError('It must be stage numbers separated by commas, such as 2,3.');
  }
  return new Set([...(previous ?? []), ...stages.map(Number)]);
}

/** For flags that take a whole number of 1 or more. */
export function parsePositive(text: string): number {
  if (/^0+$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return parseCount(text);
}

/** Text as it can be shown: a model may write any byte, and control characters would command the terminal. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '\uFFFD');
}
