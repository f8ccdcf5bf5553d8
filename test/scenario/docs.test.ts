// docs/scenario-format.md describes the format that is really read.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  costsFields,
  modelFields,
  peerFields,
  scenarioFields,
  trainingFields,
} from '../../src/scenario/fields.ts';
import { DEVICE_NAMES, MODEL_PRESETS } from '../../src/scenario/presets.ts';
import { read, scenariosFolder } from './read.ts';

const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'scenario-format.md'), 'utf8');
const blocks = [...document.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
const base = 'training: { stages: 4 }\npeers: [{ count: 4 }]\ncosts: { forwardSeconds: 1 }\n';
const files = {
  'data/gcp-links.json': readFileSync(join(scenariosFolder, 'data', 'gcp-links.json'), 'utf8'),
  'data/night.jsonl': [...document.matchAll(/^\{"at".*\}$/gm)].map(([line]) => line).join('\n'),
};

describe('the description of the scenario file', () => {
  it('names every field, device and preset', () => {
    const shapes = [scenarioFields, modelFields, trainingFields, peerFields, costsFields].map(
      ({ shape }) => shape,
    );
    const names = [
      ...shapes.flatMap((shape) => Object.keys(shape)),
      ...DEVICE_NAMES,
      ...Object.keys(MODEL_PRESETS),
    ];
    expect(names.filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
  });

  it('states the defaults of training', () => {
    const defaults = trainingFields.parse({ stages: 1 });
    for (const [name, value] of Object.entries(defaults)) {
      if (name === 'stages') continue;
      const row = document.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``))!;
      const shown = typeof value === 'string' ? `\`${value}\`` : JSON.stringify(value).replaceAll(',', ', ');
      expect(row.replaceAll('1e-8', '1e-8'), `the row of ${name}`).toContain(shown);
    }
  });

  it('has examples that are read', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(5);
    for (const block of blocks) {
      const text = block.includes('training:') ? block : base + block;
      expect(() => read(text, files), block).not.toThrow();
    }
  });

  it('has a trace of its own that is read', () => {
    const churn = read(`${base}churn: { trace: data/night.jsonl }\n`, files).churn;
    expect(churn).toMatchObject({
      kind: 'trace',
      events: [{ at: 30 }, { target: { stage: 2 } }, { event: 'join' }],
    });
  });
});
