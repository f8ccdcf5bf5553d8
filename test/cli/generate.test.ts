// `skein generate`: as a process where it is interrupted, else by calling the command.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { register } from '../../src/cli/generate.ts';
import { writeModelFolder } from '../../src/cli/model-folder.ts';
import type { StagedModel } from '../../src/model/export.ts';
import { alphabet, randomModel, successorModel } from '../inference/models.ts';
import { launcher, repository, skeinOf, temporaryFolder } from './process.ts';

const skein = skeinOf(register);

function exported(model: StagedModel): string {
  const folder = join(temporaryFolder(), 'model');
  writeModelFolder(folder, model);
  return folder;
}

async function generated(folder: string, ...flags: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await skein('generate', folder, '--json', ...flags);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('skein generate', () => {
  test('goes on from a prompt, shows it to the person and gives it as JSON', async () => {
    const folder = exported(successorModel(alphabet));
    const { exitCode, stdout, stderr } = await skein(
      ...['generate', folder, '--prompt', 'cab', '--tokens', '8', '--seed', '4', '--no-timing', '--json'],
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: 'cabcdefghab\n' });
    expect(JSON.parse(stdout)).toEqual({
      prompt: 'cab',
      continuation: 'cdefghab',
      text: 'cabcdefghab',
      tokens: 8,
      seed: 4,
      temperature: 0.8,
      topK: 40,
      skipped: [],
    });
  });

  test('writes the same text for the same seed, and another for another seed or without a stage', async () => {
    const folder = exported(randomModel());
    const flags = ['--prompt', 'We', '--tokens', '60', '--no-timing'];
    const first = await generated(folder, ...flags, '--seed', '7');
    expect(await generated(folder, ...flags, '--seed', '7')).toEqual(first);
    const { continuation } = first;
    expect((await generated(folder, ...flags, '--seed', '8')).continuation).not.toBe(continuation);
    const partial = await generated(folder, ...flags, '--seed', '7', '--skip', '3,1');
    expect(partial.skipped).toEqual([1, 3]);
    expect(partial.continuation).not.toBe(continuation);
  });

  test('shows no control characters to a terminal, and keeps them in the JSON', async () => {
    // Escape and a letter: a command to most terminals.
    const folder = exported(
      successorModel([
        [0x1b, 0x63],
        [0x63, 0x1b],
      ]),
    );
    const result = await skein('generate', folder, '--prompt', 'c', '--tokens', '2', '--json');
    expect(result.stderr).toBe('c\uFFFDc\n');
    expect(JSON.parse(result.stdout)).toMatchObject({ text: 'c\u001bc' });
  });

  test.each([
    [['--skip', '3'], 'there is no stage 3 to skip; these can be skipped: 1, 2'],
    [['--skip', 'two'], 'stage numbers separated by commas'],
    [['--temperature', '-1'], 'a number, 0 or more'],
  ])('refuses %j', async (flags, message) => {
    const { exitCode, stdout, stderr } = await skein(
      'generate',
      exported(successorModel(alphabet)),
      ...flags,
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^skein: [^\n]+\n$/);
  });

  test('refuses a damaged folder in one line', async () => {
    const folder = exported(randomModel());
    truncateSync(join(folder, 'model.safetensors'), 20_000);
    const { exitCode, stdout, stderr } = await skein('generate', folder);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^skein: [^\n]*model\.safetensors: the tensor [^\n]*\n$/);
  });

  test('stops when it is interrupted', async () => {
    const args = [launcher, 'generate', exported(randomModel()), '--tokens', '1000000', '--json'];
    const child = spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const [stdout, stderr, [exitCode]] = await Promise.all([
      child.stdout.toArray(),
      child.stderr.toArray(),
      once(child, 'close'),
    ]);
    expect({ exitCode, stdout: stdout.join('') }).toEqual({ exitCode: 130, stdout: '' });
    expect(stderr.join('')).toMatch(/\nskein: interrupted\n$/);
  });
});
