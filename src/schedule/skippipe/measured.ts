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
  /** By sender, then receiver. */
  readonly transfer: Readonly<Record<string, Readonly<Record<string, TransferTimes>>>>;
}

export interface TransferTimes {
  /** One activation or its gradient, all in all; at least 1. */
  readonly activation: number;
  /** Of that, what its bytes took: more bytes take longer in proportion. The rest any message takes, however short. */
  readonly bytes: number;
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
  | {
      readonly kind: 'transfer';
      readonly from: string;
      readonly to: string;
      /** Of one activation. */
      readonly seconds: number;
      /** Its part that a message of no bytes takes too. */
      readonly latencySeconds: number;
    };

/** What one peer measured in one iteration, in whole microseconds; 0 where it measured nothing. */
export interface PeerTimes {
  readonly peer: string;
  readonly forward: number;
  /** Both halves. */
  readonly backward: number;
  readonly head: number;
  readonly links: readonly LinkMicroseconds[];
}

/** One activation to a peer, and its part that a message of no bytes takes too. */
export interface LinkMicroseconds {
  readonly to: string;
  readonly microseconds: number;
  readonly latency: number;
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
    for (const { to, microseconds, latency } of links) {
      if (microseconds === 0 || !counts(to)) continue;
      const seconds = microseconds / microsecondsPerSecond;
      const latencySeconds = latency / microsecondsPerSecond;
      measured.push({ kind: 'transfer', from: peer, to, seconds, latencySeconds });
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
/**
 * What bytes took, and it was less than before, counts a half: whatever else a peer had to do before it heard of a tensor
 * is in what was measured, does not grow with the bytes, and makes it longer only.
 */
const weightOfLess = 2;
/** No measurement counts as more than this: a peer that claims more is not believed. */
export const mostMicroseconds = 3_600e6;

export const noMeasurements: Measurements = { compute: {}, transfer: {} };

/** The averages with the measurements taken in, in their order. Throws a `DescriptionError` for what is no time. */
export function withMeasurements(before: Measurements, added: readonly Measurement[]): Measurements {
  const compute: Record<string, ComputeTimes> = { ...before.compute };
  const transfer: Record<string, Record<string, TransferTimes>> = {};
  for (const [from, row] of Object.entries(before.transfer)) transfer[from] = { ...row };
  added.forEach((measured, index) => {
    const value = Math.max(1, quantised(measured.seconds, index));
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
        const latency = Math.min(value, quantised(measured.latencySeconds, index));
        const own = Object.hasOwn(row, measured.to) ? row[measured.to] : undefined;
        row[measured.to] =
          own === undefined
            ? { activation: value, bytes: value - latency }
            : { activation: averaged(own.activation, value), bytes: lowered(own.bytes, value - latency) };
        break;
      }
    }
  });
  return { compute, transfer };
}

/**
 * The latency and the bandwidth of a link by what was measured: with these an activation takes as long as it took, and
 * what has other bytes in proportion. Where an activation took no longer than an empty message its bytes could not be told
 * from the noise, and any number of them counts as nothing.
 */
export function linkOf({ activation, bytes }: TransferTimes, activationBytes: number) {
  const whole = activation / microsecondsPerSecond;
  // the two are averaged apart
  const forBytes = Math.min(activation, bytes) / microsecondsPerSecond;
  if (forBytes === 0 || activationBytes === 0) {
    return { latencySeconds: whole, bytesPerSecond: Number.POSITIVE_INFINITY };
  }
  return { latencySeconds: whole - forBytes, bytesPerSecond: activationBytes / forBytes };
}

/** The description with what was measured in place of what was assumed; peers' uplinks are in what was measured. */
export function measuredDescription(
  description: SwarmDescription,
  measurements: Measurements,
): SwarmDescription {
  const { peers, links, activationBytes } = description;
  const measured = peers.map(({ name: from }) => {
    const row = Object.hasOwn(measurements.transfer, from) ? measurements.transfer[from]! : {};
    return peers.map(({ name: to }) =>
      Object.hasOwn(row, to) ? linkOf(row[to]!, activationBytes) : undefined,
    );
  });
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
        row.map((assumed, to) => measured[from]![to]?.latencySeconds ?? assumed),
      ),
      bytesPerSecond: links.bytesPerSecond.map((row, from) =>
        row.map((assumed, to) => measured[from]![to]?.bytesPerSecond ?? assumed),
      ),
    },
  };
}

function quantised(seconds: number, index: number): number {
  if (!(seconds >= 0 && seconds < Number.POSITIVE_INFINITY)) {
    throw new DescriptionError(`measurements[${index}]`, `${seconds} is no time; leave it out`);
  }
  return Math.min(mostMicroseconds, Math.round(seconds * microsecondsPerSecond));
}

/** The first value is taken as it is; later ones move the average by an eighth, rounded to whole microseconds. */
function averaged(before: number, value: number): number {
  return before === 0 ? value : Math.max(1, moved(before, value, weightOfNew));
}

function lowered(before: number, value: number): number {
  return moved(before, value, value < before ? weightOfLess : weightOfNew);
}

function moved(before: number, value: number, weight: number): number {
  return before + Math.trunc((value - before) / weight);
}
