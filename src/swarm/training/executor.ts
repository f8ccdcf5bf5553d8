// One iteration at one peer: its tasks of the plan, in the plan's order. The order is kept strictly, so gradients add
// up in the same order every time; only micro-batches that came here because another peer was lost run as soon as
// they can.

import type { Clock } from '../../seams/clock.ts';
import type { TaskKind } from '../../schedule/plan.ts';
import type { Engine, Perturbation } from '../../seams/engine.ts';
import { Paths, type PathsParts } from './paths.ts';
import type { ProbeReport } from './probing.ts';
import type { ComputedTask } from './repeated-work.ts';
import { forgetTensors, isGivenUp, type Visit } from './visits.ts';

export interface ExecutorParts extends Omit<PathsParts, 'forwardOnly' | 'release' | 'changed'> {
  readonly engine: Engine;
  readonly clock: Clock;
  /** The tokens of a micro-batch; only asked for at its anchor. */
  readonly tokens: (microbatch: number) => { inputs: Int32Array; targets: Int32Array };
  /** Where there is no backward: how this stage's weights are moved for a pass, and what complete passes give. */
  readonly probing?: Probing;
}

export interface Probing {
  readonly perturbation: (microbatch: number) => Perturbation;
  readonly complete: (losses: ReadonlyMap<number, Float32Array>) => readonly ProbeReport[];
}

export interface IterationReport {
  /** Micro-batches whose gradient is in this peer's sum, in the order in which they were added. */
  readonly microbatches: readonly number[];
  readonly losses: readonly { readonly microbatch: number; readonly loss: number }[];
  /** Where there is no backward, at an anchor. */
  readonly probes: readonly ProbeReport[];
  readonly dropped: readonly { readonly microbatch: number; readonly reason: string }[];
  readonly computeSeconds: number;
  /** Means of the engine's calls, whole microseconds; 0 where there was none. Waiting for input is not in them. */
  readonly forwardMicroseconds: number;
  readonly backwardMicroseconds: number;
  readonly headMicroseconds: number;
  /** Forward and backward visits computed here, and those of lost peers that were seen from here. */
  readonly visits: number;
}

interface PlannedTask {
  readonly kind: 'forward' | 'head' | 'backward' | 'backward-input' | 'backward-weight';
  readonly visit: Visit;
}

/** What is timed apart; a backward is either whole or in two parts. */
type EngineCall = 'forward' | 'head' | 'backward' | 'input' | 'weights';

const KINDS: ReadonlySet<TaskKind> = new Set<PlannedTask['kind']>([
  'forward',
  'head',
  'backward',
  'backward-input',
  'backward-weight',
]);

function isRunHere(kind: TaskKind): kind is PlannedTask['kind'] {
  return KINDS.has(kind);
}

