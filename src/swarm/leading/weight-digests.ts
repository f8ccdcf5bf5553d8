// What the replicas say their weights are after each iteration. Replicas of a stage hold the same bits; one that does
// not is found here, an iteration later, by its digest. Who entered after an iteration has not applied it: what that
// peer said of it in an earlier life is about weights that it may not have any more.

import type { WeightReport } from '../../journal/entry.ts';
import type { PeerName } from '../../seams/network.ts';
import type { RunState } from '../run-state.ts';

/** Digests are kept for this many iterations: a report may come after the next commit. */
const KEPT_ITERATIONS = 2;

export class WeightDigests {
  readonly #byStage = new Map<string, Map<PeerName, string>>();

  /** A peer has applied an iteration's commit and says what its weights are now. */
  applied(peer: PeerName, iteration: number, stage: number, digest: string): void {
    const key = `${iteration} ${stage}`;
    const digests = this.#byStage.get(key) ?? new Map<PeerName, string>();
    this.#byStage.set(key, digests);
    digests.set(peer, digest);
    for (const old of this.#byStage.keys()) {
      if (Number.parseInt(old, 10) < iteration - KEPT_ITERATIONS) this.#byStage.delete(old);
    }
  }

  /** Whether every live member that applied an iteration has said what its weights are after it. */
  complete(iteration: number, state: RunState, alive: (peer: PeerName) => boolean): boolean {
    return state.active().every((member) => {
      if (!alive(member.peer) || member.enteredAfter >= iteration) return true;
      return this.#byStage.get(`${iteration} ${member.stage}`)?.has(member.peer) === true;
    });
  }

  /** Per stage the digest that most replicas and copies have, and who differs from it; stage 0 first. */
  reports(iteration: number, state: RunState): WeightReport[] {
    const reports: WeightReport[] = [];
    for (const [key, byPeer] of this.#byStage) {
      const [at, stage] = key.split(' ').map(Number);
      if (at !== iteration || stage === undefined) continue;
      const replicas = state
        .group(stage)
        .filter(({ peer, enteredAfter }) => byPeer.has(peer) && enteredAfter < iteration);
      const copies = state
        .shadows(stage)
        .filter(({ peer, shadow }) => byPeer.has(peer) && shadow!.enteredAfter < iteration);
      if (replicas.length === 0) continue;
      const members = [...replicas, ...copies];
      const digests = members.map(({ peer }) => byPeer.get(peer)!);
      const digest = mostCommon(digests)!;
      const divergent = members.filter((_, i) => digests[i] !== digest).map(({ peer }) => peer);
      reports.push({ stage, digest, replicas: replicas.length, divergent });
    }
    return reports.sort((a, b) => a.stage - b.stage);
  }
}

/** The most frequent value; of equally frequent ones the first. */
export function mostCommon(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best = values[0];
  for (const [value, count] of counts) if (count > (counts.get(best ?? '') ?? 0)) best = value;
  return best;
}
