// How a command ends: exit codes, and the one message a person reads when something was wrong.

import { CommanderError } from 'commander';
import { ScenarioError } from '../scenario/error.ts';

/** 0 done, 1 the run failed, 2 wrong usage or a bad file, 130 interrupted. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Wrong flags, or a file that cannot be used: exit 2. The message says what was wrong, where, and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command was understood and its work failed (a port in use, nobody reachable): exit 1. */
export class RunError extends Error {
  override readonly name = 'RunError';
}

/** The person, or the system, asked the command to stop: exit 130. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/** The exit code an error stands for; help and version requests are no errors and give 0. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof UsageError || error instanceof ScenarioError) return EXIT.usage;
  if (error instanceof InterruptedError) return EXIT.interrupted;
  return EXIT.failed;
}

/**
 * The message for the person, one paragraph without a stack; undefined when everything was said already (help).
 * An error of no known kind is a defect of skein: its stack follows when `debug` is set.
 */
export function describeError(error: unknown, options: { debug: boolean }): string | undefined {
  if (error instanceof CommanderError) return describeCommanderError(error);
  if (!(error instanceof Error)) return `unexpected failure: ${String(error)}`;
  if (error instanceof UsageError || error instanceof ScenarioError || error instanceof RunError) {
    return error.message;
  }
  if (error instanceof InterruptedError) return error.message === '' ? 'interrupted' : error.message;
  if (options.debug) return `unexpected failure: ${error.stack ?? error.message}`;
  return `unexpected failure: ${error.message} (SKEIN_DEBUG=1 shows where)`;
}

/** commander writes "error: unknown option '--x'" and, on a line of its own, "(Did you mean --y?)". */
function describeCommanderError(error: CommanderError): string | undefined {
  if (error.exitCode === 0 || error.code === 'commander.help') return undefined;
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest.join(' ').trim();
  return `${first} ${suggestion === '' ? "('skein --help', or --help after a command, shows how)" : suggestion}`;
}
