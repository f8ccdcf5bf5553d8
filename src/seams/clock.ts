// Time as the peer sees it. Live it is the machine's; in a simulation it is virtual, and nothing above this
// seam can tell which.

/** Stops a timer that has not fired yet; calling it later does nothing. */
export type CancelTimer = () => void;

export interface Clock {
  /** Seconds since an arbitrary origin, never decreasing. */
  now(): number;
  /** Runs `callback` once, `delaySeconds` from now (0 or more). */
  schedule(delaySeconds: number, callback: () => void): CancelTimer;
}

/** Resolves after `seconds`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(seconds, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
