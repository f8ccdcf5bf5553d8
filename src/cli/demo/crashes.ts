// What `--crash` asks for: TARGET@ITERATION[:kill|freeze|leave], a stage with all its replicas, a peer by name, an
// anchor, or whoever leads.

import { UsageError } from '../errors.ts';

export interface CrashOrder {
  readonly target:
    | { readonly kind: 'stage'; readonly stage: number }
    | { readonly kind: 'peer'; readonly name: string }
    | { readonly kind: 'anchor' }
    | { readonly kind: 'leader' };
  readonly iteration: number;
  readonly how: 'kill' | 'freeze' | 'leave';
  /** As it was written. */
  readonly text: string;
}

export interface DemoSize {
  readonly peers: number;
  readonly stages: number;
  readonly iterations: number;
}

/** Reads the values of `--crash`; none given means the default script. Throws a UsageError that says what is possible. */
export function parseCrashes(values: readonly string[] | undefined, size: DemoSize): CrashOrder[] {
  if (values === undefined) {
    const stage = Math.floor(size.stages / 2);
    const iteration = Math.floor(size.iterations / 2);
    return stage > 0 && iteration > 0 ? [parseCrash(`${stage}@${iteration}`, size)] : [];
  }
  if (values.length === 1 && values[0] === 'none') return [];
  if (values.includes('none')) throw new UsageError('--crash none: it stands alone, without other crashes');
  return values.map((value) => parseCrash(value, size));
}

function parseCrash(text: string, size: DemoSize): CrashOrder {
  const match = /^([^@:]+)@(\d+)(?::(\w+))?$/.exec(text);
  const wrong = (why: string) => new UsageError(`--crash ${text}: ${why}`);
  if (match === null) throw wrong('write TARGET@ITERATION or TARGET@ITERATION:kill|freeze|leave, or none');
  const [, target = '', at = '', how = 'kill'] = match;
  if (how !== 'kill' && how !== 'freeze' && how !== 'leave') {
    throw wrong(`'${how}' is not a way to go; there are kill, freeze and leave`);
  }
  const iteration = Number(at);
  if (iteration < 1 || iteration > size.iterations) {
    throw wrong(`there is no iteration ${at}; they go from 1 to ${size.iterations}`);
  }
  return { target: parseTarget(target, size, wrong), iteration, how, text };
}

function parseTarget(
  target: string,
  size: DemoSize,
  wrong: (why: string) => UsageError,
): CrashOrder['target'] {
  if (target === 'anchor' || target === 'leader') return { kind: target };
  if (/^\d+$/.test(target)) {
    const stage = Number(target);
    if (stage >= size.stages)
      throw wrong(`there is no stage ${target}; they go from 0 to ${size.stages - 1}`);
    return { kind: 'stage', stage };
  }
  const number = /^p(\d+)$/.exec(target)?.[1];
  if (number === undefined || Number(number) >= size.peers) {
    throw wrong(`there is no '${target}'; name a stage, a peer (p0 to p${size.peers - 1}), anchor or leader`);
  }
  return { kind: 'peer', name: target };
}
