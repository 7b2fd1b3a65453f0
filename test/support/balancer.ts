import { connect, createServer, type Server, type Socket } from 'node:net';

/** One address for several servers, as a load balancer is: each new connection goes to the next one that answers. */
export interface Balancer {
  readonly port: number;
  close(): Promise<void>;
}

/** Tries the ports in turn, from the next one on; ends the client's connection when none answers. */
function passOn(client: Socket, ports: readonly number[], first: number, tries = 0): void {
  if (tries === ports.length) {
    client.destroy();
    return;
  }
  const server = connect(ports[(first + tries) % ports.length] ?? 0, '127.0.0.1');
  server.once('connect', () => {
    client.pipe(server);
    server.pipe(client);
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
    server.on('error', () => client.destroy());
  });
  server.once('error', () => {
    if (server.connecting || server.bytesRead === 0) passOn(client, ports, first, tries + 1);
  });
}

export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  let next = 0;
  const open = new Set<Socket>();
  const server: Server = createServer((client) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    next += 1;
    passOn(client, ports, next);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the balancer has no port');
  return {
    port: address.port,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
