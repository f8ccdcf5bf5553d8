// A peer's part in the plans of the journal: each starts an executor and ends the one before; what it reports goes to
// the leader, and its gradient is taken off the engine once, when an exchange wants it.

import { drawSamples, type Windows } from '../../data/index.ts';
import type { CommitBody } from '../../journal/entry.ts';
import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { SwarmDescription } from '../../schedule/description.ts';
import type { Plan } from '../../schedule/plan.ts';
import type { Clock } from '../../seams/clock.ts';
import { type Engine, EngineError } from '../../seams/engine.ts';
import type { PeerName } from '../../seams/network.ts';
import { activationFormat } from './activations.ts';
import { compareOrder, isLate, type Taken } from './arrivals.ts';
import { describeSwarm } from '../planning/describing.ts';
import type { PeerEventBody } from '../events.ts';
import type { ExchangeOrder } from './exchange.ts';
import { Executor, type IterationReport, type Probing } from './executor.ts';
import { type Manifest, microbatchesPerIteration } from '../manifest.ts';
import { LinkTimes } from '../membership/link-times.ts';
import { type Attempt, type DroppedWord, EarlyWords } from './early-words.ts';
import { createMender } from './mending.ts';
import type { Messenger } from '../messenger.ts';
import type { Paths } from './paths.ts';
import { measurementsFor, plansFromTimes } from '../planning/planning.ts';
import {
  completeProbes,
  dataMicrobatch,
  isForwardOnly,
  passesOf,
  perturbationOf,
  probeBytes,
} from './probing.ts';
import type { RunState } from '../run-state.ts';
import { readSamples, windowsOf } from './samples.ts';

export interface RunningParts {
  readonly self: PeerName;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly engine: Engine;
  readonly messenger: Messenger;
  /** undefined while it is not here: this peer is no anchor then. */
  readonly text: () => Uint8Array | undefined;
  readonly state: () => RunState;
  readonly alive: (peer: PeerName) => boolean;
  readonly event: (event: PeerEventBody) => void;
  /** Within which a peer answers a question that asks for no work (timeouts.ts). */
  readonly answerSeconds: (peer: PeerName) => number;
  /** This peer cannot compute any more. */
  readonly broken: (error: Error) => void;
  /** An iteration in which this peer did all that the plan asks of it took so long, from plan to commit. */
  readonly iterationTook: (seconds: number) => void;
}

/** It is given up once, and leaves few peers of its path. */
const WORDS_OF_A_MICROBATCH = 4;

export class Running {
  readonly #parts: RunningParts;
  #windows: Windows | undefined;
  readonly #links: LinkTimes;
  #executor: Executor | undefined;
  #gradient: Float32Array | undefined;
  #taking: Promise<unknown> = Promise.resolve();
  #sentReport: IterationReport | undefined;
  #sentFinal = false;
  #nextKey = 1;
  readonly #early: EarlyWords;
  #startedAt = 0;
  /** Micro-batches of the attempt under way, and peers that they have left. */
  readonly #left = new Set<string>();
  readonly #mostWords: number;
  /** It was told to end the iteration under way before it had done all. */
  #closed = false;

  constructor(parts: RunningParts) {
    this.#parts = parts;
    this.#links = new LinkTimes(parts.clock, parts.messenger);
    const { manifest } = parts;
    this.#mostWords = WORDS_OF_A_MICROBATCH * passesOf(manifest) * microbatchesPerIteration(manifest);
    this.#early = new EarlyWords(this.#mostWords);
  }

  /** Ends the iteration under way without a result. */
  abandon(): void {
    const executor = this.#executor;
    this.#executor = undefined;
    this.#gradient = undefined;
    if (executor === undefined) return;
    const { iteration, attempt, paths, computed: tasks } = executor;
    executor.abort();
    if (paths.disturbed) this.#parts.event({ kind: 'computed', iteration, attempt, tasks });
  }

  /** Runs nothing any more. */
  stop(): void {
    this.abandon();
    this.#early.clear();
  }

  /** Bytes of words that wait for their plan. */
  get earlyBytes(): number {
    return this.#early.keptBytes;
  }

