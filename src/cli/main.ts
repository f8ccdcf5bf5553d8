// The command line's entry: joins the commands to this process. bin/skein.js starts it.

import { existsSync, readFileSync } from 'node:fs';
import { abortOnInterrupt } from './interrupt.ts';
import { createOutput } from './output.ts';
import { register as registerAudit } from './audit.ts';
import { register as registerDemo } from './demo.ts';
import { register as registerEval } from './eval.ts';
import { register as registerFound } from './found.ts';
import { register as registerGenerate } from './generate.ts';
import { register as registerJoin } from './join.ts';
import { register as registerPlan } from './plan.ts';
import { type RegisterCommand, runProgram } from './program.ts';

const commands: readonly RegisterCommand[] = [
  registerAudit,
  registerDemo,
  registerEval,
  registerFound,
  registerGenerate,
  registerJoin,
  registerPlan,
];

// A reader that went away (`skein … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const output = createOutput(process.stdout, process.stderr);
let signal: AbortSignal | undefined;
const exitCode = await runProgram(commands, process.argv.slice(2), {
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
