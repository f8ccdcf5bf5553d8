// libp2p's TCP transport writes each buffer of a message to the socket by itself: the length of an encrypted message,
// its pieces and its tag are three system calls and, without Nagle's algorithm, three packets. Here the socket is
// corked until the turn ends, so that everything sent in one turn leaves in one call.

import type { Socket } from 'node:net';
import type { MultiaddrConnection, Upgrader } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';

type TcpFactory = ReturnType<typeof tcp>;

/** The TCP transport of libp2p, its writes gathered. */
export function corkedTcp(): TcpFactory {
  const create = tcp();
  return (components) => {
    const transport = create(components);
    const dial = transport.dial.bind(transport);
    const createListener = transport.createListener.bind(transport);
    transport.dial = (address, options) => dial(address, { ...options, upgrader: corking(options.upgrader) });
    transport.createListener = (options) =>
      createListener({ ...options, upgrader: corking(options.upgrader) });
    return transport;
  };
}

/** The same upgrader, for connections whose sockets are corked. */
function corking(upgrader: Upgrader): Upgrader {
  return {
    upgradeInbound: (connection, options) => upgrader.upgradeInbound(corked(connection), options),
    upgradeOutbound: (connection, options) => upgrader.upgradeOutbound(corked(connection), options),
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
  };
}

/** What the transport's connections have beside their interface. */
interface SocketConnection extends MultiaddrConnection {
  readonly socket: Socket;
  sendData(data: unknown): unknown;
}

function corked(connection: MultiaddrConnection): MultiaddrConnection {
  const inner = connection as SocketConnection;
  const { socket } = inner;
  const sendData = inner.sendData.bind(inner);
  let waiting = false;
  const release = (): void => {
    waiting = false;
    socket.uncork();
  };
  inner.sendData = (data) => {
    if (!waiting) {
      waiting = true;
      socket.cork();
      process.nextTick(release);
    }
    return sendData(data);
  };
  return connection;
}
