// A device in virtual time: one call after another, each for its modelled seconds.

import type { Clock } from '../../seams/clock.ts';

interface Job {
  readonly seconds: number;
  readonly finish: () => void;
}

export class VirtualDevice {
  readonly #clock: Clock;
  readonly #jobs: Job[] = [];
  #busy = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Settles as `outcome` says once the calls before it are done and `seconds` have passed. */
  run<Result>(seconds: number, outcome: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        try {
          resolve(outcome());
        } catch (error) {
          reject(error);
        }
      };
      this.#jobs.push({ seconds, finish });
      if (!this.#busy) this.#next();
    });
  }

  #next(): void {
    const job = this.#jobs.shift();
    this.#busy = job !== undefined;
    if (job === undefined) return;
    this.#clock.schedule(job.seconds, () => {
      job.finish();
      this.#next();
    });
  }
}
