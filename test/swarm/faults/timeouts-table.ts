// The table of time-outs of docs/faults.md, out of the function that peers use.

import { nothingMeasured, type Timeouts, timeoutsFrom } from '../../../src/swarm/membership/timeouts.ts';

/** What each level is, and what it is made of. */
const LEVELS: readonly (readonly [keyof Timeouts, string, string])[] = [
  [
    'beat',
    'a leader says that it leads, to the other keepers',
    '1.25 round trips, at least 0.3 s; others count with what the leader says that its own is',
  ],
  ['heartbeat', 'a member says that it lives', '1.5 beats'],
  [
    'answer',
    'a question that asks for no work has its answer: whether a peer lives, makes room for a micro-batch, lets another in',
    '4 beats',
  ],
  ['suspicion', 'a silent member is asked whether it lives', '4.5 beats'],
  ['election', 'a keeper that hears no leader stands for election, at the earliest', '5 beats'],
  ['electionLatest', 'the same, at the latest', '10 beats'],
  [
    'loss',
    'a silent member is given up: seen at a heartbeat, asked, and no third one has heard it; a tensor waits as long for the entry that lets its sender in',
    'suspicion + heartbeat + 2 answers',
  ],
  [
    'work',
    'a page of the journal has come; a word to found the run again holds as long, and so long the members that it knows are asked to let a peer in again',
    '1.25 losses, at least 10 s',
  ],
  [
    'exchange',
    'a contribution that has not come is left out',
    '4 of the longest exchange of late, 1.25 losses, at least 5 s',
  ],
  [
    'close',
    'who does not answer the closing of an iteration is given up',
    '1.25 exchanges, 2 of the longest engine call, at least 10 s',
  ],
  [
    'stuck',
    'an iteration in which nothing was reported is closed',
    '1.25 closings, 3 of the longest iteration, at least 30 s',
  ],
  [
    'refounding',
    'nobody leads: half of the members may found the run again',
    '1.25 exchanges, at least 20 s',
  ],
  ['firstExchange', 'in place of exchange, before any was seen', 'at least 60 s'],
  ['firstIteration', 'in place of stuck, before any iteration was seen', 'at least 600 s'],
];

/** Round trips of a machine to itself, across a country and through a satellite. */
const ROUND_TRIPS = [0, 0.3, 1];

export function timeoutsTable(): string {
  const columns = ROUND_TRIPS.map((roundTripSeconds) =>
    timeoutsFrom({ ...nothingMeasured, roundTripSeconds }),
  );
  const head = ROUND_TRIPS.map((seconds) => `${seconds * 1000} ms`);
  return [
    `| after | what is done | made of | ${head.join(' | ')} |`,
    `| --- | --- | --- |${head.map(() => ' ---: |').join('')}`,
    ...LEVELS.map(
      ([level, what, of]) =>
        `| \`${level}\` | ${what} | ${of} | ${columns.map((column) => `${Number(column[level].toFixed(2))}`).join(' | ')} |`,
    ),
  ].join('\n');
}
