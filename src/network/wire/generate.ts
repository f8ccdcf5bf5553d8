// Turns messages.proto into generated/messages.js and messages.d.ts: `node src/network/wire/generate.ts`.
// protons writes TypeScript with enums and namespaces, which Node's type stripping does not run, so its output is
// compiled once here and the result is committed. Both files stand beside each other: sources import the .js, the
// compiler finds the .d.ts; a build must copy the folder, because tsc does not emit what it did not compile.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..', '..');
const banner = '// Generated from messages.proto by `node src/network/wire/generate.ts`. Do not edit.\n';

export const generatedFolder = join(here, 'generated');
export const generatedFiles = ['messages.js', 'messages.d.ts'] as const;

/** The generated files' texts, by name, computed anew from messages.proto; needs protons and typescript installed. */
export async function generate(): Promise<Map<string, string>> {
  // Inside node_modules, so that the compiler resolves protons-runtime from there as it does from here.
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'skein-wire-'));
  try {
    await runTool('protons', ['--strict', '-o', folder, join(here, 'messages.proto')]);
    const compile = [
      '--ignoreConfig',
      '--target',
      'es2024',
      '--module',
      'esnext',
      '--moduleResolution',
      'bundler',
    ];
    const emit = ['--declaration', '--removeComments', '--noCheck', '--skipLibCheck', '--outDir', folder];
    await runTool('tsc', [...compile, ...emit, join(folder, 'messages.ts')]);
    const texts = new Map<string, string>();
    for (const file of generatedFiles) {
      texts.set(file, banner + (await readFile(join(folder, file), 'utf8')));
    }
    return texts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runTool(name: 'protons' | 'tsc', args: string[]): Promise<void> {
  const packageName = name === 'tsc' ? 'typescript' : name;
  const packageFolder = join(root, 'node_modules', packageName);
  const manifest = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  const bin = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[name];
  if (bin === undefined) throw new Error(`${packageName} has no program ${name}; install the pinned version`);
  try {
    await run(process.execPath, [join(packageFolder, bin), ...args], { cwd: root });
  } catch (error) {
    const output =
      (error as { stdout?: string; stderr?: string }).stderr || (error as { stdout?: string }).stdout;
    throw new Error(`${name} failed on messages.proto: ${output ?? String(error)}`, { cause: error });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(generatedFolder, { recursive: true });
  for (const [file, text] of await generate()) await writeFile(join(generatedFolder, file), text);
}
