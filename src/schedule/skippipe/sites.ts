// Sites: places whose links are alike, found by the times of round trips alone, so that whoever looks for shortest ways
// looks at a dozen of them and not at thousands of peers.

import type { Instance } from './instance.ts';

/** With more sites than this, what is not yet compared is one each: there are too few alike to be worth looking for. */
const mostSites = 128;

/** Per peer its site: places that are equally far from all others, and their peers from each other. */
export function sitesOf({ peerCount, place, placeCount, roundTrip }: Instance): Int32Array {
  const members = new Int32Array(placeCount);
  for (let peer = 0; peer < peerCount; peer++) members[place[peer]!]!++;
  interface Site {
    readonly first: number;
    /** Between two of its peers; undefined while there is one. */
    within: number | undefined;
  }
  const sites: Site[] = [];
  const own = (at: number) => (members[at]! > 1 ? roundTrip[at * placeCount + at]! : undefined);
  const belongs = (at: number, { first, within }: Site): boolean => {
    const apart = roundTrip[at * placeCount + first]!;
    if ((within ?? apart) !== apart || (own(at) ?? apart) !== apart) return false;
    for (let other = 0; other < placeCount; other++) {
      if (other === at || other === first) continue;
      if (roundTrip[at * placeCount + other] !== roundTrip[first * placeCount + other]) return false;
    }
    return true;
  };
  const siteOfPlace = Int32Array.from({ length: placeCount }, (_, at) => {
    const known = sites.length > mostSites ? -1 : sites.findIndex((site) => belongs(at, site));
    if (known < 0) return sites.push({ first: at, within: own(at) }) - 1;
    sites[known]!.within = roundTrip[at * placeCount + sites[known]!.first]!;
    return known;
  });
  return place.map((at) => siteOfPlace[at]!);
}

/** The peers of each site, the quickest first, as many as could be of use. */
export function quickestOf(
  peers: readonly number[],
  site: Int32Array,
  work: Float64Array,
  count: number,
): number[][] {
  const bySite = new Map<number, number[]>();
  for (const peer of peers) {
    const quickest = bySite.get(site[peer]!) ?? [];
    bySite.set(site[peer]!, quickest);
    const at = quickest.findIndex((other) => work[other]! > work[peer]!);
    quickest.splice(at < 0 ? quickest.length : at, 0, peer);
    if (quickest.length > count) quickest.pop();
  }
  return [...bySite.values()];
}
