// Virtual time and everything that happens in it. One event runs, its microtasks drain, computations that it
// started and that somebody awaits are finished with the clock stopped, then the next event runs. Nothing here
// reads the real time, so the same seed and code give the same order of events on every machine.

import type { CancelTimer, Clock } from '../../seams/clock.ts';
import { EventQueue, type SimulatedEvent } from './events.ts';
import { Inhabitant, type PeerCondition, type Work } from './inhabitant.ts';

export type { PeerCondition } from './inhabitant.ts';

export class SimulationStuckError extends Error {
  override readonly name = 'SimulationStuckError';
}

/** Told after each event and everything that it led to at once; `owner` is '' for what nobody's code did. */
export type EventListener = (owner: string, atSeconds: number) => void;

/** Once in so many events the event loop turns, so that the process hears its signals and its own timers. */
const EVENTS_PER_TURN = 128;

export class SimulatedWorld {
  readonly #queue = new EventQueue();
  readonly #inhabitants = new Map<string, Inhabitant>();
  readonly #crashListeners: ((peer: string) => void)[] = [];
  readonly #eventListeners: EventListener[] = [];
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
    return this.#inhabitants.get(peer)?.condition ?? 'running';
  }

  /** Runs `run` at `delaySeconds` from now, unless the owner has crashed by then. */
  after(delaySeconds: number, owner: string, run: () => void): CancelTimer {
    return this.#plan(this.#now + Math.max(0, delaySeconds), this.#inhabitant(owner), run);
  }

  /** Runs `run` at a moment of the world's time that has not passed. */
  at(atSeconds: number, owner: string, run: () => void): CancelTimer {
    return this.#plan(Math.max(this.#now, atSeconds), this.#inhabitant(owner), run);
  }

  /** The same, of what is never taken back. */
  deliver(atSeconds: number, owner: string, run: () => void): void {
    const inhabitant = this.#inhabitant(owner);
    this.#push(Math.max(this.#now, atSeconds), inhabitant, run, inhabitant.life);
  }

  #plan(time: number, owner: Inhabitant, run: () => void, life = owner.life): CancelTimer {
    const event = this.#push(time, owner, run, life);
    return () => {
      event.run = undefined;
    };
  }

  #push(time: number, owner: Inhabitant, run: () => void, life: number): SimulatedEvent {
    const event: SimulatedEvent = { time, sequence: this.#sequence++, owner, life, run };
    this.#queue.push(event);
    return event;
  }

  /** A peer's view of virtual time, as far off and as fast as `setClock` says. */
  clockOf(peer: string): Clock {
    const owner = this.#inhabitant(peer);
    const { life } = owner;
    return {
      now: () => owner.clockOffset + owner.clockRate * this.#now,
      schedule: (delaySeconds, callback) =>
        this.#plan(this.#now + Math.max(0, delaySeconds) / owner.clockRate, owner, callback, life),
    };
  }

  /** Sets a peer's clock: it shows `offsetSeconds` at the world's beginning and goes `rate` times as fast. */
  setClock(peer: string, offsetSeconds: number, rate: number): void {
    const owner = this.#inhabitant(peer);
    owner.clockOffset = offsetSeconds;
    owner.clockRate = rate;
  }

  /**
   * The clock of a peer's processor, for engines: what is scheduled on it stands still while the peer is frozen and
   * takes longer while it is slow.
   */
  processorOf(peer: string): Clock {
    const owner = this.#inhabitant(peer);
    const { life } = owner;
    return {
      now: () => this.#now,
      schedule: (seconds, finish) => {
        if (owner.life !== life) return () => {};
        const work: Work = { left: Math.max(0, seconds), since: this.#now, finish, unplan: () => {} };
        owner.works.add(work);
        if (owner.condition === 'running') this.#planWork(owner, work);
        return () => {
          work.unplan();
          owner.works.delete(work);
        };
      },
    };
  }

  #planWork(owner: Inhabitant, work: Work): void {
    work.since = this.#now;
    work.unplan = this.#plan(this.#now + work.left * owner.slowness, owner, () => {
      owner.works.delete(work);
      work.finish();
    });
  }

  /** Takes a computation's end out of the queue, and remembers how much of it is left. */
  #pauseWork(owner: Inhabitant, work: Work): void {
    work.unplan();
    work.left = Math.max(0, work.left - (this.#now - work.since) / owner.slowness);
  }

  /** From now on a peer's computations take `factor` times as long, those under way as well. */
  slow(peer: string, factor: number): void {
    const owner = this.#inhabitant(peer);
    const going = owner.condition === 'running';
    if (going) for (const work of owner.works) this.#pauseWork(owner, work);
    owner.slowness = factor;
    if (going) for (const work of owner.works) this.#planWork(owner, work);
  }

  #inhabitant(peer: string): Inhabitant {
    let found = this.#inhabitants.get(peer);
    if (found === undefined) {
      found = new Inhabitant(peer);
      this.#inhabitants.set(peer, found);
    }
    return found;
  }

  /** Holds the clock until a real computation has ended; used by engines with real tensors. */
  readonly holdFor = (computation: Promise<unknown>): void => {
    const settled = computation.catch(() => {}).finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  };

  /** The peer stops at once and for ever: its timers, messages and answers are never seen again. */
  crash(peer: string): void {
    const owner = this.#inhabitant(peer);
    if (owner.condition === 'crashed') return;
    owner.condition = 'crashed';
    owner.life++;
    owner.held.length = 0;
    owner.works.clear();
    for (const listener of this.#crashListeners) listener(peer);
  }

  /** A peer of this name starts anew after a crash. */
  revive(peer: string): void {
    const owner = this.#inhabitant(peer);
    owner.condition = 'running';
    owner.slowness = 1;
  }

  /** The peer stands still, connections stay open; what reaches it waits for `thaw`, what it computes as well. */
  freeze(peer: string): void {
    const owner = this.#inhabitant(peer);
    if (owner.condition !== 'running') return;
    for (const work of owner.works) this.#pauseWork(owner, work);
    owner.condition = 'frozen';
  }

  thaw(peer: string): void {
    const owner = this.#inhabitant(peer);
    if (owner.condition !== 'frozen') return;
    owner.condition = 'running';
    for (const run of owner.held.splice(0)) this.#plan(this.#now, owner, run);
    for (const work of owner.works) this.#planWork(owner, work);
  }

  onCrash(listener: (peer: string) => void): void {
    this.#crashListeners.push(listener);
  }

  /** Calls `listener` after every event, when the microtasks and computations that it started are done. */
  onEvent(listener: EventListener): void {
    this.#eventListeners.push(listener);
  }

  /**
   * Runs events until `done` holds.
   * @throws SimulationStuckError when nothing is left to happen, or virtual time passes `limitSeconds`, before that
   */
  async run(done: () => boolean, limitSeconds: number): Promise<void> {
    await this.#settle();
    for (;;) {
      const event = await this.#stretch(done, limitSeconds);
      if (event === undefined) break;
      if (this.#events % EVENTS_PER_TURN === 0) await turn();
      if (this.#pending.size > 0) await this.#settle();
      this.#tell(event);
    }
    await turn(); // what was rejected and nobody handled is heard of now
  }

  /**
   * Runs events one after another, until one after which the event loop has to turn, or computations to end: that
   * one, of which no listener was told yet; undefined when `done` holds. Calls instead of a promise for every event.
   */
  #stretch(done: () => boolean, limitSeconds: number): Promise<SimulatedEvent | undefined> {
    return new Promise((resolve, reject) => {
      let last: SimulatedEvent | undefined;
      const step = (): void => {
        try {
          const isOver = this.#pending.size === 0;
          if (last !== undefined && isOver) this.#tell(last);
          if (last === undefined || isOver) {
            last = done() ? undefined : this.#take(limitSeconds);
            last?.run?.();
            if (last !== undefined && this.#events % EVENTS_PER_TURN !== 0) {
              drain();
              return;
            }
          }
          resolve(last);
        } catch (error) {
          reject(error);
        }
      };
      const drain = drained(step);
      step();
    });
  }

  #tell(event: SimulatedEvent): void {
    for (const listener of this.#eventListeners) listener(event.owner.name, event.time);
  }

  /** The next event, at its time. */
  #take(limitSeconds: number): SimulatedEvent {
    const event = this.#next();
    if (event === undefined) throw new SimulationStuckError(`nothing left to happen at ${this.#now} s`);
    if (event.time > limitSeconds) {
      this.#queue.push(event);
      throw new SimulationStuckError(`not done after ${limitSeconds} simulated seconds`);
    }
    this.#now = event.time;
    this.#events++;
    return event;
  }

  /** The next event that somebody is there for; what comes to a frozen peer is put aside. */
  #next(): SimulatedEvent | undefined {
    for (;;) {
      const event = this.#queue.pop();
      if (event?.run === undefined) {
        if (event === undefined) return undefined;
        continue;
      }
      const { owner } = event;
      if (event.life !== owner.life) continue;
      if (owner.condition === 'running') return event;
      this.#now = Math.max(this.#now, event.time);
      if (owner.condition === 'frozen') owner.held.push(() => event.run?.());
    }
  }

  async #settle(): Promise<void> {
    await turn();
    while (this.#pending.size > 0) {
      await Promise.all(this.#pending);
      await turn();
    }
  }
}

/** A turn of the event loop; every queued microtask runs before it ends. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

const soon = Promise.resolve();

/**
 * What calls `next`, as a microtask, once every microtask that is queued by then, and what they queue, has run. Node
 * looks at its tick queue after all of them, without a turn of the event loop; what a tick calls comes before others.
 */
const drained: (next: () => void) => () => void =
  typeof process === 'object' && typeof process.nextTick === 'function'
    ? (next) => {
        const tick = () => void soon.then(next);
        return () => process.nextTick(tick);
      }
    : (next) => () => void turn().then(next);
