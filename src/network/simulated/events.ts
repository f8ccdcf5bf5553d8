// The event queue of virtual time: a heap with four children to a node, ordered by time, then by the order in which
// events were made. What is compared stands in arrays of its own: a swarm of a thousand peers has more events waiting
// than a processor's cache holds, and a heap of objects looks each one up in memory to compare it.

import type { Inhabitant } from './inhabitant.ts';

export interface SimulatedEvent {
  readonly time: number;
  /** How many were made before it. */
  readonly sequence: number;
  /** The peer whose code runs; events of a crashed peer are never delivered. */
  readonly owner: Inhabitant;
  /** Which life of the owner the event belongs to. */
  readonly life: number;
  /** undefined once it was taken back. */
  run: (() => void) | undefined;
}

const CHILDREN = 4;
const SMALLEST = 1024;

export class EventQueue {
  #times = new Float64Array(SMALLEST);
  #sequences = new Float64Array(SMALLEST);
  readonly #events: SimulatedEvent[] = [];

  get size(): number {
    return this.#events.length;
  }

  push(event: SimulatedEvent): void {
    const events = this.#events;
    let hole = events.length;
    events.push(event);
    if (hole === this.#times.length) this.#grow();
    const [times, sequences] = [this.#times, this.#sequences];
    const { time, sequence } = event;
    while (hole > 0) {
      const parent = Math.floor((hole - 1) / CHILDREN);
      if (times[parent]! < time || (times[parent] === time && sequences[parent]! < sequence)) break;
      times[hole] = times[parent]!;
      sequences[hole] = sequences[parent]!;
      events[hole] = events[parent]!;
      hole = parent;
    }
    times[hole] = time;
    sequences[hole] = sequence;
    events[hole] = event;
  }

  pop(): SimulatedEvent | undefined {
    const events = this.#events;
    const top = events[0];
    const last = events.pop();
    const { length } = events;
    if (last === undefined || length === 0) return top;
    const [times, sequences] = [this.#times, this.#sequences];
    const [time, sequence] = [times[length]!, sequences[length]!];
    let hole = 0;
    for (let first = 1; first < length; first = CHILDREN * hole + 1) {
      const end = Math.min(first + CHILDREN, length);
      let child = first;
      for (let other = first + 1; other < end; other++) {
        const sooner = times[other]! < times[child]!;
        if (sooner || (times[other] === times[child] && sequences[other]! < sequences[child]!)) child = other;
      }
      if (times[child]! > time || (times[child] === time && sequences[child]! > sequence)) break;
      times[hole] = times[child]!;
      sequences[hole] = sequences[child]!;
      events[hole] = events[child]!;
      hole = child;
    }
    times[hole] = time;
    sequences[hole] = sequence;
    events[hole] = last;
    return top;
  }

  #grow(): void {
    const [times, sequences] = [this.#times, this.#sequences];
    this.#times = new Float64Array(2 * times.length);
    this.#times.set(times);
    this.#sequences = new Float64Array(2 * times.length);
    this.#sequences.set(sequences);
  }
}
