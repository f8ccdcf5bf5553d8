// What a peer does about one that it believes lost, or that sends what no sound peer sends: it goes on without it, and
// tells whoever can let it go by an entry of the journal.

import type { Network, PeerName } from '../../seams/network.ts';
import type { PeerEventBody } from '../events.ts';
import type { Leader } from '../leading/leader.ts';
import type { Messenger } from '../messenger.ts';
import type { RunState } from '../run-state.ts';
import type { Trainer } from '../training/trainer.ts';
import type { Living, Loss } from './living.ts';

export interface SuspectingParts {
  readonly self: PeerName;
  readonly network: Pick<Network, 'block'>;
  readonly messenger: Messenger;
  readonly living: Living;
  readonly state: () => RunState;
  readonly event: (event: PeerEventBody) => void;
  /** Whether this peer takes part, so that its opinion of others counts. */
  readonly inRun: () => boolean;
  readonly trainer: () => Trainer | undefined;
  /** Where this peer leads. */
  readonly leader: () => Leader | undefined;
  /** Where this peer is a keeper: another is to be elected. */
  readonly leaderLost: (peer: PeerName) => void;
  /** There is no leader to say goodbye to. */
  readonly unheard: () => void;
}

/** A member that sends so often what no sound peer sends is let go: its memory or its program is broken, or worse. */
const MOST_MISBEHAVIOURS = 3;
const MAX_REASON = 300;

export class Suspecting {
  readonly #parts: SuspectingParts;
  /** How often each member has misbehaved towards this peer while it led. */
  readonly #misbehaviours = new Map<PeerName, number>();

  constructor(parts: SuspectingParts) {
    this.#parts = parts;
  }

  /** A peer is lost, as this one believes: work goes on without it, and the leader, or the keepers, hear of it. */
  suspect(peer: PeerName, { how, reason }: Loss): void {
    const { living, event, inRun, trainer, leader, state } = this.#parts;
    if (!inRun() || !living.alive(peer)) return;
    living.lose(peer, { how, reason });
    event({ kind: 'suspected', peer, how, reason });
    trainer()?.peerLost(peer);
    const leading = leader();
    if (leading) void leading.lost(peer, how, reason).catch(() => {});
    else if (peer === state().leader) this.#leaderLost(peer);
    else this.#tell(state().leader, peer, how === 'broken');
  }

  /** The keepers elect another; whoever is about to leave has nobody to say goodbye to. */
  #leaderLost(peer: PeerName): void {
    const { self, state, leaderLost, unheard } = this.#parts;
    leaderLost(peer);
    for (const keeper of state().keepers) {
      if (keeper !== self && keeper !== peer) this.#tell(keeper, peer, true);
    }
    unheard();
  }

  #tell(to: PeerName, peer: PeerName, broken: boolean): void {
    const { messenger } = this.#parts;
    const silentSeconds = Math.min(messenger.silentSeconds(peer), 1e6);
    messenger.send(to, { kind: 'suspicion', value: { peer, broken, silentSeconds } });
  }

  /** A peer sent what no sound peer sends. A member that goes on so is let go by the leader, and not let in again. */
  misbehaved(from: PeerName, problem: Error): void {
    const { network, living, event, leader } = this.#parts;
    event({ kind: 'misbehaved', peer: from, problem: problem.message });
    const leading = leader();
    if (leading === undefined || !living.counts(from)) return;
    const times = (this.#misbehaviours.get(from) ?? 0) + 1;
    this.#misbehaviours.set(from, times);
    if (times < MOST_MISBEHAVIOURS) return;
    const reason = `it sends what no sound peer sends: ${problem.message}`.slice(0, MAX_REASON);
    // a leader after this one knows it from the journal; said before the connection ends, which would be another reason
    void leading.lost(from, 'failed', reason, true).catch(() => {});
    network.block(from);
  }
}
