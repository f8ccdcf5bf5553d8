// How a peer comes to belong to its run and goes on to: it founds it, starts it again, joins it, or asks to be let in
// again when the others gave it up; and it makes its journal that of the run before it acts on it.

import type { ControlBody } from '../../network/wire/codec.ts';
import { type Clock, sleep } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { Store } from '../../seams/store.ts';
import type { PeerEventBody } from '../events.ts';
import type { Grace } from '../leading/gathering.ts';
import type { History } from '../agreement/history.ts';
import type { Invite } from '../invite.ts';
import { type Application, type Joining, JoinError } from './joining.ts';
import type { Leader } from '../leading/leader.ts';
import type { Ledger } from '../agreement/ledger.ts';
import { readManifest, type SignedManifest } from '../manifest.ts';
import type { Messenger } from '../messenger.ts';
import type { Applicant } from '../leading/placement.ts';
import type { RunState } from '../run-state.ts';
import type { Timing } from './timing.ts';
import { storedText } from '../weights/run-text.ts';

export type PeerStart =
  | { readonly kind: 'found'; readonly manifest: SignedManifest; readonly waitForPeers: number }
  | { readonly kind: 'join'; readonly invite: Invite; readonly wantedStage: number };

export interface BelongingParts {
  readonly start: PeerStart;
  readonly name: string;
  readonly text: Uint8Array | undefined;
  readonly memoryMicrobatches?: number | undefined;
  readonly network: Network;
  readonly clock: Clock;
  readonly store: Store;
  readonly identity: Identity;
  readonly messenger: Messenger;
  readonly timing: Pick<Timing, 'timeouts'>;
  readonly ledger: Ledger;
  readonly history: History;
  readonly joining: Joining;
  readonly state: () => RunState;
  readonly isOver: () => boolean;
  readonly isLeaving: () => boolean;
  /** The run's text, where it is here. */
  readonly runText: () => Uint8Array | undefined;
  /** The run is known: from here on this peer can train. */
  readonly work: (manifest: SignedManifest, text: Uint8Array | undefined) => void;
  /** Whether this peer holds its stage, or is about to: it did not just start. */
  readonly isInPlace: () => boolean;
  /**
   * This peer leads the run and waits for so many peers before the first plan, and for those of a run that started
   * again for so long; undefined when the run goes on.
   */
  readonly lead: (waitForPeers: number, grace: Grace | undefined) => Leader;
  readonly heartbeat: () => ControlBody;
  readonly event: (event: PeerEventBody) => void;
  readonly failed: (reason: Error) => Promise<void>;
}

/** A peer that reads that it is gone asks to be let in again after this long. */
const REJOIN_PAUSE_SECONDS = 1;
/** Members whose peers started again have so long to ask to be let in, before the run goes on. */
const GRACE_SECONDS = 3;
/**
 * A leader that has promised to let it in has this long for it; iterations may be long. It is not made of what was
 * measured: who stood still has measured its own standing still, and would wait for minutes for a promise that was kept
 * long ago.
 */
const ENTER_SECONDS = 10;

export class Belonging {
  readonly #parts: BelongingParts;
  #signed: SignedManifest | undefined;
  #current = false;
  /** When a leader last said that it will let this peer in. */
  #acceptedAt = Number.NEGATIVE_INFINITY;
  /** Where it would like to sit, when it asks again. */
  #wantedStage = -1;
  /** Whether it waits to be let in. */
  #waiting = false;
  #leads = false;

  constructor(parts: BelongingParts) {
    this.#parts = parts;
  }

  /** Whether the journal is the run's as it stands now, not what a folder remembers of the last time. */
  get current(): boolean {
    return this.#current;
  }

