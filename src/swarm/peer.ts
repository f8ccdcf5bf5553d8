// A peer: one participant of a run, from joining to leaving. Everything it does is joined here; what it decides is
// in the modules beside this one. It is written against the five seams and knows nothing of sockets, disks, clocks
// or arithmetic libraries.

import type { Entry, EntryBody } from '../journal/entry.ts';
import { Journal } from '../journal/journal.ts';
import type { ControlBody } from '../network/wire/codec.ts';
import { type Clock, sleep } from '../seams/clock.ts';
import { type Engine, EngineError } from '../seams/engine.ts';
import type { Identity } from '../seams/identity.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { Store } from '../seams/store.ts';
import { collectModel } from './collecting-model.ts';
import type { PeerEvent, PeerEventBody } from './events.ts';
import type { Invite } from './invite.ts';
import { History } from './history.ts';
import { Joining, JoinError } from './joining.ts';
import { Leader } from './leader.ts';
import { Ledger } from './ledger.ts';
import { Liveness } from './liveness.ts';
import type { Manifest, SignedManifest } from './manifest.ts';
import { Messenger, MisbehaviourError } from './messenger.ts';
import type { Applicant } from './placement.ts';
import { Presence } from './presence.ts';
import type { RunState } from './run-state.ts';
import type { StageSnapshot } from './snapshot.ts';
import { Trainer } from './trainer.ts';

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
  readonly start:
    | { readonly kind: 'found'; readonly manifest: SignedManifest; readonly waitForPeers: number }
    | { readonly kind: 'join'; readonly invite: Invite; readonly wantedStage: number };
  /** Called at the leader with every stage's weights after the last commit. */
  readonly deliver?: (stages: readonly StageSnapshot[], manifest: Manifest) => Promise<void>;
  readonly observe: (event: PeerEvent) => void;
}

export type PeerEnd =
  | { readonly how: 'ended' | 'left' | 'stopped' }
  | { readonly how: 'failed'; readonly reason: Error };

/** A new leader is looked for again when none has shown itself after this long. */
const SUCCESSION_SECONDS = 3;
/** After the end the leader waits this long for the others to hear of it. */
const FAREWELL_SECONDS = 3;
/** A peer that reads that it is gone asks to be let in again after this long. */
const REJOIN_PAUSE_SECONDS = 1;
/** A tensor may overtake the entry that lets its sender in, by this much at most. */
const STRANGER_SECONDS = 5;
const STRANGER_PAUSE_SECONDS = 0.25;

export class Peer {
  /** Resolves when the peer's part is over, for whatever reason. */
  readonly ended: Promise<PeerEnd>;
  readonly #parts: PeerParts;
  readonly #messenger: Messenger;
  readonly #ledger: Ledger;
  readonly #history: History;
  readonly #joining: Joining;
  readonly #liveness: Liveness;
  readonly #lost = new Set<PeerName>();
  #signed: SignedManifest | undefined;
  #trainer: Trainer | undefined;
  #presence: Presence | undefined;
  #leader: Leader | undefined;
  #leaving = false;
  #over = false;
  /** Where its journal ended when this peer started the run again; others may remember more. */
  #startedFrom = 0;
  /** Whether the journal is the run's as it stands now, not what a folder remembers of the last time. */
  #current = false;
  #divergences = 0;
  #end: (end: PeerEnd) => void = () => {};

  /** Starts a peer; it runs until `ended` resolves. Rejects when the stored journal is not sound. */
  static async start(parts: PeerParts): Promise<Peer> {
    const journal = await Journal.open(parts.identity, parts.store);
    const peer = new Peer(parts, journal);
    void peer.#begin().catch((error: Error) => peer.#finish({ how: 'failed', reason: error }));
    return peer;
  }

