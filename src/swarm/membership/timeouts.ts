// Every time-out of a peer, as a function of what it has measured. They form one hierarchy: each level is made of the
// one below it, so that whatever is cheaper to try has had its time before the next, dearer remedy is taken. Round
// trips are estimated as TCP does it (RFC 6298, section 2: a moving mean and a moving deviation); how often the other
// side says that it lives is taken from its own word, as in BFD (RFC 5880, 6.8.4), because only it knows. On links
// faster than a quarter of a second the floors hold.

/** A moving mean of round trips and how far they stray from it. */
export interface RoundTrip {
  readonly meanSeconds: number;
  readonly deviationSeconds: number;
}

/** Clocks are no finer where peers run. */
const GRANULARITY_SECONDS = 0.01;

/** The estimate after one more round trip (RFC 6298, 2.2 and 2.3). */
export function withRoundTrip(before: RoundTrip | undefined, seconds: number): RoundTrip {
  if (before === undefined) return { meanSeconds: seconds, deviationSeconds: seconds / 2 };
  const { meanSeconds, deviationSeconds } = before;
  return {
    meanSeconds: meanSeconds + (seconds - meanSeconds) / 8,
    deviationSeconds: deviationSeconds + (Math.abs(seconds - meanSeconds) - deviationSeconds) / 4,
  };
}

/** Within this the answer to a question comes, unless something is wrong. */
export function roundTripLimit({ meanSeconds, deviationSeconds }: RoundTrip): number {
  return meanSeconds + Math.max(GRANULARITY_SECONDS, 4 * deviationSeconds);
}

/** What time-outs are computed from; 0 for what was not measured yet. */
export interface Measured {
  /** Of the run, who are there; 0 where it does not matter. */
  readonly members: number;
  /** Within which the peer in question answers, or a majority of the keepers. */
  readonly roundTripSeconds: number;
  /** How often the other side says that it leads, by its own word. */
  readonly beatSeconds: number;
  /** The longest call of an engine. */
  readonly callSeconds: number;
  /** The longest exchange of late. */
  readonly exchangeSeconds: number;
  /** The longest iteration. */
  readonly iterationSeconds: number;
}

export const nothingMeasured: Measured = {
  members: 0,
  roundTripSeconds: 0,
  beatSeconds: 0,
  callSeconds: 0,
  exchangeSeconds: 0,
  iterationSeconds: 0,
};

/** In the order of the hierarchy; `refounding` and `close` both stand on `exchange`. */
export interface Timeouts {
  /** An answer, deviations included. */
  readonly roundTrip: number;
  /** Between two signs of life of a leader to the other keepers. */
  readonly beat: number;
  /** Between two signs of life to the other members. */
  readonly heartbeat: number;
  /** A question that asks for no work has its answer by then. */
  readonly answer: number;
  /** Silence after which a member is asked whether it lives. */
  readonly suspicion: number;
  /** A keeper that heard no leader for so long, and up to twice that by chance, stands for election. */
  readonly election: number;
  readonly electionLatest: number;
  /** From the last word of a member until it is given up: silent, asked, and no third one has heard it. */
  readonly loss: number;
  /** A question that asks for work, as pages of the journal, has its answer by then. */
  readonly work: number;
  /** A contribution that has not come by then is left out. */
  readonly exchange: number;
  /** Whoever does not answer the closing of an iteration for so long is given up. */
  readonly close: number;
  /** An iteration in which nothing was reported for so long is closed. */
  readonly stuck: number;
  /** Nobody has led for so long: most keepers are taken to be gone for good. */
  readonly refounding: number;
  /** In place of `exchange` and `stuck` before any exchange or iteration was seen. */
  readonly firstExchange: number;
  readonly firstIteration: number;
}

/** Seconds; below these nothing is gained, above the ceiling a peer is of no use to the others. */
export const floors = {
  beat: 0.3,
  work: 10,
  exchange: 5,
  close: 10,
  stuck: 30,
  refounding: 20,
  firstExchange: 60,
  firstIteration: 600,
} as const;
export const ROUND_TRIP_CEILING_SECONDS = 4;
/** Of a peer that was not measured yet (RFC 6298, 2.1): to be asked it may have to be connected to first. */
export const FIRST_ROUND_TRIP_SECONDS = 1;

