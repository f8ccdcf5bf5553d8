// fast-check with one seed for every run: `npm test` says the same thing twice about the same code. Other examples
// than these are looked at by the soak, which gives each turn another seed (test/soak/properties.ts).

import fc from 'fast-check';

/** The environment variable by which the soak gives another seed than the usual. */
export const PROPERTY_SEED = 'SKEIN_PROPERTY_SEED';

const seed = Number(process.env[PROPERTY_SEED] ?? 1);
if (!Number.isSafeInteger(seed)) {
  throw new RangeError(`${PROPERTY_SEED} is ${process.env[PROPERTY_SEED]}: give a whole number`);
}
fc.configureGlobal({ seed });

export { fc };
