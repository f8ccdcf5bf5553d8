// A peer's work for its stage: the weights in place (following.ts), the plans run (running.ts), the gradients
// exchanged (exchanging.ts). What to do is read from the journal; results go to the leader.

import type { CommitBody, Origin } from '../../journal/entry.ts';
import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { Plan } from '../../schedule/plan.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Engine } from '../../seams/engine.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { Store } from '../../seams/store.ts';
import { Arrivals, isLate } from './arrivals.ts';
import type { JournalRead } from '../weights/catching-up.ts';
import type { Attempt, DroppedWord } from './early-words.ts';
import type { PeerEventBody } from '../events.ts';
import type { ExchangeOrder } from './exchange.ts';
import { Exchanging } from './exchanging.ts';
import { Donor } from '../weights/donor.ts';
import { Following } from '../weights/following.ts';
import { initialStage, type StageHolder } from '../weights/holder.ts';
import type { Manifest } from '../manifest.ts';
import type { Messenger } from '../messenger.ts';
import { type GivenWeights, sourcesOf } from '../weights/obtaining.ts';
import { PlanningError, readPlan } from '../planning/planning.ts';
import type { PartSizes } from '../protocols.ts';
import type { Member, OrderedPlan, RunState } from '../run-state.ts';
import { RunText } from '../weights/run-text.ts';
import { Running } from './running.ts';
import { Shadowing } from '../weights/shadowing.ts';
import { MOST_SOURCES, SHADOWED_STAGE } from '../leading/shadows.ts';
import { encodeSnapshot } from '../weights/snapshot.ts';

export interface TrainerParts {
  readonly self: PeerName;
  readonly manifest: Manifest;
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly store: Store;
  readonly engine: Engine;
  readonly messenger: Messenger;
  readonly text: Uint8Array | undefined;
  readonly state: () => RunState;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly alive: (peer: PeerName) => boolean;
  readonly event: (event: PeerEventBody) => void;
  /** The weights that the run begins with, where this peer has them. */
  readonly given: GivenWeights | undefined;
  /** The journal as this peer has read it. */
  readonly journal: JournalRead;
  /** This peer cannot compute any more. */
  readonly broken: (error: Error) => void;
  /** Within which a peer answers a question that asks for no work (timeouts.ts). */
  readonly answerSeconds: (peer: PeerName) => number;
  readonly sizes: PartSizes;
  /** See `RunningParts`. */
  readonly iterationTook: (seconds: number) => void;
  /** What the leader has ordered makes no sense. */
  readonly distrust: (leader: PeerName) => void;
}

const NOBODY: readonly PeerName[] = [];

/** Bytes that a peer keeps for a while, beside the weights that it holds and those of its copy. */
export interface KeptBytes {
  /** Activations and gradients of the iteration under way. */
  readonly paths: number;
  /** Gradients of its stage's group and their sums. */
  readonly exchange: number;
  /** The same, of the stage that it keeps a copy of. */
  readonly copy: number;
  /** Tensors and words that came before the plan or the order that they belong to. */
  readonly early: number;
  /** Snapshots for others to fetch. */
  readonly snapshots: number;
}

export class Trainer {
  readonly #parts: TrainerParts;
  /** Of forward passes alone: bytes of this peer that stand in commits. */
  #probeBytes = 0;
  readonly #following: Following;
  readonly #running: Running;
  readonly #exchanging: Exchanging;
  readonly #shadowing: Shadowing;
  readonly #donor: Donor;
  readonly #text: RunText;
  readonly #arrivals: Arrivals;