  /** Founds, starts again or joins the run. Rejects with a JoinError that says why it cannot. */
  async begin(): Promise<void> {
    const { start, ledger, store, identity, joining, state, isOver } = this.#parts;
    const runId = start.kind === 'found' ? start.manifest.runId : start.invite.runId;
    const knows = ledger.journal.length > 0;
    if (knows && state().runId === runId && state().ended) {
      throw new JoinError('ended', 'the run has ended; its journal is complete');
    }
    if (start.kind === 'found') {
      if (knows && state().runId !== runId) {
        throw new JoinError(
          'wrong-run',
          `the folder holds run ${state().runId}; found the new run in another folder`,
        );
      }
      await store.writeBlob('manifest', start.manifest.bytes); // by which it finds its snapshots again
      this.#work(start.manifest, this.#parts.text, 'founder');
      if (ledger.journal.genesis === undefined) await ledger.found();
      else await this.#return();
      return;
    }
    // a keeper that starts again is needed before there is a leader to let it in
    const stored = await store.readBlob('manifest');
    if (knows && stored !== undefined && state().runId === runId) {
      const manifest = await readManifest(stored, identity, runId);
      this.#work(manifest, await this.#sameText(manifest), 'joiner');
    }
    const known = this.#signed !== undefined;
    const accepted = await joining.join(
      start.invite,
      this.#application(start.wantedStage),
      () => this.#leads,
    );
    if (isOver() || accepted === undefined) return;
    if (!known) this.#work(accepted.manifest, await this.#sameText(accepted.manifest), 'joiner');
    this.#wantedStage = start.wantedStage;
    await this.#accepted(accepted.leader);
  }