  private constructor(parts: PeerParts, journal: Journal) {
    this.#parts = parts;
    const { network, clock, identity, store } = parts;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#messenger = new Messenger(network, clock, {
      control: (from, body, answer) => this.#control(from, body, answer),
      tensor: async (from, header, payload) => {
        if (!(await this.#isMemberSoon(from)))
          throw new MisbehaviourError('it sends tensors and is not in the run');
        const problem = await this.#trainer?.tensor(from, header, payload);
        if (problem !== undefined) this.#event({ kind: 'misbehaved', peer: from, problem });
      },
      misbehaved: (from, problem) =>
        this.#event({ kind: 'misbehaved', peer: from, problem: problem.message }),
    });
    this.#ledger = new Ledger({
      journal,
      self: network.self,
      react: (entry) => this.#react(entry),
      broadcast: (entries) => this.#broadcast(entries),
    });
    this.#history = new History({
      ledger: this.#ledger,
      messenger: this.#messenger,
      isOver: () => this.#over,
      replaced: () => {
        this.#leader?.stop();
        this.#leader = undefined;
      },
    });
    this.#joining = new Joining({
      network,
      clock,
      identity,
      store,
      messenger: this.#messenger,
      journal,
      members: () => this.state.everyone(),
      event: (event) => this.#event(event),
    });
    this.#liveness = new Liveness({
      clock,
      messenger: this.#messenger,
      watched: () => this.#watched(),
      witness: (about) =>
        this.state.present().find(({ peer }) => peer !== about && peer !== this.self && this.#alive(peer))
          ?.peer,
      heartbeat: () => this.#heartbeat(),
      lost: (peer, how, reason) => this.#suspect(peer, how, reason),
      reconnected: (peer) => this.#trainer?.reconnected(peer),
    });
    network.onConnection(({ peer, state }) => {
      if (state === 'up' || this.#over) return;
      if (this.#counts(peer)) void this.#liveness.connectionBroke(peer);
      else this.#messenger.forgetAll(peer);
    });
  }

  get self(): PeerName {
    return this.#parts.network.self;
  }

  /** What the journal says, as far as this peer has it. */
  get state(): RunState {
    return this.#ledger.state;
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

  /** Says goodbye: hands its stage over where it is the last to hold it, then ends. */
  leave(): void {
    if (this.#leaving || this.#over) return;
    this.#leaving = true;
    const inRun = this.state.member(this.self);
    if (inRun === undefined || inRun.status === 'gone' || !this.#alive(this.state.leader)) {
      void this.#finish({ how: 'left' });
    } else {
      this.#messenger.send(this.state.leader, { kind: 'leave', value: {} });
    }
  }

  /** Stops at once; others see it break off. Its weights are written to the store first. */
  async stop(): Promise<void> {
    await this.#finish({ how: 'stopped' });
  }

  // ---- beginning

  async #begin(): Promise<void> {
    const { start, name, store } = this.#parts;
    if (start.kind === 'found') {
      const known = this.#ledger.journal.length > 0;
      if (known && this.state.runId !== start.manifest.runId) {
        throw new JoinError(
          'wrong-run',
          `the folder holds run ${this.state.runId}; found the new run in another folder`,
        );
      }
      if (known && this.state.ended)
        throw new JoinError('ended', 'the run has ended; its journal is complete');
      await store.writeBlob('manifest', start.manifest.bytes); // by which it finds its snapshots again
      const application = this.#application(0);
      const leader = known ? await this.#joining.again(application, start.manifest.runId, 0) : undefined;
      if (this.#over) return;
      this.#work(start.manifest);
      this.#event({ kind: 'running', runId: start.manifest.runId, name, peer: this.self, role: 'founder' });
      if (leader === undefined) {
        this.#current = true;
        await this.#found(start.manifest, start.waitForPeers);
      } else await this.#catchUp(leader);
      return;
    }
    const { invite, wantedStage } = start;
    if (this.state.ended && this.state.runId === invite.runId) {
      throw new JoinError('ended', 'the run has ended; its journal is complete');
    }
    const { manifest, leader, hasText } = await this.#joining.join(invite, this.#application(wantedStage));
    if (this.#over) return;
    this.#work(manifest, hasText ? this.#parts.text : undefined);
    this.#event({ kind: 'running', runId: manifest.runId, name, peer: this.self, role: 'joiner' });
    await this.#catchUp(leader);
  }

  /** The entry that lets this peer in may have come before it could take any: it asks for all that it lacks. */
  async #catchUp(leader: PeerName): Promise<void> {
    let outcome: 'ok' | 'replaced' = 'ok';
    try {
      outcome = await this.#history.catchUp(leader);
    } catch (error) {
      // whoever leads now, its next entry shows what is missing
      const problem = error instanceof Error ? error.message : String(error);
      this.#event({ kind: 'trying', contact: leader, problem });
    }
    for (const { peer } of this.state.present()) this.#messenger.presumeHeard(peer);
    this.#current = true;
    if (outcome === 'replaced') await this.#rejoin();
  }

  async #found(manifest: SignedManifest, waitForPeers: number): Promise<void> {
    const { self } = this;
    const genesis: EntryBody = { kind: 'genesis', runId: manifest.runId, founder: self };
    const fresh = this.#ledger.journal.length === 0;
    this.#startedFrom = this.#ledger.journal.length;
    const gone = this.state.present().map(({ peer }) => ({
      kind: 'gone' as const,
      peer,
      how: 'left' as const,
      reason: 'the run was stopped',
    }));
    const leader: EntryBody = {
      kind: 'leader',
      peer: self,
      reason: fresh ? 'it founded the run' : 'it starts the run again',
    };
    await this.#ledger.order([
      ...(fresh ? [genesis] : []),
      leader,
      ...(gone.length > 0 ? [{ kind: 'members' as const, changes: gone }] : []),
    ]);
    const leading = this.#lead(waitForPeers, false);
    leading.apply(await this.#applicantHere(0));
  }

  async #applicantHere(wantedStage: number): Promise<Applicant> {
    const { name, network, text } = this.#parts;
    const stored = await this.#joining.storedStages(this.#signed!);
    return {
      peer: this.self,
      name,
      addresses: network.addresses(),
      hasText: text !== undefined,
      stored,
      wantedStage,
    };
  }

  #application(wantedStage: number) {
    const { name, text } = this.#parts;
    return { name, text, wantedStage };
  }

  async #isMemberSoon(peer: PeerName): Promise<boolean> {
    const { clock } = this.#parts;
    const until = clock.now() + STRANGER_SECONDS;
    while (this.state.member(peer) === undefined) {
      if (this.#over || clock.now() >= until) return false;
      await sleep(clock, STRANGER_PAUSE_SECONDS);
    }
    return true;
  }

  /** From here on the run is known: this peer can train. */
  #work(manifest: SignedManifest, text = this.#parts.text): void {
    const { network, clock, identity, store, engine } = this.#parts;
    this.#ledger.bind({ runId: manifest.runId, founder: manifest.manifest.founder });
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
      messenger: this.#messenger,
      state: () => this.state,
      inTurn: (work) => this.#ledger.inTurn(work),
      alive: (peer) => this.#alive(peer),
      event: (event) => this.#event(event),
      broken: (error) => void this.#finish({ how: 'failed', reason: error }),
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
      heard: (peer, addresses) => {
        if (this.state.member(peer)) network.learn(peer, addresses);
      },
    });
  }

  #lead(waitForPeers: number, started: boolean): Leader {
    const manifest = this.#signed!.manifest;
    const leader = new Leader({
      self: this.self,
      clock: this.#parts.clock,
      state: this.state,
      manifest,
      order: (bodies) => this.#ledger.order(bodies),
      send: (to, body) => this.#messenger.send(to, body),
      alive: (peer) => this.#alive(peer),
      waitForPeers,
      beforeEnd: () => this.#deliver(),
      note: (note) => this.#event({ kind: 'leading', note }),
    });
    if (started) leader.assumeStarted();
    this.#leader = leader;
    leader.run().catch((error: Error) => this.#finish({ how: 'failed', reason: error }));
    return leader;
  }

  async #deliver(): Promise<void> {
    const { deliver, network, identity } = this.#parts;
    if (deliver === undefined) return;
    const trainer = this.#trainer!;
    const { manifest } = this.#signed!;
    await deliver(await collectModel({ network, identity, manifest, trainer, state: this.state }), manifest);
  }

  // ---- the journal

  #broadcast(entries: readonly Entry[]): void {
    const lines = entries.map((entry) => new TextEncoder().encode(Journal.line(entry)));
    const body: ControlBody = { kind: 'entries', value: { entries: lines } };
    const to = new Set(this.state.present().map((member) => member.peer));
    for (const { body: said } of entries) {
      if (said.kind !== 'members') continue;
      for (const change of said.changes) {
        to.add(change.peer); // also those that enter or go by these entries
        if (change.kind === 'enter') this.#parts.network.learn(change.peer, change.addresses);
      }
    }
    to.delete(this.self);
    for (const peer of to) this.#messenger.send(peer, body);
  }

  async #takeEntries(from: PeerName, entries: readonly Uint8Array[]): Promise<void> {
    const decoder = new TextDecoder();
    const lines = entries.map((bytes) => decoder.decode(bytes));
    if (this.state.member(from) === undefined) {
      // what a stranger says is no reason to ask it for more
      const outcome = await this.#ledger.take(lines);
      // who was just let in does not know the members yet, and reads all that it lacks anyway
      if (outcome !== 'ok' && this.#current) throw new Error('it sends entries and is not in the run');
    } else if ((await this.#history.take(from, lines)) === 'replaced') await this.#rejoin();
  }

  async #react(entry: Entry): Promise<void> {
    const { body } = entry;
    const trainer = this.#trainer;
    if (trainer === undefined || this.#over) return;
    switch (body.kind) {
      case 'members':
        for (const change of body.changes) await this.#memberChanged(change.peer);
        return;
      case 'leader':
        this.#event({ kind: 'leader', peer: body.peer, term: entry.term });
        if (body.peer !== this.self && this.#leader) {
          this.#leader.stop();
          this.#leader = undefined;
        }
        return;
      case 'plan':
        await trainer.startPlan(body);
        return;
      case 'commit':
        this.#divergences += body.weights.reduce((sum, report) => sum + report.divergent.length, 0);
        await trainer.commit(body);
        this.#event({
          kind: 'commit',
          commit: body,
          sent: { ...this.#messenger.sent },
          contributionBytes: trainer.contributionBytes,
        });
        return;
      case 'repair':
        this.#event({
          kind: 'repair',
          stage: body.stage,
          rule: body.rule,
          peer: body.peer,
          iteration: body.iteration,
        });
        return;
      case 'end':
        this.#divergences += body.weights.reduce((sum, report) => sum + report.divergent.length, 0);
        this.#event({ kind: 'ended', iteration: body.iteration, divergences: this.#divergences });
        void this.#finish({ how: 'ended' });
        return;
      case 'genesis':
        return;
    }
  }

  async #memberChanged(peer: PeerName): Promise<void> {
    const member = this.state.member(peer)!;
    const { name, stage, status } = member;
    if (status === 'gone') {
      this.#event({ kind: 'gone', peer, name, stage, how: member.how!, reason: '' });
      if (peer === this.self) {
        if (this.#leaving) void this.#finish({ how: 'left' });
        else if (this.state.leader !== this.self) void this.#rejoinIfLeftOut();
        return;
      }
      this.#trainer!.peerLost(peer); // its streams stay: if it lives, it must hear that it is gone
      if (peer === this.state.leader) this.#succeed();
      return;
    }
    if (status === 'active') {
      this.#event({ kind: 'active', peer, name, stage });
      return;
    }
    this.#lost.delete(peer);
    this.#parts.network.learn(peer, member.addresses);
    this.#messenger.presumeHeard(peer);
    this.#event({ kind: 'entered', peer, name, stage, origin: member.origin.kind });
    this.#trainer!.freezeIfAsked(member.origin);
    if (peer === this.self) this.#trainer!.enter(member);
  }

  /** The very next entry may let it in again, as when it came back before it was missed. */
  async #rejoinIfLeftOut(): Promise<void> {
    await sleep(this.#parts.clock, REJOIN_PAUSE_SECONDS);
    if (this.state.member(this.self)?.status === 'gone') await this.#rejoin();
  }

  /** The others gave this peer up while it lives: it asks to be let in again. */
  async #rejoin(): Promise<void> {
    if (this.#over || this.#leaving) return;
    try {
      const leader = await this.#joining.again(this.#application(-1), this.#signed!.runId, 10);
      if (leader === undefined) throw new JoinError('unreachable', 'no member of the run answers any more');
      await this.#catchUp(leader);
    } catch (error) {
      await this.#finish({
        how: 'failed',
        reason: error instanceof Error ? error : new Error(String(error)),
      });
    }
  }

  // ---- who lives

  #alive(peer: PeerName): boolean {
    return !this.#lost.has(peer) && this.#counts(peer);
  }

  #counts(peer: PeerName): boolean {
    const status = this.state.member(peer)?.status;
    return status === 'active' || status === 'entering';
  }

  #watched(): PeerName[] {
    const { state } = this;
    if (!this.#current) return [];
    const own = state.member(this.self);
    const watched = new Set<PeerName>(this.#trainer?.neighbours() ?? []);
    if (this.#leader) for (const { peer } of state.present()) watched.add(peer);
    if (own && own.status !== 'gone') {
      watched.add(state.leader);
      for (const { peer } of state.group(own.stage)) watched.add(peer);
    }
    watched.delete(this.self);
    return [...watched].filter((peer) => this.#alive(peer));
  }

  #heartbeat(): ControlBody {
    const { iteration } = this.state;
    return {
      kind: 'heartbeat',
      value: { sequence: 0, iteration, journalIndex: this.#ledger.journal.length },
    };
  }

  #suspect(peer: PeerName, how: 'broken' | 'silent', reason: string): void {
    if (this.#over || !this.#current || !this.#alive(peer)) return;
    this.#lost.add(peer);
    this.#event({ kind: 'suspected', peer, how, reason });
    this.#trainer?.peerLost(peer);
    if (this.#leader) void this.#leader.lost(peer, how, reason).catch(() => {});
    else if (peer === this.state.leader) this.#succeed();
    else this.#tellSuspicion(this.state.leader, peer, how === 'broken');
  }

  #tellSuspicion(to: PeerName, peer: PeerName, broken: boolean): void {
    const silentSeconds = Math.min(this.#messenger.silentSeconds(peer), 1e6);
    this.#messenger.send(to, { kind: 'suspicion', value: { peer, broken, silentSeconds } });
  }

  /** The leader is gone: the next member in order takes over; whoever it is, someone will. */
  #succeed(): void {
    const { state } = this;
    const gone = state.leader;
    const next = state.successor(this.#lost);
    if (this.#leaving) {
      void this.#finish({ how: 'left' }); // there is nobody to say goodbye to
      return;
    }
    if (this.#over || next === undefined) return;
    if (next === this.self) {
      void this.#takeOver(gone).catch((error: Error) =>
        this.#event({ kind: 'failed', problem: error.message }),
      );
      return;
    }
    this.#tellSuspicion(next, gone, true);
    this.#parts.clock.schedule(SUCCESSION_SECONDS, () => {
      if (
        this.#over ||
        this.state.leader !== gone ||
        (this.state.member(gone)?.status === 'active' && this.#alive(gone))
      )
        return;
      void this.#liveness.connectionBroke(next).then(() => this.#succeed());
    });
  }

  /**
   * Leads from here on, if enough of the others can be reached: a peer that was cut off, or stood still while the
   * rest went on, must not start a history of its own.
   */
  async #takeOver(gone: PeerName): Promise<void> {
    const others = this.state.present().filter(({ peer }) => peer !== this.self && peer !== gone);
    const reached = await Promise.all(
      others.map(async ({ peer }) => {
        try {
          const lines = await this.#history.ask(peer, this.#ledger.journal.length, 1);
          await this.#ledger.take(lines).catch(() => {});
          return 1;
        } catch {
          return 0;
        }
      }),
    );
    if (this.#over || this.#leaving || this.state.leader !== gone || this.#leader) return;
    if (this.state.member(this.self)?.status !== 'active') return;
    if (reached.reduce<number>((sum, one) => sum + one, 0) < others.length / 2) {
      await this.#rejoin();
      return;
    }
    const lost = this.state.present().filter(({ peer }) => peer === gone || !this.#alive(peer));
    const changes = lost
      .filter(({ peer }) => peer !== this.self)
      .map(({ peer }) => ({
        kind: 'gone' as const,
        peer,
        how: 'broken' as const,
        reason: 'lost with the leader',
      }));
    await this.#ledger.order([
      { kind: 'leader', peer: this.self, reason: `${gone} is gone` },
      ...(changes.length > 0 ? [{ kind: 'members' as const, changes }] : []),
    ]);
    this.#lead(1, true);
  }

  // ---- what others say

  #control(from: PeerName, body: ControlBody, answer: ((body: ControlBody) => void) | undefined): void {
    if (this.#over) return;
    const trouble = (error: Error) => this.#event({ kind: 'misbehaved', peer: from, problem: error.message });
    switch (body.kind) {
      case 'heartbeat':
        answer?.(this.#heartbeat());
        return;
      case 'join':
        if (answer) void this.#joinAsked(from, body.value, answer).catch(trouble);
        return;
      case 'entries':
        if (this.#trainer) void this.#takeEntries(from, body.value.entries).catch(trouble);
        return;
      case 'entriesWanted': {
        answer?.(this.#history.answerFrom(body.value.fromIndex));
        return;
      }
      default:
        if (this.state.member(from) !== undefined) this.#memberSays(from, body, answer);
    }
  }

  #memberSays(from: PeerName, body: ControlBody, answer: ((body: ControlBody) => void) | undefined): void {
    const trainer = this.#trainer;
    const leader = this.#leader;
    if (trainer === undefined) return;
    const fromLeader = from === this.state.leader;
    const failed = (error: Error) => {
      if (error instanceof EngineError) void this.#finish({ how: 'failed', reason: error });
      else this.#event({ kind: 'failed', problem: error.message });
    };
    switch (body.kind) {
      case 'finished': {
        const { iteration, attempt, ...report } = body.value;
        leader?.finished(from, iteration, attempt, report);
        return;
      }
      case 'exchangeOrder':
        if (fromLeader) void trainer.exchangeOrdered(body.value).catch(failed);
        return;
      case 'exchanged':
        leader?.exchanged(from, body.value);
        return;
      case 'close':
        if (fromLeader) void trainer.close(body.value.iteration, body.value.attempt).catch(failed);
        return;
      case 'dropped': {
        const { iteration, attempt, microbatch, reason, peer } = body.value;
        if (peer === '') leader?.dropped(iteration, attempt, microbatch, reason);
        else leader?.disturbed(iteration, attempt);
        trainer.microbatchDropped(iteration, attempt, microbatch, reason, peer);
        return;
      }
      case 'slotRequest': {
        const { iteration, attempt, microbatch, stage } = body.value;
        const granted = trainer.grantSlot(iteration, attempt, microbatch, stage);
        answer?.(granted ? { kind: 'done', value: {} } : refusal('BUSY', 'no room for another micro-batch'));
        return;
      }
      case 'suspicion': {
        const { peer, broken } = body.value;
        if (answer) {
          const silentSeconds = Math.min(this.#messenger.silentSeconds(peer), 1e6);
          answer({ kind: 'suspicion', value: { peer, broken: false, silentSeconds } });
        } else if ((leader || peer === this.state.leader) && broken && this.#alive(peer)) {
          void this.#liveness.connectionBroke(peer); // a second opinion: this peer asks for itself
        }
        return;
      }
      case 'ready':
        leader?.ready(from, body.value.stage, body.value.digest, body.value.failure);
        return;
      case 'leave':
        leader?.leave(from);
        return;
      case 'applied':
        leader?.applied(from, body.value.iteration, body.value.stage, body.value.digest);
        return;
      default:
        return;
    }
  }

  async #joinAsked(
    from: PeerName,
    request: Extract<ControlBody, { kind: 'join' }>['value'],
    answer: (body: ControlBody) => void,
  ): Promise<void> {
    const signed = this.#signed;
    if (this.#leader?.gathering && request.runId === signed?.runId) await this.#takeMemories(from, request);
    const decision = this.#joining.judge(from, request, signed, this.state, this.#leader !== undefined);
    if (decision.kind === 'refused') {
      answer(decision.body);
      return;
    }
    if (!this.#leader!.hasRoomFor(decision.applicant)) {
      answer(refusal('FULL', 'no stage of the run can be given to this peer now'));
      return;
    }
    this.#parts.network.learn(from, request.addresses);
    answer({ kind: 'accepted', value: { leader: this.self, manifest: signed!.bytes } });
    if (this.#counts(from)) await this.#leader!.lost(from, 'broken', 'it came back before it was missed');
    this.#leader!.apply(decision.applicant);
  }

  /** A run that starts again goes on from where anyone saw it last, not from where its founder left it. */
  async #takeMemories(from: PeerName, request: { journalLength: number }): Promise<void> {
    const { start } = this.#parts;
    if (start.kind !== 'found' || request.journalLength <= this.#startedFrom) return;
    const outcome = await this.#history.takeLonger(from).catch(() => 'ok' as const);
    if (outcome === 'replaced') await this.#found(start.manifest, start.waitForPeers);
  }

  // ---- the end

  async #finish(end: PeerEnd): Promise<void> {
    if (this.#over) return;
    if (end.how === 'failed') this.#event({ kind: 'failed', problem: end.reason.message });
    this.#over = true;
    const led = this.#leader !== undefined;
    this.#leader?.stop();
    this.#liveness.stop();
    this.#joining.stop();
    this.#presence?.stop();
    if (led && (end.how === 'ended' || end.how === 'left')) await this.#farewell();
    await this.#trainer?.stop();
    this.#messenger.close();
    await this.#parts.network.close();
    await this.#parts.engine.close();
    this.#end(end);
  }

  /** The others must hear the last entries before the connections close. */
  #farewell(): Promise<void> {
    const { network, clock } = this.#parts;
    const connected = new Set(this.state.present().map(({ peer }) => peer));
    connected.delete(this.self);
    return new Promise((resolve) => {
      const cancel = clock.schedule(FAREWELL_SECONDS, resolve);
      network.onConnection(({ peer, state }) => {
        if (state === 'down') connected.delete(peer);
        if (connected.size > 0) return;
        cancel();
        resolve();
      });
      if (connected.size === 0) {
        cancel();
        resolve();
      }
    });
  }

  #event(body: PeerEventBody): void {
    this.#parts.observe({ at: this.#parts.clock.now(), ...body });
  }
}

function refusal(reason: 'BUSY' | 'FULL', message: string): ControlBody {
  return { kind: 'refused', value: { reason, message, leader: '', leaderAddresses: [] } };
}
