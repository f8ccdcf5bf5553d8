// What must hold at every moment of a simulated run, checked after every event at the peer whose event it was. Each
// check looks only at what has changed there, so that a run with checks takes little longer than one without.

import type { Entry } from '../journal/entry.ts';
import { recoveryRules } from '../recovery/index.ts';
import type { PeerName } from '../seams/network.ts';
import type { Peer } from '../swarm/peer.ts';
import { planIn } from '../swarm/planning/planning.ts';
import { unaccounted } from '../swarm/training/accounting.ts';
import type { SimulatedPeerEvent, Simulation } from './simulation.ts';
import { StandingStill } from './standing-still.ts';
import type { Vote } from './votes.ts';

/** What must hold; each name is what a failure is reported under. */
export type InvariantName =
  | 'committed history is one chain'
  | 'a keeper votes once in a term'
  | 'replicas at equal iteration have equal digests'
  | 'who computes an iteration holds the weights of the one before'
  | 'no micro-batch counts twice in a stage'
  | 'the gradient is that of the micro-batches counted'
  | 'every micro-batch of a plan is accounted for'
  | 'what a peer keeps is given back'
  | 'nothing waits for ever'
  | 'every repair names its rule and sources'
  | 'no honest peer is called misbehaving'
  | 'the journal of a run that has ended passes an audit'
  | 'a peer never breaks on what another says';

export class InvariantError extends Error {
  override readonly name = 'InvariantError';
  readonly invariant: InvariantName;
  constructor(invariant: InvariantName, problem: string) {
    super(`${invariant}: ${problem}`);
    this.invariant = invariant;
  }
}

/** More that is checked when a peer's weights have gone on to another iteration. */
export type SteppedCheck = (step: {
  readonly peer: Peer;
  readonly stage: number;
  readonly iteration: number;
  /** The commits of this peer's journal, by iteration. */
  readonly commits: ReadonlyMap<number, Entry>;
  /** Index of the entry that last rebuilt a stage, by stage. */
  readonly repairs: ReadonlyMap<number, number>;
  readonly fail: (invariant: InvariantName, problem: string) => never;
}) => void;

export interface InvariantSettings {
  /** Peers of whom nothing is expected. */
  readonly hostile?: ReadonlySet<PeerName>;
  readonly stepped?: readonly SteppedCheck[];
  /** So long there may be no commit when the last fault has ended; by default that is not looked at. */
  readonly mostQuietSeconds?: number;
}

/** What was last seen of one peer. */
interface Seen {
  readonly peer: Peer;
  length: number;
  lastHash: string;
  /** By which entries the run was founded again, as far as its journal goes. */
  foundings: string;
  plan: Entry | undefined;
  readonly commits: Map<number, Entry>;
  readonly repairs: Map<number, number>;
  holding: { readonly stage: number; readonly iteration: number } | undefined;
  /** Since when its weights are in place and it does not count, and how many commits it has followed since. */
  uncounted: { readonly since: number; commits: number } | undefined;
  /** Where its weights are compared with those of others. */
  compared: string | undefined;
  /** The copy of another stage that it keeps, and where that is compared. */
  copy: string | undefined;
  copyCompared: string | undefined;
}

/** How many streams a peer may have open to each other one: three protocols, both ways, some on their way out. */
const MOST_STREAMS_PER_PEER = 16;

/** Whoever has followed so many commits for so long with its weights in place is overdue to count. */
const UNCOUNTED_COMMITS = 6;
const UNCOUNTED_SECONDS = 2;