  /** The founder of a run that it knows: others lead it, or it is elected when enough of them are there. */
  async #return(): Promise<void> {
    const { joining, isOver } = this.#parts;
    while (!isOver() && !this.#leads) {
      const runId = this.#signed!.runId;
      const leader = await joining.again(
        this.#application(0),
        runId,
        this.#parts.timing.timeouts.work,
        () => this.#leads,
      );
      if (leader === undefined || isOver()) continue;
      this.#wantedStage = 0;
      await this.#accepted(leader);
      return;
    }
  }

  /** The run's text: what this peer was given, where that is it, or what it has fetched in an earlier life. */
  async #sameText(manifest: SignedManifest): Promise<Uint8Array | undefined> {
    const { text, joining, store, identity } = this.#parts;
    if (joining.isSameText(manifest, text)) return text;
    return storedText(store, manifest.manifest.data, identity.digest);
  }

  #work(manifest: SignedManifest, text: Uint8Array | undefined, role: 'founder' | 'joiner'): void {
    const { name, network, work, event } = this.#parts;
    this.#signed = manifest;
    work(manifest, text);
    event({ kind: 'running', runId: manifest.runId, name, peer: network.self, role });
  }

  /** The entry that lets this peer in may have come before it could take any: it asks for all that it lacks. */
  async #catchUp(leader: PeerName): Promise<void> {
    const { history, messenger, state, event } = this.#parts;
    let outcome: 'ok' | 'replaced' = 'ok';
    try {
      outcome = await history.catchUp(leader);
    } catch (error) {
      // whoever leads now, its next entry shows what is missing
      const problem = error instanceof Error ? error.message : String(error);
      event({ kind: 'trying', contact: leader, problem });
    }
    for (const { peer } of state().present()) messenger.presumeHeard(peer);
    this.#current = true;
    if (outcome === 'replaced') await this.rejoin();
  }

  /** The keepers elected this peer: it goes on where the last leader was, or gathers the members first. */
  leads(): void {
    this.#leads = true;
    if (this.#parts.isInPlace()) {
      this.#parts.lead(1, undefined);
      return;
    }
    this.#leadAnew().catch((error: Error) => this.#parts.failed(error));
  }

  deposed(): void {
    this.#leads = false;
    void this.rejoinIfLeftOut(); // it may have been elected before it was let in
  }

  /** It holds nothing yet, having just started: so may others, and those that do not answer are not waited for. */
  async #leadAnew(): Promise<void> {
    const { start, ledger, network, state, messenger, timing, lead, heartbeat, isOver } = this.#parts;
    const { self } = network;
    const before = state().present();
    const answers = await Promise.all(
      before.map(async ({ peer, addresses }) => {
        if (peer === self) return undefined;
        network.learn(peer, addresses);
        // whoever does not answer a new leader is gone
        return messenger.request(peer, heartbeat(), timing.timeouts.answer).then(
          () => undefined,
          () => peer,
        );
      }),
    );
    const gone = before.filter(({ peer }) => peer === self || answers.includes(peer));
    const changes = gone.map(({ peer }) => ({
      kind: 'gone' as const,
      peer,
      how: 'left' as const,
      reason: 'the run was stopped',
    }));
    for (const { peer } of before) messenger.presumeHeard(peer);
    this.#current = true;
    const sinceEntry = ledger.journal.length;
    if (changes.length > 0) await ledger.order([{ kind: 'members', changes }]);
    if (isOver() || !this.#leads) return;
    const wanted = start.kind === 'found' ? start.waitForPeers : before.length;
    const leading = lead(wanted, {
      seconds: before.length === 0 ? 0 : GRACE_SECONDS,
      peers: before.map(({ peer }) => peer),
      sinceEntry,
    });
    leading.apply(await this.#applicantHere(start.kind === 'found' ? 0 : start.wantedStage));
  }

  async #applicantHere(wantedStage: number): Promise<Applicant> {
    const { name, network, joining, memoryMicrobatches } = this.#parts;
    const stored = await joining.storedStages(this.#signed!);
    return {
      peer: network.self,
      name,
      addresses: network.addresses(),
      hasText: this.#parts.runText() !== undefined,
      stored,
      wantedStage,
      memoryMicrobatches,
    };
  }

  #application(wantedStage: number): Application {
    const { name, runText, memoryMicrobatches } = this.#parts;
    return { name, text: runText() ?? this.#parts.text, wantedStage, memoryMicrobatches };
  }

  /** A leader will let this peer in. */
  async #accepted(leader: PeerName): Promise<void> {
    this.#acceptedAt = this.#parts.clock.now();
    await this.#catchUp(leader);
    void this.rejoinIfLeftOut();
  }

  /**
   * The very next entry may let it in again, as when it came back before it was missed. Who was told that it will be
   * let in waits for the next boundary: asking once more would make the leader believe that it had started anew, and
   * let it go again. That leader may be lost before it comes to it: then this peer asks again.
   */
  async rejoinIfLeftOut(): Promise<void> {
    const { clock } = this.#parts;
    if (this.#waiting) return;
    this.#waiting = true;
    do await sleep(clock, REJOIN_PAUSE_SECONDS);
    while (this.#isPromised() && this.#isLeftOut());
    this.#waiting = false;
    if (this.#isLeftOut()) await this.rejoin();
  }

  #isPromised(): boolean {
    return this.#parts.clock.now() - this.#acceptedAt < ENTER_SECONDS;
  }

  /** Whether it wants to be let in, whatever the journal says of it: it may have crashed before it was missed. */
  #isLeftOut(): boolean {
    const { isOver, isLeaving, isInPlace } = this.#parts;
    return !isOver() && !isLeaving() && !this.#leads && !isInPlace();
  }

  /** The others gave this peer up while it lives, or nobody leads: it asks to be let in again, so long, until `enough`. */
  async rejoin(
    patienceSeconds = this.#parts.timing.timeouts.work,
    enough: () => boolean = () => false,
  ): Promise<void> {
    const { joining, isOver, isLeaving, failed } = this.#parts;
    if (isOver() || isLeaving()) return;
    try {
      const isNew = this.#parts.state().member(this.#parts.network.self) === undefined;
      const application = this.#application(isNew ? this.#wantedStage : -1);
      const leader = await joining.again(application, this.#signed!.runId, patienceSeconds, enough);
      if (leader === undefined && enough()) return;
      if (leader === undefined) throw new JoinError('unreachable', 'no member of the run answers any more');
      await this.#accepted(leader);
    } catch (error) {
      await failed(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
