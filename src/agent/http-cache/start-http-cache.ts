import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describeError } from '../../lib/errors.ts';
import { type HttpCacheDeps, requestHandler } from './handle-request.ts';

export interface HttpCache {
  /** `host:port`, for `CIRRUS_HTTP_CACHE_HOST`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Largest body that is taken; no build tool has larger entries. */
const MAX_BODY_BYTES = 16 * 2 ** 30;

/** Silence after which a connection is closed, the longest that the runtime knows; stores that hang are noticed before. */
const IDLE_S = 255;

/** Names of sockets may not be longer on macOS. */
const MAX_SOCKET_PATH = 103;

/** Whether somebody serves this socket. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

type Handler = (request: Request) => Promise<Response>;

const LIMITS = { maxRequestBodySize: MAX_BODY_BYTES, development: false } as const;

/** Serves the well-known socket as well, if it is free. Undefined when it is not to be had, which is no loss. */
async function serveSocket(home: string | undefined, fetch: Handler, { log }: HttpCacheDeps) {
  if (home === undefined || !existsSync(home)) return undefined;
  const path = join(home, '.cirruslabs', 'omni-cache.sock');
  try {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH) throw new Error('its path is too long');
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (await isLive(path)) return undefined; // that of another task: it stays theirs
    rmSync(path, { force: true });
    const server = Bun.serve({ unix: path, fetch, ...LIMITS });
    chmodSync(path, 0o600);
    const { ino } = lstatSync(path);
    return async () => {
      const isOurs = lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
      await server.stop(true);
      if (isOurs) rmSync(path, { force: true });
    };
  } catch (error) {
    log.info('cache socket left out', { path, reason: describeError(error) });
    return undefined;
  }
}

/**
 * Starts the cache server of one task on a port of its own of the loopback interface, and on the socket
 * `HOME/.cirruslabs/omni-cache.sock` unless another task has it. Throws the system's error.
 */
export async function startHttpCache(home: string | undefined, deps: HttpCacheDeps): Promise<HttpCache> {
  const fetch = requestHandler(deps);
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch, idleTimeout: IDLE_S, ...LIMITS });
  const stopSocket = await serveSocket(home, fetch, deps);
  return {
    host: `127.0.0.1:${server.port}`,
    async stop() {
      await stopSocket?.();
      await server.stop(true);
    },
  };
}