  constructor(parts: TrainerParts) {
    this.#parts = parts;
    this.#text = this.#createText();
    this.#running = new Running({ ...parts, text: () => this.#text.bytes });
    const place = () => {
      const member = parts.state().member(parts.self);
      return member?.status === 'gone' ? undefined : member;
    };
    const stage = () => place()?.stage;
    const changed = () => this.#arrivals.changed();
    this.#exchanging = new Exchanging({
      ...parts,
      stage,
      changed,
      gradient: (order) => this.#running.gradient(order),
    });
    this.#donor = this.#createDonor();
    this.#following = new Following({
      ...parts,
      place,
      donor: this.#donor,
      needs: async (entered) => {
        if (entered === SHADOWED_STAGE) await this.#text.fetch();
      },
      sum: (iteration, attempt, round) => this.#exchanging.sum(iteration, attempt, round),
    });
    this.#shadowing = new Shadowing({ ...parts, changed, donor: this.#donor });
    this.#arrivals = new Arrivals({
      late: (header) => isLate(header, parts.state()),
      take: (from, header, payload) => {
        const isExchange = header.kind === 'CONTRIBUTION' || header.kind === 'SUM';
        const exchanging = this.#shadowing.isOf(header.stage) ? this.#shadowing : this.#exchanging;
        return (isExchange ? exchanging : this.#running).tensor(from, header, payload);
      },
    });
  }

  #createText(): RunText {
    const { manifest, text, self, state, event } = this.#parts;
    return new RunText({
      ...this.#parts,
      description: manifest.data,
      given: text,
      sources: () => {
        const anchors = state()
          .present()
          .filter(({ stage, hasText }) => stage === SHADOWED_STAGE || hasText);
        const others = [...anchors, ...state().shadows(SHADOWED_STAGE)].map(({ peer }) => peer);
        return [...new Set(others)]
          .filter((peer) => peer !== self && this.#parts.alive(peer))
          .slice(0, MOST_SOURCES);
      },
      fetched: ({ bySource, againBytes }) => {
        const sources = [...bySource].map(([peer, bytes]) => ({ peer, bytes }));
        event({ kind: 'fetched', what: 'the text', sources, againBytes });
      },
      wrong: (peer, problem) => event({ kind: 'misbehaved', peer, problem: `the text: ${problem}` }),
    });
  }

  /** The run's text, also where it was fetched; undefined while it is not here. */
  get text(): Uint8Array | undefined {
    return this.#text.bytes;
  }

  #createDonor(): Donor {
    const { manifest, given, state, messenger, sizes, event } = this.#parts;
    return new Donor({
      ...this.#parts,
      chunkBytes: sizes.weightChunkBytes,
      settled: async () => {
        await this.holder.settled();
        await this.#shadowing.settled();
      },
      take: (stage) => this.#following.take(stage) ?? this.#shadowing.take(stage),
      piece: (digest) => this.#text.piece(digest),
      initial: (stage) => given?.[stage] && encodeSnapshot(initialStage(manifest, stage, given[stage])),
      wrong: (peer, problem) => event({ kind: 'misbehaved', peer, problem }),
      mayAsk: (peer) => state().member(peer) !== undefined,
      sent: (bytes) => {
        messenger.sent.weights += bytes;
      },
    });
  }

  /** Bytes of the contributions that this peer made, each once. */
  get contributionBytes(): number {
    return this.#exchanging.contributing.encodedBytes + this.#probeBytes;
  }

  get kept(): KeptBytes {
    return {
      paths: this.#running.keptBytes,
      exchange: this.#exchanging.keptBytes,
      copy: this.#shadowing.keptBytes,
      early: this.#arrivals.keptBytes + this.#running.earlyBytes,
      snapshots: this.#donor.keptBytes,
    };
  }

  /** Bytes that error feedback keeps between iterations. */
  get feedbackBytes(): number {
    return this.#exchanging.contributing.feedbackBytes;
  }

  get holder(): StageHolder {
    return this.#following.holder;
  }

  /** Whether the weights are in place and follow the commits. */
  get installed(): boolean {
    return this.#following.installed;
  }

  /** The copy of another stage that is in place here; undefined while there is none. */
  get shadowing(): Pick<Shadowing, 'holding' | 'digest'> {
    return this.#shadowing;
  }

  /** Breaks off whatever is under way and writes the weights to disk. */
  async stop(): Promise<void> {
    this.#following.stop();
    this.#shadowing.stop();
    this.#donor.close();
    this.#text.stop();
    this.#exchanging.stop();
    this.#running.stop();
    this.#arrivals.stop();
    await this.#following.save();
    await this.#shadowing.save();
  }

  // ---- what the journal says

  /** Another journal has taken the place of this peer's: its weights may follow another history, or lag behind. */
  journalReplaced(): void {
    this.#running.abandon();
    this.#exchanging.forget();
    this.#following.letGo();
    this.#shadowing.letGo();
  }

  /** This peer entered a stage, perhaps the one that it keeps a copy of. */
  enter(member: Member): void {
    this.#running.abandon();
    this.#exchanging.forget();
    const { self, state } = this.#parts;
    const { stage, origin, enteredAfter, enteredBy } = member;
    const sources = sourcesOf(state(), self, stage, origin);
    const own = this.#shadowing.handOver(stage, enteredAfter);
    this.#following.enter({ stage, origin, enteredAfter, enteredBy, sources }, own);
  }

  /** The journal says anew whether this peer keeps a copy of another stage. */
  shadowChanged(): void {
    this.#shadowing.changed();
    const { state, event } = this.#parts;
    if (!this.#shadowing.isOf(SHADOWED_STAGE)) return;
    const trouble = ({ message }: Error) =>
      event({ kind: 'out-of-step', iteration: state().iteration, problem: message });
    void this.#text.fetch().catch(trouble); // whoever takes the anchors' place needs it, and they may be gone by then
  }

  /** A peer is to have a stage, and will fetch what this one holds or keeps, as it is now. */
  freezeIfAsked(newcomer: PeerName, stage: number, origin: Origin): void {
    const { self, state } = this.#parts;
    if (sourcesOf(state(), newcomer, stage, origin).includes(self)) this.#donor.freeze(stage);
    if (origin.kind !== 'rebuild') return;
    for (const source of origin.sources) if (source.peer === self) this.#donor.freeze(source.stage);
  }

  /** The next iteration, or another attempt at it. A plan that is not sound is not run, and its author named. */
  async startPlan(ordered: OrderedPlan): Promise<void> {
    const { self, manifest, state, event } = this.#parts;
    const { iteration, attempt } = ordered;
    this.#running.abandon();
    this.#arrivals.changed(); // what belongs to the attempt before is late now
    let plan: Plan;
    try {
      plan = readPlan(ordered, manifest, state());
    } catch (error) {
      if (!(error instanceof PlanningError)) throw error;
      const problem = `its plan of iteration ${iteration} is refused: ${error.message}`;
      event({ kind: 'misbehaved', peer: state().leader, problem });
      this.#parts.distrust(state().leader);
      return;
    }
    event({ kind: 'plan', iteration, attempt, microbatches: plan.paths.length });
    this.#shadowing.planned(iteration);
    // what came while the weights are on their way is needed once they are there
    if (this.installed) this.#exchanging.forgetBefore(iteration);
    const member = state().member(self);
    if (member?.status !== 'active' || !this.installed) return;
    await this.#running.start(ordered, plan, member.stage);
    this.#arrivals.changed();
  }

  /** Applies a commit to the stage held here. */
  async commit(body: CommitBody): Promise<void> {
    const { iteration, attempt } = body;
    this.#probeBytes += this.#running.contributedBytes(body);
    this.#running.committed(body);
    this.#arrivals.changed();
    const counted = body.stages.find(({ stage }) => stage === this.holder.stage)?.contributors ?? [];
    this.#exchanging.contributing.settle(iteration, attempt, counted.includes(this.#parts.self));
    for (const { stage, leftOut } of body.stages) {
      for (const { peer, reason } of leftOut) {
        this.#parts.event({ kind: 'left-out', iteration, stage, peer, reason });
      }
    }
    await this.#following.commit(body);
    await this.#shadowing.commit(body);
  }

  // ---- what the leader and other peers say

  /** The leader ends the iteration's compute. */
  close(iteration: number, attempt: number): Promise<void> {
    return this.#running.close(iteration, attempt);
  }

  /** The leader orders a round of this peer's group. */
  exchangeOrdered(order: ExchangeOrder): Promise<void> {
    return this.#shadowing.isOf(order.stage) ? this.#shadowing.receive(order) : this.#exchanging.take(order);
  }

  /** A member says that a micro-batch is given up, here or everywhere. */
  microbatchDropped(from: PeerName, said: Attempt & DroppedWord): void {
    this.#running.dropped(from, said, said);
  }

  grantSlot(iteration: number, attempt: number, microbatch: number, stage: number): boolean {
    return this.#running.grantSlot(iteration, attempt, microbatch, stage);
  }

  peerLost(peer: PeerName): void {
    this.#running.currentPaths?.peerLost(peer);
  }

  reconnected(peer: PeerName): void {
    this.#running.currentPaths?.resend(peer);
    this.#running.reportAgain(peer);
    this.#exchanging.resend(peer);
    this.#shadowing.reconnected(peer);
    if (peer === this.#parts.state().leader) this.tellLeader();
  }

  /** The leader, perhaps a new one, may not know whether weights are in place here. */
  tellLeader(): void {
    this.#following.tellAgain();
    this.#shadowing.tellAgain();
  }

  /** Peers next to this one on the paths of the iteration under way. */
  neighbours(): readonly PeerName[] {
    return this.#running.currentPaths?.neighbours ?? NOBODY;
  }

  /** Takes a tensor, waiting for the plan or the order that it belongs to; returns why it cannot belong here. */
  tensor(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Promise<string | undefined> {
    return this.#arrivals.tensor(from, header, payload);
  }
}
