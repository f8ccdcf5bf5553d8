// `skein demo` (and `npm start`): founds a run on this machine, starts real peer processes, trains, lets some of them
// crash, and shows what came of it.

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { DEFAULT_CODEC, ONE_BYTE } from '../gradient/index.ts';
import { evaluate, generate } from '../inference/index.ts';
import type { StagedModel } from '../model/export.ts';
import { DEFAULT_ACTIVATIONS } from '../model/activations/index.ts';
import { parameterCount } from '../model/layout.ts';
import { createKeyIdentity, generateKey } from '../network/libp2p/identity.ts';
import { splitEvenly, stageShapes } from '../scenario/model.ts';
import { parseManifest } from '../scenario/schema.ts';
import { nearestName } from '../scenario/nearest.ts';
import type { Manifest } from '../scenario/settings.ts';
import { type CrashOrder, parseCrashes } from './demo/crashes.ts';
import { demoForwardPasses, demoModel, demoTraining } from './demo/model.ts';
import { DemoRecord } from './demo/record.ts';
import { DemoSwarm } from './demo/swarm.ts';
import { DemoView } from './demo/view.ts';
import { RunError, UsageError } from './errors.ts';
import { reasonOf } from './files.ts';
import { modelFieldsOf, readModelFor } from './from.ts';
import { manifestOf } from './manifest.ts';
import { knownNames } from './names.ts';
import { visible } from './model-flags.ts';
import { withModelFolder } from './model-folder.ts';
import { withoutTiming } from './output.ts';
import { addCommonFlags, type CliContext, type CommonFlags, parseCount } from './program.ts';
import { loadText, type NamedText } from './text.ts';

interface DemoFlags extends CommonFlags {
  readonly peers: number;
  readonly stages: number;
  readonly iterations: number;
  readonly crash?: readonly string[];
  readonly policy: string;
  readonly skipRatio: string;
  readonly codec: string;
  readonly activations: string;
  readonly recovery: string;
  readonly from?: string;
  readonly data?: readonly string[];
  readonly out: string;
}

const DEFAULT_SEED = 7;
/** Nothing happened for this long: the demo gives up and says so. */
const STALLED_SECONDS = 90;
/** A copy of stage 0 takes the anchors' place long before. */
const ANCHORLESS_SECONDS = 30;
const VIEW_MILLISECONDS = 120;
const PROMPT = 'The people of the United States ';
const SAMPLE_TOKENS = 240;
/** Marks a folder that the demo made and may clear. */
const MARKER = '.skein-demo';

export function register(program: Command, context: CliContext): void {
  const command = program
    .command('demo')
    .summary('train a small model on this machine, with a crash in the middle')
    .description(
      'Founds a run on this machine, starts real peer processes over libp2p on loopback, trains on real text, ' +
        'survives the crashes, samples text and exports the model.',
    )
    .option('--peers <n>', 'peer processes', parseCount, 8)
    .option('--stages <n>', 'stages, stage 0 included', parseCount, 4)
    .option('--iterations <n>', 'iterations', parseCount, 120)
    .option(
      '--crash <order>',
      'none, or TARGET@ITERATION[:kill|freeze|leave]; TARGET: a stage, a peer (p3), anchor or leader; repeatable',
      (value: string, previous?: readonly string[]) => [...(previous ?? []), value],
    )
    .option('--policy <name>', 'how micro-batches are scheduled', '1f1b')
    .option('--skip-ratio <share>', 'share of the stages that a path leaves out', '0')
    .option('--codec <name>', 'how gradients become bytes', DEFAULT_CODEC)
    .option('--activations <type>', 'how activations travel', DEFAULT_ACTIVATIONS)
    .option('--recovery <rule>', 'how a lost stage is rebuilt', 'checkfree')
    .option('--from <dir>', 'begin with the weights of an exported model; its stages are the default then')
    .option('--data <file...>', 'the text to train on; by default the State of the Union addresses')
    .option('--out <dir>', 'folder for the model, the journals and the snapshots', join('out', 'demo'));
  addCommonFlags(command, { timing: true });
  command.action((flags: DemoFlags) => {
    const start = flags.from === undefined ? undefined : startOf(flags.from, flags, command);
    return runDemo({ ...flags, ...start?.flags }, start?.model, context);
  });
}

