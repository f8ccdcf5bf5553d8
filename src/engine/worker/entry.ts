// The worker thread of an engine: takes calls in order, computes, answers. Everything that it sends is its own to
// give away, so answers are moved, never copied.

import { parentPort, workerData } from 'node:worker_threads';
import type { Engine } from '../../seams/engine.ts';
import { createInProcessOnnxEngine } from '../onnx/engine.ts';
import type { OnnxStageOptions } from '../onnx/stage.ts';
import {
  type CallMessage,
  type EngineAnswers,
  type EngineCall,
  transferable,
  type WorkerMessage,
} from './protocol.ts';

const port = parentPort!;

function post(message: WorkerMessage): void {
  port.postMessage(message, message.kind === 'answer' ? transferable(message.value) : []);
}

async function answer(engine: Engine, call: EngineCall): Promise<EngineAnswers[EngineCall['kind']]> {
  switch (call.kind) {
    case 'load':
      return void (await engine.load(call.program, call.weights));
    case 'writeWeights':
      return void (await engine.writeWeights(call.weights));
    case 'forward':
      return engine.forward(call.request);
    case 'head':
      return engine.head(call.request);
    case 'backward':
      return engine.backward(call.request);
    case 'takeGradients':
      return engine.takeGradients();
    case 'logits':
      return engine.logits(call.input);
    case 'release':
      return void (await engine.release(call.key));
    case 'memory':
      return engine.memory();
    case 'close':
      return void (await engine.close());
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

try {
  const engine = await createInProcessOnnxEngine(workerData as OnnxStageOptions);
  port.on('message', ({ id, call }: CallMessage) => {
    answer(engine, call).then(
      (value) => post({ kind: 'answer', id, value }),
      (error: unknown) => post({ kind: 'error', id, message: messageOf(error) }),
    );
  });
  post({ kind: 'ready' });
} catch (error) {
  post({ kind: 'unavailable', message: messageOf(error) });
}
