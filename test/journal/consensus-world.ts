// Keepers without a swarm: the pure state machine over a message net that loses, reorders, doubles and cuts, on disks
// that forget what was not flushed. One seed is one schedule. What must never happen is checked after every event.

import type {
  Ballot,
  Certificate,
  KeeperInput,
  KeeperMessage,
  KeeperOutputs,
  LogBase,
  LogEntry,
} from '../../src/journal/consensus/messages.ts';
import { Keeper } from '../../src/journal/consensus/keeper.ts';
import { emptyBase } from '../../src/journal/consensus/log.ts';
import { type ConsensusRules, consensusRules } from '../../src/journal/consensus/rules.ts';
import { type Generator, generator, stream } from '../../src/random/index.ts';

const START = 'start';
/** Never a keeper. */
const OUTSIDER = 'mallory';
/** More than so many messages are not under way at once; others are lost. */
const MOST_UNDER_WAY = 40;

interface Disk {
  ballot: Ballot;
  base: LogBase;
  entries: LogEntry[];
  certificate: Certificate | undefined;
}

interface Node {
  readonly name: string;
  disk: Disk;
  /** undefined while it is down. */
  keeper: Keeper<LogEntry> | undefined;
  /** What came out and is not on the disk yet: lost in a crash, and so are the messages in it. */
  pending: KeeperOutputs<LogEntry>[];
  /** How far it has applied; a restart applies again from the disk's certificate on. */
  applied: number;
  restarts: number;
}

interface Signature {
  readonly keeper: string;
  readonly term: number;
  readonly index: number;
  readonly hash: string;
}

export interface Schedule {
  readonly keepers: number;
  /** Peers that are no keepers at first and may become some. */
  readonly others: number;
  readonly seed: number;
  readonly rounds: number;
  readonly rules?: ConsensusRules;
}

export interface Counts {
  events: number;
  elections: number;
  committed: number;
  crashes: number;
  cuts: number;
  keeperChanges: number;
  installs: number;
  lies: number;
}

/** A broken promise, with what was promised. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}

function stateOf({ term, role, leader, certainIndex, ticksAlone, isKeeper, log }: Keeper<LogEntry>): string {
  const entries = log.slice(log.base.index + 1).map(({ hash }) => hash);
  return JSON.stringify([term, role, leader, certainIndex, ticksAlone, isKeeper, log.base.index, entries]);
}

/** A message of any kind and term, most of them about what its hearer has and of the terms near its own. */
function lieTo({ term, log }: Keeper<LogEntry>, chance: Generator): KeeperMessage<LogEntry> {
  const pick = <T>(...of: readonly T[]): T => of[chance.integerBelow(of.length)]!;
  const said = pick(
    Math.max(1, term - 1),
    term + 1,
    term + 1,
    term + 2,
    term + 1000,
    2 ** 31 - 1,
    2 ** 32 - 1,
  );
  const index = Math.max(log.base.index, log.lastIndex - chance.integerBelow(3));
  const hash = log.hashAt(index)!;
  const last = { lastIndex: log.lastIndex + chance.integerBelow(9), lastTerm: said };
  const entry = { index: index + 1, term: said, hash: 'lie', author: OUTSIDER, previous: hash };
  const signature = new Uint8Array(4);
  const certificate = { index, term: said, hash, signatures: [{ keeper: OUTSIDER, signature }] };
  return pick<KeeperMessage<LogEntry>>(
    { kind: 'preVote', term: said, ...last },
    { kind: 'preVoted', term: said, granted: chance.integerBelow(2) === 0 },
    { kind: 'vote', term: said, ...last, handedOver: chance.integerBelow(2) === 0 },
    { kind: 'voted', term: said, granted: chance.integerBelow(2) === 0 },
    {
      kind: 'append',
      term: said,
      previousIndex: index,
      previousHash: hash,
      entries: pick<readonly LogEntry[]>([], [entry], [{ ...entry, keepers: [OUTSIDER] }]),
      certificate: pick(undefined, certificate),
    },
    { kind: 'appended', term: said, index, hash, signature: pick(undefined, signature) },
    { kind: 'refused', term: said, index },
    { kind: 'install', term: said, base: { index, term: said, hash, keepers: [OUTSIDER], certificate } },
    { kind: 'lead', term: said },
  );
}

