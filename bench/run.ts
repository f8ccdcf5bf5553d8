// `npm run bench -- NAME [--json] [--FLAG VALUE]…` runs one benchmark and prints its rows as a table, or with --json
// the document itself. A benchmark is a file of this folder that exports `run(options)`, and if it takes options
// also `flags`, their kinds: with `{ rounds: 'number' }`, `--rounds 3` arrives as `{ rounds: 3 }`.
// (`npm run` prints two lines of its own on standard output; `npm run --silent bench -- …` leaves them out.)

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatTable, type Row } from './table.ts';

type FlagKind = 'number' | 'numbers' | 'text';

interface Bench {
  readonly run: (options: Readonly<Record<string, unknown>>) => Promise<BenchDocument>;
  readonly flags?: Readonly<Record<string, FlagKind>>;
}

interface BenchDocument {
  readonly bench: string;
  readonly rows: readonly Row[];
  /** Sentences for the reader of the table. */
  readonly notes?: readonly string[];
}

/** The person asked for something that does not exist. */
class BenchUsageError extends Error {}

const USAGE = 'usage: npm run bench -- NAME [--json] [--FLAG VALUE]…';

try {
  await main(process.argv.slice(2));
  // A benchmark may have left a process or a socket open; what it measured is printed.
  process.exit();
} catch (error) {
  if (!(error instanceof BenchUsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}

async function main(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args.filter((arg) => arg !== '--json');
  const names = benchNames();
  const known = `benchmarks: ${names.join(', ')}`;
  if (name === undefined || name.startsWith('-')) throw new BenchUsageError(`${USAGE}\n${known}`);
  if (!names.includes(name)) throw new BenchUsageError(`there is no benchmark ${name}; ${known}`);
  const bench = (await import(new URL(`${name}.ts`, import.meta.url).href)) as Bench;
  const document = await bench.run(readFlags(name, bench.flags ?? {}, rest));
  await print(args.includes('--json') ? `${JSON.stringify(document)}\n` : formatDocument(document));
}

/** Files that export `run`, found without running them: some of this folder's are processes of their own. */
function benchNames(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts'))
    .filter((file) =>
      /^export (async )?function run\b/m.test(readFileSync(join(import.meta.dirname, file), 'utf8')),
    )
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

/** `--some-flag VALUE` or `--some-flag=VALUE`, as `{ someFlag: value }`. */
function readFlags(
  bench: string,
  kinds: Readonly<Record<string, FlagKind>>,
  args: readonly string[],
): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  const rest = args.flatMap((arg) => (/^--[^=]+=/.test(arg) ? splitOnce(arg) : [arg]));
  for (let i = 0; i < rest.length; i += 2) {
    const flag = rest[i]!;
    const option = flag.replace(/^--/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const kind = flag.startsWith('--') && Object.hasOwn(kinds, option) ? kinds[option] : undefined;
    if (kind === undefined) {
      const takes = Object.keys(kinds).map(flagOf).join(', ') || 'no flags';
      throw new BenchUsageError(`${bench} does not know ${flag}; it takes ${takes}\n${USAGE}`);
    }
    const text = rest[i + 1];
    if (text === undefined) throw new BenchUsageError(`${flag} needs a value`);
    options[option] = readValue(flag, kind, text);
  }
  return options;
}

function readValue(flag: string, kind: FlagKind, text: string): unknown {
  if (kind === 'text') return text;
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.some(Number.isNaN) || (kind === 'number' && numbers.length !== 1)) {
    const wanted = kind === 'number' ? 'a number' : 'numbers, with commas between';
    throw new BenchUsageError(`${flag} takes ${wanted}, not ${text}`);
  }
  return kind === 'number' ? numbers[0] : numbers;
}

function splitOnce(arg: string): [string, string] {
  const at = arg.indexOf('=');
  return [arg.slice(0, at), arg.slice(at + 1)];
}

function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function formatDocument({ bench, rows, notes = [] }: BenchDocument): string {
  return `${bench}\n\n${formatTable(rows)}${notes.map((note) => `\n${note}\n`).join('')}`;
}

/** Resolves when the text is out: a pipe's reader may be slow, and the process ends right after. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
