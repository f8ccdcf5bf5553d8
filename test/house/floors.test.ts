// Imports point downward, and what is above the seams touches neither the machine nor the time.

import { describe, expect, it } from 'vitest';
import { findBreaches } from './floors.ts';
import { readSources } from './sources.ts';

/** What the rule says about one file, which may stand beside others. */
function problems(file: string, source: string, others: Readonly<Record<string, string>> = {}): string[] {
  return findBreaches(new Map([[file, source], ...Object.entries(others)])).map(
    (breach) => `${breach.file}:${breach.line} ${breach.problem}`,
  );
}

describe('the floors of the house', () => {
  const sources = readSources('src', 'peers');

  it('are all looked at', () => {
    expect(sources.size).toBeGreaterThan(100);
    expect([...sources.keys()]).toEqual(
      expect.arrayContaining(['src/seams/clock.ts', 'src/swarm/peer.ts', 'src/cli/main.ts', 'src/index.ts']),
    );
  });

  it('hold', () => {
    expect(findBreaches(sources)).toEqual([]);
  });
});

describe('a file whose results are replicated', () => {
  it.each([
    ['a function whose last bits differ', 'export const a = Math.exp(1);', 'Math.exp'],
    [
      'it by another name',
      'const { log: a } = Math; export const b = globalThis.Math.pow(2, 3);',
      'Math.pow',
    ],
    ['a power of a variable', 'export const a = (x: number) => x ** 2;', '** of a variable'],
    ['it in place', 'export let a = 3; a **= 2;', '** of a variable'],
  ])('may not use %s', (_, source, name) => {
    const problem = `uses ${name}, whose last bits differ between engines`;
    expect(problems('src/gradient/a.ts', source)).toEqual([`src/gradient/a.ts:1 ${problem}`]);
    expect(problems('src/report/a.ts', source)).toEqual([]);
  });

  it('may use what every engine computes alike', () => {
    const source = 'export const a = (n: number) => Math.sqrt(n) * Math.fround(n) * Math.floor(n) * 2 ** n;';
    expect(problems('src/schedule/a.ts', source)).toEqual([]);
  });
});

describe('a file breaks the rule of the floors', () => {
  it.each([
    [
      'from a higher floor',
      "import { main } from '../cli/main.ts';",
      'src/cli/main.ts, which is on a higher floor',
    ],
    [
      'a type from there',
      "import type { A } from '../replay/a.ts';",
      'src/replay/a.ts, which is on a higher floor',
    ],
    [
      'by passing it on',
      "export * from '../scenario/read.ts';",
      'src/scenario/read.ts, which is on a higher floor',
    ],
    ['by one name', "export { a } from '../scenario/a.ts';", 'src/scenario/a.ts, which is on a higher floor'],
    ['when needed', "await import('../report/table.ts');", 'src/report/table.ts, which is on a higher floor'],
    ['inside a type', "type T = import('../cli/a.ts').T;", 'src/cli/a.ts, which is on a higher floor'],
    ['as a worker', "new URL('../cli/a.ts', import.meta.url);", 'src/cli/a.ts, which is on a higher floor'],
    ['from a room that has no floor', "import '../attic/box.ts';", 'src/attic/box.ts, which is on no floor'],
    ['from outside the house', "import '../../test/run.ts';", 'test/run.ts, which is on no floor'],
    ['Node', "import { readFile } from 'node:fs';", 'node:fs, which only members of a seam may'],
    ['libp2p', "import { tcp } from '@libp2p/tcp';", '@libp2p/tcp, which only members of a seam may'],
    [
      'a type of ONNX Runtime',
      "import type * as O from 'onnxruntime-node';",
      'onnxruntime-node, which only members of a seam may',
    ],
    ['jax-js', "import { jit } from '@jax-js/jax';", '@jax-js/jax, which only members of a seam may'],
    ['what it computed', 'await import(name);', 'a computed name'],
  ])('that imports %s', (_, source, problem) => {
    expect(problems('src/swarm/a.ts', source)).toEqual([`src/swarm/a.ts:1 imports ${problem}`]);
  });

  it('when the way to the machine leads through a member of a seam', () => {
    expect(
      problems('src/swarm/a.ts', "import '../network/a.ts';", {
        'src/network/a.ts': "import './b.ts';",
        'src/network/b.ts': "import 'libp2p';",
      }),
    ).toEqual([
      'src/swarm/a.ts:1 imports src/network/a.ts, which imports src/network/b.ts, which imports libp2p',
    ]);
  });

  it.each([
    ['Date.now();', 'Date.now'],
    ['new Date();', 'new Date()'],
    ['const now = Date["now"];', 'Date.now'],
    ['Math.random();', 'Math.random'],
    ['performance.now();', 'performance.now'],
    ['setTimeout(f, 1);', 'setTimeout'],
    ['const later = { setInterval };', 'setInterval'],
    ['const later = setTimeout!;', 'setTimeout'],
    ['globalThis.setImmediate(f);', 'setImmediate'],
    ['AbortSignal.timeout(5);', 'AbortSignal.timeout'],
    ['crypto.getRandomValues(bits);', 'crypto.getRandomValues'],
  ])('with %s', (source, name) => {
    const problem = `uses ${name}; time and randomness come from a seam`;
    expect(problems('src/replay/a.ts', `\n${source}`)).toEqual([`src/replay/a.ts:2 ${problem}`]);
  });

  it('but not when it only looks like it', () => {
    const source = `
      // Date.now() and import 'node:fs' in a comment
      const text = "Math.random() import { x } from 'node:fs'";
      import { sleep } from '../seams/clock.ts';
      import { decode } from '../network/wire/codec.ts';
      const clock: { setTimeout(): void; now(): number } = make();
      clock.setTimeout();
      clock.now();
      new Date(5);
      Math.max(1, 2);
    `;
    expect(problems('src/swarm/a.ts', source, { 'src/network/wire/codec.ts': "import 'zod';" })).toEqual([]);
  });

  it('and members of a seam are free to touch the machine and the time', () => {
    expect(
      problems('src/network/a.ts', "import 'libp2p'; import 'node:fs'; setTimeout(f, Date.now());"),
    ).toEqual([]);
  });
});
