import { createCostEngine, createOnnxEngine, createTimedEngine } from '../../src/engine/index.ts';
import { engineCompliance } from './compliance.ts';
import { VirtualClock } from './virtual-clock.ts';

const device = {
  flopsPerSecond: 1e11,
  efficiency: 0.5,
  memoryBytesPerSecond: 2e10,
  memoryBytes: Number.POSITIVE_INFINITY,
};

engineCompliance('ONNX Runtime in a worker', { create: () => createOnnxEngine(), tensors: true });

engineCompliance('ONNX Runtime in process', {
  create: () => createOnnxEngine({ inProcess: true }),
  tensors: true,
});

engineCompliance('cost model', {
  create: async () => createCostEngine(new VirtualClock(), device),
  tensors: false,
});

engineCompliance('ONNX Runtime in modelled time', {
  create: async () => {
    const clock = new VirtualClock();
    const engine = await createOnnxEngine({ inProcess: true });
    return createTimedEngine(clock, engine, device, { pending: clock.hold });
  },
  tensors: true,
});
