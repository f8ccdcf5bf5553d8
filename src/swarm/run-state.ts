// What the journal says is so: who belongs to the run and holds which stage, who leads, which iteration was
// committed last. Every peer computes this from the same entries and so knows the same.

import {
  type CommitBody,
  type Entry,
  type EntryBody,
  JournalError,
  type MemberChange,
  type Planner,
} from '../journal/entry.ts';
import {
  type Measurements,
  measurementsOf,
  noMeasurements,
  withMeasurements,
  withoutPeer,
} from '../schedule/skippipe/measured.ts';
import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import { type Member, Members, nobody } from './members.ts';
import { digestOfSummary, type RunSummary } from './summary.ts';

export type { Member, Shadow } from './members.ts';

export interface OrderedPlan {
  readonly iteration: number;
  readonly attempt: number;
  /** As it stands in the journal; checked where it is used. */
  readonly plan: unknown;
  /** What it says it was computed from. */
  readonly planner?: Planner | undefined;
}

export class RunState {
  runId = '';
  founder: PeerName = '';
  leader: PeerName = '';
  term = 0;
  /** The iteration committed last; 0 before the first. */
  iteration = 0;
  /** The plan that was ordered and not committed yet. */
  plan: OrderedPlan | undefined;
  ended = false;
  lastCommit: CommitBody | undefined;
  /** Who keeps the journal. */
  keepers: readonly PeerName[] = [];
  /** Hash of each entry by which survivors founded the run again. */
  readonly refounded: string[] = [];
  /** Averages of what was measured up to the last commit, and up to the one before. */
  #measured: Measurements = noMeasurements;
  #measuredBefore: Measurements = noMeasurements;
  #members: Members = nobody;
  /** Per stage: the last commit that changed its weights, and the norm of that gradient. */
  readonly #updatedAt = new Map<number, number>();
  readonly #gradientNorms = new Map<number, number>();
  /** The newest commit that certifies a summary, by index, and what it certifies; none after a founding anew. */
  summarised: { readonly index: number; readonly summary: RunSummary } | undefined;
  readonly #sha256: Identity['digest'] | undefined;
  #summaryDigest: string | undefined;

  /** @param sha256 without it, digests of summaries are taken as read: somebody else has compared them */
  constructor(sha256?: Identity['digest']) {
    this.#sha256 = sha256;
  }

  /** What a summary says, ready for the commit that certifies it. */
  static from(summary: RunSummary, sha256?: Identity['digest']): RunState {
    const { iteration, attempt, members, stages } = summary;
    const state = new RunState(sha256);
    state.runId = summary.runId;
    state.founder = summary.founder;
    state.leader = summary.leader;
    state.term = summary.term;
    state.iteration = iteration;
    state.plan = { iteration: iteration + 1, attempt, plan: null };
    state.keepers = summary.keepers;
    state.refounded.push(...summary.refounded);
    state.#measured = summary.measured;
    state.#members = new Members(new Map(members.map((member) => [member.peer, member])));
    for (const { stage, updatedAt, gradientNorm } of stages) {
      state.#updatedAt.set(stage, updatedAt);
      if (gradientNorm !== undefined) state.#gradientNorms.set(stage, gradientNorm);
    }
    return state;
  }

