// From a scenario to what a policy is told.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codecs } from '../../src/gradient/index.ts';
import { describeSwarm } from '../../src/scenario/expand.ts';
import {
  residualBytes,
  stageFlops,
  stageParameters,
  stageShapes,
  stateBytes,
} from '../../src/scenario/model.ts';
import { parseManifest } from '../../src/scenario/schema.ts';
import { names, read, readRepositoryScenario, scenariosFolder } from './read.ts';

const costs = 'costs: { forwardSeconds: 1 }\n';

describe('peers', () => {
  it('are named by their place in the file, or by their group', () => {
    const { peers } = read(
      `training: { stages: 2 }\npeers: [{ count: 2 }, { count: 2, name: gpu }, {}]\n${costs}`,
    );
    expect(peers.map(({ name }) => name)).toEqual(['p0', 'p1', 'gpu-0', 'gpu-1', 'p4']);
  });

  it('have rates and sizes in bytes', () => {
    const group = '{ count: 1, upload: 100 Mbit/s, download: 1 GiB/s, memoryMicrobatches: 3 }';
    const [peer] = read(`training: { stages: 1 }\npeers: [${group}]\n${costs}`).peers;
    expect(peer).toMatchObject({
      uploadBytesPerSecond: 12.5e6,
      downloadBytesPerSecond: 2 ** 30,
      memoryMicrobatches: 3,
    });
  });

  it('may hold several stages where the assignment says so, then fewer peers than stages suffice', () => {
    const scenario = read(
      `training: { stages: 3 }\npeers: [{ count: 2 }]\n${costs}assignment: [[p0], [1], [p0, p1]]\n`,
    );
    expect(scenario.assignment).toEqual([[0], [1], [0, 1]]);
    expect(scenario.stageSizes).toEqual([1, 1, 2]);
  });

  it('may hold several stages by a free assignment where replicas are more and memory is said to be there', () => {
    const text = (memory: string) =>
      `training: { stages: 2, stageSizes: [1, 2] }\npeers: [{ count: 2${memory} }]\n${costs}`;
    const scenario = read(text(', memoryMicrobatches: 2'));
    expect(scenario).toMatchObject({ stageSizes: [1, 2], assignment: undefined });
    expect(() => read(text(', memoryMicrobatches: 1'))).toThrow('adds up to 3, but there are 2 peers');
    expect(() => read(text(''))).toThrow('adds up to 3, but there are 2 peers');
  });

  it('share the stages as equally as possible, stage 0 first', () => {
    const scenario = read(`training: { stages: 3 }\npeers: [{ count: 8 }]\n${costs}`);
    expect(scenario.stageSizes).toEqual([3, 3, 2]);
    expect(scenario.assignment).toBeUndefined();
  });

  it('without a stage fill the places that fixed ones leave', () => {
    const text = `training: { stages: 3 }\npeers: [{}, { count: 2, stage: 2 }, { count: 3 }]\n${costs}`;
    expect(read(text).assignment).toEqual([
      [0, 3],
      [4, 5],
      [1, 2],
    ]);
  });

  it('follow an assignment by number or by name', () => {
    const text = `training: { stages: 2 }\npeers: [{ count: 3 }]\n${costs}assignment: [[2], [p0, 1]]\n`;
    expect(read(text)).toMatchObject({ assignment: [[2], [0, 1]], stageSizes: [1, 2] });
  });
});

