// What this peer has measured of the others, and the time-outs that follow from it (timeouts.ts). A heartbeat carries
// the number of the last one that came the other way and how long ago that was, so that heartbeats give round trips by
// themselves, as TCP's timestamps do (RFC 7323, section 3); and it says how often its sender sends one.

import type { ControlBody } from '../../network/wire/codec.ts';
import type { Clock } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import {
  beatOfHeartbeat,
  exchangeOfDeadline,
  FIRST_ROUND_TRIP_SECONDS,
  leastSuspicion,
  type Measured,
  nothingMeasured,
  ROUND_TRIP_CEILING_SECONDS,
  type RoundTrip,
  roundTripLimit,
  type Timeouts,
  timeoutsFrom,
  withRoundTrip,
} from './timeouts.ts';

export type Heartbeat = Extract<ControlBody, { kind: 'heartbeat' }>['value'];
/** The part of a heartbeat that is about time. */
export type Stamp = Pick<Heartbeat, 'sequence' | 'echo' | 'heldMicroseconds' | 'intervalMicroseconds'>;

export interface TimingParts {
  readonly clock: Clock;
  readonly self: PeerName;
  readonly keepers: () => readonly PeerName[];
  /** Who leads; may be this peer, or empty. */
  readonly leader: () => PeerName;
  /** How many members are there. */
  readonly members: () => number;
}

/** What was heard of one peer. */
interface Heard {
  sequence: number;
  at: number;
  /** The last of this peer's heartbeats that it has answered. */
  echoed: number;
  beatSeconds: number;
  roundTrip: RoundTrip | undefined;
}

interface Agreed {
  readonly keepers: readonly PeerName[];
  readonly leader: PeerName;
  readonly members: number;
  readonly heartbeatSeconds: number;
  readonly timeouts: Timeouts;
}

/** An answer to a heartbeat that was sent longer ago says nothing any more. */
const BEATS_KEPT = 64;
const EXCHANGES_KEPT = 32;
/** A value that changed by less is not worth a word. */
const NOTICEABLE = 1.25;
const MICROSECONDS = 1e6;

/** A heartbeat that answers a question, or asks one: it measures nothing. */
export const noStamp: Stamp = { sequence: 0, echo: 0, heldMicroseconds: 0, intervalMicroseconds: 0 };

export class Timing {
  readonly #parts: TimingParts;
  readonly #heard = new Map<PeerName, Heard>();
  readonly #sentAt = new Map<number, number>();
  readonly #exchanges: number[] = [];
  #sequence = 0;
  /** How often heartbeats go out, as the last ones say. */
  #intervalMicroseconds = 0;
  #callSeconds = 0;
  #iterationSeconds = 0;
  #told: Timeouts | undefined;
  /** Those that were looked at last: the same again are no news. */
  #seen: Timeouts | undefined;
  /** Those of agreement, until something that they follow from is another. */
  #agreed: Agreed | undefined;

  constructor(parts: TimingParts) {
    this.#parts = parts;
  }

  // ---- measuring

  /** Another round of heartbeats goes out. */
  beat(): void {
    this.#sentAt.set(++this.#sequence, this.#parts.clock.now());
    this.#sentAt.delete(this.#sequence - BEATS_KEPT);
    this.#intervalMicroseconds = Math.round(this.heartbeatSeconds * MICROSECONDS);
  }

  /** What a heartbeat to a peer says about time, in the round that goes out now. */
  stamp(to: PeerName): Stamp {
    const heard = this.#heard.get(to);
    const held = heard ? this.#parts.clock.now() - heard.at : 0;
    return {
      sequence: this.#sequence,
      echo: heard?.sequence ?? 0,
      heldMicroseconds: Math.round(Math.max(0, held) * MICROSECONDS),
      intervalMicroseconds: this.#intervalMicroseconds,
    };
  }

  /** A member's heartbeat. @param stoodStill this peer itself did: what came meanwhile measures nothing */
  hear(from: PeerName, stamp: Stamp, stoodStill: boolean): void {
    const now = this.#parts.clock.now();
    if (stamp.sequence === 0) return;
    const before = this.#heard.get(from);
    const sentAt = stamp.echo > (before?.echoed ?? 0) ? this.#sentAt.get(stamp.echo) : undefined;
    let roundTrip = before?.roundTrip;
    if (sentAt !== undefined && !stoodStill) {
      const seconds = Math.max(0, now - sentAt - stamp.heldMicroseconds / MICROSECONDS);
      roundTrip = withRoundTrip(roundTrip, Math.min(seconds, ROUND_TRIP_CEILING_SECONDS));
    }
    const beatSeconds = beatOfHeartbeat(stamp.intervalMicroseconds / MICROSECONDS);
    const isOther = before?.beatSeconds !== beatSeconds || before.roundTrip !== roundTrip;
    const heard = before ?? { sequence: 0, at: 0, echoed: 0, beatSeconds, roundTrip };
    heard.sequence = stamp.sequence;
    heard.at = now;
    if (sentAt !== undefined) heard.echoed = stamp.echo;
    heard.beatSeconds = beatSeconds;
    heard.roundTrip = roundTrip;
    if (before === undefined) this.#heard.set(from, heard);
    const agreed = this.#agreed;
    if (isOther && (from === agreed?.leader || agreed?.keepers.includes(from))) this.#agreed = undefined;
  }