  /** Bytes of the tensors of the iteration under way, and of the gradient taken off the engine for it. */
  get keptBytes(): number {
    return (this.#executor?.paths.keptBytes ?? 0) + (this.#gradient?.byteLength ?? 0);
  }

  /** Runs this peer's tasks of a plan for `stage`. Resolves when it takes tensors. */
  async start(at: Attempt, plan: Plan, stage: number): Promise<void> {
    this.#startedAt = this.#parts.clock.now();
    this.#closed = false;
    this.#left.clear();
    const { self, manifest, engine, clock, messenger, state, event, alive, broken, answerSeconds } =
      this.#parts;
    const { iteration, attempt } = at;
    if (isForwardOnly(manifest) && !engine.capabilities.perturbation) {
      throw new EngineError(
        `the engine ${engine.name} cannot perturb weights, and the run trains by that alone`,
      );
    }
    if (plan.splitBackward && !engine.capabilities.splitBackward) {
      throw new EngineError(
        `the engine ${engine.name} cannot compute the halves of a backward apart, and the run's plans have them so`,
      );
    }
    await engine.takeGradients(); // of an attempt that did not end, or nothing
    this.#gradient = undefined;
    this.#sentReport = undefined;
    this.#links.begin();
    const executor = new Executor({
      self,
      stage,
      iteration,
      attempt,
      plan,
      engine,
      clock,
      alive,
      activations: activationFormat(manifest),
      emergencySkips: manifest.training.emergencySkips,
      mender: createMender(plan, () => this.#describe(plan)),
      ...(isForwardOnly(manifest) && { probing: this.#probing(iteration, stage) }),
      nextKey: () => this.#nextKey++,
      tokens: (microbatch) => this.#tokens(iteration, microbatch),
      send: (to, header, payload) =>
        plansFromTimes(manifest)
          ? this.#links.send(to, header, payload)
          : messenger.tensor(to, header, payload),
      announceDropped: (microbatch, reason, peer = '') => {
        const said = { kind: 'dropped', value: { iteration, attempt, microbatch, reason, peer } } as const;
        for (const other of state().present()) messenger.send(other.peer, said);
      },
      askSlot: async (peer, microbatch, wanted) => {
        const value = { iteration, attempt, microbatch, stage: wanted };
        const answer = await messenger
          .request(peer, { kind: 'slotRequest', value }, answerSeconds(peer))
          .catch(() => undefined);
        return answer?.kind === 'done';
      },
      note: (note) => event({ kind: 'path', iteration, attempt, note }),
    });
    this.#executor = executor;
    const early = this.#early.begin(at);
    for (const word of early.dropped) this.#dropped(executor, word);
    if (early.closed) this.close(iteration, attempt).catch(broken);
    executor.run((report) => this.#report(executor, report, false)).catch(broken);
  }

  /** The swarm of a plan with what is committed of its times. */
  #describe({ assignment, peers }: Plan): SwarmDescription {
    const { manifest, state } = this.#parts;
    const groups = assignment.map((group) => group.map((index) => peers[index]!));
    return describeSwarm(manifest, groups, measurementsFor(state(), manifest, state().iteration));
  }

  #probing(iteration: number, stage: number): Probing {
    const { manifest } = this.#parts;
    return {
      perturbation: (number) => perturbationOf(manifest, iteration, number, stage),
      complete: (losses) => completeProbes(manifest, losses),
    };
  }

  /** How many bytes of a commit are this peer's. */
  contributedBytes({ probes = [] }: CommitBody): number {
    const own = new Set(this.#sentReport?.probes.map(({ probe }) => probe));
    return probeBytes({ probes: probes.filter(({ probe }) => own.has(probe)) });
  }

  #tokens(iteration: number, microbatch: number) {
    const { manifest } = this.#parts;
    const text = this.#parts.text();
    if (text === undefined) throw new Error('an anchor needs the text of the run');
    this.#windows ??= windowsOf(manifest, text);
    const indices = drawSamples({
      runSeed: manifest.seed,
      iteration: iteration - 1,
      microbatch: dataMicrobatch(manifest, microbatch),
      samples: manifest.training.samplesPerMicrobatch,
      microbatches: microbatchesPerIteration(manifest),
      windows: this.#windows,
    });
    const { tokens: inputs, targets } = readSamples(manifest, text, this.#windows, indices);
    return { inputs, targets };
  }

  #report(executor: Executor, report: IterationReport, final: boolean): void {
    const { messenger, state } = this.#parts;
    const { iteration, attempt, stage } = executor;
    this.#sentReport = report;
    this.#sentFinal = final;
    for (const { microbatch, reason } of report.dropped) {
      const value = { iteration, attempt, microbatch, reason, peer: '' };
      messenger.send(state().leader, { kind: 'dropped', value });
    }
    const { dropped: _, ...done } = report;
    const value = { iteration, attempt, stage, ...done, final, links: this.#links.times };
    messenger.send(state().leader, { kind: 'finished', value });
    if (state().leader === this.#parts.self) return;
    messenger.carriesGradients(report.probes.reduce((sum, { differences }) => sum + differences.length, 0));
  }

  /** The connection to a peer was cut: if it leads, it may not have heard what this one has done. */
  reportAgain(to: PeerName): void {
    const executor = this.#executor;
    if (executor && this.#sentReport && to === this.#parts.state().leader) {
      this.#report(executor, this.#sentReport, this.#sentFinal);
    }
  }

  /** The leader ends the iteration's compute. */
  async close(iteration: number, attempt: number): Promise<void> {
    const executor = this.#executorOf(iteration, attempt);
    const at = { iteration, attempt };
    if (executor === undefined) {
      if (this.#isEarly(at)) this.#early.closed(this.#parts.state().leader, at);
      return;
    }
    this.#closed = true;
    this.#report(executor, await executor.close(), true);
  }

  /** Somebody says that a micro-batch is given up; see `Paths.dropped`. */
  dropped(from: PeerName, at: Attempt, word: DroppedWord): void {
    const executor = this.#executorOf(at.iteration, at.attempt);
    if (executor) this.#dropped(executor, word);
    else if (this.#isEarly(at)) this.#early.dropped(from, at, word);
  }

  #dropped({ paths }: Executor, { microbatch, reason, peer }: DroppedWord): void {
    if (peer !== '' && this.#left.size < this.#mostWords) this.#left.add(`${microbatch} ${peer}`);
    paths.dropped(microbatch, reason, peer);
  }

  /**
   * Whether a tensor is the output of a peer that its micro-batch has left, and another has sent its own: it was long
   * under way, and must not show the gradient a way back on which nobody waits for it.
   */
  #isOvertaken(from: PeerName, { kind, microbatch, hop, path }: TensorHeaderMessage): boolean {
    if (kind !== 'ACTIVATION' || !this.#left.has(`${microbatch} ${from}`)) return false;
    const visit = this.#executor?.paths.visit(microbatch);
    if (visit === undefined) return false;
    const { phase, input, computing, loss, headInput } = visit;
    if (hop === path.length) return loss !== undefined || headInput !== undefined || computing === 'head';
    return phase !== 'forward' || input !== undefined || computing !== undefined;
  }

  /** Whether an attempt has not begun here, and may still. */
  #isEarly(at: Attempt): boolean {
    const executor = this.#executor;
    const isBefore =
      executor !== undefined &&
      compareOrder([at.iteration, at.attempt], [executor.iteration, executor.attempt]) < 0;
    return !isBefore && !isLate(at, this.#parts.state());
  }

  /** An iteration was committed: how long it took says something where this peer did its part to the end. */
  committed({ iteration, attempt }: CommitBody): void {
    if (this.#executorOf(iteration, attempt) === undefined) return;
    if (this.#sentReport === undefined || this.#closed) return;
    this.#parts.iterationTook(this.#parts.clock.now() - this.#startedAt);
  }

  /**
   * This peer's gradient of the iteration that an exchange is ordered for, taken off the engine once; undefined when
   * that iteration does not run here, or more was added than the leader knows of: then it is told.
   */
  gradient(order: ExchangeOrder): Promise<Float32Array | undefined> {
    const taking = this.#taking.then(() => this.#takeGradient(order));
    this.#taking = taking.catch(() => {});
    return taking;
  }

  async #takeGradient({ iteration, attempt }: ExchangeOrder): Promise<Float32Array | undefined> {
    const executor = this.#executorOf(iteration, attempt);
    if (executor === undefined || this.#gradient !== undefined) return executor && this.#gradient;
    const report = await executor.close();
    if (report.microbatches.length !== this.#sentReport?.microbatches.length) {
      this.#report(executor, report, true);
      return undefined;
    }
    const values = await this.#parts.engine.takeGradients();
    if (this.#executor !== executor) return undefined;
    this.#gradient = values;
    return values;
  }

  /** The paths of an iteration, where it runs here. */
  paths(iteration: number, attempt: number): Paths | undefined {
    return this.#executorOf(iteration, attempt)?.paths;
  }

  /** The paths of whatever runs here now. */
  get currentPaths(): Paths | undefined {
    return this.#executor?.paths;
  }

  /** Whether a micro-batch of another peer's plan may come here. */
  grantSlot(iteration: number, attempt: number, microbatch: number, stage: number): boolean {
    if (this.#gradient !== undefined) return false;
    return this.paths(iteration, attempt)?.grantSlot(microbatch, stage) ?? false;
  }

  /** Takes an activation or a gradient of the iteration under way. */
  tensor(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Taken {
    const executor = this.#executor;
    const { iteration, attempt } = header;
    const newer = executor ? compareOrder([iteration, attempt], [executor.iteration, executor.attempt]) : 1;
    if (newer > 0) return { kind: 'early' };
    if (newer < 0 || this.#isOvertaken(from, header)) return { kind: 'taken' };
    const problem = executor!.paths.take(from, header, payload);
    return problem === undefined ? { kind: 'taken' } : { kind: 'wrong', problem };
  }

  #executorOf(iteration: number, attempt: number): Executor | undefined {
    const executor = this.#executor;
    return executor?.iteration === iteration && executor.attempt === attempt ? executor : undefined;
  }
}
