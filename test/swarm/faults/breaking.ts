// Breaks one peer of a small simulated swarm at one exact moment, and tells what became of the micro-batches. The
// moments are those of the peer's own work: its engine is watched, so "while computing" is while it computes. Of a commit
// its disk is watched, so "while computing" is while it writes the entry, and what keepers say to each other about it.

import { parseEntry } from '../../../src/journal/entry.ts';
import { decodeControl } from '../../../src/network/wire/codec.ts';
import type { Engine } from '../../../src/seams/engine.ts';
import type { Store } from '../../../src/seams/store.ts';
import type { CommitBody } from '../../../src/journal/entry.ts';
import type { Simulation } from '../../../src/replay/simulation.ts';
import type { PathNote } from '../../../src/swarm/training/paths.ts';
import { CONTROL } from '../../../src/swarm/protocols.ts';
import { overhearing } from '../../fuzz/recording.ts';
import { changed, type SmallRun, smallSimulation } from '../small-run.ts';

export type EngineWork = 'forward' | 'head' | 'backward' | 'takeGradients' | 'writeWeights' | 'load';
/** The engine's, or to write the commit down: first the leader, then the other keepers, then everyone else. */
export type Work = EngineWork | 'commit';

/** When the peer breaks, seen from its work. */
export type Moment =
  /** what it needs has arrived, nothing is computed yet */
  | 'before computing'
  | 'while computing'
  /** it has the result, nobody else has heard of it */
  | 'before sending'
  /** the result is under way */
  | 'while sending'
  /** the next peer has the result */
  | 'after sending';

export interface Fault {
  readonly victim: string;
  readonly work: Work;
  readonly moment: Moment;
  /** Which of its calls in the iteration, from 1 on. */
  readonly call?: number;
}

/** The iteration in which peers break: the swarm has found its pace by then. */
export const BROKEN_ITERATION = 3;

/** One more, to see that the run goes on. */
export const ITERATIONS = 4;

/** Messages between the small run's peers take 5 ms, its computations tenths of one. */
const WHILE_COMPUTING_SECONDS = 0.000_05;
/** A write to a disk takes a thousandth. */
const WHILE_WRITING_SECONDS = 0.000_5;
const WHILE_SENDING_SECONDS = 0.002;
const AFTER_SENDING_SECONDS = 0.006;

export interface Outcome {
  readonly simulation: Simulation;
  /** The commit of the broken iteration. */
  readonly commit: CommitBody;
  readonly notes: readonly PathNote[];
  /** Residuals that were alive when live peers took the weights of an iteration, one value per peer and iteration. */
  readonly residuals: readonly number[];
  /** Whether the moment came at all. */
  readonly broke: boolean;
}

/** Where the commit of the broken iteration stands, if a line is its entry. */
function commitIndex(line: string): number | undefined {
  const { body, index } = parseEntry(line);
  return body.kind === 'commit' && body.iteration === BROKEN_ITERATION ? index : undefined;
}

/** Whether a frame hands a keeper the entry at an index, or says that its sender has it on its disk. */
function saysCommit(header: Uint8Array, index: number): boolean {
  const { body } = decodeControl(header);
  if (body.kind !== 'consensus') return false;
  const { kind, entries, length } = body.value;
  if (kind === 'APPENDED') return length > index;
  return kind === 'APPEND' && entries.some((bytes) => commitIndex(new TextDecoder().decode(bytes)) === index);
}

