// Virtual time and everything that happens in it. One event runs, its microtasks drain, computations that it
// started and that somebody awaits are finished with the clock stopped, then the next event runs. Nothing here
// reads the real time, so the same seed and code give the same order of events on every machine.

import type { CancelTimer, Clock } from '../../seams/clock.ts';
import { EventQueue } from './events.ts';

export type PeerCondition = 'running' | 'frozen' | 'crashed';

export class SimulationStuckError extends Error {
  override readonly name = 'SimulationStuckError';
}

export class SimulatedWorld {
  readonly #queue = new EventQueue();
  readonly #conditions = new Map<string, PeerCondition>();
  readonly #held = new Map<string, (() => void)[]>();
  /** How often a peer of this name has crashed; what an earlier life left in the queue is never delivered. */
  readonly #lives = new Map<string, number>();
  readonly #crashListeners: ((peer: string) => void)[] = [];
  readonly #pending = new Set<Promise<unknown>>();
  #now = 0;
  #sequence = 0;
  #events = 0;

  now(): number {
    return this.#now;
  }

  /** Events delivered so far. */
  eventCount(): number {
    return this.#events;
  }

  condition(peer: string): PeerCondition {
    return this.#conditions.get(peer) ?? 'running';
  }

  /** Runs `run` at `delaySeconds` from now, unless the owner has crashed by then. */
  after(delaySeconds: number, owner: string, run: () => void, life = this.#lifeOf(owner)): CancelTimer {
    const event = {
      life,
      time: this.#now + Math.max(0, delaySeconds),
      sequence: this.#sequence++,
      owner,
      run: run as (() => void) | undefined,
    };
    this.#queue.push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** A peer's view of virtual time. */
  clockOf(peer: string): Clock {
    const life = this.#lifeOf(peer);
    return {
      now: () => this.#now,
      schedule: (delaySeconds, callback) => this.after(delaySeconds, peer, callback, life),
    };
  }

  #lifeOf(peer: string): number {
    return this.#lives.get(peer) ?? 0;
  }

  /** Holds the clock until a real computation has ended; used by engines with real tensors. */
  readonly holdFor = (computation: Promise<unknown>): void => {
    const settled = computation.catch(() => {}).finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  };

  /** The peer stops at once and for ever: its timers, messages and answers are never seen again. */
  crash(peer: string): void {
    if (this.condition(peer) === 'crashed') return;
    this.#conditions.set(peer, 'crashed');
    this.#lives.set(peer, this.#lifeOf(peer) + 1);
    this.#held.delete(peer);
    for (const listener of this.#crashListeners) listener(peer);
  }

  /** A peer of this name starts anew after a crash. */
  revive(peer: string): void {
    this.#conditions.set(peer, 'running');
  }

  /** The peer stands still, connections stay open; what reaches it waits for `thaw`. */
  freeze(peer: string): void {
    if (this.condition(peer) === 'running') this.#conditions.set(peer, 'frozen');
  }

  thaw(peer: string): void {
    if (this.condition(peer) !== 'frozen') return;
    this.#conditions.set(peer, 'running');
    const held = this.#held.get(peer) ?? [];
    this.#held.delete(peer);
    for (const run of held) this.after(0, peer, run);
  }

  onCrash(listener: (peer: string) => void): void {
    this.#crashListeners.push(listener);
  }

  /**
   * Runs events until `done` holds.
   * @throws SimulationStuckError when nothing is left to happen, or virtual time passes `limitSeconds`, before that
   */
  async run(done: () => boolean, limitSeconds: number): Promise<void> {
    for (;;) {
      await this.#settle();
      if (done()) return;
      const event = this.#queue.pop();
      if (event === undefined) throw new SimulationStuckError(`nothing left to happen at ${this.#now} s`);
      if (event.time > limitSeconds) {
        throw new SimulationStuckError(`not done after ${limitSeconds} simulated seconds`);
      }
      if (event.run === undefined || event.life !== this.#lifeOf(event.owner)) continue;
      this.#now = event.time;
      const condition = this.condition(event.owner);
      if (condition === 'running') {
        this.#events++;
        event.run();
      } else if (condition === 'frozen') {
        const held = this.#held.get(event.owner) ?? [];
        held.push(event.run);
        this.#held.set(event.owner, held);
      }
    }
  }

  async #settle(): Promise<void> {
    await macrotask();
    while (this.#pending.size > 0) {
      await Promise.all(this.#pending);
      await macrotask();
    }
  }
}

/** Lets every queued microtask run. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
