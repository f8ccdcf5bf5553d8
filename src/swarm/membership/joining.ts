// Getting into a run, for the first time or again: asking, being sent on to the leader, being refused with a reason;
// and the other side, judging who asks.

import { compareText, describeText, type TextDescription } from '../../data/index.ts';
import { toHex } from '../../journal/canonical.ts';
import type { Journal } from '../../journal/journal.ts';
import type { ControlBody } from '../../network/wire/codec.ts';
import { type Clock, sleep } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { Store } from '../../seams/store.ts';
import type { PeerEventBody } from '../events.ts';
import type { Invite } from '../invite.ts';
import { PROTOCOL_VERSION, readManifest, type SignedManifest } from '../manifest.ts';
import { type Messenger, RequestError } from '../messenger.ts';
import type { Applicant } from '../leading/placement.ts';
import type { Member, RunState } from '../run-state.ts';
import { type StoredStage, storedStages } from '../weights/saving.ts';

export type JoinProblem =
  | 'unreachable'
  | 'wrong-run'
  | 'wrong-version'
  | 'wrong-data'
  | 'full'
  | 'ended'
  | 'refused';

export class JoinError extends Error {
  override readonly name = 'JoinError';
  readonly problem: JoinProblem;
  constructor(problem: JoinProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

export interface JoiningParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly store: Store;
  readonly messenger: Messenger;
  readonly journal: Journal;
  /** Everyone this peer's journal knows. */
  readonly members: () => readonly Member[];
  /** Within which a peer answers a question that asks for no work (timeouts.ts). */
  readonly answerSeconds: (peer: PeerName) => number;
  readonly event: (event: PeerEventBody) => void;
}

export interface Application {
  readonly name: string;
  readonly text: Uint8Array | undefined;
  readonly wantedStage: number;
  readonly memoryMicrobatches?: number | undefined;
}

type JoinRequest = Extract<ControlBody, { kind: 'join' }>['value'];
type Refused = Extract<ControlBody, { kind: 'refused' }>['value'];

/** What the journal holds of a member; the rest of what it says of itself is left out. */
const MAX_NAME = 64;
const MAX_MEMORY = 1_000_000;
const MAX_ADDRESSES = 16;
const MAX_ADDRESS = 300;
const PAUSE_SECONDS = 0.5;
const SILENT = 'it did not answer';
/** A peer that was in the run before keeps trying this long: programs of the others may just be starting. */
const RETURN_SECONDS = 60;
/** A contact that is there and says nothing may be busy, as a person's computer is: it is asked again this long. */
const SILENT_SECONDS = 45;

/** One digest for a whole text, out of its description. */
export function textDigest(description: TextDescription, digest: Identity['digest']): string {
  return toHex(digest(new TextEncoder().encode(`${description.bytes} ${description.pieces.join(' ')}`)));
}

export class Joining {
  readonly #parts: JoiningParts;
  readonly #stopping = new AbortController();

  constructor(parts: JoiningParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopping.abort(new JoinError('refused', 'this peer is stopping'));
  }

