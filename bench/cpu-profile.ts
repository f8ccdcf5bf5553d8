// V8 CPU profiles of a swarm's processes, added up by what the time was spent on.

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** The first rule that fits names the part. */
const RULES: readonly {
  readonly part: string;
  readonly fits: (frame: CallFrame, worker: boolean) => boolean;
}[] = [
  { part: 'arithmetic (ONNX Runtime)', fits: ({ url }) => url.includes('onnxruntime-node') },
  {
    part: 'engine around it',
    fits: ({ url }, worker) => url.includes('/engine/') || (worker && url.includes('/src/')),
  },
  {
    part: 'between threads',
    fits: ({ functionName, url }) => functionName === 'postMessage' || url.includes('worker'),
  },
  { part: 'garbage collection', fits: ({ functionName }) => functionName === '(garbage collector)' },
  {
    part: 'journal, signatures, agreement',
    fits: ({ url, functionName }) =>
      url.includes('/journal/') ||
      url.includes('zod') ||
      url.includes('crypto/sig') ||
      url.includes('crypto/keys') ||
      functionName === 'verifyOneShot',
  },
  {
    part: 'encryption',
    fits: ({ url }) => url.includes('noise') || url.includes('crypto/cipher') || url.includes('noble'),
  },
  {
    part: 'update and digests',
    fits: ({ url }) =>
      url.includes('/optimizer/') ||
      url.includes('/gradient/') ||
      url.includes('crypto/hash') ||
      url.includes('swarm/holder'),
  },
  {
    part: 'disk',
    fits: ({ url, functionName }) =>
      url.includes('disk-store') || url.includes('node:internal/fs') || functionName === 'openFileHandle',
  },
  {
    part: 'sockets',
    fits: ({ url, functionName }) =>
      ['writeBuffer', 'writev', 'writeUtf8String'].includes(functionName) ||
      /node:(net|internal\/stream|internal\/streams)/.test(url),
  },
  {
    part: 'streams (libp2p, yamux)',
    fits: ({ url }) =>
      /libp2p|multiformats|yamux|uint8array|main-event|event_target|gossipsub|node_modules\/it-/.test(url),
  },
  { part: 'our network and wire', fits: ({ url }) => url.includes('/network/') || url.includes('protons') },
  { part: 'peer code', fits: ({ url }) => url.includes('/src/') },
  { part: 'rest of Node', fits: () => true },
];

/** No CPU seconds: how long the threads of all processes together had nothing to do, the compute threads for bubbles. */
export const WAITING_COMPUTE = 'waiting: compute threads (bubbles, exchange, cores taken)';
export const WAITING_NETWORK = 'waiting: network threads';

const IDLE = new Set(['(idle)', '(program)', '(root)']);

/** Seconds of self time by part, largest first; only what was sampled after the peer's first iteration began. */
export function cpuByPart(profiles: readonly string[]): { part: string; seconds: number }[] {
  const seconds = new Map<string, number>();
  for (const text of profiles) {
    const profile = JSON.parse(text) as Profile;
    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    const worker = profile.nodes.some(({ callFrame }) => callFrame.url.includes('onnxruntime-node'));
    const marks = worker ? 'onnxruntime-node/dist/backend.js' : '/swarm/training/executor.ts';
    const first = profile.samples.findIndex((id) => frames.get(id)?.url.includes(marks));
    if (first < 0) continue; // the demo's own process
    for (let i = first; i < profile.samples.length; i++) {
      const frame = frames.get(profile.samples[i]!)!;
      if (frame.functionName === '(idle)') {
        const waiting = worker ? WAITING_COMPUTE : WAITING_NETWORK;
        seconds.set(waiting, (seconds.get(waiting) ?? 0) + profile.timeDeltas[i]! / 1e6);
      }
      if (IDLE.has(frame.functionName)) continue;
      const { part } = RULES.find((rule) => rule.fits(frame, worker))!;
      seconds.set(part, (seconds.get(part) ?? 0) + profile.timeDeltas[i]! / 1e6);
    }
  }
  return [...seconds]
    .map(([part, total]) => ({ part, seconds: total }))
    .sort((a, b) => b.seconds - a.seconds);
}