/** A level that must be above another is so by this factor at least. */
const ABOVE = 1.25;
const EXCHANGES = 4;
const ITERATIONS = 3;
const CALLS = 2;
/** In beats: several signs of life may be lost before each step. */
const HEARTBEAT_BEATS = 1.5;
const ANSWER_BEATS = 4;
const SUSPICION_BEATS = 4.5;
/** As the keepers' state machine counts them: ELECTION_TICKS and HEARTBEAT_TICKS. */
const ELECTION_BEATS = 5;

/** How often a leader whose majority answers within this says that it leads. */
export function beatSeconds(roundTripSeconds: number): number {
  return Math.max(floors.beat, ABOVE * Math.min(roundTripSeconds, ROUND_TRIP_CEILING_SECONDS));
}

/** Whoever leads hears every member and is heard by all: that is so many heartbeats a second each way, and no more. */
const HEARTBEATS_A_SECOND = 500;

/** In so large a swarm no beat is shorter. */
const leastBeat = (members: number): number => members / (HEARTBEATS_A_SECOND * HEARTBEAT_BEATS);

/** Nobody among so many members is suspected before, whatever was measured. */
export const leastSuspicion = (members: number): number =>
  SUSPICION_BEATS * Math.max(floors.beat, Math.min(leastBeat(members), BEAT_CEILING_SECONDS));

/** The longest that a beat can be, whatever anybody says. */
export const BEAT_CEILING_SECONDS = beatSeconds(ROUND_TRIP_CEILING_SECONDS);

/** How often a member whose heartbeats come every so many seconds would say that it leads. */
export const beatOfHeartbeat = (heartbeatSeconds: number): number =>
  Math.min(BEAT_CEILING_SECONDS, heartbeatSeconds / HEARTBEAT_BEATS);

/** What a leader has seen that gives an exchange so long. An hour is more than anyone would wait for. */
export const exchangeOfDeadline = (deadlineSeconds: number): number =>
  Math.min(deadlineSeconds, 3600) / EXCHANGES;

/** All time-outs, seconds. */
export function timeoutsFrom(measured: Measured): Timeouts {
  const roundTrip = Math.min(measured.roundTripSeconds, ROUND_TRIP_CEILING_SECONDS);
  const spoken = Math.max(measured.beatSeconds, leastBeat(measured.members));
  const beat = Math.max(beatSeconds(roundTrip), Math.min(spoken, BEAT_CEILING_SECONDS));
  const heartbeat = HEARTBEAT_BEATS * beat;
  const answer = ANSWER_BEATS * beat;
  const suspicion = SUSPICION_BEATS * beat;
  const election = ELECTION_BEATS * beat;
  // silence is seen at the next heartbeat; then it is asked, and then a third one
  const loss = suspicion + heartbeat + 2 * answer;
  const exchange = Math.max(floors.exchange, ABOVE * loss, EXCHANGES * measured.exchangeSeconds);
  const close = Math.max(floors.close, ABOVE * exchange, CALLS * measured.callSeconds);
  const stuck = Math.max(floors.stuck, ABOVE * close, ITERATIONS * measured.iterationSeconds);
  return {
    roundTrip,
    beat,
    heartbeat,
    answer,
    suspicion,
    election,
    electionLatest: 2 * election,
    loss,
    work: Math.max(floors.work, ABOVE * loss),
    exchange,
    close,
    stuck,
    refounding: Math.max(floors.refounding, ABOVE * exchange),
    firstExchange: Math.max(floors.firstExchange, exchange),
    firstIteration: Math.max(floors.firstIteration, stuck),
  };
}

/** Each pair of which the first must be below the second, whatever was measured. */
export const hierarchy: readonly (readonly [keyof Timeouts, keyof Timeouts])[] = [
  ['roundTrip', 'beat'],
  ['beat', 'heartbeat'],
  ['heartbeat', 'answer'],
  ['answer', 'suspicion'],
  ['suspicion', 'election'],
  ['election', 'electionLatest'],
  ['electionLatest', 'loss'],
  ['loss', 'work'],
  ['loss', 'exchange'],
  ['exchange', 'close'],
  ['close', 'stuck'],
  ['exchange', 'refounding'],
];
