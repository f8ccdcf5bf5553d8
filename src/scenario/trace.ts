// A churn trace: JSON lines, each {"at": seconds, "peer": name, "event": "join" | "leave" | "crash"}, in time order.

import { ScenarioError } from './error.ts';
import { traceLineFields } from './fields.ts';
import { suggest } from './nearest.ts';
import { parseFields } from './read.ts';
import type { ChurnEvent } from './settings.ts';
import { parseSource } from './source.ts';

export interface TraceTargets {
  readonly peers: readonly string[];
  readonly stages: number;
}

/**
 * Reads a trace. `peer` may also be a stage (`2`, `"2"`, `"stage 2"`), which means all its replicas.
 * Throws `ScenarioError` with the line for malformed lines, unknown peers, and times that run backward.
 */
export function parseTrace(text: string, file: string, targets: TraceTargets): ChurnEvent[] {
  const events: ChurnEvent[] = [];
  text.split(/\r?\n/).forEach((lineText, index) => {
    if (lineText.trim() === '') return;
    const line = index + 1;
    // One line is a file of its own, so its errors are moved to where it stands.
    try {
      events.push(parseLine(lineText, file, targets, events.at(-1)?.at ?? 0));
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      throw new ScenarioError({ file, line, field: error.field }, error.what);
    }
  });
  return events;
}

function parseLine(
  text: string,
  file: string,
  { peers, stages }: TraceTargets,
  earliest: number,
): ChurnEvent {
  const source = parseSource(text, file);
  const { at, peer, event } = parseFields(traceLineFields, source.value, source, []);
  if (at < earliest)
    throw source.error(['at'], `${at} s is before the line above (${earliest} s); sort the lines by time`);
  if (peers.includes(String(peer))) return { at, target: { peer: String(peer) }, event };
  const stage = /^(?:stage[ -]?)?(\d+)$/.exec(String(peer))?.[1];
  if (stage === undefined)
    throw source.error(['peer'], `there is no peer '${peer}'${suggest(String(peer), peers)}`);
  if (Number(stage) >= stages) {
    throw source.error(['peer'], `there is no stage ${stage}; the stages are 0 to ${stages - 1}`);
  }
  return { at, target: { stage: Number(stage) }, event };
}