/** The model to begin with, and its stages where the person did not say how many. */
function startOf(folder: string, flags: DemoFlags, command: Command) {
  const asked = command.getOptionValueSource('stages') !== 'default';
  const model = readModelFor(folder, asked ? flags.stages : undefined);
  return { model, flags: { stages: asked ? flags.stages : model.stages.length } };
}

async function runDemo(flags: DemoFlags, start: StagedModel | undefined, context: CliContext): Promise<void> {
  const { output, signal } = context;
  const startedAt = performance.now();
  const now = () => (performance.now() - startedAt) / 1000;
  const settings = settingsOf(flags, start);
  const crashes = parseCrashes(flags.crash, flags);
  const text = await loadText(flags.data);
  manifestOf(settings, text, createKeyIdentity(await generateKey())); // what a founder would refuse is said at once
  const out = prepareFolder(flags.out);
  const textFile = join(out, 'text.txt');
  const manifestFile = join(out, 'manifest.json');
  const modelFolder = join(out, 'model');
  writeFileSync(textFile, text.bytes);
  writeFileSync(manifestFile, JSON.stringify(manifestFields(flags, start), null, 2));

  const sizes = splitEvenly(flags.peers, flags.stages);
  const peers = sizes.flatMap((size, stage) => Array.from({ length: size }, () => stage));
  const tokensPerIteration =
    sizes[0]! *
    settings.training.microbatchesPerAnchor *
    settings.training.samplesPerMicrobatch *
    settings.model.shape.context;
  const shapes = stageShapes(settings.model, flags.stages);
  const crashed: { order: CrashOrder; iteration: number; peers: string[]; at: number }[] = [];
  const frozen = new Set<string>();
  let failure: RunError | undefined;
  let lastEventAt = 0;
  let anchorlessAt: number | undefined;

  const record = new DemoRecord((iteration) => {
    for (const order of crashes) {
      if (order.iteration === iteration && !crashed.some((done) => done.order === order)) crash(order);
    }
  });
  const swarm = new DemoSwarm({
    out,
    manifestFile,
    textFile,
    modelFolder,
    from: flags.from,
    peers: peers.map((stage, index) => ({ name: `p${index}`, stage })),
    event: (of, event) => {
      lastEventAt = now();
      record.take(of, event, now());
    },
    died: (peer, how) => {
      failure ??= new RunError(`${peer.name} ended by itself (${how}): ${peer.said.slice(-3).join(' ')}`);
    },
  });
  const crash = (order: CrashOrder) => {
    const names = victims(order, record);
    crashed.push({ order, iteration: order.iteration, peers: names, at: now() });
    const verb = { kill: 'killed', freeze: 'frozen', leave: 'asked to leave' }[order.how];
    if (names.length > 0) record.note('!', `${names.join(', ')} ${verb} (${order.text})`);
    for (const name of names) {
      if (order.how === 'freeze') frozen.add(name);
      swarm[order.how](name);
    }
  };
  const view = new DemoView(
    output,
    {
      peers: flags.peers,
      stages: flags.stages,
      iterations: flags.iterations,
      parameters: parameterCount(settings.model.shape, shapes),
      tokensPerIteration,
      text: `${text.name}, ${(text.bytes.length / 1e6).toFixed(1)} MB`,
    },
    record,
  );
  const drawing = setInterval(() => view.update(), VIEW_MILLISECONDS);
  try {
    await swarm.start(signal);
    await finished(() => {
      if (signal.aborted) throw signal.reason;
      if (failure) throw failure;
      const isAnchorless = record.iteration > 0 && record.holders(0).length === 0;
      anchorlessAt = isAnchorless ? (anchorlessAt ?? now()) : undefined;
      if (anchorlessAt !== undefined && now() - anchorlessAt > ANCHORLESS_SECONDS)
        throw new RunError('all anchors are gone, and nobody who keeps a copy of stage 0 can be spared');
      if (now() - lastEventAt > STALLED_SECONDS)
        throw new RunError(`nothing has happened for ${STALLED_SECONDS} s`);
      return record.ended;
    });
    await Promise.race([swarm.ended(frozen), pause(STALLED_SECONDS * 1000)]);
  } finally {
    clearInterval(drawing);
    view.end();
    await swarm.stop();
  }
  if (!existsSync(join(modelFolder, 'model.safetensors')))
    throw new RunError('the run ended without an exported model');
  const sample = await sampleText(modelFolder, flags.seed ?? DEFAULT_SEED);
  const heldOut = flags.from === undefined ? undefined : await heldOutLosses([flags.from, modelFolder], text);
  const losses = record.losses();
  const lastFive = losses.slice(-5);
  const planning = record.planning();
  const document = {
    peers: flags.peers,
    stages: flags.stages,
    iterations: record.commits.length,
    seed: flags.seed ?? DEFAULT_SEED,
    lossFirst: losses[0] ?? null,
    lossLast: lastFive.reduce((sum, loss) => sum + loss, 0) / Math.max(1, lastFive.length),
    ...(heldOut && { heldOutFirst: heldOut[0]!, heldOutLast: heldOut[1]! }),
    losses: record.commits.map((commit) => commit.loss), // null where no micro-batch reached its head
    tokensPerSecond: Math.round(view.tokensPerSecond()),
    crashes: crashed.map(({ order, iteration, peers: names }) => ({
      target: order.text,
      iteration,
      how: order.how,
      peers: names,
    })),
    recoveries: record.recoveries,
    microbatchesDropped: record.commits.reduce((sum, commit) => sum + commit.dropped.length, 0),
    bytes: record.bytes(),
    contributionBytes: record.contributionBytes(),
    goodput: record.goodput(),
    replicasIdentical: record.divergences === 0,
    divergences: record.divergences,
    sample,
    exportDir: modelFolder,
    journal: journalOf(out, record),
    timing: {
      wallSeconds: Number(now().toFixed(3)),
      ...(planning && { planning }),
      ...(record.timeouts && { timeouts: record.timeouts }),
    },
  };
  output.say(`\n${sample}\n`);
  output.say(
    `loss ${document.lossFirst?.toFixed(3)} → ${document.lossLast.toFixed(3)} nats per byte in ${now().toFixed(0)} s, ` +
      `${(100 * document.goodput).toFixed(1)} % of the work counted, replicas ${document.replicasIdentical ? 'identical to the bit' : 'DIVERGED'}`,
  );
  if (heldOut)
    output.say(`held-out loss ${heldOut[0]!.toFixed(4)} → ${heldOut[1]!.toFixed(4)} nats per byte`);
  if (planning) {
    output.say(
      `plans: ${planning.ahead} of ${planning.iterations} made while the iteration before ran, ${planning.milliseconds} ms each; ` +
        `predicted ${planning.predictedSeconds.toFixed(3)} s, took ${planning.measuredSeconds.toFixed(3)} s ` +
        `(${planning.measuredOverPredicted} times as long)`,
    );
  }
  if (record.timeouts) {
    const { suspicion, election, loss } = record.timeouts;
    output.say(
      `time-outs: a silent peer is asked after ${suspicion.toFixed(2)} s and given up after ${loss.toFixed(2)} s, a leader replaced from ${election.toFixed(2)} s on`,
    );
  }
  output.say(`model: ${modelFolder}\njournal: ${document.journal}`);
  output.say(`try: npx skein generate ${modelFolder} --prompt "My fellow citizens"`);
  if (flags.json) output.json(flags.timing === false ? withoutTiming(document) : document);
}

