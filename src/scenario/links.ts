// Links between regions: the table in the file, or in a file that it names.

import { z } from 'zod';
import { type LinkTableInput, linkFileFields, linkTableFields } from './fields.ts';
import { suggest } from './nearest.ts';
import type { LinkTable, ScenarioPeer } from './settings.ts';
import type { FieldPath, Source } from './source.ts';
import { parseFields, type ReadFile, readSource } from './read.ts';

/** A machine room, when the table says nothing of pairs in one region. */
const SAME_REGION = { latency: 0.001, bandwidth: 2 * 2 ** 30 };

/** Reads `links`, inline or from its file, and checks that it joins all regions in use. */
export function resolveLinks(
  value: unknown,
  peers: readonly ScenarioPeer[],
  source: Source,
  readFile: ReadFile,
): LinkTable {
  const path: FieldPath = ['links'];
  const isFile = typeof value === 'object' && value !== null && 'file' in value;
  if (!isFile)
    return buildTable(parseFields(linkTableFields, value, source, path), peers, source, path, false);
  const reference = parseFields(linkFileFields, value, source, path);
  const table = readSource(reference.file, readFile, source, ['links', 'file']);
  if (typeof table.value === 'object' && table.value !== null && 'file' in table.value) {
    throw table.error(['file'], 'a file of links cannot refer to another file; write the pairs here');
  }
  const input = parseFields(linkTableFields, table.value, table, []);
  return buildTable(input, peers, table, [], reference.share ?? false, source);
}

function buildTable(
  input: LinkTableInput,
  peers: readonly ScenarioPeer[],
  source: Source,
  path: FieldPath,
  share: boolean,
  scenario: Source = source,
): LinkTable {
  const listed = [...new Set(input.pairs.flatMap(({ a, b }) => [a, b]))];
  const used = [...new Set(peers.flatMap(({ region }) => (region === undefined ? [] : [region])))];
  for (const region of used) {
    if (listed.includes(region) || input.default !== undefined || (used.length === 1 && listed.length === 0))
      continue;
    throw scenario.error(
      regionPath(scenario, region),
      `there is no region '${region}' in the links${suggest(region, listed)}`,
    );
  }
  const regions = [...new Set([...listed, ...used])];
  const same = input.sameRegion ?? SAME_REGION;
  const latency = regions.map((_, i) =>
    regions.map((_, j) => (i === j ? same.latency : input.default?.latency)),
  );
  const rate = regions.map((_, i) =>
    regions.map((_, j) => (i === j ? same.bandwidth : input.default?.bandwidth)),
  );
  const seen = new Set<string>();
  input.pairs.forEach((pair, index) => {
    const key = [pair.a, pair.b].sort().join('\n');
    if (seen.has(key))
      throw source.error([...path, 'pairs', index], `${pair.a} and ${pair.b} are listed twice`);
    seen.add(key);
    const i = regions.indexOf(pair.a);
    const j = regions.indexOf(pair.b);
    latency[i]![j] = latency[j]![i] = pair.latency;
    rate[i]![j] = rate[j]![i] = pair.bandwidth;
  });
  for (const a of used) {
    for (const b of used) {
      if (latency[regions.indexOf(a)]![regions.indexOf(b)] !== undefined) continue;
      throw source.error([...path, 'pairs'], `no link between ${a} and ${b}; add the pair, or a 'default'`);
    }
  }
  // Pairs that nobody uses may stay open.
  return {
    regions,
    latencySeconds: latency.map((row) => row.map((value) => value ?? Number.POSITIVE_INFINITY)),
    bytesPerSecond: rate.map((row) => row.map((value) => value ?? 0)),
    shared: share || (input.share ?? false),
  };
}

/** The first peer group that names the region. */
function regionPath(source: Source, region: string): FieldPath {
  const groups = z
    .object({ peers: z.array(z.looseObject({ region: z.string().optional() })) })
    .parse(source.value);
  return ['peers', groups.peers.findIndex((group) => group.region === region), 'region'];
}
