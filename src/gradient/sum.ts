// The bytes of a group become one sum. Contributions are put in the group's order before anything is added, so the sum
// does not depend on who arrived first; what cannot be counted is left out whole, and its sender is named.

import { blockWork } from './block-kernels.ts';
import { LARGEST_BLOCK } from './block-work.ts';
import type { Codec, Compression, ContributionKey, Rejection, Slice } from './codec.ts';

export interface Contribution {
  readonly sender: string;
  /** The sender's place in the group's order. */
  readonly place: number;
  readonly bytes: Uint8Array;
}

export interface SumRequest {
  readonly codec: Codec;
  /** In any order; the same contribution may have arrived more than once. */
  readonly contributions: readonly Contribution[];
  readonly slice: Slice;
  readonly key: Omit<ContributionKey, 'place'>;
  /** Zeros, as many as the slice has values, that become the sum; a new array when left out. */
  readonly into?: Float32Array;
}

export interface LeftOut {
  readonly sender: string;
  readonly place: number;
  readonly cause: Rejection | { readonly reason: 'conflict'; readonly message: string };
}

export interface GroupSum {
  /** The slice's values. */
  readonly sum: Float32Array;
  /** Senders whose contributions are in the sum, in the group's order. */
  readonly counted: readonly string[];
  /** For each of them the sum of its decoded values' squares. */
  readonly squares: readonly number[];
  /** The others, in the group's order. */
  readonly leftOut: readonly LeftOut[];
}

/** The work on blocks takes multiples of this. */
const VECTOR = 4;

/** Adds up a group's contributions to one slice, in the group's order, float32 additions one after another. */
export function sumContributions(request: SumRequest): GroupSum {
  const { codec, contributions, slice, key } = request;
  const { into: sum = new Float32Array(slice.to - slice.from) } = request;
  const decoded = scratch(sum.length);
  const { accepted, leftOut } = acceptable(codec, contributions, slice);
  const squares = accepted.map(({ place, bytes }) => {
    decoded.fill(0);
    codec.addDecoded({ bytes, slice, key: { ...key, place }, sum: decoded });
    return addTo(sum, decoded);
  });
  return { sum, counted: accepted.map(({ sender }) => sender), squares, leftOut };
}

/** Each contribution that can be counted, once, and the others with the reason, both in the group's order. */
export function acceptable(codec: Compression, contributions: readonly Contribution[], slice: Slice) {
  const accepted: Contribution[] = [];
  const leftOut: LeftOut[] = [];
  for (const [place, arrived] of byPlace(contributions)) {
    const { sender, bytes } = arrived[0]!;
    const cause = conflict(arrived) ?? codec.reject(bytes, slice);
    if (cause === undefined) accepted.push(arrived[0]!);
    else leftOut.push({ sender, place, cause });
  }
  return { accepted, leftOut };
}

/** Adds values to a sum of float32 and returns the sum of their squares. */
function addTo(sum: Float32Array, values: Float32Array): number {
  const work = blockWork();
  let squares = 0;
  for (let from = 0; from < sum.length; from += LARGEST_BLOCK) {
    const to = Math.min(sum.length, from + LARGEST_BLOCK);
    const length = VECTOR * Math.ceil((to - from) / VECTOR);
    work.values.set(values.subarray(from, to));
    work.values.fill(0, to - from, length);
    work.target.set(sum.subarray(from, to));
    squares += work.squares(length);
    work.addTo(length, 1);
    sum.set(work.target.subarray(0, to - from), from);
  }
  return squares;
}

let lent = new Float32Array(0);

/** Room for the values of a slice: the same for one sum after another, as slices are mostly of one length. */
function scratch(length: number): Float32Array {
  if (lent.length < length) lent = new Float32Array(length);
  return lent.subarray(0, length);
}

function byPlace(contributions: readonly Contribution[]): [number, Contribution[]][] {
  const places = new Map<number, Contribution[]>();
  for (const contribution of contributions) {
    const arrived = places.get(contribution.place);
    if (arrived === undefined) places.set(contribution.place, [contribution]);
    else arrived.push(contribution);
  }
  return [...places].sort(([a], [b]) => a - b);
}

/** A place that two different contributions claim counts for neither: which came first differs between replicas. */
function conflict(arrived: readonly Contribution[]): LeftOut['cause'] | undefined {
  const [first, ...others] = arrived as [Contribution, ...Contribution[]];
  if (others.every((other) => other.sender === first.sender && sameBytes(other.bytes, first.bytes)))
    return undefined;
  return {
    reason: 'conflict',
    message: `${arrived.length} contributions of different bytes or senders for one place`,
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
