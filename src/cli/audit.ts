// `skein audit`: checks a run's journal without trusting anyone who took part in it.

import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import type { Certificate } from '../journal/consensus/messages.ts';
import { JournalError, parseEntry } from '../journal/entry.ts';
import { type JournalStart, parseCertificate } from '../journal/skeleton.ts';
import { CERTIFICATES, startBefore, startName } from '../journal/stored.ts';
import type { StagedModel } from '../model/export.ts';
import { restage } from '../model/restage.ts';
import { createKeyIdentity, generateKey } from '../network/libp2p/identity.ts';
import { createRealClock } from '../network/real-clock.ts';
import {
  type Audit,
  type AuditParts,
  type AuditProgress,
  audit,
  isJournal,
  journalLines,
} from '../replay/audit.ts';
import type { Identity } from '../seams/identity.ts';
import type { ModelShape } from '../seams/shapes.ts';
import { optimizerOf, parametersOf } from '../swarm/weights/holder.ts';
import {
  type Manifest,
  ManifestError,
  modelOf,
  readManifest,
  type SignedManifest,
  stagesOf,
} from '../swarm/manifest.ts';
import { type GivenWeights, weightsDigest } from '../swarm/weights/obtaining.ts';
import {
  decodeSnapshot,
  SnapshotError,
  snapshotStage,
  type StageSnapshot,
} from '../swarm/weights/snapshot.ts';
import { RunError, UsageError } from './errors.ts';
import { readTextFile, reasonOf } from './files.ts';
import { readModelFolder } from './model-folder.ts';
import { type Output, withoutTiming } from './output.ts';
import { addCommonFlags, type CliContext, type CommonFlags } from './program.ts';
import { Progress } from './progress.ts';

interface AuditFlags extends CommonFlags {
  readonly manifest?: string;
  readonly model?: string;
  readonly snapshot?: readonly string[];
}

const JOURNAL_FILE = 'journal.jsonl';
/** As a peer's folder has them, beside the journal. */
const MANIFEST_FILE = 'manifest';

export function register(program: Command, context: CliContext): void {
  const command = program
    .command('audit')
    .summary('check the journal of a run')
    .description(
      'Checks hashes, signatures, plans and commits of a journal, and computes the weights again where the journal has every update.',
    )
    .argument('<journal>', 'journal.jsonl of a peer, or its folder')
    .option('--manifest <file>', "the run's signed manifest; by default the one beside the journal")
    .option('--model <dir>', 'the exported model that the run began with, if it began with one')
    .option(
      '--snapshot <file...>',
      "stages to compute from where they stood and not from the beginning: stage-N of peers' folders",
    );
  addCommonFlags(command, { timing: true });
  command.action((file: string, flags: AuditFlags) => runAudit(file, flags, context));
}

async function runAudit(path: string, flags: AuditFlags, { output, signal }: CliContext): Promise<void> {
  const started = performance.now();
  const file = isFolder(path) ? join(path, JOURNAL_FILE) : path;
  const journal = readTextFile(file);
  if (!isJournal(journal)) {
    throw new UsageError(
      `${file}: is no journal; a run writes one as ${JOURNAL_FILE} into each peer's folder`,
    );
  }
  // An auditor has a key like everyone, and signs nothing with it.
  const identity = createKeyIdentity(await generateKey());
  const signed = await readSigned(flags.manifest ?? join(dirname(file), MANIFEST_FILE), identity);
  const { manifest } = signed;
  const given = flags.model === undefined ? undefined : givenTo(manifest, flags.model, identity);
  const certificates = readCertificates(join(dirname(file), certificatesBeside(basename(file))));
  const clock = createRealClock();
  const snapshots = flags.snapshot?.map((name) => snapshotOf(manifest, name)) ?? [];
  const start = readStart(dirname(file), journal);
  const parts = { journal, certificates, signed, identity, clock, given, snapshots, start };
  const result = await audited(parts, output, signal).catch((error: unknown) => {
    if (error instanceof SnapshotError)
      throw new UsageError(`--snapshot: ${error.message}`, { cause: error });
    throw error;
  });
  say(result, manifest, output);
  const wallSeconds = (performance.now() - started) / 1000;
  const document = { ...result, name: manifest.name, timing: { wallSeconds } };
  if (flags.json === true) output.json(flags.timing === false ? withoutTiming(document) : document);
  if (result.firstBadEntry !== null) {
    throw new RunError(`${file}: entry ${result.firstBadEntry} is bad: ${result.problem}`);
  }
}

async function audited(parts: AuditParts, { human }: Output, signal: AbortSignal): Promise<Audit> {
  const progress = new Progress(human);
  const steps = audit(parts);
  try {
    for (;;) {
      const step = await steps.next();
      if (step.done === true) return step.value;
      signal.throwIfAborted();
      const { pass, done, of } = step.value;
      progress.show(`${PASSES[pass]}: ${count(done)} of ${count(of)} entries`);
    }
  } finally {
    progress.clear();
  }
}

const PASSES: Record<AuditProgress['pass'], string> = {
  entries: 'hashes and signatures',
  certificates: 'certificates',
  plans: 'plans',
  weights: 'commits and weights',
};

