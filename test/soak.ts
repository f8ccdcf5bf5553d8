// `npm run soak -- [--minutes M] [--only NAME] [--from ITERATION] [--iterations K]`: what is too long for `npm test`,
// over and over until the time is up, the first failure, or Ctrl-C. Every file of test/soak/ that exports `soak` is a
// member; members take turns, and everything random in a turn follows from its iteration's number, so that a failure
// is had again by --only and --from; a seed of the simulation by --seed alone.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { SoakMember } from './soak/member.ts';

const folder = join(import.meta.dirname, 'soak');

/** The person asked for something that does not exist. */
class SoakUsageError extends Error {}

try {
  process.exit((await soak(process.argv.slice(2))) ? 0 : 1);
} catch (error) {
  if (!(error instanceof SoakUsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}

/** Whether everything passed. */
async function soak(args: readonly string[]): Promise<boolean> {
  const flags = readFlags(args);
  const members = await loadMembers(flags.only);
  if (flags.seed !== undefined) return again(members, flags.seed);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let stopped = false;
  process.once('SIGINT', () => {
    process.stdout.write('ends after this turn; Ctrl-C again ends it at once\n');
    stopped = true;
  });

  let turns = 0;
  const end = flags.from + flags.iterations;
  for (let iteration = flags.from; iteration < end; iteration++) {
    for (const { name, run, ownProcess } of members) {
      if (stopped || seconds() >= 60 * flags.minutes) {
        process.stdout.write(`${turns} turns passed in ${(seconds() / 60).toFixed(1)} minutes\n`);
        return turns > 0;
      }
      const start = seconds();
      try {
        const note = await (ownProcess && members.length > 1 ? runApart(name, iteration) : run(iteration));
        turns++;
        const took = `${(seconds() - start).toFixed(1)} s`;
        process.stdout.write(
          `${name} ${iteration} passed in ${took}${note === undefined ? '' : `: ${note}`}\n`,
        );
      } catch (error) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        process.stdout.write(
          `${name} ${iteration} FAILED: ${reason}\n` +
            `again: npm run soak -- --only ${name} --from ${iteration} --iterations 1\n`,
        );
        return false;
      }
    }
  }
  process.stdout.write(`${turns} turns passed in ${(seconds() / 60).toFixed(1)} minutes\n`);
  return turns > 0;
}

/** One turn in a process of its own; resolves to what was seen. */
async function runApart(name: string, iteration: number): Promise<string> {
  const args = [import.meta.filename, '--only', name, '--from', `${iteration}`, '--iterations', '1'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const [first = '', ...more] = said.split('\n');
  if (code !== 0) throw new Error([first.replace(/^.*FAILED: /, ''), ...more].join('\n').trim());
  return first.replace(/^.* passed in [^:]*: /, '');
}

/** Whether one seed passed. */
async function again(members: readonly SoakMember[], seed: number): Promise<boolean> {
  const member = members.find((one) => one.again !== undefined);
  if (member?.again === undefined) throw new SoakUsageError('no soak member of those runs single seeds');
  try {
    process.stdout.write(`seed ${seed} of ${member.name} passed: ${await member.again(seed)}\n`);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stdout.write(`seed ${seed} of ${member.name} FAILED: ${reason}\n`);
    return false;
  }
}

interface Flags {
  readonly seed: number | undefined;
  readonly minutes: number;
  readonly from: number;
  readonly iterations: number;
  readonly only: string | undefined;
}

function readFlags(args: readonly string[]): Flags {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { minutes: text, from: text, iterations: text, only: text, seed: text },
    });
    return {
      minutes: readNumber('minutes', values.minutes, Number.POSITIVE_INFINITY),
      from: readNumber('from', values.from, 0),
      iterations: readNumber('iterations', values.iterations, Number.POSITIVE_INFINITY),
      only: values.only,
      seed: values.seed === undefined ? undefined : readNumber('seed', values.seed, 0),
    };
  } catch (error) {
    throw new SoakUsageError(error instanceof Error ? error.message : String(error));
  }
}

function readNumber(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0))
    throw new Error(`--${flag} takes a number of 0 or more, not ${text}`);
  return value;
}

async function loadMembers(only: string | undefined): Promise<SoakMember[]> {
  const members: SoakMember[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.ts')) continue;
    const module = (await import(join(folder, file))) as { readonly soak?: SoakMember };
    if (module.soak !== undefined) members.push(module.soak);
  }
  const chosen = members.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) {
    const names = members.map(({ name }) => name).join(', ');
    throw new SoakUsageError(`there is no soak member ${only}; there are ${names}`);
  }
  return chosen;
}
