// The event queue of virtual time: a binary heap ordered by time, then by the order in which events were made.

import { popFrom, pushTo } from '../../schedule/heap.ts';
import type { Inhabitant } from './inhabitant.ts';

export interface SimulatedEvent {
  readonly time: number;
  readonly sequence: number;
  /** The peer whose code runs; events of a crashed peer are never delivered. */
  readonly owner: Inhabitant;
  /** Which life of the owner the event belongs to. */
  readonly life: number;
  run: (() => void) | undefined;
}

export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];

  get size(): number {
    return this.#heap.length;
  }

  push(event: SimulatedEvent): void {
    pushTo(this.#heap, event, before);
  }

  pop(): SimulatedEvent | undefined {
    return popFrom(this.#heap, before);
  }
}

function before(a: SimulatedEvent, b: SimulatedEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}
