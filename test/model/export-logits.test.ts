// The exported file means to others what it means to us: an independent loader that follows Hugging Face's definition
// (test/fixtures/export/make.py) computes from it the logits that our stages compute one after another.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { exportModel, importModel, type StagedModel } from '../../src/model/export.ts';
import { smallModel, tokens } from '../fixtures/export/model.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/export/logits.json', import.meta.url), 'utf8'),
) as Record<'tied' | 'untied', { logits: number[][] }>;

async function logitsOf({ model, stages, weights }: StagedModel): Promise<number[]> {
  const engine = await createOnnxEngine({ inProcess: true });
  try {
    const load = (stage: number) =>
      engine.load({ model, stage: stages[stage]!, samples: 1 }, weights[stage]!.slice());
    let activation: Float32Array | Int32Array = Int32Array.from(tokens);
    for (const stage of stages.keys()) {
      await load(stage);
      activation = await engine.forward({ key: stage, input: activation, keep: false });
    }
    await load(0);
    return [...(await engine.logits(activation as Float32Array))];
  } finally {
    await engine.close();
  }
}

describe.each(['untied', 'tied'] as const)('an exported model with %s head', (head) => {
  test('gives an independent Hugging Face loader the logits that ours gives', async () => {
    const logits = await logitsOf(importModel(exportModel(smallModel(head === 'tied'))));
    const expected = fixture[head].logits.flat();
    expect(logits.length).toBe(expected.length);
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(1);
    const worst = Math.max(...logits.map((value, i) => Math.abs(value - expected[i]!)));
    expect(worst).toBeLessThan(2e-5);
  });
});