/** Entries by which a stranger comes to keep the journal, alone or step by step, certified by itself. */
function forgedProof(
  { term, log }: Keeper<LogEntry>,
  chance: Generator,
): { entries: LogEntry[]; certificate: Certificate } {
  const said = Math.max(term, log.lastTerm) + chance.integerBelow(2);
  const steps = [
    [...log.keepers, OUTSIDER],
    ...log.keepers.map((_, i, all) => [...all.slice(i + 1), OUTSIDER]),
  ];
  let previous = log.hashAt(log.lastIndex)!;
  const entries = (chance.integerBelow(2) === 0 ? steps : [[OUTSIDER]]).map((keepers, i) => {
    const index = log.lastIndex + 1 + i;
    const entry = { index, term: said, hash: `lie${index}`, author: OUTSIDER, previous, keepers };
    previous = entry.hash;
    return entry;
  });
  const { index, hash } = entries.at(-1)!;
  const signatures = [{ keeper: OUTSIDER, signature: new Uint8Array(4) }];
  return { entries, certificate: { index, term: said, hash, signatures } };
}

export class ConsensusWorld {
  readonly counts: Counts = {
    events: 0,
    elections: 0,
    committed: 0,
    crashes: 0,
    cuts: 0,
    keeperChanges: 0,
    installs: 0,
    lies: 0,
  };
  readonly #schedule: Schedule;
  readonly #rules: ConsensusRules;
  readonly #chance: Generator;
  readonly #nodes: Node[];
  /** What can go wrong in a round; each schedule has its own mixture, else rare meetings stay rare in all of them. */
  readonly #faults: readonly { readonly odds: number; readonly fault: () => void }[];
  readonly #odds: { readonly flush: number; readonly deliver: number; readonly crashAfterVote: number };
  readonly #byName: ReadonlyMap<string, Node>;
  #net: { from: string; to: string; message: KeeperMessage<LogEntry> }[] = [];
  /** Directions in which nothing passes. */
  readonly #cut = new Set<string>();
  #made = 0;
  // what is known of the whole, for checking only
  readonly #leaders = new Map<number, string>();
  readonly #entryOf = new Map<string, string>();
  readonly #chosen: LogEntry[] = [];
  readonly #signatures: Signature[] = [];

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#rules = schedule.rules ?? consensusRules;
    this.#chance = generator(stream({ runSeed: schedule.seed, purpose: 'churn' }));
    const names = Array.from({ length: schedule.keepers + schedule.others }, (_, i) => `k${i}`);
    const genesis: LogEntry = {
      index: 0,
      term: 0,
      hash: 'genesis',
      author: names[0]!,
      previous: START,
      keepers: names.slice(0, schedule.keepers),
    };
    this.#nodes = names.map((name) => ({
      name,
      disk: {
        ballot: { term: 0, votedFor: '' },
        base: emptyBase(START),
        entries: [genesis],
        certificate: undefined,
      },
      keeper: undefined,
      pending: [],
      applied: -1,
      restarts: 0,
    }));
    this.#byName = new Map(this.#nodes.map((node) => [node.name, node]));
    const any = (): Node => this.#any();
    const leader = (): Node => this.#nodes.find(({ keeper }) => keeper?.role === 'leader') ?? any();
    // in half of all schedules elections follow each other, in the others leaders stay long enough to do something
    const storm = this.#happens(0.5) ? 1 : 0.1;
    const faults: readonly [number, () => void][] = [
      [0.6, () => this.#propose(any())],
      [0.3, () => this.#changeKeepers(leader())],
      [0.1, () => this.#relay()],
      [0.04, () => this.#tickLong(any())],
      [0.05 * storm, () => this.#each((node) => this.#tickLong(node))],
      [0.03, () => this.#crash(any())],
      [0.03 * storm, () => this.#crash(leader())],
      [0.04, () => this.#bounce(any())],
      [0.01 * storm, () => this.#each((node) => this.#bounce(node))],
      [0.2, () => this.#start(any())],
      [0.05, () => this.#cutOrMend()],
      [0.05, () => void this.#step(any(), { kind: 'compact' })],
      [0.03, () => void this.#step(leader(), { kind: 'handOver', to: any().name })],
      [0.05, () => void this.#step(any(), { kind: 'leaderLost', leader: leader().name })],
      [0.03, () => void this.#step(any(), { kind: 'distrust', keeper: leader().name })],
      [0.01 * storm, () => this.#each((node) => this.#step(node, { kind: 'distrust', keeper: any().name }))],
      [0.5, () => this.#lie(any())],
      [0.02, () => (this.#net = this.#net.filter(() => this.#happens(0.5)))],
    ];
    const factor = (): number => [0.2, 1, 1, 3][this.#chance.integerBelow(4)]!;
    this.#faults = faults.map(([odds, fault]) => ({ odds: odds * factor(), fault }));
    this.#odds = {
      flush: 0.5 + 0.5 * this.#chance.uniform(),
      deliver: 0.3 + 0.7 * this.#chance.uniform(),
      crashAfterVote: 0.4 * storm * this.#chance.uniform(),
    };
    for (const node of this.#nodes) this.#start(node);
  }

  /** Everything goes wrong at random, then nothing does, and the keepers must agree on something new. */
  run(): Counts {
    for (let i = 0; i < this.#schedule.rounds; i++) this.#round();
    this.#recover();
    return this.counts;
  }

  // ---- events

  /** A moment: clocks tick, disks flush and messages arrive, most of them; and now and then something goes wrong. */
  #round(): void {
    for (const node of this.#nodes) {
      if (this.#happens(0.9)) this.#step(node, { kind: 'tick' });
      if (this.#happens(this.#odds.flush)) this.#flushAll(node);
      else if (this.#happens(0.5)) this.#flush(node);
    }
    for (let left = this.#net.length; left > 0; left--) {
      if (this.#net.length > 0 && this.#happens(this.#odds.deliver)) this.#deliver();
    }
    for (const { odds, fault } of this.#faults) if (this.#happens(odds)) fault();
  }

  #happens(probability: number): boolean {
    return this.#chance.uniform() < probability;
  }

  #each(fault: (node: Node) => void): void {
    for (const node of this.#nodes) fault(node);
  }

  #any(): Node {
    return this.#nodes[this.#chance.integerBelow(this.#nodes.length)]!;
  }

  /** A peer whose clock runs ahead, or that hears nobody for long. */
  #tickLong(node: Node): void {
    for (let ticks = this.#chance.integerBelow(25); ticks > 0; ticks--) this.#step(node, { kind: 'tick' });
  }

  #deliver(): void {
    if (this.#net.length === 0) return;
    const at = this.#chance.integerBelow(this.#net.length);
    const { from, to, message } = this.#net[at]!;
    if (this.#chance.integerBelow(10) > 0) this.#net.splice(at, 1); // else it comes again
    if (this.#chance.integerBelow(20) === 0 || this.#cut.has(`${from}>${to}`)) return;
    this.#step(this.#byName.get(to)!, { kind: 'message', from, message });
  }

  /** One that never was a keeper says something; it changes nothing at whoever hears it, and gets no answer. */
  #lie(node: Node): void {
    const { keeper } = node;
    if (keeper === undefined) return;
    this.counts.lies++;
    const before = stateOf(keeper);
    const message = lieTo(keeper, this.#chance);
    const outputs = keeper.step({ kind: 'message', from: OUTSIDER, message });
    const { messages, committed, outcome, wrong, ...others } = outputs;
    const isSilent = messages.length + committed.length + Object.keys(others).length === 0;
    promise(isSilent && outcome === 'ok', `${node.name} acts on what a stranger says: ${message.kind}`);
    promise(stateOf(keeper) === before, `${node.name} is changed by what a stranger says: ${message.kind}`);
    const says =
      message.kind === 'appended' ||
      ((message.kind === 'voted' || message.kind === 'preVoted') && message.granted);
    const isLie = says && message.term > keeper.term + 1;
    promise(!isLie || wrong !== undefined, `an answer that ${node.name} cannot have asked for is not named`);
    const asks = message.kind === 'preVote' || message.kind === 'vote';
    promise(
      !asks || wrong === undefined,
      `${OUTSIDER} may be a keeper that ${node.name} does not know of yet`,
    );
    const { outcome: taken } = keeper.step({ kind: 'certified', ...forgedProof(keeper, this.#chance) });
    promise(
      taken === 'not-certified',
      `${node.name} takes a journal in which a stranger made itself a keeper`,
    );
    promise(stateOf(keeper) === before, `${node.name} is changed by a certificate of strangers`);
  }

  #cutOrMend(): void {
    this.counts.cuts++;
    if (this.#cut.size > 0 && this.#chance.integerBelow(4) > 0) {
      this.#cut.clear();
      return;
    }
    const lonely = this.#any().name;
    const oneWay = this.#chance.integerBelow(4);
    for (const { name } of this.#nodes) {
      if (name === lonely || this.#chance.integerBelow(4) === 0) continue;
      if (oneWay !== 1) this.#cut.add(`${lonely}>${name}`);
      if (oneWay !== 2) this.#cut.add(`${name}>${lonely}`);
    }
  }

  #propose(node: Node): void {
    const { keeper } = node;
    if (keeper === undefined) return;
    const count = 1 + this.#chance.integerBelow(3);
    this.#step(node, {
      kind: 'propose',
      term: keeper.term,
      entries: this.#entries(
        node.name,
        keeper,
        Array.from({ length: count }, () => undefined),
      ),
    });
  }

  #changeKeepers(node: Node): void {
    const { keeper } = node;
    if (keeper?.role !== 'leader') return;
    const before = keeper.log.keepers;
    let after = [...before];
    for (let changes = 1 + this.#chance.integerBelow(2); changes > 0; changes--) {
      const { name } = this.#any();
      after = after.includes(name) ? after.filter((other) => other !== name) : [...after, name];
    }
    const { outcome } = this.#step(node, {
      kind: 'propose',
      term: keeper.term,
      entries: this.#entries(node.name, keeper, [after]),
    });
    if (outcome === 'ok') {
      this.counts.keeperChanges++;
      promise(consensusRules.mayFollow(before, after), `keepers changed from ${before} to ${after} at once`);
    }
  }

  #entries(
    author: string,
    keeper: Keeper<LogEntry>,
    keepers: readonly (readonly string[] | undefined)[],
  ): LogEntry[] {
    let previous = keeper.log.hashAt(keeper.log.lastIndex)!;
    return keepers.map((after, i) => {
      const hash = `e${++this.#made}`;
      const entry = { index: keeper.log.lastIndex + 1 + i, term: keeper.term, hash, author, previous };
      previous = hash;
      return after ? { ...entry, keepers: after } : entry;
    });
  }

  /** Somebody hands on what is certain, as peers that are no keepers do. */
  #relay(): void {
    const teller = this.#any();
    const { base, entries } = teller.disk;
    this.#tell(teller, this.#any(), base.index + 1 + this.#chance.integerBelow(Math.max(1, entries.length)));
  }

  /** Whoever hears that others have more asks for it; here each hears it of one other. */
  #readOn(): void {
    for (const node of this.#nodes) this.#tell(this.#any(), node, (node.keeper?.certainIndex ?? -1) + 1);
  }

  #tell(teller: Node, to: Node, from: number): void {
    const { entries, certificate } = teller.disk;
    if (certificate === undefined) return;
    this.#step(to, {
      kind: 'certified',
      entries: entries.filter(({ index }) => index >= from && index <= certificate.index),
      certificate,
    });
  }

  #start(node: Node): void {
    if (node.keeper) return;
    const { ballot, base, entries, certificate } = node.disk;
    node.pending = [];
    node.applied = Math.max(base.index, certificate?.index ?? -1);
    node.keeper = new Keeper<LogEntry>({
      self: node.name,
      rules: this.#rules,
      chance: generator(
        stream({
          runSeed: this.#schedule.seed,
          purpose: 'election',
          iteration: ++node.restarts,
          index: this.#nodes.indexOf(node),
        }),
      ),
      entryBytes: () => 300_000,
      ballot,
      base,
      entries,
      certificate,
    });
  }

  #bounce(node: Node): void {
    this.#crash(node);
    this.#start(node);
  }

  /** The first write may be torn: the ballot without the log, or with some of its entries. */
  #crash(node: Node): void {
    if (node.keeper === undefined) return;
    this.counts.crashes++;
    node.keeper = undefined;
    const [torn] = node.pending;
    node.pending = [];
    if (torn === undefined || torn.installed || this.#chance.integerBelow(2) === 0) return;
    if (torn.ballot) node.disk.ballot = torn.ballot;
    if (torn.log)
      this.#writeLog(node.disk, torn.log.from, torn.log.entries.slice(0, this.#chance.integerBelow(3)));
  }

  #writeLog(disk: Disk, from: number, entries: readonly LogEntry[]): void {
    disk.entries = [...disk.entries.filter(({ index }) => index < from), ...entries];
  }

  #flushAll(node: Node): void {
    while (node.pending.length > 0 && node.keeper) this.#flush(node);
  }

  /** The oldest outputs reach the disk; only then their messages leave and their signature is given. */
  #flush(node: Node): void {
    const outputs = node.pending.shift();
    if (outputs === undefined || node.keeper === undefined) return;
    const { disk } = node;
    if (outputs.ballot) disk.ballot = outputs.ballot;
    if (outputs.installed) {
      disk.base = outputs.installed;
      disk.entries = [];
    }
    if (outputs.log) this.#writeLog(disk, outputs.log.from, outputs.log.entries);
    if (outputs.certificate) disk.certificate = outputs.certificate;
    for (const { to, message } of outputs.messages) {
      if (message.kind === 'append') promise(message.entries.length <= 4, 'a message is small');
      this.#net.push({ from: node.name, to, message });
      if (this.#net.length > MOST_UNDER_WAY) this.#net.splice(this.#chance.integerBelow(this.#net.length), 1);
    }
    if (outputs.ballot && this.#happens(this.#odds.crashAfterVote)) {
      this.#bounce(node);
      return;
    }
    if (outputs.sign) {
      const { term, index, hash } = outputs.sign;
      this.#signatures.push({ keeper: node.name, term, index, hash });
      const signature = new Uint8Array(new Uint32Array([this.#signatures.length - 1]).buffer);
      this.#step(node, { kind: 'signed', term, index, hash, signature });
    }
  }

  #step(node: Node, input: KeeperInput<LogEntry>): KeeperOutputs<LogEntry> {
    const { keeper } = node;
    this.counts.events++;
    if (keeper === undefined) return { messages: [], committed: [], outcome: 'not-leader' };
    const outputs = keeper.step(input);
    promise(outputs.wrong === undefined, `${node.name} takes an honest message for a lie: ${outputs.wrong}`);
    this.#check(node, keeper, outputs);
    const silent =
      outputs.messages.length === 0 &&
      !(outputs.ballot || outputs.log || outputs.sign || outputs.installed || outputs.certificate);
    if (!silent) node.pending.push(outputs);
    return outputs;
  }

  // ---- what must hold

  #check(node: Node, keeper: Keeper<LogEntry>, outputs: KeeperOutputs<LogEntry>): void {
    const { elected, committed, certificate, log, installed } = outputs;
    if (elected !== undefined) {
      this.counts.elections++;
      const other = this.#leaders.get(elected) ?? node.name;
      promise(other === node.name, `one leader a term: ${other} and ${node.name} lead term ${elected}`);
      this.#leaders.set(elected, node.name);
      const last = this.#chosen.at(-1);
      const has =
        last === undefined ||
        keeper.log.base.index >= last.index ||
        keeper.log.hashAt(last.index) === last.hash;
      promise(has, `leader ${node.name} of term ${elected} lacks entry ${last?.index}`);
    }
    for (const entry of log?.entries ?? []) {
      const key = `${entry.index} ${entry.term}`;
      const hash = this.#entryOf.get(key) ?? entry.hash;
      this.#entryOf.set(key, hash);
      promise(hash === entry.hash, `two entries of index and term ${key}`);
      promise(keeper.log.hashAt(entry.index - 1) === entry.previous, `entry ${entry.index} is not chained`);
    }
    if (installed) {
      this.counts.installs++;
      const { index, hash } = installed;
      promise(this.#chosen[index]?.hash === hash, `${node.name} installed what was never certain`);
      node.applied = index;
    }
    for (const entry of committed) {
      promise(entry.index === node.applied + 1, `${node.name} applies ${entry.index} after ${node.applied}`);
      node.applied = entry.index;
      const before = this.#chosen[entry.index];
      if (before === undefined) {
        promise(entry.index === this.#chosen.length, 'entries become certain in order');
        this.#chosen.push(entry);
        this.counts.committed++;
      } else promise(before.hash === entry.hash, `two histories at entry ${entry.index}`);
    }
    if (certificate) this.#checkCertificate(certificate);
    promise(
      keeper.log.lastIndex - keeper.certainIndex <= 256 || keeper.role !== 'leader',
      'the tail is bounded',
    );
  }

  #checkCertificate({ index, term, hash, signatures }: Certificate): void {
    promise(this.#chosen[index]?.hash === hash, `a certificate for what is not certain, entry ${index}`);
    const signers = new Set<string>();
    for (const { keeper, signature } of signatures) {
      const given = this.#signatures[new Uint32Array(signature.slice().buffer)[0]!];
      const genuine =
        given?.keeper === keeper && given.term === term && given.index === index && given.hash === hash;
      promise(genuine, `a signature of ${keeper} for entry ${index} that it never gave`);
      signers.add(keeper);
    }
    const keepers = this.#chosen.findLast((entry) => entry.index <= index && entry.keepers)?.keepers ?? [];
    promise(
      consensusRules.isMajority(signers, keepers),
      `entry ${index} is certain by ${[...signers]} of ${keepers}`,
    );
  }

  /** With every peer up and every message delivered, something new becomes certain everywhere, soon. */
  #recover(): void {
    this.#cut.clear();
    for (const node of this.#nodes) this.#start(node);
    const goal = this.#chosen.length;
    for (let round = 0; round < 400; round++) {
      for (const node of this.#nodes) this.#step(node, { kind: 'tick' });
      this.#readOn();
      for (let settling = 0; settling < 12; settling++) {
        for (const node of this.#nodes) while (node.pending.length > 0) this.#flush(node);
        const messages = this.#net;
        this.#net = [];
        for (const { from, to, message } of messages) {
          this.#step(this.#byName.get(to)!, { kind: 'message', from, message });
        }
      }
      const leader = this.#nodes.find(({ keeper }) => keeper?.role === 'leader');
      const { term, log } = leader?.keeper ?? {};
      if (leader?.keeper && (log!.lastTerm < term! || log!.lastIndex < goal)) {
        this.#step(leader, {
          kind: 'propose',
          term: leader.keeper.term,
          entries: this.#entries(leader.name, leader.keeper, [undefined]),
        });
      }
      const keepers = this.#chosen.findLast((entry) => entry.keepers)?.keepers ?? [];
      const everywhere = keepers.every((name) => this.#byName.get(name)!.keeper!.certainIndex >= goal);
      if (keepers.length > 0 && everywhere) return;
    }
    throw new Violation('all are up and connected, and nothing new becomes certain');
  }
}
