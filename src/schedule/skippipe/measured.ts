// What peers measured, as a plan can use it: exponential averages of each peer's compute and of each used link, kept
// as whole microseconds, so that everyone who commits the same measurements holds the same numbers and plans from
// them give the same bytes.

import type { SwarmDescription } from '../description.ts';
import { DescriptionError } from '../errors.ts';
import { microsecondsPerSecond } from './microseconds.ts';

/** Plain data that a journal can hold; peers by name. All times are whole microseconds. */
export interface Measurements {
  /** A full stage's work for one micro-batch; 0 where nothing was measured. */
  readonly compute: Readonly<Record<string, ComputeTimes>>;
  /** By sender, then receiver: one activation or its gradient. */
  readonly transfer: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface ComputeTimes {
  readonly forward: number;
  readonly backwardInput: number;
  readonly backwardWeight: number;
  readonly head: number;
}

/** One thing measured, in seconds. */
export type Measurement =
  | {
      readonly kind: 'compute';
      readonly peer: string;
      readonly part: keyof ComputeTimes;
      readonly seconds: number;
    }
  | { readonly kind: 'transfer'; readonly from: string; readonly to: string; readonly seconds: number };

/** What one peer measured in one iteration, in whole microseconds; 0 where it measured nothing. */
export interface PeerTimes {
  readonly peer: string;
  readonly forward: number;
  /** Both halves. */
  readonly backward: number;
  readonly head: number;
  readonly links: readonly { readonly to: string; readonly microseconds: number }[];
}

/** Those of `times` that are about peers which `counts` says belong here. Halves of a backward are not measured apart. */
export function measurementsOf(
  times: readonly PeerTimes[],
  counts: (peer: string) => boolean,
): Measurement[] {
  const measured: Measurement[] = [];
  for (const { peer, forward, backward, head, links } of times) {
    if (!counts(peer)) continue;
    const half = backward / 2;
    const parts = { forward, backwardInput: half, backwardWeight: half, head };
    for (const [part, value] of Object.entries(parts)) {
      const seconds = value / microsecondsPerSecond;
      if (value > 0) measured.push({ kind: 'compute', peer, part: part as keyof ComputeTimes, seconds });
    }
    for (const { to, microseconds } of links) {
      if (microseconds === 0 || !counts(to)) continue;
      measured.push({ kind: 'transfer', from: peer, to, seconds: microseconds / microsecondsPerSecond });
    }
  }
  return measured;
}

/** The averages without those of a peer, and of links from and to it. */
export function withoutPeer(before: Measurements, peer: string): Measurements {
  const without = <Value>(row: Readonly<Record<string, Value>>) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => name !== peer));
  return {
    compute: without(before.compute),
    transfer: Object.fromEntries(
      Object.entries(without(before.transfer)).map(([from, row]) => [from, without(row)]),
    ),
  };
}

/** A new value counts an eighth: a shift and an addition, the same whole number on every machine. */
const weightOfNew = 8;
/** No measurement counts as more than this: a peer that claims more is not believed. */
export const mostMicroseconds = 3_600e6;

export const noMeasurements: Measurements = { compute: {}, transfer: {} };

/** The averages with the measurements taken in, in their order. Throws a `DescriptionError` for what is no time. */
export function withMeasurements(before: Measurements, added: readonly Measurement[]): Measurements {
  const compute: Record<string, ComputeTimes> = { ...before.compute };
  const transfer: Record<string, Record<string, number>> = {};
  for (const [from, row] of Object.entries(before.transfer)) transfer[from] = { ...row };
  added.forEach((measured, index) => {
    const value = quantised(measured.seconds, index);
    switch (measured.kind) {
      case 'compute': {
        const own = Object.hasOwn(compute, measured.peer)
          ? compute[measured.peer]!
          : { forward: 0, backwardInput: 0, backwardWeight: 0, head: 0 };
        compute[measured.peer] = { ...own, [measured.part]: averaged(own[measured.part], value) };
        break;
      }
      case 'transfer': {
        if (!Object.hasOwn(transfer, measured.from)) transfer[measured.from] = {};
        const row = transfer[measured.from]!;
        row[measured.to] = averaged(Object.hasOwn(row, measured.to) ? row[measured.to]! : 0, value);
        break;
      }
    }
  });
  return { compute, transfer };
}

/**
 * The description with what was measured in place of what was assumed. Measured transfers are whole times, so the
 * link's bandwidth is set to Infinity; peers' shared uplinks are in what was measured already.
 */
export function measuredDescription(
  description: SwarmDescription,
  measurements: Measurements,
): SwarmDescription {
  const { peers, links } = description;
  const names = peers.map((peer) => peer.name);
  const time = (from: string, to: string): number | undefined => {
    const row = Object.hasOwn(measurements.transfer, from) ? measurements.transfer[from]! : {};
    const value = Object.hasOwn(row, to) ? row[to]! : 0;
    return value > 0 ? value / microsecondsPerSecond : undefined;
  };
  return {
    ...description,
    peers: peers.map((peer) => {
      if (!Object.hasOwn(measurements.compute, peer.name)) return peer;
      const own = measurements.compute[peer.name]!;
      const replaced = (value: number, assumed: readonly number[]) =>
        value > 0 ? assumed.map(() => value / microsecondsPerSecond) : assumed;
      return {
        ...peer,
        forwardSeconds: replaced(own.forward, peer.forwardSeconds),
        backwardInputSeconds: replaced(own.backwardInput, peer.backwardInputSeconds),
        backwardWeightSeconds: replaced(own.backwardWeight, peer.backwardWeightSeconds),
        headSeconds: own.head > 0 ? own.head / microsecondsPerSecond : peer.headSeconds,
      };
    }),
    links: {
      ...links,
      latencySeconds: links.latencySeconds.map((row, from) =>
        row.map((assumed, to) => time(names[from]!, names[to]!) ?? assumed),
      ),
      bytesPerSecond: links.bytesPerSecond.map((row, from) =>
        row.map((assumed, to) =>
          time(names[from]!, names[to]!) === undefined ? assumed : Number.POSITIVE_INFINITY,
        ),
      ),
    },
  };
}

function quantised(seconds: number, index: number): number {
  if (!(seconds >= 0 && seconds < Number.POSITIVE_INFINITY)) {
    throw new DescriptionError(`measurements[${index}]`, `${seconds} is no time; leave it out`);
  }
  return Math.min(mostMicroseconds, Math.max(1, Math.round(seconds * microsecondsPerSecond)));
}

/** The first value is taken as it is; later ones move the average by an eighth, rounded to whole microseconds. */
function averaged(before: number, value: number): number {
  return before === 0 ? value : Math.max(1, before + Math.trunc((value - before) / weightOfNew));
}
