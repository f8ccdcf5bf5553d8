// `skein join`: a volunteer's one command.

import { join } from 'node:path';
import type { Command } from 'commander';
import { InviteError, parseInvite } from '../swarm/invite.ts';
import { UsageError } from './errors.ts';
import { addLiveFlags } from './found.ts';
import type { LiveFlags } from './live-run.ts';
import { openFreePeerFolder, openPeerFolder, skeinHome } from './peer-folder.ts';
import { addCommonFlags, type CliContext, type CommonFlags, parseCount } from './program.ts';
import { loadText } from './text.ts';

interface JoinFlags extends LiveFlags, Omit<CommonFlags, 'json'> {
  readonly data?: readonly string[];
  readonly dir?: string;
  readonly stage?: number;
}

export function register(program: Command, context: CliContext): void {
  const command = program
    .command('join')
    .summary('join a run as a volunteer')
    .description(
      'Joins the run of an invite, takes the stage that needs it most, and trains until it ends or you stop it.',
    )
    .argument('<invite>', 'the word that `skein found` printed');
  addLiveFlags(command);
  command.option('--stage <n>', 'a stage to prefer', parseCount);
  addCommonFlags(command, { timing: false });
  command.action(async (word: string, flags: JoinFlags) => {
    const invite = readInvite(word);
    const text = await loadText(flags.data);
    const base = join(skeinHome(), 'joined', invite.runId.slice(0, 16));
    const folder = flags.dir ? await openPeerFolder(flags.dir) : await openFreePeerFolder(base);
    try {
      const { runLive } = await import('./live-run.ts'); // with libp2p, which a wrong invite does not need
      await runLive(
        {
          folder,
          flags,
          text: text.bytes,
          asking: invite,
          start: () => ({ kind: 'join', invite, wantedStage: flags.stage ?? -1 }),
        },
        context,
      );
    } finally {
      folder.release();
    }
  });
}

function readInvite(word: string) {
  try {
    return parseInvite(word);
  } catch (error) {
    if (error instanceof InviteError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
