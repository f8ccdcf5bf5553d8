// A peer's work for its stage: getting the weights in place, running iterations, exchanging gradients, applying
// commits. What to do is read from the journal; results go to the leader.

import { type Codec, type CodecName, codecs } from '../gradient/index.ts';
import type { CommitBody, Origin } from '../journal/entry.ts';
import { toHex } from '../journal/canonical.ts';
import type { TensorHeaderMessage } from '../network/wire/codec.ts';
import { drawSamples, readWindows, trainingWindows, type Windows } from '../data/index.ts';
import { type Clock, sleep } from '../seams/clock.ts';
import type { Engine } from '../seams/engine.ts';
import type { Identity } from '../seams/identity.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { Store } from '../seams/store.ts';
import type { PeerEventBody } from './events.ts';
import { Exchange, type ExchangeOrder } from './exchange.ts';
import { Executor, type IterationReport } from './executor.ts';
import { initialStage, normOf, parametersOf, StageHolder } from './holder.ts';
import { activationLength, type Manifest, microbatchesPerIteration } from './manifest.ts';
import type { Messenger } from './messenger.ts';
import { readPlan } from './planning.ts';
import { rebuildStage } from './rebuilding.ts';
import type { Member, OrderedPlan, RunState } from './run-state.ts';
import type { StageSnapshot } from './snapshot.ts';
import { Donor, fetchSnapshot, TransferError } from './transfer.ts';
import { bytesOf } from './visits.ts';

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
  /** This peer cannot compute any more. */
  readonly broken: (error: Error) => void;
}

interface Summed {
  readonly order: ExchangeOrder;
  readonly sum: Float32Array;
  readonly norm: number;
  readonly digest: string;
}

/** A snapshot is written at most this often, and at most this share of the time. */
const SAVING_PAUSE_SECONDS = 2;
const SAVING_SHARE = 0.05;
const FETCH_TRIES = 40;
const FETCH_PAUSE_SECONDS = 0.25;

export class Trainer {
  readonly donor: Donor;
  /** Bytes of the contributions that this peer's codec made, each once. */
  contributionBytes = 0;
  readonly #parts: TrainerParts;
  readonly #holder: StageHolder;
  readonly #codec: Codec;
  readonly #windows: Windows | undefined;
  readonly #backlog: CommitBody[] = [];
  readonly #sums = new Map<string, Summed>();
  #preparing: AbortController | undefined;
  #installed = false;
  #executor: Executor | undefined;
  #exchange: Exchange | undefined;
  #gradient: { iteration: number; attempt: number; values: Float32Array } | undefined;
  #taking: Promise<unknown> = Promise.resolve();
  #sentReport: IterationReport | undefined;
  #nextKey = 1;
  #savedAt = Number.NEGATIVE_INFINITY;
  #saveSeconds = 0;
  #saving: Promise<void> | undefined;
  #waiters: (() => void)[] = [];
  #stopped = false;

