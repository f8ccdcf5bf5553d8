// The run that is attacked: small, with nothing going wrong in it by itself.

import { scenarioOf } from './seeds/scenario.ts';

const drawn = scenarioOf(7, ['reorder']);
const training = { ...drawn.manifest.training, codec: 'eden', probes: undefined } as const;
export const scenario = { ...drawn, manifest: { ...drawn.manifest, training } };
export const device = {
  flopsPerSecond: scenario.flopsPerSecond,
  efficiency: 1,
  memoryBytesPerSecond: 1e9,
  memoryBytes: 1e9,
};
