// How long a live swarm takes to notice what it lost and to train whole again, and what a fault costs in work: the
// demo's model, by default on eight real processes in four stages of two. Each fault is made `--runs` times (20),
// several to a swarm (`--per-swarm`, 5), at moments spread over an iteration; what was lost comes back before the next.

import {
  brokenPathWork,
  mostStagesTwicePerBreak,
  tasksLetGo,
  type WorkEvent,
} from '../src/swarm/training/repeated-work.ts';
import { type Heard, LiveSwarm, secondsNow } from './live-swarm.ts';

export const flags = { runs: 'number', perSwarm: 'number', peers: 'number', stages: 'number' } as const;

interface Options {
  readonly runs?: number;
  readonly perSwarm?: number;
  readonly peers?: number;
  readonly stages?: number;
}

type Fault = 'replica killed' | 'replica frozen' | 'leader killed' | 'stage killed';
const FAULTS: readonly Fault[] = ['replica killed', 'replica frozen', 'leader killed', 'stage killed'];

/** What one fault took, in seconds from the signal on. */
interface Sample {
  readonly fault: Fault;
  /** Until every victim was found to be lost by someone. */
  readonly noticed: number;
  /** Until the journal says so. */
  readonly expelled: number;
  /** Until another leads; where the leader was hit. */
  readonly led: number | undefined;
  /** Until a commit in which every stage was trained without the victims. */
  readonly whole: number;
  readonly work: Work;
}

/** Of the iterations from the fault to the first whole commit. */
interface Work {
  /** Micro-batches led around the victims to another replica, which computes one stage again. */
  readonly rerouted: number;
  readonly skipped: number;
  readonly givenUp: number;
  /** Visits of one stage in one direction: all that are known, and those that a commit counts. */
  readonly computed: number;
  readonly counted: number;
  /** Stages of micro-batches that two peers computed, and the most of them for one break of a path. */
  readonly stagesTwice: number;
  readonly mostTwicePerBreak: number;
  /** Visits of attempts that were let go because the leader was lost: no commit speaks of them. */
  readonly letGo: number;
}

/** What the swarm is to do, in seconds. */
const limits: readonly { fault: Fault; of: 'noticed' | 'led' | 'whole'; says: string; seconds: number }[] = [
  { fault: 'replica killed', of: 'noticed', says: 'a killed peer is noticed', seconds: 1 },
  { fault: 'replica frozen', of: 'noticed', says: 'a frozen peer is noticed', seconds: 5 },
  { fault: 'leader killed', of: 'led', says: 'a killed leader is replaced', seconds: 5 },
  { fault: 'stage killed', of: 'whole', says: 'a stage that was lost whole trains again', seconds: 10 },
];

export async function run({ runs = 20, perSwarm = 5, peers = 8, stages = 4 }: Options = {}) {
  const samples: Sample[] = [];
  const total = { computed: 0, counted: 0, iterations: 0 };
  for (let done = 0; done < runs; ) {
    const swarm = new LiveSwarm({ peers, stages });
    try {
      await swarm.start();
      for (const end = Math.min(runs, done + perSwarm); done < end; done++) {
        for (const fault of FAULTS) {
          samples.push(await sample(swarm, fault, done, (done + 0.5) / runs));
          process.stderr.write(`${done + 1}/${runs} ${describe(samples.at(-1)!)}\n`);
        }
      }
      for (const { visitsComputed, visitsCounted } of commitsOf(swarm.heard).values()) {
        total.iterations++;
        total.computed += visitsComputed;
        total.counted += visitsCounted;
      }
    } finally {
      await swarm.close();
    }
  }
  const of = (fault: Fault) => samples.filter((one) => one.fault === fault);
  const times = limits.map(({ fault, of: what, says, seconds }) => ({
    what: says,
    ...spread(of(fault).map((one) => one[what]!)),
    limitSeconds: seconds,
  }));
  const more = [
    {
      what: 'and the journal says that a killed peer is gone',
      values: of('replica killed').map((one) => one.expelled),
    },
    { what: 'and that a frozen peer is', values: of('replica frozen').map((one) => one.expelled) },
    {
      what: 'all stages train again after a killed replica',
      values: of('replica killed').map((one) => one.whole),
    },
    { what: 'after a frozen replica', values: of('replica frozen').map((one) => one.whole) },
    { what: 'after a killed leader', values: of('leader killed').map((one) => one.whole) },
  ].map(({ what, values }) => ({ what, ...spread(values) }));
  const letGo = samples.reduce((sum, { work }) => sum + work.letGo, 0);
  return {
    bench: 'recovery',
    rows: [...times, ...more, ...FAULTS.map((fault) => workRow(fault, of(fault)))],
    notes: [
      `${peers} processes, ${stages} stages; seconds from the signal until another process hears of it`,
      'stages computed twice: by two peers, or by one in the place of another that may have done it before it was lost',
      'visits computed in vain: one stage of one micro-batch in one direction that no commit counts, computed again or lost with a sum',
      `the most stages that one broken path had computed twice, of all faults: ${Math.max(0, ...samples.map(({ work }) => work.mostTwicePerBreak))}`,
      `goodput of all ${total.iterations} iterations, the faults in them: ${round3(total.counted / (total.computed + letGo))}, what attempts that were let go computed among what was done for nothing`,
    ],
  };
}

