// Real `skein` processes for end-to-end tests: started here, heard through their JSON lines, waited for by what they
// say and not by the clock, and ended by the ids that were started here, also when a test fails half-way.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFailed, onTestFinished } from 'vitest';
import type { PeerEvent } from '../../src/swarm/events.ts';

const repository = join(import.meta.dirname, '..', '..');
const launcher = join(repository, 'bin', 'skein.js');

/** What `found --json` and `join --json` write, one object a line. */
export type Line =
  | PeerEvent
  | { readonly kind: 'invite'; readonly invite: string; readonly folder: string }
  | {
      readonly kind: 'asking';
      readonly runId: string;
      readonly contact: string;
      readonly addresses: readonly string[];
      readonly folder: string;
    };
export type LineOf<Kind extends Line['kind']> = Extract<Line, { kind: Kind }>;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Generous, because other work may share the machine; what must be quick is measured where it matters. */
const PATIENCE_SECONDS = 40;

/** One running `skein` command. */
export class SkeinProcess {
  readonly pid: number;
  /** Everything said as JSON lines so far, oldest first. */
  readonly lines: Line[] = [];
  stdout = '';
  stderr = '';
  /** Seconds from the start to the first byte on either stream. */
  firstWordSeconds: number | undefined;
  readonly exited: Promise<Exit>;
  exit: Exit | undefined;
  readonly #child: ChildProcess;
  readonly #args: readonly string[];
  readonly #startedAt = performance.now();
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], home: string) {
    this.#args = args;
    this.#child = spawn(process.execPath, [launcher, ...args], {
      cwd: home,
      env: { ...process.env, SKEIN_HOME: join(home, 'skein'), SKEIN_DEBUG: '' },
      // the channel carries nothing: it closes when the test's process dies, and a peer then ends itself
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.pid = this.#child.pid!;
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#heard();
      this.stdout += text;
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#heard();
      this.stderr += text;
      this.#wake();
    });
    createInterface({ input: this.#child.stdout! }).on('line', (text) => {
      const line = parseLine(text);
      if (line === undefined) return;
      this.lines.push(line);
      this.#wake();
    });
    this.exited = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.exit = { code, signal };
        this.#wake();
        resolve(this.exit);
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How many lines there are now: what comes later is at or after this place. */
  mark(): number {
    return this.lines.length;
  }

  /**
   * The first line of this kind at or after `from` that satisfies the condition. Rejects, with what was said last,
   * when the process ends or the time is over without one.
   */
  line<Kind extends Line['kind']>(
    kind: Kind,
    condition: (line: LineOf<Kind>) => boolean = () => true,
    options: { from?: number; seconds?: number } = {},
  ): Promise<LineOf<Kind>> {
    let next = options.from ?? 0;
    const found = () => {
      for (; next < this.lines.length; next++) {
        const line = this.lines[next]!;
        if (isKind(line, kind) && condition(line)) return line;
      }
      return undefined;
    };
    return this.#until(found, `no '${kind}' line that was waited for`, options.seconds ?? PATIENCE_SECONDS);
  }

  /** Waits for what the command tells people. */
  said(pattern: RegExp, seconds = PATIENCE_SECONDS): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.stderr) ?? undefined, `never said ${pattern}`, seconds);
  }

  /** Waits for the end of the process and gives its exit code. */
  async end(seconds = PATIENCE_SECONDS): Promise<number | null> {
    return (await this.#until(() => this.exit, 'it did not end', seconds, true)).code;
  }

  /** Lines of one kind so far. */
  all<Kind extends Line['kind']>(kind: Kind): LineOf<Kind>[] {
    return this.lines.filter((line): line is LineOf<Kind> => isKind(line, kind));
  }

  /** Losses of the commits so far. */
  get losses(): number[] {
    return this.all('commit').flatMap(({ commit }) => commit.loss ?? []);
  }

  /** The iteration committed last, as far as this process has said. */
  get iteration(): number {
    return this.all('commit').at(-1)?.commit.iteration ?? 0;
  }

  #until<T>(found: () => T | undefined, problem: string, seconds: number, atEnd = false): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${problem} ${why}\n${this.lastWords()}`));
      const settle = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = () => {
        const value = found();
        if (value !== undefined) {
          settle();
          resolve(value);
        } else if (this.exit !== undefined && !atEnd) {
          settle();
          fail(`before it ended with ${this.exit.code ?? this.exit.signal}`);
        }
      };
      const timer = setTimeout(() => {
        settle();
        fail(`within ${seconds} s`);
      }, seconds * 1000);
      this.#watchers.add(look);
      look();
    });
  }

  #heard(): void {
    this.firstWordSeconds ??= (performance.now() - this.#startedAt) / 1000;
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** For whoever reads why a test failed. */
  lastWords(): string {
    const lines = this.lines.filter((line) => line.kind !== 'commit' && line.kind !== 'plan').slice(-12);
    const said = lines.map((line) => JSON.stringify(line).slice(0, 300)).join('\n');
    return `skein ${this.#args.join(' ')}\nat iteration ${this.iteration}; said last:\n${said}\n${this.stderr.slice(-1500)}`;
  }
}

