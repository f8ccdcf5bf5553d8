// Sizes, rates and durations as people write them: `24 GB`, `100 Mbit/s`, `35 ms`. Decimal prefixes are powers of
// 1000, those with an i powers of 1024; a bare number is in bytes, bytes a second, or seconds.

const PREFIXES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};
const DURATIONS: Readonly<Record<string, number>> = { us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600 };

const NUMBER = '([0-9]+(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)';
const SIZE = new RegExp(`^${NUMBER} ?([kKMGT]i?|)(B|byte|bytes)$`);
const RATE = new RegExp(`^${NUMBER} ?([kKMGT]i?|)(?:(bit|b)(?:/s|ps)|(B|byte)(?:/s|ps))$`);
const DURATION = new RegExp(`^${NUMBER} ?(us|µs|ms|s|min|h)$`);

export type Quantity = 'bytes' | 'rate' | 'duration';

const QUANTITY_EXAMPLES: Readonly<Record<Quantity, string>> = {
  bytes: "a size such as '24 GB' or '512 MiB', or a number of bytes",
  rate: "a rate such as '100 Mbit/s' or '2 GiB/s', or a number of bytes a second",
  duration: "a duration such as '35 ms' or '10 min', or a number of seconds",
};

/** Bytes, bytes a second, or seconds; undefined when the value is not of that quantity or is negative or not finite. */
export function parseQuantity(value: unknown, quantity: Quantity): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  switch (quantity) {
    case 'bytes': {
      const match = SIZE.exec(text);
      return match === null ? undefined : Number(match[1]) * PREFIXES[match[2]!]!;
    }
    case 'rate': {
      const match = RATE.exec(text);
      if (match === null) return undefined;
      return (Number(match[1]) * PREFIXES[match[2]!]!) / (match[3] === undefined ? 1 : 8);
    }
    case 'duration': {
      const match = DURATION.exec(text);
      return match === null ? undefined : Number(match[1]) * DURATIONS[match[2]!]!;
    }
  }
}

/** What is wrong with a value that `parseQuantity` refused. */
export function describeBadQuantity(value: unknown, quantity: Quantity): string {
  const negative =
    typeof value === 'number' ? value < 0 : typeof value === 'string' && /^\s*-\s*[0-9.]/.test(value);
  return negative ? 'must be 0 or more' : `expected ${QUANTITY_EXAMPLES[quantity]}`;
}
