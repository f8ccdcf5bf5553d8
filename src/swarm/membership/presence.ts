// Presence by gossip: each peer says now and then where it can be reached, so that addresses which changed are known
// before they are needed. A hint, never a decision.

import { z } from 'zod';
import type { CancelTimer, Clock } from '../../seams/clock.ts';
import type { Network, PeerName } from '../../seams/network.ts';

export interface PresenceParts {
  readonly network: Pick<Network, 'publish' | 'subscribe'>;
  readonly clock: Clock;
  readonly runId: string;
  readonly describe: () => { name: string; addresses: readonly string[]; iteration: number };
  /** How many belong to the run now, and whether this peer is one of them: nobody heeds what others say. */
  readonly members: () => { readonly count: number; readonly withSelf: boolean };
  readonly heard: (peer: PeerName, addresses: readonly string[]) => void;
}

const INTERVAL_SECONDS = 15;
/** Each message costs every member a signature check: however many they are, each hears one a second at most. */
const SECONDS_A_MEMBER = 1;
const MAX_BYTES = 8192;
const schema = z.object({
  name: z.string().max(64),
  addresses: z.array(z.string().max(300)).max(16),
  iteration: z.number().int().min(0),
});

export class Presence {
  readonly #parts: PresenceParts;
  readonly #unsubscribe: () => void;
  #cancel: CancelTimer = () => {};
  #stopped = false;
  /** Whether this peer was a member when it last looked; undefined before it has looked. */
  #belonged: boolean | undefined;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.network.subscribe(this.#topic, (from, data) => this.#hear(from, data));
    this.#say();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#unsubscribe();
  }

  get #topic(): string {
    return `skein/${this.#parts.runId}/presence`;
  }

  #say(): void {
    if (this.#stopped) return;
    const { network, clock, describe, members } = this.#parts;
    const { count, withSelf } = members();
    // whoever was just let in said with the entry where it can be reached
    if (withSelf && this.#belonged !== false) {
      network.publish(this.#topic, new TextEncoder().encode(JSON.stringify(describe()))).catch(() => {});
    }
    this.#belonged = withSelf;
    const seconds = Math.max(INTERVAL_SECONDS, SECONDS_A_MEMBER * count);
    this.#cancel = clock.schedule(seconds, () => this.#say());
  }

  #hear(from: PeerName, data: Uint8Array): void {
    if (data.byteLength > MAX_BYTES) return;
    let said: unknown;
    try {
      said = JSON.parse(new TextDecoder().decode(data));
    } catch {
      return;
    }
    const parsed = schema.safeParse(said);
    if (parsed.success) this.#parts.heard(from, parsed.data.addresses);
  }
}