describe('costs', () => {
  const swarm = (block: string, more = '') =>
    describeSwarm(read(`training: { stages: 2 }\npeers: [{ count: 3 }]\ncosts: ${block}\n${more}`));

  it('are one number, one per stage, or one per peer', () => {
    const { peers } = swarm(
      '{ forwardSeconds: [1, 2], backwardInputSeconds: [1, 2, 3], backwardWeightSeconds: 5 ms }',
    );
    expect(peers.map((peer) => peer.forwardSeconds)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(peers.map((peer) => peer.backwardInputSeconds)).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(peers[0]).toMatchObject({ backwardWeightSeconds: [0.005, 0.005], headSeconds: 0, gapSeconds: 0 });
  });

  it('say which they are where the length does not', () => {
    const text =
      'training: { stages: 2 }\npeers: [{ count: 2 }]\ncosts: { forwardSeconds: { perPeer: [1, 2] } }\n';
    expect(describeSwarm(read(text)).peers.map((peer) => peer.forwardSeconds)).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('make transfers take their time whatever they carry, and none from a peer to itself', () => {
    const { links } = swarm('{ transferSeconds: [[9, 1, 2], [3, 9, 4], [5, 6, 9]] }');
    expect(links.latencySeconds).toEqual([
      [0, 1, 2],
      [3, 0, 4],
      [5, 6, 0],
    ]);
    expect(links.bytesPerSecond.flat().every((rate) => rate === Number.POSITIVE_INFINITY)).toBe(true);
    expect(links.shared).toBe(false);
  });

  it('make a lone flow take the transfer time where links are shared', () => {
    const { links, activationBytes } = swarm(
      '{ transferSeconds: [[0, 1, 2], [4, 0, 4], [5, 6, 0]], shareLinks: true }',
    );
    expect(links.shared).toBe(true);
    expect(activationBytes / links.bytesPerSecond[0]![2]!).toBe(2);
    expect(activationBytes / links.uploadBytesPerSecond[0]!).toBe(1);
    expect(activationBytes / links.downloadBytesPerSecond[0]!).toBe(4);
  });
});

describe('times from model, devices and links', () => {
  const text = (more: string) => `
training: { stages: 3, samplesPerMicrobatch: 2, skipRatio: 0.33 }
model: { width: 64, heads: 4, layers: 5, hidden: 100, context: 16, vocabulary: 256${more} }
peers:
  - { count: 2, region: A, device: { teraflops: 0.001 }, upload: 1 MB/s }
  - { region: B, device: { teraflops: 0.002, efficiency: 0.5 } }
links: { pairs: [{ a: A, b: B, latency: 20 ms, bandwidth: 8 MB/s }] }
`;

  it('follow from floating-point operations', () => {
    const { peers, pathLength, activationBytes } = describeSwarm(read(text('')));
    // 2 blocks of 2 x 16 tokens: two operations a weight, and scores and values over 16 positions.
    const dense = 2 * (4 * 64 * 64 + 3 * 64 * 100) * 32 * 2;
    const attention = 4 * 16 * 64 * 32 * 2;
    expect(peers[0]!.forwardSeconds).toEqual([1, 2, 2].map((blocks) => ((dense + attention) / 2e9) * blocks));
    expect(peers[2]!.forwardSeconds).toEqual(peers[0]!.forwardSeconds);
    expect(peers[0]!.backwardInputSeconds[1]).toBe((dense + 2 * attention) / 1e9);
    expect(peers[0]!.backwardWeightSeconds[1]).toBe(dense / 1e9);
    expect(peers[0]!.headSeconds).toBe((dense + attention) / 1e9 / 4);
    expect(pathLength).toBe(2);
    expect(activationBytes).toBe(4 * 32 * 64);
  });

  it.each([
    ['dense-f32', (parameters: number) => 4 * parameters],
    ['eden', (parameters: number) => codecs.eden.encodedBytes(parameters)],
    ['one-byte', () => 0],
  ])('count the bytes of a gradient as %s encodes them', (codec, bytes) => {
    const scenario = read(text('').replace('skipRatio', `codec: ${codec}, skipRatio`));
    const { model } = scenario;
    const largest = Math.max(...stageShapes(model!, 3).map((stage) => stageParameters(model!.shape, stage)));
    expect(describeSwarm(scenario).gradientBytes).toBe(bytes(largest));
  });

  it('use the narrowest of uplink, pair and downlink', () => {
    const { links } = describeSwarm(read(text('')));
    expect(links.bytesPerSecond[0]![2]).toBe(1e6);
    expect(links.bytesPerSecond[2]![0]).toBe(8e6);
    expect(links.latencySeconds[0]![2]).toBe(0.02);
    expect(links.latencySeconds[0]![1]).toBe(0.001);
  });

  it('count memory in micro-batches beside weights, gradients and optimizer state', () => {
    const model = read(text('')).model!;
    const stage = stageShapes(model, 3)[1]!;
    const bytes = stateBytes(model.shape, stage, 'adamw') + 2.5 * residualBytes(model.shape, stage, 32);
    const scenario = read(text('').replace('{ region: B,', `{ region: B, stage: 1, memoryBytes: ${bytes},`));
    expect(scenario.peers[2]!.memoryMicrobatches).toBe(2);
  });

  it('know the presets of the format', () => {
    const scenario = read(
      `
training: { stages: 6, samplesPerMicrobatch: 8 }
model: { preset: llama-500m }
peers: [{ count: 6, region: Iowa, device: rtx-3090, memoryBytes: 24 GB, upload: 100 Mbit/s, download: 1 Gbit/s }]
links: { file: gcp.json }
`,
      { 'gcp.json': readFileSync(join(scenariosFolder, 'data', 'gcp-links.json'), 'utf8') },
    );
    const swarm = describeSwarm(scenario);
    expect(swarm.activationBytes).toBe(2 ** 25);
    expect(swarm.links.bytesPerSecond[0]![1]).toBe(12.5e6);
    expect(swarm.peers[0]!.forwardSeconds[1]).toBeGreaterThan(0.01);
    expect(swarm.peers[0]!.memoryMicrobatches).toBeGreaterThanOrEqual(1);
  });
});

describe('a model', () => {
  const shapeOf = (preset: string) =>
    read(`training: { stages: 4 }\npeers: [{ count: 4 }]\nmodel: { preset: ${preset} }\n${costs}`).model!;

  it('has the published size where the preset is a published model', () => {
    const model = shapeOf('llama-8b');
    const parameters = stageShapes(model, 4).reduce(
      (sum, stage) => sum + stageParameters(model.shape, stage),
      0,
    );
    expect(parameters).toBe(8_030_261_248);
  });

  it('spreads its blocks evenly, or gives stage 0 what anchorLayers says', () => {
    const model = shapeOf('llama-500m');
    expect(stageShapes(model, 5).map(({ blocks }) => blocks)).toEqual([4, 5, 5, 5, 5]);
    expect(stageShapes({ ...model, anchorLayers: 0 }, 5).map(({ blocks }) => blocks)).toEqual([
      0, 6, 6, 6, 6,
    ]);
    expect(stageFlops(model.shape, { blocks: 0, anchor: true }, 10)).toEqual({ dense: 0, attention: 0 });
  });
});

describe('a manifest', () => {
  it('is these fields of a scenario file, whatever else is there', () => {
    const text =
      'seed: 3\nmodel: { width: 64, heads: 2, layers: 3 }\ntraining: { stages: 3, data: [a.txt, b.txt] }\n';
    const manifest = parseManifest(text, { file: 'runs/first.yaml', names });
    expect(manifest).toMatchObject({
      name: 'first',
      seed: 3,
      model: {
        layers: 3,
        shape: { width: 64, heads: 2, kvHeads: 2, hidden: 176, vocabulary: 256, context: 128 },
      },
      training: { stages: 3, optimizer: 'adamw', learningRate: 3e-3, clip: 1, data: ['a.txt', 'b.txt'] },
    });
    const whole = `${text}peers: [{ count: 3 }]\nchurn: { crashesPerHour: 0.1 }\n`;
    expect(parseManifest(whole, { file: 'runs/first.yaml', names })).toEqual(manifest);
  });

  it('needs a model', () => {
    expect(() => parseManifest('training: { stages: 2 }\n', { file: 'm.yaml', names })).toThrow(
      'm.yaml:1: model: is missing',
    );
  });
});

describe('the scenarios of the repository', () => {
  it('uniform-4 is the textbook case', () => {
    const swarm = describeSwarm(readRepositoryScenario('uniform-4.yaml'));
    expect(swarm).toMatchObject({ stages: 4, microbatchesPerAnchor: 8, headAt: 'last', pathLength: 4 });
    expect(swarm.peers.map(({ headSeconds }) => headSeconds)).toEqual([0, 0, 0, 0]);
  });

  it('geo20 is the published instance', () => {
    const swarm = describeSwarm(readRepositoryScenario('geo20.yaml'));
    expect(swarm).toMatchObject({
      stages: 6,
      stageSizes: [5, 3, 3, 3, 3, 3],
      pathLength: 4,
      activationBytes: 2 ** 25,
    });
    expect(swarm.peers).toHaveLength(20);
    expect(swarm.links.latencySeconds[6]![10]).toBeCloseTo(132.3144, 3);
  });

  it("geo20's matrix follows from the published links: latency, 32 MiB and 216 bytes over the bandwidth, 0.35 s of copies", () => {
    const text = readFileSync(join(scenariosFolder, 'geo20.yaml'), 'utf8')
      .replace('gcp-links.json', 'gcp-links-as-published.json')
      .replace(/^costs:[\s\S]*/m, '');
    const published = describeSwarm(readRepositoryScenario('geo20.yaml')).links.latencySeconds;
    const links = read(text, {
      'data/gcp-links-as-published.json': readFileSync(
        join(scenariosFolder, 'data', 'gcp-links-as-published.json'),
        'utf8',
      ),
    });
    const { latencySeconds, bytesPerSecond } = describeSwarm(links).links;
    published.forEach((row, from) => {
      row.forEach((seconds, to) => {
        if (from === to) return;
        expect(latencySeconds[from]![to]! + (2 ** 25 + 216) / bytesPerSecond[from]![to]! + 0.35).toBeCloseTo(
          seconds,
          9,
        );
      });
    });
  });
});
