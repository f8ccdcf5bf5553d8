// The demo's peers: real processes of `skein found` and `skein join`, heard through their JSON lines, ended by the
// process ids that were started here and by nothing else.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PeerEvent } from '../../swarm/events.ts';
import { RunError } from '../errors.ts';

export interface DemoPeer {
  readonly name: string;
  readonly process: ChildProcess;
  /** The last lines it wrote for people, in case it fails. */
  readonly said: string[];
  /** Set when the demo itself ended it. */
  expected: boolean;
  exited: boolean;
}

export interface DemoSwarmParts {
  readonly out: string;
  readonly manifestFile: string;
  readonly textFile: string;
  readonly modelFolder: string;
  /** The model that the run begins with. */
  readonly from: string | undefined;
  readonly peers: readonly { readonly name: string; readonly stage: number }[];
  readonly event: (of: string, event: PeerEvent) => void;
  /** A peer's process ended without being asked to and before the run did. */
  readonly died: (peer: DemoPeer, how: string) => void;
}

const SAID_LINES = 20;
/**
 * What Node is told beside the program: the peers have this machine's cores between them, and the threads that a
 * garbage collector starts to be done sooner would take them from each other (a tenth of all processor time).
 */
const SHARING = ['--single-threaded-gc'];
const STOP_MILLISECONDS = 5000;

export class DemoSwarm {
  readonly peers = new Map<string, DemoPeer>();
  readonly #parts: DemoSwarmParts;
  #invite = '';
  #stopping = false;

  constructor(parts: DemoSwarmParts) {
    this.#parts = parts;
  }

  /** Starts the founder, and with its invite everyone else. Rejects with a RunError when the founder does not come up. */
  async start(signal: AbortSignal): Promise<void> {
    const { peers, manifestFile, from } = this.#parts;
    const [founder, ...others] = peers;
    const invite = await new Promise<string>((resolve, reject) => {
      const args = ['found', manifestFile, '--wait-for', String(peers.length)];
      if (from !== undefined) args.push('--from', from);
      const peer = this.#spawn(founder!.name, args, resolve);
      peer.process.once('exit', () =>
        reject(new RunError(`the founder did not start: ${peer.said.join(' ')}`)),
      );
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    if (this.#stopping) return;
    this.#invite = invite;
    for (const { name, stage } of others) this.#join(name, stage);
  }

  /** Starts a peer that ended once more, from its folder; it comes back under its name, and would like to hold this stage. */
  again(name: string, stage: number): void {
    if (this.peers.get(name)?.exited !== true) throw new RangeError(`${name} has not ended`);
    if (name === this.#parts.peers[0]!.name) this.#spawn(name, ['found', this.#parts.manifestFile]);
    else this.#join(name, stage);
  }

  kill(name: string): void {
    this.#end(name, 'SIGKILL');
  }

  freeze(name: string): void {
    this.#end(name, 'SIGSTOP');
  }

  /** Lets a frozen peer go on. */
  thaw(name: string): void {
    this.#end(name, 'SIGCONT');
  }

  leave(name: string): void {
    this.#end(name, 'SIGTERM');
  }

  /** Resolves when every process that was not frozen has ended. */
  async ended(frozen: ReadonlySet<string>): Promise<void> {
    await Promise.all(
      [...this.peers.values()].map((peer) => {
        if (peer.exited || frozen.has(peer.name)) return undefined;
        return new Promise<void>((resolve) => peer.process.once('exit', () => resolve()));
      }),
    );
  }

  /** Asks everyone to leave, then ends who has not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const running = [...this.peers.values()].filter((peer) => !peer.exited);
    for (const peer of running) {
      peer.expected = true;
      peer.process.kill('SIGCONT');
      peer.process.kill('SIGTERM');
    }
    const timer = setTimeout(() => {
      for (const peer of running) if (!peer.exited) peer.process.kill('SIGKILL');
    }, STOP_MILLISECONDS);
    await this.ended(new Set());
    clearTimeout(timer);
  }

  #join(name: string, stage: number): void {
    this.#spawn(name, ['join', this.#invite, '--stage', String(stage)]);
  }

  #end(name: string, signal: NodeJS.Signals): void {
    const peer = this.peers.get(name);
    if (peer === undefined || peer.exited) return;
    peer.expected = true;
    peer.process.kill(signal);
  }

  #spawn(name: string, args: readonly string[], invited?: (invite: string) => void): DemoPeer {
    const { out, textFile, modelFolder } = this.#parts;
    const common = ['--json', '--name', name, '--dir', join(out, 'peers', name), '--data', textFile];
    const program = [...SHARING, launcher()];
    const child = spawn(process.execPath, [...program, ...args, ...common, '--export', modelFolder], {
      // the channel carries nothing: it closes when this process dies, and the peer then ends itself
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const peer: DemoPeer = { name, process: child, said: [], expected: false, exited: false };
    this.peers.set(name, peer);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = parseLine(line);
      if (event === undefined) return;
      if (event.kind === 'invite') invited?.(event.invite);
      else this.#parts.event(name, event);
    });
    createInterface({ input: child.stderr! }).on('line', (line) => {
      peer.said.push(line);
      if (peer.said.length > SAID_LINES) peer.said.shift();
    });
    child.on('exit', (code, signal) => {
      peer.exited = true;
      const fine = code === 0 || peer.expected || this.#stopping;
      if (!fine) this.#parts.died(peer, signal ?? `exit code ${code}`);
    });
    return peer;
  }
}

function parseLine(line: string): PeerEvent | { kind: 'invite'; invite: string } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** bin/skein.js, two folders above src and three above dist/src. */
function launcher(): string {
  for (const up of ['../../..', '../../../..']) {
    const file = fileURLToPath(new URL(`${up}/bin/skein.js`, import.meta.url));
    if (existsSync(file)) return file;
  }
  throw new RunError('bin/skein.js is missing: install skein again');
}
