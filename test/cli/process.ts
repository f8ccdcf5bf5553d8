// Runs the command line: in a process of its own where the process is what is looked at, else in this one, which starts
// no Node and loads nothing twice.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { onTestFinished } from 'vitest';
import { createOutput } from '../../src/cli/output.ts';
import { type RegisterCommand, runProgram } from '../../src/cli/program.ts';

export const repository = join(import.meta.dirname, '..', '..');
export const launcher = join(repository, 'bin', 'skein.js');

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], cwd = repository): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/** Runs `skein` with these arguments in a process of its own. */
export function skeinProcess(...args: string[]): Promise<Finished> {
  return run(process.execPath, [launcher, ...args]);
}

/** `skein` with these commands in this process: what it writes to which stream, and its exit code. */
export function skeinOf(...commands: RegisterCommand[]): (...args: string[]) => Promise<Finished> {
  return async (...args) => {
    const machine = new PassThrough();
    const human = new PassThrough();
    const stopping = new AbortController();
    const written = Promise.all([machine.toArray(), human.toArray()]);
    const exitCode = await runProgram(commands, args, {
      output: createOutput(machine, human),
      signal: stopping.signal,
      version: '9.9.9',
      debug: true,
    });
    machine.end();
    human.end();
    const [stdout, stderr] = await written;
    return { exitCode, stdout: stdout.join(''), stderr: stderr.join('') };
  };
}

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
