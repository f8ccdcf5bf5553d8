// Whatever is wrong in a scenario file, the message names file, line and field, and what would be right.

import { describe, expect, it } from 'vitest';
import { nearestName } from '../../src/scenario/nearest.ts';
import { errorOf, read } from './read.ts';

const head = 'training:\n  stages: 2\npeers:\n  - count: 2\n';
const costs = 'costs:\n  forwardSeconds: 1\n';

describe('a scenario file that is wrong', () => {
  it.each([
    [
      'a field nobody knows',
      `${head}${costs}assigment: auto\n`,
      7,
      'assigment',
      "did you mean 'assignment'?",
    ],
    [
      'a misspelt field inside',
      `training:\n  stages: 2\n  microbatchPerAnchor: 3\npeers: [{ count: 2 }]\n${costs}`,
      3,
      'training.microbatchPerAnchor',
      "did you mean 'microbatchesPerAnchor'?",
    ],
    [
      'a field at the wrong level',
      `${head}${costs}skipRatio: 0.5\n`,
      7,
      'skipRatio',
      "it belongs under 'training'",
    ],
    ['a missing field', `peers:\n  - count: 2\n${costs}`, 1, 'training', 'is missing'],
    ['a wrong type', head.replace('2', 'two') + costs, 2, 'training.stages', "expected a number, got 'two'"],
    [
      'a fraction',
      head.replace('2', '2.5') + costs,
      2,
      'training.stages',
      'expected a whole number, got 2.5',
    ],
    [
      'a negative time',
      `${head}costs:\n  headSeconds: -1\n`,
      6,
      'costs.headSeconds',
      'must be 0 or more, got -1',
    ],
    [
      'a negative time in a list',
      `${head}costs:\n  forwardSeconds:\n    - 1\n    - -0.5\n`,
      8,
      'costs.forwardSeconds[1]',
      'must be 0 or more, got -0.5',
    ],
    [
      'a list of wrong length',
      `${head}costs:\n  forwardSeconds: [1, 2, 3]\n`,
      6,
      'costs.forwardSeconds',
      'has 3 numbers',
    ],
    [
      'a matrix of wrong size',
      `${head}costs:\n  transferSeconds:\n    - [0, 1]\n    - [1]\n`,
      8,
      'costs.transferSeconds[1]',
      'there are 2 peers',
    ],
    [
      'an unknown policy',
      `training:\n  stages: 2\n  policy: 1fb1\npeers: [{ count: 2 }]\n${costs}`,
      3,
      'training.policy',
      "did you mean '1f1b'?",
    ],
    [
      'a codec that does not exist yet',
      `training:\n  stages: 2\n  codec: one-bit\npeers: [{ count: 2 }]\n${costs}`,
      3,
      'training.codec',
      'known: dense-f32',
    ],
    [
      'a word that is no choice',
      head.replace('2', '2\n  headAt: lst') + costs,
      3,
      'training.headAt',
      "did you mean 'last'?",
    ],
    [
      'a rate without its time',
      head.replace('count: 2', 'count: 2\n    upload: 5 Mbit') + costs,
      5,
      'peers[0].upload',
      "such as '100 Mbit/s'",
    ],
    [
      'an unknown device',
      head.replace('count: 2', 'count: 2\n    device: rtx-3091') + costs,
      5,
      'peers[0].device',
      "did you mean 'rtx-3090'?",
    ],
    [
      'an unknown preset',
      `${head}${costs}model:\n  preset: llama-500\n`,
      8,
      'model.preset',
      "did you mean 'llama-500m'?",
    ],
    [
      'heads that do not split the width',
      `${head}${costs}model: { width: 96, heads: 5, layers: 2 }\n`,
      7,
      'model.heads',
      'width 96',
    ],
    [
      'more stages than layers',
      `training: { stages: 4 }\npeers: [{ count: 4 }]\nmodel: { width: 8, heads: 2, layers: 2 }\n${costs}`,
      3,
      'model.layers',
      'do not fill 4 stages',
    ],
    [
      'more stages than peers',
      `training:\n  stages: 3\npeers: [{ count: 2 }]\n${costs}`,
      2,
      'training.stages',
      '2 peers cannot hold 3 stages',
    ],
    [
      'skipping everything',
      head.replace('2', '2\n  skipRatio: 0.8') + costs,
      3,
      'training.skipRatio',
      'leaves no stage after stage 0',
    ],
    [
      'a peer twice in a stage',
      `${head}${costs}assignment: [[0, 0], [1]]\n`,
      7,
      'assignment[0][1]',
      'p0 already holds stage 0',
    ],
    [
      'several stages for a peer whose memory is in bytes',
      `${head}    memoryBytes: 400 GB\nmodel: { preset: llama-500m }\n${costs}assignment: [[0, 1], [0]]\n`,
      9,
      'assignment[1][0]',
      'memoryMicrobatches',
    ],
    [
      'a peer that is not there',
      `${head}${costs}assignment: [[0], [2]]\n`,
      7,
      'assignment[1][0]',
      'they count from 0 to 1',
    ],
    [
      'a peer left out',
      `training: { stages: 1 }\npeers: [{ count: 2 }]\n${costs}assignment: [[0]]\n`,
      5,
      'assignment',
      'leaves out p1',
    ],
    [
      "an assignment against a peer's stage",
      `${head.replace('count: 2', '{ stage: 1 }\n  - { stage: auto }')}${costs}assignment: [[0], [1]]\n`,
      8,
      'assignment[0][0]',
      "puts p0 in stage 0, but peers[0].stage is 1; move it to assignment[1], or give that group 'stage: auto'",
    ],
    [
      'a stage nobody can hold',
      `${head.replace('count: 2', 'count: 2\n    stage: 1')}${costs}`,
      3,
      'peers',
      'no peer is left to hold stage 0',
    ],
    [
      'sizes that do not add up',
      `training:\n  stages: 2\n  stageSizes: [1, 2]\npeers: [{ count: 2 }]\n${costs}`,
      3,
      'training.stageSizes',
      'adds up to 3, but there are 2 peers',
    ],
    [
      'two peers of one name',
      `training: { stages: 2 }\npeers:\n  - { name: a }\n  - { name: a }\n${costs}`,
      4,
      'peers[1].name',
      "a second peer would be called 'a-0'",
    ],
    [
      'memory without a model',
      head.replace('count: 2', 'count: 2\n    memoryBytes: 24 GB') + costs,
      5,
      'peers[0].memoryBytes',
      "needs a 'model'",
    ],
    ['nothing to compute times from', head, 1, 'model', "no 'costs' block"],
    [
      'an alias that contains itself',
      `${head}${costs}model: &m\n  preset: *m\n`,
      8,
      'model.preset',
      'a cycle',
    ],
    ['broken YAML', 'training: {\n', 2, '', 'not valid YAML or JSON'],
    ['a field given twice', `${head}${costs}peers: []\n`, 7, '', 'unique'],
    ['a list where fields should be', '- 1\n', 1, '', 'expected a block of fields, got a list'],
    ['nothing', '', 1, '', 'the file is empty'],
  ])('%s', (_, text, line, field, message) => {
    const error = errorOf(text);
    expect({ file: error.file, line: error.line, field: error.field }).toEqual({
      file: 'test.yaml',
      line,
      field,
    });
    expect(error.message).toContain(message);
    expect(error.message).toMatch(field === '' ? /^test\.yaml:\d+: / : `test.yaml:${line}: ${field}: `);
  });

  it('names the file it refers to when the fault is there', () => {
    const text = `training: { stages: 2 }\npeers: [{ count: 2, region: A }]\nmodel: { preset: llama-500m }\nlinks: { file: l.json }\n`;
    expect(errorOf(text).message).toMatch(/^test\.yaml:4: links\.file: cannot read 'l\.json'/);
    const pairs = '{\n"pairs": [\n{ "a": "A", "b": "B", "latency": "1 ms", "bandwith": 3 }]}';
    expect(errorOf(text, { 'l.json': pairs })).toMatchObject({
      file: 'l.json',
      line: 3,
      field: 'pairs[0].bandwith',
    });
    expect(errorOf(text, { 'l.json': '{ "file": "l.json" }' }).message).toContain(
      'cannot refer to another file',
    );
  });

  it('says how many more problems there are', () => {
    expect(errorOf('training: { stages: 0 }\npeers: []\n').message).toContain('(and 1 more problem)');
  });
});

