// The exchange as plans have it moves the bytes that the run's codec and way of sharing move.

import { describe, expect, it } from 'vitest';
import { codecs, exchangeBytesOf, sharingOf } from '../../src/gradient/index.ts';
import { uniformDescription } from '../../src/schedule/closed-forms.ts';
import { exchangeSeconds } from '../../src/schedule/exchange.ts';
import { planFromJson, planToJson } from '../../src/schedule/json.ts';
import { policies } from '../../src/schedule/policies/index.ts';
import { networkOf, timeline } from '../../src/schedule/timeline.ts';
import { validatePlan } from '../../src/schedule/validate.ts';
import { linksOf } from './build.ts';

const parameters = 1_000_000;
const replicas = 5;

function swarmWith(codec: keyof typeof codecs) {
  const base = uniformDescription(2, 3);
  const peers = Array.from({ length: replicas + 1 }, (_, peer) => ({ ...base.peers[0]!, name: `p${peer}` }));
  const links = linksOf(peers.length, { latency: 0.1, pair: 1e6 });
  const assignment = [[0], [1, 2, 3, 4, 5]];
  return {
    ...base,
    peers,
    links,
    assignment,
    stageSizes: [1, replicas],
    ...exchangeBytesOf(codecs[codec], parameters),
  };
}

describe('the exchange of a plan', () => {
  it.each([
    ['eden', 'gather', replicas * (replicas - 1) * codecs.eden.encodedBytes(parameters)],
    ['project', 'gather', replicas * (replicas - 1) * codecs.project.encodedBytes(parameters)],
    ['dense-f32', 'scatter', 2 * (replicas - 1) * 4 * parameters],
    ['dense-f16', 'scatter', (replicas - 1) * (2 + 4) * parameters],
  ] as const)('moves what %s moves, by %s', (codec, sharing, bytes) => {
    const swarm = swarmWith(codec);
    expect(sharingOf(exchangeBytesOf(codecs[codec], parameters), replicas, replicas)).toBe(sharing);
    const plan = policies.gpipe.plan(swarm, { seed: 1 });
    expect(validatePlan(plan)).toEqual([]);
    expect(timeline(plan, networkOf(swarm)).exchangeBytes).toBeCloseTo(bytes, 3);
    expect(planFromJson(JSON.parse(JSON.stringify(planToJson(plan))))).toEqual(plan);
  });

  it('takes one trip of whole contributions, or two of shards', () => {
    expect(exchangeSeconds(swarmWith('eden'), [1, 2, 3, 4, 5])).toBeCloseTo(
      0.1 + codecs.eden.encodedBytes(parameters) / 1e6,
    );
    expect(exchangeSeconds(swarmWith('dense-f16'), [1, 2, 3, 4, 5])).toBeCloseTo(0.2 + (2 + 4) / replicas);
  });
});
