// Who is visited how often, kept up to date while moves give visits and stages to other peers, and whether that keeps the
// rules of the set: equal loads of stages, equal shares of peers, and the load of a stage in a wave.

import type { Candidate, Waves } from './candidate.ts';
import { equalLoadsPossible, type Instance } from './instance.ts';
import { paperRules } from './rules.ts';

export interface Loads {
  /** A visit of micro-batch m by which `from` was reached reaches `to` instead. */
  shift(m: number, from: number, to: number): void;
  /** Two peers have changed places: stages (in `stageOf` already) and all visits. */
  exchange(a: number, b: number): void;
  /** A peer holds another stage (in `stageOf` already) and keeps its visits. */
  relabel(peer: number, before: number, now: number): void;
  /** Two stages have exchanged their numbers (in `stageOf` already). */
  renumber(a: number, b: number): void;
  /** Whether loads allow that a visit goes from one stage to another one. */
  mayGive(from: number, to: number): boolean;
  /** Whether everything about a stage is allowed: its load, in every wave, and each of its peers' share. */
  stageLawful(stage: number): boolean;
  /** Visits of a peer, and the most that a stage's peers may have. */
  visitsOf(peer: number): number;
  shareOf(stage: number): number;
  /** Whether loads or shares leave any room, so that a visit can be given to another peer without one in return. */
  readonly loose: boolean;
}

export function createLoads(
  instance: Instance,
  waves: Waves,
  { path, stageOf }: Pick<Candidate, 'path' | 'stageOf'>,
): Loads {
  const { peerCount, pathLength, microbatches, stages, live, sizes, memory } = instance;
  const waveCount = Math.max(1, waves.members.length);
  const waveLoad = new Int32Array(waveCount * stages);
  const visits = new Int32Array(peerCount);
  const load = new Int32Array(stages);
  const room = new Float64Array(stages);
  for (let m = 0; m < microbatches; m++) {
    for (let i = 1; i < pathLength; i++) {
      const peer = path[m * pathLength + i]!;
      visits[peer]!++;
      load[stageOf[peer]!]!++;
      waveLoad[waves.of[m]! * stages + stageOf[peer]!]!++;
    }
  }
  /** No more than could ever be used, so that endless memories can be added and taken away again. */
  const roomOf = (peer: number) => Math.min(memory[peer]!, microbatches);
  for (let peer = 0; peer < peerCount; peer++) {
    if (stageOf[peer]! >= 0) room[stageOf[peer]!]! += roomOf(peer);
  }
  const equal = equalLoadsPossible(instance);
  const others = Math.max(1, live.length - 1);
  const all = microbatches * (pathLength - 1);
  const least = equal ? Math.floor(all / others) : 0;
  const most = equal ? Math.ceil(all / others) : Number.POSITIVE_INFINITY;
  /** Per wave: what a stage may have even where its peers lack room for it, as much as the first candidate needs. */
  const needed = waves.members.map((members, wave) => {
    if (!equal) return most;
    const spread = Math.ceil((members.length * (pathLength - 1)) / others);
    const now = waveLoad.subarray(wave * stages, (wave + 1) * stages).reduce((a, b) => Math.max(a, b), 0);
    return Math.min(now, spread + paperRules.waveExcess);
  });

  const shareOf = (stage: number) => Math.ceil(load[stage]! / sizes[stage]!);
  const waveLawful = (wave: number, stage: number) =>
    waveLoad[wave * stages + stage]! <= Math.max(room[stage]!, needed[wave] ?? most);

  function exchangeIn(values: Int32Array | Float64Array, a: number, b: number): void {
    const value = values[a]!;
    values[a] = values[b]!;
    values[b] = value;
  }

  return {
    visitsOf: (peer) => visits[peer]!,
    shareOf,
    loose: least < most || live.slice(1).some((stage) => load[stage]! % Math.max(1, sizes[stage]!) !== 0),
    shift(m, from, to) {
      const wave = waves.of[m]!;
      visits[from]!--;
      visits[to]!++;
      const a = stageOf[from]!;
      const b = stageOf[to]!;
      if (a === b) return;
      load[a]!--;
      load[b]!++;
      waveLoad[wave * stages + a]!--;
      waveLoad[wave * stages + b]!++;
    },
    exchange(a, b) {
      exchangeIn(visits, a, b);
      const more = roomOf(a) - roomOf(b);
      if (more === 0) return;
      if (stageOf[a]! >= 0) room[stageOf[a]!]! += more;
      if (stageOf[b]! >= 0) room[stageOf[b]!]! -= more;
    },
    relabel(peer, before, now) {
      load[before]! -= visits[peer]!;
      load[now]! += visits[peer]!;
      room[before]! -= roomOf(peer);
      room[now]! += roomOf(peer);
      for (let at = 0; at < path.length; at++) {
        if (path[at] !== peer) continue;
        const wave = waves.of[Math.floor(at / pathLength)]!;
        waveLoad[wave * stages + before]!--;
        waveLoad[wave * stages + now]!++;
      }
    },
    renumber(a, b) {
      exchangeIn(load, a, b);
      exchangeIn(room, a, b);
      for (let at = 0; at < waveLoad.length; at += stages) exchangeIn(waveLoad, at + a, at + b);
    },
    mayGive: (from, to) => load[from]! > least && load[to]! < most,
    stageLawful(stage) {
      if (load[stage]! < least || load[stage]! > most) return false;
      for (let wave = 0; wave < waveCount; wave++) if (!waveLawful(wave, stage)) return false;
      const share = shareOf(stage);
      for (let peer = 0; peer < peerCount; peer++) {
        if (stageOf[peer] === stage && visits[peer]! > share) return false;
      }
      return true;
    },
  };
}
