// The members of a run as they are after one entry of its journal: never changed, so that whoever has read the same
// entries can share them. A simulation has a thousand peers in one process, and each of them knows all.

import { canonicalBytes, type Json, toHex } from '../journal/canonical.ts';
import type { MemberChange, Origin } from '../journal/entry.ts';
import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';

/** An exact copy of a stage, kept by a member that holds another one: so that the stage is not lost with its group. */
export interface Shadow {
  readonly stage: number;
  /** `entering`: the copy is on its way. */
  readonly status: 'entering' | 'active';
  readonly origin: Origin;
  /** The iteration that was committed last when it began. */
  readonly enteredAfter: number;
  /** The entry by which it began, by index. */
  readonly enteredBy: number;
}

export interface Member {
  readonly peer: PeerName;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly stage: number;
  /** `entering`: its weights are on their way, it listens to its group but counts for nothing yet. */
  readonly status: 'entering' | 'active' | 'gone';
  readonly origin: Origin;
  /** Micro-batches whose activations fit; as many as come where it is left out. */
  readonly memoryMicrobatches?: number | undefined;
  /** Whether it came with the run's text. */
  readonly hasText?: boolean | undefined;
  /** The iteration that was committed last when it entered its stage. */
  readonly enteredAfter: number;
  /** The entry by which it entered its stage, by index. */
  readonly enteredBy: number;
  /** Why it went; only while it is gone. */
  readonly how?: 'left' | 'broken' | 'silent' | 'failed';
  /** It went because it sent what no sound peer sends; nobody lets it in again. */
  readonly barred?: true | undefined;
  /** The stage that it keeps a copy of. */
  readonly shadow?: Shadow | undefined;
}

/** What the next members follow from. */
export interface MembersEntry {
  readonly index: number;
  readonly body: { readonly kind: string };
}

export class Members {
  readonly #byName: ReadonlyMap<PeerName, Member>;
  /** Lists that were asked for: heartbeats ask far more often than entries change them. */
  readonly #lists = new Map<string, readonly Member[]>();
  #digest: string | undefined;
  /** The members after the entry that was read next, as long as somebody is there. */
  #next: { readonly entry: WeakRef<MembersEntry>; readonly members: WeakRef<Members> } | undefined;

  constructor(byName: ReadonlyMap<PeerName, Member> = new Map()) {
    this.#byName = byName;
  }

  get(peer: PeerName): Member | undefined {
    return this.#byName.get(peer);
  }

  /** Members that are not gone, in the order in which they entered. */
  present(): readonly Member[] {
    return this.#list('present', () => this.everyone().filter(({ status }) => status !== 'gone'));
  }

  /** Everyone who ever belonged, in the order in which they (last) entered. */
  everyone(): readonly Member[] {
    return this.#list('everyone', () => [...this.#byName.values()]);
  }

  active(): readonly Member[] {
    return this.#list('active', () => this.everyone().filter(({ status }) => status === 'active'));
  }

  /** A stage's active replicas, in group order. */
  group(stage: number): readonly Member[] {
    return this.#list(`group ${stage}`, () => this.active().filter((member) => member.stage === stage));
  }

  /** Live holders of a stage, entering ones included. */
  holders(stage: number): readonly Member[] {
    return this.#list(`holders ${stage}`, () => this.present().filter((member) => member.stage === stage));
  }

  /** Members outside a stage whose exact copy of it is in place. */
  shadows(stage: number): readonly Member[] {
    return this.#list(`shadows ${stage}`, () =>
      this.present().filter(({ shadow }) => shadow?.stage === stage && shadow.status === 'active'),
    );
  }

  /** SHA-256 of everyone, in hexadecimal; computed once, however many peers of the process ask. */
  digest(sha256: Identity['digest']): string {
    this.#digest ??= toHex(sha256(canonicalBytes(this.everyone() as unknown as Json)));
    return this.#digest;
  }

  #list(name: string, make: () => readonly Member[]): readonly Member[] {
    let list = this.#lists.get(name);
    if (list === undefined) {
      list = make();
      this.#lists.set(name, list);
    }
    return list;
  }

  /**
   * The members after an entry.
   * @param make computes them; not called when somebody has read the same entry from here before
   */
  after(entry: MembersEntry, make: () => Members): Members {
    const known = this.#next?.entry.deref() === entry ? this.#next.members.deref() : undefined;
    if (known !== undefined) return known;
    const members = make();
    this.#next = { entry: new WeakRef(entry), members: new WeakRef(members) };
    return members;
  }

  /**
   * The members after these changes.
   * @param iteration that was committed last
   * @param index of the entry
   */
  with(changes: readonly MemberChange[], iteration: number, index: number): Members {
    const byName = new Map(this.#byName);
    for (const change of changes) apply(byName, change, iteration, index);
    return new Members(byName);
  }

  /** A stage goes on from other weights than its copies. */
  withoutShadows(stage: number): Members {
    const byName = new Map(this.#byName);
    for (const [peer, member] of byName) {
      if (member.shadow?.stage === stage) byName.set(peer, { ...member, shadow: undefined });
    }
    return new Members(byName);
  }
}

function apply(members: Map<PeerName, Member>, change: MemberChange, iteration: number, index: number): void {
  const before = members.get(change.peer);
  if (change.kind === 'enter') {
    const { kind: _, ...entered } = change;
    const kept =
      before?.status !== 'gone' && before?.shadow?.stage !== change.stage ? before?.shadow : undefined;
    members.delete(change.peer); // a group's order is the order of entering
    const since = { enteredAfter: iteration, enteredBy: index };
    members.set(change.peer, { ...entered, status: 'entering', ...since, ...(kept && { shadow: kept }) });
    return;
  }
  const member = before!;
  if (change.kind === 'shadow' || change.kind === 'shadowing' || change.kind === 'unshadowed') {
    members.set(change.peer, { ...member, shadow: shadowAfter(change, member, iteration, index) });
    return;
  }
  // lost after it was found ready and before that was ordered: it stays gone
  if (change.kind === 'active' && member.status !== 'entering') return;
  const changed =
    change.kind === 'active'
      ? { status: 'active' as const }
      : {
          status: 'gone' as const,
          how: change.how,
          shadow: undefined,
          ...(change.barred && { barred: change.barred }),
        };
  members.set(change.peer, { ...member, ...changed });
}

function shadowAfter(
  change: Extract<MemberChange, { kind: 'shadow' | 'shadowing' | 'unshadowed' }>,
  member: Member,
  iteration: number,
  index: number,
): Shadow | undefined {
  if (change.kind === 'unshadowed' || member.status === 'gone') return undefined;
  if (change.kind === 'shadowing') return member.shadow && { ...member.shadow, status: 'active' };
  const { stage, origin } = change;
  if (stage === member.stage) return undefined; // it came to hold the stage itself
  return { stage, origin, status: 'entering', enteredAfter: iteration, enteredBy: index };
}

/** Before anybody has entered. */
export const nobody = new Members();
