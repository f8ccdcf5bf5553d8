// Whether a certificate proves what it says, and what entries that come with one are worth to a log.

import type { PeerName } from '../../seams/network.ts';
import { wrongAuthor } from './authors.ts';
import type { KeeperLog } from './log.ts';
import type { Certificate, KeeperOutcome, LogEntry } from './messages.ts';
import type { ConsensusRules } from './rules.ts';

/** Whether these keepers' majority signed it; the signatures themselves have been verified. */
export function proves(
  { signatures }: Certificate,
  keepers: readonly PeerName[],
  rules: ConsensusRules,
): boolean {
  return rules.isMajority(
    signatures.map(({ keeper }) => keeper),
    keepers,
  );
}

/**
 * Judges entries that anyone handed on, before anything of the log is touched. `fresh` are those that the log lacks,
 * up to the certified one; with 'ok' and none of them there is nothing new.
 */
export function weighCertified<E extends LogEntry>(
  log: KeeperLog<E>,
  certainIndex: number,
  entries: readonly E[],
  certificate: Certificate,
  rules: ConsensusRules,
): { readonly outcome: KeeperOutcome; readonly fresh: readonly E[] } {
  const without = (outcome: KeeperOutcome) => ({ outcome, fresh: [] });
  const { index, hash, term } = certificate;
  const here = log.hashAt(index);
  if (index <= certainIndex) return without(here === undefined || here === hash ? 'ok' : 'fork');
  const joint = log.join(entries);
  if (joint.kind === 'gap') return without('gap');
  if (joint.kind === 'broken') return without('not-certified');
  if (joint.kind === 'apart') return without(joint.at - 1 <= certainIndex ? 'fork' : 'gap');
  const fresh = entries.slice(joint.from);
  const [first] = fresh;
  const known = first === undefined || index < first.index;
  const proved = known ? log.at(index) : fresh.find((entry) => entry.index === index);
  if (proved === undefined) return without('gap');
  const keepers = log.keepersWith(fresh, index);
  if (proved.hash !== hash || proved.term !== term || !proves(certificate, keepers, rules)) {
    return without('not-certified');
  }
  if (first !== undefined && first.index <= certainIndex) return without('fork');
  if (wrongAuthor(log, fresh) !== undefined) return without('not-certified');
  return { outcome: 'ok', fresh: fresh.filter((entry) => entry.index <= index) };
}