  /** All that follows from the entries so far and bears on later ones, once a plan waits for its commit. */
  summary(): RunSummary | undefined {
    if (this.plan === undefined) return undefined;
    const { runId, founder, leader, term, iteration, keepers, refounded } = this;
    return {
      runId,
      founder,
      leader,
      term,
      iteration,
      attempt: this.plan.attempt,
      keepers,
      refounded: [...refounded],
      measured: this.#measured,
      stages: [...this.#updatedAt]
        .sort(([a], [b]) => a - b)
        .map(([stage, updatedAt]) => {
          const gradientNorm = this.#gradientNorms.get(stage);
          return { stage, updatedAt, ...(gradientNorm !== undefined && { gradientNorm }) };
        }),
      members: this.everyone(),
    };
  }

  /** What a commit of the plan under way says of the state before it; undefined where there is no plan. */
  summaryDigest(sha256: Identity['digest']): string | undefined {
    const summary = this.summary();
    if (summary === undefined) return undefined;
    this.#summaryDigest ??= digestOfSummary(summary, this.#members.digest(sha256), sha256);
    return this.#summaryDigest;
  }

  /** Throws a JournalError when the next entry's author had no right to it or it contradicts the rest. */
  check(entry: Pick<Entry, 'index' | 'term' | 'author' | 'body'>): void {
    const { body, author, index, term } = entry;
    const wrong = (why: string) =>
      new JournalError(`entry ${index} (${body.kind}): ${why}`, { index, author });
    if ((index === 0) !== (body.kind === 'genesis'))
      throw wrong('the first entry, and only that, is the genesis');
    if (body.kind === 'genesis') {
      if (author !== body.founder) throw wrong('the founder did not write it');
      return;
    }
    if (body.kind === 'leader') {
      if (body.peer !== author) throw wrong('nobody can name another peer as leader');
      if (term <= this.term) throw wrong(`term ${term} is not after ${this.term}`);
      if (!this.keepers.includes(author)) throw wrong(`${author} is no keeper`);
      return;
    }
    if (body.kind === 'refound') {
      const { run, peer, keepers } = body;
      if (run !== this.runId) throw wrong(`it is of run ${run}`);
      if (peer !== author || keepers.length !== 1 || keepers[0] !== author)
        throw wrong('its author does not keep it');
      if (term <= this.term) throw wrong(`term ${term} is not after ${this.term}`);
      const problem = this.refoundingProblem(body);
      if (problem !== undefined) throw wrong(problem);
      return;
    }
    if (author !== this.leader) throw wrong(`written by ${author}, but ${this.leader} leads`);
    if (term !== this.term) throw wrong(`of term ${term}, the leader's is ${this.term}`);
    if (body.kind === 'plan' && body.iteration !== this.iteration + 1) {
      throw wrong(`plans iteration ${body.iteration} after ${this.iteration}`);
    }
    if (body.kind === 'commit') {
      const planned = this.plan?.iteration === body.iteration && this.plan.attempt === body.attempt;
      if (!planned) throw wrong(`commits iteration ${body.iteration}, which was not planned`);
      const expected = body.summary && this.#sha256 && this.summaryDigest(this.#sha256);
      if (expected !== undefined && body.summary !== expected) {
        throw wrong(`sums up another state than the entries before it lead to`);
      }
    }
    if (body.kind === 'keepers') {
      const stranger = body.keepers.find((keeper) => !this.#members.get(keeper) && keeper !== this.founder);
      if (stranger !== undefined) throw wrong(`${stranger} is not a member`);
    }
    if (body.kind === 'members') {
      const unknown = body.changes.find(
        (change) => change.kind !== 'enter' && !this.#members.get(change.peer),
      );
      if (unknown) throw wrong(`${unknown.peer} is not a member`);
    }
  }

  /** Why too few have agreed to found the run again; undefined where half of the members have. */
  refoundingProblem({ peer, agreed }: Extract<EntryBody, { kind: 'refound' }>): string | undefined {
    const present = new Set(this.present().map((member) => member.peer));
    if (!present.has(peer)) return `${peer} is not a member`;
    const agreeing = new Set(agreed.map((one) => one.peer).filter((one) => present.has(one)));
    if (2 * agreeing.size >= present.size) return undefined;
    return `${agreeing.size} of ${present.size} members agree, fewer than half`;
  }

  /** Applies the next entry, after `check`. */
  apply(entry: Entry): void {
    this.check(entry);
    const { body, author, term } = entry;
    if (body.kind === 'commit' && body.summary !== undefined && this.refounded.length === 0) {
      this.summarised = { index: entry.index, summary: this.summary()! };
    }
    this.#summaryDigest = undefined;
    switch (body.kind) {
      case 'genesis':
        this.runId = body.runId;
        this.founder = body.founder;
        this.keepers = [body.founder];
        break;
      case 'keepers':
        this.keepers = body.keepers;
        break;
      case 'refound':
        this.keepers = body.keepers;
        this.refounded.push(entry.hash);
        this.leader = '';
        this.term = term;
        break;
      case 'leader':
        this.leader = author;
        this.term = term;
        break;
      case 'members':
        this.#changeMembers(entry, body.changes);
        break;
      case 'plan':
        this.plan = {
          iteration: body.iteration,
          attempt: body.attempt,
          plan: body.plan,
          planner: body.planner,
        };
        break;
      case 'commit':
        this.iteration = body.iteration;
        this.plan = undefined;
        this.lastCommit = body;
        this.#measure(body);
        for (const stage of body.stages) {
          if (stage.contributors.length === 0) continue;
          this.#updatedAt.set(stage.stage, body.iteration);
          this.#gradientNorms.set(stage.stage, stage.gradientNorm);
        }
        break;
      case 'repair':
        this.#updatedAt.set(body.stage, this.iteration);
        if (body.rule !== 'shadow') {
          this.#members = this.#members.after(entry, () => this.#members.withoutShadows(body.stage));
        }
        break;
      case 'end':
        this.ended = true;
        break;
    }
  }

  #measure({ measurements = [] }: CommitBody): void {
    const present = (peer: string) => {
      const member = this.#members.get(peer);
      return member !== undefined && member.status !== 'gone';
    };
    this.#measuredBefore = this.#measured;
    this.#measured = withMeasurements(this.#measured, measurementsOf(measurements, present));
  }

  /** What was measured up to an iteration's commit: the last one's or that before; undefined for others. */
  measurements(upToIteration: number): Measurements | undefined {
    if (upToIteration === this.iteration) return this.#measured;
    return upToIteration === this.iteration - 1 ? this.#measuredBefore : undefined;
  }

  /** What would be so after these changes, as the next entry: to see how one bears on another. */
  with(changes: readonly MemberChange[]): RunState {
    const copy = new RunState();
    copy.iteration = this.iteration;
    copy.leader = this.leader;
    copy.keepers = this.keepers;
    for (const [stage, norm] of this.#gradientNorms) copy.#gradientNorms.set(stage, norm);
    copy.#members = this.#members.with(changes, this.iteration, 0);
    return copy;
  }

  #changeMembers(entry: Entry, changes: readonly MemberChange[]): void {
    const before = this.#members;
    this.#members = before.after(entry, () => before.with(changes, this.iteration, entry.index));
    for (const change of changes) {
      if (change.kind !== 'gone') continue;
      this.#measured = withoutPeer(this.#measured, change.peer);
      this.#measuredBefore = withoutPeer(this.#measuredBefore, change.peer);
    }
  }

  member(peer: PeerName): Member | undefined {
    return this.#members.get(peer);
  }

  /** Members that are not gone, in the order in which they entered. */
  present(): readonly Member[] {
    return this.#members.present();
  }

  /** Everyone who ever belonged, in the order in which they (last) entered. */
  everyone(): readonly Member[] {
    return this.#members.everyone();
  }

  active(): readonly Member[] {
    return this.#members.active();
  }

  /** A stage's active replicas, in group order. */
  group(stage: number): readonly Member[] {
    return this.#members.group(stage);
  }

  /** Live holders of a stage, entering ones included. */
  holders(stage: number): readonly Member[] {
    return this.#members.holders(stage);
  }

  /** Members outside a stage whose exact copy of it is in place. */
  shadows(stage: number): readonly Member[] {
    return this.#members.shadows(stage);
  }

  /** The last commit (or repair) that changed a stage's weights; 0 when they are the initial ones. */
  updatedAt(stage: number): number {
    return this.#updatedAt.get(stage) ?? 0;
  }

  gradientNorm(stage: number): number {
    return this.#gradientNorms.get(stage) ?? 0;
  }

  /** The run's id, and behind it a mark for every time that survivors founded it again. */
  get runName(): string {
    const marks = this.refounded.map((hash) => `+${hash.slice(0, 6)}`);
    return `${this.runId}${marks.join('')}`;
  }
}
