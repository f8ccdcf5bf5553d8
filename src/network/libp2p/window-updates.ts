// The multiplexer tells the sender of every message how much room there is again: half of all packets of a swarm, each
// encrypted, written, read and decrypted for twelve bytes. Here it tells only once half of the window is used, as the
// other implementations of yamux do; a window is 256 KiB at least, so most messages never wait for one.

import type { Stream } from '@libp2p/interface';

/** What streams of @libp2p/yamux have beside their interface. */
interface WindowedStream {
  /** Bytes that the remote may send between two updates, and how many of them it may still send. */
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

/** From now on the stream widens its window only when at least half of it is used; streams of other kinds stay as they are. */
export function updateWindowByHalves(stream: Stream): void {
  if (!isWindowed(stream)) return;
  const update = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    if (stream.recvWindowCapacity <= stream.recvWindow / 2) update();
  };
}

function isWindowed(stream: object): stream is WindowedStream {
  const { recvWindow, recvWindowCapacity, sendWindowUpdate } = stream as Partial<WindowedStream>;
  return (
    typeof recvWindow === 'number' &&
    typeof recvWindowCapacity === 'number' &&
    typeof sendWindowUpdate === 'function'
  );
}
