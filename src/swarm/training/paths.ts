// The micro-batches that pass through one peer in one iteration, and what happens to one whose path breaks: what
// arrives, what is sent on, who is asked instead of a lost peer, what is given up. It computes nothing; the executor
// does, and is told when something has changed.
//
// Mending: both neighbours of a hop keep what they sent until the gradient has gone by. When the next peer is lost,
// the one before it sends the activation again, to another replica of that stage or past the stage. Whoever already
// has that micro-batch just learns its new way back, and sends its gradient again if that was already gone.

import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { Plan } from '../../schedule/plan.ts';
import type { PeerName } from '../../seams/network.ts';
import type { ActivationFormat } from './activations.ts';
import type { Mender } from './mending.ts';
import type { ComputedTask } from './repeated-work.ts';
import { ANCHOR_LOST, MOVED, Rerouting } from './rerouting.ts';
import { routesOf } from './routes.ts';
import {
  forgetTensors,
  type Hop,
  isUnderWay,
  keptBytesOf,
  microbatchHeader,
  newVisit,
  nextPeer,
  type Visit,
} from './visits.ts';

export interface PathsParts {
  readonly self: PeerName;
  readonly stage: number;
  readonly iteration: number;
  readonly attempt: number;
  readonly plan: Plan;
  /** How an activation, or its gradient, travels. */
  readonly activations: ActivationFormat;
  /** Nothing comes back: a pass whose path breaks is given up, what was sent is only kept for a cut connection. */
  readonly forwardOnly: boolean;
  /** Stages that a path may leave out beyond its plan when they are lost. */
  readonly emergencySkips: number;
  /** Plans the way on of a micro-batch whose path broke. */
  readonly mender: Mender;
  /** A number that no residual of this engine has. */
  readonly nextKey: () => number;
  readonly send: (to: PeerName, header: TensorHeaderMessage, payload: Uint8Array) => Promise<void>;
  readonly alive: (peer: PeerName) => boolean;
  /** Tells everyone that a micro-batch is given up, or, with `peer`, that its path no longer leads there. */
  readonly announceDropped: (microbatch: number, reason: string, peer?: PeerName) => void;
  /** Asks a peer to make room for a micro-batch that is not in its plan. */
  readonly askSlot: (peer: PeerName, microbatch: number, stage: number) => Promise<boolean>;
  readonly note: (what: PathNote) => void;
  /** Lets go of what the engine keeps for a visit. */
  readonly release: (key: number) => void;
  /** A task may have become ready, or will never be. */
  readonly changed: () => void;
}

export type PathNote =
  | {
      readonly kind: 'rerouted';
      readonly microbatch: number;
      readonly lost: PeerName;
      readonly to: PeerName;
      /** Of the lost peer. */
      readonly stage: number;
    }
  | { readonly kind: 'skipped'; readonly microbatch: number; readonly lost: PeerName; readonly stage: number }
  | { readonly kind: 'dropped'; readonly microbatch: number; readonly reason: string };

