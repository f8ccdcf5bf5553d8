// Who lives. A broken connection is looked into at once; a peer that says nothing for seconds is asked, and others
// are asked about it; a peer that computes is not dead, because heartbeats do not wait for arithmetic. Suspicion
// starts here, expulsion is the leader's, by journal entry.

import type { ControlBody } from '../../network/wire/codec.ts';
import type { CancelTimer, Clock } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Messenger } from '../messenger.ts';
import type { Timeouts } from './timeouts.ts';
import type { Timing } from './timing.ts';

/** A stream that broke is looked into after this, unless its connection is known to be gone by then. */
const STREAM_SECONDS = 0.1;
/** A peer is not vouched for any more once it was silent for so many times the suspicion. */
const VOUCHED_SUSPICIONS = 3;

export interface LivenessParts {
  readonly clock: Clock;
  readonly messenger: Messenger;
  readonly timing: Timing;
  /** Peers to listen for: neighbours on paths, the group, the leader; everyone for the leader. */
  readonly watched: () => readonly PeerName[];
  /** A third member to ask for its opinion on a silent one; undefined when there is none. */
  readonly witness: (about: PeerName) => PeerName | undefined;
  /** To a peer, or as a question to anyone. */
  readonly heartbeat: (to?: PeerName) => ControlBody;
  readonly lost: (peer: PeerName, how: 'broken' | 'silent', reason: string) => void;
  /** Time-outs are noticeably others than they were. */
  readonly timeouts: (timeouts: Timeouts) => void;
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
  /** A heartbeat that comes so long after the last one says that this peer stood still. */
  #lateSeconds = Number.POSITIVE_INFINITY;
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
    this.#parts.clock.schedule(STREAM_SECONDS, () => this.#streams.delete(peer));
    this.#parts.messenger.forget(peer);
    this.#broken.add(peer);
    await this.check(peer);
  }

  /** A stream broke, and maybe not the last connection: what was on it must be said again. */
  streamBroke(peer: PeerName): void {
    if (this.#stopped || this.#streams.has(peer)) return;
    this.#streams.set(peer, 'alone');
    this.#parts.clock.schedule(STREAM_SECONDS, () => {
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

  /**
   * Whether this peer itself has just stood still: its next heartbeat is late by more than others are suspected after.
   * It suspects nobody then, and what it hears was said a while ago.
   */
  get stoodStill(): boolean {
    return this.#parts.clock.now() - this.#lastBeat > this.#lateSeconds;
  }

  #beat(): void {
    const { clock, messenger, timing, watched, heartbeat } = this.#parts;
    if (this.#stopped) return;
    const { stoodStill } = this;
    this.#lastBeat = clock.now();
    const { heartbeat: between, suspicion } = timing.timeouts;
    this.#lateSeconds = between + suspicion;
    timing.beat();
    const news = timing.news();
    if (news) this.#parts.timeouts(news);
    for (const peer of watched()) {
      messenger.send(peer, heartbeat(peer));
      if (stoodStill) messenger.presumeHeard(peer);
      else if (timing.isSuspicious(peer, messenger.silentSeconds(peer))) void this.#ask(peer);
    }
    this.#cancel = clock.schedule(timing.heartbeatSeconds, () => this.#beat());
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
    const { messenger, timing, heartbeat } = this.#parts;
    try {
      await messenger.request(peer, heartbeat(), timing.of(peer).answer);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether another member has heard from a peer lately; without a witness, one's own ears decide. */
  async #vouchedFor(peer: PeerName): Promise<boolean> {
    const { messenger, timing, witness } = this.#parts;
    const other = witness(peer);
    if (other === undefined) return false;
    const silentSeconds = messenger.silentSeconds(peer);
    const { suspicion } = timing.of(peer);
    if (silentSeconds > VOUCHED_SUSPICIONS * suspicion) return false; // vouched for once, and still not to be reached
    try {
      const value = { peer, broken: false, silentSeconds };
      const opinion = await messenger.request(other, { kind: 'suspicion', value }, timing.of(other).answer);
      return opinion.kind === 'suspicion' && opinion.value.silentSeconds < suspicion;
    } catch {
      return false;
    }
  }
}
