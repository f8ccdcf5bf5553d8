// Waiting for something to have changed, for one who then looks at everything anew. A change that comes while nobody
// waits is not lost: the next wait ends at once.

import type { Clock } from '../seams/clock.ts';

export class Changes {
  readonly #clock: Clock;
  #resume: (() => void) | undefined;
  #pending = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has changed. */
  happened(): void {
    this.#pending = true;
    this.#resume?.();
    this.#resume = undefined;
  }

  /** Resolves at the next change (at once when there was one since the last call), or after `seconds`. One waits at a time. */
  async next(seconds?: number): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        const cancel = seconds === undefined ? () => {} : this.#clock.schedule(seconds, resolve);
        this.#resume = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#pending = false;
  }
}
