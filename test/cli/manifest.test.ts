// What a live run refuses before anything of it is founded.

import { expect, test } from 'vitest';
import { UsageError } from '../../src/cli/errors.ts';
import { manifestOf } from '../../src/cli/manifest.ts';
import { knownNames } from '../../src/cli/names.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { parseManifest } from '../../src/scenario/schema.ts';

const text = { name: 'text', bytes: new Uint8Array(100_000) };

function found(training: object) {
  const model = { width: 8, heads: 2, hidden: 16, layers: 2, context: 16 };
  const settings = { name: 'test', model, training: { stages: 2, ...training } };
  const parsed = parseManifest(JSON.stringify(settings), { file: 'test', names: knownNames });
  return manifestOf(parsed, text, createSimulatedIdentity('p0'));
}

test('forward passes alone of more samples than have directions are refused, with what to do', () => {
  const samples = { microbatchesPerAnchor: 2, samplesPerMicrobatch: 16_385 };
  expect(() => found({ codec: 'one-byte', ...samples })).toThrow(UsageError);
  expect(() => found({ codec: 'one-byte', ...samples })).toThrow(
    /at most 32768 samples an iteration, not 2 micro-batches of 16385; lower microbatchesPerAnchor/,
  );
  expect(
    found({ codec: 'one-byte', ...samples, samplesPerMicrobatch: 16_384 }).training.probes,
  ).toBeDefined();
  expect(found({ codec: 'eden', ...samples }).training.samplesPerMicrobatch).toBe(16_385);
});
