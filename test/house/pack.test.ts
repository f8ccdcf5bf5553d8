// The package as a user gets it: packed, installed into an empty folder, run and imported from there.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repository } from './sources.ts';

const INSTALL_TIMEOUT_MILLISECONDS = 180_000;

let folder: string;
let packed: readonly string[];
const installed = (...path: readonly string[]) => join(folder, 'node_modules', 'skein', ...path);

/** Runs to the end and gives standard output; rejects with what was said when the exit code is not 0. */
async function succeed(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, env: installing, maxBuffer: 64e6 });
  return stdout;
}

/** The environment of a user: nothing of the npm that runs this test, and no install script that fetches files. */
const installing: NodeJS.ProcessEnv = { ONNXRUNTIME_NODE_INSTALL: 'skip' };
for (const [name, value] of Object.entries(process.env)) {
  if (
    !/^npm_(package|lifecycle)_|^npm_config_(local_prefix|onnxruntime)|^npm_command$|^INIT_CWD$/.test(name)
  ) {
    installing[name] = value;
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skein-pack-'));
  const pack = await succeed('npm', ['pack', '--json', '--pack-destination', folder], repository);
  const [tarball] = JSON.parse(pack.slice(pack.indexOf('['))) as [
    { readonly filename: string; readonly files: readonly { readonly path: string }[] },
  ];
  packed = tarball.files.map(({ path }) => path);
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
  const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await succeed('npm', ['install', ...quietly, join(folder, tarball.filename)], folder);
}, INSTALL_TIMEOUT_MILLISECONDS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('holds what is needed to run and nothing else', () => {
  expect(packed).toEqual(
    expect.arrayContaining([
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'bin/skein.js',
      'dist/src/index.js',
      'dist/src/index.d.ts',
      'dist/src/engine/worker/entry.js',
      'dist/src/network/wire/generated/messages.js',
      'scenarios/uniform-4.yaml',
    ]),
  );
  const strangers = packed.filter(
    (path) => /^(src|test|bench|scripts)\/|\.ts$/.test(path) && !path.endsWith('.d.ts'),
  );
  expect(strangers).toEqual([]);
});

it('`skein --help` lists the commands', async () => {
  const bin = join(folder, 'node_modules', '.bin', 'skein');
  expect(await succeed(process.execPath, [installed('bin', 'skein.js'), '--help'], folder)).toMatch(
    /\n {2}plan /,
  );
  if (process.platform !== 'win32') expect(await succeed(bin, ['--version'], folder)).toBe('0.1.0\n');
});

it('`skein plan` plans a scenario that comes with it', async () => {
  const args = ['bin/skein.js', 'plan', 'scenarios/uniform-4.yaml', '--json', '--no-timing'];
  const fromPackage = await succeed(process.execPath, args, installed());
  const { plans } = JSON.parse(fromPackage) as {
    readonly plans: readonly { readonly makespanSeconds: number }[];
  };
  expect(plans[0]?.makespanSeconds).toBe(33);
  expect(fromPackage).toBe(await succeed(process.execPath, args, repository));
});

it('a program that imports it computes with its engine and reaches its network', async () => {
  const program = `
    import { createLibp2pNetwork, createOnnxEngine, generateKey, initialWeights } from 'skein';
    const model = { width: 8, heads: 2, kvHeads: 2, hidden: 16, vocabulary: 32, context: 4, normEpsilon: 1e-5,
      ropeTheta: 10000, tiedHead: false };
    const stages = [{ blocks: 0, anchor: true }, { blocks: 1, anchor: false }];
    const engine = await createOnnxEngine();
    await engine.load({ model, stage: stages[1], samples: 1 }, initialWeights(model, stages, 1, 5));
    const output = await engine.forward({ key: 0, input: new Float32Array(32).fill(1), keep: false });
    await engine.close();
    const network = await createLibp2pNetwork({ privateKey: await generateKey() });
    const addresses = network.addresses();
    await network.close();
    console.log(JSON.stringify({ finite: output.every(Number.isFinite), length: output.length, addresses }));
  `;
  writeFileSync(join(folder, 'program.js'), program);
  const said: unknown = JSON.parse(await succeed(process.execPath, ['program.js'], folder));
  expect(said).toEqual({
    finite: true,
    length: 32,
    addresses: expect.arrayContaining([expect.stringMatching(/^\/ip4\/.*\/tcp\//)]),
  });
});

it('a program in TypeScript sees its types', async () => {
  const program = `
    import { type PolicyName, policies, type Plan } from 'skein';
    const name: PolicyName = '1f1b';
    // @ts-expect-error There is no policy of this name, and if types were lost, any name would do.
    const wrong: PolicyName = 'no-such-policy';
    export const peersOf = (plan: Plan): readonly string[] => plan.peers;
    export const all = [policies[name], wrong];
  `;
  writeFileSync(join(folder, 'program.ts'), program);
  const options = {
    module: 'nodenext',
    target: 'es2024',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const files = ['program.ts'];
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }));
  const compiler = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
  expect(await succeed(process.execPath, [compiler, '-p', folder], folder)).toBe('');
});

it('asks for the Node that its code needs', () => {
  const { engines } = JSON.parse(readFileSync(installed('package.json'), 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  expect(engines.node).toBe('>=22.12');
});
