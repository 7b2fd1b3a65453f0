import { connect, type RpcClient } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import { type MethodHandler, type RpcServer, startRpcServer } from '../../src/rpc/server.ts';
import type { ServerCertificate } from '../../src/rpc/tls.ts';
import { rootsFrom } from '../../src/rpc/tls.ts';
import { AUTHORITY_FILE } from '../support/certificates.ts';

/** A server on a free loopback port with clients of it; all of them end with the `using` scope. */
export interface Wire extends AsyncDisposable {
  readonly server: RpcServer;
  /** Methods whose handler threw something that was not an `RpcError`. */
  readonly bugs: string[];
  client(scheme?: 'http' | 'https', host?: string): RpcClient;
}

export async function startWire(handlers: readonly MethodHandler[], certificate?: ServerCertificate): Promise<Wire> {
  const bugs: string[] = [];
  const clients: RpcClient[] = [];
  const onBug = (method: string) => void bugs.push(method);
  const server = await startRpcServer({ listen: '127.0.0.1:0', handlers, certificate, onBug });
  return {
    server,
    bugs,
    client(scheme = certificate === undefined ? 'http' : 'https', host = '127.0.0.1') {
      const client = connect(parseEndpoint(`${scheme}://${host}:${server.port}`), rootsFrom(AUTHORITY_FILE));
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await server.stop(AbortSignal.abort());
    },
  };
}

export const NO_HEADERS = { headers: {}, timeoutMs: 5_000 } as const;
export const never = new AbortController().signal;
