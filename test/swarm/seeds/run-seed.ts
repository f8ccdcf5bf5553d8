// One seed: its swarm is simulated to the end, with every invariant checked after every event.

import { createHash } from 'node:crypto';
import { drawSamples, readWindows, trainingWindows } from '../../../src/data/index.ts';
import { parseEntry } from '../../../src/journal/entry.ts';
import { type Codec, codecs, ONE_BYTE } from '../../../src/gradient/index.ts';
import { parametersOf } from '../../../src/swarm/weights/holder.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { createSimulatedIdentity } from '../../../src/network/simulated/identity.ts';
import { auditCommits } from '../../../src/replay/audit-commits.ts';
import { rememberedWeights } from '../../../src/replay/audit-weights.ts';
import {
  InvariantError,
  type InvariantName,
  Invariants,
  type SteppedCheck,
} from '../../../src/replay/invariants.ts';
import { recoveryRules } from '../../../src/recovery/index.ts';
import { type SimulatedPeerEvent, Simulation } from '../../../src/replay/simulation.ts';
import { floors } from '../../../src/swarm/membership/timeouts.ts';
import { type Manifest, microbatchesPerIteration } from '../../../src/swarm/manifest.ts';
import { CountingEngine, markOf } from './counting-engine.ts';
import type { SeedScenario } from './scenario.ts';

export interface SeedResult {
  readonly seed: number;
  /** What did not hold, where something did not. */
  readonly failure?: { readonly invariant: InvariantName; readonly problem: string };
  readonly events: number;
  readonly checks: number;
  readonly simulatedSeconds: number;
  readonly iterations: number;
  readonly peers: number;
  /** Faults that came upon something, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** SHA-256 of everything that happened: every event of the world, every event of a peer, in order. */
  readonly digest: string;
}

/** Of each search for paths: whether a swarm copes with what they find does not hang on how good they are. */
const SEARCH_STEPS = 200;

/** No run takes longer: those that are left too few wait ten minutes for others, and a run may need that twice. */
const LIMIT_SECONDS = 2000;

/**
 * So long there may be no commit when the last fault has ended: what a first exchange waits for a contribution, the
 * longest of the time-outs that can be in force while an iteration is not closed because nothing is reported. Above it
 * no other comes: where a fault left the longest round trips that count, an election takes up to 50 s. Seen in 300
 * seeds: 39 s once (such an election), else 28 at most.
 */
const QUIET_SECONDS = floors.firstExchange;
/**
 * And so many times more the patience of those who are left when most keepers are gone: half of the members have to
 * agree, each of them after as long without a leader, and whoever asks too early asks again. Seen: 79 s.
 */
const REFOUNDING_TIMES = 3;

/** Whoever comes to a run that did not wait for it, and takes what stage it is given. */
const newcomer = { name: 'late', stage: -1, hasText: true, isLate: true };

export interface RunSeedOptions {
  readonly log?: (line: string) => void;
}