function isKind<Kind extends Line['kind']>(line: Line, kind: Kind): line is LineOf<Kind> {
  return line.kind === kind;
}

function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isLine = typeof value === 'object' && value !== null && 'kind' in value;
    return isLine ? (value as Line) : undefined;
  } catch {
    return undefined; // part of a document of several lines
  }
}

/** A temporary home for processes; everything started from it is ended when the test, or what `over` names, is over. */
export class Terminals {
  readonly home = mkdtempSync(join(tmpdir(), 'skein-e2e-'));
  readonly #started: SkeinProcess[] = [];

  constructor(over?: (cleanUp: () => Promise<void>, milliseconds: number) => void) {
    if (over === undefined) {
      onTestFailed(() => {
        for (const started of this.#started) console.error(started.lastWords());
      });
    }
    (over ?? onTestFinished)(async () => {
      await this.endAll();
      rmSync(this.home, { recursive: true, force: true });
    }, 30_000);
  }

  /** Starts `skein` with these arguments. */
  start(...args: string[]): SkeinProcess {
    const started = new SkeinProcess(args, this.home);
    this.#started.push(started);
    return started;
  }

  /** Runs `skein` to its end. */
  async run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const started = this.start(...args);
    const code = await started.end();
    return { code, stdout: started.stdout, stderr: started.stderr };
  }

  /** Kills what still runs, frozen or not. */
  async endAll(): Promise<void> {
    const running = this.#started.filter((started) => started.exit === undefined);
    for (const started of running) started.signal('SIGKILL');
    await Promise.all(running.map((started) => started.exited));
  }
}

/** The files of a folder, by name. */
export function readFolder(folder: string): Map<string, Uint8Array> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

/**
 * How much slower this machine is now than one that starts `skein --version` within a second: limits on what must be
 * quick are multiplied by it, because these tests may share the machine with others.
 */
export async function slowness(): Promise<number> {
  const started = performance.now();
  await new Terminals().run('--version');
  return Math.max(1, (performance.now() - started) / 1000);
}

/** Ids of the peer processes that a demo with this `--out` started and that hold their folders. */
export function demoPeerIds(out: string): number[] {
  const peers = join(out, 'peers');
  if (!existsSync(peers)) return [];
  return readdirSync(peers).flatMap((name) => {
    const lock = join(peers, name, 'lock');
    const pid = existsSync(lock) ? Number.parseInt(readFileSync(lock, 'utf8'), 10) : Number.NaN;
    return Number.isSafeInteger(pid) ? [pid] : [];
  });
}

/** Whether a process runs; one that ended and was not collected yet by its parent does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]$/.test(stat.slice(stat.lastIndexOf(')') + 2).charAt(0));
  } catch {
    return !existsSync('/proc/self'); // without such files, the answer to the signal is all there is
  }
}

/** Resolves when none of these processes runs any more; rejects with those that do after `seconds`. */
export async function allEnded(pids: readonly number[], seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const left = pids.filter(isRunning);
    if (left.length === 0) return;
    // the ends of other processes' children are no events here: asking now and then is all there is
    if (performance.now() > until)
      throw new Error(`still running after ${seconds} s: process ${left.join(', ')}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}