function say(result: Audit, { name }: Manifest, output: Output): void {
  const { entries, iterations, verified, plans, replayed, notReplayed, digestsCompared, bytes } = result;
  output.say(
    `run "${name}" ${result.runId.slice(0, 12)}: ${count(entries)} entries, ${count(iterations)} iterations`,
  );
  if (result.summary !== null) {
    const { entry, iteration, certifiedBy } = result.summary;
    output.say(
      `it begins with a summary: verified from entry ${count(entry)} on, the commit of iteration ${count(iteration + 1)}`,
    );
    output.say(
      certifiedBy.length > 0
        ? `what was before is taken on the word of the keepers ${certifiedBy.join(', ')}, who certified that commit`
        : 'nobody vouches for what was before',
    );
  }
  output.say(
    result.certified > 0
      ? `hashes and signatures checked; certified by its keepers: ${count(result.certified)} entries`
      : 'hashes and signatures checked; no certificates of its keepers lie beside it',
  );
  const others =
    plans.otherVersion > 0
      ? `, ${count(plans.otherVersion)} made by another version of the planner and only checked`
      : '';
  output.say(`plans computed again: ${count(plans.recomputed)}${others}`);
  output.say(
    replayed
      ? `weights computed again from the first to the last; digests compared with them: ${count(digestsCompared)}`
      : `weights not computed again: ${notReplayed}; digests compared with earlier ones: ${count(digestsCompared)}`,
  );
  const contributions = replayed ? `, ${count(bytes.contributions)} of them updates` : '';
  output.say(
    `journal: ${count(bytes.journal)} bytes${contributions}; manifest: ${count(bytes.manifest)} bytes`,
  );
  if (verified) output.say(`verified${result.ended ? '' : '; the run has not ended'}`);
}

const count = (value: number) => value.toLocaleString('en-US');

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The keepers' proofs; none where the file is not there. What a crash cut off is no proof. */
function readCertificates(file: string): Certificate[] {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return [];
  return journalLines(readTextFile(file)).lines.map((line, index) => {
    try {
      return parseCertificate(line);
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      throw new UsageError(`${file}, line ${index + 1}: ${error.message}`, { cause: error });
    }
  });
}

/** What stands for the entries before the journal's first; undefined where it begins with the run. */
function readStart(folder: string, journal: string): JournalStart | undefined {
  const [line = ''] = journalLines(journal).lines;
  const first = firstIndex(line);
  const file = join(folder, startName(first));
  if (first === 0 || statSync(file, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    return startBefore(first, readFileSync(file));
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    throw new UsageError(`${file}: ${error.message}`, { cause: error });
  }
}

/** The certificates of a journal, or of one that another has taken the place of: `journal-before-N`. */
function certificatesBeside(name: string): string {
  const before = /^journal(-before-\d+)\.jsonl$/.exec(name)?.[1] ?? '';
  return `${CERTIFICATES}${before}.jsonl`;
}

/** 0 where the line is no entry: what is wrong with it, the audit says. */
function firstIndex(line: string): number {
  try {
    return parseEntry(line).index;
  } catch {
    return 0;
  }
}

async function readSigned(file: string, identity: Identity): Promise<SignedManifest> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new UsageError(
      `${file}: ${reasonOf(error)}; the run's manifest lies beside the journal in a peer's folder, or name it with --manifest`,
      { cause: error },
    );
  }
  try {
    return await readManifest(bytes, identity);
  } catch (error) {
    if (error instanceof ManifestError) throw new UsageError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The model's weights in the run's stages. Throws a UsageError when it is not the one that the run began with. */
function givenTo(manifest: Manifest, folder: string, identity: Identity): GivenWeights {
  const { start } = manifest;
  if (start === undefined) {
    throw new UsageError(`--model ${folder}: this run began with the weights of its seed; leave --model out`);
  }
  const found = readModelFolder(folder);
  const shape = modelOf(manifest);
  const fields = Object.keys(shape) as (keyof ModelShape)[];
  const differing = fields.find((field) => found.model[field] !== shape[field]);
  if (differing !== undefined) {
    throw new UsageError(
      `--model ${folder}: the model has ${differing} ${found.model[differing]}, the run's has ${shape[differing]}`,
    );
  }
  const weights = restaged(folder, found, manifest);
  const other = weights.findIndex(
    (values, stage) => weightsDigest(values, identity) !== start.weights[stage],
  );
  if (other >= 0) {
    throw new UsageError(
      `--model ${folder}: its weights of stage ${other} are not those that the run began with`,
    );
  }
  return weights;
}

/** A stage that a peer kept on its disk. Throws a UsageError when it is none of this run. */
function snapshotOf(manifest: Manifest, file: string): StageSnapshot {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new UsageError(`--snapshot ${file}: ${reasonOf(error)}`, { cause: error });
  }
  const stage = snapshotStage(bytes);
  if (stage === undefined || stage >= manifest.training.stages) {
    throw new UsageError(`--snapshot ${file}: is no stage of this run; a peer's folder has one as stage-N`);
  }
  const parameters = parametersOf(manifest, stage);
  try {
    return decodeSnapshot(bytes, parameters, optimizerOf(manifest).start(parameters));
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw new UsageError(`--snapshot ${file}: ${error.message}`, { cause: error });
  }
}

function restaged(folder: string, found: StagedModel, manifest: Manifest): GivenWeights {
  try {
    return restage(found, stagesOf(manifest));
  } catch (error) {
    if (error instanceof RangeError)
      throw new UsageError(`--model ${folder}: ${error.message}`, { cause: error });
    throw error;
  }
}
