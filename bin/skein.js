#!/usr/bin/env node
// biome-ignore-all lint/style/useNodejsImportProtocol: Node before 12.20 does not know the prefix
// biome-ignore-all lint/complexity/useOptionalChain: Node before 14 cannot read it
// Starts skein. Written in the JavaScript that Node 12 already reads, so that an old Node gets one clear line
// and not a syntax error. In a checkout the package `node` (a devDependency) stands in for an old one.
import { spawn } from 'child_process';
import { existsSync } from 'fs';
import * as modules from 'module';
import { constants } from 'os';
import { dirname, join } from 'path';
import { fileURLToPath, pathToFileURL } from 'url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src', 'cli', 'main.ts');
const built = join(root, 'dist', 'src', 'cli', 'main.js');
const localNode = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);
const RESTARTED = 'SKEIN_RESTARTED';

function isAtLeast(major, minor) {
  const parts = process.versions.node.split('.').map(Number);
  return parts[0] > major || (parts[0] === major && parts[1] >= minor);
}

function fail(line) {
  process.stderr.write(`skein: ${line}\n`);
  process.exitCode = 1;
}

/** Runs this file again under another Node: same terminal, same arguments, signals passed on, exit code kept. */
function restartUnder(node) {
  const env = Object.assign({}, process.env);
  env[RESTARTED] = '1';
  const child = spawn(node, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
    // The channel carries no messages: it closes when this process dies, however it dies, and the child sees that.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: env,
  });
  ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'].forEach((signal) => {
    try {
      process.on(signal, () => child.kill(signal));
    } catch {
      // This system does not know the signal.
    }
  });
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exit(code === null ? 128 + (constants.signals[signal] || 0) : code);
  });
}

function dieWithLauncher() {
  delete process.env[RESTARTED];
  if (process.channel) {
    process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
    process.channel.unref();
  }
}

/**
 * A checkout strips types and compiles a thousand files at each start, most of its time: Node can keep what it made of
 * them, from 22.8 on. Worker threads hear of it by the environment.
 */
function keepCompiled() {
  if (!modules.enableCompileCache || process.env.NODE_COMPILE_CACHE) return;
  const kept = modules.enableCompileCache(join(root, 'node_modules', '.cache', 'skein'));
  if (kept.directory) process.env.NODE_COMPILE_CACHE = dirname(kept.directory);
}

const inCheckout = existsSync(source);
// A checkout runs TypeScript as it stands, which Node does by itself from 22.18 on.
const canRun = inCheckout ? Boolean(process.features.typescript) : isAtLeast(22, 12);
const restarted = Boolean(process.env[RESTARTED]);
if (restarted) dieWithLauncher();

if (canRun) {
  if (inCheckout) keepCompiled();
  import(pathToFileURL(inCheckout ? source : built).href).catch((error) => {
    process.stderr.write(`${error && error.stack ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  });
} else if (inCheckout && !restarted && existsSync(localNode)) {
  restartUnder(localNode);
} else if (inCheckout) {
  fail(
    'needs Node 22.18 or newer to run from source, this is ' +
      process.version +
      '; `npm ci` brings one along',
  );
} else {
  fail(`needs Node 22.12 or newer, this is ${process.version}; see https://nodejs.org`);
}