  /**
   * Joins by invite; gives the run's manifest, who leads it, and whether the text here is the run's; undefined when
   * `enough` says that there is nothing to ask any more. Rejects with a JoinError that says why not.
   */
  async join(
    invite: Invite,
    application: Application,
    enough: () => boolean,
  ): Promise<{ manifest: SignedManifest; leader: PeerName; hasText: boolean } | undefined> {
    const { store, identity, journal } = this.#parts;
    const stored = await store.readBlob('manifest');
    if (stored !== undefined) {
      const known = await readManifest(stored, identity);
      if (known.runId !== invite.runId) {
        throw new JoinError(
          'wrong-run',
          `this folder belongs to run ${known.runId.slice(0, 12)}, the invite is for ${invite.runId.slice(0, 12)}: use another folder`,
        );
      }
    }
    const contact = { peer: invite.peer, addresses: invite.addresses };
    const patience = journal.length > 0 ? RETURN_SECONDS : 0;
    const contacts = [contact, ...this.#known()];
    const accepted = await this.#ask(contacts, application, invite.runId, patience, enough);
    if (accepted === undefined) return undefined;
    const manifest = await readManifest(accepted.manifest, identity, invite.runId);
    await store.writeBlob('manifest', manifest.bytes);
    return { manifest, leader: accepted.leader, hasText: this.isSameText(manifest, application.text) };
  }

  /** Asks the members it knows to be let in again; gives who leads, or undefined when none of them answers. */
  async again(
    application: Application,
    runId: string,
    patienceSeconds: number,
    enough: () => boolean = () => false,
  ): Promise<PeerName | undefined> {
    const known = this.#known();
    if (known.length === 0) return undefined;
    try {
      return (await this.#ask(known, application, runId, patienceSeconds, enough))?.leader;
    } catch (error) {
      if (error instanceof JoinError && error.problem === 'unreachable') return undefined;
      throw error;
    }
  }

  #known(): { peer: PeerName; addresses: readonly string[] }[] {
    return this.#parts.members().filter(({ peer }) => peer !== this.#parts.network.self);
  }

  /** Goes from contact to contact until one lets this peer in; returns who did, and the manifest it sends. */
  async #ask(
    contacts: readonly { peer: PeerName; addresses: readonly string[] }[],
    application: Application,
    runId: string,
    patienceSeconds: number,
    enough: () => boolean,
  ): Promise<{ leader: PeerName; manifest: Uint8Array } | undefined> {
    const { network, clock, event } = this.#parts;
    const began = clock.now();
    let patience = patienceSeconds;
    const request = await this.#request(application, runId);
    const problems = new Map<PeerName, string>();
    for (;;) {
      const queue = contacts.map((contact) => contact.peer);
      for (const { peer, addresses } of contacts) network.learn(peer, addresses);
      const asked = new Set<PeerName>();
      for (let peer = queue.shift(); peer !== undefined; peer = queue.shift()) {
        this.#stopping.signal.throwIfAborted();
        if (enough()) return undefined;
        if (asked.has(peer) || peer === network.self) continue;
        asked.add(peer);
        const answer = await this.#askOne(peer, request);
        if (answer === SILENT) patience = Math.max(patience, SILENT_SECONDS);
        if (answer instanceof Uint8Array) return { leader: peer, manifest: answer };
        if (typeof answer === 'string') {
          if (problems.get(peer) !== answer) event({ kind: 'trying', contact: peer, problem: answer });
          problems.set(peer, answer);
        } else if (answer.reason === 'NOT_LEADER') {
          problems.set(peer, answer.message);
          if (answer.leader !== '') {
            network.learn(answer.leader, answer.leaderAddresses);
            queue.unshift(answer.leader);
          }
        } else if (answer.reason === 'BUSY') {
          problems.set(peer, answer.message);
        } else {
          throw new JoinError(problemOf(answer), answer.message);
        }
      }
      if (enough()) return undefined;
      if (clock.now() - began >= patience) {
        const said = [...problems].map(([peer, why]) => (why.includes(peer) ? why : `${peer}: ${why}`));
        throw new JoinError('unreachable', `no peer of the run let this one in. ${said.join('; ')}`);
      }
      await sleep(clock, PAUSE_SECONDS, this.#stopping.signal);
    }
  }

  async #askOne(peer: PeerName, value: JoinRequest): Promise<Uint8Array | Refused | string> {
    try {
      const { messenger, answerSeconds } = this.#parts;
      const answer = await messenger.request(peer, { kind: 'join', value }, answerSeconds(peer));
      if (answer.kind === 'accepted') return answer.value.manifest;
      if (answer.kind === 'refused') return answer.value;
      return `it answered ${answer.kind}`;
    } catch (error) {
      if (error instanceof RequestError && error.cause === undefined) return SILENT;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  async #request(application: Application, runId: string): Promise<JoinRequest> {
    const { network, identity, store, journal } = this.#parts;
    const { name, text, wantedStage, memoryMicrobatches } = application;
    const stored = await store.readBlob('manifest');
    const manifest = stored && (await readManifest(stored, identity, runId));
    return {
      runId,
      version: PROTOCOL_VERSION,
      name,
      addresses: network.addresses(),
      dataDigest: text ? textDigest(describeText('', text, identity.digest), identity.digest) : '',
      stored: manifest ? (await this.storedStages(manifest)).map((entry) => ({ ...entry, digest: '' })) : [],
      wantedStage,
      term: journal.lastTerm,
      journalLength: journal.length,
      ...(memoryMicrobatches !== undefined && { memoryMicrobatches }),
    };
  }

  /** The stages that this peer's disk has. */
  storedStages({ manifest }: SignedManifest): Promise<StoredStage[]> {
    return storedStages(this.#parts.store, manifest.training.stages);
  }

  /** A joiner whose text differs from the run's is told where; it can still hold other stages. */
  isSameText({ manifest }: SignedManifest, text: Uint8Array | undefined): boolean {
    if (text === undefined) return false;
    const compared = compareText(manifest.data, text, this.#parts.identity.digest);
    if (compared.kind === 'same') return true;
    this.#parts.event({ kind: 'trying', contact: manifest.founder, problem: compared.message });
    return false;
  }

  /** Whether a peer that asks may come in; the leader still has to find it a stage. */
  judge(
    from: PeerName,
    request: JoinRequest,
    signed: SignedManifest | undefined,
    state: RunState,
    leading: boolean,
  ): { kind: 'applicant'; applicant: Applicant } | { kind: 'refused'; body: ControlBody } {
    const refuse = (
      reason: Refused['reason'],
      message: string,
      leader = '',
      leaderAddresses: readonly string[] = [],
    ) => ({
      kind: 'refused' as const,
      body: { kind: 'refused' as const, value: { reason, message, leader, leaderAddresses } },
    });
    if (request.version !== PROTOCOL_VERSION) {
      return refuse(
        'WRONG_VERSION',
        `this run speaks ${PROTOCOL_VERSION}, you speak ${request.version}: install the same version`,
      );
    }
    if (signed === undefined) return refuse('BUSY', 'this peer is not in the run yet itself');
    if (request.runId !== signed.runId) {
      return refuse(
        'WRONG_RUN',
        `this peer is in run ${signed.runId.slice(0, 12)}, you ask for ${request.runId.slice(0, 12)}`,
      );
    }
    if (state.ended) return refuse('OTHER', 'the run has ended');
    if (state.member(from)?.barred) {
      return refuse('OTHER', 'you were let go because you sent what no sound peer sends');
    }
    if (!leading) {
      const leader = state.member(state.leader);
      return refuse('NOT_LEADER', `${leader?.name ?? 'another peer'} leads`, leader?.peer, leader?.addresses);
    }
    const expected = textDigest(signed.manifest.data, this.#parts.identity.digest);
    const hasText = request.dataDigest === expected;
    if (!hasText && request.wantedStage === 0) {
      const { name, bytes } = signed.manifest.data;
      const why = request.dataDigest === '' ? 'you have no text' : 'your text is another one';
      return refuse('WRONG_DATA', `stage 0 needs the run's text "${name}" of ${bytes} bytes, and ${why}`);
    }
    const { name, addresses, stored, wantedStage, memoryMicrobatches } = request;
    return {
      kind: 'applicant',
      applicant: {
        peer: from,
        name: name.slice(0, MAX_NAME) || from.slice(-8),
        addresses: addresses.filter((address) => address.length <= MAX_ADDRESS).slice(0, MAX_ADDRESSES),
        hasText,
        stored,
        wantedStage,
        ...(memoryMicrobatches && { memoryMicrobatches: Math.min(MAX_MEMORY, memoryMicrobatches) }),
      },
    };
  }
}

function problemOf({ reason, message }: Refused): JoinProblem {
  switch (reason) {
    case 'WRONG_RUN':
      return 'wrong-run';
    case 'WRONG_VERSION':
      return 'wrong-version';
    case 'WRONG_DATA':
      return 'wrong-data';
    case 'FULL':
      return 'full';
    default:
      return message === 'the run has ended' ? 'ended' : 'refused';
  }
}
