// An engine's thread that takes its first call and then ends, as one does that the system kills.

import { parentPort } from 'node:worker_threads';

parentPort!.once('message', () => process.exit(3));
parentPort!.postMessage({ kind: 'ready' });
