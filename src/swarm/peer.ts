// A peer: one participant of a run, from joining to leaving. Everything it does is joined here; what it decides is
// in the modules beside this one. It is written against the five seams and knows nothing of sockets, disks, clocks
// or arithmetic libraries.

import type { Entry, JournalError } from '../journal/entry.ts';
import type { Journal } from '../journal/journal.ts';
import type { ControlBody } from '../network/wire/codec.ts';
import type { Clock } from '../seams/clock.ts';
import { type Engine, EngineError } from '../seams/engine.ts';
import type { Identity } from '../seams/identity.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { Store } from '../seams/store.ts';
import { Belonging, type PeerStart } from './membership/belonging.ts';
import type { JournalRead } from './weights/catching-up.ts';
import { collectModel } from './weights/collecting-model.ts';
import type { PeerEvent, PeerEventBody } from './events.ts';
import { farewell } from './agreement/farewell.ts';
import { History } from './agreement/history.ts';
import { JoinError, Joining } from './membership/joining.ts';
import { type Grace, noGrace } from './leading/gathering.ts';
import { Leader } from './leading/leader.ts';
import { Ledger } from './agreement/ledger.ts';
import { Listening } from './listening.ts';
import { Liveness } from './membership/liveness.ts';
import { Living } from './membership/living.ts';
import type { Manifest, SignedManifest } from './manifest.ts';
import { Messenger } from './messenger.ts';
import type { GivenWeights } from './weights/obtaining.ts';
import { Presence } from './membership/presence.ts';
import { Suspecting } from './membership/suspecting.ts';
import { PART_SIZES, type PartSizes } from './protocols.ts';
import { openJournal } from './agreement/opening.ts';
import { Reacting } from './agreement/reacting.ts';
import type { RunState } from './run-state.ts';
import type { StageSnapshot } from './weights/snapshot.ts';
import { Refounding } from './agreement/refounding.ts';
import { contributionBytesIn, tellAgain, tellEntries } from './agreement/telling.ts';
import { noStamp, Timing } from './membership/timing.ts';
import { isForwardOnly } from './training/probing.ts';
import { type KeptBytes, Trainer } from './training/trainer.ts';

export interface PeerParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly store: Store;
  readonly engine: Engine;
  /** What people call this peer. */
  readonly name: string;
  /** The run's text, where this peer has it; without it, it cannot be an anchor. */
  readonly text: Uint8Array | undefined;
  /** Micro-batches whose activations fit its memory; plans and other peers' broken paths give it no more at once. */
  readonly memoryMicrobatches?: number | undefined;
  readonly start: PeerStart;
  /** The weights that the run begins with (`Manifest.start`), per stage; its founder has them. */
  readonly given?: GivenWeights | undefined;
  /** In place of `PART_SIZES`, for models so small that nothing would travel in parts. */
  readonly sizes?: PartSizes | undefined;
  /** Of the leader's first search for paths, for models so small that a search costs more than training. */
  readonly firstSearchSteps?: number | undefined;
  /** In place of `SUMMARY_EVERY`, for runs so short that none of their commits would certify a summary. */
  readonly summaryEvery?: number | undefined;
  /** Called at the leader with every stage's weights after the last commit. */
  readonly deliver?: (stages: readonly StageSnapshot[], manifest: Manifest) => Promise<void>;
  readonly observe: (event: PeerEvent) => void;
}

export type PeerEnd =
  | { readonly how: 'ended' | 'left' | 'stopped' }
  | { readonly how: 'failed'; readonly reason: Error };

const NOBODY: readonly PeerName[] = [];

export class Peer {
  /** Resolves when the peer's part is over, for whatever reason. */
  readonly ended: Promise<PeerEnd>;
  readonly #parts: PeerParts;
  readonly #messenger: Messenger;
  readonly #ledger: Ledger;
  readonly #history: History;
  readonly #joining: Joining;
  readonly #liveness: Liveness;
  readonly #listening: Listening;
  readonly #refounding: Refounding;
  readonly #belonging: Belonging;
  readonly #reacting: Reacting;
  readonly #living: Living;
  readonly #suspecting: Suspecting;
  readonly #timing: Timing;
  #signed: SignedManifest | undefined;
  #trainer: Trainer | undefined;
  #presence: Presence | undefined;
  #leader: Leader | undefined;
  #leaving = false;
  /** This peer has been given a stage since it started. */
  #inPlace = false;
  #over = false;
  #end: (end: PeerEnd) => void = () => {};

