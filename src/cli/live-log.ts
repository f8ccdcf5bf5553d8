// A peer's events for whoever sits in front of it: lines for a person, or one JSON object a line for a program.

import type { PeerEvent } from '../swarm/events.ts';
import type { Invite } from '../swarm/invite.ts';
import type { Output } from './output.ts';

export class LiveLog {
  readonly #output: Output;
  readonly #json: boolean;
  readonly #names = new Map<string, string>();
  /** Told when something else follows: the last failure is why the command ends, which is said at its end. */
  #failure: string | undefined;
  #lastCommitAt = Number.NEGATIVE_INFINITY;
  #lastSaidAt = Number.NEGATIVE_INFINITY;

  constructor(output: Output, json: boolean) {
    this.#output = output;
    this.#json = json;
  }

  invite(invite: string, folder: string): void {
    if (this.#json) this.#output.jsonLine({ kind: 'invite', invite, folder });
    else this.#output.say(`others join with:\n\n  npx skein join ${invite}\n\nthis peer's files: ${folder}`);
  }

  asking({ runId, peer, addresses }: Invite, folder: string): void {
    if (this.#json) this.#output.jsonLine({ kind: 'asking', runId, contact: peer, addresses, folder });
    else this.#output.say(`run ${runId.slice(0, 12)}: asking ${addresses[0]} to let this peer in …`);
  }

  /** Whether a failure was the last thing that happened. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  stopping(): void {
    if (!this.#json) this.#output.say('leaving the run …');
  }

  event(event: PeerEvent): void {
    const failure = this.#failure;
    this.#failure = event.kind === 'failed' ? event.problem : undefined;
    if (this.#json) {
      this.#output.jsonLine(event);
      return;
    }
    if (failure !== undefined) this.#output.say(`! ${failure}`);
    const line = this.#describe(event);
    if (line !== undefined) this.#output.say(line);
  }

  #describe(event: PeerEvent): string | undefined {
    const name = (peer: string) => this.#names.get(peer) ?? peer.slice(-6);
    switch (event.kind) {
      case 'running':
        this.#names.set(event.peer, event.name);
        return `run ${event.runId.slice(0, 12)}: this is ${event.name}, ${event.role === 'founder' ? 'its founder' : 'let in'}`;
      case 'trying':
        return `  ${name(event.contact)}: ${event.problem}`;
      case 'entered':
        this.#names.set(event.peer, event.name);
        return `  ${event.name} takes stage ${event.stage} (weights: ${event.origin})`;
      case 'active':
        return `  ${event.name} is ready at stage ${event.stage}`;
      case 'shadow':
        return event.inPlace ? `  ${event.name} keeps a copy of stage ${event.stage}` : undefined;
      case 'gone':
        return `✗ ${event.name} (stage ${event.stage}) is gone: ${event.how}`;
      case 'leader':
        return `  ${name(event.peer)} leads (term ${event.term})`;
      case 'refounded':
        return `! most keepers are gone (${event.lost.map(name).join(', ')}): ${name(event.peer)} founds the run again; it is run ${shortRunName(event.run)} from here on`;
      case 'summary':
        for (const member of event.members) this.#names.set(member.peer, member.name);
        return `  the journal is read from iteration ${event.iteration + 1} on; a summary of ${event.bytes} bytes, certified by its keepers, stands for what was before`;
      case 'repair':
        return `✓ stage ${event.stage} rebuilt at ${name(event.peer)} by ${event.rule}`;
      case 'commit':
        return this.#commit(event);
      case 'path':
        return event.note.kind === 'dropped'
          ? `  micro-batch ${event.note.microbatch} of iteration ${event.iteration} is given up: ${event.note.reason}`
          : `  micro-batch ${event.note.microbatch} of iteration ${event.iteration}: ${event.note.kind} (lost ${name(event.note.lost)})`;
      case 'leading':
        return describeLeading(event.note);
      case 'left-out':
        return `! iteration ${event.iteration}: ${name(event.peer)}'s gradient of stage ${event.stage} is left out: ${event.reason}`;
      case 'out-of-step':
        return `! iteration ${event.iteration}: ${event.problem}`;
      case 'misbehaved':
        return `! ${name(event.peer)}: ${event.problem}`;
      case 'ended':
        return `the run has ended after iteration ${event.iteration}`;
      case 'timeouts': {
        const { heartbeat, suspicion, election, loss, exchange, refounding } = event.seconds;
        const said = { heartbeat, suspicion, election, loss, exchange, refounding };
        const list = Object.entries(said).map(([level, seconds]) => `${level} ${seconds.toFixed(2)}`);
        return `  time-outs, seconds: ${list.join(', ')}`;
      }
      case 'weights': {
        const { way, fromIteration, iteration, bytes, seconds } = event;
        const costs = `${bytes.snapshot} bytes to fetch, ${seconds.download.toFixed(1)} s; ${iteration - fromIteration} steps to compute, ${seconds.replay.toFixed(1)} s`;
        return `  stage ${event.stage} is ${way === 'replay' ? 'computed from the journal' : 'fetched'} (${costs})`;
      }
      case 'failed':
      case 'suspected':
      case 'computed':
      case 'keepers':
      case 'fetched':
      case 'plan':
        return undefined;
    }
  }

  /** At most two lines a second: iterations of a small model are faster than anyone reads. */
  #commit(event: Extract<PeerEvent, { kind: 'commit' }>): string | undefined {
    const { iteration, loss } = event.commit;
    const seconds = event.at - this.#lastCommitAt;
    this.#lastCommitAt = event.at;
    if (event.at - this.#lastSaidAt < 0.5) return undefined;
    this.#lastSaidAt = event.at;
    const pace = Number.isFinite(seconds) ? `  ${seconds.toFixed(2)} s` : '';
    return `iteration ${iteration}  loss ${loss === null ? '-' : loss.toFixed(4)}${pace}`;
  }
}

/** The id's beginning, and the marks of every time that the run was founded again. */
function shortRunName(run: string): string {
  const [id = '', ...marks] = run.split('+');
  return [id.slice(0, 12), ...marks].join('+');
}

function describeLeading(note: Extract<PeerEvent, { kind: 'leading' }>['note']): string | undefined {
  switch (note.kind) {
    case 'waiting': {
      const missing =
        note.missingStages.length > 0 ? `, nobody holds stage ${note.missingStages.join(', ')}` : '';
      return `  waiting: ${note.ready} of ${note.wanted} peers ready${missing}`;
    }
    case 'diverged':
      return `! iteration ${note.iteration}: ${note.peers.length} replica(s) of stage ${note.stage} differ and fetch a fresh copy`;
    case 'stuck':
      return `! iteration ${note.iteration} stands still; no word from ${note.missing.length} peer(s)`;
    case 'planned':
    case 'computed':
      return undefined;
  }
}
