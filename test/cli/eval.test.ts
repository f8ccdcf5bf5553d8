// `skein eval`: its first test is a process, the others call the command.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { register } from '../../src/cli/eval.ts';
import { writeModelFolder } from '../../src/cli/model-folder.ts';
import { heldOutWindows, readWindows } from '../../src/data/index.ts';
import { referenceLoss } from '../model/reference-model.ts';
import { alphabet, isHeldOut, randomModel, successorModel, textOf } from '../inference/models.ts';
import { skeinOf, skeinProcess, temporaryFolder } from './process.ts';

const skein = skeinOf(register);

interface Evaluated {
  readonly loss: number;
  readonly perplexity: number;
  readonly tokens: number;
}

async function evaluated(...args: string[]): Promise<Evaluated> {
  const { exitCode, stdout, stderr } = await skein('eval', ...args, '--json');
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Evaluated;
}

function files(model = randomModel(), text: Uint8Array = textOf(1, (chunk) => `Chunk ${chunk} is held. `)) {
  const folder = temporaryFolder();
  writeModelFolder(join(folder, 'model'), model);
  writeFileSync(join(folder, 'text.txt'), text);
  return { model: join(folder, 'model'), text: join(folder, 'text.txt'), folder };
}

test('skein eval gives loss, perplexity and tokens, as JSON and in words', async () => {
  const { model, text } = files(randomModel({ headScale: 0.02 }));
  const result = await skeinProcess('eval', model, '--data', text, '--json', '--no-timing');
  expect(result.exitCode).toBe(0);
  const document = JSON.parse(result.stdout) as Evaluated;
  expect(document.loss).toBeCloseTo(Math.log(256), 2);
  expect(document.perplexity).toBe(Math.exp(document.loss));
  const tokens = 255 * 16;
  expect(document).toMatchObject({
    tokens,
    heldOutTokens: tokens,
    context: 16,
    stages: 4,
    skipped: [],
    data: 'text.txt',
  });
  expect(document).not.toHaveProperty('timing');
  expect(result.stderr).toBe(
    `loss ${document.loss.toFixed(4)} nats per byte, perplexity ${document.perplexity.toFixed(2)}\n` +
      'over 4,080 of the 4,080 held-out tokens of "text.txt"\n',
  );
});

test('skein eval scores the held-out part and nothing else', async () => {
  const { model, text } = files(
    successorModel(alphabet),
    textOf(2, (chunk) => (isHeldOut(chunk) ? 'abcdefgh' : 'hgfedcba')),
  );
  expect((await evaluated(model, '--data', text)).loss).toBeCloseTo(0, 6);
});

test('skein eval computes what float64 computes, with and without a stage', async () => {
  const bytes = textOf(1, (chunk) => `What is said in chunk ${chunk}, is said. `);
  const { model: shape, stages, weights } = randomModel();
  const { model, text } = files({ model: shape, stages, weights }, bytes);
  const windows = heldOutWindows(bytes.length, shape.context);
  const batch = readWindows(bytes, windows, [0, 51, 102, 153, 204]);
  for (const path of [
    [0, 1, 2, 3],
    [0, 1, 3],
  ]) {
    const described = { model: shape, stages: path.map((stage) => stages[stage]!), samples: 5, ...batch };
    const expected = referenceLoss(
      described,
      path.map((stage) => weights[stage]!),
    );
    const skip = path.length === 4 ? [] : ['--skip', '2'];
    const { loss, tokens } = await evaluated(model, '--data', text, '--tokens', '80', ...skip);
    expect(loss).toBeCloseTo(expected, 5);
    expect(tokens).toBe(80);
  }
});

test('skein eval gives the same bits again, and another loss without a stage', async () => {
  const { model, text } = files();
  const flags = [model, '--data', text, '--no-timing'];
  const whole = await evaluated(...flags, '--tokens', 'all');
  expect(await evaluated(...flags, '--tokens', 'all')).toEqual(whole);
  const partial = await evaluated(...flags, '--skip', '2');
  expect(partial).toMatchObject({ tokens: whole.tokens, skipped: [2] });
  expect(partial.loss).not.toBe(whole.loss);
});

test('skein eval takes the State of the Union addresses when no text is named', async () => {
  const { model } = files();
  const { tokens, loss } = await evaluated(model, '--tokens', '2000');
  expect(tokens).toBe(2000);
  expect(Number.isFinite(loss)).toBe(true);
});

test.each([
  [['--skip', '0'], 'these can be skipped: 1, 2, 3'],
  [['--tokens', '0'], 'a whole number, 1 or more, or all'],
])('skein eval refuses %j', async (flags, message) => {
  const { model, text } = files();
  const { exitCode, stdout, stderr } = await skein('eval', model, '--data', text, ...flags);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain(message);
  expect(stderr).toMatch(/^skein: [^\n]+\n$/);
});

test('skein eval refuses a folder that is not there', async () => {
  const folder = join(temporaryFolder(), 'nowhere');
  const expected = { exitCode: 2, stdout: '', stderr: `skein: ${folder}: there is no such folder\n` };
  expect(await skein('eval', folder)).toEqual(expected);
});

test('skein eval refuses a text that is missing or too short', async () => {
  const { model, text, folder } = files(randomModel(), textOf(1, () => 'short ').subarray(0, 19 * 4096 + 16));
  const missing = await skein('eval', model, '--data', join(folder, 'none.txt'));
  expect(missing).toMatchObject({ exitCode: 2, stdout: '' });
  expect(missing.stderr).toMatch(/^skein: .*none\.txt: there is no such file\n$/);
  const short = await skein('eval', model, '--data', text);
  expect(short).toMatchObject({ exitCode: 2, stdout: '' });
  expect(short.stderr).toMatch(/^skein: .*no held-out window of 17 .*give a text of at least 77841 bytes\n$/);
});
