// A virtual clock that drives itself: whenever nothing else can run, it moves on to the next timer. Real computations
// that were announced to `hold` stop it until they have ended.

import type { Clock } from '../../src/seams/clock.ts';

export class VirtualClock implements Clock {
  readonly #timers: { readonly at: number; readonly order: number; readonly callback: () => void }[] = [];
  readonly #held = new Set<Promise<unknown>>();
  #now = 0;
  #order = 0;
  #driving = false;

  now(): number {
    return this.#now;
  }

  schedule(delaySeconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + delaySeconds, order: this.#order++, callback };
    this.#timers.push(timer);
    this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
    void this.#drive();
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  readonly hold = (computation: Promise<unknown>): void => {
    this.#held.add(computation);
    void computation.finally(() => this.#held.delete(computation));
  };

  async #drive(): Promise<void> {
    if (this.#driving) return;
    this.#driving = true;
    await quiet();
    while (this.#timers.length > 0) {
      while (this.#held.size > 0) {
        await Promise.all(this.#held);
        await quiet();
      }
      const timer = this.#timers.shift();
      if (timer === undefined) break;
      this.#now = timer.at;
      timer.callback();
      await quiet();
    }
    this.#driving = false;
  }
}

/** Resolves when all microtasks have run. */
const quiet = () => new Promise<void>((resolve) => setImmediate(resolve));
