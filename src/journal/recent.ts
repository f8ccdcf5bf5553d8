// What was worked out a moment ago and is wanted again: an entry that comes from a keeper and from the leader, a line
// that goes to the disk and to every other peer. In a simulation all peers of the process share it.

/**
 * A pure function that remembers its last results, in all no heavier than `mostWeight`, the oldest forgotten first.
 * What it throws is not remembered.
 */
export function remembering<Key, Value>(
  compute: (key: Key) => Value,
  weight: (key: Key, value: Value) => number,
  mostWeight: number,
): (key: Key) => Value {
  const known = new Map<Key, { readonly value: Value; readonly weight: number }>();
  let total = 0;
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found.value;
    const value = compute(key);
    const heavy = weight(key, value);
    known.set(key, { value, weight: heavy });
    total += heavy;
    for (const [oldest, { weight: less }] of known) {
      if (total <= mostWeight) break;
      known.delete(oldest);
      total -= less;
    }
    return value;
  };
}

/** Makes plain data unchangeable, all of it, and gives it back. */
export function frozen<Data>(data: Data): Data {
  if (typeof data !== 'object' || data === null || Object.isFrozen(data)) return data;
  for (const member of Object.values(data)) frozen(member);
  return Object.freeze(data);
}