export class Executor {
  /** The micro-batches that pass through here: what arrives is handed to it. */
  readonly paths: Paths;
  readonly #parts: ExecutorParts;
  readonly #tasks: PlannedTask[] = [];
  readonly #counted: number[] = [];
  /** Of passes, each sample's. */
  readonly #sampleLosses = new Map<number, Float32Array>();
  #next = 0;
  /** What was computed here, whatever became of it. */
  readonly #computed: ComputedTask[] = [];
  #computeSeconds = 0;
  readonly #engineCalls: Readonly<Record<EngineCall, { seconds: number; calls: number }>> = {
    forward: { seconds: 0, calls: 0 },
    backward: { seconds: 0, calls: 0 },
    input: { seconds: 0, calls: 0 },
    weights: { seconds: 0, calls: 0 },
    head: { seconds: 0, calls: 0 },
  };
  #closed = false;
  #aborted = false;
  #executing: Promise<void> = Promise.resolve();
  #changed: (() => void) | undefined;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    const { plan, self, engine } = parts;
    if (plan.order.kind !== 'fixed') throw new RangeError('a live iteration needs a plan with a fixed order');
    this.paths = new Paths({
      ...parts,
      forwardOnly: parts.probing !== undefined,
      release: (key) => void engine.release(key).catch(() => {}),
      changed: () => this.#wake(),
    });
    for (const index of plan.order.tasks[plan.peers.indexOf(self)] ?? []) {
      const task = plan.tasks[index]!;
      const visit = this.paths.visit(task.microbatch);
      const { kind } = task;
      if (visit && isRunHere(kind)) this.#tasks.push({ kind, visit });
    }
  }

  get stage(): number {
    return this.#parts.stage;
  }

  get iteration(): number {
    return this.#parts.iteration;
  }

  get attempt(): number {
    return this.#parts.attempt;
  }

  /**
   * Runs until `close` or `abort`. Calls `idle` each time everything that can be done is done, with what stands then;
   * a micro-batch rerouted to here makes it run and report again.
   */
  async run(idle: (report: IterationReport) => void): Promise<void> {
    let reported = false;
    while (!this.#aborted && !this.#closed) {
      const task = this.#pick();
      if (task !== undefined) {
        reported = false;
        this.#executing = this.#execute(task);
        await this.#executing;
      } else if (!reported && this.#finished()) {
        reported = true;
        idle(this.report());
      } else {
        await new Promise<void>((resolve) => {
          this.#changed = resolve;
        });
      }
    }
  }

  /** Forwards and backwards computed here, and those of lost peers that were seen from here. */
  get computed(): readonly ComputedTask[] {
    return [...this.#computed, ...this.paths.receivedFromLost];
  }

  report(): IterationReport {
    const losses = [...this.paths.visits]
      .filter((visit) => visit.loss !== undefined)
      .map((visit) => ({ microbatch: visit.microbatch, loss: visit.loss! }));
    return {
      microbatches: [...this.#counted],
      losses,
      probes: this.#parts.probing?.complete(this.#sampleLosses) ?? [],
      dropped: [...this.paths.droppedReasons].map(([microbatch, reason]) => ({ microbatch, reason })),
      computeSeconds: this.#computeSeconds,
      forwardMicroseconds: this.#meanMicroseconds('forward'),
      backwardMicroseconds: this.#backwardMicroseconds(),
      headMicroseconds: this.#meanMicroseconds('head'),
      visits: this.computed.length,
    };
  }

  /** Gives up what is not done, so that the report is final; resolves when nothing runs any more. */
  async close(): Promise<IterationReport> {
    this.#closed = true;
    this.paths.end(false);
    await this.#executing;
    return this.report();
  }

  /** Stops without a result, and releases what is kept. */
  abort(): void {
    this.#aborted = true;
    this.paths.end(true);
  }

  /** The next task that may run: rerouted micro-batches first, then the first of the plan that is not given up. */
  #pick(): PlannedTask | undefined {
    if (this.#closed) return undefined;
    for (const visit of this.paths.visits) {
      if (!visit.extra) continue;
      for (const kind of ['forward', 'backward'] as const) {
        const task = { kind, visit };
        if (this.#ready(task)) return task;
      }
    }
    while (this.#next < this.#tasks.length && this.#tasks[this.#next]!.visit.phase === 'given-up')
      this.#next++;
    const task = this.#tasks[this.#next];
    if (task === undefined || !this.#ready(task)) return undefined;
    this.#next++;
    return task;
  }

  #ready({ kind, visit }: PlannedTask): boolean {
    if (kind === 'head') return visit.headInput !== undefined;
    if (kind === 'forward')
      return visit.phase === 'forward' && (visit.hop === 0 || visit.input !== undefined);
    if (kind === 'backward-weight') return visit.phase === 'weights';
    return visit.phase === 'backward' && visit.gradient !== undefined;
  }

  #finished(): boolean {
    if (this.#next < this.#tasks.length) return false;
    for (const visit of this.paths.visits) {
      if (visit.phase !== 'done' && visit.phase !== 'given-up') return false;
    }
    return true;
  }

  async #execute({ kind, visit }: PlannedTask): Promise<void> {
    const { clock } = this.#parts;
    const started = clock.now();
    if (kind === 'forward') await this.#forward(visit);
    else if (kind === 'head') await this.#head(visit);
    else if (kind === 'backward-weight') await this.#weights(visit);
    else await this.#backward(visit, kind === 'backward' ? 'all' : 'input');
    visit.computing = undefined;
    this.#computeSeconds += clock.now() - started;
  }

  async #forward(visit: Visit): Promise<void> {
    const { engine, tokens, probing } = this.#parts;
    visit.computing = 'forward';
    const input = visit.hop === 0 ? tokens(visit.microbatch).inputs : visit.input!;
    visit.input = undefined;
    const how = probing
      ? { keep: false, perturbation: probing.perturbation(visit.microbatch) }
      : { keep: true };
    const output = await this.#timed('forward', engine.forward({ key: visit.key, input, ...how }));
    this.#hasComputed('forward', visit);
    if (isGivenUp(visit)) {
      await engine.release(visit.key);
      return;
    }
    // without backwards an anchor waits for its head, and for the others this was all
    visit.phase = probing && visit.hop > 0 ? 'done' : 'backward';
    if (visit.phase === 'done') this.#counted.push(visit.microbatch);
    this.paths.forwarded(visit, output);
  }

  async #head(visit: Visit): Promise<void> {
    const { engine, tokens, probing } = this.#parts;
    visit.computing = 'head';
    const input = visit.headInput!;
    visit.headInput = undefined;
    const { targets } = tokens(visit.microbatch);
    const how = probing
      ? { gradient: false, perturbation: probing.perturbation(visit.microbatch) }
      : { gradient: true };
    const { loss, sampleLosses, inputGradient } = await this.#timed(
      'head',
      engine.head({ input, targets, ...how }),
    );
    this.#counted.push(visit.microbatch);
    if (Number.isFinite(loss)) visit.loss = loss;
    if (isGivenUp(visit)) return;
    if (!Number.isFinite(loss)) {
      this.paths.drop(visit, `its loss is ${loss}`);
      return;
    }
    if (probing) {
      this.#sampleLosses.set(visit.microbatch, sampleLosses);
      visit.phase = 'done';
    } else {
      this.paths.headDone(visit, inputGradient!);
    }
  }

  /** @param part `input`: its gradient alone, which goes on at once; what the weights add has a task of its own */
  async #backward(visit: Visit, part: 'all' | 'input'): Promise<void> {
    const { engine } = this.#parts;
    visit.computing = 'backward';
    const gradient = visit.gradient!;
    visit.gradient = undefined;
    const computing = engine.backward({ key: visit.key, outputGradient: gradient, part });
    const inputGradient = await this.#timed(part === 'all' ? 'backward' : 'input', computing);
    this.#hasComputed('backward', visit);
    if (part === 'all') this.#count(visit);
    if (isGivenUp(visit)) return;
    visit.phase = part === 'all' ? 'done' : 'weights';
    forgetTensors(visit);
    if (visit.hop > 0) this.paths.backwarded(visit, inputGradient!);
  }

  async #weights(visit: Visit): Promise<void> {
    visit.computing = 'weights';
    await this.#timed('weights', this.#parts.engine.backward({ key: visit.key, part: 'weight' }));
    this.#count(visit);
    if (!isGivenUp(visit)) visit.phase = 'done';
  }

  /** Its gradient is in the sum; an anchor's was counted with its head. */
  #count({ hop, microbatch }: Visit): void {
    if (hop > 0) this.#counted.push(microbatch);
  }

  #hasComputed(kind: ComputedTask['kind'], { microbatch }: Visit): void {
    const { stage, self } = this.#parts;
    this.#computed.push({ kind, microbatch, stage, peer: self });
  }

  async #timed<Result>(kind: EngineCall, call: Promise<Result>): Promise<Result> {
    const { clock } = this.#parts;
    const started = clock.now();
    const result = await call;
    const sum = this.#engineCalls[kind];
    sum.seconds += clock.now() - started;
    sum.calls++;
    return result;
  }

  /** Of both halves together, where they are two calls. */
  #backwardMicroseconds(): number {
    const [input, weights] = [this.#meanMicroseconds('input'), this.#meanMicroseconds('weights')];
    return input > 0 && weights > 0 ? input + weights : this.#meanMicroseconds('backward');
  }

  #meanMicroseconds(kind: EngineCall): number {
    const { seconds, calls } = this.#engineCalls[kind];
    return calls === 0 ? 0 : Math.max(1, Math.round((seconds / calls) * 1e6));
  }

  #wake(): void {
    this.#changed?.();
    this.#changed = undefined;
  }
}
