// What one step of a keeper gives, gathered while it runs.

import type { PeerName } from '../../seams/network.ts';
import type { KeeperLog } from './log.ts';
import type {
  Ballot,
  Certificate,
  KeeperMessage,
  KeeperOutcome,
  KeeperOutputs,
  LogBase,
  LogEntry,
} from './messages.ts';

export class Outbox<E extends LogEntry> {
  messages: { to: PeerName; message: KeeperMessage<E> }[] = [];
  committed: E[] = [];
  outcome: KeeperOutcome = 'ok';
  ballotChanged = false;
  /** The first entry of the log that is not what it was; Infinity when all are. */
  changedFrom = Number.POSITIVE_INFINITY;
  installed: LogBase | undefined;
  sign: KeeperOutputs<E>['sign'] | undefined;
  certificate: Certificate | undefined;
  elected: number | undefined;
  deposed = false;
  wrong: string | undefined;

  /** Everything gathered, as outputs; begins anew. */
  taken(ballot: Ballot, log: KeeperLog<E>): KeeperOutputs<E> {
    const { messages, committed, outcome, changedFrom, installed, sign, certificate, elected } = this;
    const outputs: KeeperOutputs<E> = {
      messages,
      committed,
      outcome,
      ...(this.ballotChanged && { ballot }),
      ...(changedFrom !== Number.POSITIVE_INFINITY && {
        log: { from: changedFrom, entries: log.slice(changedFrom) },
      }),
      ...(installed && { installed }),
      ...(sign && { sign }),
      ...(certificate && { certificate }),
      ...(elected !== undefined && { elected }),
      ...(this.deposed && { deposed: true }),
      ...(this.wrong !== undefined && { wrong: this.wrong }),
    };
    this.messages = [];
    this.committed = [];
    this.outcome = 'ok';
    this.ballotChanged = false;
    this.changedFrom = Number.POSITIVE_INFINITY;
    this.installed = undefined;
    this.sign = undefined;
    this.certificate = undefined;
    this.elected = undefined;
    this.deposed = false;
    this.wrong = undefined;
    return outputs;
  }
}
