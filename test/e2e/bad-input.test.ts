// What a person gets wrong: one clear line on standard error, nothing on standard output, no stack, the right exit code.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOneLine, Terminals } from './processes.ts';
import { writeSmallRun } from './small-run.ts';

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
    ['demo', '--policy', 'zb-h1'],
    /zb-h1: .*backward-.*live peers do not run/,
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
  ['no thread to compute with', ['found', 'small.yaml', '--threads', '0'], /--threads 0/],
  [
    'a key file that is no key',
    ['found', 'small.yaml', '--data', 'text.txt', '--dir', 'bad-key'],
    /bad-key.key: /,
  ],
  [
    'a journal that is none',
    ['found', 'small.yaml', '--data', 'text.txt', '--dir', 'bad-journal'],
    /bad-journal.journal\.jsonl: .*move the folder away/,
  ],
];

describe('wrong usage or a bad file ends with 2 and one line that names it', () => {
  const terminals = new Terminals(afterAll);
  const ended = new Map<string, ReturnType<Terminals['run']>>();

  beforeAll(() => {
    writeSmallRun(terminals, { iterations: 5 });
    writeFileSync(join(terminals.home, 'short.txt'), 'short\n');
    for (const [folder, file] of [
      ['bad-key', 'key'],
      ['bad-journal', 'journal.jsonl'],
    ] as const) {
      mkdirSync(join(terminals.home, folder));
      writeFileSync(join(terminals.home, folder, file), 'this is not it\n');
    }
    // two at a time, each after the one two before it
    const running: Promise<unknown>[] = [];
    for (const [what, args] of wrongUsage) {
      const turn = (running.at(-2) ?? Promise.resolve()).then(() => terminals.run(...args));
      running.push(turn);
      ended.set(what, turn);
    }
  });

  for (const [what, , reason] of wrongUsage) {
    it(what, async () => {
      const { code, stdout, stderr } = await ended.get(what)!;
      expectOneLine(stderr, reason);
      expect(code).toBe(2);
      expect(stdout).toBe('');
    });
  }
});

describe('a folder in use', () => {
  it('ends with 1 and names who uses it; a folder left by a killed process is free', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const start = () => terminals.start('found', manifest, '--json', '--data', text, '--dir', 'mine');
    const first = start();
    const { peer } = await first.line('running');
    const second = start();
    expect(await second.end()).toBe(1);
    expectOneLine(second.stderr, new RegExp(`mine is in use by process ${first.pid}`));
    first.signal('SIGKILL');
    await first.exited;
    expect((await start().line('running')).peer).toBe(peer);
  });

  it('is never shared by two that start at once', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const { invite } = await terminals.start('found', manifest, '--json', '--data', text).line('invite');
    const started = [1, 2, 3].map(() => terminals.start('join', invite, '--json', '--data', text));
    const folders = await Promise.all(started.map(async (one) => (await one.line('asking')).folder));
    expect(new Set(folders).size).toBe(3);
  });
});