/** Makes one fault, waits until all is trained without the victims, and brings them back. */
async function sample(swarm: LiveSwarm, fault: Fault, round: number, share: number): Promise<Sample> {
  const victims = victimsOf(swarm, fault, round);
  const ids = new Set(victims.map((name) => swarm.idOf(name)));
  await moment(swarm, share);
  const from = swarm.heard.length;
  const before = swarm.iteration();
  const at = secondsNow();
  for (const name of victims) fault === 'replica frozen' ? swarm.freeze(name) : swarm.kill(name);

  // what a victim still said before it stopped is no news of it
  const others = (condition: (heard: Heard) => boolean) => (heard: Heard) =>
    !victims.includes(heard.of) && condition(heard);
  const about = (kind: 'suspected' | 'gone') =>
    Promise.all(
      [...ids].map((id) =>
        swarm.hear(
          `'${kind}' after ${fault}`,
          from,
          others(({ event }) => event.kind === kind && event.peer === id),
        ),
      ),
    );
  const led =
    fault === 'leader killed'
      ? swarm.hear(
          'new leader',
          from,
          others(({ event }) => event.kind === 'leader' && !ids.has(event.peer)),
        )
      : undefined;
  const [suspected, gone] = await Promise.all([about('suspected'), about('gone')]);
  const goneFrom = Math.max(...gone.map((heard) => swarm.heard.indexOf(heard)));
  const whole = await swarm.hear(
    'whole commit',
    goneFrom,
    others(
      ({ event }) =>
        event.kind === 'commit' &&
        event.commit.stages.filter(({ contributors }) => contributors.some((peer) => !ids.has(peer)))
          .length === swarm.stages,
    ),
  );
  const until = swarm.heard.indexOf(whole) + 1;
  const { iteration } = whole.event.kind === 'commit' ? whole.event.commit : { iteration: before };
  for (const name of victims) {
    if (fault === 'replica frozen') swarm.thaw(name);
    else await swarm.again(name);
  }
  await swarm.settled();
  return {
    fault,
    noticed: lastOf(suspected) - at,
    expelled: lastOf(gone) - at,
    led: led && (await led).at - at,
    whole: whole.at - at,
    work: {
      ...workOf(swarm.heard.slice(from, until).filter(others(() => true)), before),
      // peers say what they have computed when an iteration is over
      ...repeatedOf(swarm.heard.slice(from), before, iteration),
    },
  };
}

/** Whom a fault hits: each stage in turn, and not the leader unless it is about the leader. */
function victimsOf(swarm: LiveSwarm, fault: Fault, round: number): string[] {
  const leader = swarm.leader();
  if (fault === 'leader killed') return [leader];
  if (fault === 'stage killed') {
    const lost = Array.from({ length: swarm.stages - 1 }, (_, i) => 1 + ((round + i) % (swarm.stages - 1)));
    const spared = lost.find((stage) => !swarm.holders(stage).includes(leader));
    return swarm.holders(spared ?? lost[0]!);
  }
  const turn = fault === 'replica killed' ? round : round + 2;
  const stages = Array.from({ length: swarm.stages }, (_, i) => (turn + i) % swarm.stages);
  const shared = stages.find((stage) => swarm.holders(stage).length > 1);
  return [swarm.holders(shared ?? stages[0]!).find((name) => name !== leader)!];
}

