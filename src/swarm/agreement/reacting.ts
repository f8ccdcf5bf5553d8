// What a peer does about each entry of its journal, in the journal's order.

import type { Entry, MemberChange } from '../../journal/entry.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { PeerEventBody } from '../events.ts';
import type { Messenger } from '../messenger.ts';
import type { RunState } from '../run-state.ts';
import type { Trainer } from '../training/trainer.ts';

export interface ReactingParts {
  readonly network: Network;
  readonly messenger: Messenger;
  readonly state: () => RunState;
  readonly event: (event: PeerEventBody) => void;
  /** Another peer leads from here on. */
  readonly otherLeads: () => void;
  /** The leader is gone, by its own word. */
  readonly leaderGone: (leader: PeerName) => void;
  /** A member has entered a stage: it lives, whatever was thought of it before. */
  readonly entered: (peer: PeerName) => void;
  /** The others have given this peer up, or let it go. */
  readonly leftOut: () => void;
  readonly ended: () => void;
}

export class Reacting {
  readonly #parts: ReactingParts;
  #divergences = 0;

  constructor(parts: ReactingParts) {
    this.#parts = parts;
  }

  /** Does what an entry asks of this peer, after the state has changed; the next one waits for it. */
  async react(entry: Entry, trainer: Trainer): Promise<void> {
    const { network, messenger, event, otherLeads, ended } = this.#parts;
    const { body } = entry;
    switch (body.kind) {
      case 'members':
        for (const change of body.changes) this.#memberChanged(change, trainer);
        return;
      case 'leader':
        event({ kind: 'leader', peer: body.peer, term: entry.term });
        if (body.peer !== network.self) otherLeads();
        trainer.tellLeader();
        return;
      case 'keepers':
        event({ kind: 'keepers', keepers: body.keepers });
        return;
      case 'refound':
        event({ kind: 'refounded', peer: body.peer, lost: body.lost, run: this.#parts.state().runName });
        return;
      case 'plan':
        await trainer.startPlan(body);
        return;
      case 'commit':
        this.#divergences += body.weights.reduce((sum, report) => sum + report.divergent.length, 0);
        await trainer.commit(body);
        event({
          kind: 'commit',
          commit: body,
          sent: { ...messenger.sent },
          contributionBytes: trainer.contributionBytes,
          feedbackBytes: trainer.feedbackBytes,
        });
        return;
      case 'repair':
        event({
          kind: 'repair',
          stage: body.stage,
          rule: body.rule,
          peer: body.peer,
          iteration: body.iteration,
        });
        if (this.#parts.state().member(network.self)?.shadow === undefined) trainer.shadowChanged();
        return;
      case 'end':
        this.#divergences += body.weights.reduce((sum, report) => sum + report.divergent.length, 0);
        event({ kind: 'ended', iteration: body.iteration, divergences: this.#divergences });
        ended();
        return;
      case 'genesis':
        return;
    }
  }

  #memberChanged(change: MemberChange, trainer: Trainer): void {
    const { network, messenger, state, event, leaderGone, entered, leftOut } = this.#parts;
    const { peer } = change;
    const member = state().member(peer)!;
    const { name, stage, status, shadow } = member;
    if (change.kind === 'shadow' || change.kind === 'shadowing' || change.kind === 'unshadowed') {
      event({ kind: 'shadow', peer, name, stage: shadow?.stage ?? -1, inPlace: shadow?.status === 'active' });
      if (shadow && change.kind === 'shadow') trainer.freezeIfAsked(peer, shadow.stage, shadow.origin);
      if (peer === network.self) trainer.shadowChanged();
      return;
    }
    if (status === 'gone') {
      const reason = change.kind === 'gone' ? change.reason : '';
      event({ kind: 'gone', peer, name, stage, how: member.how!, reason });
      if (peer === network.self) {
        trainer.shadowChanged();
        leftOut();
        return;
      }
      trainer.peerLost(peer); // its streams stay: if it lives, it must hear that it is gone
      if (peer === state().leader) leaderGone(peer);
      return;
    }
    if (status === 'active') {
      event({ kind: 'active', peer, name, stage });
      return;
    }
    entered(peer);
    network.learn(peer, member.addresses);
    messenger.presumeHeard(peer);
    event({ kind: 'entered', peer, name, stage, origin: member.origin.kind });
    trainer.freezeIfAsked(peer, stage, member.origin);
    if (peer === network.self) trainer.enter(member);
  }
}
