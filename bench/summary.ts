// What it costs that every 64th commit certifies a summary of the journal: each peer then digests all that it knows of
// the run, every member among it. The named baseline is the reading and checking of the commits themselves, which each
// peer does anyway in every iteration: text, hash, ed25519 signature. Processor time of one peer, an iteration.

import { checkSigned } from '../src/journal/checking.ts';
import { type CommitBody, GENESIS_PREVIOUS, parseEntry } from '../src/journal/entry.ts';
import { Journal } from '../src/journal/journal.ts';
import { makeEntries } from '../src/journal/making.ts';
import { createKeyIdentity, generateKey } from '../src/network/libp2p/identity.ts';
import type { Member } from '../src/swarm/members.ts';
import { RunState } from '../src/swarm/run-state.ts';
import { encodeSummary, type RunSummary, SUMMARY_EVERY } from '../src/swarm/summary.ts';

export interface SummaryRow {
  readonly what: 'baseline: commits read and checked' | 'summaries digested';
  readonly peers: number;
  /** Of one. */
  readonly bytes: number;
  /** Of one. */
  readonly cpuMilliseconds: number;
  readonly cpuMillisecondsPerIteration: number;
  /** Over the baseline's, an iteration. */
  readonly ratio: number;
}

export const flags = { peers: 'numbers', rounds: 'number' } as const;

const STAGES = 8;
/** To so many others each peer's transfers have been measured. */
const LINKS = 4;
const DIGEST = 'ab'.repeat(32);

const nameOf = (index: number): string => `12D3KooW${`${index}`.padStart(44, 'x')}`;

export async function run(options: { readonly peers?: readonly number[]; readonly rounds?: number } = {}) {
  const { peers = [100, 1000], rounds = 20 } = options;
  const rows: SummaryRow[] = [];
  for (const count of peers) {
    const baseline = await commitsChecked(count, rounds);
    rows.push(baseline, await summariesDigested(count, rounds, baseline.cpuMillisecondsPerIteration));
  }
  return { bench: 'summary', rows };
}

async function commitsChecked(peers: number, rounds: number): Promise<SummaryRow> {
  const identity = createKeyIdentity(await generateKey());
  const bodies = Array.from({ length: rounds + 1 }, (_, round) => commitOf(peers, round + 1));
  const entries = await makeEntries(identity, bodies, 1, { index: -1, hash: GENESIS_PREVIOUS });
  const lines = entries.map((entry) => `${Journal.line(entry)} `); // the same text is remembered
  let began = cpuMilliseconds();
  for (const [round, line] of lines.entries()) {
    if (round === 1) began = cpuMilliseconds(); // the first warms up
    await checkSigned({ ...parseEntry(line) }, identity); // so is whether an entry matches its hash
  }
  const each = (cpuMilliseconds() - began) / rounds;
  return {
    what: 'baseline: commits read and checked',
    peers,
    bytes: lines[0]!.length,
    cpuMilliseconds: each,
    cpuMillisecondsPerIteration: each,
    ratio: 1,
  };
}

/** A commit to which everyone has contributed. */
function commitOf(peers: number, iteration: number): CommitBody {
  const names = Array.from({ length: peers }, (_, index) => nameOf(index));
  const stages = Array.from({ length: STAGES }, (_, stage) => {
    const contributors = names.filter((_, index) => index % STAGES === stage);
    const microbatches = Array.from({ length: peers }, (_, microbatch) => microbatch);
    return {
      stage,
      round: 0,
      microbatches,
      contributors,
      sumDigest: DIGEST,
      gradientNorm: 1.25,
      leftOut: [],
    };
  });
  const weights = stages.map(({ stage }) => ({
    stage,
    digest: DIGEST,
    replicas: Math.floor(peers / STAGES),
    divergent: [],
  }));
  const counted = peers * STAGES;
  const visits = { visitsComputed: counted, visitsCounted: counted };
  return { kind: 'commit', iteration, attempt: 0, loss: 2.5, stages, dropped: [], weights, ...visits };
}

async function summariesDigested(peers: number, rounds: number, baseline: number): Promise<SummaryRow> {
  const { digest } = createKeyIdentity(await generateKey());
  const summary = summaryOf(peers);
  let began = cpuMilliseconds();
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) began = cpuMilliseconds();
    RunState.from(summary).summaryDigest(digest);
  }
  const each = (cpuMilliseconds() - began) / rounds;
  return {
    what: 'summaries digested',
    peers,
    bytes: encodeSummary(summary).length,
    cpuMilliseconds: each,
    cpuMillisecondsPerIteration: each / SUMMARY_EVERY,
    ratio: each / SUMMARY_EVERY / baseline,
  };
}

/** A run in which everyone's computing, and transfers to a few others, have been measured. */
function summaryOf(peers: number): RunSummary {
  const members = Array.from({ length: peers }, (_, index): Member => {
    const peer = nameOf(index);
    const addresses = ['10.0.0.1', '192.168.1.7'].map((host) => `/ip4/${host}/tcp/4001/p2p/${peer}`);
    const since = { enteredAfter: 3, enteredBy: index + 1 };
    const origin = { kind: 'initial' } as const;
    return {
      peer,
      name: `peer ${index}`,
      addresses,
      stage: index % STAGES,
      status: 'active',
      origin,
      ...since,
    };
  });
  const names = members.map(({ peer }) => peer);
  const times = { forward: 12_345, backwardInput: 23_456, backwardWeight: 0, head: 0 };
  const transfersOf = (index: number) =>
    Object.fromEntries(
      Array.from({ length: LINKS }, (_, k) => [
        names[(index + k + 1) % peers]!,
        { activation: 12_345 + k, bytes: 2_345 },
      ]),
    );
  return {
    runId: DIGEST,
    founder: names[0]!,
    leader: names[0]!,
    term: 1,
    iteration: SUMMARY_EVERY - 1,
    attempt: 0,
    keepers: names.slice(0, 5),
    refounded: [],
    measured: {
      compute: Object.fromEntries(names.map((name) => [name, times])),
      transfer: Object.fromEntries(names.map((name, index) => [name, transfersOf(index)])),
    },
    stages: Array.from({ length: STAGES }, (_, stage) => ({ stage, updatedAt: 63, gradientNorm: 1.25 })),
    members,
  };
}

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
