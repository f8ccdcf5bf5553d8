// Who lives. A broken connection is looked into at once; a peer that says nothing for seconds is asked, and others
// are asked about it; a peer that computes is not dead, because heartbeats do not wait for arithmetic. Suspicion
// starts here, expulsion is the leader's, by journal entry.

import type { ControlBody } from '../network/wire/codec.ts';
import type { CancelTimer, Clock } from '../seams/clock.ts';
import type { PeerName } from '../seams/network.ts';
import type { Messenger } from './messenger.ts';

/** Time-outs, one hierarchy: interval < probe < silence; the sum of silence, probe and opinion stays under 5 s. */
export const liveness = {
  heartbeatSeconds: 0.5,
  /** Silence after which a peer is asked directly. */
  silenceSeconds: 2,
  /** How long it has to answer, and how long another peer's opinion may take. */
  probeSeconds: 1,
  /** A stream that broke is looked into after this, unless its connection is known to be gone by then. */
  streamSeconds: 0.1,
  /** A peer whose own timer came this late was itself standing still and suspects nobody. */
  oversleptSeconds: 1.5,
} as const;

export interface LivenessParts {
  readonly clock: Clock;
  readonly messenger: Messenger;
  /** Peers to listen for: neighbours on paths, the group, the leader; everyone for the leader. */
  readonly watched: () => readonly PeerName[];
  /** A third member to ask for its opinion on a silent one; undefined when there is none. */
  readonly witness: (about: PeerName) => PeerName | undefined;
  readonly heartbeat: () => ControlBody;
  readonly lost: (peer: PeerName, how: 'broken' | 'silent', reason: string) => void;
  /** The connection broke and the peer lives: what was under way must be sent again. */
  readonly reconnected: (peer: PeerName) => void;
}

export class Liveness {
  readonly #parts: LivenessParts;
  readonly #probing = new Set<PeerName>();
  /** Peers whose connection broke and that have not been found alive since. */
  readonly #broken = new Set<PeerName>();
  /** Peers that are to be asked once more if they do not answer now. */
  readonly #askAgain = new Set<PeerName>();
  /** Peers of whom a stream broke a moment ago. */
  readonly #streams = new Map<PeerName, 'alone' | 'with its connection'>();
  #cancel: CancelTimer = () => {};
  #lastBeat: number;
  #stopped = false;

  constructor(parts: LivenessParts) {
    this.#parts = parts;
    this.#lastBeat = parts.clock.now();
    this.#beat();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** A connection ended: is the peer gone, or only the connection? */
  async connectionBroke(peer: PeerName): Promise<void> {
    this.#streams.set(peer, 'with its connection'); // resets of its streams say nothing new
    this.#parts.clock.schedule(liveness.streamSeconds, () => this.#streams.delete(peer));
    this.#parts.messenger.forget(peer);
    this.#broken.add(peer);
    await this.check(peer);
  }

  /** A stream broke, and maybe not the last connection: what was on it must be said again. */
  streamBroke(peer: PeerName): void {
    if (this.#stopped || this.#streams.has(peer)) return;
    this.#streams.set(peer, 'alone');
    this.#parts.clock.schedule(liveness.streamSeconds, () => {
      if (this.#streams.get(peer) !== 'alone') return;
      this.#streams.delete(peer);
      this.#broken.add(peer);
      void this.check(peer);
    });
  }

  /** Asks a peer whether it lives, and believes that it is lost when it does not answer. */
  async check(peer: PeerName): Promise<void> {
    const { lost } = this.#parts;
    if (this.#stopped) return;
    if (this.#probing.has(peer)) {
      this.#askAgain.add(peer); // the question under way may have been lost with the connection
      return;
    }
    this.#probing.add(peer);
    let alive: boolean;
    do {
      this.#askAgain.delete(peer);
      alive = await this.#answers(peer);
    } while (!alive && this.#askAgain.has(peer) && !this.#stopped);
    this.#askAgain.delete(peer);
    this.#probing.delete(peer);
    if (this.#stopped) return;
    if (alive) this.#lives(peer);
    else lost(peer, 'broken', 'its connection broke and it does not answer');
  }

  /** It answers: what was under way when its connection broke is sent again. */
  #lives(peer: PeerName): void {
    if (this.#broken.delete(peer)) this.#parts.reconnected(peer);
  }

  #beat(): void {
    const { clock, messenger, watched, heartbeat } = this.#parts;
    if (this.#stopped) return;
    const overslept = clock.now() - this.#lastBeat > liveness.heartbeatSeconds + liveness.oversleptSeconds;
    this.#lastBeat = clock.now();
    for (const peer of watched()) {
      messenger.send(peer, heartbeat());
      if (overslept) messenger.presumeHeard(peer);
      else if (messenger.silentSeconds(peer) > liveness.silenceSeconds) void this.#ask(peer);
    }
    this.#cancel = clock.schedule(liveness.heartbeatSeconds, () => this.#beat());
  }

  async #ask(peer: PeerName): Promise<void> {
    const { messenger, lost } = this.#parts;
    if (this.#probing.has(peer)) return;
    this.#probing.add(peer);
    const alive = (await this.#answers(peer)) || (await this.#vouchedFor(peer));
    this.#probing.delete(peer);
    if (this.#stopped) return;
    if (alive) this.#lives(peer);
    else lost(peer, 'silent', `it has said nothing for ${messenger.silentSeconds(peer).toFixed(1)} s`);
  }

  async #answers(peer: PeerName): Promise<boolean> {
    const { messenger, heartbeat } = this.#parts;
    try {
      await messenger.request(peer, heartbeat(), liveness.probeSeconds);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether another member has heard from a peer lately; without a witness, one's own ears decide. */
  async #vouchedFor(peer: PeerName): Promise<boolean> {
    const { messenger, witness } = this.#parts;
    const other = witness(peer);
    if (other === undefined) return false;
    const silentSeconds = messenger.silentSeconds(peer);
    if (silentSeconds > 3 * liveness.silenceSeconds) return false; // vouched for once, and still not to be reached
    try {
      const value = { peer, broken: false, silentSeconds };
      const opinion = await messenger.request(other, { kind: 'suspicion', value }, liveness.probeSeconds);
      return opinion.kind === 'suspicion' && opinion.value.silentSeconds < liveness.silenceSeconds;
    } catch {
      return false;
    }
  }
}
