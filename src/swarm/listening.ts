// What other peers say, and what becomes of it: requests are answered, a member's word goes to the trainer or to the
// leader in this peer, a stranger's goes nowhere but to the door.

import type { ControlBody, TensorHeaderMessage } from '../network/wire/codec.ts';
import { type Clock, sleep } from '../seams/clock.ts';
import { EngineError } from '../seams/engine.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { PeerEventBody } from './events.ts';
import type { History } from './history.ts';
import type { Joining } from './joining.ts';
import type { Leader } from './leader.ts';
import type { Ledger } from './ledger.ts';
import type { Liveness } from './liveness.ts';
import type { SignedManifest } from './manifest.ts';
import { type Messenger, MisbehaviourError } from './messenger.ts';
import type { RunState } from './run-state.ts';
import type { Trainer } from './trainer.ts';

export interface ListeningParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly messenger: Messenger;
  readonly ledger: Ledger;
  readonly history: History;
  readonly joining: Joining;
  readonly liveness: Liveness;
  readonly isOver: () => boolean;
  readonly state: () => RunState;
  /** Whether the journal is the run's as it stands now. */
  readonly current: () => boolean;
  /** undefined until the run is known. */
  readonly signed: () => SignedManifest | undefined;
  readonly trainer: () => Trainer | undefined;
  /** undefined while another peer leads. */
  readonly leader: () => Leader | undefined;
  readonly alive: (peer: PeerName) => boolean;
  readonly counts: (peer: PeerName) => boolean;
  readonly heartbeat: () => ControlBody;
  /** Another journal has taken the place of this one: this peer asks to be let in by it. */
  readonly rejoin: () => Promise<void>;
  /** A peer that knew the run before asks to come back in while the members of before are waited for. */
  readonly remembers: (from: PeerName, journalLength: number) => Promise<void>;
  readonly event: (event: PeerEventBody) => void;
  /** This peer cannot compute any more. */
  readonly broken: (error: Error) => void;
}

type Answer = ((body: ControlBody) => void) | undefined;

/** A tensor may overtake the entry that lets its sender in, by this much at most. */
const STRANGER_SECONDS = 5;
const STRANGER_PAUSE_SECONDS = 0.25;

export class Listening {
  readonly #parts: ListeningParts;

  constructor(parts: ListeningParts) {
    this.#parts = parts;
  }

  /** Takes a tensor; resolves when its sender may send the next. Rejects with a MisbehaviourError to cut it off. */
  async tensor(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Promise<void> {
    const { trainer, event } = this.#parts;
    if (!(await this.#isMemberSoon(from)))
      throw new MisbehaviourError('it sends tensors and is not in the run');
    const problem = await trainer()?.tensor(from, header, payload);
    if (problem !== undefined) event({ kind: 'misbehaved', peer: from, problem });
  }

  async #isMemberSoon(peer: PeerName): Promise<boolean> {
    const { clock, state, isOver } = this.#parts;
    const until = clock.now() + STRANGER_SECONDS;
    while (state().member(peer) === undefined) {
      if (isOver() || clock.now() >= until) return false;
      await sleep(clock, STRANGER_PAUSE_SECONDS);
    }
    return true;
  }

  /** Takes a control message; `answer` is there when the sender waits for one. */
  control(from: PeerName, body: ControlBody, answer: Answer): Promise<void> | undefined {
    const { isOver, trainer, history, heartbeat, state, event } = this.#parts;
    if (isOver()) return undefined;
    const trouble = (error: Error) => event({ kind: 'misbehaved', peer: from, problem: error.message });
    switch (body.kind) {
      case 'heartbeat':
        answer?.(heartbeat());
        return undefined;
      case 'join':
        if (answer) void this.#joinAsked(from, body.value, answer).catch(trouble);
        return undefined;
      case 'entries': {
        if (!trainer()) return undefined;
        const taking = this.#takeEntries(from, body.value.entries);
        if (state().member(from) !== undefined) {
          void taking.catch(trouble);
          return undefined;
        }
        // a stranger is read no faster than its entries are checked, and cut off when they are none
        return taking.catch((error: Error) => {
          throw new MisbehaviourError(error.message);
        });
      }
      case 'entriesWanted':
        answer?.(history.answerFrom(body.value.fromIndex));
        return undefined;
      default:
        if (state().member(from) !== undefined) this.#memberSays(from, body, answer);
        return undefined;
    }
  }

  async #takeEntries(from: PeerName, entries: readonly Uint8Array[]): Promise<void> {
    const { ledger, history, state, current, rejoin } = this.#parts;
    const decoder = new TextDecoder();
    const lines = entries.map((bytes) => decoder.decode(bytes));
    if (state().member(from) === undefined) {
      // what a stranger says is no reason to ask it for more
      const outcome = await ledger.take(lines);
      // who was just let in does not know the members yet, and reads all that it lacks anyway
      if (outcome !== 'ok' && current()) throw new Error('it sends entries and is not in the run');
    } else if ((await history.take(from, lines)) === 'replaced') await rejoin();
  }

  #memberSays(from: PeerName, body: ControlBody, answer: Answer): void {
    const { messenger, liveness, alive, event, broken } = this.#parts;
    const trainer = this.#parts.trainer();
    const leader = this.#parts.leader();
    const state = this.#parts.state();
    if (trainer === undefined) return;
    const fromLeader = from === state.leader;
    const { digest } = 'digest' in body.value ? body.value : { digest: '' };
    if (digest !== '' && !/^[0-9a-f]{64}$/.test(digest)) {
      event({ kind: 'misbehaved', peer: from, problem: `its ${body.kind} has no sound digest` });
      return;
    }
    const failed = (error: Error) => {
      if (error instanceof EngineError) broken(error);
      else event({ kind: 'failed', problem: error.message });
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
          const silentSeconds = Math.min(messenger.silentSeconds(peer), 1e6);
          answer({ kind: 'suspicion', value: { peer, broken: false, silentSeconds } });
        } else if ((leader || peer === state.leader) && broken && alive(peer)) {
          void liveness.check(peer); // a second opinion: this peer asks for itself
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
    const { network, joining, leader, counts, remembers } = this.#parts;
    const signed = this.#parts.signed();
    if (leader()?.gathering && request.runId === signed?.runId) await remembers(from, request.journalLength);
    const decision = joining.judge(from, request, signed, this.#parts.state(), leader() !== undefined);
    if (decision.kind === 'refused') {
      answer(decision.body);
      return;
    }
    if (!leader()!.hasRoomFor(decision.applicant)) {
      answer(refusal('FULL', 'no stage of the run can be given to this peer now'));
      return;
    }
    network.learn(from, request.addresses);
    answer({ kind: 'accepted', value: { leader: network.self, manifest: signed!.bytes } });
    if (counts(from)) await leader()!.lost(from, 'broken', 'it came back before it was missed');
    leader()?.apply(decision.applicant); // whoever leads by now is asked again
  }
}

function refusal(reason: 'BUSY' | 'FULL', message: string): ControlBody {
  return { kind: 'refused', value: { reason, message, leader: '', leaderAddresses: [] } };
}