  /** An exchange took so long, from its order to the last answer. */
  exchangeTook(seconds: number): void {
    this.#agreed = undefined;
    this.#exchanges.push(seconds);
    if (this.#exchanges.length > EXCHANGES_KEPT) this.#exchanges.shift();
  }

  /** Another peer leads and gives an exchange so long, by what it has seen. */
  exchangeOrdered(deadlineSeconds: number): void {
    this.exchangeTook(exchangeOfDeadline(deadlineSeconds));
  }

  /** An engine was busy with one call for so long. */
  callTook(seconds: number): void {
    if (seconds <= this.#callSeconds) return;
    this.#agreed = undefined;
    this.#callSeconds = seconds;
  }

  iterationTook(seconds: number): void {
    if (seconds <= this.#iterationSeconds) return;
    this.#agreed = undefined;
    this.#iterationSeconds = seconds;
  }

  /**
   * An iteration took so long, as a peer saw it that took part and need not have led: whoever leads next knows how long
   * they take. One in which nothing may have been reported for as long as that is allowed says nothing.
   */
  iterationSeen(seconds: number): void {
    if (seconds < this.stuckSeconds) this.iterationTook(seconds);
  }

  // ---- what follows

  /** How long an exchange may take. */
  get exchangeSeconds(): number {
    const { exchange, firstExchange } = this.timeouts;
    return this.#exchanges.length === 0 ? firstExchange : exchange;
  }

  /** How long nothing may be reported. */
  get stuckSeconds(): number {
    const { stuck, firstIteration } = this.timeouts;
    return this.#iterationSeconds === 0 ? firstIteration : stuck;
  }

  /** How often this peer's heartbeats go out: by what itself has measured. */
  get heartbeatSeconds(): number {
    return this.#agreement().heartbeatSeconds;
  }

  /** Those of agreement and work: by the round trip to a majority of the keepers, and by who leads. */
  get timeouts(): Timeouts {
    return this.#agreement().timeouts;
  }

  /** Those that are about one peer. */
  of(peer: PeerName): Timeouts {
    const heard = this.#heard.get(peer);
    const roundTrip = heard?.roundTrip ? roundTripLimit(heard.roundTrip) : FIRST_ROUND_TRIP_SECONDS;
    return timeoutsFrom(this.#measured(roundTrip, heard?.beatSeconds ?? 0));
  }

  /** Whether a peer has been silent for so long that it is asked whether it lives. */
  isSuspicious(peer: PeerName, silentSeconds: number): boolean {
    if (silentSeconds <= leastSuspicion(this.#parts.members())) return false; // as nearly always, and quick to see
    return silentSeconds > this.of(peer).suspicion;
  }

  /** A tick of the keepers' state machine, which counts two to a beat. */
  get tickSeconds(): number {
    return this.timeouts.beat / 2;
  }

  /** Round trips by peer. */
  roundTrips(): ({ readonly peer: PeerName } & RoundTrip)[] {
    return [...this.#heard].flatMap(([peer, { roundTrip }]) => (roundTrip ? [{ peer, ...roundTrip }] : []));
  }

  /** The time-outs, when any of them is noticeably another than when this was asked last; else undefined. */
  news(): Timeouts | undefined {
    const now = this.timeouts;
    if (now === this.#seen) return undefined;
    this.#seen = now;
    const before = this.#told;
    const levels = Object.keys(now) as (keyof Timeouts)[];
    const changed = (level: keyof Timeouts): boolean => {
      if (level === 'roundTrip') return false; // what it leads to counts
      const [a, b] = [now[level], before?.[level] ?? 0];
      return a > NOTICEABLE * b || b > NOTICEABLE * a;
    };
    if (!levels.some(changed)) return undefined;
    this.#told = now;
    return now;
  }

  #measured(roundTripSeconds: number, otherBeatSeconds: number): Measured {
    return {
      members: this.#parts.members(),
      roundTripSeconds,
      beatSeconds: otherBeatSeconds,
      callSeconds: this.#callSeconds,
      exchangeSeconds: Math.max(0, ...this.#exchanges),
      iterationSeconds: this.#iterationSeconds,
    };
  }

  /** What follows from the keepers and the leader: asked for with every heartbeat, and another one only now and then. */
  #agreement(): Agreed {
    const keepers = this.#parts.keepers();
    const leader = this.#parts.leader();
    const members = this.#parts.members();
    const known = this.#agreed;
    if (known?.keepers === keepers && known.leader === leader && known.members === members) return known;
    const roundTripSeconds = this.#majorityRoundTrip(keepers);
    const beat = leader === this.#parts.self ? 0 : (this.#heard.get(leader)?.beatSeconds ?? 0);
    this.#agreed = {
      keepers,
      leader,
      members,
      heartbeatSeconds: timeoutsFrom({ ...nothingMeasured, members, roundTripSeconds }).heartbeat,
      timeouts: timeoutsFrom(this.#measured(roundTripSeconds, beat)),
    };
    return this.#agreed;
  }

  /** Within this a majority of the keepers answers, this peer among them, as far as they were measured. */
  #majorityRoundTrip(keepers: readonly PeerName[]): number {
    const { self } = this.#parts;
    const limits = keepers.flatMap((keeper) => {
      if (keeper === self) return [0];
      const roundTrip = this.#heard.get(keeper)?.roundTrip;
      return roundTrip ? [roundTripLimit(roundTrip)] : [];
    });
    limits.sort((a, b) => a - b);
    return limits[Math.floor(limits.length / 2)] ?? 0;
  }
}
