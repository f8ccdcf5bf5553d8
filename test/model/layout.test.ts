import { expect, test } from 'vitest';
import { mapWeights, namedWeights, parameterCount, stageLayout } from '../../src/model/layout.ts';
import { checkModel, ShapeError, stageShapes, totalBlocks } from '../../src/model/shapes.ts';

const model = {
  width: 12,
  heads: 6,
  kvHeads: 3,
  hidden: 20,
  vocabulary: 256,
  context: 8,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};
const blockLength = 12 + 12 * 12 + 2 * 12 * 6 + 12 * 12 + 12 + 3 * 12 * 20;

test('a stage’s weights lie one behind the other, without gaps', () => {
  for (const stage of stageShapes(3, 2, 1)) {
    const { entries, length } = stageLayout(model, stage);
    let offset = 0;
    for (const entry of entries) {
      expect(entry.offset).toBe(offset);
      expect(entry.length).toBe(entry.shape.reduce((product, size) => product * size, 1));
      offset += entry.length;
    }
    expect(length).toBe(offset);
  }
});

test('stage 0 starts with the embedding and ends with norm and head', () => {
  const [anchor] = stageShapes(2, 1, 1);
  const names = stageLayout(model, anchor!).entries.map((entry) => entry.name);
  expect(names).toEqual([
    'embedding',
    'blocks.0.attentionNorm',
    'blocks.0.query',
    'blocks.0.key',
    'blocks.0.value',
    'blocks.0.output',
    'blocks.0.mlpNorm',
    'blocks.0.gate',
    'blocks.0.up',
    'blocks.0.down',
    'norm',
    'head',
  ]);
  const tied = stageLayout({ ...model, tiedHead: true }, anchor!).entries.map((entry) => entry.name);
  expect(tied).toEqual(names.slice(0, -1));
});

test('linear weights are [in, out]; key and value are as narrow as their heads', () => {
  const shapes = new Map(
    stageLayout(model, { blocks: 1, anchor: false }).entries.map(({ name, shape }) => [name, shape]),
  );
  expect(shapes.get('blocks.0.query')).toEqual([12, 12]);
  expect(shapes.get('blocks.0.key')).toEqual([12, 6]);
  expect(shapes.get('blocks.0.gate')).toEqual([12, 20]);
  expect(shapes.get('blocks.0.down')).toEqual([20, 12]);
});

test('parameters of a model: blocks, embedding, norm and head', () => {
  const ends = 2 * 256 * 12 + 12;
  expect(parameterCount(model, stageShapes(3, 2, 1))).toBe(5 * blockLength + ends);
  expect(parameterCount({ ...model, tiedHead: true }, stageShapes(3, 2, 0))).toBe(
    4 * blockLength + 256 * 12 + 12,
  );
});

test('the tree of a stage’s weights and their names are two forms of one thing', () => {
  for (const stage of stageShapes(2, 2, 0)) {
    const names = [...namedWeights(mapWeights(model, stage, (entry) => entry.name))];
    expect(names.length).toBe(stageLayout(model, stage).entries.length);
    for (const [name, value] of names) expect(value).toBe(name);
  }
});

test('stage shapes: stage 0 is the anchor, the others alike', () => {
  const stages = stageShapes(4, 2, 1);
  expect(stages).toEqual([
    { blocks: 1, anchor: true },
    { blocks: 2, anchor: false },
    { blocks: 2, anchor: false },
    { blocks: 2, anchor: false },
  ]);
  expect(totalBlocks(stages)).toBe(7);
});

test.each([
  [{ heads: 5 }, 'model.heads (5) must divide model.width (12)'],
  [{ kvHeads: 4 }, 'model.kvHeads (4) must divide model.heads (6)'],
  [{ heads: 12, kvHeads: 3 }, 'model.width / model.heads is 1 and must be even'],
  [{ hidden: 0 }, 'model.hidden must be a positive integer, not 0'],
  [{ vocabulary: 2.5 }, 'model.vocabulary must be a positive integer, not 2.5'],
  [{ normEpsilon: Number.NaN }, 'model.normEpsilon must be a positive number, not NaN'],
])('an impossible model is refused by name: %o', (change, message) => {
  const wrong = { ...model, ...change };
  expect(() => checkModel(wrong)).toThrow(ShapeError);
  expect(() => stageLayout(wrong, { blocks: 1, anchor: false })).toThrow(message);
});

test('only stage 0 may go without blocks', () => {
  expect(stageLayout(model, { blocks: 0, anchor: true }).length).toBeGreaterThan(0);
  expect(() => stageShapes(3, 0, 1)).toThrow('only stage 0 may go without blocks');
  expect(() => stageShapes(0, 1, 1)).toThrow('stages must be a positive integer, not 0');
});
