// What the demo knows, out of the events of all its peers: the same thing is said by many of them, so the first word
// of each counts. At the end it is the command's JSON document.

import type { CommitBody } from '../../journal/entry.ts';
import type { PeerEvent } from '../../swarm/events.ts';
import type { LeaderNote } from '../../swarm/leading/leader.ts';
import { lowerMedian } from '../../swarm/membership/medians.ts';
import type { SentBytes } from '../../swarm/messenger.ts';
import type { Timeouts } from '../../swarm/membership/timeouts.ts';
import { tasksLetGo } from '../../swarm/training/repeated-work.ts';

export interface Recovery {
  readonly stage: number;
  readonly rule: string;
  readonly seconds: number;
  readonly lossBefore: number | null;
  readonly lossAfter: number | null;
}

export interface DemoMember {
  readonly peer: string;
  readonly name: string;
  stage: number;
  status: 'entering' | 'active' | 'gone';
}

/** One thing worth a line, as it happened. */
export interface Happening {
  readonly iteration: number;
  readonly sign: '✗' | '✓' | '↷' | '★' | '+' | '!';
  readonly text: string;
}

/** Middle values over the iterations whose plan was made from measured times and that nothing disturbed. */
export interface PlanningSummary {
  readonly iterations: number;
  /** Of these, how many were planned while the one before ran. */
  readonly ahead: number;
  /** Of the search. */
  readonly steps: number;
  /** Of the leader's time, for one plan. */
  readonly milliseconds: number;
  /** From the plan to the end of the last backward: as planned, and until all peers had said so. */
  readonly predictedSeconds: number;
  readonly measuredSeconds: number;
  /** The middle one of the iterations' ratios. */
  readonly measuredOverPredicted: number;
}

type PlannedNote = Extract<LeaderNote, { kind: 'planned' }>;

interface Wound {
  readonly stage: number;
  readonly at: number;
  readonly lossBefore: number | null;
  /** Whether another replica still held the stage. */
  readonly held: boolean;
  rule: string | undefined;
  mendedAt: number;
}