/** The run's settings, checked as those of a scenario file are. Throws a UsageError for what a demo cannot do. */
function settingsOf(flags: DemoFlags, start: StagedModel | undefined): Manifest {
  const { peers, stages, iterations } = flags;
  if (stages < 2)
    throw new UsageError(`--stages ${stages}: a demo has at least 2, the anchors' and one more`);
  if (peers < stages)
    throw new UsageError(`--stages ${stages}: ${peers} peers cannot hold them; there is one stage a peer`);
  if (peers > 64) throw new UsageError(`--peers ${peers}: a demo starts at most 64 processes`);
  if (iterations < 1) throw new UsageError('--iterations 0: train at least one');
  const choices = [
    ['--policy', flags.policy, knownNames.policies],
    ['--codec', flags.codec, knownNames.codecs],
    ['--activations', flags.activations, knownNames.activations],
    ['--recovery', flags.recovery, knownNames.recovery],
  ] as const;
  for (const [flag, value, known] of choices) {
    if (!known.includes(value)) {
      const nearest = nearestName(value, known);
      const meant = nearest === undefined ? '' : `; did you mean '${nearest}'?`;
      throw new UsageError(`${flag} ${value}: there is no such name, known are ${known.join(', ')}${meant}`);
    }
  }
  const skipRatio = Number(flags.skipRatio);
  if (!(skipRatio >= 0 && skipRatio < 1))
    throw new UsageError(`--skip-ratio ${flags.skipRatio}: a share from 0 to less than 1`);
  return parseManifest(JSON.stringify(manifestFields(flags, start)), { file: 'demo', names: knownNames });
}

