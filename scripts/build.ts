// Builds dist/ for the installable package; `npm pack` runs it by itself. In a checkout nothing needs it.

import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
/** JavaScript that stands beside the sources and that the compiler therefore does not write out. */
const COPIED_FOLDERS = ['src/network/wire/generated'];

rmSync(join(root, 'dist'), { recursive: true, force: true });
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status, error } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: root,
  // Standard output belongs to `npm pack --json`.
  stdio: ['ignore', 2, 2],
});
if (error) throw error;
if (status !== 0) process.exit(status ?? 1);
for (const folder of COPIED_FOLDERS)
  cpSync(join(root, folder), join(root, 'dist', folder), { recursive: true });
