// Journals of real small runs, and ways to forge them: what a forger with everyone's keys would write.

import { canonicalBytes, type Json, toHex } from '../../src/journal/canonical.ts';
import type { Certificate } from '../../src/journal/consensus/messages.ts';
import { type Entry, type EntryBody, GENESIS_PREVIOUS, parseEntry } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { parseCertificate } from '../../src/journal/skeleton.ts';
import { createKeyIdentity, generateKey } from '../../src/network/libp2p/identity.ts';
import { createRealClock } from '../../src/network/real-clock.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { type Audit, audit } from '../../src/replay/audit.ts';
import type { Identity } from '../../src/seams/identity.ts';
import { readManifest, type SignedManifest, signManifest } from '../../src/swarm/manifest.ts';
import type { GivenWeights } from '../../src/swarm/weights/obtaining.ts';
import { followedWeights, ReplayedMembers } from '../../src/swarm/weights/replaying.ts';
import type { StageSnapshot } from '../../src/swarm/weights/snapshot.ts';
import { type SmallRun, smallManifest, smallSimulation } from '../swarm/small-run.ts';

export interface RecordedRun {
  readonly journal: string;
  readonly certificates: readonly Certificate[];
  readonly signed: SignedManifest;
  /** The weights it began with, where they were given. */
  readonly given: GivenWeights | undefined;
}

/** Training by forward passes alone: every update stands in the journal. */
export const oneByte = {
  codec: 'one-byte' as const,
  probes: { directions: 2, perturbation: 1e-3, normalizeSteps: false },
  optimizer: { ...smallManifest({}).training.optimizer, learningRate: 1e-3 },
};

/** Runs a small swarm to its end and gives what a peer that stayed keeps of it. */
export async function recorded(settings: SmallRun, keeper = 'p7'): Promise<RecordedRun> {
  const simulation = smallSimulation(settings);
  await simulation.run(600);
  const store = simulation.store(keeper)!;
  const lines = await store.readLog('journal');
  const signed = await readManifest((await store.readBlob('manifest'))!, createSimulatedIdentity('anyone'));
  const certificates = (await store.readLog('certificates')).map(parseCertificate);
  return { journal: textOf(lines), certificates, signed, given: settings.given };
}

export const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

export const linesOf = (journal: string): string[] => journal.split('\n').slice(0, -1);

export const entriesOf = (journal: string): Entry[] => linesOf(journal).map(parseEntry);

/** The whole audit, of a simulated run unless `identity` says otherwise. */
export async function audited(
  run: RecordedRun,
  more: {
    readonly given?: GivenWeights;
    readonly identity?: Identity;
    readonly snapshots?: readonly StageSnapshot[];
  } = {},
): Promise<Audit> {
  const { journal, certificates, signed } = run;
  const { given = run.given, snapshots, identity = createSimulatedIdentity('an auditor') } = more;
  const parts = { journal, certificates, signed, identity, clock: createRealClock(), given };
  const steps = audit({ ...parts, ...(snapshots && { snapshots }) });
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value;
  }
}

/** Every stage of a run as it was after an iteration. */
export async function snapshotsAfter(
  { journal, signed: { manifest }, given }: RecordedRun,
  iteration: number,
): Promise<StageSnapshot[]> {
  const identity = createSimulatedIdentity('a keeper of snapshots');
  const parts = { manifest, identity, clock: createRealClock(), given, stored: [] };
  const weights = followedWeights(parts);
  const members = new ReplayedMembers(weights);
  let done = 0;
  for (const { body } of entriesOf(journal)) {
    if (body.kind === 'members') for (const change of body.changes) members.change(change, done);
    if (body.kind !== 'commit') continue;
    await weights.committed(body);
    done = body.iteration;
    if (done === iteration) break;
  }
  return manifest.model.blocks.map((_, stage) => weights.snapshot(stage)!);
}

/** The journal with one entry's content changed, chained and signed anew from there on by whoever wrote each entry. */
export async function forged(
  journal: string,
  index: number,
  change: (body: EntryBody) => EntryBody,
  identityOf: (author: string) => Identity = createSimulatedIdentity,
): Promise<string> {
  const lines: string[] = [];
  let previous = GENESIS_PREVIOUS;
  for (const entry of entriesOf(journal)) {
    const { author, term, body } = entry;
    const own = identityOf(author);
    const changed = entry.index === index ? change(body) : body;
    const unsigned = { index: entry.index, term, previous, author, body: changed };
    const hash = own.digest(canonicalBytes(unsigned as unknown as Json));
    const signature = toHex(await own.sign(hash));
    previous = toHex(hash);
    lines.push(Journal.line({ ...unsigned, hash: previous, signature }));
  }
  return textOf(lines);
}

/** The same run as peers with real keys would have written it. */
export async function withRealKeys({
  journal,
  signed,
  given,
}: RecordedRun): Promise<RecordedRun & { readonly identityOf: (author: string) => Identity }> {
  const names = [...new Set(journal.match(/"p\d+"/g))].map((name) => JSON.parse(name) as string);
  const identities = new Map<string, Identity>();
  for (const name of names) identities.set(name, createKeyIdentity(await generateKey()));
  const renamed = (text: string) =>
    text.replace(/"(p\d+)"/g, (same, name: string) => JSON.stringify(identities.get(name)?.self ?? same));
  const founder = identities.get(signed.manifest.founder)!;
  const resigned = await signManifest({ ...signed.manifest, founder: founder.self }, founder);
  const byName = new Map([...identities.values()].map((identity) => [identity.self as string, identity]));
  const identityOf = (author: string) => byName.get(author)!;
  const begun = (body: EntryBody): EntryBody =>
    body.kind === 'genesis' ? { ...body, runId: resigned.runId } : body;
  const renewed = await forged(renamed(journal), 0, begun, identityOf);
  return { journal: renewed, certificates: [], signed: resigned, given, identityOf };
}