describe('a trace that is wrong', () => {
  const text = `${head}${costs}churn: { trace: t.jsonl }\n`;
  const good = '{"at": 1, "peer": "p1", "event": "crash"}\n';
  it.each([
    ['an unknown peer', `${good}{"at": 2, "peer": "q1", "event": "join"}`, 'peer', "did you mean 'p1'?"],
    [
      'time running backward',
      `${good}{"at": 0.5, "peer": "p1", "event": "join"}`,
      'at',
      'sort the lines by time',
    ],
    ['an unknown event', `${good}{"at": 2, "peer": "p1", "event": "crsh"}`, 'event', "did you mean 'crash'?"],
    [
      'a stage beyond the last',
      `${good}{"at": 2, "peer": 2, "event": "crash"}`,
      'peer',
      'the stages are 0 to 1',
    ],
    ['a line that is no JSON', `${good}{"at": `, '', 'not valid'],
  ])('%s', (_, trace, field, message) => {
    const error = errorOf(text, { 't.jsonl': trace });
    expect(error).toMatchObject({ file: 't.jsonl', line: 2, field });
    expect(error.message).toContain(message);
  });

  it('is read when it is right', () => {
    const trace = `${good}\n{"at": 2.5, "peer": 1, "event": "crash"}\n{"at": "1 min", "peer": "stage 0", "event": "join"}\n`;
    expect(read(text, { 't.jsonl': trace }).churn).toEqual({
      kind: 'trace',
      events: [
        { at: 1, target: { peer: 'p1' }, event: 'crash' },
        { at: 2.5, target: { stage: 1 }, event: 'crash' },
        { at: 60, target: { stage: 0 }, event: 'join' },
      ],
    });
  });
});

describe('the nearest name', () => {
  const known = ['gpipe', '1f1b', 'zb-h1', 'bandwidth'];
  it('is the one a slip of the fingers away', () => {
    expect(nearestName('gippe', known)).toBe('gpipe');
    expect(nearestName('ZB-H1', known)).toBe('zb-h1');
    expect(nearestName('width', known)).toBe('bandwidth');
  });
  it('is none when nothing is near', () => {
    expect(nearestName('swarm', known)).toBeUndefined();
  });
});
