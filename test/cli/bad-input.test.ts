// What a person gets wrong: one clear line on standard error, nothing on standard output, no stack, the right exit code.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { register as registerDemo } from '../../src/cli/demo.ts';
import { register as registerFound } from '../../src/cli/found.ts';
import { register as registerJoin } from '../../src/cli/join.ts';
import { formatInvite } from '../../src/swarm/invite.ts';
import { writeSmallRun } from '../e2e/small-run.ts';
import { expectOneLine } from './lines.ts';
import { skeinOf } from './process.ts';

const invite = formatInvite({ runId: 'a'.repeat(64), peer: 'x', addresses: ['/ip4/127.0.0.1/tcp/1'] });

const policies = /gpipe, 1f1b, .*random-skip/;

const wrongUsage: readonly [what: string, args: readonly string[], reason: RegExp][] = [
  ['an unknown command', ['tarin'], /unknown command 'tarin'.*train|unknown command 'tarin'/],
  ['an unknown flag', ['demo', '--iteratoins', '5'], /unknown option '--iteratoins' .*--iterations/],
  ['a missing data file', ['demo', '--data', 'no.txt'], /--data no\.txt: there is no such file/],
  ['a folder as data file', ['demo', '--data', '.'], /--data \.: is a folder/],
  ['a text too short to train on', ['demo', '--data', 'short.txt'], /--data short\.txt: .* too few/],
  ['a missing scenario file', ['found', 'no.yaml'], /no\.yaml: there is no such file/],
  ['a scenario file that is none', ['found', 'short.txt'], /short\.txt/],
  ['more stages than peers', ['demo', '--stages', '9'], /--stages 9: 8 peers cannot hold them/],
  ['no stage', ['demo', '--stages', '0'], /--stages 0: a demo has at least 2/],
  ['one stage', ['demo', '--stages', '1'], /--stages 1: a demo has at least 2/],
  ['a stage count that is no number', ['demo', '--stages', 'two'], /'two' is invalid/],
  ['no iteration', ['demo', '--iterations', '0'], /--iterations 0/],
  [
    'a crash of a stage that is not there',
    ['demo', '--crash', '4@5'],
    /there is no stage 4; they go from 0 to 3/,
  ],
  ['a crash of a peer that is not there', ['demo', '--crash', 'p8@5'], /there is no 'p8'.*p0 to p7/],
  [
    'a crash beyond the last iteration',
    ['demo', '--crash', '1@121'],
    /no iteration 121; they go from 1 to 120/,
  ],
  ['a crash of an unknown kind', ['demo', '--crash', '1@5:melt'], /'melt'.*kill, freeze and leave/],
  ['a crash without an iteration', ['demo', '--crash', 'leader'], /TARGET@ITERATION/],
  ['an unknown policy', ['demo', '--policy', 'best'], policies],
  [
    'a policy that peers cannot run',
    ['demo', '--policy', 'zb-v'],
    /zb-v: .*2 chunks a peer.*live peers do not run/,
  ],
  ['an unknown codec', ['demo', '--codec', 'zip'], /known are dense-f32/],
  ['an unknown recovery rule', ['demo', '--recovery', 'pray'], /known are .*checkfree/],
  ['an unknown activation type', ['demo', '--activations', 'f8'], /known are f32/],
  ['an impossible skip ratio', ['demo', '--skip-ratio', '1'], /--skip-ratio 1/],
  [
    'a file where a folder is needed',
    ['demo', '--out', 'short.txt'],
    /--out short\.txt: a file stands where/,
  ],
  ['an address that is none', ['found', 'small.yaml', '--listen', 'here'], /--listen here: not a multiaddr/],
  ['an invite that is none', ['join', 'hello'], /starts with skein1-/],
  ['an invite that was cut off', ['join', invite.slice(0, -10)], /cut off or changed/],
  [
    'an invite with a letter changed',
    ['join', `${invite.slice(0, 30)}!${invite.slice(31)}`],
    /cut off or changed/,
  ],
  [
    'room for no micro-batch',
    ['found', 'small.yaml', '--memory-microbatches', '0'],
    /--memory-microbatches 0: .*at least one/,
  ],
  ['no thread to compute with', ['found', 'small.yaml', '--threads', '0'], /--threads 0/],
];

describe('wrong usage or a bad file ends with 2 and one line that names it', () => {
  const skein = skeinOf(registerDemo, registerFound, registerJoin);
  const started = process.cwd();
  const home = mkdtempSync(join(tmpdir(), 'skein-test-'));

  beforeAll(() => {
    writeSmallRun({ home }, { iterations: 5 });
    writeFileSync(join(home, 'short.txt'), 'short\n');
    process.chdir(home);
  });
  afterAll(() => {
    process.chdir(started);
    rmSync(home, { recursive: true, force: true });
  });

  it.each(wrongUsage)('%s', async (_, args, reason) => {
    const { exitCode, stdout, stderr } = await skein(...args);
    expectOneLine(stderr, reason);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  });
});