/** Watches a simulation: hand it every peer's events, and call `atEnd` when it has ended. */
export class Invariants {
  /** Checks made so far that looked at something new. */
  checks = 0;
  readonly #settings: InvariantSettings;
  readonly #simulation: Simulation;
  readonly #seen = new Map<PeerName, Seen>();
  /** What anybody has acted on at an index of the journal of one founding, by hash. */
  readonly #chain = new Map<string, string>();
  /** Whom each peer has voted for, by peer and term. */
  readonly #votes = new Map<string, PeerName>();
  /** At each index of the journal: who has acted on which entry, by hash. */
  readonly #acted: Map<string, Set<PeerName>>[] = [];
  /** At each index: the entry that more than half of the members of then have acted on. */
  readonly #settled: (string | undefined)[] = [];
  /** Which entries gave stages back before a commit that certifies a summary, by its hash. */
  readonly #repairedBefore = new Map<string, ReadonlyMap<number, number>>();
  /** Weights now held, by stage and last entry that changed them. */
  readonly #digests = new Map<string, Map<PeerName, string>>();
  #noted: InvariantError | undefined;
  readonly #standingStill: StandingStill | undefined;

  constructor(simulation: Simulation, settings: InvariantSettings) {
    this.#simulation = simulation;
    this.#settings = settings;
    const { mostQuietSeconds: mostSeconds } = settings;
    if (mostSeconds !== undefined) {
      this.#standingStill = new StandingStill({
        now: () => simulation.world.now(),
        faults: simulation.faults,
        mostSeconds,
        fail: (problem) => this.#fail('nothing waits for ever', problem),
      });
    }
    simulation.world.onEvent((owner) => {
      if (this.#noted !== undefined) throw this.#noted;
      this.#standingStill?.check();
      if (owner !== '') this.#after(owner);
    });
    simulation.onVote((vote) => this.#voted(vote));
  }

  /** What a peer has said, it may not take back in another life. */
  #voted({ voter, candidate, term }: Vote): void {
    if (this.#settings.hostile?.has(voter)) return;
    const key = `${voter} ${term}`;
    const before = this.#votes.get(key) ?? candidate;
    this.#votes.set(key, before);
    if (before === candidate || this.#noted !== undefined) return;
    try {
      const problem = `${voter} votes for ${candidate} in term ${term}, and has voted for ${before}`;
      this.#fail('a keeper votes once in a term', problem);
    } catch (error) {
      this.#noted = error as InvariantError;
    }
  }

  /** An event of the peer's own; what is wrong with it is thrown after the world's event that it belongs to. */
  observe(event: SimulatedPeerEvent): void {
    if (this.#settings.hostile?.has(event.of)) return;
    try {
      // a peer that could not be asked for what its entries showed to be missing has done no wrong
      const silent = event.kind === 'misbehaved' && /did not answer/.test(event.problem);
      if (event.kind === 'misbehaved' && !silent && !this.#settings.hostile?.has(event.peer)) {
        this.#fail(
          'no honest peer is called misbehaving',
          `${event.of} says of ${event.peer}: ${event.problem}`,
        );
      }
      if (event.kind === 'failed') this.#checkProblem(event.of, event.problem);
      this.#standingStill?.observe(event);
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.#noted ??= error;
    }
  }

  /** At the end of a run: every peer's part is over, and what it held is given back. */
  atEnd(): void {
    for (const [name, end] of this.#simulation.ends) {
      if (this.#settings.hostile?.has(name)) continue;
      if (end.how === 'failed' && end.reason.name !== 'JoinError') {
        this.#fail(
          'a peer never breaks on what another says',
          `${name} ended: ${end.reason.stack ?? end.reason.message}`,
        );
      }
      const kept = Object.entries(this.#simulation.peer(name)?.kept ?? {}).filter(([, bytes]) => bytes > 0);
      if (kept.length > 0) {
        const what = kept.map(([of, bytes]) => `${bytes} bytes (${of})`).join(', ');
        this.#fail('what a peer keeps is given back', `${name} has ended and keeps ${what}`);
      }
    }
  }

  #checkProblem(of: PeerName, problem: string): void {
    if (/undefined|is not a function|not iterable|Cannot read|Maximum call stack/.test(problem)) {
      this.#fail('a peer never breaks on what another says', `${of}: ${problem}`);
    }
  }

  #after(name: PeerName): void {
    if (this.#settings.hostile?.has(name)) return;
    const peer = this.#simulation.peer(name);
    const before = this.#seen.get(name);
    if (peer === undefined || this.#simulation.ends.has(name)) {
      if (before) this.#forget(name, before);
      return;
    }
    let seen = before;
    if (seen?.peer !== peer) {
      if (seen) this.#forget(name, seen);
      seen = this.#meet(name, peer);
    }
    const { journal, holding } = peer;
    if (journal.length !== seen.length || journal.at(journal.length - 1)?.hash !== seen.lastHash) {
      this.#read(name, seen);
    }
    const { holding: held } = seen;
    if (holding?.stage !== held?.stage || holding?.iteration !== held?.iteration) this.#stepped(name, seen);
    const copy = peer.copy();
    const standing = copy && `${copy.stage} ${copy.iteration}`;
    if (standing !== seen.copy) this.#copied(name, seen, copy);
  }

  /** The copy that a peer keeps of another stage is of another iteration than before: its bits are the replicas'. */
  #copied(name: PeerName, seen: Seen, copy: ReturnType<Peer['copy']>): void {
    this.checks++;
    seen.copy = copy && `${copy.stage} ${copy.iteration}`;
    if (seen.copyCompared !== undefined) this.#digests.get(seen.copyCompared)?.delete(name);
    seen.copyCompared = undefined;
    if (copy === undefined) return;
    const where = this.#standing(seen, copy);
    if (where !== undefined) seen.copyCompared = this.#compare(name, seen, copy.stage, where, copy.digest());
  }

  /** What weights are compared under: their stage and all that has changed it; undefined where that is not known. */
  #standing(seen: Seen, { stage, iteration }: { stage: number; iteration: number }): string | undefined {
    const last = seen.commits.get(iteration);
    if (iteration > 0 && last === undefined) return undefined; // it has not read so far, or holds another history's
    return `${stage} ${iteration} ${last?.hash ?? ''} ${seen.repairs.get(stage) ?? ''}`;
  }

  /** What its disk remembers was acted on in a life before. */
  #meet(name: PeerName, peer: Peer): Seen {
    const seen: Seen = {
      peer,
      length: 0,
      lastHash: '',
      foundings: '',
      plan: undefined,
      commits: new Map(),
      repairs: new Map(),
      holding: undefined,
      uncounted: undefined,
      compared: undefined,
      copy: undefined,
      copyCompared: undefined,
    };
    this.#seen.set(name, seen);
    for (let index = 0; index < peer.journal.length; index++) {
      const entry = peer.journal.at(index);
      if (entry !== undefined) this.#remember(seen, entry); // a summary may stand for the first
    }
    return seen;
  }

  #forget(name: PeerName, seen: Seen): void {
    for (const where of [seen.compared, seen.copyCompared]) {
      if (where !== undefined) this.#digests.get(where)?.delete(name);
    }
    this.#seen.delete(name);
  }

  /** Reads what is new in a peer's journal, from where it differs from what was seen. */
  #read(name: PeerName, seen: Seen): void {
    this.checks++;
    const { journal } = seen.peer;
    let from = seen.length;
    if (from > journal.length || (from > 0 && journal.at(from - 1)?.hash !== seen.lastHash)) {
      from = 0; // another journal has taken its place
      seen.commits.clear();
      seen.repairs.clear();
      seen.plan = undefined;
      seen.foundings = '';
    }
    for (let index = from; index < journal.length; index++) {
      const entry = journal.at(index);
      if (entry === undefined) continue; // a summary stands for it
      this.#act(name, seen, entry);
      this.#checkEntry(seen, entry);
      this.#remember(seen, entry);
    }
    seen.length = journal.length;
    seen.lastHash = journal.at(journal.length - 1)?.hash ?? '';
  }

  #remember(seen: Seen, entry: Entry): void {
    const { body } = entry;
    if (body.kind === 'commit' && body.summary !== undefined) this.#sumUp(seen, entry);
    if (body.kind === 'refound') seen.foundings += ` ${entry.hash}`;
    if (body.kind === 'plan') seen.plan = entry;
    if (body.kind === 'commit') seen.commits.set(body.iteration, entry);
    if (body.kind === 'repair') seen.repairs.set(body.stage, entry.index);
    seen.length = entry.index + 1;
    seen.lastHash = entry.hash;
  }

  /** A peer whose journal begins with a summary goes on from what others have read before it. */
  #sumUp(seen: Seen, { hash, previous }: Entry): void {
    if (seen.lastHash === previous) this.#repairedBefore.set(hash, new Map(seen.repairs));
    else for (const [stage, by] of this.#repairedBefore.get(hash) ?? []) seen.repairs.set(stage, by);
  }

  #act(name: PeerName, seen: Seen, { index, hash, body }: Entry): void {
    // who founds a run again says so by an entry, and its journal is another one from there on
    const place = `${index}${seen.foundings}${body.kind === 'refound' ? ` ${hash}` : ''}`;
    const other = this.#chain.get(place);
    if (other === undefined) this.#chain.set(place, hash);
    else if (other !== hash) {
      this.#fail(
        'committed history is one chain',
        `${name} acts on entry ${index} (${body.kind}) ${hash.slice(0, 8)}, somebody has acted on ${other.slice(0, 8)}`,
      );
    }
    const settled = this.#settled[index];
    if (settled !== undefined && settled !== hash) {
      this.#fail(
        'committed history is one chain',
        `${name} acts on entry ${index} (${body.kind}) ${hash.slice(0, 8)}, most have acted on ${settled.slice(0, 8)}`,
      );
    }
    if (settled === hash) return;
    let acted = this.#acted[index];
    if (acted === undefined) {
      acted = new Map();
      this.#acted[index] = acted;
    }
    const peers = acted.get(hash) ?? new Set();
    acted.set(hash, peers.add(name));
    const members = seen.peer.state.present().length;
    if (2 * peers.size > Math.max(1, members)) {
      this.#settled[index] = hash;
      this.#acted[index] = new Map();
    }
  }

  #checkEntry(seen: Seen, { index, body }: Entry): void {
    if (body.kind === 'plan') {
      const { holding, state, self } = seen.peer;
      const computes = state.member(self)?.status === 'active' && holding !== undefined;
      if (
        computes &&
        holding.iteration !== body.iteration - 1 &&
        holding.stage === state.member(self)?.stage
      ) {
        this.#fail(
          'who computes an iteration holds the weights of the one before',
          `${self} begins iteration ${body.iteration} with the weights of ${holding.iteration}`,
        );
      }
    }
    if (body.kind === 'commit') this.#checkCommit(seen, body, index);
    if (body.kind === 'repair') {
      const needed = ['checkpoint', 'random', 'replay'].includes(body.rule) ? 0 : 1;
      const isExact = ['checkpoint', 'replay', 'shadow'].includes(body.rule);
      if (!isExact && !Object.hasOwn(recoveryRules, body.rule)) {
        this.#fail('every repair names its rule and sources', `entry ${index} names the rule "${body.rule}"`);
      }
      const wrong = body.sources.find(
        ({ stage, peer }) =>
          (stage === body.stage) !== (body.rule === 'shadow') || seen.peer.state.member(peer) === undefined,
      );
      if (body.sources.length < needed || wrong) {
        this.#fail(
          'every repair names its rule and sources',
          `entry ${index} (${body.rule}, stage ${body.stage}) has the sources ${JSON.stringify(body.sources)}`,
        );
      }
    }
  }

  #checkCommit(seen: Seen, body: Extract<Entry['body'], { kind: 'commit' }>, index: number): void {
    const planned = seen.plan?.body;
    if (planned?.kind !== 'plan') return;
    const { stages } = body;
    for (const { stage, microbatches } of stages) {
      if (new Set(microbatches).size !== microbatches.length) {
        this.#fail(
          'no micro-batch counts twice in a stage',
          `entry ${index} commits iteration ${body.iteration} with ${microbatches.join(' ')} in stage ${stage}`,
        );
      }
    }
    const plan = planIn(planned.plan);
    const known = new Set(plan.paths.map((path) => path.microbatch));
    for (const { stage, microbatches } of stages) {
      const strange = microbatches.find((microbatch) => !known.has(microbatch));
      if (strange !== undefined) {
        this.#fail(
          'the gradient is that of the micro-batches counted',
          `entry ${index} counts micro-batch ${strange} in stage ${stage}, which was not planned`,
        );
      }
    }
    const { manifest } = this.#simulation;
    const missing = manifest ? unaccounted(manifest, known, body) : [];
    const stranger = body.dropped.find(({ microbatch }) => !known.has(microbatch));
    if (missing.length > 0 || stranger) {
      this.#fail(
        'every micro-batch of a plan is accounted for',
        missing.length > 0
          ? `entry ${index} commits iteration ${body.iteration} and says nothing of ${missing.join(' ')}`
          : `entry ${index} gives up micro-batch ${stranger!.microbatch}, which was not planned`,
      );
    }
  }

  /** A peer's weights are another stage's or iteration's than before. */
  #stepped(name: PeerName, seen: Seen): void {
    this.checks++;
    const { peer } = seen;
    const { holding } = peer;
    const before = seen.holding;
    seen.holding = holding;
    if (seen.compared !== undefined) this.#digests.get(seen.compared)?.delete(name);
    seen.compared = undefined;
    if (holding === undefined) return;
    const { stage, iteration } = holding;
    this.#checkCounted(name, seen);
    const where = this.#standing(seen, holding);
    if (where === undefined) return;
    seen.compared = this.#compare(name, seen, stage, where, peer.weights()!.digest);
    if (before?.stage === stage && before.iteration === iteration - 1) {
      const fail = (invariant: InvariantName, problem: string) => this.#fail(invariant, problem);
      for (const check of this.#settings.stepped ?? []) {
        check({ peer, stage, iteration, commits: seen.commits, repairs: seen.repairs, fail });
      }
    }
    const streams = this.#simulation.network(name)?.openStreams() ?? 0;
    const most = MOST_STREAMS_PER_PEER * peer.state.everyone().length;
    if (streams > most) this.#fail('what a peer keeps is given back', `${name} has ${streams} streams open`);
  }

  /** Weights that are in place come to count: the leader hears of them, whoever that is by then. */
  #checkCounted(name: PeerName, seen: Seen): void {
    const now = this.#simulation.world.now();
    if (seen.peer.state.member(name)?.status !== 'entering') {
      seen.uncounted = undefined;
      return;
    }
    seen.uncounted ??= { since: now, commits: 0 };
    const { since, commits } = seen.uncounted;
    seen.uncounted.commits++;
    if (commits < UNCOUNTED_COMMITS || now - since < UNCOUNTED_SECONDS) return;
    this.#fail(
      'nothing waits for ever',
      `${name} has its weights in place since ${since.toFixed(2)} s and does not count after ${commits} commits`,
    );
  }

  #compare(name: PeerName, seen: Seen, stage: number, where: string, digest: string): string {
    const others = this.#digests.get(where) ?? new Map<PeerName, string>();
    for (const [other, theirs] of others) {
      if (theirs === digest) continue;
      // by what this peer has read: the other may rebuild the stage by an entry that it has not, which took it from this one
      const member = seen.peer.state.member(other);
      if (member?.status !== 'active') continue;
      if (member.stage !== stage && member.shadow?.stage !== stage) continue;
      this.#fail(
        'replicas at equal iteration have equal digests',
        `${name} has ${digest.slice(0, 8)} and ${other} has ${theirs.slice(0, 8)} (stage, iteration, commit: ${where})`,
      );
    }
    this.#digests.set(where, others.set(name, digest));
    return where;
  }

  #fail(invariant: InvariantName, problem: string): never {
    throw new InvariantError(invariant, `at ${this.#simulation.world.now().toFixed(4)} s, ${problem}`);
  }
}
