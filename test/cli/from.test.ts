// `--from DIR`: what a run may begin with, and what is said of a folder that does not fit.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { register } from '../../src/cli/demo.ts';
import { givenWeights, modelFieldsOf } from '../../src/cli/from.ts';
import { writeModelFolder } from '../../src/cli/model-folder.ts';
import { knownNames } from '../../src/cli/names.ts';
import { parseManifest } from '../../src/scenario/schema.ts';
import { randomModel } from '../inference/models.ts';
import { skeinOf, temporaryFolder } from './process.ts';

function folderOf(model = randomModel()): string {
  const folder = join(temporaryFolder(), 'model');
  writeModelFolder(folder, model);
  return folder;
}

const settingsFor = (model: object, stages: number) =>
  parseManifest(JSON.stringify({ name: 'test', model, training: { stages } }), {
    file: 'test',
    names: knownNames,
  });

test('weights are cut into the stages of the run', () => {
  const model = randomModel();
  const weights = givenWeights(folderOf(model), settingsFor(modelFieldsOf(model), 4));
  expect(weights).toEqual(model.weights);
  const fewer = givenWeights(folderOf(model), settingsFor(modelFieldsOf(model), 2));
  expect(fewer.map((stage) => stage.length)).toEqual([
    model.weights[0]!.length,
    3 * model.weights[1]!.length,
  ]);
});

test('a model of another shape is refused by field', () => {
  const model = randomModel();
  const wider = { ...modelFieldsOf(model), hidden: 40 };
  expect(() => givenWeights(folderOf(model), settingsFor(wider, 4))).toThrow(
    'the model has hidden 24, model.hidden says 40',
  );
  const deeper = { ...modelFieldsOf(model), layers: 5 };
  expect(() => givenWeights(folderOf(model), settingsFor(deeper, 4))).toThrow(
    'the model has 4 layers, model.layers says 5',
  );
});

test.each([
  [
    'a folder that is not there',
    () => join(temporaryFolder(), 'none'),
    /--from .*none: there is no such folder/,
  ],
  ['a folder without a model', temporaryFolder, /--from .*: config\.json: is missing/],
  [
    'a model with too few blocks',
    () => folderOf(),
    /--from .*: its 4 blocks, 1 of them in stage 0 do not fill 6 stages; at most 4 are possible/,
  ],
])('the demo ends with exit code 2 for %s', async (_, make, message) => {
  const folder = make();
  const stages = ['--stages', '6', '--peers', '6'];
  const { exitCode, stderr } = await skeinOf(register)(
    'demo',
    '--from',
    folder,
    ...stages,
    '--out',
    join(temporaryFolder(), 'out'),
  );
  expect(stderr).toMatch(message);
  expect(exitCode).toBe(2);
});
