// How long transfers take, as a table over places: peers whose links are alike share one. In a swarm spread over a dozen
// regions that is a table of a dozen rows, however many peers there are; a table over pairs of ten thousand peers would
// be 800 MB. Small swarms have a place for every peer.

import type { SwarmDescription } from '../description.ts';
import { transferSeconds } from '../execute/execution.ts';
import type { Instance } from './instance.ts';

/** Swarms up to this size are not looked through for peers that are alike: the table over pairs is small. */
const mostPeersApart = 1024;
/** With more different rows than this, peers share too few to be worth looking for. */
const mostRows = 256;

/** Microseconds from place to place, one way and there and back; what of the instance the links decide. */
export type Transfers = Pick<Instance, 'place' | 'placeCount' | 'transfer' | 'roundTrip'>;

/** The tables for `holder[i]`, the peers of the description. Between two peers of one place it takes as long as [place][place]. */
export function transfersOf(
  description: SwarmDescription,
  holder: Int32Array,
  toMicroseconds: (seconds: number) => number,
): Transfers {
  // Between two stages of one peer nothing travels, so where there are such peers each has a place of its own.
  const mayShare = holder.length === description.peers.length && holder.length > mostPeersApart;
  const { place: placeOf, first } = mayShare ? placesOf(description) : apart(description.peers.length);
  const { links, activationBytes } = description;
  const placeCount = first.length;
  const transfer = new Float64Array(placeCount * placeCount);
  const roundTrip = new Float64Array(placeCount * placeCount);
  const second = secondOf(placeOf, first);
  for (let from = 0; from < placeCount; from++) {
    for (let to = 0; to < placeCount; to++) {
      // Within a place the way between two of its peers counts, which differ; to itself nothing travels.
      const target = from === to ? second[to]! : first[to]!;
      transfer[from * placeCount + to] = toMicroseconds(
        transferSeconds(links, first[from]!, target, activationBytes),
      );
    }
  }
  for (let from = 0; from < placeCount; from++) {
    for (let to = 0; to < placeCount; to++) {
      roundTrip[from * placeCount + to] =
        transfer[from * placeCount + to]! + transfer[to * placeCount + from]!;
    }
  }
  return { place: holder.map((peer) => placeOf[peer]!), placeCount, transfer, roundTrip };
}

/** Per peer its place, and per place its first peer. */
interface Places {
  readonly place: Int32Array;
  readonly first: readonly number[];
}

function apart(count: number): Places {
  const place = Int32Array.from({ length: count }, (_, peer) => peer);
  return { place, first: Array.from(place) };
}

function placesOf({ peers, links }: SwarmDescription): Places {
  const count = peers.length;
  // Peers that share their rows send alike; of those, peers alike in every row receive alike.
  const rows = new Map<unknown, Map<unknown, number>>();
  const senders: number[] = [];
  const rowOf = Int32Array.from({ length: count }, (_, peer) => {
    const latency = links.latencySeconds[peer]!;
    const known = rows.get(latency) ?? new Map<unknown, number>();
    rows.set(latency, known);
    const rate = links.bytesPerSecond[peer]!;
    const row = known.get(rate) ?? senders.length;
    if (row === senders.length) {
      known.set(rate, row);
      senders.push(peer);
    }
    return row;
  });
  if (senders.length > mostRows) return apart(count);
  const places = new Map<string, number>();
  const first: number[] = [];
  const place = Int32Array.from({ length: count }, (_, peer) => {
    const received = senders.map(
      (from) => `${links.latencySeconds[from]![peer]} ${links.bytesPerSecond[from]![peer]}`,
    );
    const own = [rowOf[peer], links.uploadBytesPerSecond[peer], links.downloadBytesPerSecond[peer]];
    const key = [...own, ...received].join(' ');
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, first.length);
    first.push(peer);
    return first.length - 1;
  });
  return { place, first };
}

/** Per place its second peer, or its first where it has no other. */
function secondOf(placeOf: Int32Array, first: readonly number[]): readonly number[] {
  const second = [...first];
  placeOf.forEach((place, peer) => {
    if (second[place] === first[place]) second[place] = peer;
  });
  return second;
}