/** Resolves when an iteration has run for this share of what the last ones took. */
async function moment(swarm: LiveSwarm, share: number): Promise<void> {
  const commits = [...firsts(swarm.heard, 'commit').values()].slice(-6);
  const seconds = (commits.at(-1)! - commits[0]!) / (commits.length - 1);
  await swarm.hear('plan', swarm.heard.length, ({ event }) => event.kind === 'plan');
  await new Promise((resume) => setTimeout(resume, 1000 * share * seconds));
}

/** When each iteration's event of this kind was first heard. */
function firsts(heard: readonly Heard[], kind: 'commit'): Map<number, number> {
  const found = new Map<number, number>();
  for (const { event, at } of heard) {
    if (event.kind !== kind) continue;
    const { iteration } = event.commit;
    if (!found.has(iteration)) found.set(iteration, at);
  }
  return found;
}

function commitsOf(heard: readonly Heard[]) {
  return new Map(
    heard.flatMap(({ event }) =>
      event.kind === 'commit' ? [[event.commit.iteration, event.commit] as const] : [],
    ),
  );
}

/** What the commits after iteration `before` count, and which paths broke in them. */
function workOf(
  heard: readonly Heard[],
  before: number,
): Omit<Work, 'stagesTwice' | 'mostTwicePerBreak' | 'letGo'> {
  const notes = { rerouted: new Set<string>(), skipped: new Set<string>(), dropped: new Set<string>() };
  for (const { event } of heard) {
    if (event.kind !== 'path' || event.iteration <= before) continue;
    notes[event.note.kind].add(`${event.iteration} ${event.note.microbatch}`);
  }
  let computed = 0;
  let counted = 0;
  for (const { iteration, visitsComputed, visitsCounted } of commitsOf(heard).values()) {
    if (iteration <= before) continue;
    computed += visitsComputed;
    counted += visitsCounted;
  }
  const { rerouted, skipped, dropped } = notes;
  return { rerouted: rerouted.size, skipped: skipped.size, givenUp: dropped.size, computed, counted };
}

/** What was computed twice, or for nothing, in the iterations after `before` up to `last`. */
function repeatedOf(heard: readonly Heard[], before: number, last: number) {
  const events = heard.flatMap(({ event }): WorkEvent[] => {
    if (event.kind !== 'path' && event.kind !== 'computed') return [];
    return event.iteration > before && event.iteration <= last ? [event] : [];
  });
  const broken = brokenPathWork(events);
  const commits = commitsOf(heard);
  return {
    stagesTwice: broken.reduce((sum, { stagesTwice }) => sum + stagesTwice.length, 0),
    mostTwicePerBreak: mostStagesTwicePerBreak(broken),
    letGo: tasksLetGo(events, (iteration) => commits.get(iteration)?.attempt),
  };
}

function workRow(fault: Fault, samples: readonly Sample[]) {
  const sum = (of: (work: Work) => number) => samples.reduce((total, { work }) => total + of(work), 0);
  return {
    what: `${fault}: work`,
    samples: samples.length,
    pathsLedAround: sum((work) => work.rerouted),
    pathsPastAStage: sum((work) => work.skipped),
    givenUp: sum((work) => work.givenUp),
    stagesComputedTwice: sum((work) => work.stagesTwice),
    mostStagesTwicePerBrokenPath: Math.max(0, ...samples.map(({ work }) => work.mostTwicePerBreak)),
    visitsOfAttemptsLetGo: sum((work) => work.letGo),
    visitsComputedInVain: sum((work) => work.computed - work.counted),
    goodput: round3(sum((work) => work.counted) / sum((work) => work.computed + work.letGo)),
  };
}

/** Nearest ranks. */
function spread(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number) => round3(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!);
  return { samples: values.length, p50Seconds: rank(0.5), p95Seconds: rank(0.95), worstSeconds: rank(1) };
}

function lastOf(heard: readonly Heard[]): number {
  return Math.max(...heard.map(({ at }) => at));
}

function describe({ fault, noticed, expelled, led, whole, work }: Sample): string {
  const seconds = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(2));
  return (
    `${fault}: noticed ${seconds(noticed)}, gone ${seconds(expelled)}, led ${seconds(led)}, whole ${seconds(whole)} s; ` +
    `led around ${work.rerouted}, past ${work.skipped}, given up ${work.givenUp}, in vain ${work.computed - work.counted}, computed twice ${work.stagesTwice} (at most ${work.mostTwicePerBreak} a break), let go ${work.letGo}`
  );
}

function round3(value: number): number {
  return Math.round(1000 * value) / 1000;
}