  constructor(parts: TrainerParts) {
    const { manifest, network, clock, identity, text, messenger } = parts;
    this.#parts = parts;
    this.#holder = new StageHolder(manifest, parts.engine, clock, identity);
    this.#codec = codecs[manifest.training.codec as CodecName];
    this.#windows = text && trainingWindows(text.length, manifest.model.context, manifest.data.heldOut);
    this.donor = new Donor({
      network,
      clock,
      identity,
      take: (stage) =>
        this.#installed && this.#holder.stage === stage
          ? { iteration: this.#holder.iteration, bytes: this.#holder.snapshot() }
          : undefined,
      mayAsk: (peer) => parts.state().member(peer) !== undefined,
      sent: (bytes) => {
        messenger.sent.weights += bytes;
      },
    });
  }

  get holder(): StageHolder {
    return this.#holder;
  }

  /** Whether the weights are in place and follow the commits. */
  get installed(): boolean {
    return this.#installed;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#preparing?.abort(new Error('the peer is stopping'));
    this.#executor?.abort();
    this.#notify();
    this.donor.close();
    await this.#saving;
    if (this.#installed) await this.#save();
  }

  // ---- weights in place

  /** This peer entered a stage: fetches, reads or makes its weights while training goes on. */
  enter(member: Member): void {
    this.#preparing?.abort(new Error('it entered another stage'));
    const preparing = new AbortController();
    this.#preparing = preparing;
    this.#executor?.abort();
    this.#executor = undefined;
    this.#installed = false;
    this.#backlog.length = 0;
    this.#sums.clear();
    const { messenger, state, inTurn } = this.#parts;
    const tell = (iteration: number, digest: string, failure: string) => {
      const value = { stage: member.stage, iteration, digest, failure };
      messenger.send(state().leader, { kind: 'ready', value });
    };
    const prepare = async () => {
      const snapshot = await this.#obtain(member, preparing.signal);
      await inTurn(async () => {
        if (preparing.signal.aborted) return;
        await this.#holder.install(snapshot);
        this.#installed = true;
        for (const commit of this.#backlog.splice(0)) await this.#apply(commit, member.stage);
        if (!this.#installed) throw new TransferError('a sum that came since could not be applied');
        tell(this.#holder.iteration, this.#holder.digest(), '');
      });
    };
    prepare().catch((error: Error) => {
      if (preparing.signal.aborted) return;
      this.#parts.event({ kind: 'out-of-step', iteration: state().iteration, problem: error.message });
      tell(0, '', error.message || 'unknown');
    });
  }

  async #obtain(member: Member, signal: AbortSignal): Promise<StageSnapshot> {
    const { manifest, store } = this.#parts;
    const { stage, origin, enteredAfter } = member;
    switch (origin.kind) {
      case 'initial':
        return initialStage(manifest, stage);
      case 'stored': {
        const bytes = await store.readBlob(`stage-${stage}`);
        if (bytes === undefined) throw new TransferError(`no snapshot of stage ${stage} is stored here`);
        return { ...this.#holder.decode(stage, bytes), iteration: enteredAfter };
      }
      case 'donor':
        return this.#fetch(origin.donor, stage, enteredAfter, signal);
      case 'rebuild':
        return this.#rebuild(origin, stage, enteredAfter, signal);
    }
  }

  /** The donor freezes when it reads the same journal entry, which may be a little later. */
  async #fetch(
    from: PeerName,
    stage: number,
    iteration: number,
    signal: AbortSignal,
  ): Promise<StageSnapshot> {
    const { network, identity, clock } = this.#parts;
    const maxBytes = this.maxSnapshotBytes(stage);
    for (let attempt = 1; ; attempt++) {
      try {
        const { bytes } = await fetchSnapshot({
          network,
          identity,
          from,
          stage,
          iteration,
          maxBytes,
          signal,
        });
        return this.#holder.decode(stage, bytes);
      } catch (error) {
        if (!(error instanceof TransferError) || attempt >= FETCH_TRIES || !this.#parts.alive(from))
          throw error;
        await sleep(clock, FETCH_PAUSE_SECONDS, signal);
      }
    }
  }

  async #rebuild(
    origin: Extract<Origin, { kind: 'rebuild' }>,
    stage: number,
    iteration: number,
    signal: AbortSignal,
  ): Promise<StageSnapshot> {
    const { self, manifest } = this.#parts;
    const sources = [];
    for (const source of origin.sources) {
      const own = source.peer === self ? this.donor.frozen(source.stage, iteration) : undefined;
      const snapshot = own
        ? this.#holder.decode(source.stage, own)
        : await this.#fetch(source.peer, source.stage, iteration, signal);
      sources.push({ ...source, weights: snapshot.weights });
    }
    return rebuildStage(manifest, origin.rule, stage, iteration, sources);
  }

  /** No snapshot of a stage can be larger. */
  maxSnapshotBytes(stage: number): number {
    return 4 * parametersOf(this.#parts.manifest, stage) * 3 + 65_536;
  }

  /** Another peer will fetch this one's stage as it is now. */
  freezeIfAsked(origin: Origin): void {
    const { self } = this.#parts;
    const asked =
      (origin.kind === 'donor' && origin.donor === self) ||
      (origin.kind === 'rebuild' && origin.sources.some((source) => source.peer === self));
    if (asked && this.#installed) this.donor.freeze(this.#holder.stage!);
  }

  // ---- iterations

  async startPlan(ordered: OrderedPlan): Promise<void> {
    const { self, manifest, engine, clock, messenger, state, event, alive } = this.#parts;
    this.#executor?.abort();
    this.#executor = undefined;
    const plan = readPlan(ordered.plan, manifest);
    event({
      kind: 'plan',
      iteration: ordered.iteration,
      attempt: ordered.attempt,
      microbatches: plan.paths.length,
    });
    const member = state().member(self);
    if (member?.status !== 'active' || !this.#installed) return;
    await engine.takeGradients(); // of an attempt that did not end, or nothing
    this.#gradient = undefined;
    this.#sentReport = undefined;
    for (const key of this.#sums.keys()) {
      if (Number.parseInt(key, 10) < ordered.iteration) this.#sums.delete(key);
    }
    const { iteration, attempt } = ordered;
    const executor = new Executor({
      self,
      stage: member.stage,
      iteration,
      attempt,
      plan,
      engine,
      clock,
      alive,
      activationLength: activationLength(manifest),
      emergencySkips: manifest.training.emergencySkips,
      nextKey: () => this.#nextKey++,
      tokens: (microbatch) => this.#tokens(iteration, microbatch),
      send: (to, header, payload) => messenger.tensor(to, header, payload),
      announceDropped: (microbatch, reason, peer = '') => {
        const value = { iteration, attempt, microbatch, reason, peer };
        for (const other of state().present()) messenger.send(other.peer, { kind: 'dropped', value });
      },
      askSlot: async (peer, microbatch, stage) => {
        const value = { iteration, attempt, microbatch, stage };
        const answer = await messenger
          .request(peer, { kind: 'slotRequest', value }, 2)
          .catch(() => undefined);
        return answer?.kind === 'done';
      },
      note: (note) => event({ kind: 'path', iteration, note }),
    });
    this.#executor = executor;
    this.#notify();
    executor
      .run((report) => this.#report(executor, member.stage, report, false))
      .catch((error: Error) => this.#parts.broken(error));
  }

  #tokens(iteration: number, microbatch: number) {
    const { manifest, text } = this.#parts;
    if (text === undefined || this.#windows === undefined)
      throw new Error('an anchor needs the text of the run');
    const indices = drawSamples({
      runSeed: manifest.seed,
      iteration: iteration - 1,
      microbatch,
      samples: manifest.training.samplesPerMicrobatch,
      microbatches: microbatchesPerIteration(manifest),
      windows: this.#windows,
    });
    const { tokens: inputs, targets } = readWindows(text, this.#windows, indices);
    return { inputs, targets };
  }

  #report(executor: Executor, stage: number, report: IterationReport, final: boolean): void {
    const { messenger, state } = this.#parts;
    const { iteration, attempt } = executor;
    this.#sentReport = report;
    for (const { microbatch, reason } of report.dropped) {
      const value = { iteration, attempt, microbatch, reason, peer: '' };
      messenger.send(state().leader, { kind: 'dropped', value });
    }
    const { microbatches, losses, computeSeconds, visits } = report;
    const value = { iteration, attempt, stage, microbatches, losses, computeSeconds, visits, final };
    messenger.send(state().leader, { kind: 'finished', value });
  }

  /** The leader ends the iteration's compute. */
  async close(iteration: number, attempt: number): Promise<void> {
    const executor = this.#executor;
    if (executor?.iteration !== iteration || executor.attempt !== attempt) return;
    const report = await executor.close();
    this.#report(executor, this.#holder.stage!, report, true);
  }

  microbatchDropped(
    iteration: number,
    attempt: number,
    microbatch: number,
    reason: string,
    peer: PeerName,
  ): void {
    if (this.#running(iteration, attempt)) this.#executor!.paths.dropped(microbatch, reason, peer);
  }

  grantSlot(iteration: number, attempt: number, microbatch: number, stage: number): boolean {
    const open = this.#running(iteration, attempt) && this.#gradient === undefined;
    return open && this.#executor!.paths.grantSlot(microbatch, stage);
  }

  peerLost(peer: PeerName): void {
    this.#executor?.paths.peerLost(peer);
  }

  reconnected(peer: PeerName): void {
    this.#executor?.paths.resend(peer);
  }

  /** Peers next to this one on the paths of the iteration under way. */
  neighbours(): readonly PeerName[] {
    return this.#executor?.paths.neighbours ?? [];
  }

  #running(iteration: number, attempt: number): boolean {
    return this.#executor?.iteration === iteration && this.#executor.attempt === attempt;
  }

  // ---- exchange

  async exchangeOrdered(order: ExchangeOrder): Promise<void> {
    const { self, manifest, messenger, state, clock, identity, event } = this.#parts;
    if (state().member(self)?.stage !== order.stage) return;
    const exchange = new Exchange(order, {
      self,
      runSeed: manifest.seed,
      codec: this.#codec,
      parameters: parametersOf(manifest, order.stage),
      send: (to, header, payload) => messenger.tensor(to, header, payload),
    });
    if (exchange.contributes) {
      const taking = this.#taking.then(() => this.#contribute(exchange));
      this.#taking = taking.catch(() => false);
      if (!(await taking)) return;
    }
    this.#exchange = exchange;
    this.#notify();
    if (this.#gradient && exchange.contributes) exchange.contribute(this.#gradient.values);
    const result = await exchange.result;
    if (this.#exchange !== exchange || this.#stopped) return;
    const { iteration, attempt, stage, round } = order;
    const answer = { iteration, attempt, stage, round, missing: '' };
    if (result.kind === 'refused') {
      for (const peer of result.senders) {
        event({ kind: 'left-out', iteration, stage, peer, reason: 'its gradient is not finite' });
      }
      const value = { ...answer, digest: '', norm: 0, notFinite: result.senders };
      messenger.send(state().leader, { kind: 'exchanged', value });
      return;
    }
    const norm = await normOf(result.sum, clock);
    if (!Number.isFinite(norm)) {
      // each contribution was finite and their sum is not: none of them can be told from the others
      const value = { ...answer, digest: '', norm: 0, notFinite: order.contributors };
      messenger.send(state().leader, { kind: 'exchanged', value });
      return;
    }
    const digest = toHex(identity.digest(bytesOf(result.sum)));
    this.#sums.set(`${iteration} ${attempt} ${round}`, { order, sum: result.sum, norm, digest });
    messenger.send(state().leader, { kind: 'exchanged', value: { ...answer, digest, norm, notFinite: [] } });
  }

  /** Takes this peer's gradient off the engine, once; false when more was added than the leader knows of. */
  async #contribute(exchange: Exchange): Promise<boolean> {
    const { order } = exchange;
    const { iteration, attempt } = order;
    const executor = this.#executor;
    if (!executor || !this.#running(iteration, attempt)) return false;
    if (this.#gradient === undefined) {
      const report = await executor.close();
      if (report.microbatches.length !== this.#sentReport?.microbatches.length) {
        this.#report(executor, order.stage, report, true);
        return false;
      }
      const values = await this.#parts.engine.takeGradients();
      if (!this.#running(iteration, attempt)) return false;
      this.#gradient = { iteration, attempt, values };
      this.contributionBytes += this.#codec.encodedBytes(values.length);
    }
    return true;
  }

  // ---- tensors

  /** Takes a tensor, waiting for the plan or the order that it belongs to; returns why it cannot belong here. */
  async tensor(
    from: PeerName,
    header: TensorHeaderMessage,
    payload: Uint8Array,
  ): Promise<string | undefined> {
    const exchange = header.kind === 'CONTRIBUTION' || header.kind === 'SUM';
    for (;;) {
      if (this.#stopped) return undefined;
      const { iteration, attempt } = header;
      if (iteration <= this.#parts.state().iteration) return undefined; // committed without it
      if (exchange) {
        const order = this.#exchange?.order;
        const newer = order
          ? compare([iteration, attempt, header.round], [order.iteration, order.attempt, order.round])
          : 1;
        if (newer < 0) return undefined;
        if (newer === 0 && order!.stage === header.stage) {
          return this.#exchange!.take(from, header, payload)
            ? undefined
            : `a ${header.kind} that was not ordered`;
        }
      } else {
        const executor = this.#executor;
        const newer = executor ? compare([iteration, attempt], [executor.iteration, executor.attempt]) : 1;
        if (newer < 0) return undefined;
        if (newer === 0) return executor!.paths.take(from, header, payload);
      }
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  // ---- commits

  /** Applies a commit to the stage held here; a peer that misses what it needs says so and asks for a fresh copy. */
  async commit(body: CommitBody): Promise<void> {
    const { self, state, event } = this.#parts;
    const member = state().member(self);
    this.#notify();
    for (const stage of body.stages) {
      for (const { peer, reason } of stage.leftOut) {
        event({ kind: 'left-out', iteration: body.iteration, stage: stage.stage, peer, reason });
      }
    }
    if (member === undefined || member.status === 'gone') return;
    if (this.#installed) await this.#apply(body, member.stage);
    else if (member.status === 'entering') this.#backlog.push(body);
  }

  async #apply(body: CommitBody, stage: number): Promise<void> {
    const { messenger, state, event } = this.#parts;
    const counted = body.stages.find(
      (candidate) => candidate.stage === stage && candidate.contributors.length > 0,
    );
    if (counted === undefined) {
      this.#holder.pass(body.iteration);
    } else {
      const summed = this.#sums.get(`${body.iteration} ${body.attempt} ${counted.round}`);
      if (summed === undefined || summed.digest !== counted.sumDigest) {
        this.#installed = false;
        const problem = summed
          ? 'its sum differs from the committed one'
          : 'it has not got the committed sum';
        event({ kind: 'out-of-step', iteration: body.iteration, problem });
        const value = { stage, iteration: body.iteration, digest: '', failure: problem };
        messenger.send(state().leader, { kind: 'ready', value });
        return;
      }
      await this.#holder.step(body.iteration, summed.sum, summed.norm, counted.microbatches.length);
    }
    const value = { iteration: body.iteration, stage, digest: this.#holder.digest() };
    messenger.send(state().leader, { kind: 'applied', value });
    this.#saveWhenDue();
  }

  // ---- disk

  #saveWhenDue(): void {
    const { clock } = this.#parts;
    const due = this.#savedAt + Math.max(SAVING_PAUSE_SECONDS, this.#saveSeconds / SAVING_SHARE);
    if (this.#saving !== undefined || clock.now() < due) return;
    this.#saving = this.#save().finally(() => {
      this.#saving = undefined;
    });
  }

  async #save(): Promise<void> {
    const { clock, store, event } = this.#parts;
    const started = clock.now();
    try {
      await store.writeBlob(`stage-${this.#holder.stage}`, this.#holder.snapshot());
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      event({
        kind: 'out-of-step',
        iteration: this.#holder.iteration,
        problem: `snapshot not written: ${problem}`,
      });
    }
    this.#savedAt = clock.now();
    this.#saveSeconds = this.#savedAt - started;
  }

  #notify(): void {
    for (const resume of this.#waiters.splice(0)) resume();
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