export class Paths {
  readonly #parts: PathsParts;
  readonly #visits = new Map<number, Visit>();
  readonly #anchors: ReadonlyMap<number, PeerName>;
  readonly #pathLengths: ReadonlyMap<number, number>;
  readonly #granted = new Set<number>();
  /** Room was given for these, and then they were given up: they may still arrive. */
  readonly #withdrawn = new Set<number>();
  readonly #dropped = new Map<number, string>();
  readonly #rerouting: Rerouting;
  /** What others computed, as what arrived from them says; each once, however often it was sent. */
  readonly #received = new Map<string, ComputedTask>();
  /** Micro-batches whose activations fit here, and the most that the plan has here at once. */
  readonly #memoryLimit: number;
  readonly #plannedPeak: number;
  #neighbours: { readonly paths: readonly (readonly Hop[])[]; readonly peers: readonly PeerName[] } = {
    paths: [],
    peers: [],
  };
  #open = true;
  #disturbed = false;

  constructor(parts: PathsParts) {
    this.#parts = parts;
    const { plan, self } = parts;
    const index = plan.peers.indexOf(self);
    this.#memoryLimit = plan.memoryLimits[index] ?? Number.POSITIVE_INFINITY;
    this.#plannedPeak = peakOf(plan, index);
    this.#rerouting = new Rerouting({
      ...parts,
      pathLength: (microbatch) => this.#pathLengths.get(microbatch)!,
      sendOutput: (visit) => this.sendOutput(visit),
      drop: (visit, reason) => this.drop(visit, reason),
    });
    const { anchors, pathLengths, through } = routesOf(plan);
    this.#anchors = anchors;
    this.#pathLengths = pathLengths;
    for (const { microbatch, hops, hop } of through.get(self) ?? []) {
      this.#visits.set(microbatch, newVisit(microbatch, parts.nextKey(), hops, hop, false));
    }
  }

  /** What this peer knows of a micro-batch, where it passes through here. */
  visit(microbatch: number): Visit | undefined {
    return this.#visits.get(microbatch);
  }

  /** Every micro-batch that passes through here, those of the plan first. */
  get visits(): Iterable<Visit> {
    return this.#visits.values();
  }

  /** Micro-batches that were given up, and why. */
  get droppedReasons(): ReadonlyMap<number, string> {
    return this.#dropped;
  }

  /** What peers that are lost by now had computed, as far as it came here. */
  get receivedFromLost(): ComputedTask[] {
    return [...this.#received.values()].filter(({ peer }) => !this.#parts.alive(peer));
  }

  /** Whether a path broke here or a peer was lost. */
  get disturbed(): boolean {
    return this.#disturbed;
  }

  /** Peers before and after this one on the paths, as they lead now; the same list as long as those do not change. */
  get neighbours(): readonly PeerName[] {
    const visits = [...this.#visits.values()];
    const { paths, peers } = this.#neighbours;
    if (paths.length === visits.length && visits.every(({ path }, at) => path === paths[at])) return peers;
    const found = new Set<PeerName>();
    for (const { path, hop } of visits) {
      for (const step of [path[hop - 1] ?? path.at(-1), path[hop + 1] ?? path[0]]) {
        if (step !== undefined && step.peer !== this.#parts.self) found.add(step.peer);
      }
    }
    this.#neighbours = { paths: visits.map(({ path }) => path), peers: [...found] };
    return this.#neighbours.peers;
  }

  /** Bytes of tensors that are kept here. */
  get keptBytes(): number {
    let bytes = 0;
    for (const visit of this.#visits.values()) bytes += keptBytesOf(visit);
    return bytes;
  }

  /** Micro-batches of other peers' plans that are here and not done, or may come. */
  get #extras(): number {
    let here = this.#granted.size;
    for (const { extra, phase } of this.#visits.values()) {
      if (extra && phase !== 'done' && phase !== 'given-up') here++;
    }
    return here;
  }

  /**
   * Whether a micro-batch that is not in this peer's plan may come here, beside the most that the plan has here at
   * once: so nothing of the plan ever waits for its memory. A granted one must be sent, or dropped.
   */
  grantSlot(microbatch: number, stage: number): boolean {
    const known = this.#anchors.has(microbatch) && stage === this.#parts.stage && stage !== 0;
    if (!known || !this.#open || this.#visits.has(microbatch)) return false;
    if (this.#plannedPeak + this.#extras + 1 > this.#memoryLimit) return false;
    this.#granted.add(microbatch);
    this.#disturbed = true;
    return true;
  }

  /** Somebody gave a micro-batch up, here (`peer` is this one) or everywhere. */
  dropped(microbatch: number, reason: string, peer: PeerName): void {
    if (peer !== '' && peer !== this.#parts.self) return;
    const visit = this.#visits.get(microbatch);
    this.#disturbed = true;
    if (this.#granted.delete(microbatch)) this.#withdrawn.add(microbatch);
    if (peer === '') this.#dropped.set(microbatch, reason);
    if (visit && isUnderWay(visit)) this.#giveUp(visit);
    this.#parts.changed();
  }

  /**
   * A peer is gone, as this one believes: its micro-batches end, paths through it are mended. Whether one of a lost
   * anchor ends is for the last peer of its path to say, to everyone: it alone knows whether the head's gradient had
   * come, with which the micro-batch still counts wherever that arrives. So a wrong belief of anybody else changes
   * nothing, and one of the last peer's reaches the anchor too, which would wait for ever otherwise.
   */
  peerLost(lost: PeerName): void {
    this.#disturbed = true;
    for (const visit of this.#visits.values()) {
      if (!isUnderWay(visit)) continue;
      if (visit.path[0]!.peer === lost) {
        if (this.#parts.forwardOnly || waitsForHead(visit)) this.drop(visit, ANCHOR_LOST);
      } else if (this.#parts.forwardOnly) {
        const waits = visit.hop === 0 && visit.headInput === undefined && visit.computing !== 'head';
        if (waits && visit.path.some(({ peer }) => peer === lost))
          this.drop(visit, 'a peer of its path was lost');
      } else if (visit.phase === 'backward' && visit.gradient === undefined && nextPeer(visit) === lost) {
        void this.#rerouting.mend(visit, lost);
      }
    }
    this.#parts.changed();
  }

  /** The connection to a peer broke and it lives: what was under way is sent again; who has it already ignores it. */
  resend(to: PeerName): void {
    for (const visit of this.#visits.values()) {
      if (visit.phase === 'given-up') continue;
      if (visit.output !== undefined && nextPeer(visit) === to) this.sendOutput(visit);
      if (visit.headGradient !== undefined && visit.path.at(-1)?.peer === to) this.sendHeadGradient(visit);
      if (visit.sentGradient !== undefined && visit.path[visit.hop - 1]?.peer === to) {
        this.sendGradient(visit, visit.sentGradient);
      }
    }
  }

  /**
   * Nothing more is computed here: gives up what is not done, or with `everything` also what is. What is done can
   * still be sent again, to whoever comes in place of a lost peer.
   */
  end(everything: boolean): void {
    this.#open = false;
    for (const visit of this.#visits.values()) {
      if (everything || visit.phase !== 'done') this.#giveUp(visit);
    }
    this.#parts.changed();
  }

  /** Takes a tensor of this iteration; returns why it cannot belong here, or undefined. */
  take(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): string | undefined {
    const { self, activations } = this.#parts;
    const { microbatch, hop, path } = header;
    const misfit = activations.misfit(header, payload);
    if (misfit !== undefined) return misfit;
    if (path[0]?.peer !== this.#anchors.get(microbatch))
      return `micro-batch ${microbatch} has another anchor`;
    if (path.length > (this.#pathLengths.get(microbatch) ?? 0))
      return `the path of ${microbatch} is too long`;
    const atHead = header.kind === 'ACTIVATION' && hop === path.length;
    if ((atHead ? path[0] : path[hop])?.peer !== self)
      return `hop ${hop} of micro-batch ${microbatch} is not here`;
    const before = header.kind === 'ACTIVATION' ? path[hop - 1] : (path[hop + 1] ?? path[0]);
    if (before?.peer !== from) return `${from} is not next to this peer on the path of ${microbatch}`;
    this.#note(from, header);
    const values = activations.unpack(payload);
    if (values === undefined) return this.#refuse(from, header);
    if (atHead) return this.#takeAtHead(microbatch, path, values);
    if (header.kind === 'ACTIVATION') return this.#takeActivation(microbatch, path, hop, values);
    return this.#takeGradient(from, microbatch, values);
  }

  /** Its sender has computed this, unless it is a head's gradient, which is no stage's. */
  #note(peer: PeerName, { kind, microbatch, hop, path }: TensorHeaderMessage): void {
    const computed = kind === 'ACTIVATION' ? 'forward' : 'backward';
    const stage = path[kind === 'ACTIVATION' ? hop - 1 : hop + 1]?.stage;
    if (stage === undefined) return;
    this.#received.set(`${peer} ${computed} ${microbatch}`, { kind: computed, microbatch, stage, peer });
  }

  /** A value that arrived is not finite: nothing sound can come of that micro-batch. */
  #refuse(from: PeerName, { microbatch, kind }: TensorHeaderMessage): string {
    const what = kind === 'ACTIVATION' ? 'the activation' : 'the gradient';
    const problem = `${what} of micro-batch ${microbatch} that ${from} sent is not finite`;
    const visit = this.#visits.get(microbatch);
    if (visit === undefined) this.#parts.announceDropped(microbatch, problem);
    else if (isUnderWay(visit)) this.drop(visit, problem);
    return problem;
  }

  #takeActivation(
    microbatch: number,
    path: readonly Hop[],
    hop: number,
    values: Float32Array,
  ): string | undefined {
    let visit = this.#visits.get(microbatch);
    if (visit === undefined) {
      if (!this.#granted.delete(microbatch)) {
        return this.#withdrawn.has(microbatch)
          ? undefined
          : `micro-batch ${microbatch} was not expected here`;
      }
      if (!this.#open) {
        this.#parts.announceDropped(microbatch, 'it was led to a peer that had ended the iteration');
        return undefined;
      }
      visit = newVisit(microbatch, this.#parts.nextKey(), path, hop, true);
      this.#visits.set(microbatch, visit);
    }
    if (visit.phase === 'given-up') return undefined;
    const sameStageBefore = visit.path[visit.hop - 1]?.stage === path[hop - 1]?.stage;
    const newWayBack = visit.path[visit.hop - 1]?.peer !== path[hop - 1]?.peer;
    if (visit.phase === 'forward' && visit.computing === undefined) {
      visit.input = values;
      visit.path = path;
      visit.hop = hop;
    } else if (!sameStageBefore) {
      this.drop(visit, 'its path changed behind a stage that had computed already');
    } else {
      visit.path = [...path.slice(0, hop), ...visit.path.slice(visit.hop)];
      visit.hop = hop;
      if (visit.sentGradient !== undefined && newWayBack) this.sendGradient(visit, visit.sentGradient);
    }
    this.#parts.changed();
    return undefined;
  }

  #takeAtHead(microbatch: number, path: readonly Hop[], values: Float32Array): string | undefined {
    const visit = this.#visits.get(microbatch);
    if (visit === undefined) return `micro-batch ${microbatch} does not start here`;
    if (!isUnderWay(visit)) return undefined;
    const newWayBack = visit.headGradientTo !== path.at(-1)?.peer; // the anchor may have changed the path itself
    const sameStages =
      visit.path.length === path.length && path.every(({ stage }, at) => stage === visit.path[at]!.stage);
    if (visit.loss === undefined && visit.computing !== 'head') visit.headInput = values;
    else if (!sameStages) this.drop(visit, 'its path changed after its loss was computed');
    visit.path = path;
    if (visit.headGradient !== undefined && newWayBack && sameStages) this.sendHeadGradient(visit);
    this.#parts.changed();
    return undefined;
  }

  #takeGradient(from: PeerName, microbatch: number, values: Float32Array): string | undefined {
    const visit = this.#visits.get(microbatch);
    if (visit === undefined) return `micro-batch ${microbatch} was never here`;
    if (visit.phase === 'forward' && !visit.extra)
      return `the gradient of ${microbatch} came before its activation`;
    if (isUnderWay(visit) && visit.gradient === undefined) {
      visit.gradient = values;
      visit.output = undefined;
      const next = nextPeer(visit);
      // it was believed lost, and has added this up itself: who was asked in its place need not
      if (next !== from && this.#parts.alive(from)) this.#parts.announceDropped(microbatch, MOVED, next);
      this.#parts.changed();
    }
    return undefined;
  }

  /** Forward gave this: on to the next peer of the path, or to the head where there is none. */
  forwarded(visit: Visit, output: Float32Array): void {
    visit.output = this.#parts.activations.pack(output);
    if (visit.path.length === 1) visit.headInput = output.slice();
    else this.sendOutput(visit);
  }

  /** The head gave this: back to the last peer of the path. */
  headDone(visit: Visit, gradient: Float32Array): void {
    visit.headGradient = this.#parts.activations.pack(gradient);
    if (visit.path.length === 1) visit.gradient = gradient;
    else this.sendHeadGradient(visit);
  }

  /** Backward gave this: back to the peer before this one. */
  backwarded(visit: Visit, gradient: Float32Array): void {
    visit.sentGradient = this.#parts.activations.pack(gradient);
    this.sendGradient(visit, visit.sentGradient);
  }

  /** Sends what forward gave to the next peer of the path. */
  sendOutput(visit: Visit): void {
    const { activations, alive, send } = this.#parts;
    const to = nextPeer(visit);
    if (visit.path.length === 1) {
      // the stages after this one were left out
      if (visit.loss === undefined && visit.computing !== 'head') {
        visit.headInput = activations.unpack(visit.output!.slice());
      } else this.drop(visit, 'its path changed after its loss was computed');
      return;
    }
    if (!alive(to)) {
      void this.#rerouting.mend(visit, to);
      return;
    }
    const header = microbatchHeader('ACTIVATION', this.#parts, visit, visit.hop + 1, activations);
    send(to, header, visit.output!).catch(() => {
      if (!alive(to)) void this.#rerouting.mend(visit, to);
    });
  }

  /** Sends the head's gradient to the last peer of the path. */
  sendHeadGradient(visit: Visit): void {
    const { activations, send } = this.#parts;
    const last = visit.path.length - 1;
    if (last === 0) {
      visit.gradient = activations.unpack(visit.headGradient!);
      return;
    }
    visit.headGradientTo = visit.path[last]!.peer;
    const header = microbatchHeader('GRADIENT', this.#parts, visit, last, activations);
    send(visit.path[last]!.peer, header, visit.headGradient!).catch(() => {});
  }

  /** Sends the input's gradient to the peer before this one. */
  sendGradient(visit: Visit, gradient: Uint8Array): void {
    const { activations, send } = this.#parts;
    const header = microbatchHeader('GRADIENT', this.#parts, visit, visit.hop - 1, activations);
    // a peer that cannot take it is lost: whoever comes before it on the path finds the new way back
    send(visit.path[visit.hop - 1]!.peer, header, gradient).catch(() => {});
  }

  /** Gives a micro-batch up and says so to everyone. */
  drop(visit: Visit, reason: string): void {
    this.#dropped.set(visit.microbatch, reason);
    this.#parts.note({ kind: 'dropped', microbatch: visit.microbatch, reason });
    this.#giveUp(visit);
    this.#parts.announceDropped(visit.microbatch, reason);
    this.#parts.changed();
  }

  #giveUp(visit: Visit): void {
    if (visit.phase === 'given-up') return;
    const kept = visit.phase === 'backward' || visit.phase === 'weights';
    visit.phase = 'given-up';
    forgetTensors(visit);
    if (kept) this.#parts.release(visit.key);
  }
}

/** Whether this is the last peer of the path and the head's gradient has not come. */
function waitsForHead({ path, hop, phase, output }: Visit): boolean {
  return hop === path.length - 1 && (phase === 'forward' || output !== undefined);
}

/** The most memory that a peer's tasks take at once when they run in the plan's order, in micro-batches. */
function peakOf({ order, tasks }: Plan, peer: number): number {
  if (order.kind !== 'fixed') return 0;
  let held = 0;
  let peak = 0;
  for (const index of order.tasks[peer] ?? []) {
    held += tasks[index]!.takes;
    peak = Math.max(peak, held);
    held -= tasks[index]!.gives;
  }
  return peak;
}
