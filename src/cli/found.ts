// `skein found`: starts a run from a manifest and is its first peer.

import { join } from 'node:path';
import { multiaddr } from '@multiformats/multiaddr';
import type { Command } from 'commander';
import { createKeyIdentity } from '../network/libp2p/identity.ts';
import { signManifest } from '../swarm/manifest.ts';
import { UsageError } from './errors.ts';
import { loadManifest } from './files.ts';
import type { LiveFlags } from './live-run.ts';
import { givenWeights } from './from.ts';
import { manifestOf } from './manifest.ts';
import { openPeerFolder, skeinHome } from './peer-folder.ts';
import { addCommonFlags, type CliContext, type CommonFlags, parseCount, parseList } from './program.ts';
import { loadText } from './text.ts';

interface FoundFlags extends LiveFlags, Omit<CommonFlags, 'json'> {
  readonly data?: readonly string[];
  readonly dir?: string;
  readonly waitFor?: number;
  readonly from?: string;
}

export function register(program: Command, context: CliContext): void {
  const command = program
    .command('found')
    .summary('found a run and be its first peer')
    .description(
      'Founds a run from a manifest (or goes on with it), prints an invite for others, and trains.',
    )
    .argument('<manifest>', 'the fields name, seed, model and training of a scenario file');
  addLiveFlags(command);
  command.option(
    '--wait-for <peers>',
    'start when this many peers are ready (and every stage is held)',
    parseCount,
  );
  command.option('--from <dir>', 'begin with the weights of an exported model');
  addCommonFlags(command, { timing: false });
  command.action(async (file: string, flags: FoundFlags) => {
    const settings = loadManifest(file);
    const { seed = settings.seed } = flags;
    const text = await loadText(flags.data ?? settings.training.data);
    const folder = await openPeerFolder(flags.dir ?? join(skeinHome(), 'founded', settings.name));
    try {
      const identity = createKeyIdentity(folder.key);
      const given = flags.from === undefined ? undefined : givenWeights(flags.from, settings);
      const manifest = manifestOf({ ...settings, seed }, text, identity, given);
      const signed = await signManifest(manifest, identity);
      const waitForPeers = flags.waitFor ?? 0;
      const { runLive } = await import('./live-run.ts'); // with libp2p, which a wrong manifest does not need
      await runLive(
        {
          folder,
          flags,
          text: text.bytes,
          given,
          start: () => ({ kind: 'found', manifest: signed, waitForPeers }),
          inviteFor: signed.runId,
        },
        context,
      );
    } finally {
      folder.release();
    }
  });
}

/** The flags of every command that runs a peer. */
export function addLiveFlags(command: Command): void {
  command
    .option(
      '--listen <address>',
      'multiaddr to listen at, e.g. /ip4/0.0.0.0/tcp/4001; this machine only by default',
      parseListen,
    )
    .option('--name <name>', 'what others call this peer', parseName)
    .option('--dir <dir>', 'folder of its key, journal and snapshots')
    .option('--data <file...>', 'the text to train on; by default the State of the Union addresses')
    .option('--threads <n>', 'threads to compute with', parseThreads, 1)
    .option(
      '--memory-microbatches <n>',
      'micro-batches whose activations fit in memory at once; plans give this peer no more',
      parseMemory,
    )
    .option('--export <dir>', 'where the trained model goes when this peer leads at the end');
}

function parseListen(text: string, previous: readonly string[] | undefined): readonly string[] {
  const addresses = parseList(text, previous);
  for (const address of addresses) {
    try {
      multiaddr(address);
    } catch {
      throw new UsageError(`--listen ${address}: not a multiaddr; write one like /ip4/0.0.0.0/tcp/4001`);
    }
  }
  return addresses;
}

function parseThreads(text: string): number {
  const threads = parseCount(text);
  if (threads < 1) throw new UsageError('--threads 0: at least one thread computes');
  return threads;
}

function parseMemory(text: string): number {
  const microbatches = parseCount(text);
  if (microbatches < 1) throw new UsageError('--memory-microbatches 0: a peer has room for at least one');
  return microbatches;
}

function parseName(text: string): string {
  if (!/^[\p{L}\p{N}._-]{1,64}$/u.test(text)) {
    throw new UsageError(`--name ${text}: letters, digits, '.', '_' and '-', at most 64`);
  }
  return text;
}
