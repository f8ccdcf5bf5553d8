// Leading a micro-batch around a lost peer, from the peer before it: the way is planned anew (mending.ts), whoever does
// not expect the micro-batch is asked for room, whoever does and is not on the way any more is told.

import type { PeerName } from '../../seams/network.ts';
import type { PathsParts } from './paths.ts';
import { type Hop, isGivenUp, type Visit } from './visits.ts';

export interface ReroutingParts
  extends Pick<
    PathsParts,
    'alive' | 'forwardOnly' | 'mender' | 'askSlot' | 'announceDropped' | 'note' | 'emergencySkips' | 'changed'
  > {
  /** Visits of a micro-batch's path by the plan. */
  readonly pathLength: (microbatch: number) => number;
  readonly sendOutput: (visit: Visit) => void;
  /** Gives a micro-batch up and says so to everyone. */
  readonly drop: (visit: Visit, reason: string) => void;
}

export const MOVED = 'its path leads elsewhere now';
export const ANCHOR_LOST = 'its anchor was lost';

export class Rerouting {
  readonly #parts: ReroutingParts;

  constructor(parts: ReroutingParts) {
    this.#parts = parts;
  }

  /** The peer after this one is lost: another replica, else past its stage, else the micro-batch is given up. */
  async mend(visit: Visit, lost: PeerName): Promise<void> {
    if (this.#parts.forwardOnly) {
      if (!isGivenUp(visit)) this.#parts.drop(visit, 'the next peer of its path was lost');
      return;
    }
    if (visit.rerouting || visit.phase !== 'backward' || visit.output === undefined) return;
    const { announceDropped, note, emergencySkips, pathLength, sendOutput, drop, changed } = this.#parts;
    const { microbatch } = visit;
    const hop = visit.path[visit.hop + 1];
    const anchor = visit.path[0]!.peer;
    if (hop === undefined || hop.peer !== lost) {
      if (anchor === lost) drop(visit, ANCHOR_LOST);
      return;
    }
    if (visit.hop + 2 === visit.path.length && !this.#parts.alive(anchor)) {
      drop(visit, ANCHOR_LOST); // the last peer of the path is lost with it: nobody has its loss or the gradient of it
      return;
    }
    visit.rerouting = true;
    announceDropped(microbatch, MOVED, lost);
    const full = new Set<PeerName>();
    for (;;) {
      const path = this.#newPath(visit, lost, full);
      if (path === undefined) break;
      const before = visit.path;
      const refusing = await this.#findRoom(visit, path);
      if (isGivenUp(visit) || visit.output === undefined) {
        this.#announceLeft(microbatch, path.slice(visit.hop + 1), before);
        break;
      }
      if (refusing !== undefined) {
        full.add(refusing);
        continue;
      }
      this.#announceLeft(microbatch, before.slice(visit.hop + 2), path);
      visit.path = path;
      visit.rerouting = false;
      const to = path[visit.hop + 1];
      const isShorter = to === undefined || path.length < before.length;
      if (isShorter) note({ kind: 'skipped', microbatch, lost, stage: hop.stage });
      else note({ kind: 'rerouted', microbatch, lost, to: to.peer, stage: hop.stage });
      sendOutput(visit);
      changed();
      return;
    }
    visit.rerouting = false;
    if (isGivenUp(visit) || visit.output === undefined) return;
    const skipped = pathLength(microbatch) - visit.path.length;
    if (skipped >= emergencySkips) {
      drop(visit, `stage ${hop.stage} was lost and its path may not skip another stage`);
      return;
    }
    visit.path = visit.path.filter((_, at) => at !== visit.hop + 1);
    note({ kind: 'skipped', microbatch, lost, stage: hop.stage });
    sendOutput(visit);
    changed();
  }

  /**
   * The way on that is planned for it, without peers that are lost or have no room. The one that was believed lost was
   * told that the micro-batch leaves it: should it speak again meanwhile, it does not take it any more.
   */
  #newPath(visit: Visit, lost: PeerName, full: ReadonlySet<PeerName>): readonly Hop[] | undefined {
    const { alive, mender, emergencySkips, pathLength } = this.#parts;
    const { microbatch, path, hop } = visit;
    const skipped = pathLength(microbatch) - path.length;
    return mender({
      microbatch,
      path,
      done: hop + 1,
      isGone: (peer) => peer === lost || !alive(peer),
      full,
      skips: Math.max(0, emergencySkips - skipped),
    });
  }

  /** Asks those who do not expect it to make room, one after another; returns the first who does not, if any. */
  async #findRoom(visit: Visit, path: readonly Hop[]): Promise<PeerName | undefined> {
    const { alive, askSlot } = this.#parts;
    const { microbatch } = visit;
    const expected = new Set(visit.path.map(({ peer }) => peer));
    const asked: Hop[] = [];
    for (const hop of path.slice(visit.hop + 1)) {
      if (expected.has(hop.peer) && alive(hop.peer)) continue;
      const granted = await askSlot(hop.peer, microbatch, hop.stage);
      if (granted && alive(hop.peer) && visit.output !== undefined) {
        asked.push(hop);
        continue;
      }
      this.#announceLeft(microbatch, asked, []);
      return hop.peer;
    }
    return undefined;
  }

  /**
   * Tells those who are not on the new path that the micro-batch does not come to them, also who is believed lost: one
   * that lives would wait for it, and everyone for that one.
   */
  #announceLeft(microbatch: number, before: readonly Hop[], path: readonly Hop[]): void {
    for (const { peer } of before) {
      if (!path.some((hop) => hop.peer === peer)) this.#parts.announceDropped(microbatch, MOVED, peer);
    }
  }
}
