// The frame: how a command's end becomes a message and an exit code, and what goes to which stream.

import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { InterruptedError, RunError, UsageError } from '../../src/cli/errors.ts';
import { createOutput, withoutTiming } from '../../src/cli/output.ts';
import { addCommonFlags, type CliContext, parseCount, parseList, runProgram } from '../../src/cli/program.ts';

type Action = (context: CliContext, flags: Record<string, unknown>) => void | Promise<void>;

/** Runs a program with one command, `work`, that does this. */
async function runWork(
  action: Action,
  args: readonly string[] = [],
  signal = new AbortController().signal,
  debug = false,
) {
  const machine = new PassThrough();
  const human = new PassThrough();
  const output = createOutput(machine, human);
  const exitCode = await runProgram(
    [
      (program, context) => {
        const command = program.command('work').option('--names <list>', 'names', parseList);
        addCommonFlags(command, { timing: true }).action((flags: Record<string, unknown>) =>
          action(context, flags),
        );
      },
    ],
    ['work', ...args],
    { output, signal, version: '9.9.9', debug },
  );
  machine.end();
  human.end();
  const text = async (stream: PassThrough) => (await stream.toArray()).join('');
  return { exitCode, stdout: await text(machine), stderr: await text(human) };
}

describe('a command', () => {
  it('that returns ends with 0', async () => {
    const result = await runWork(({ output }) => {
      output.say('working');
      output.json({ done: true });
    });
    expect(result).toEqual({ exitCode: 0, stdout: '{\n  "done": true\n}\n', stderr: 'working\n' });
  });

  it.each([
    [new UsageError('a.txt: is a folder'), 2, 'skein: a.txt: is a folder\n'],
    [new RunError('port 80 is in use'), 1, 'skein: port 80 is in use\n'],
    [new InterruptedError('interrupted'), 130, 'skein: interrupted\n'],
  ])('that throws %o ends with %d and says so once', async (error, exitCode, stderr) => {
    const thrown = () => {
      throw error;
    };
    expect(await runWork(thrown)).toEqual({ exitCode, stdout: '', stderr });
    expect(await runWork(async () => thrown())).toEqual({ exitCode, stdout: '', stderr });
  });

  it('that fails by a defect shows its stack only on request', async () => {
    const broken = () => {
      throw new TypeError('x is undefined');
    };
    const quiet = await runWork(broken);
    expect(quiet).toMatchObject({
      exitCode: 1,
      stderr: 'skein: unexpected failure: x is undefined (SKEIN_DEBUG=1 shows where)\n',
    });
    expect((await runWork(broken, [], undefined, true)).stderr).toContain('program.test.ts');
  });

  it('that was interrupted ends with 130, whether it returns or fails of it', async () => {
    const stopped = AbortSignal.abort(new InterruptedError('interrupted'));
    expect(await runWork(() => {}, [], stopped)).toMatchObject({ exitCode: 130, stderr: '' });
    const closed = () => {
      throw new RunError('the stream was reset');
    };
    expect(await runWork(closed, [], stopped)).toMatchObject({
      exitCode: 130,
      stderr: 'skein: interrupted\n',
    });
  });

  it('gets its flags as values', async () => {
    let seen: Record<string, unknown> = {};
    const args = ['--json', '--seed', '12', '--no-timing', '--names', 'a,b', '--names', 'c'];
    await runWork((_, flags) => {
      seen = flags;
    }, args);
    expect(seen).toEqual({ json: true, seed: 12, timing: false, names: ['a', 'b', 'c'] });
  });

  it.each([['--seed', '-1'], ['--seed', '1e3'], ['--names', 'a,,b'], ['--sede', '1'], ['extra']])(
    'does not start with %s %s',
    async (...args) => {
      let started = false;
      const { exitCode, stderr } = await runWork(
        () => {
          started = true;
        },
        args.filter((arg) => arg !== undefined),
      );
      expect({ exitCode, started }).toEqual({ exitCode: 2, started: false });
      expect(stderr).toMatch(/^skein: [^\n]+\n$/);
    },
  );
});

it('a count is a whole number of 0 or more', () => {
  expect(parseCount('0')).toBe(0);
  for (const text of ['', ' 1', '1.0', '-1', '0x10', '99999999999999999999'])
    expect(() => parseCount(text)).toThrow();
});

it('--no-timing leaves out timing objects at every depth and nothing else', () => {
  const document = { a: [{ timing: { ms: 1 }, b: null }], timing: 3, timings: [0] };
  expect(withoutTiming(document)).toEqual({ a: [{ b: null }], timings: [0] });
});
