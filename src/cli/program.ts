// The frame of the command line: one commander program, one file a command, the flags every command has, and one
// place where errors become a message and an exit code.

import { Command, InvalidArgumentError } from 'commander';
import { type ExitCode, EXIT, describeError, exitCodeOf } from './errors.ts';
import type { Output } from './output.ts';

/** What a command is given beside its flags. */
export interface CliContext {
  readonly output: Output;
  /**
   * Aborts, with an `InterruptedError`, when the person or the system asks the command to stop. A command that asks
   * for it must end soon after; whether it then returns or throws, the exit code is 130.
   */
  readonly signal: AbortSignal;
  readonly version: string;
  /** Show stacks of unexpected errors. */
  readonly debug: boolean;
}

/** A command's file exports one of these as `register`: it adds the command and its action to the program. */
export type RegisterCommand = (program: Command, context: CliContext) => void;

export interface CommonFlags {
  readonly json?: boolean;
  readonly seed?: number;
  /** False when `--no-timing` was given; absent on commands without that flag. */
  readonly timing?: boolean;
}

/** Adds --json and --seed, and --no-timing where the command prints `timing` objects. */
export function addCommonFlags(command: Command, options: { timing: boolean }): Command {
  command
    .option('--json', 'print one JSON document on standard output')
    .option('--seed <n>', 'seed of everything random', parseCount);
  if (options.timing) command.option('--no-timing', 'leave the timing objects out of the JSON');
  return command;
}

/** For flags that take a whole number of 0 or more. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  }
  return value;
}

/** For flags that take a comma-separated list; repeated flags add to it. */
export function parseList(text: string, previous: readonly string[] | undefined): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('It must be a comma-separated list of names.');
  return [...(previous ?? []), ...names];
}

/** Builds the program; nothing runs yet. Errors and help requests throw, nothing exits the process. */
export function createProgram(commands: readonly RegisterCommand[], context: CliContext): Command {
  const program = new Command('skein')
    .description('Train a language model across computers that belong to different people.')
    .version(context.version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeErr: (text) => context.output.human.write(text),
      // `runProgram` says it once, in its own form.
      outputError: () => {},
    });
  for (const register of commands) register(program, context);
  return program;
}

/** Parses the arguments (without node and script), runs the command they name, reports errors; gives the exit code. */
export async function runProgram(
  commands: readonly RegisterCommand[],
  args: readonly string[],
  context: CliContext,
): Promise<ExitCode> {
  try {
    await createProgram(commands, context).parseAsync([...args], { from: 'user' });
    return context.signal.aborted ? EXIT.interrupted : EXIT.done;
  } catch (error) {
    // What fails because we are stopping is not a failure of its own.
    const cause: unknown =
      context.signal.aborted && exitCodeOf(error) !== EXIT.usage ? context.signal.reason : error;
    const message = describeError(cause, { debug: context.debug });
    if (message !== undefined) context.output.say(`skein: ${message}`);
    return exitCodeOf(cause);
  }
}