export async function runSeed(scenario: SeedScenario, options: RunSeedOptions = {}): Promise<SeedResult> {
  const { manifest, flopsPerSecond, peers, newcomerSeconds } = scenario;
  const engines = new Map<string, CountingEngine>();
  const log = new Log();
  const device = { flopsPerSecond, efficiency: 1, memoryBytesPerSecond: 1e9, memoryBytes: 1e9 };
  const simulation: Simulation = new Simulation({
    ...scenario,
    peers: newcomerSeconds === undefined ? peers : [...peers, newcomer],
    slowDisks: true,
    firstSearchSteps: SEARCH_STEPS,
    restartSeconds: 2,
    engine: async (peer, processor) => {
      const engine = new CountingEngine(processor, device);
      engines.set(peer, engine);
      return engine;
    },
    script: (event) => {
      log.add(JSON.stringify(event));
      options.log?.(JSON.stringify(event));
      invariants.observe(event);
    },
  });
  const losesKeepers = scenario.faults.faults.some(({ kind }) => kind === 'keepers');
  const invariants = new Invariants(simulation, {
    mostQuietSeconds: QUIET_SECONDS + (losesKeepers ? REFOUNDING_TIMES * floors.refounding : 0),
    stepped: [
      countsWhatIsCommitted(scenario, engines),
      keepsNothingOld(engines),
      keepsOneIteration(scenario),
    ],
  });
  if (newcomerSeconds !== undefined) {
    simulation.world.after(newcomerSeconds, '', () => {
      if (![...simulation.ends.values()].some(({ how }) => how === 'ended'))
        void simulation.start(newcomer.name);
    });
  }
  simulation.world.onEvent((owner, at) => log.happened(owner, at));
  let failure: SeedResult['failure'];
  const unhandled = (error: unknown): void => {
    failure ??= broke(error);
  };
  process.on('unhandledRejection', unhandled);
  try {
    await simulation.run(LIMIT_SECONDS);
    invariants.atEnd();
    failure ??= unfinished(simulation, manifest.training.iterations);
    failure ??= await audited(simulation, { ...manifest, founder: '' });
  } catch (error) {
    failure ??= failureOf(error, simulation);
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  return {
    seed: scenario.seed,
    ...(failure && { failure }),
    events: simulation.world.eventCount(),
    checks: invariants.checks,
    simulatedSeconds: simulation.world.now(),
    iterations: manifest.training.iterations,
    peers: scenario.peers.length,
    faults: Object.fromEntries(simulation.faultsHappened),
    digest: log.digest(),
  };
}

function failureOf(error: unknown, simulation: Simulation): NonNullable<SeedResult['failure']> {
  if (error instanceof InvariantError) return { invariant: error.invariant, problem: error.message };
  if (error instanceof Error && error.name === 'SimulationStuckError') {
    const last = simulation.events.findLast(({ kind }) => kind === 'commit');
    const waiting = simulation.running.map(({ self, state }) => `${self}@${state.iteration}`).join(' ');
    if (simulation.events.some(({ kind }) => kind === 'ended')) {
      return {
        invariant: 'nothing waits for ever',
        problem: `${error.message}; do not learn that the run has ended: ${waiting}`,
      };
    }
    const problem = `${error.message}; last commit at ${last?.at.toFixed(2) ?? 'never'} s; running: ${waiting}`;
    return { invariant: 'nothing waits for ever', problem };
  }
  return broke(error);
}

function broke(error: unknown): NonNullable<SeedResult['failure']> {
  const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { invariant: 'a peer never breaks on what another says', problem };
}

/** A run that a swarm can survive reaches its last iteration. */
function unfinished(simulation: Simulation, iterations: number): SeedResult['failure'] {
  const ended = simulation.events.find(
    (event): event is SimulatedPeerEvent & { kind: 'ended' } => event.kind === 'ended',
  );
  if (ended?.iteration === iterations) return undefined;
  const ends = [...simulation.ends].map(([peer, end]) =>
    end.how === 'failed' ? `${peer}: ${end.reason.message}` : `${peer}: ${end.how}`,
  );
  return {
    invariant: 'nothing waits for ever',
    problem: `the run did not reach its end. ${ends.join('; ')}`,
  };
}

/** Reads the journal of one that ended as an auditor does who has it alone: what the seeds check as it happens is not read again. */
async function audited(simulation: Simulation, manifest: Manifest): Promise<SeedResult['failure']> {
  let journal: Journal | undefined;
  for (const [name, { how }] of simulation.ends) {
    const disk = how === 'ended' ? simulation.disk(name) : undefined;
    if (disk !== undefined) journal = await Journal.open(createSimulatedIdentity('auditor'), disk.open());
    if (journal?.first === 0) break;
  }
  if (journal?.first !== 0) return undefined; // all that is left begins with a summary
  const entries = (await journal.lines(0, journal.length)).map(parseEntry);
  const pass = auditCommits(entries, manifest, rememberedWeights(), { compared: 0 });
  for (;;) {
    const { done, value } = await pass.next();
    if (done !== true) continue;
    if (value === undefined) return undefined;
    const problem = `entry ${value.index} is bad: ${value.problem}`;
    return { invariant: 'the journal of a run that has ended passes an audit', problem };
  }
}

/** How far the marks may be off for each type that activations travel as. */
const ROUNDED = { f32: 0, f16: 4e-3, int8: 0.04 } as const;
/** Standard deviations of a codec's error that a step may be off by. */
const DEVIATIONS = 6;

/** How far a step of the mean gradient may be off in one value: the codec's error is spread over what it rotates. */
function toleranceOf(codec: Codec, parameters: number): number {
  if (codec.name === 'int8') return 0.02;
  const error = codec.relativeError(parameters);
  return 2e-3 + DEVIATIONS * Math.sqrt((2 * error) / Math.min(parameters, codec.sliceMultiple));
}

/** The step that the weights took is the mean over exactly the micro-batches that the commit names. */
function countsWhatIsCommitted(
  { manifest, text }: SeedScenario,
  engines: ReadonlyMap<string, CountingEngine>,
): SteppedCheck {
  const whole = { ...manifest, founder: '' };
  const { codec: codecName, activations } = manifest.training;
  // forward passes alone give no gradient, and with feedback an iteration brings what others left over
  if (codecName === ONE_BYTE || codecs[codecName].errorFeedback) return () => {};
  const windows = trainingWindows(text.length, manifest.model.context, manifest.data.heldOut);
  const markOfMicrobatch = (iteration: number, microbatch: number): number => {
    const indices = drawSamples({
      runSeed: manifest.seed,
      iteration: iteration - 1,
      microbatch,
      samples: manifest.training.samplesPerMicrobatch,
      microbatches: microbatchesPerIteration(whole),
      windows,
    });
    return markOf(readWindows(text, windows, indices).tokens);
  };
  const faster = recoveryRules.checkfree.after.learningRateFactor;
  return ({ peer, stage, iteration, commits, repairs, fail }) => {
    const body = commits.get(iteration)?.body;
    const counted =
      body?.kind === 'commit'
        ? body.stages.find((one) => one.stage === stage && one.contributors.length > 0)
        : undefined;
    const step = engines.get(peer.self)?.lastStep;
    if (counted === undefined || step === undefined) return;
    const marks = counted.microbatches.map((microbatch) => markOfMicrobatch(iteration, microbatch));
    const size = parametersOf(whole, stage);
    const within = toleranceOf(codecs[codecName], size);
    const mean = marks.reduce((sum, mark) => sum + mark, 0) / marks.length;
    const isRight = (rate: number) =>
      Math.abs(step.count - rate) < rate * within &&
      Math.abs(step.marks - rate * mean) < rate * (within + ROUNDED[activations]);
    if (isRight(1)) return;
    // a stage that was rebuilt goes faster from then on, unless it comes back as it was
    if (repairs.has(stage) && isRight(faster)) return;
    const micro = counted.microbatches.join(' ');
    fail(
      'the gradient is that of the micro-batches counted',
      `${peer.self}, stage ${stage}, iteration ${iteration}: the commit counts ${micro}, with marks of ${mean.toFixed(5)} in the mean; ` +
        `the weights took ${(step.count * marks.length).toFixed(3)} of ${marks.length} micro-batches, with marks of ${step.marks.toFixed(5)}`,
    );
  };
}

/** No residual outlives the iteration after the one that it was made in. */
function keepsNothingOld(engines: ReadonlyMap<string, CountingEngine>): SteppedCheck {
  return ({ peer, fail }) => {
    const engine = engines.get(peer.self);
    if (engine === undefined) return;
    for (const [key, writes] of engine.residuals) {
      if (writes < engine.writes - 1)
        fail(
          'what a peer keeps is given back',
          `${peer.self} still keeps residual ${key} after ${engine.writes - writes} steps`,
        );
    }
  };
}

/** Rounds and attempts of one iteration whose sums may be kept: in thousands of seeds there were never more than three. */
const MOST_SUMS = 6;
/** Snapshots that a donor keeps at once. */
const MOST_SNAPSHOTS = 4;
const SNAPSHOT_HEADER_BYTES = 4096;
/** Tensors that are kept of one micro-batch at one peer. */
const MOST_OF_A_VISIT = 6;

/** What a peer keeps beside its weights is that of one iteration, however many have gone by. */
function keepsOneIteration({ manifest }: SeedScenario): SteppedCheck {
  const whole = { ...manifest, founder: '' };
  const { model, training } = manifest;
  const activation = 4 * model.context * model.width * training.samplesPerMicrobatch;
  const passes = microbatchesPerIteration(whole) * 2 * (training.probes?.directions ?? 1);
  const gradientBytes = (stage: number) => 4 * parametersOf(whole, stage);
  // the anchors' stage is the largest: it has the embedding and the head
  const largest = gradientBytes(0);
  return ({ peer, stage, iteration, fail }) => {
    const { kept, state, self } = peer;
    const member = state.member(self);
    // whoever has just come in keeps the sums that came before its weights did
    if (kept === undefined || member?.stage !== stage || iteration <= member.enteredAfter + 2) return;
    const most = {
      paths: MOST_OF_A_VISIT * passes * activation + gradientBytes(stage),
      exchange: MOST_SUMS * gradientBytes(stage),
      copy: MOST_SUMS * largest,
      early: passes * activation + 2 * largest,
      snapshots: MOST_SNAPSHOTS * (2 * largest + SNAPSHOT_HEADER_BYTES),
    };
    for (const [what, bytes] of Object.entries(kept)) {
      const bound = most[what as keyof typeof most];
      if (bytes <= bound) continue;
      const problem = `${self} keeps ${bytes} bytes (${what}) after iteration ${iteration}, one iteration needs at most ${bound}`;
      fail('what a peer keeps is given back', problem);
    }
  };
}

/** A digest of all that happens, in its order, taken in large pieces. */
class Log {
  readonly #hash = createHash('sha256');
  /** Whom the world's events were of, and when: pairs of a number for each name and the time. */
  readonly #happened = new Float64Array(2 * 1024);
  #count = 0;
  readonly #owners = new Map<string, number>();

  happened(owner: string, at: number): void {
    let number = this.#owners.get(owner);
    if (number === undefined) {
      number = this.#owners.size;
      this.#owners.set(owner, number);
      this.add(`${number} ${owner}`);
    }
    this.#happened[this.#count++] = number;
    this.#happened[this.#count++] = at;
    if (this.#count === this.#happened.length) this.#flush();
  }

  add(line: string): void {
    this.#flush();
    this.#hash.update(`${line}\n`);
  }

  digest(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    if (this.#count === 0) return;
    this.#hash.update(new Uint8Array(this.#happened.buffer, 0, 8 * this.#count));
    this.#count = 0;
  }
}
