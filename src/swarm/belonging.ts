// How a peer comes to belong to its run and goes on to: it founds it, starts it again, joins it, or asks to be let in
// again when the others gave it up; and it makes its journal that of the run before it acts on it.

import type { EntryBody } from '../journal/entry.ts';
import { type Clock, sleep } from '../seams/clock.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { Store } from '../seams/store.ts';
import type { PeerEventBody } from './events.ts';
import type { History } from './history.ts';
import type { Invite } from './invite.ts';
import { type Application, type Joining, JoinError } from './joining.ts';
import type { Leader } from './leader.ts';
import type { Ledger } from './ledger.ts';
import type { SignedManifest } from './manifest.ts';
import type { Messenger } from './messenger.ts';
import type { Applicant } from './placement.ts';
import type { RunState } from './run-state.ts';

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
  readonly messenger: Messenger;
  readonly ledger: Ledger;
  readonly history: History;
  readonly joining: Joining;
  readonly state: () => RunState;
  readonly isOver: () => boolean;
  readonly isLeaving: () => boolean;
  /** The run is known: from here on this peer can train. */
  readonly work: (manifest: SignedManifest, text: Uint8Array | undefined) => void;
  /** This peer leads the run and waits for so many peers before the first plan. */
  readonly lead: (waitForPeers: number) => Leader;
  readonly event: (event: PeerEventBody) => void;
  readonly failed: (reason: Error) => Promise<void>;
}

/** A peer that reads that it is gone asks to be let in again after this long. */
const REJOIN_PAUSE_SECONDS = 1;
/** A leader that has promised to let it in has this long for it; iterations may be long. */
const ENTER_SECONDS = 10;
/** It asks the members it knows for this long. */
const REJOIN_SECONDS = 10;

export class Belonging {
  readonly #parts: BelongingParts;
  #signed: SignedManifest | undefined;
  /** Where the journal ended when this peer started the run again; others may remember more. */
  #startedFrom = 0;
  #current = false;
  /** When a leader last said that it will let this peer in again. */
  #acceptedAt = Number.NEGATIVE_INFINITY;
  /** Whether it waits to be let in. */
  #waiting = false;

  constructor(parts: BelongingParts) {
    this.#parts = parts;
  }

  /** Whether the journal is the run's as it stands now, not what a folder remembers of the last time. */
  get current(): boolean {
    return this.#current;
  }

  /** Founds, starts again or joins the run. Rejects with a JoinError that says why it cannot. */
  async begin(): Promise<void> {
    const { start, name, text, network, store, ledger, joining, state, event, isOver } = this.#parts;
    if (start.kind === 'found') {
      const known = ledger.journal.length > 0;
      if (known && state().runId !== start.manifest.runId) {
        throw new JoinError(
          'wrong-run',
          `the folder holds run ${state().runId}; found the new run in another folder`,
        );
      }
      if (known && state().ended) throw new JoinError('ended', 'the run has ended; its journal is complete');
      await store.writeBlob('manifest', start.manifest.bytes); // by which it finds its snapshots again
      const application = this.#application(0);
      const leader = known ? await joining.again(application, start.manifest.runId, 0) : undefined;
      if (isOver()) return;
      this.#work(start.manifest, text);
      event({ kind: 'running', runId: start.manifest.runId, name, peer: network.self, role: 'founder' });
      if (leader === undefined) {
        this.#current = true;
        await this.#found(start.manifest, start.waitForPeers);
      } else await this.#catchUp(leader);
      return;
    }
    const { invite, wantedStage } = start;
    if (state().ended && state().runId === invite.runId) {
      throw new JoinError('ended', 'the run has ended; its journal is complete');
    }
    const { manifest, leader, hasText } = await joining.join(invite, this.#application(wantedStage));
    if (isOver()) return;
    this.#work(manifest, hasText ? text : undefined);
    event({ kind: 'running', runId: manifest.runId, name, peer: network.self, role: 'joiner' });
    await this.#catchUp(leader);
  }

  #work(manifest: SignedManifest, text: Uint8Array | undefined): void {
    this.#signed = manifest;
    this.#parts.work(manifest, text);
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

  async #found(manifest: SignedManifest, waitForPeers: number): Promise<void> {
    const { ledger, network, state, lead } = this.#parts;
    const { self } = network;
    const genesis: EntryBody = { kind: 'genesis', runId: manifest.runId, founder: self };
    const fresh = ledger.journal.length === 0;
    this.#startedFrom = ledger.journal.length;
    const gone = state()
      .present()
      .map(({ peer }) => ({
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
    await ledger.order([
      ...(fresh ? [genesis] : []),
      leader,
      ...(gone.length > 0 ? [{ kind: 'members' as const, changes: gone }] : []),
    ]);
    const leading = lead(waitForPeers);
    leading.apply(await this.#applicantHere(0));
  }

  async #applicantHere(wantedStage: number): Promise<Applicant> {
    const { name, network, text, joining, memoryMicrobatches } = this.#parts;
    const stored = await joining.storedStages(this.#signed!);
    return {
      peer: network.self,
      name,
      addresses: network.addresses(),
      hasText: text !== undefined,
      stored,
      wantedStage,
      memoryMicrobatches,
    };
  }

  #application(wantedStage: number): Application {
    const { name, text, memoryMicrobatches } = this.#parts;
    return { name, text, wantedStage, memoryMicrobatches };
  }

  /**
   * The very next entry may let it in again, as when it came back before it was missed. Who was told that it will be
   * let in waits for the next boundary: asking once more would make the leader believe that it had started anew, and
   * let it go again.
   */
  async rejoinIfLeftOut(): Promise<void> {
    const { clock, network, state, isOver, isLeaving } = this.#parts;
    if (this.#waiting) return;
    this.#waiting = true;
    do await sleep(clock, REJOIN_PAUSE_SECONDS);
    while (this.#isPromised() && state().member(network.self)?.status === 'gone' && !isOver());
    this.#waiting = false;
    if (isOver() || isLeaving()) return;
    if (state().member(network.self)?.status === 'gone') await this.rejoin();
  }

  #isPromised(): boolean {
    return this.#parts.clock.now() - this.#acceptedAt < ENTER_SECONDS;
  }

  /** The others gave this peer up while it lives: it asks to be let in again. */
  async rejoin(): Promise<void> {
    const { joining, isOver, isLeaving, failed } = this.#parts;
    if (isOver() || isLeaving()) return;
    try {
      const leader = await joining.again(this.#application(-1), this.#signed!.runId, REJOIN_SECONDS);
      if (leader === undefined) throw new JoinError('unreachable', 'no member of the run answers any more');
      this.#acceptedAt = this.#parts.clock.now();
      await this.#catchUp(leader);
    } catch (error) {
      await failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** A run that starts again goes on from where anyone saw it last, not from where its founder left it. */
  async takeMemories(from: PeerName, journalLength: number): Promise<void> {
    const { start, history } = this.#parts;
    if (start.kind !== 'found' || journalLength <= this.#startedFrom) return;
    const outcome = await history.takeLonger(from).catch(() => 'ok' as const);
    if (outcome === 'replaced') await this.#found(start.manifest, start.waitForPeers);
  }
}