  /** Starts a peer; it runs until `ended` resolves. Rejects when the stored journal is not sound. */
  static async start(parts: PeerParts): Promise<Peer> {
    const senseless: JournalError[] = [];
    const { identity, store } = parts;
    const opened = await openJournal(identity, store, (problem) => senseless.push(problem));
    const peer = new Peer(parts, opened);
    for (const { message } of senseless) peer.#event({ kind: 'failed', problem: message });
    void peer.#belonging.begin().catch((error: Error) => peer.#finish({ how: 'failed', reason: error }));
    return peer;
  }

  private constructor(parts: PeerParts, { journal, state: opened }: Awaited<ReturnType<typeof openJournal>>) {
    this.#parts = parts;
    const { network, clock, identity, store } = parts;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const state = () => this.state;
    const event = (body: PeerEventBody) => this.#event(body);
    const isOver = () => this.#over;
    const living = new Living({ self: network.self, state });
    this.#living = living;
    const alive = (peer: PeerName) => living.alive(peer);
    const broken = (reason: Error) => void this.#finish({ how: 'failed', reason });
    const messenger = new Messenger(network, clock, {
      control: (from, body, answer) => this.#listening.control(from, body, answer),
      tensor: (from, header, payload) => this.#listening.tensor(from, header, payload),
      misbehaved: (from, problem) => this.#suspecting.misbehaved(from, problem),
      broke: (peer) => {
        if (!this.#over && living.counts(peer)) this.#liveness.streamBroke(peer);
      },
    });
    this.#messenger = messenger;
    const timing = new Timing({
      clock,
      self: network.self,
      keepers: () => ledger.keepers,
      leader: () => ledger.leader || this.state.leader,
      members: () => this.state.present().length,
    });
    this.#timing = timing;
    const ledger: Ledger = new Ledger({
      journal,
      state: opened,
      clock,
      identity,
      self: network.self,
      summaryEvery: parts.summaryEvery,
      tickSeconds: () => timing.tickSeconds,
      react: (entry) => this.#react(entry),
      broadcast: (entries, certificate, keepers) =>
        tellEntries(entries, certificate, { network, messenger, state: this.state, keepers }),
      send: (to, value, entries) => {
        messenger.carriesGradients(contributionBytesIn(entries));
        messenger.send(to, { kind: 'consensus', value });
      },
      leads: () => this.#belonging.leads(),
      deposed: () => this.#deposed(),
      lacks: (leader) => void history.readOn(leader).catch(() => {}), // it says so again
      senseless: (problem) => event({ kind: 'failed', problem: problem.message }),
      failed: broken,
    });
    this.#ledger = ledger;
    const history = new History({
      clock,
      ledger,
      messenger,
      timing,
      answerEntries: (parts.sizes ?? PART_SIZES).journalAnswerEntries,
      isOver,
      replaced: () => this.#journalReplaced(),
      takesSummary: () => this.#signed !== undefined && !isForwardOnly(this.#signed.manifest),
      begun: (from, index, bytes) => this.#journalBegun(from, index, bytes),
      forged: (from, problem) => this.#suspecting.misbehaved(from, problem),
    });
    this.#history = history;
    const joining = new Joining({
      network,
      clock,
      identity,
      store,
      messenger,
      journal,
      members: () => this.state.everyone(),
      answerSeconds: (peer) => timing.of(peer).answer,
      event,
    });
    this.#joining = joining;
    this.#belonging = new Belonging({
      ...parts,
      messenger,
      timing,
      ledger,
      history,
      joining,
      state,
      event,
      isOver,
      isLeaving: () => this.#leaving,
      runText: () => this.#trainer?.text,
      work: (manifest, text) => this.#work(manifest, text),
      isInPlace: () => this.#inPlace,
      lead: (waitForPeers, grace) => this.#lead(waitForPeers, grace),
      heartbeat: () => this.#heartbeat(),
      failed: (reason) => this.#finish({ how: 'failed', reason }),
    });
    this.#suspecting = new Suspecting({
      self: network.self,
      network,
      messenger,
      living,
      state,
      event,
      inRun: () => !this.#over && this.#belonging.current,
      trainer: () => this.#trainer,
      leader: () => this.#leader,
      leaderLost: (peer) => ledger.leaderLost(peer),
      unheard: () => {
        if (this.#leaving) void this.#finish({ how: 'left' });
      },
    });
    const liveness = new Liveness({
      clock,
      messenger,
      timing,
      watched: () =>
        this.#belonging.current
          ? living.watched(this.#trainer?.neighbours() ?? NOBODY, this.#leader !== undefined)
          : NOBODY,
      witness: (about) => living.witness(about),
      heartbeat: (to) => this.#heartbeat(to),
      lost: (peer, how, reason) => this.#suspecting.suspect(peer, { how, reason }),
      reconnected: (peer) => this.#reconnected(peer),
      timeouts: (seconds) => event({ kind: 'timeouts', seconds, roundTrips: timing.roundTrips() }),
    });
    this.#liveness = liveness;
    this.#refounding = new Refounding({
      self: network.self,
      clock,
      identity,
      messenger,
      timing,
      ledger,
      history,
      state,
      event,
      isOver,
      alive,
      alone: (patienceSeconds, enough) => this.#belonging.rejoin(patienceSeconds, enough),
      isInPlace: () => this.#inPlace,
      givenUp: (problem) => this.#finish({ how: 'failed', reason: new JoinError('unreachable', problem) }),
    });
    this.#reacting = new Reacting({
      network,
      messenger,
      state,
      event,
      otherLeads: () => this.#otherLeads(),
      leaderGone: (peer) => ledger.leaderLost(peer),
      entered: (peer) => {
        living.entered(peer);
        if (peer === network.self) this.#inPlace = true;
      },
      leftOut: () => this.#leftOut(),
      ended: () => void this.#finish({ how: 'ended' }),
    });
    this.#listening = new Listening({
      network,
      clock,
      messenger,
      ledger,
      history,
      joining,
      liveness,
      timing,
      isOver,
      state,
      event,
      alive,
      current: () => this.#belonging.current,
      signed: () => this.#signed,
      trainer: () => this.#trainer,
      leader: () => this.#leader,
      counts: (peer) => living.counts(peer),
      found: (peer) => {
        living.found(peer);
        this.#reconnected(peer);
      },
      heartbeat: () => this.#heartbeat(),
      refoundAsked: (from, message) => this.#refounding.asked(from, message),
      broken,
    });
    network.onConnection(({ peer, state }) => {
      if (state === 'up' || this.#over) return;
      if (living.counts(peer)) void liveness.connectionBroke(peer);
      else messenger.forgetAll(peer);
    });
  }

  get self(): PeerName {
    return this.#parts.network.self;
  }

  /** What the journal says, as far as this peer has it. */
  get state(): RunState {
    return this.#ledger.state;
  }

  /** The entries that this peer acts on, for those who compare histories. */
  get journal(): Pick<Journal, 'first' | 'length' | 'at'> {
    return this.#ledger.journal;
  }

  /** The stage whose weights are in place here and the iteration that they stand at; undefined while there is none. */
  get holding(): { readonly stage: number; readonly iteration: number } | undefined {
    const trainer = this.#trainer;
    return trainer?.installed
      ? { stage: trainer.holder.stage!, iteration: trainer.holder.iteration }
      : undefined;
  }

  /** The weights that this peer holds, for those who compare replicas; undefined while it holds none. */
  weights(): { readonly stage: number; readonly iteration: number; readonly digest: string } | undefined {
    const trainer = this.#trainer;
    if (!trainer?.installed) return undefined;
    return {
      stage: trainer.holder.stage!,
      iteration: trainer.holder.iteration,
      digest: trainer.holder.digest(),
    };
  }

  /** What this peer keeps for a while, for those who look whether it comes back to its level. */
  get kept(): KeptBytes | undefined {
    return this.#trainer?.kept;
  }

  /** The exact copy of another stage that this peer keeps, for those who compare; undefined while it keeps none. */
  copy(): { readonly stage: number; readonly iteration: number; readonly digest: () => string } | undefined {
    const shadowing = this.#trainer?.shadowing;
    const { holding } = shadowing ?? {};
    return holding && { ...holding, digest: () => shadowing!.digest() };
  }

  /** Says goodbye: hands its stage over where it is the last to hold it, then ends. */
  leave(): void {
    if (this.#leaving || this.#over) return;
    this.#leaving = true;
    const inRun = this.state.member(this.self);
    if (inRun === undefined || inRun.status === 'gone' || !this.#living.alive(this.state.leader)) {
      void this.#finish({ how: 'left' });
    } else {
      this.#messenger.send(this.state.leader, { kind: 'leave', value: {} });
    }
  }

  /** Stops at once; others see it break off. Its weights are written to the store first. */
  async stop(): Promise<void> {
    await this.#finish({ how: 'stopped' });
  }

  // ---- the run is known

  /** From here on the run is known: this peer can train. */
  #work(manifest: SignedManifest, text: Uint8Array | undefined): void {
    const { network, clock, identity, store, engine } = this.#parts;
    const { founder, seed } = manifest.manifest;
    this.#ledger.bind({ runId: manifest.runId, founder, seed });
    this.#signed = manifest;
    this.#trainer = new Trainer({
      self: this.self,
      manifest: manifest.manifest,
      network,
      clock,
      identity,
      store,
      engine,
      text,
      given: this.#parts.given,
      journal: this.#journalRead(),
      messenger: this.#messenger,
      state: () => this.state,
      inTurn: (work) => this.#ledger.inTurn(work),
      alive: (peer) => this.#living.alive(peer),
      event: (event) => this.#event(event),
      broken: (error) => void this.#finish({ how: 'failed', reason: error }),
      sizes: this.#parts.sizes ?? PART_SIZES,
      answerSeconds: (peer) => this.#timing.of(peer).answer,
      iterationTook: (seconds) => this.#timing.iterationSeen(seconds),
      distrust: (leader) => this.#ledger.distrust(leader),
    });
    this.#presence = new Presence({
      network,
      clock,
      runId: manifest.runId,
      describe: () => ({
        name: this.#parts.name,
        addresses: network.addresses(),
        iteration: this.state.iteration,
      }),
      members: () => ({ count: this.state.present().length, withSelf: this.#living.counts(this.self) }),
      heard: (peer, addresses) => {
        if (this.state.member(peer)) network.learn(peer, addresses);
      },
    });
  }

  #journalRead(): JournalRead {
    const [{ journal }, history] = [this.#ledger, this.#history];
    return {
      entries: () => journal.entries(),
      get bytes() {
        return journal.bytes;
      },
      get bytesPerSecond() {
        return history.bytesPerSecond;
      },
    };
  }

  #lead(waitForPeers: number, grace: Grace | undefined): Leader {
    this.#leader?.stop();
    const manifest = this.#signed!.manifest;
    const leader = new Leader({
      self: this.self,
      clock: this.#parts.clock,
      state: this.state,
      manifest,
      order: (bodies) => this.#ledger.order(bodies),
      send: (to, body) => this.#messenger.send(to, body),
      alive: (peer) => this.#living.alive(peer),
      loss: (peer) => this.#living.loss(peer),
      timing: this.#timing,
      hears: (peer) => this.#messenger.silentSeconds(peer) < this.#timing.of(peer).suspicion,
      firstSearchSteps: this.#parts.firstSearchSteps,
      waitForPeers,
      grace: grace ?? noGrace,
      handOver: (to) => this.#ledger.handOver(to),
      beforeEnd: () => this.#deliver(),
      note: (note) => this.#event({ kind: 'leading', note }),
    });
    if (grace === undefined) leader.assumeStarted();
    this.#leader = leader;
    this.#listening.leads(leader);
    leader.run().catch((error: Error) => this.#finish({ how: 'failed', reason: error }));
    return leader;
  }

  #deposed(): void {
    this.#belonging.deposed();
    this.#listening.deposed();
    this.#stopLeading();
  }

  #otherLeads(): void {
    this.#stopLeading();
    if (this.#leaving) this.#messenger.send(this.state.leader, { kind: 'leave', value: {} });
  }

  /** None of the new journal's entries is acted on here: this peer waits for one that lets it in anew. */
  #journalReplaced(): void {
    this.#inPlace = false;
    this.#stopLeading();
    this.#trainer?.journalReplaced();
  }

  /** The journal begins with a summary: what the entries before it did, is done now. */
  #journalBegun(from: PeerName, index: number, bytes: number): void {
    const { network } = this.#parts;
    const { iteration } = this.state;
    const present = this.state.present();
    const members = present.map(({ peer, name, stage }) => ({ peer, name, stage }));
    this.#event({ kind: 'summary', from, index, iteration, bytes, members });
    for (const { peer, addresses } of present) {
      this.#living.entered(peer);
      if (peer !== this.self) network.learn(peer, addresses);
    }
    const self = this.state.member(this.self);
    if (self === undefined && !this.#inPlace) return;
    // the entry that let this peer in is none that it acts on any more
    this.#journalReplaced();
    if (!this.#leaving) void this.#belonging.rejoinIfLeftOut();
    else if (self?.status === 'gone') void this.#finish({ how: 'left' });
    else this.#messenger.send(this.state.leader, { kind: 'leave', value: {} });
  }

  #stopLeading(): void {
    this.#leader?.stop();
    this.#leader = undefined;
  }

  async #deliver(): Promise<void> {
    const { deliver, network, identity, clock } = this.#parts;
    if (deliver === undefined) return;
    const trainer = this.#trainer!;
    const { manifest } = this.#signed!;
    await deliver(
      await collectModel({ network, identity, clock, manifest, trainer, state: this.state }),
      manifest,
    );
  }

  /** The connection to a peer was cut and it lives: what may have been lost on it is said again. */
  #reconnected(peer: PeerName): void {
    this.#trainer?.reconnected(peer);
    if (this.#leader === undefined) return;
    tellAgain(this.#ledger.journal, peer, this.#messenger); // it sees by it what it missed
    this.#leader.reconnected(peer);
  }

  // ---- the journal

  async #react(entry: Entry): Promise<void> {
    if (this.#trainer === undefined || this.#over) return;
    try {
      await this.#reacting.react(entry, this.#trainer);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      void this.#finish({ how: 'failed', reason: error }); // not the fault of whoever sent the entry
    }
  }

  /** The others let this peer go, or gave it up while it lives. */
  #leftOut(): void {
    this.#inPlace = false;
    if (this.#leaving) void this.#finish({ how: 'left' });
    else if (this.state.leader !== this.self) void this.#belonging.rejoinIfLeftOut();
  }

  // ---- who lives

  /** @param to whose heartbeats it answers; without one it is a question or the answer to one */
  #heartbeat(to?: PeerName): ControlBody {
    const { iteration } = this.state;
    const stamp = to === undefined ? noStamp : this.#timing.stamp(to);
    return { kind: 'heartbeat', value: { ...stamp, iteration, journalIndex: this.#ledger.journal.length } };
  }

  // ---- the end

  async #finish(end: PeerEnd): Promise<void> {
    const { network, clock, engine } = this.#parts;
    if (this.#over) return;
    if (end.how === 'failed') this.#event({ kind: 'failed', problem: end.reason.message });
    this.#over = true;
    const led = this.#leader !== undefined;
    this.#leader?.stop();
    this.#liveness.stop();
    this.#joining.stop();
    this.#refounding.stop();
    this.#presence?.stop();
    if (led && (end.how === 'ended' || end.how === 'left')) {
      const others = this.state.present().map(({ peer }) => peer);
      await farewell(network, clock, others);
    }
    this.#ledger.stop();
    await this.#trainer?.stop();
    this.#messenger.close();
    await network.close();
    await engine.close();
    this.#end(end);
  }

  #event(body: PeerEventBody): void {
    this.#parts.observe({ at: this.#parts.clock.now(), ...body });
  }
}