/** The demo's run as fields of a scenario file: one block a stage, 2,048 tokens an iteration. */
function manifestFields(flags: DemoFlags, start: StagedModel | undefined) {
  const { stages, iterations, peers, policy, codec, activations, recovery } = flags;
  return {
    name: 'demo',
    seed: flags.seed ?? DEFAULT_SEED,
    model: start ? modelFieldsOf(start) : demoModel(stages),
    training: {
      ...demoTraining(splitEvenly(peers, stages)),
      skipRatio: Number(flags.skipRatio),
      policy,
      codec,
      activations,
      recovery,
      ...(codec === ONE_BYTE && demoForwardPasses),
      iterations,
    },
  };
}

/** Whom a crash order hits, as the swarm stands now. */
function victims(order: CrashOrder, record: DemoRecord): string[] {
  const here = [...record.members.values()].filter((member) => member.status !== 'gone');
  const { target } = order;
  switch (target.kind) {
    case 'stage':
      return here.filter((member) => member.stage === target.stage).map((member) => member.name);
    case 'peer':
      return here.filter((member) => member.name === target.name).map((member) => member.name);
    case 'leader':
      return here.filter((member) => member.peer === record.leader).map((member) => member.name);
    case 'anchor': {
      const anchors = here.filter((member) => member.stage === 0);
      const follower = anchors.find((member) => member.peer !== record.leader) ?? anchors[0];
      return follower ? [follower.name] : [];
    }
  }
}

/** An empty folder for this demo; only one that a demo made before is cleared. */
function prepareFolder(folder: string): string {
  const path = resolve(folder);
  const marker = join(path, MARKER);
  try {
    if (existsSync(marker)) {
      for (const part of ['peers', 'model', 'text.txt', 'manifest.json'])
        rmSync(join(path, part), { recursive: true, force: true });
    }
    mkdirSync(join(path, 'peers'), { recursive: true });
    writeFileSync(marker, '');
  } catch (error) {
    throw new UsageError(`--out ${folder}: ${reasonOf(error)}`, { cause: error });
  }
  return path;
}

/** The journal of a peer that saw the end. */
function journalOf(out: string, record: DemoRecord): string {
  const leader = record.members.get(record.leader)?.name ?? 'p0';
  return join(out, 'peers', leader, 'journal.jsonl');
}

/** What the trained model writes. */
async function sampleText(folder: string, seed: number): Promise<string> {
  const options = { threads: 1, mostContext: 1024, batchTokens: 1 };
  const { text } = await withModelFolder(folder, options, (model) =>
    generate(model, PROMPT, { tokens: SAMPLE_TOKENS, seed }),
  );
  return visible(text);
}

/** Mean loss of models on the part of the text that is not trained on, nats per byte. */
async function heldOutLosses(folders: readonly string[], text: NamedText): Promise<number[]> {
  const losses: number[] = [];
  for (const folder of folders) {
    const options = { threads: 1, mostContext: 1024, batchTokens: 2048 };
    losses.push((await withModelFolder(folder, options, (model) => evaluate(model, text.bytes))).loss);
  }
  return losses;
}

/** Polls a condition that may throw. */
async function finished(done: () => boolean): Promise<void> {
  while (!done()) await pause(50);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}
