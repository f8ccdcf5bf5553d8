// Turns the system's stop signals into one AbortSignal, so that a command can end its work in order.

import { EXIT, InterruptedError } from './errors.ts';

/** A terminal's Ctrl-C may arrive more than once (from the terminal, from npm, from the launcher): within this time it is one. */
const SAME_INTERRUPT_MILLISECONDS = 1000;

/** Aborts at the first SIGINT, SIGTERM or SIGHUP; a later one ends the process at once with 130. */
export function abortOnInterrupt(process: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const interrupt = () => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      controller.abort(new InterruptedError('interrupted'));
    } else if (now - firstAt > SAME_INTERRUPT_MILLISECONDS) {
      process.exit(EXIT.interrupted);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  return controller.signal;
}
