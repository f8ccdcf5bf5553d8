// What other peers say, and what becomes of it: requests are answered, a member's word goes to the trainer or to the
// leader in this peer, a stranger's goes nowhere but to the door.

import type { ConsensusMessage } from '../journal/consensus/wire.ts';
import { JournalError } from '../journal/entry.ts';
import type { ControlBody, TensorHeaderMessage } from '../network/wire/codec.ts';
import { type Clock, sleep } from '../seams/clock.ts';
import { EngineError } from '../seams/engine.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { PeerEventBody } from './events.ts';
import { type History, readAnswer } from './agreement/history.ts';
import type { Joining } from './membership/joining.ts';
import type { Leader } from './leading/leader.ts';
import type { Ledger } from './agreement/ledger.ts';
import type { Liveness } from './membership/liveness.ts';
import type { SignedManifest } from './manifest.ts';
import { type Messenger, MisbehaviourError } from './messenger.ts';
import type { RunState } from './run-state.ts';
import type { Heartbeat, Timing } from './membership/timing.ts';
import type { Trainer } from './training/trainer.ts';

export interface ListeningParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly messenger: Messenger;
  readonly ledger: Ledger;
  readonly history: History;
  readonly joining: Joining;
  readonly liveness: Liveness;
  readonly timing: Timing;
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
  /** A member that was believed to be lost says that it lives. */
  readonly found: (peer: PeerName) => void;
  readonly heartbeat: () => ControlBody;
  /** Most keepers are gone for good, says a member, and wants to found the run again. */
  readonly refoundAsked: (from: PeerName, message: ConsensusMessage) => Promise<ControlBody>;
  readonly event: (event: PeerEventBody) => void;
  /** This peer cannot compute any more. */
  readonly broken: (error: Error) => void;
}

type Answer = ((body: ControlBody) => void) | undefined;

/** How often it is looked whether the entry has come that lets the sender of a tensor in. */
const STRANGER_PAUSE_SECONDS = 0.25;

export class Listening {
  readonly #parts: ListeningParts;
  #lagging = false;
  /** What members have said once and for good while this peer was about to lead, by member and what it is about. */
  readonly #saidEarly = new Map<string, (leader: Leader) => void>();

  constructor(parts: ListeningParts) {
    this.#parts = parts;
  }

  /** This peer leads: it hears what was said to it while it was about to. */
  leads(leader: Leader): void {
    for (const say of this.#saidEarly.values()) say(leader);
    this.#saidEarly.clear();
  }

  /** Another peer is to lead, and is told the same. */
  deposed(): void {
    this.#saidEarly.clear();
  }

  /** Says something to the leader in this peer, as soon as there is one: members do not say it again. */
  #say(key: string, say: (leader: Leader) => void): void {
    const { leader, state, network } = this.#parts;
    const leading = leader();
    if (leading) say(leading);
    else if (state().leader === network.self) this.#saidEarly.set(key, say);
  }

