// A binary heap in a plain array: the first is the one that goes before all others.

export type Before<T> = (a: T, b: T) => boolean;

export function heapOf<T>(items: readonly T[], before: Before<T>): T[] {
  const heap: T[] = [];
  for (const item of items) pushTo(heap, item, before);
  return heap;
}

export function pushTo<T>(heap: T[], item: T, before: Before<T>): void {
  let hole = heap.length;
  heap.push(item);
  while (hole > 0) {
    const parent = (hole - 1) >> 1;
    if (!before(item, heap[parent]!)) break;
    heap[hole] = heap[parent]!;
    hole = parent;
  }
  heap[hole] = item;
}

/** Takes the first out; undefined where the heap is empty. */
export function popFrom<T>(heap: T[], before: Before<T>): T | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  let hole = 0;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[hole] = heap[child]!;
    hole = child;
  }
  heap[hole] = last;
  return top;
}
