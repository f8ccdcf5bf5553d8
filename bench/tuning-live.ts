// The fine-tuning benchmark in processes of their own, over libp2p on loopback: the founder begins with the model, the
// others fetch it; `p3` is asked to leave and `p1` is killed while they train, and both are started again.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoSwarm } from '../src/cli/demo/swarm.ts';
import { readModelFolder, writeModelFolder } from '../src/cli/model-folder.ts';
import { restage } from '../src/model/restage.ts';
import type { PeerEvent } from '../src/swarm/events.ts';
import { stagesOf } from '../src/swarm/manifest.ts';
import { Following, peers, type World } from './tuning-worlds.ts';

/** No peer has said anything for so long: the run is given up. */
const PATIENCE_SECONDS = 120;
/** A process takes seconds to come up and catch up, which are many iterations. */
const AWAY = 0.05;

export const tuneLive: World = async ({ manifest, fields, model, task }, say) => {
  const out = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const [manifestFile, textFile] = [join(out, 'manifest.json'), join(out, 'mails.txt')];
  const [from, modelFolder] = [join(out, 'from'), join(out, 'model')];
  for (const folder of [from, join(out, 'peers')]) mkdirSync(folder);
  writeFileSync(manifestFile, JSON.stringify(fields));
  writeFileSync(textFile, task.training);
  writeModelFolder(from, model);
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const silence = setTimeout(
    () => reject(new Error(`no peer has said anything for ${PATIENCE_SECONDS} s`)),
    PATIENCE_SECONDS * 1000,
  );
  const take = (of: string, event: PeerEvent) => {
    silence.refresh();
    following.take(of, event);
    if (of === 'p0' && event.kind === 'ended') resolve();
  };
  const swarm = new DemoSwarm({
    ...{ out, manifestFile, textFile, modelFolder, from, peers },
    event: take,
    died: (peer, how) =>
      reject(new Error(`${peer.name} ended by itself (${how}): ${peer.said.slice(-3).join(' ')}`)),
  });
  /** When its process is gone: a peer that leaves takes its time. */
  const start = (name: string) => {
    const peer = swarm.peers.get(name)!;
    const again = () => swarm.again(name, peers.find((one) => one.name === name)!.stage);
    if (peer.exited) again();
    else peer.process.once('exit', again);
  };
  const script = {
    leave: (name: string) => swarm.leave(name),
    crash: (name: string) => swarm.kill(name),
    start,
  };
  const following = new Following(manifest.training.iterations, AWAY, script, say);
  try {
    await Promise.race([swarm.start(new AbortController().signal), ended]);
    await ended;
    await swarm.ended(new Set());
    const weights = restage(readModelFolder(modelFolder), stagesOf(manifest));
    return { weights, shown: following.shown() };
  } finally {
    clearTimeout(silence);
    await swarm.stop();
    rmSync(out, { recursive: true, force: true });
  }
};
