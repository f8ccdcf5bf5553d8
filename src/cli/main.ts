// The command line's entry: joins the commands to this process. bin/skein.js starts it.

import { existsSync, readFileSync } from 'node:fs';
import { abortOnInterrupt } from './interrupt.ts';
import { createOutput } from './output.ts';
import { type RegisterCommand, runProgram } from './program.ts';

/** Each is loaded when it is asked for, all of them where none is named: loading is most of what a short command takes. */
const commands: Readonly<Record<string, () => Promise<{ readonly register: RegisterCommand }>>> = {
  audit: () => import('./audit.ts'),
  demo: () => import('./demo.ts'),
  eval: () => import('./eval.ts'),
  found: () => import('./found.ts'),
  generate: () => import('./generate.ts'),
  join: () => import('./join.ts'),
  plan: () => import('./plan.ts'),
};
const args = process.argv.slice(2);
const name = args[0] ?? '';
const asked = Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
const loaded = await Promise.all(asked.map((command) => commands[command]!()));

// A reader that went away (`skein … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const output = createOutput(process.stdout, process.stderr);
let signal: AbortSignal | undefined;
const registered = loaded.map(({ register }) => register);
const exitCode = await runProgram(registered, args, {
  output,
  // Made when a command first asks for it: one that never does, and computes in one go, is to end at Ctrl-C at once.
  get signal() {
    signal ??= abortOnInterrupt(process);
    return signal;
  },
  version: packageVersion(),
  debug: Boolean(process.env.SKEIN_DEBUG),
});
await output.flush();
process.exit(exitCode);

/** The version in the package.json above this file, which is two folders up in a checkout and three in dist. */
function packageVersion(): string {
  for (const candidate of ['../../package.json', '../../../package.json']) {
    const url = new URL(candidate, import.meta.url);
    if (!existsSync(url)) continue;
    const contents: unknown = JSON.parse(readFileSync(url, 'utf8'));
    if (typeof contents === 'object' && contents !== null && 'version' in contents)
      return String(contents.version);
  }
  return 'unknown';
}
