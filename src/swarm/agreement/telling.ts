// How entries reach those that are no keepers: the leader sends what the keepers have agreed on to every other member,
// and to those whom these very entries let in or send away, with the proof.

import type { Certificate } from '../../journal/consensus/messages.ts';
import type { Entry } from '../../journal/entry.ts';
import { Journal } from '../../journal/journal.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { Messenger } from '../messenger.ts';
import { probeBytes } from '../training/probing.ts';
import type { RunState } from '../run-state.ts';

export interface TellingParts {
  readonly network: Network;
  readonly messenger: Messenger;
  /** As it is before the entries. */
  readonly state: RunState;
  /** They have them already. */
  readonly keepers: readonly PeerName[];
}

/** Sends the last entry to one member, which asks for those that it lacks before it. */
export function tellAgain(journal: Journal, to: PeerName, messenger: Messenger): void {
  const { certificate } = journal;
  const entry = certificate && journal.at(certificate.index);
  if (certificate === undefined || entry === undefined) return;
  const line = new TextEncoder().encode(Journal.line(entry));
  messenger.send(to, { kind: 'entries', value: { entries: [line], proofs: [], certificate } });
}

/** Sends entries, in order, to everyone they concern. */
export function tellEntries(
  entries: readonly Entry[],
  certificate: Certificate,
  { network, messenger, state, keepers }: TellingParts,
): void {
  const lines = entries.map((entry) => new TextEncoder().encode(Journal.line(entry)));
  const to = new Set(state.present().map((member) => member.peer));
  // at the end everyone is told twice: a keeper that lags behind would find nobody to ask any more
  if (entries.every(({ body }) => body.kind !== 'end')) for (const keeper of keepers) to.delete(keeper);
  for (const { body } of entries) {
    if (body.kind !== 'members') continue;
    for (const change of body.changes) {
      to.add(change.peer);
      if (change.kind === 'enter') network.learn(change.peer, change.addresses);
    }
  }
  to.delete(network.self);
  messenger.carriesGradients(contributionBytesIn(entries) * to.size);
  const said = { kind: 'entries', value: { entries: lines, proofs: [], certificate } } as const;
  for (const peer of to) messenger.send(peer, said);
}

/** Bytes of contributions that stand in entries. */
export function contributionBytesIn(entries: readonly Entry[]): number {
  return entries.reduce((sum, { body }) => sum + (body.kind === 'commit' ? probeBytes(body) : 0), 0);
}