/** Runs a small swarm in which the faults happen. */
export async function breaking(faults: readonly Fault[], run: SmallRun = {}): Promise<Outcome> {
  const iterationOf = new Map<string, number>();
  const residuals: number[] = [];
  const pending = new Set(faults);
  let crash: (name: string) => void = () => {};
  let later: (seconds: number, run: () => void) => void = () => {};
  const commitFault = (peer: string) =>
    faults.find((one) => pending.has(one) && one.work === 'commit' && one.victim === peer);
  /** Where the commit stands, for those that have it on their disks. */
  const written = new Map<string, number>();
  const watchDisk = (peer: string, store: Store): void => {
    const append = store.appendLog.bind(store);
    const appendLog: Store['appendLog'] = async (name, ...lines) => {
      const fault = commitFault(peer);
      const index = name === 'journal' ? lines.map(commitIndex).find((at) => at !== undefined) : undefined;
      if (fault === undefined || index === undefined) return append(name, ...lines);
      if (fault.moment === 'before computing') {
        pending.delete(fault);
        crash(peer);
        return new Promise(() => {});
      }
      if (fault.moment === 'while computing') {
        pending.delete(fault);
        later(WHILE_WRITING_SECONDS, () => crash(peer));
      }
      await append(name, ...lines);
      written.set(peer, index);
    };
    Object.assign(store, { appendLog });
  };
  const simulation = smallSimulation({
    iterations: ITERATIONS,
    slowDisks: faults.some(({ work }) => work === 'commit'),
    ...run,
    script: (event, simulated) => {
      if (event.kind === 'plan') iterationOf.set(event.of, event.iteration);
      if (event.kind === 'plan' && event.iteration === BROKEN_ITERATION && commitFault(event.of)) {
        watchDisk(event.of, simulated.store(event.of)!);
      }
      run.script?.(event, simulated);
    },
    network: (peer, network) =>
      overhearing(network, ({ id }, { header }) => {
        const [fault, index] = [commitFault(peer), written.get(peer)];
        if (fault === undefined || index === undefined) return undefined;
        if (id !== CONTROL.id || !saysCommit(header, index)) return undefined;
        pending.delete(fault);
        const { moment } = fault;
        if (moment === 'before sending') {
          crash(peer);
          throw new Error('it is lost'); // the frame is never sent
        }
        later(moment === 'while sending' ? WHILE_SENDING_SECONDS : AFTER_SENDING_SECONDS, () => crash(peer));
        return undefined;
      }),
    timedEngine: (peer, engine) => {
      const own = faults.filter((fault) => fault.victim === peer);
      const calls = new Map<Work, number>();
      const watched = (work: EngineWork, compute: () => Promise<unknown>): Promise<unknown> => {
        if (work === 'writeWeights') {
          void engine.memory().then((memory) => residuals.push(memory.residualsAlive));
        }
        if (iterationOf.get(peer) !== BROKEN_ITERATION) return compute();
        const call = (calls.get(work) ?? 0) + 1;
        calls.set(work, call);
        const fault = own.find((one) => pending.has(one) && one.work === work && (one.call ?? 1) === call);
        return fault === undefined ? compute() : broken(fault, compute);
      };
      const broken = async (fault: Fault, compute: () => Promise<unknown>): Promise<unknown> => {
        pending.delete(fault);
        if (fault.moment === 'before computing') return gone(peer);
        if (fault.moment === 'while computing') {
          later(WHILE_COMPUTING_SECONDS, () => crash(peer));
          return compute();
        }
        const result = await compute();
        if (fault.moment === 'before sending') return gone(peer);
        later(fault.moment === 'while sending' ? WHILE_SENDING_SECONDS : AFTER_SENDING_SECONDS, () =>
          crash(peer),
        );
        return result;
      };
      const gone = (name: string): Promise<never> => {
        crash(name);
        return new Promise(() => {});
      };
      const methods: Partial<Engine> = {};
      for (const work of ['forward', 'head', 'backward', 'takeGradients', 'writeWeights', 'load'] as const) {
        const own = engine[work].bind(engine) as (...given: unknown[]) => Promise<unknown>;
        Object.assign(methods, { [work]: (...given: unknown[]) => watched(work, () => own(...given)) });
      }
      return changed(engine, methods);
    },
  });
  crash = simulation.crash;
  later = (seconds, act) => void simulation.world.after(seconds, '', act);
  await simulation.run(600);
  const commit = simulation.events.find(
    (event) => event.kind === 'commit' && event.commit.iteration === BROKEN_ITERATION,
  );
  if (commit?.kind !== 'commit') throw new Error(`iteration ${BROKEN_ITERATION} was never committed`);
  const notes = simulation.events.flatMap((event) =>
    event.kind === 'path' && event.iteration === BROKEN_ITERATION ? [event.note] : [],
  );
  return { simulation, commit: commit.commit, notes, residuals, broke: pending.size === 0 };
}