export class DemoRecord {
  readonly members = new Map<string, DemoMember>();
  readonly commits: CommitBody[] = [];
  readonly happenings: Happening[] = [];
  readonly recoveries: Recovery[] = [];
  leader = '';
  iteration = 0;
  divergences = 0;
  ended = false;
  waiting: { ready: number; wanted: number; missingStages: readonly number[] } | undefined;
  firstPlanAt: number | undefined;
  lastCommitAt = 0;
  /** Those that a peer said last. */
  timeouts: Timeouts | undefined;
  readonly #sent = new Map<string, { sent: SentBytes; contributionBytes: number }>();
  readonly #seen = new Set<string>();
  readonly #wounds: Wound[] = [];
  /** Micro-batches of the iteration under way whose path broke, by what became of them. */
  readonly #detours = new Map<string, Set<number>>();
  /** What peers say that they computed in iterations in which something was lost. */
  readonly #disturbed: Extract<PeerEvent, { kind: 'computed' }>[] = [];
  readonly #onPlan: (iteration: number) => void;
  #planned: PlannedNote | undefined;
  readonly #timed: (Omit<PlannedNote, 'predictedSeconds'> & {
    predictedSeconds: number;
    measuredSeconds: number;
  })[] = [];

  /** @param onPlan called once for each iteration, when its plan is first seen */
  constructor(onPlan: (iteration: number) => void) {
    this.#onPlan = onPlan;
  }

  /** Takes an event of the named peer, heard at `now` seconds. */
  take(of: string, event: PeerEvent, now: number): void {
    switch (event.kind) {
      case 'entered': {
        const member = this.members.get(event.peer);
        if (
          member &&
          member.status !== 'gone' &&
          member.stage !== event.stage &&
          this.#first(`move ${event.peer} ${event.stage} ${this.iteration}`)
        ) {
          this.#say('+', `${event.name} moves from stage ${member.stage} to stage ${event.stage}`);
        }
        if (this.#first(`enter ${event.peer} ${event.stage} ${event.origin} ${this.iteration}`)) {
          const { peer, name, stage } = event;
          this.members.set(peer, { peer, name, stage, status: 'entering' });
        }
        return;
      }
      case 'active': {
        const member = this.members.get(event.peer);
        if (member?.status === 'entering' && member.stage === event.stage) member.status = 'active';
        return;
      }
      case 'gone':
        if (this.#first(`gone ${event.peer} ${event.stage}`)) this.#gone(event, now);
        return;
      case 'leader':
        if (this.#first(`leader ${event.term}`)) {
          this.leader = event.peer;
          if (event.term > 1) this.#say('★', `${this.#name(event.peer)} leads now`);
        }
        return;
      case 'refounded':
        if (this.#first(`refounded ${event.run}`)) {
          const lost = event.lost.map((peer) => this.#name(peer)).join(', ');
          this.#say('!', `most keepers are gone (${lost}): ${this.#name(event.peer)} founds the run again`);
        }
        return;
      case 'leading':
        if (event.note.kind === 'waiting') this.waiting = event.note;
        else if (event.note.kind === 'stuck')
          this.#say('!', `iteration ${event.note.iteration} stood still and was closed`);
        else if (event.note.kind === 'planned') this.#planned = event.note;
        else if (event.note.kind === 'computed') this.#computed(event.note.iteration, event.note.seconds);
        return;
      case 'plan':
        if (this.#first(`plan ${event.iteration}`)) {
          this.firstPlanAt ??= now;
          this.waiting = undefined;
          this.#onPlan(event.iteration);
        }
        return;
      case 'computed':
        this.#disturbed.push(event);
        return;
      case 'path':
        this.#path(event);
        return;
      case 'repair':
        if (this.#first(`repair ${event.stage} ${event.iteration}`)) {
          this.#say('✓', `stage ${event.stage} rebuilt at ${this.#name(event.peer)} by ${event.rule}`);
          for (const wound of this.#wounds) {
            if (wound.stage !== event.stage || wound.rule !== undefined) continue;
            wound.rule = event.rule;
            wound.mendedAt = now;
          }
        }
        return;
      case 'commit':
        this.#sent.set(of, { sent: event.sent, contributionBytes: event.contributionBytes });
        if (this.#first(`commit ${event.commit.iteration}`)) this.#commit(event.commit, now);
        return;
      case 'left-out':
        if (this.#first(`left out ${event.iteration} ${event.stage} ${event.peer}`)) {
          this.#say(
            '!',
            `${this.#name(event.peer)}'s gradient of stage ${event.stage} left out: ${event.reason}`,
          );
        }
        return;
      case 'timeouts':
        this.timeouts = event.seconds;
        return;
      case 'ended':
        this.ended = true;
        this.divergences = Math.max(this.divergences, event.divergences);
        return;
      case 'misbehaved':
      case 'failed':
        this.#say('!', `${of}: ${event.problem}`);
        return;
      default:
        return;
    }
  }

  /** A line of the demo's own, such as who was just killed. */
  note(sign: Happening['sign'], text: string): void {
    this.#say(sign, text);
  }

  /** Active or entering members of a stage. */
  holders(stage: number): DemoMember[] {
    return [...this.members.values()].filter((member) => member.stage === stage && member.status !== 'gone');
  }

  losses(): number[] {
    return this.commits.flatMap((commit) => (commit.loss === null ? [] : [commit.loss]));
  }

  bytes(): SentBytes {
    const total = { activations: 0, gradients: 0, weights: 0, control: 0 };
    for (const { sent } of this.#sent.values()) {
      for (const kind of ['activations', 'gradients', 'weights', 'control'] as const)
        total[kind] += sent[kind];
    }
    return total;
  }

  contributionBytes(): number {
    let total = 0;
    for (const { contributionBytes } of this.#sent.values()) total += contributionBytes;
    return total;
  }

  /** How well iterations were predicted, where plans are made from measured times; undefined elsewhere. */
  planning(): PlanningSummary | undefined {
    const timed = this.#timed;
    if (timed.length === 0) return undefined;
    return {
      iterations: timed.length,
      ahead: timed.filter(({ ahead }) => ahead).length,
      steps: lowerMedian(timed.map(({ steps }) => steps)),
      milliseconds: Number((1000 * lowerMedian(timed.map(({ planSeconds }) => planSeconds))).toFixed(1)),
      predictedSeconds: Number(lowerMedian(timed.map(({ predictedSeconds }) => predictedSeconds)).toFixed(4)),
      measuredSeconds: Number(lowerMedian(timed.map(({ measuredSeconds }) => measuredSeconds)).toFixed(4)),
      measuredOverPredicted: Number(
        lowerMedian(timed.map((one) => one.measuredSeconds / one.predictedSeconds)).toFixed(3),
      ),
    };
  }

  #computed(iteration: number, measuredSeconds: number): void {
    const planned = this.#planned;
    if (planned?.iteration !== iteration || planned.predictedSeconds === null) return;
    this.#timed.push({ ...planned, predictedSeconds: planned.predictedSeconds, measuredSeconds });
  }

  /** The share of what was computed that commits count; what died with a peer that nobody heard is not known. */
  goodput(): number {
    const computed = this.commits.reduce((sum, commit) => sum + commit.visitsComputed, 0);
    const counted = this.commits.reduce((sum, commit) => sum + commit.visitsCounted, 0);
    const attempts = new Map(this.commits.map(({ iteration, attempt }) => [iteration, attempt]));
    const done = computed + tasksLetGo(this.#disturbed, (iteration) => attempts.get(iteration));
    return done === 0 ? 0 : counted / done;
  }

  #gone(event: Extract<PeerEvent, { kind: 'gone' }>, now: number): void {
    const member = this.members.get(event.peer);
    if (member) member.status = 'gone';
    const held = this.holders(event.stage).some((other) => other.status === 'active');
    this.#say('✗', `${event.name} is gone (${event.how})${held ? '' : `: stage ${event.stage} is lost`}`);
    const lossBefore = this.commits.at(-1)?.loss ?? null;
    const earlier = this.#wounds.findIndex((wound) => wound.stage === event.stage);
    // a second loss before the first was mended is one wound, as old as the first
    const open = earlier >= 0 && !held ? this.#wounds.splice(earlier, 1)[0] : undefined;
    const rule = held ? 'replica' : undefined;
    this.#wounds.push({ stage: event.stage, at: open?.at ?? now, lossBefore, held, rule, mendedAt: now });
  }

  #commit(commit: CommitBody, now: number): void {
    this.iteration = commit.iteration;
    this.commits.push(commit);
    this.lastCommitAt = now;
    this.#sayDetours();
    for (const report of commit.weights) this.divergences += report.divergent.length;
    for (const wound of [...this.#wounds]) {
      if (wound.rule === undefined) continue;
      // the first commit after the stage was mended: for a replica, the first after the loss was noticed
      this.#wounds.splice(this.#wounds.indexOf(wound), 1);
      const { stage, rule, at, lossBefore } = wound;
      const seconds = (wound.held ? now : wound.mendedAt) - at;
      this.recoveries.push({
        stage,
        rule,
        seconds: Number(seconds.toFixed(3)),
        lossBefore,
        lossAfter: commit.loss,
      });
    }
  }

  #path(event: Extract<PeerEvent, { kind: 'path' }>): void {
    const { note } = event;
    const key =
      note.kind === 'dropped'
        ? `given up: ${note.reason}`
        : note.kind === 'rerouted'
          ? `led around ${this.#name(note.lost)} to another replica`
          : `led past stage ${note.stage}`;
    const seen = this.#detours.get(key) ?? new Set<number>();
    this.#detours.set(key, seen.add(note.microbatch));
  }

  /** What became of broken paths, told once an iteration. */
  #sayDetours(): void {
    for (const [what, microbatches] of this.#detours) {
      this.#say(
        '↷',
        `${microbatches.size === 1 ? 'a micro-batch' : `${microbatches.size} micro-batches`} ${what}`,
      );
    }
    this.#detours.clear();
  }

  #name(peer: string): string {
    return this.members.get(peer)?.name ?? peer.slice(-6);
  }

  #say(sign: Happening['sign'], text: string): void {
    this.happenings.push({ iteration: this.iteration, sign, text });
  }

  #first(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}
