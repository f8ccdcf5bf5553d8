// The learning rate of each iteration: linear warm-up, then constant, linear decay or cosine decay
// (I. Loshchilov, F. Hutter, arXiv 1608.03983, equation 5, without restarts).
//
// The rate is replicated state: it enters every replica's update, so it must have the same bits everywhere. Math.cos
// promises none, so the cosine is a fixed polynomial of IEEE operations, exact to 1e-9.

export interface LearningRateSchedule {
  /** The rate after warm-up. */
  readonly peak: number;
  /** Iterations over which the rate climbs from peak / warmupIterations to the peak; 0 for none. */
  readonly warmupIterations: number;
  readonly decay: 'none' | 'linear' | 'cosine';
  /** The iteration at which decay ends; ignored without decay. */
  readonly endIteration: number;
  /** The rate from then on, as a share of the peak. */
  readonly endShare: number;
}

/** The learning rate of an iteration, counted from 0. */
export function learningRateAt(schedule: LearningRateSchedule, iteration: number): number {
  const { peak, warmupIterations, decay, endIteration, endShare } = schedule;
  if (iteration < warmupIterations) return (peak * (iteration + 1)) / warmupIterations;
  if (decay === 'none') return peak;
  if (iteration >= endIteration) return peak * endShare;
  const progress = (iteration - warmupIterations) / (endIteration - warmupIterations);
  switch (decay) {
    case 'linear':
      return peak * (1 - progress * (1 - endShare));
    case 'cosine':
      return peak * (endShare + (1 - endShare) * halfCosine(progress));
  }
}

/** (1 + cos πx) / 2 for x in [0, 1], by the Taylor polynomial of degree 13 of the sine around its middle. */
function halfCosine(x: number): number {
  const angle = Math.PI * (x - 0.5);
  const square = angle * angle;
  let sine = 1;
  for (let n = 12; n >= 2; n -= 2) sine = 1 - (square / (n * (n + 1))) * sine;
  return (1 - angle * sine) / 2;
}
