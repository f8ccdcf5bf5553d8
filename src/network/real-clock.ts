// The Clock member that shows the machine's own time. It does not keep the process alive by itself less than any
// timer does: whoever schedules cancels.

import type { CancelTimer, Clock } from '../seams/clock.ts';

/** Longest delay a platform timer takes; a longer one would fire at once (2^31 - 1 ms, about 25 days). */
const LONGEST_TIMER_MILLISECONDS = 0x7fff_ffff;

/** The machine's monotonic clock and timers; the delay may be of any length. */
export function createRealClock(): Clock {
  return {
    now: () => performance.now() / 1000,
    schedule(delaySeconds: number, callback: () => void): CancelTimer {
      if (!(delaySeconds >= 0)) throw new RangeError(`a timer cannot wait ${delaySeconds} seconds`);
      const dueMilliseconds = performance.now() + delaySeconds * 1000;
      let timer: ReturnType<typeof setTimeout>;
      const wait = (): void => {
        const leftMilliseconds = Math.max(0, dueMilliseconds - performance.now());
        const isLast = leftMilliseconds <= LONGEST_TIMER_MILLISECONDS;
        timer = isLast
          ? setTimeout(callback, leftMilliseconds)
          : setTimeout(wait, LONGEST_TIMER_MILLISECONDS);
      };
      wait();
      return () => clearTimeout(timer);
    },
  };
}
