// An invite: everything a stranger needs to find a run, as one word to paste.

import { fromString, toString as textOf } from 'uint8arrays';
import { z } from 'zod';
import type { PeerName } from '../seams/network.ts';

export interface Invite {
  readonly runId: string;
  readonly peer: PeerName;
  readonly addresses: readonly string[];
}

export class InviteError extends Error {
  override readonly name = 'InviteError';
}

const PREFIX = 'skein1-';
const schema = z.object({
  r: z.string().regex(/^[0-9a-f]{64}$/),
  p: z.string().min(1).max(128),
  a: z.array(z.string().max(300)).min(1).max(16),
});

export function formatInvite(invite: Invite): string {
  const json = JSON.stringify({ r: invite.runId, p: invite.peer, a: invite.addresses });
  return PREFIX + textOf(fromString(json), 'base64url');
}

/** Throws an InviteError that says what is wrong with the text. */
export function parseInvite(text: string): Invite {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX)) {
    throw new InviteError(`an invite starts with ${PREFIX}; this one starts with "${trimmed.slice(0, 12)}"`);
  }
  try {
    const { r, p, a } = schema.parse(
      JSON.parse(textOf(fromString(trimmed.slice(PREFIX.length), 'base64url'))),
    );
    return { runId: r, peer: p, addresses: a };
  } catch (error) {
    throw new InviteError('the invite is cut off or changed: copy it whole', { cause: error });
  }
}
