// What the journal says is so: who belongs to the run and holds which stage, who leads, which iteration was
// committed last. Every peer computes this from the same entries and so knows the same.

import {
  type CommitBody,
  type Entry,
  JournalError,
  type MemberChange,
  type Origin,
  type Planner,
} from '../journal/entry.ts';
import {
  type Measurements,
  measurementsOf,
  noMeasurements,
  withMeasurements,
  withoutPeer,
} from '../schedule/skippipe/measured.ts';
import type { PeerName } from '../seams/network.ts';

/** An exact copy of a stage, kept by a member that holds another one: so that the stage is not lost with its group. */
export interface Shadow {
  readonly stage: number;
  /** `entering`: the copy is on its way. */
  readonly status: 'entering' | 'active';
  readonly origin: Origin;
  /** The iteration that was committed last when it began. */
  readonly enteredAfter: number;
  /** The entry by which it began, by index. */
  readonly enteredBy: number;
}

export interface Member {
  readonly peer: PeerName;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly stage: number;
  /** `entering`: its weights are on their way, it listens to its group but counts for nothing yet. */
  readonly status: 'entering' | 'active' | 'gone';
  readonly origin: Origin;
  /** Micro-batches whose activations fit; as many as come where it is left out. */
  readonly memoryMicrobatches?: number | undefined;
  /** Whether it came with the run's text. */
  readonly hasText?: boolean | undefined;
  /** The iteration that was committed last when it entered its stage. */
  readonly enteredAfter: number;
  /** The entry by which it entered its stage, by index. */
  readonly enteredBy: number;
  /** Why it went; only while it is gone. */
  readonly how?: 'left' | 'broken' | 'silent' | 'failed';
  /** The stage that it keeps a copy of. */
  readonly shadow?: Shadow | undefined;
}

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
  readonly #members = new Map<PeerName, Member>();
  /** Per stage: the last commit that changed its weights, and the norm of that gradient. */
  readonly #updatedAt = new Map<number, number>();
  readonly #gradientNorms = new Map<number, number>();

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
      const { run, peer, keepers, agreed } = body;
      if (run !== this.runId) throw wrong(`it is of run ${run}`);
      if (peer !== author || keepers.length !== 1 || keepers[0] !== author)
        throw wrong('its author does not keep it');
      if (term <= this.term) throw wrong(`term ${term} is not after ${this.term}`);
      const present = new Set(this.present().map((member) => member.peer));
      if (!present.has(author)) throw wrong(`${author} is not a member`);
      const agreeing = new Set(agreed.map((one) => one.peer).filter((one) => present.has(one)));
      if (2 * agreeing.size < present.size) {
        throw wrong(`${agreeing.size} of ${present.size} members agree, fewer than half`);
      }
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
    }
    if (body.kind === 'keepers') {
      const stranger = body.keepers.find((keeper) => !this.#members.has(keeper) && keeper !== this.founder);
      if (stranger !== undefined) throw wrong(`${stranger} is not a member`);
    }
    if (body.kind === 'members') {
      const unknown = body.changes.find(
        (change) => change.kind !== 'enter' && !this.#members.has(change.peer),
      );
      if (unknown) throw wrong(`${unknown.peer} is not a member`);
    }
  }

  /** Applies the next entry, after `check`. */
  apply(entry: Entry): void {
    this.check(entry);
    const { body, author, term } = entry;
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
        for (const change of body.changes) this.#changeMember(change, entry.index);
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
        if (body.rule !== 'shadow') this.#dropShadows(body.stage);
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

  #changeMember(change: MemberChange, index: number): void {
    const before = this.#members.get(change.peer);
    if (change.kind === 'enter') {
      const { kind: _, ...entered } = change;
      const kept =
        before?.status !== 'gone' && before?.shadow?.stage !== change.stage ? before?.shadow : undefined;
      this.#members.delete(change.peer); // a group's order is the order of entering
      const since = { enteredAfter: this.iteration, enteredBy: index };
      this.#members.set(change.peer, {
        ...entered,
        status: 'entering',
        ...since,
        ...(kept && { shadow: kept }),
      });
      return;
    }
    const member = before!;
    if (change.kind === 'shadow' || change.kind === 'shadowing' || change.kind === 'unshadowed') {
      this.#members.set(change.peer, { ...member, shadow: this.#shadowAfter(change, member, index) });
      return;
    }
    // lost after it was found ready and before that was ordered: it stays gone
    if (change.kind === 'active' && member.status !== 'entering') return;
    const changed =
      change.kind === 'active'
        ? { status: 'active' as const }
        : { status: 'gone' as const, how: change.how, shadow: undefined };
    this.#members.set(change.peer, { ...member, ...changed });
    if (change.kind === 'gone') {
      this.#measured = withoutPeer(this.#measured, change.peer);
      this.#measuredBefore = withoutPeer(this.#measuredBefore, change.peer);
    }
  }

  /** The stage goes on from other weights than its copies. */
  #dropShadows(stage: number): void {
    for (const [peer, member] of this.#members) {
      if (member.shadow?.stage === stage) this.#members.set(peer, { ...member, shadow: undefined });
    }
  }

  #shadowAfter(
    change: Extract<MemberChange, { kind: 'shadow' | 'shadowing' | 'unshadowed' }>,
    member: Member,
    index: number,
  ): Shadow | undefined {
    if (change.kind === 'unshadowed' || member.status === 'gone') return undefined;
    if (change.kind === 'shadowing') return member.shadow && { ...member.shadow, status: 'active' };
    const { stage, origin } = change;
    if (stage === member.stage) return undefined; // it came to hold the stage itself
    return { stage, origin, status: 'entering', enteredAfter: this.iteration, enteredBy: index };
  }

  member(peer: PeerName): Member | undefined {
    return this.#members.get(peer);
  }

  /** Members that are not gone, in the order in which they entered. */
  present(): Member[] {
    return [...this.#members.values()].filter((member) => member.status !== 'gone');
  }

  /** Everyone who ever belonged, in the order in which they (last) entered. */
  everyone(): Member[] {
    return [...this.#members.values()];
  }

  active(): Member[] {
    return [...this.#members.values()].filter((member) => member.status === 'active');
  }

  /** A stage's active replicas, in group order. */
  group(stage: number): Member[] {
    return this.active().filter((member) => member.stage === stage);
  }

  /** Members outside a stage whose exact copy of it is in place. */
  shadows(stage: number): Member[] {
    return this.present().filter(({ shadow }) => shadow?.stage === stage && shadow.status === 'active');
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
