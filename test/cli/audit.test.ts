// `skein audit` on a journal that real keys have signed.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { register } from '../../src/cli/audit.ts';
import { writeModelFolder } from '../../src/cli/model-folder.ts';
import { initialStage } from '../../src/swarm/weights/holder.ts';
import { modelOf, stagesOf } from '../../src/swarm/manifest.ts';
import { encodeSnapshot } from '../../src/swarm/weights/snapshot.ts';
import {
  entriesOf,
  linesOf,
  oneByte,
  recorded,
  type RecordedRun,
  snapshotsAfter,
  withRealKeys,
} from '../replay/journals.ts';
import { smallManifest } from '../swarm/small-run.ts';
import { skeinOf, temporaryFolder } from './process.ts';

const size = { stages: 2, replicas: 1, iterations: 3, training: oneByte };
const skein = skeinOf(register);
const sound = recorded(size, 'p0').then(withRealKeys);

/** A peer's folder with this run in it. */
function folderOf({ journal, signed }: RecordedRun): string {
  const folder = join(temporaryFolder(), 'p0');
  mkdirSync(folder);
  writeFileSync(join(folder, 'journal.jsonl'), journal);
  writeFileSync(join(folder, 'manifest'), signed.bytes);
  return folder;
}

test('skein audit verifies a sound journal, as JSON and in words', async () => {
  const run = await sound;
  const folder = folderOf(run);
  const result = await skein('audit', join(folder, 'journal.jsonl'), '--json', '--no-timing');
  const document = JSON.parse(result.stdout) as { bytes: { journal: number } };
  expect(document).toMatchObject({
    entries: linesOf(run.journal).length,
    iterations: 3,
    verified: true,
    firstBadEntry: null,
    replayed: true,
    bytes: { journal: run.journal.length, contributions: 3 * 2 * 2 * 2 },
  });
  expect(document).not.toHaveProperty('timing');
  expect(result.stderr).toMatch(/, 24 of them updates; .*\nverified\n$/);
  expect(result.exitCode).toBe(0);
  expect(await skein('audit', folder, '--json', '--no-timing')).toEqual(result);
});

test('skein audit ends with 1 and names the entry when one is bad', async () => {
  const run = await sound;
  const { index } = entriesOf(run.journal).find(({ body }) => body.kind === 'commit')!;
  const at = run.journal.indexOf('"differences":"') + 15;
  const flipped = run.journal[at] === '0' ? '1' : '0';
  const journal = run.journal.slice(0, at) + flipped + run.journal.slice(at + 1);
  const file = join(folderOf({ ...run, journal }), 'journal.jsonl');
  const { exitCode, stdout, stderr } = await skein('audit', file, '--json');
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ verified: false, firstBadEntry: index, iterations: 0 });
  expect(stderr).toContain(`skein: ${file}: entry ${index} is bad: entry ${index} does not match its hash\n`);
});

test('skein audit takes the model that a run began with', async () => {
  const other = { ...smallManifest(size), seed: 99, founder: 'p0' };
  const weights = [0, 1].map((stage) => initialStage(other, stage).weights as Float32Array<ArrayBuffer>);
  const folder = folderOf(await recorded({ ...size, given: weights }, 'p0').then(withRealKeys));
  const model = { model: modelOf(other), stages: stagesOf(other), weights };
  const right = join(folder, 'right');
  writeModelFolder(right, model);
  const replayed = await skein('audit', folder, '--model', right, '--json');
  expect(JSON.parse(replayed.stdout)).toMatchObject({ verified: true, replayed: true, digestsCompared: 6 });
  const without = await skein('audit', folder, '--json');
  expect(JSON.parse(without.stdout)).toMatchObject({ verified: true, replayed: false });
  const wrong = join(folder, 'wrong');
  writeModelFolder(wrong, { ...model, weights: weights.map((values) => values.map((value) => -value)) });
  const refused = await skein('audit', folder, '--model', wrong);
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused.stderr).toContain('its weights of stage 0 are not those that the run began with');
});

test('skein audit computes stages from where a peer kept them', async () => {
  const run = await sound;
  const folder = folderOf(run);
  const files = (await snapshotsAfter(run, 2)).map((snapshot) => {
    const file = join(folder, `stage-${snapshot.stage}`);
    writeFileSync(file, encodeSnapshot(snapshot));
    return file;
  });
  const audit = (...more: string[]) => skein('audit', folder, '--json', '--snapshot', ...more);
  const { stdout } = await audit(...files);
  expect(JSON.parse(stdout)).toMatchObject({ verified: true, replayed: true, digestsCompared: 2 * 2 });
  const [file] = files as [string];
  const refused = async (message: string, name: string) => {
    const { exitCode, stderr } = await audit(name);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  };
  await refused('there is no such file', join(folder, 'stage-7'));
  await refused('is no stage of this run', join(folder, 'journal.jsonl'));
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, 1000));
  await refused('the snapshot is cut off', file);
  bytes[300]! ^= 1; // in the weights
  writeFileSync(file, bytes);
  await refused('the journal does not have these weights of stage 0 after iteration 2', file);
});

test('skein audit refuses what is no journal, with 2', async () => {
  const run = await sound;
  const folder = folderOf({ ...run, journal: '{"name":"no entry"}\n' });
  const refused = async (message: string, ...args: string[]) => {
    const { exitCode, stdout, stderr } = await skein('audit', ...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^skein: [^\n]+\n$/);
    expect(stderr).toContain(message);
  };
  await refused('is no journal', folder);
  await refused('there is no such file', join(folder, 'nothing'));
  writeFileSync(join(folder, 'journal.jsonl'), run.journal);
  await refused('name it with --manifest', folder, '--manifest', join(folder, 'none'));
  await refused('the manifest is not JSON', folder, '--manifest', join(folder, 'journal.jsonl'));
  await refused('leave --model out', folder, '--model', folder);
});
