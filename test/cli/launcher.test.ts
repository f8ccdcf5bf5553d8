// The launcher: which Node runs skein, and that a restart under another one cannot be told from outside.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { launcher, run, skeinProcess, temporaryFolder } from './process.ts';

/** A Node that does not run TypeScript by itself stands for an old one. */
const OLD_NODE = '--no-experimental-strip-types';

/** A checkout with a command line that is this program, and the devDependency's Node if wanted. */
function checkout(main: string, options: { localNode: boolean }): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'src', 'cli'), { recursive: true });
  copyFileSync(launcher, join(folder, 'bin', 'skein.js'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'src', 'cli', 'main.ts'), main);
  if (options.localNode) {
    mkdirSync(join(folder, 'node_modules', 'node', 'bin'), { recursive: true });
    symlinkSync(process.execPath, join(folder, 'node_modules', 'node', 'bin', 'node'));
  }
  return join(folder, 'bin', 'skein.js');
}

/** Prints its process id, waits, and says which signal ended the wait. */
const WAITING = `
  const signals: string[] = ['SIGTERM', 'SIGINT'];
  for (const signal of signals) process.on(signal, () => { console.log(signal); process.exit(7); });
  console.log(process.pid);
  setInterval(() => {}, 1000);
`;

describe('the launcher', () => {
  it('restarts itself under the local Node, with the same arguments, output and exit code', async () => {
    const file = checkout('console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 5;', {
      localNode: true,
    });
    const { exitCode, stdout } = await run(process.execPath, [OLD_NODE, file, 'plan', '--json', 'a b']);
    expect(JSON.parse(stdout)).toEqual(['plan', '--json', 'a b']);
    expect(exitCode).toBe(5);
  });

  it('keeps what it compiled in a checkout', async () => {
    const file = checkout('const kept: string = "done"; console.log(kept); process.exit();', {
      localNode: true,
    });
    expect(await run(process.execPath, [file])).toEqual({ exitCode: 0, stdout: 'done\n', stderr: '' });
    const kept = join(dirname(file), '..', 'node_modules', '.cache', 'skein');
    const names = readdirSync(kept, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(names.length).toBeGreaterThan(0);
    expect(await run(process.execPath, [file])).toMatchObject({ exitCode: 0, stdout: 'done\n' });
  });

  it('says in one line what it needs when there is no other Node', async () => {
    const file = checkout('console.log("never");', { localNode: false });
    const { exitCode, stdout, stderr } = await run(process.execPath, [OLD_NODE, file]);
    expect(stderr).toMatch(/^skein: needs Node 22\.18 or newer .*npm ci.*\n$/);
    expect(stdout).toBe('');
    expect(exitCode).toBe(1);
  });

  it('passes signals on to the process it started', async () => {
    const file = checkout(WAITING, { localNode: true });
    const parent = spawn(process.execPath, [OLD_NODE, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
    expect(Number((await lines.next()).value)).not.toBe(parent.pid);
    parent.kill('SIGTERM');
    expect((await lines.next()).value).toBe('SIGTERM');
    expect((await once(parent, 'exit'))[0]).toBe(7);
  });

  it('leaves nobody behind when it is killed', async () => {
    const file = checkout(WAITING, { localNode: true });
    const parent = spawn(process.execPath, [OLD_NODE, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
    await lines.next();
    parent.kill('SIGKILL');
    // The pipe ends when the last process that holds it is gone.
    expect(await lines.next()).toMatchObject({ done: true });
  });
});

/** Run before a program: what is slow to load may not be. */
const LIGHT = `
  import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      if (/node_modules\\/(libp2p|onnxruntime-node)\\//.test(url)) throw new Error('loads ' + url);
      return next(url, context);
    },
  });
`;

describe('the command line', () => {
  it('prints its version', async () => {
    expect(await skeinProcess('--version')).toMatchObject({ exitCode: 0, stdout: '0.1.0\n' });
  });

  it('lists its commands on --help, and needs neither libp2p nor ONNX Runtime for it', async () => {
    const args = ['--import', `data:text/javascript,${encodeURIComponent(LIGHT)}`, launcher, '--help'];
    const { exitCode, stdout, stderr } = await run(process.execPath, args);
    expect(stdout).toMatch(/^Usage: skein[\s\S]*\n {2}plan /);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it.each([
    [['plna'], "skein: unknown command 'plna' (Did you mean plan?)\n"],
    [['plan', 'x.yaml', '--polcy', 'a'], "skein: unknown option '--polcy' (Did you mean --policy?)\n"],
    [['plan', 'no-such-file.yaml'], 'skein: no-such-file.yaml: there is no such file\n'],
  ])('answers %j with one message and exit code 2', async (args, message) => {
    expect(await skeinProcess(...args)).toEqual({ exitCode: 2, stdout: '', stderr: message });
  });
});
