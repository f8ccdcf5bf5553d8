// The two queues of the event executor: events by time, and per peer and lane the tasks that are ready, by
// priority. Binary heaps over typed arrays that grow.

/** Events by time; what an event means is up to the caller (`code`). */
export class EventQueue {
  #times = new Float64Array(256);
  #codes = new Float64Array(256); // whole numbers beyond 2^31 are possible
  #size = 0;

  get empty(): boolean {
    return this.#size === 0;
  }

  /** Time of the next event; Infinity when there is none. */
  get nextTime(): number {
    return this.#size > 0 ? this.#times[0]! : Number.POSITIVE_INFINITY;
  }

  push(time: number, code: number): void {
    if (this.#size === this.#times.length) this.#grow();
    const times = this.#times;
    const codes = this.#codes;
    let hole = this.#size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (times[parent]! <= time) break;
      times[hole] = times[parent]!;
      codes[hole] = codes[parent]!;
      hole = parent;
    }
    times[hole] = time;
    codes[hole] = code;
  }

  /** Takes the next event's code; the queue must not be empty. */
  pop(): number {
    const times = this.#times;
    const codes = this.#codes;
    const taken = codes[0]!;
    const size = --this.#size;
    const time = times[size]!;
    const code = codes[size]!;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= time) break;
      times[hole] = times[child]!;
      codes[hole] = codes[child]!;
      hole = child;
    }
    times[hole] = time;
    codes[hole] = code;
    return taken;
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    this.#times = times;
    const codes = new Float64Array(times.length);
    codes.set(this.#codes);
    this.#codes = codes;
  }
}

/** Whether task `a` goes before task `b`. */
export type Before = (a: number, b: number) => boolean;

/** Ready tasks of one peer and lane, best first. */
export class ReadyLine {
  readonly #heap: number[] = [];
  readonly #before: Before;

  constructor(before: Before) {
    this.#before = before;
  }

  /** The best task, -1 when there is none. */
  get first(): number {
    return this.#heap.length > 0 ? this.#heap[0]! : -1;
  }

  push(task: number): void {
    const heap = this.#heap;
    let hole = heap.length;
    heap.push(task);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#before(task, heap[parent]!)) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = task;
  }

  /** Removes the best task. */
  shift(): void {
    const heap = this.#heap;
    const task = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, task)) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = task;
  }
}