  /** Takes a tensor; resolves when its sender may send the next. Rejects with a MisbehaviourError to cut it off. */
  async tensor(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Promise<void> {
    const { trainer, event } = this.#parts;
    if (!(await this.#isMemberSoon(from)))
      throw new MisbehaviourError('it sends tensors and is not in the run');
    const problem = await trainer()?.tensor(from, header, payload);
    if (problem !== undefined) event({ kind: 'misbehaved', peer: from, problem });
  }

  /** A tensor may overtake the entry that lets its sender in, by no more than a member would be given up after. */
  async #isMemberSoon(peer: PeerName): Promise<boolean> {
    const { clock, state, isOver, timing } = this.#parts;
    const until = clock.now() + timing.timeouts.loss;
    while (state().member(peer) === undefined) {
      if (isOver() || clock.now() >= until) return false;
      await sleep(clock, STRANGER_PAUSE_SECONDS);
    }
    return true;
  }

  /** Takes a control message; `answer` is there when the sender waits for one. */
  control(from: PeerName, body: ControlBody, answer: Answer): Promise<void> | undefined {
    const { isOver, trainer, history, heartbeat, state, event } = this.#parts;
    // a leader that has ended still brings the others to the end
    if (isOver() && body.kind !== 'consensus' && body.kind !== 'entriesWanted') return undefined;
    const trouble = (error: Error) => event({ kind: 'misbehaved', peer: from, problem: error.message });
    switch (body.kind) {
      case 'heartbeat':
        if (answer) answer(heartbeat());
        else this.#heartbeat(from, body.value);
        return undefined;
      case 'join':
        if (answer) void this.#joinAsked(from, body.value, answer).catch(trouble);
        return undefined;
      case 'entries': {
        if (!trainer()) return undefined;
        const taking = this.#takeEntries(from, body.value);
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
        // a stranger's next question is read when this one is answered
        return answer && history.answerFrom(body.value.fromIndex, body.value.orSummary).then(answer, trouble);
      case 'consensus':
        return this.#keeperSays(from, body.value, answer);
      default:
        if (state().member(from) !== undefined) this.#memberSays(from, body, answer);
        return undefined;
    }
  }

  #heartbeat(from: PeerName, value: Heartbeat): void {
    const { timing, liveness, state, alive, counts, found } = this.#parts;
    if (state().member(from) === undefined) return;
    timing.hear(from, value, liveness.stoodStill);
    if (!alive(from) && counts(from)) found(from);
    this.#isBehind(from, value.journalIndex);
  }

  /** What no keeper would say cuts its stream: it is read no faster than it is checked. */
  async #keeperSays(from: PeerName, message: ConsensusMessage, answer: Answer): Promise<void> {
    const { ledger, state, refoundAsked } = this.#parts;
    const isGone = (state().member(from)?.status ?? 'gone') === 'gone';
    if (isGone && !state().keepers.includes(from) && !ledger.keepers.includes(from)) return;
    if (message.kind === 'REFOUND') {
      answer?.(await refoundAsked(from, message));
      return;
    }
    try {
      await ledger.hear(from, message);
    } catch (error) {
      if (error instanceof JournalError) throw new MisbehaviourError(error.message);
      throw error;
    }
  }

  async #takeEntries(
    from: PeerName,
    value: Extract<ControlBody, { kind: 'entries' }>['value'],
  ): Promise<void> {
    const { ledger, history, state, current, event } = this.#parts;
    const said = readAnswer(value);
    // while this peer knows nobody, nobody is a stranger: entries prove themselves
    const knowsAnyone = ledger.certainLength > 0;
    if (knowsAnyone && state().member(from) === undefined) {
      // what a stranger says is no reason to ask it for more
      const outcome = await ledger.take(said.lines, said.certificate);
      // who was just let in does not know the members yet, and reads all that it lacks anyway
      if (outcome !== 'ok' && current()) throw new Error('it sends entries and is not in the run');
      return;
    }
    const outcome = await ledger.take(said.lines, said.certificate);
    if (outcome === 'fork') this.#isOfAnother(from);
    if (outcome !== 'gap') return;
    // not waited for: its answer comes behind these entries, on a stream that may be read no faster than they are taken
    history.readOn(from).then(
      (read) => {
        if (read === 'fork') this.#isOfAnother(from);
      },
      (error: Error) => event({ kind: 'misbehaved', peer: from, problem: error.message }),
    );
  }

  #isOfAnother(peer: PeerName): void {
    const problem = 'its journal is of another history of this run';
    this.#parts.event({ kind: 'misbehaved', peer, problem });
  }

  /** A peer that has heard of entries which do not come asks for them, once it has waited a little. */
  #isBehind(from: PeerName, length: number): void {
    const { clock, timing, ledger, history, current, isOver } = this.#parts;
    if (length <= ledger.certainLength || this.#lagging || !current()) return;
    this.#lagging = true;
    clock.schedule(2 * timing.timeouts.heartbeat, () => {
      this.#lagging = false;
      if (isOver() || length <= ledger.certainLength) return;
      history.readOn(from).catch(() => {}); // its next heartbeat says it again
    });
  }

  #memberSays(from: PeerName, body: ControlBody, answer: Answer): void {
    const { messenger, liveness, timing, alive, event, broken } = this.#parts;
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
        if (!fromLeader) return;
        if (leader === undefined) timing.exchangeOrdered(body.value.deadlineSeconds);
        void trainer.exchangeOrdered(body.value).catch(failed);
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
        trainer.microbatchDropped(from, body.value);
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
      case 'ready': {
        const { value } = body;
        const isStage = value.stage < (this.#parts.signed()?.manifest.training.stages ?? 0);
        if (isStage) this.#say(`${from} ready ${value.stage}`, (leading) => leading.ready(from, value));
        return;
      }
      case 'leave':
        this.#say(`${from} leave`, (leading) => leading.leave(from));
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
    const { network, joining, leader, counts } = this.#parts;
    const signed = this.#parts.signed();
    const decision = joining.judge(from, request, signed, this.#parts.state(), leader() !== undefined);
    if (decision.kind === 'refused') {
      answer(decision.body);
      return;
    }
    if (!leader()!.mayTake(decision.applicant)) {
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
