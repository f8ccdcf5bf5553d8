// What `skein found` and `skein join` share: start the peer, say what happens, stop in order.

import { join } from 'node:path';
import { startVolunteer } from '../../peers/volunteer.ts';
import { JournalError } from '../journal/entry.ts';
import { NetworkError } from '../seams/network.ts';
import type { PeerEvent } from '../swarm/events.ts';
import { formatInvite, type Invite } from '../swarm/invite.ts';
import { JoinError } from '../swarm/membership/joining.ts';
import { type Manifest, ManifestError } from '../swarm/manifest.ts';
import { trainedModel } from '../swarm/weights/trained-model.ts';
import type { PeerParts } from '../swarm/peer.ts';
import type { StageSnapshot } from '../swarm/weights/snapshot.ts';
import { RunError, UsageError } from './errors.ts';
import { countTensorsWithHeap } from './heap.ts';
import { writeModelFolder } from './model-folder.ts';
import { LiveLog } from './live-log.ts';
import type { PeerFolder } from './peer-folder.ts';
import type { CliContext } from './program.ts';

export interface LiveFlags {
  readonly json?: boolean;
  readonly listen?: readonly string[];
  readonly name?: string;
  readonly threads: number;
  readonly memoryMicrobatches?: number;
  readonly export?: string;
}

export interface LiveRun {
  readonly folder: PeerFolder;
  readonly flags: LiveFlags;
  readonly text: Uint8Array | undefined;
  /** The weights that the run begins with: the founder's. */
  readonly given?: PeerParts['given'];
  readonly start: (addresses: readonly string[]) => PeerParts['start'] | Promise<PeerParts['start']>;
  /** The invite that a joiner follows. */
  readonly asking?: Invite;
  /** The run to print an invite for: the founder's. */
  readonly inviteFor?: string;
}

const DEFAULT_LISTEN = '/ip4/127.0.0.1/tcp/0';
/** How long a graceful goodbye may take. */
const LEAVE_MILLISECONDS = 8000;

/** Runs a peer in this process until the run ends, it is let go, or the person stops it. */
export async function runLive(run: LiveRun, { output, signal }: CliContext): Promise<void> {
  const { folder, flags, text, given, start } = run;
  countTensorsWithHeap();
  const log = new LiveLog(output, flags.json === true);
  const observe = (event: PeerEvent) => log.event(event);
  // whoever started this process is gone, now or before this line was reached
  if (process.connected === false) process.exit(1);
  process.once('disconnect', () => process.exit(1));
  if (run.asking) log.asking(run.asking, folder.path);
  let started: Awaited<ReturnType<typeof startVolunteer>>;
  const options = (listen: readonly string[]) => ({
    key: folder.key,
    folder: folder.path,
    name: flags.name ?? folder.key.publicKey.toString().slice(-6),
    listen,
    threads: flags.threads,
    memoryMicrobatches: flags.memoryMicrobatches,
    text,
    given,
    start,
    observe,
    deliver: async (stages: readonly StageSnapshot[], manifest: Manifest) => {
      const weights = stages.map((stage) => stage.weights);
      writeModelFolder(flags.export ?? join(folder.path, 'model'), trainedModel(manifest, weights));
    },
  });
  try {
    started = await startListening(flags.listen, folder.lastListened, (listen) =>
      startVolunteer(options(listen)),
    );
  } catch (error) {
    folder.release();
    throw startProblem(error, folder.path);
  }
  const { peer, addresses } = started;
  folder.rememberListening(addresses.map((address) => address.replace(/\/p2p\/[^/]+$/, '')));
  await new Promise((resume) => setImmediate(resume)); // a run that cannot go on says so first
  if (run.inviteFor !== undefined && !log.failed) {
    log.invite(formatInvite({ runId: run.inviteFor, peer: peer.self, addresses }), folder.path);
  }
  const stop = () => {
    log.stopping();
    peer.leave();
    setTimeout(() => void peer.stop(), LEAVE_MILLISECONDS).unref();
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const end = await peer.ended;
  folder.release();
  if (signal.aborted) throw signal.reason;
  if (end.how === 'failed') {
    const { reason } = end;
    if (reason instanceof JoinError || reason instanceof ManifestError || reason instanceof JournalError)
      throw new RunError(reason.message, { cause: reason });
    throw reason;
  }
}

/** What went wrong at the start, in the person's words. */
function startProblem(error: unknown, folder: string): unknown {
  if (error instanceof NetworkError) return new RunError(listenProblem(error.message), { cause: error });
  if (error instanceof JournalError) {
    const message = `${join(folder, 'journal.jsonl')}: ${error.message}; move the folder away to start anew`;
    return new UsageError(message, { cause: error });
  }
  return error;
}

/** One line out of what libp2p and the system say about an address that cannot be listened at. */
function listenProblem(message: string): string {
  const [, address = ''] = /^cannot listen at ([^:]+)/.exec(message) ?? [];
  const why = LISTEN_PROBLEMS.find(({ code }) => message.includes(code))?.why;
  return why === undefined ? message.split('\n')[0]! : `cannot listen at ${address}: ${why}`;
}

const LISTEN_PROBLEMS = [
  { code: 'EADDRINUSE', why: 'the port is in use; stop who uses it or choose another with --listen' },
  { code: 'EADDRNOTAVAIL', why: 'this machine has no such address' },
  { code: 'EACCES', why: 'the system does not permit it; use a port above 1023' },
] as const;

/** Listens where it was asked to, else where it listened last time if that is free, else anywhere on this machine. */
async function startListening<T>(
  asked: readonly string[] | undefined,
  last: readonly string[],
  start: (listen: readonly string[]) => Promise<T>,
): Promise<T> {
  if (asked !== undefined) return start(asked);
  if (last.length === 0) return start([DEFAULT_LISTEN]);
  try {
    return await start(last);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    return start([DEFAULT_LISTEN]);
  }
}
